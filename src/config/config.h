/* belfry.yaml as an immutable, reference-counted snapshot (CONTRACT.md, "Configuration").
 *
 * config_load reads the file, its includes and targets files, expands ${ENV}, binds everything
 * through option tables and reports every fault of all of them at once, each with file:line:column.
 * Probers and channels lie on higher floors, so the caller hands their tables and checks in through
 * struct config_hooks. Nothing here touches the running system: the core compares the snapshot with
 * what runs. Any thread may hold a reference. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "config/access.h"
#include "config/metrics.h"
#include "config/option.h"
#include "config/process.h"
#include "model/target.h"

enum config_anonymous { ANONYMOUS_NONE, ANONYMOUS_VIEWER, ANONYMOUS_ADMIN };

struct config_server {
    const char *listen;     /* "127.0.0.1:9370": see listen_host, listen_port */
    const char *public_url; /* "" when not given */
    int anonymous;          /* enum config_anonymous */
    bool allow_exec;  /* targets of type exec may be made through the API, not only in the file */
    const char *user; /* that the children run as when started as root; "" for the caller's own */
    struct {
        const char *cert_file, *key_file; /* absolute; "" when not given */
    } tls;
    const char *redirect_listen;  /* "" for none: see redirect_host, redirect_port */
    struct str_list cors_origins; /* "https://grafana.example.com", or "*" */
    const char *blackbox_file;    /* absolute; "" when not given */
    struct str blackbox_text;     /* what it holds; p NULL when not given */
    struct {
        int64_t connections, connections_per_address; /* 0: no bound of an address */
        int64_t request_rate, request_burst;          /* of an address; rate 0: no bound */
        bool local; /* the bounds of an address hold for this machine's own, too */
        int64_t request_timeout_ms, idle_timeout_ms;
        int64_t max_body, max_header; /* bytes */
    } limits;
    const char *listen_host; /* "127.0.0.1", "::1" */
    uint16_t listen_port;
    const char *redirect_host; /* NULL: none */
    uint16_t redirect_port;
};

struct config_log {
    const char *dir; /* absolute */
    int level;       /* enum log_level */
    int format;      /* enum log_format */
    int64_t keep_days;
};

struct config_results {
    int64_t keep_ms;
    int64_t max_size; /* bytes */
};

struct config_limits {
    struct {
        int64_t max_in_flight; /* probes at once, in one watcher */
        int64_t memory_limit;  /* bytes; 0: none */
        int64_t hang_timeout_ms;
        int64_t ring_size;           /* bytes */
        int64_t targets_per_watcher; /* a larger group gets several watchers */
    } watcher;
    struct {
        int64_t memory_limit;
        int64_t hang_timeout_ms;
    } core;
};

/* How Belfry's own children are restarted. The first restart is immediate. */
struct config_restart {
    int64_t delay_ms; /* before the second restart in a row */
    double growth;    /* factor from one to the next */
    int64_t delay_max_ms;
    int64_t cooldown_ms;  /* after running so long the delay starts anew */
    int64_t max_restarts; /* in an hour; then the child stays down and an alert fires */
};

struct config_channel {
    const char *name, *type;
    bool enabled, mention_all;
    const char *webhook_url; /* "" when the type has none */
    const struct node
        *options; /* {webhook_url, mention_all, …}: what the channel's option table describes */
    const char *config_json; /* options without webhook_url and mention_all, in JSON types
                                (model/alert.h) */
    const struct node *at;
};

struct config_group {
    const char *name;
    uint32_t first_target, n_targets; /* in config.targets */
    const struct label *labels;
    uint32_t n_labels;
    const struct node *at;
};

/* A target of the file. check_target fills in what needs the prober: spec.type (when only a URL was
 * given) and spec.config_json. Ids come from the store, so channels and parents are indices here.
 */
struct config_target {
    struct target spec;        /* id 0; channels and depends_on empty */
    const struct node *config; /* as the API takes it: {url, …, expect: {…}} */
    const char *url;           /* NULL when there is none */
    const struct node *at;     /* its place, for messages */
    const uint32_t *channels;  /* indices into config.channels */
    const uint32_t *parents;   /* indices into config.targets */
    uint32_t n_channels, n_parents;
    uint32_t level; /* 0; of one that is judged by others of the file: above all of them */
};

