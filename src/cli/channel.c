/* belfry channel: who is told. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/channels"

static const char help[] =
    "usage: belfry channel VERB …\n\n"
    "  ls                           all channels\n"
    "  show    NAME|ID\n"
    "  add     key=value …|JSON     e.g. name=ops type=wecom webhook_url=https://…\n"
    "  rm      NAME|ID\n"
    "  enable  NAME|ID\n"
    "  disable NAME|ID\n"
    "  test    NAME|ID              send a real test message, show the vendor's answer\n"
    "  preview NAME|ID              the message as it would be sent\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static int ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},           {"NAME", "name"},       {"TYPE", "type"},
        {"ENABLED", "enabled"}, {"PENDING", "pending"}, {0},
    };
    (void)words;
    (void)n;
    return list_items(s, PATH "?limit=1000", columns);
}

static int switch_on(struct session *s, char **words, int n)
{
    (void)n;
    return item_enable(s, words[0], true, "enabled");
}

static int switch_off(struct session *s, char **words, int n)
{
    (void)n;
    return item_enable(s, words[0], false, "disabled");
}

static int test(struct session *s, char **words, int n)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *path = item_path(s, words[0], "/test");
    (void)n;
    if (!path)
        return s->status;
    if (client_call(s->client, "POST", path, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    bool good = succeeded(answer);
    if (s->args.json)
        print_json(answer);
    else
        printf("%s: %s\n", good ? "accepted" : "refused", field_text(answer, "answer", s->arena));
    return good ? EXIT_GOOD : EXIT_BAD;
}

static int preview(struct session *s, char **words, int n)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *path = item_path(s, words[0], "/preview");
    (void)n;
    if (!path)
        return s->status;
    if (client_call(s->client, "GET", path, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    printf("%s\n", field_text(answer, "payload", s->arena));
    return EXIT_GOOD;
}

int cmd_channel(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},      {"show", "", 1, item_show},   {"add", "", 1, item_add},
        {"rm", "", 1, item_rm}, {"enable", "", 1, switch_on}, {"disable", "", 1, switch_off},
        {"test", "", 1, test},  {"preview", "", 1, preview},  {0},
    };
    return run_verb(argc, argv, help, PATH, verbs);
}
