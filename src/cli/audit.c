/* belfry audit: who changed what. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

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

static const char *const filters[][2] = {
    {"--actor", "actor"},
    {"--kind", "kind"},
    {"--action", "action"},
    {"--object", "object"},
    {"--since", "since"},
    {"--until", "until"},
    {"-q", "q"},
    {NULL},
};

int cmd_audit(int argc, char **argv)
{
    static const struct list_command command = {help, "/api/v1/audit", columns, filters};
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    const char *count = args_take(&args, "-n");
    bool all = args_take_flag(&args, "--all");
    return run_list(&args, &command, all ? "1000" : count ? count : "100", all);
}
