/* The executable: the table of commands, and the roles that the warden starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/roles.h"
#include "base/proctitle.h"
#include "base/str.h"
#include "cli/cli.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command commands[] = {
    {"run", "[-c FILE]", "run in the foreground (what systemd and Docker start)", cmd_run},
    {"agent", "--server URL --token T", "probe from here for a server elsewhere", cmd_agent},
    {"start", "[-c FILE]", "run in the background; returns when it is ready", cmd_start},
    {"stop", "[-c FILE]", "stop it gracefully", cmd_stop},
    {"reload", "[-c FILE]", "read the configuration again; prints what is wrong with it",
     cmd_reload},
    {"status", "[-c FILE]", "is it running, and its processes", cmd_status},
    {"check", "URL|TYPE …", "probe once, print JSON", cmd_check},
    {"config", "check|show|doc [-c FILE]", "check, show or document the configuration", cmd_config},
    {"target", "ls|show|add|set|rm|pause|resume|check", "what is watched", cmd_target},
    {"channel", "ls|add|rm|enable|disable|test|preview", "who is told", cmd_channel},
    {"process", "ls|status|start|stop|restart|log|history|…", "programs kept alive", cmd_process},
    {"alert", "ls|history|show|ack|unack|silence", "what is firing, and what was", cmd_alert},
    {"silence", "ls|add|expire", "what is not to be heard for a while", cmd_silence},
    {"report", "[--month 2026-10] [--by group] …", "uptime and latency over a span", cmd_report},
    {"maintenance", "ls|add|end|rm", "when what does not ring", cmd_maintenance},
    {"metrics", "check [--format text|openmetrics] [FILE]",
     "is it Prometheus' text or OpenMetrics?", cmd_metrics},
    {"apply", "-f FILE [--diff] [--prune]", "make targets and channels what a file says",
     cmd_apply},
    {"export", "[-o FILE]", "targets and channels as such a file", cmd_export},
    {"backup", "FILE [--with-key]", "everything as one file, while it runs", cmd_backup},
    {"restore", "FILE", "bring a backup back; Belfry must not run", cmd_restore},
    {"key", "show|rotate", "the key of the secrets in the store", cmd_key},
    {"user", "ls|show|add|set|passwd|rm", "accounts", cmd_user},
    {"token", "ls|add|rm", "what programs sign in with", cmd_token},
    {"audit", "[--actor A] [--kind K] …", "who changed what", cmd_audit},
    {"query", "EXPR [--time T | --start T --end T --step D]", "ask in PromQL", cmd_query},
    {"rule", "check|test|backtest FILE…", "Prometheus rules: what is wrong, unit tests, the past",
     cmd_rule},
    {"upgrade", "[-c FILE]", "run the program file on disk; supervised programs run on",
     cmd_upgrade_any},
    {"import", "waf|supervisor|systemd|monit|… PATH", "print a belfry.yaml for what you had",
     cmd_import},
    {"install", "[-c FILE]", "write a hardened systemd unit", cmd_install},
    {"uninstall", "", "remove it", cmd_uninstall},
    {"version", "", "print the version", cmd_version},
    {"help", "[COMMAND]", "print this, or a command's help", cmd_help},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < array_len(commands); i++)
        if (streq(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *to)
{
    fprintf(
        to,
        "belfry watches what you run and rings when it is wrong.\n\nusage: belfry COMMAND …\n\n");
    for (size_t i = 0; i < array_len(commands); i++)
        fprintf(to, "  %-12s %-40s %s\n", commands[i].name, commands[i].args, commands[i].summary);
    fprintf(
        to,
        "\nEvery command has --help. Exit status: 0 good, 1 bad, 2 wrong usage, 3 Belfry not reached.\n");
}

static int cmd_help(int argc, char **argv)
{
    const struct command *c = argc > 1 ? find(argv[1]) : NULL;
    if (!c) {
        print_usage(stdout);
        return EXIT_GOOD;
    }
    char help[] = "--help", *args[] = {argv[1], help, NULL};
    return c->run(2, args);
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("belfry %s\n", BELFRY_VERSION);
    return EXIT_GOOD;
}

static int unknown(const char *name)
{
    const char *names[array_len(commands)];
    for (size_t i = 0; i < array_len(commands); i++)
        names[i] = commands[i].name;
    const char *near = str_nearest(name, names, array_len(names));
    fprintf(stderr, "belfry: no command \"%s\"%s%s%s; see belfry help\n", name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    proctitle_init(argc, argv);
    if (argc > 1 && strncmp(argv[1], "--role=", 7) == 0)
        return run_role(argv[1] + 7, argc - 1, argv + 1);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (streq(argv[1], "--help") || streq(argv[1], "-h"))
        return cmd_help(1, argv);
    if (streq(argv[1], "--version"))
        return cmd_version(1, argv);
    const struct command *c = find(argv[1]);
    return c ? c->run(argc - 1, argv + 1) : unknown(argv[1]);
}
