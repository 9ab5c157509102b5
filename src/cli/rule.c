/* belfry rule: what can be done with rule files without loading them into a server. */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/rule_priv.h"

static const char help[] =
    "usage: belfry rule check FILE… [--no-lint] [--offline] [--strict]\n"
    "       belfry rule test FILE… [--run NAME]\n"
    "       belfry rule backtest FILE… [--from 30d] [--to now] [--step 1m] [--rule NAME]\n\n"
    "Rule files are those of Prometheus.\n\n"
    "  check     syntax, expressions and templates; then what looks wrong, each with file, line and\n"
    "            column: a metric that has no series, a label that cannot match, a rate over a\n"
    "            gauge, a range shorter than two scrapes, a counter without rate, no for …\n"
    "            The running Belfry is asked for its metrics; --offline: do not ask.\n"
    "            --strict: findings make the exit status 1, too\n"
    "  test      unit tests in promtool's format\n"
    "  backtest  when would these alerts have fired on what the running Belfry remembers\n\n"
    "Exit status: 0 good, 1 something is wrong, 2 wrong usage, 3 Belfry cannot be reached.\n";

int cmd_rule(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct client_args *args);
    } verbs[] = {
        {"check", rule_check_main}, {"test", rule_test_main}, {"backtest", rule_backtest_main}};
    struct client_args args;
    if (client_args(argc, argv, &args) != 0)
        return EXIT_USAGE;
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < array_len(verbs); i++)
        if (args.argc >= 2 && streq(args.argv[1], verbs[i].name))
            return verbs[i].run(&args);
    fputs(help, stderr);
    return EXIT_USAGE;
}
