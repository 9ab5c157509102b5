/* belfry report: uptime, incidents and latency over a month or any span. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/reports/uptime"

static const char help[] = "usage: belfry report [options]\n\n"
                           "  --month 2026-10        a month, in --time-zone\n"
                           "  --since T --until T    another span (the last 30 days)\n"
                           "  --time-zone ZONE       e.g. Europe/Berlin (this machine's)\n"
                           "  --by target|group\n"
                           "  --group G --type T -q TEXT   only those\n"
                           "  --slo 99.9             percent that is promised\n"
                           "  --maintenance include|exclude   whether planned windows count\n"
                           "  --json                 with error budgets, a line each\n\n"
                           "options: -c FILE, --server URL, --token T\n";

static const struct column columns[] = {
    {"NAME", "name"},
    {"GROUP", "group"},
    {"UPTIME", "uptime"},
    {"INCIDENTS", "incidents"},
    {"DOWN S", "down_seconds"},
    {"MAINTENANCE S", "maintenance_seconds"},
    {"MEAN MS", "latency_mean_ms"},
    {"P95 MS", "latency_p95_ms"},
    {0},
};

static void take_filters(struct client_args *args, struct buf *path)
{
    static const char *const flags[][2] = {
        {"--month", "month"}, {"--since", "since"},
        {"--until", "until"}, {"--time-zone", "time_zone"},
        {"--by", "by"},       {"--group", "group"},
        {"--type", "type"},   {"-q", "q"},
        {"--slo", "slo"},     {"--maintenance", "maintenance"},
    };
    for (size_t i = 0; i < array_len(flags); i++) {
        const char *value = args_take(args, flags[i][0]);
        if (!value)
            continue;
        buf_printf(path, "&%s=", flags[i][1]);
        url_encode(path, str_of(value));
    }
}

static int run(struct client_args *args, const char *path)
{
    struct session s = {.args = *args, .path = PATH};
    struct err err = {0};
    s.client = client_open(args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = list_items(&s, path, columns);
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}

int cmd_report(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    cleanup(buf_done) struct buf path = BUF_INIT(65536);
    buf_puts(&path, PATH "?limit=500");
    take_filters(&args, &path);
    if (args_unknown(&args))
        return EXIT_USAGE;
    if (args.argc > 1 || path.failed) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    return run(&args, path.data);
}
