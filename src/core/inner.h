/* Inner targets: those that no watcher probes, because the core itself knows how they stand: by what jobs tell (push), by
 * other targets (group), or because they may not be probed (barred). Their results take the road of all others
 * (core__take_result): judged, stored, alerted, fed to the series.
 *
 * One is looked at each interval, when its ops say that something may have changed by itself, and when it is touched. Its
 * threshold is 1: grace and quorum are its patience. On the main loop. */
#ifndef CORE_INNER_H
#define CORE_INNER_H

#include "core/core_priv.h"

struct inner;
struct inner_ops {
    const char *type;
    /* The target is new or changed (n->entry, n->config); n->state is NULL at first. NULL: the configuration does not
     * matter and is not looked at (n->config is NULL), and there is no state. */
    void (*begin)(struct inner *n);
    void (*end)(struct inner *n); /* frees n->state */
    /* Fills *r; false: nothing can be said yet, and *why tells that. */
    bool (*judge)(struct inner *n, int64_t now_ms, struct result *r, const char **why);
    int64_t (*next)(const struct inner *n, int64_t now_ms); /* NULL: only each interval */
    void (*forget)(struct inner *n); /* the target is removed: so are its rows. NULL: it has none */
};
extern const struct inner_ops push_inner, group_inner, barred_inner;

struct inner {
    uint32_t magic;
    struct core *core;
    struct entry *entry;
    const struct inner_ops *ops;
    struct compiled *compiled;
    const void *config; /* bound; of compiled */
    void *state;
    int64_t next_ms; /* wall clock */
    bool enabled;    /* as begin saw it last */
};
#define INNER_MAGIC 0xbe1f1eafu

/* The registry changed: makes, renews or ends e->inner. */
void core__inner_put(struct core *c, struct entry *e);
void core__inner_del(struct core *c, struct entry *e);
void core__inner_forget(struct entry *e); /* before core__inner_del, when the target itself goes */
/* How e stands changed: groups that it is a member of are looked at soon. */
void core__inner_member(struct core *c, const struct entry *e);
void core__inner_tick(struct core *c); /* each second */
/* Looks at it now. */
void core__inner_look(struct inner *n);
/* The same for somebody who asks: w gets the result, as from a watcher. BUSY: nothing can be said yet. */
int core__inner_check(struct inner *n, struct waiter *w, struct err *err);
/* What has not been saved as a target: a group can be tried, a job cannot. */
int core__inner_try(struct core *c, const struct target *t, const struct node *config,
                    struct waiter *w, struct err *err);

/* --- barred.c --- */
/* Whether it runs programs, came through the API, and the file does not allow that (any more). */
bool core__is_barred(const struct core *c, const struct target *t);
/* Adds a problem when the file does not let the API make targets of this type. */
void core__barred_check(const struct core *c, const char *type, struct problems *p);
/* The configuration is new: takes from the watchers what is barred now and gives back what no longer is. Before
 * core__plan_watchers. */
void core__barred_sync(struct core *c);

/* --- push.c --- */
/* After the targets: how jobs stood when the last core ended. */
int core__push_load(struct core *c, struct err *err);
void core__push_again(struct core *c); /* into the batch: the database was begun anew */
/* The configuration of a push target with a token in it: its own, the one that the target had, or a new one. */
const struct node *core__push_complete(const struct entry *old, const struct node *config,
                                       struct arena *a);
/* Adds a problem when another target has the token. */
void core__push_check(struct core *c, uint64_t id, const struct node *config, struct problems *p);

/* --- group.c --- */
/* Adds a problem for members that there are not, and for circles. */
void core__group_check(struct core *c, const struct target *t, const struct node *config,
                       struct problems *p);
bool core__group_has(const struct inner *n, uint64_t id);
/* A target came, changed or goes: whether it matches. */
void core__group_entry(struct inner *n, const struct entry *e, bool gone);

#endif
