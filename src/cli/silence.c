/* belfry silence: what somebody does not want to hear for a while. */
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/silences"

static const char help[] =
    "usage: belfry silence VERB …\n\n"
    "  ls                       those that hold something back now, or will\n"
    "  add MATCHER… --duration 2h [--comment WORDS] [--start TIME]\n"
    "                           e.g. env=prod 'target=~shop-.*' group!=test\n"
    "  expire ID                over now\n\n"
    "Matchers see a target's labels, target, group, type, instance and alertname; all of them must match.\n"
    "options: -c FILE, --server URL, --token T, --json\n";

struct silence_args {
    const char *duration, *comment, *start;
};

static bool take(struct client_args *args, void *own)
{
    struct silence_args *a = own;
    a->duration = args_take(args, "--duration");
    a->comment = args_take(args, "--comment");
    a->start = args_take(args, "--start");
    return true;
}

static int ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},
        {"STATUS", "status"},
        {"STARTS", "starts_at"},
        {"ENDS", "ends_at"},
        {"BY", "created_by"},
        {"MATCHERS", "matchers"},
        {"COMMENT", "comment"},
        {0},
    };
    (void)words;
    (void)n;
    return list_items(s, PATH "?limit=1000", columns);
}

static void put(struct session *s, struct node *body, const char *key, const char *value)
{
    if (value)
        node_put(body, s->arena, key, node_text(s->arena, value));
}

static int add(struct session *s, char **words, int n)
{
    const struct silence_args *a = s->own;
    struct node *body = node_map(s->arena), *matchers = node_list(s->arena);
    for (int i = 0; i < n; i++)
        node_append(matchers, node_text(s->arena, words[i]));
    node_put(body, s->arena, "matchers", matchers);
    put(s, body, "duration", a->duration);
    put(s, body, "comment", a->comment);
    put(s, body, "starts_at", a->start);
    return do_call(s, "POST", PATH, body, "silenced");
}

static int expire(struct session *s, char **words, int n)
{
    (void)n;
    return do_call(s, "DELETE", arena_printf(s->arena, PATH "/%s", words[0]), NULL, "expired");
}

int cmd_silence(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls}, {"add", "", 1, add}, {"expire", "", 1, expire}, {0}};
    struct silence_args own = {0};
    return run_verb_with(argc, argv, help, PATH, verbs, take, &own);
}
