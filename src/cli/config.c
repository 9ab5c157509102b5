/* belfry config: checks, shows or documents a configuration file; needs no running Belfry. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "config/config.h"
#include "core/hooks.h"
#include "remote/sender.h"

static const char help[] =
    "usage: belfry config check|show|doc [-c FILE]\n\n"
    "  check  everything that is wrong with it, as file:line:column: what\n"
    "  show   the whole with defaults filled in and secrets masked, as YAML\n"
    "  doc    the documentation of every option, as Markdown\n";

static int check(const struct client_args *args, struct problems *p)
{
    struct config_input in = {.path = args->config};
    struct config *cfg = config_load(&in, core_config_hooks(), p);
    if (!cfg) {
        problems_print(p);
        return EXIT_BAD;
    }
    for (size_t i = 0; i < cfg->warnings.n; i++)
        fprintf(stderr, "%s\n", cfg->warnings.at[i]);
    printf("%s is valid: %u targets in %u groups, %u channels", args->config, cfg->n_targets,
           cfg->n_groups, cfg->n_channels);
    if (cfg->n_units > 0)
        printf(", %u programs", cfg->n_units);
    printf("\n");
    config_unref(&cfg);
    return EXIT_GOOD;
}

static int show(const struct client_args *args, struct problems *p)
{
    struct config_input in = {.path = args->config};
    struct buf out = BUF_INIT(256 << 20);
    bool good = config_show(&in, core_config_hooks(), p, &out) == 0;
    if (good)
        fwrite(out.data, 1, out.len, stdout);
    else
        problems_print(p);
    buf_done(&out);
    return good ? EXIT_GOOD : EXIT_BAD;
}

static int doc(struct arena *a)
{
    struct buf out = BUF_INIT(4 << 20);
    config_doc(core_prober_doc(a), core_channel_doc(a), remote_write_options(), false, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_done(&out);
    return EXIT_GOOD;
}

int cmd_config(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    const char *verb = args.argc > 1 ? args.argv[1] : "";
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    int status = EXIT_USAGE;
    problems_init(&p, a);
    if (args_unknown(&args))
        status = EXIT_USAGE;
    else if (streq(verb, "check"))
        status = check(&args, &p);
    else if (streq(verb, "show"))
        status = show(&args, &p);
    else if (streq(verb, "doc"))
        status = doc(a);
    else
        fputs(help, stderr);
    problems_done(&p);
    return status;
}
