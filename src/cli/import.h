/* Importers: what people had before becomes a belfry.yaml. Each reads a directory or file and
 * writes a configuration that loads, with comments that tell where every value came from. They read
 * files only; any process.
 *
 * problems get what was left out or changed: to be shown, none of it is fatal. -1 with *err when
 * there is nothing to import (no such file, text that cannot be parsed). */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "config/option.h"

/* The WAF monitor (seed 000): DIR or DIR/conf with global.json, groupN.json, targets_groupN.txt. */
int import_waf(const char *path, struct buf *yaml, struct problems *p, struct err *err);

/* connection_monitor (seed 003): conf.ini or a directory that has it; urlInput.txt, the trigger
 * template. */
int import_connmon(const char *path, struct buf *yaml, struct problems *p, struct err *err);

/* Programs kept alive by others, as `processes:`. supervisord.conf with what it includes, one file of conf.d, or a directory
 * of them; a .service file with its drop-ins and its .timer, or a directory of them; monitrc with what it includes. */
int import_supervisor(const char *path, struct buf *yaml, struct problems *p, struct err *err);
int import_systemd(const char *path, struct buf *yaml, struct problems *p, struct err *err);
int import_monit(const char *path, struct buf *yaml, struct problems *p, struct err *err);

/* Uptime Kuma: the JSON backup of version 1, kuma.db of version 2, or the directory that holds it. For belfry apply. Client
 * certificates that stand in it are written into the directory `files` (mode 0600); NULL: monitors that have one are told. */
int import_kuma(const char *path, const char *files, struct buf *yaml, struct problems *p,
                struct err *err);
int import_kuma_text(struct str text, struct buf *yaml, struct problems *p, struct err *err);

/* Gatus: config.yaml, or a folder of several, or several of either: they are merged. */
int import_gatus(char *const *paths, size_t n, struct buf *yaml, struct problems *p,
                 struct err *err);

/* blackbox_exporter: blackbox.yml, and a prometheus.yml whose jobs probe by it. */
int import_blackbox(char *const *paths, size_t n, struct buf *yaml, struct problems *p,
                    struct err *err);

/* The same from texts in memory, for tests and fuzzing. Files that are absent have text.p NULL. */
struct import_file {
    const char *name;
    struct str text;
};
struct import_group {
    const char *name; /* "group1" */
    struct import_file settings, targets;
};
int import_gatus_texts(const struct import_file *files, size_t n, struct buf *yaml,
                       struct problems *p, struct err *err);
int import_blackbox_texts(
    const struct import_file *files, size_t n, struct buf *yaml, struct problems *p,
    struct err *err); /* blackbox.yml, prometheus.yml, what its file_sd_configs name */
int import_waf_texts(const struct import_file *global, const struct import_group *groups, size_t n,
                     struct buf *yaml, struct problems *p, struct err *err);
int import_connmon_texts(const struct import_file *conf, const struct import_file *urls,
                         const struct import_file *template, struct buf *yaml, struct problems *p,
                         struct err *err);
/* Names say what a file is: "web.service", "web.service.d/x.conf", "web.timer". */
int import_supervisor_texts(const struct import_file *files, size_t n, struct buf *yaml,
                            struct problems *p, struct err *err);
int import_systemd_texts(const struct import_file *files, size_t n, struct buf *yaml,
                         struct problems *p, struct err *err);
int import_monit_texts(const struct import_file *files, size_t n, struct buf *yaml,
                       struct problems *p, struct err *err);

#endif
