/* belfry import: prints a belfry.yaml made from the configuration of another program. */
#include "cli/import.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"

static const char help[] =
    "usage: belfry import waf|connection-monitor|uptime-kuma|supervisor|systemd|monit PATH\n\n"
    "  waf                 the directory that holds conf/global.json, conf/groupN.json\n"
    "  connection-monitor  conf.ini, or the directory that holds it\n"
    "  uptime-kuma         the JSON backup of version 1, or kuma.db of version 2; for belfry apply -f\n"
    "  supervisor          supervisord.conf, a file of conf.d, or a directory of *.conf\n"
    "  systemd             a .service file, or a directory of them; NAME@INSTANCE.service too\n"
    "  monit               monitrc, or a directory of such files\n\n"
    "Prints a belfry.yaml (for the last three the part about programs, to be put into conf.d/);\n"
    "what has no counterpart is named in comments and on stderr.\n";

static const struct importer {
    const char *name;
    int (*run)(const char *path, struct buf *yaml, struct problems *p, struct err *err);
} importers[] = {
    {"waf", import_waf},          {"connection-monitor", import_connmon},
    {"uptime-kuma", import_kuma}, {"supervisor", import_supervisor},
    {"systemd", import_systemd},  {"monit", import_monit},
};

static int run(const struct importer *im, const char *path)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    struct buf yaml = BUF_INIT(64 << 20);
    struct err err = {0};
    problems_init(&p, a);
    int rc = im->run(path, &yaml, &p, &err);
    problems_print(&p);
    if (rc == 0)
        fwrite(yaml.data, 1, yaml.len, stdout);
    else
        fprintf(stderr, "belfry import: %s\n", err_text(&err, (char[600]){0}, 600));
    problems_done(&p);
    buf_done(&yaml);
    return rc == 0 ? EXIT_GOOD : EXIT_BAD;
}

int cmd_import(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    for (size_t i = 0; args.argc == 3 && i < array_len(importers); i++)
        if (streq(args.argv[1], importers[i].name))
            return run(&importers[i], args.argv[2]);
    fputs(help, stderr);
    return EXIT_USAGE;
}
