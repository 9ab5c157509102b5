/* What the config_*.c files share: the loader, what the tables bind into, and the steps in their
 * order. For this folder only. */
#ifndef CONFIG_CONFIG_PRIV_H
#define CONFIG_CONFIG_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "config/config.h"
#include "config/node_priv.h"
#include "config/option_priv.h"

#define TARGETS_MAX       1000000
#define INCLUDE_DEPTH_MAX 8
#define TARGETS_FILE_MAX  (64u << 20)
#define RESEND_INHERITED  (-1) /* 0 has a meaning: never */

/* The snapshot with what its readers need not see. */
struct config_owner {
    struct config shared; /* first: a struct config * is a struct config_owner * */
    uint32_t magic;
    uint32_t refs;
    struct arena *arena;   /* everything but */
    struct arena *targets; /* the targets and the document tree */
};
#define CONFIG_MAGIC 0xbe1fc0f1u

/* --- what the tables bind into; 0, NULL and RESEND_INHERITED mean "not given here" --- */
struct raw_timing {
    int64_t interval_ms, timeout_ms, connect_timeout_ms, attempts, threshold, success_threshold,
        resend_ms;
    struct str_list locations; /* at NULL: not given */
    int64_t location_quorum;
    struct str_list channels; /* at NULL: not given */
    struct pair_list labels;
};
struct raw_burst {
    int64_t times, delta_ms, max_mean_ms;
    double min_success;
};
struct raw_target {
    const char *name, *type, *url;
    const struct node *config, *expect;
    struct raw_timing timing;
    struct raw_burst burst;
    bool enabled, invert;
    struct str_list depends_on;
};
struct raw_group {
    const char *name;
    struct raw_timing timing;
    struct str_list targets_file;
    const struct node *targets;
};
struct raw_channel {
    const char *name, *type, *webhook_url;
    bool enabled, mention_all;
    const struct node *config;
};
struct raw_network {
    struct str_list reference_targets;
};
struct raw_proxy {
    struct process_monitor monitor;
};
struct raw_file {
    struct config_server server;
    struct config_access access;
    const char *data_dir, *store;
    struct config_log log;
    struct config_results results;
    struct config_limits limits;
    struct config_restart restart;
    struct raw_timing defaults;
    struct raw_network own_network;
    struct section_list groups; /* only in the table: read apart, by config_group.c */
    const struct node *channels;
    struct process_section processes;
    struct config_metrics metrics;
    struct str_list rule_files; /* only in the table: the tree has the places */
    const struct node *remote_write;
    struct section_list locations;
    struct raw_proxy proxy;      /* the seed's name of processes.monitor */
    struct str_list include;     /* resolved before binding */
    const struct node *later[8]; /* sections of later issues */
};

/* One channel or timing that applies here: what a target starts from. */
struct inherited {
    struct raw_timing timing;
    const uint32_t *channels; /* indices */
    uint32_t n_channels;
    const struct label *labels;
    uint32_t n_labels;
};

struct loader {
    struct config_owner *owner;
    struct config *cfg; /* &owner->shared */
    struct arena *arena, *tree;
    const struct config_input *in;
    const struct config_hooks *hooks; /* never NULL */
    struct problems *problems;
    struct raw_file raw;
    const struct node *root; /* all files merged */
    vec_of(const char *) files;
    vec_of(const char *) warnings;
    vec_of(const char *) rule_files;
    vec_of(struct process_unit) units;
    struct map_str *channel_names; /* name → index + 1 */
};

/* config_agents.c: list is the section. */
void loader_locations(struct loader *l, const struct node *list);

/* config_show.c: what is in force as a document, secrets masked. */
struct node *config__shown(const struct config *c, const struct config_hooks *hooks,
                           struct arena *a);

/* config_read.c: file, includes, environment → l->root. */
bool loader_read(struct loader *l);
/* A path as a file writes it, ready to open: from the directory of the file that holds `at` (NULL:
 * the main one). */
