/* blackbox_exporter's modules, read verbatim from blackbox.yml, and what a probe by one of them is in our own terms.
 *
 *   blackbox.yml ──bb_read──► modules ──bb_translate(target, hostname)──► type + config ──watcher──► result ──bb_answer──► text
 *
 * https://github.com/prometheus/blackbox_exporter: the keys, their meaning and the metrics' names are its. Everything here is
 * pure but for bb_translate, which reads the files that a module names (passwords, bodies) each time, as it does. A set of
 * modules is immutable; any thread may read it. */
#ifndef PROBE_BLACKBOX_H
#define PROBE_BLACKBOX_H

#include "config/option.h"
#include "model/result.h"

#define BB_DEFAULT_MODULE "http_2xx"
#define BB_FILE_MAX       (4u << 20) /* bytes of blackbox.yml */

struct bb_modules;
struct bb_module;

/* text NULL: the modules that a new installation has (bb_default_text). path: for messages, and where relative names of files
 * start. Each fault is a problem with its place; NULL when there are any. */
struct bb_modules *bb_read(struct str text, const char *path, struct problems *p);
/* The modules that are good, whatever else is told; NULL when the text cannot be read at all. For import. */
struct bb_modules *bb_read_good(struct str text, const char *path, struct problems *p);
struct bb_modules *bb_ref(struct bb_modules *m);
void bb_unref(struct bb_modules **m); /* nulls it; NULL is fine */
extern const char bb_default_text[];

/* NULL: there is none of that name. Borrowed from the set. */
const struct bb_module *bb_module(const struct bb_modules *m, const char *name);
const char *bb_module_prober(const struct bb_module *b); /* "http" */
int64_t bb_module_timeout_ms(const struct bb_module *b); /* 0: none given */
void bb_module_yaml(const struct bb_module *b,
                    struct buf *out);                      /* as it was written, secrets masked */
void bb_yaml(const struct bb_modules *m, struct buf *out); /* all of them */
/* In the file's order; fn returns false to stop. */
void bb_each(const struct bb_modules *m,
             bool (*fn)(void *arg, const char *name, const struct bb_module *b), void *arg);

/* How long a probe may take: what Prometheus leaves (seconds; 0: it did not say), half a second less, or the module's own bound
 * when that is less. */
int64_t bb_timeout_ms(const struct bb_module *b, double scrape_timeout_s);

/* One probe in our own terms. */
struct bb_probe {
    const char *type;    /* of a prober */
    struct node *config; /* as the API takes it */
};
/* hostname NULL: none. live: the files that the module names are read; else `config` says where they stand, for checks and for
 * import. -1: *err says what cannot be asked of this target; CONFLICT: the hostname is not the module's. */
int bb_translate(const struct bb_module *b, const char *target, const char *hostname, bool live,
                 struct arena *a, struct bb_probe *out, struct err *err);

/* The metrics that blackbox_exporter would have returned, as text 0.0.4, its families in order of name: what it always has is
 * there with 0 when the probe did not come so far, and what only Belfry measures is left out. */
void bb_answer(const struct bb_module *b, const struct result *r, int64_t timeout_ms,
               struct buf *out);

#endif
