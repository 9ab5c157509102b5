/* Suppression: may an alert of this target ring now? Pure: looks at what the caller shows it.
 *
 * In this order: a maintenance window that is active and holds it; a silence; Belfry's own network
 * gone (every reference target fails); a parent (depends_on, transitively) that fails. A parent fails from its first
 * failed result on (fail_count > 0), so that it silences its children before it reaches its own threshold.
 *
 * A result that began before the parent (or the network) was healthy again says nothing of the child:
 * it stays suppressed until a probe that began after that. Cycles are harmless: an ancestor that depends
 * on the target itself does not silence it, so two that depend on each other both ring. */
#ifndef ALERT_SUPPRESS_H
#define ALERT_SUPPRESS_H

#include "alert/silence.h"
#include "alert/window.h"
#include "model/alert.h"
#include "model/target.h"

#define SUPPRESS_ANCESTORS_MAX 256 /* further ones are not looked at */

struct suppress_env {
    /* The target of that id and its state; NULL when there is none. */
    const struct target *(*find)(void *arg, uint64_t id, const struct target_state **st);
    void *arg;
    struct window *const *windows; /* any order, over and future ones included */
    size_t n_windows;
    const struct silence *const *silences; /* likewise */
    size_t n_silences;
    struct id_list references; /* targets that stand for Belfry's own network; empty: not watched */
};

/* checked_ms: when the failing probe began. *by (may be NULL) gets who holds it; its text is borrowed from the caller's data. */
enum suppression suppress_find(const struct suppress_env *env, const struct subject *s,
                               int64_t checked_ms, int64_t now_ms, struct held *by);
/* All that hold it as of now, in that order, at most `room`; only the first parent. Returns how many. */
size_t suppress_all(const struct suppress_env *env, const struct subject *s, int64_t now_ms,
                    struct held *out, size_t room);

/* Every enabled reference target fails. False when there is none. checked_ms as above; INT64_MAX: as of now. */
bool suppress_own_network(const struct suppress_env *env, int64_t checked_ms);

#endif