const char *loader_path(struct loader *l, const struct node *at, const char *path, struct arena *a);
void loader_used(struct loader *l, const char *path); /* remembers a file that was read */
/* Adds to cfg->warnings; at may be NULL. */
void loader_warn(struct loader *l, const struct node *at, const char *field, const char *text);

/* config_env.c: ${NAME}, ${NAME:-default}, $$ in all values of the tree. */
void expand_environment(struct node *n, struct arena *a, struct problems *p);

/* config_server.c */
extern const struct option config_server_options[];
void loader_server(struct loader *l); /* checks, and takes addresses apart */

/* config_blackbox.c: server.blackbox_file, read and checked. */
void loader_blackbox(struct loader *l, const struct node *at);

/* config_access.c. oidc, proxy: where the file has them, for messages. */
void loader_access(struct loader *l, const struct node *oidc, const struct node *proxy);

/* config_channel.c */
void loader_channels(struct loader *l);
/* Names to indices; unknown ones are problems. */
bool loader_channel_names(struct loader *l, const struct str_list *names, const struct node *at,
                          const char *field, const uint32_t **out, uint32_t *n);

/* config_timing.c: what is given at one level over what is inherited. `map` is where it was
 * written. */
bool timing_apply(struct loader *l, const struct raw_timing *given, const struct node *map,
                  const char *field, struct arena *a, struct inherited *io);

/* config_located.c: the same for from where targets are probed; for timing_apply. */
bool location_apply(struct loader *l, const struct raw_timing *given, const struct node *map,
                    const char *field, struct raw_timing *io);
/* Names that the file does not declare are warned of, once each. After the groups. */
void loader_locations_named(struct loader *l);

/* config_group.c: groups and their targets. */
void loader_groups(struct loader *l, const struct inherited *defaults);
/* config_target.c */
struct group_work {
    uint32_t index; /* of the group */
    struct inherited base;
    struct map_str *names; /* target name → index in config.targets + 1 */
};
void loader_target(struct loader *l, struct group_work *g, const struct node *node, size_t index);
void loader_target_line(struct loader *l, struct group_work *g, struct str url, const char *file,
                        uint32_t line);
/* {url, …config, expect} of a target or a health probe; `node` is where they stand together. NULL: a
 * problem was added. */
const struct node *loader_document(struct loader *l, const struct raw_target *raw,
                                   const struct node *node, const char *path);
/* The prober's check, problems placed; path + ".config" is the document's. */
bool loader_check_target(struct loader *l, struct config_target *t, const char *path);
/* config_process.c: supervised programs. */
void loader_processes(struct loader *l);
/* Names of files live in the document tree, which goes when the targets are dropped: n and all below get copies. */
void loader_keep_files(struct loader *l, struct node *n);
/* config_metrics.c: metrics, rule_files, remote_write. */
void loader_metrics(struct loader *l);
/* config_parents.c: depends_on and own_network, once all targets are known. */
void loader_parents(struct loader *l, struct group_work *groups);
/* NAME in `own` first, then GROUP/NAME; own NULL: then NAME in any group. index: in config.targets. */
bool loader_find_target(const struct loader *l, const struct group_work *groups,
                        const struct group_work *own, const char *name, uint32_t *index);
/* The targets that one target names. */
struct named {
    const uint32_t *at;
    uint32_t n;
};
/* One that leads to itself by what each of the n targets names; -1: there is none. */
int64_t loader_find_circle(const struct named *of, uint32_t n, struct arena *a);
/* config_members.c: what hooks->members of each target names. */
void loader_members(struct loader *l, const struct group_work *groups);

/* config_place.c: problems from `from` on that have no place get that of their field in doc (whose
 * own path is `path`), or that of `at`. */
void place_problems(struct problems *p, size_t from, const struct node *doc, const struct node *at,
                    const char *path);

/* config_table.c */
const struct option *config_burst_options(void);

#endif
