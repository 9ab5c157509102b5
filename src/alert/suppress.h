/* Suppression: may an alert of this target ring now? Pure: looks at what the caller shows it.
 *
 * In this order: a maintenance window that is active and holds the target or its group; Belfry's own network
 * gone (every reference target fails); a parent (depends_on, transitively) that fails. A parent fails from its first
 * failed result on (fail_count > 0), so that it silences its children before it reaches its own threshold.
 *
 * A result that began before the parent (or the network) was healthy again says nothing of the child:
 * it stays suppressed until a probe that began after that. Cycles are harmless: an ancestor that depends
 * on the target itself does not silence it, so two that depend on each other both ring. */
#ifndef ALERT_SUPPRESS_H
#define ALERT_SUPPRESS_H

#include "model/alert.h"
#include "model/target.h"

#define SUPPRESS_ANCESTORS_MAX 256 /* further ones are not looked at */

struct suppress_env {
    /* The target of that id and its state; NULL when there is none. */
    const struct target *(*find)(void *arg, uint64_t id, const struct target_state **st);
    void *arg;
    const struct maintenance *const *windows; /* any order, over and future ones included */
    size_t n_windows;
    struct id_list references; /* targets that stand for Belfry's own network; empty: not watched */
};

/* checked_ms: when the failing probe began. *by (may be NULL) gets the window's title or the parent's name, borrowed
 * from the caller's data, or "". */
enum suppression suppress_find(const struct suppress_env *env, const struct target *t,
                               int64_t checked_ms, int64_t now_ms, const char **by);

/* Whether the window is active at now and holds the target (by id or group). */
bool maintenance_covers(const struct maintenance *m, const struct target *t, int64_t now_ms);

/* Every enabled reference target fails. False when there is none. checked_ms as above; INT64_MAX: as of now. */
bool suppress_own_network(const struct suppress_env *env, int64_t checked_ms);

#endif
