/* belfry target: what is watched. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/targets"

static const char help[] =
    "usage: belfry target VERB …\n\n"
    "  ls                          all targets and their state\n"
    "  show   NAME|ID              one, as JSON\n"
    "  add    key=value …|JSON     e.g. name=shop url=https://shop.example.com/ interval_seconds=15\n"
    "  set    NAME|ID key=value …  change some fields\n"
    "  rm     NAME|ID\n"
    "  pause  NAME|ID\n"
    "  resume NAME|ID\n"
    "  check  NAME|ID              probe it now\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static int ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},
        {"STATUS", "status"},
        {"GROUP", "group"},
        {"NAME", "name"},
        {"TYPE", "type"},
        {"LATENCY", "last_latency_ms"},
        {"MESSAGE", "last_message"},
        {0},
    };
    (void)words;
    (void)n;
    return list_items(s, PATH "?limit=1000", columns);
}

static int set(struct session *s, char **words, int n)
{
    struct node *body = words_to_map(s, words + 1, n - 1);
    if (!body)
        return EXIT_USAGE;
    const char *path = item_path(s, words[0], "");
    return path ? do_call(s, "PATCH", path, body, "changed") : s->status;
}

static int pause_target(struct session *s, char **words, int n)
{
    (void)n;
    return item_enable(s, words[0], false, "paused");
}

static int resume(struct session *s, char **words, int n)
{
    (void)n;
    return item_enable(s, words[0], true, "resumed");
}

static int check(struct session *s, char **words, int n)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *path = item_path(s, words[0], "/check");
    (void)n;
    if (!path)
        return s->status;
    if (client_call(s->client, "POST", path, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    print_json(answer);
    return succeeded(answer) ? EXIT_GOOD : EXIT_BAD;
}

int cmd_target(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},         {"show", "", 1, item_show}, {"add", "", 1, item_add},
        {"set", "", 2, set},       {"rm", "", 1, item_rm},     {"pause", "", 1, pause_target},
        {"resume", "", 1, resume}, {"check", "", 1, check},    {0},
    };
    return run_verb(argc, argv, help, PATH, verbs);
}
