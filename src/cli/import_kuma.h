/* Inside of the importer of Uptime Kuma: import_kuma.c reads the backup or the database into maps of fields, import_kuma_map.c
 * makes targets of monitors, import_kuma_web.c, import_kuma_net.c and import_kuma_service.c fill in what each kind of monitor
 * asks, import_kuma_notify.c makes channels. Pure but for reading. */
#ifndef CLI_IMPORT_KUMA_H
#define CLI_IMPORT_KUMA_H

#include "cli/import_doc.h"

struct kuma {
    struct arena *arena;
    struct problems *problems;
    struct node
        *monitors; /* maps: fields as in the backup or as the columns of kuma.db are named */
    struct node *notifications;          /* {id, name, config: {type, …}} */
    struct node *proxies, *docker_hosts; /* rows of kuma.db; empty lists in a backup */
    const char *files; /* directory that certificates are written into; NULL: none */
    struct import_doc doc;
    struct map_str *taken; /* id of a monitor → "GROUP/NAME" */
};
void import_kuma_init(struct kuma *k, struct arena *a, struct problems *p);
/* Writes the belfry.yaml. */
int import_kuma_map(struct kuma *k, struct buf *yaml, struct err *err);

/* --- fields (import_kuma_field.c): by the name in the backup; the column of kuma.db is found by itself (jsonPath,
 * json_path, json_path_json) --- */

const struct node *kuma_field(const struct kuma *k, const struct node *m, const char *name);
const char *kuma_text(const struct kuma *k, const struct node *m,
                      const char *name); /* "" when absent */
double kuma_number(const struct kuma *k, const struct node *m, const char *name, double absent);
bool kuma_flag(const struct kuma *k, const struct node *m, const char *name);
/* JSON in a text, or the value itself; NULL when absent or broken. */
const struct node *kuma_json(const struct kuma *k, const struct node *m, const char *name);
void kuma_left_out(struct kuma *k, const char *what, const char *name, const char *why);
/* Of the monitor m: it is taken, but for this. */
void kuma_changed(struct kuma *k, const struct node *m, const char *what);

/* --- monitors: each fills config, or says why the monitor cannot be had --- */

struct kuma_kind {
    const char *kuma, *type; /* type NULL: no such prober, `why` says so */
    const char *(*fill)(struct kuma *k, const struct node *m, struct node *config);
    const char *why;
};
extern const struct kuma_kind kuma_web[], kuma_net[], kuma_services[]; /* ended by kuma NULL */

void kuma_put(struct kuma *k, struct node *map, const char *key, const char *text);
/* host and port of hostname and port; why not. */
const char *kuma_host(struct kuma *k, const struct node *m, struct node *config, bool port);
/* ignoreTls into the section of that name. */
void kuma_tls(struct kuma *k, const struct node *m, struct node *config, const char *section);
/* conditions: the only one about `variable` as op and value of Belfry's; false: there is none. Others are told. */
bool kuma_condition(struct kuma *k, const struct node *m, const char *variable, const char **op,
                    const char **value);
/* equals, lt, "==" … as ours: "=="; NULL: there is none. starts_with and ends_with change *value. */
const char *kuma_op(struct kuma *k, const char *name, const char **value);
/* JSONata: only a plain path of names is the same here; NULL otherwise. */
const char *kuma_path(const struct kuma *k, const char *path);

/* --- notifications --- */

void kuma_channels(struct kuma *k);
/* Those of a monitor into its target. */
void kuma_put_channels(struct kuma *k, const struct node *m, struct node *target);

#endif