struct config {
    const char *path; /* absolute; of the main file */
    const char *dir;  /* relative paths of the file start here */
    struct config_server server;
    struct config_access access;
    const char *data_dir; /* absolute */
    struct config_log log;
    struct config_results results;
    struct config_limits limits;
    struct config_restart restart;
    struct config_channel *channels;
    uint32_t n_channels;
    struct config_group *groups;
    uint32_t n_groups;
    struct config_target *targets; /* group after group; NULL after config_drop_targets */
    uint32_t n_targets;
    const uint32_t
        *reference_targets; /* own_network: all failing means that our own network is gone */
    uint32_t n_reference_targets;
    struct process_section processes; /* its units: a list, never NULL; each item is a unit's at */
    struct process_unit *units;       /* resolved and checked among each other */
    uint32_t n_units;
    struct str_list
        process_users; /* whom units of the API may run as: those of the file's units and
                                      processes.users; "" (Belfry's own) is always allowed */
    struct config_metrics metrics;
    struct str_list rule_files;      /* absolute, found by the patterns of the file, in its order */
    struct section_list locations;   /* of struct config_location */
    const struct node *remote_write; /* a list of maps; NULL when not given */
    struct str_list files;           /* every file that was read, absolute: what a reload watches */
    struct str_list warnings;        /* "belfry.yaml:40:1: host: not used yet by this version" */
};

struct config_hooks {
    void *ctx;
    /* NULL: unknown type. Used to bring a target's or channel's document into JSON types. */
    const struct option *(*prober_options)(const char *type);
    const struct option *(*channel_options)(const char *type);
    /* Checks t->config (adding problems under path, "groups[0].targets[3].config"), sets
     * t->spec.type and t->spec.config_json, allocated in `a`. NULL: the type is the URL's scheme,
     * the document is kept as it is. */
    bool (*check_target)(void *ctx, struct config_target *t, struct arena *a, struct problems *p,
                         const char *path);
    /* Where t->config names the targets that t is judged by; NULL: it names none, or t is faulty. Circles are problems;
     * names that the file does not have are warnings, for the API may have made the target. NULL: not looked at. */
    const struct node *(*members)(void *ctx, const struct config_target *t);
    /* Checks c->options under path ("channels[0]"). NULL: nothing is checked. */
    bool (*check_channel)(void *ctx, const struct config_channel *c, struct arena *a,
                          struct problems *p, const char *path);
    /* Whether text is a selector of PromQL. NULL: nothing is checked; nor by the next three. */
    bool (*check_selector)(void *ctx, const char *text, struct err *err);
    /* Reads a file of rules and adds what is wrong with it, with its places. */
    bool (*check_rule_file)(void *ctx, const struct config_metrics *m, const char *path,
                            struct problems *p);
    /* The text of blackbox.yml, adding what is wrong with it. */
    bool (*check_blackbox)(void *ctx, struct str text, const char *path, struct problems *p);
    /* The list as in prometheus.yml. */
    bool (*check_remote_write)(void *ctx, const struct node *list, struct problems *p,
                               const char *path);
};

struct config_input {
    const char *path;
    const char *text; /* NULL: read the file at path; otherwise path only gives names and places */
    size_t size;
    bool literal; /* ${NAME} is not expanded: the environment is not the author's */
    bool alone;   /* includes and targets files are errors (fuzzing, documents from elsewhere) */
};

/* NULL when there are problems. hooks may be NULL. */
struct config *config_load(const struct config_input *in, const struct config_hooks *hooks,
                           struct problems *p);
struct config *config_ref(struct config *c);
void config_unref(struct config **c); /* drops it and nulls the pointer; NULL is fine */
/* Frees the targets (with 100,000 of them by far the largest part). Only before the snapshot is
 * shared. */
void config_drop_targets(struct config *c);

/* The file as it is in force: all defaults filled in, secrets masked, as YAML: `belfry config
 * show`. Targets and channels are masked by their tables (hooks). */
int config_show(const struct config_input *in, const struct config_hooks *hooks, struct problems *p,
                struct buf *out);

/* What a snapshot says but for targets and channels: its sections with all defaults, and "processes", its units by id; secrets
 * masked. Of one whose targets were dropped, too. */
struct node *config_settings(const struct config *c, const struct config_hooks *hooks,
                             struct arena *a);

/* The same value by value, each with its place in a file, for the page. Targets are only counted. fn returns false to
 * stop; what it is given lasts as long as the call. -1: the file has problems. */
struct config_origin {
    const char *path;  /* "server.listen", "channels[ops].type" */
    const char *value; /* text; lists as JSON */
    const char *file;  /* NULL: the option's default */
    uint32_t line, column;
};
int config_origins(const struct config_input *in, const struct config_hooks *hooks,
                   struct problems *p, bool (*fn)(void *arg, const struct config_origin *o),
                   void *arg);

/* docs/configuration.md (zh: configuration.zh-CN.md) from the tables. The parts are ended by title NULL; remote is the table of
 * one item of remote_write. */
struct config_doc_part {
    const char *title; /* "http" */
    struct text2 text; /* a sentence or two */
    const struct option *options;
};
void config_doc(const struct config_doc_part *probers, const struct config_doc_part *channels,
                const struct option *remote, bool zh, struct buf *out);

/* The tables of single targets and channels as the API takes them are the API's own; these are the
 * file's. */
const struct option *config_target_options(void);
const struct option *config_group_options(void);
const struct option *config_channel_options(void);
const struct option *config_file_options(void);

#endif
