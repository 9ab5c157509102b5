/* Judge: from a result to what must be written and told. Pure glue over threshold.h and suppression;
 * the core executes its actions, the simulation too, so both run the same decisions.
 *
 * The life of an alert:
 *
 *   threshold reached --FIRE--> open ── not suppressed: rings at once (deliveries FIRED), last_rung_ms set
 *                                 └──── suppressed: recorded with the reason, silent; rings at the first failing
 *                                       result (or judge_recheck) that finds the suppression over
 *   open, rung    --REMIND--> deliveries REMINDER (skipped while suppressed, made up for afterwards; not while acknowledged)
 *                 --a silence is over (judge_again)--> the same
 *   open, rung    --RESOLVE-> deliveries RESOLVED, whatever suppresses now: who heard the bell hears its end
 *   open, silent  --RESOLVE-> closed without a word
 *
 * The caller writes, in one transaction (COORD 6): the state, the alert, the deliveries, the ring's cursor. */
#ifndef ALERT_JUDGE_H
#define ALERT_JUDGE_H

#include "alert/subject.h"
#include "alert/threshold.h"
#include "base/arena.h"
#include "model/alert.h"
#include "model/target.h"

enum judge_id { JUDGE_ALERT_ID, JUDGE_DELIVERY_ID };

struct judge_env {
    void *arg;
    uint64_t (*next_id)(void *arg, enum judge_id what); /* never 0, never twice */
    /* suppress_find over the caller's data, NULL: never suppressed. */
    enum suppression (*suppressed)(void *arg, const struct subject *s, int64_t checked_ms,
                                   int64_t now_ms, struct held *by);
    /* The channels (those that still exist) that were told of this alert, for its recovery: the target's may have
     * changed since. false, or NULL here: the target's own. */
    bool (*told)(void *arg, uint64_t alert_id, struct id_list *out);
};

/* Whom it is about. */
struct judge_case {
    const struct target *target;
    struct target_state *state; /* changed in place */
    const struct alert
        *open; /* the alert that state->open_alert_id names; NULL when that is 0 (or unknown) */
    const char *instance; /* of the target, for a new alert: "shop.example.com:443"; NULL: "" */
};

/* What the result says. */
struct judge_seen {
    bool success, degraded;
    const char *message;
    int64_t checked_ms, latency_us;
};

struct judge_actions {
    unsigned acts; /* ACT_* of threshold.h; ACT_CHANGED: tell the page */
    const struct alert *
        alert; /* NULL, or the new content of this alert's record; strings borrowed from the arena and
                                * the inputs: alert_clone it to keep it */
    struct delivery *deliveries; /* to create, PENDING; in the arena */
    size_t n_deliveries;
};

/* The state is changed and worth writing even when acts is 0 (fail_count, last_checked_ms). */
void judge_result(const struct judge_env *env, const struct judge_case *c,
                  const struct judge_seen *seen, int64_t now_ms, struct arena *a,
                  struct judge_actions *out);

/* For an open alert that has not rung (judge_waiting), when a window ended, a parent or the network recovered,
 * channels or dependencies changed, or each few seconds: rings if the suppression is over and the target still
 * fails; records another reason otherwise. After a parent's recovery it waits for the target's own next result. */
void judge_recheck(const struct judge_env *env, const struct judge_case *c, int64_t now_ms,
                   struct arena *a, struct judge_actions *out);
/* For one that has rung: a silence that held its reminders is over. Rings once more, unless something else holds it or somebody
 * looks after it. */
void judge_again(const struct judge_env *env, const struct judge_case *c, int64_t now_ms,
                 struct arena *a, struct judge_actions *out);
/* An open alert that is silent so far. */
bool judge_waiting(const struct target_state *st);

/* The target is removed, paused or no longer watched: its open alert is resolved with this message
 * ("target was removed") and told if it had rung. Status becomes `status` (TARGET_DISABLED, TARGET_UNKNOWN). */
void judge_close(const struct judge_env *env, const struct judge_case *c, enum target_status status,
                 const char *message, int64_t now_ms, struct arena *a, struct judge_actions *out);

/* Alerts without a target (target_id 0): Belfry's own (own network gone, store full) and those of supervised programs. A
 * step with `failing` as it is now; `open` is its open alert record, NULL when none (found again after a restart among
 * the open alerts by its name). A further step with failing and an open one rings what was suppressed until now, and
 * with again writes the new message and rings once more. */
struct judge_own {
    const char *name;        /* "Belfry: own network" */
    const char *type;        /* "belfry" */
    const char *group;       /* "belfry" */
    const char *instance;    /* host name */
    struct id_list channels; /* empty: recorded, silent */
    const struct label *labels;
    uint32_t n_labels;
    bool
        suppressible; /* env->suppressed is asked, with a target of this name and group; else never suppressed */
    bool again;  /* failing, and it became worse: told even when it is acknowledged */
    bool resend; /* failing, and due for a reminder */
};
void judge_own_alert(const struct judge_env *env, const struct judge_own *own,
                     const struct alert *open, bool failing, const char *message, int64_t now_ms,
                     struct arena *a, struct judge_actions *out);

#endif
