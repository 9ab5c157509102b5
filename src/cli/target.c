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

static const char *path_of(struct session *s, const char *word, const char *tail)
{
    const struct node *t = find_item(s, PATH, word);
    return t ? arena_printf(s->arena, PATH "/%s%s", field_text(t, "id", s->arena), tail) : NULL;
}

static int show(struct session *s, char **words, int n)
{
    const struct node *t = find_item(s, PATH, words[0]);
    (void)n;
    if (t)
        print_json(t);
    return t ? EXIT_GOOD : EXIT_BAD;
}

static int add(struct session *s, char **words, int n)
{
    struct node *body = words_to_map(s, words, n);
    return body ? do_call(s, "POST", PATH, body, "added") : EXIT_USAGE;
}

static int set(struct session *s, char **words, int n)
{
    struct node *body = words_to_map(s, words + 1, n - 1);
    const char *path = body ? path_of(s, words[0], "") : NULL;
    return path ? do_call(s, "PATCH", path, body, "changed") : EXIT_BAD;
}

static int rm(struct session *s, char **words, int n)
{
    const char *path = path_of(s, words[0], "");
    (void)n;
    return path ? do_call(s, "DELETE", path, NULL, "removed") : EXIT_BAD;
}

static int enable(struct session *s, const char *word, bool on)
{
    struct node *body = node_map(s->arena);
    const char *path = path_of(s, word, "");
    node_put(body, s->arena, "enabled", node_bool(s->arena, on));
    return path ? do_call(s, "PATCH", path, body, on ? "resumed" : "paused") : EXIT_BAD;
}

static int pause_target(struct session *s, char **words, int n)
{
    (void)n;
    return enable(s, words[0], false);
}

static int resume(struct session *s, char **words, int n)
{
    (void)n;
    return enable(s, words[0], true);
}

static int check(struct session *s, char **words, int n)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *path = path_of(s, words[0], "/check");
    (void)n;
    if (!path)
        return EXIT_BAD;
    if (client_call(s->client, "POST", path, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    print_json(answer);
    const struct node *ok = node_get(answer, "success");
    return ok && ok->kind == NODE_BOOL && ok->flag ? EXIT_GOOD : EXIT_BAD;
}

int cmd_target(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},         {"show", "", 1, show},   {"add", "", 1, add},
        {"set", "", 2, set},       {"rm", "", 1, rm},       {"pause", "", 1, pause_target},
        {"resume", "", 1, resume}, {"check", "", 1, check}, {0},
    };
    return run_verb(argc, argv, help, verbs);
}
