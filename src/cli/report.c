/* belfry report: uptime, incidents and latency over a month or any span. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

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
    {"WATCHED S", "watched_seconds"},
    {"MAINTENANCE S", "maintenance_seconds"},
    {"MEAN MS", "latency_mean_ms"},
    {"P95 MS", "latency_p95_ms"},
    {0},
};

static const char *const filters[][2] = {
    {"--month", "month"},
    {"--since", "since"},
    {"--until", "until"},
    {"--time-zone", "time_zone"},
    {"--by", "by"},
    {"--group", "group"},
    {"--type", "type"},
    {"-q", "q"},
    {"--slo", "slo"},
    {"--maintenance", "maintenance"},
    {NULL},
};

int cmd_report(int argc, char **argv)
{
    static const struct list_command command = {help, "/api/v1/reports/uptime", columns, filters};
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    return run_list(&args, &command, "500", true);
}
