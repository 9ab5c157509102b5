/* belfry import: prints a belfry.yaml made from the configuration of another program. */
#include "cli/import.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"

#define TOLD_MAX 10000

static const char help[] =
    "usage: belfry import waf|connection-monitor|supervisor|systemd|monit PATH\n"
    "       belfry import uptime-kuma PATH [--files DIR]\n"
    "       belfry import gatus PATH…\n"
    "       belfry import blackbox blackbox.yml [prometheus.yml]\n\n"
    "  waf                 the directory that holds conf/global.json, conf/groupN.json\n"
    "  connection-monitor  conf.ini, or the directory that holds it\n"
    "  uptime-kuma         the JSON backup of version 1, or kuma.db of version 2; for belfry apply -f.\n"
    "                      --files DIR: where client certificates that stand in it are written (0600)\n"
    "  gatus               config.yaml, or a directory of them, or several: they are merged\n"
    "  blackbox            the modules of blackbox_exporter; prometheus.yml: its jobs whose path is /probe\n"
    "  supervisor          supervisord.conf, a file of conf.d, or a directory of *.conf\n"
    "  systemd             a .service file, or a directory of them; NAME@INSTANCE.service too\n"
    "  monit               monitrc, or a directory of such files\n\n"
    "Prints a belfry.yaml (for the last three the part about programs, to be put into conf.d/);\n"
    "what has no counterpart is named in comments and on stderr.\n";

static const struct importer {
    const char *name;
    int (*run)(const char *path, struct buf *yaml, struct problems *p, struct err *err);
    /* instead, of several paths */
    int (*run_all)(char *const *paths, size_t n, struct buf *yaml, struct problems *p,
                   struct err *err);
    /* instead, with a directory (NULL: none) that files may be written into */
    int (*run_files)(const char *path, const char *files, struct buf *yaml, struct problems *p,
                     struct err *err);
} importers[] = {
    {"waf", .run = import_waf},
    {"connection-monitor", .run = import_connmon},
    {"uptime-kuma", .run_files = import_kuma},
    {"gatus", .run_all = import_gatus},
    {"blackbox", .run_all = import_blackbox},
    {"supervisor", .run = import_supervisor},
    {"systemd", .run = import_systemd},
    {"monit", .run = import_monit},
};

static int read_all(const struct importer *im, char *const *paths, size_t n, const char *files,
                    struct buf *yaml, struct problems *p, struct err *err)
{
    if (im->run_all)
        return im->run_all(paths, n, yaml, p, err);
    return im->run_files ? im->run_files(paths[0], files, yaml, p, err)
                         : im->run(paths[0], yaml, p, err);
}

static int run(const struct importer *im, char *const *paths, size_t n, const char *files)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    struct buf yaml = BUF_INIT(64 << 20);
    struct err err = {0};
    problems_init(&p, a);
    p.limit = TOLD_MAX;
    int rc = read_all(im, paths, n, files, &yaml, &p, &err);
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
    const char *files = args_take(&args, "--files");
    if (args_unknown(&args))
        return EXIT_USAGE;
    for (size_t i = 0; args.argc >= 3 && i < array_len(importers); i++) {
        const struct importer *im = &importers[i];
        if (streq(args.argv[1], im->name) && (im->run_all || args.argc == 3) &&
            (im->run_files || !files))
            return run(im, args.argv + 2, (size_t)args.argc - 2, files);
    }
    fputs(help, stderr);
    return EXIT_USAGE;
}
