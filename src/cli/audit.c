/* belfry audit: who changed what. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/audit"

static const char help[] =
    "usage: belfry audit [--actor NAME] [--kind target|channel|…] [--action create|update|delete|login|…]\n"
    "                    [--object TEXT] [--since TIME] [--until TIME] [-q TEXT] [-n N | --all]\n\n"
    "Who changed what, newest first. TIME is RFC 3339 or Unix seconds. --json prints what it was and what it became.\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static const struct column columns[] = {
    {"AT", "at"},
    {"ACTOR", "actor"},
    {"FROM", "address"},
    {"ACTION", "action"},
    {"KIND", "kind"},
    {"OBJECT", "object"},
    {0},
};

/* "--NAME VALUE" becomes "&name=VALUE". */
static void take_filter(struct client_args *args, const char *flag, const char *name,
                        struct buf *query)
{
    const char *value = args_take(args, flag);
    if (!value)
        return;
    buf_printf(query, "&%s=", name);
    url_encode(query, str_of(value));
}

static void take_filters(struct client_args *args, struct buf *query)
{
    static const char *const flags[][2] = {
        {"--actor", "actor"},
        {"--kind", "kind"},
        {"--action", "action"},
        {"--object", "object"},
        {"--since", "since"},
        {"--until", "until"},
        {"-q", "q"},
    };
    for (size_t i = 0; i < array_len(flags); i++)
        take_filter(args, flags[i][0], flags[i][1], query);
}

static int run(struct client_args *args, const char *path, bool all)
{
    struct session s = {.args = *args, .path = PATH};
    struct err err = {0};
    s.client = client_open(args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = (all ? list_items : list_page)(&s, path, columns);
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}

int cmd_audit(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    const char *count = args_take(&args, "-n");
    bool all = args_take_flag(&args, "--all");
    cleanup(buf_done) struct buf path = BUF_INIT(65536);
    buf_printf(&path, PATH "?limit=%s", all ? "1000" : count ? count : "100");
    take_filters(&args, &path);
    if (args_unknown(&args))
        return EXIT_USAGE;
    if (args.argc > 1 || path.failed) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    return run(&args, path.data, all);
}
