/* When a unit that died is started again: a pure function of (policy, state, event, now).
 *
 * The rules, which test_proc_policy checks over every sequence of up to 8 events:
 *   1. The first death after a stable run is answered at once, but for rule 3.
 *   2. The k-th death in a row (k ≥ 2) waits delay · factor^(k-2), at most cap, plus a share of that drawn from
 *      [0, jitter) so that what died together does not start together.
 *   3. Between two restarts lie at least cooldown (the seed's restart_cooldown).
 *   4. A run of at least `stable` ends the row: the next death counts as the first.
 *   5. In no window of an hour does a unit start again more than max_restarts times by itself. At the
 *      budget it is given up (fatal), or waits until the window lets it (backoff), as the policy says.
 *   6. Given up or stopped on purpose, it stays so until it is started or reset on purpose; both forget
 *      the row, reset forgets the budget's use too.
 * Times are milliseconds of any clock that does not go back. Floor 2, no I/O, no state of its own. */
#ifndef PROC_POLICY_H
#define PROC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct restart_policy {
    int64_t delay_ms; /* before the second restart in a row; 0: never wait */
    double factor;    /* ≥ 1; 1: the delay is fixed */
    double jitter;    /* 0 … 1 */
    int64_t cap_ms;
    int64_t cooldown_ms; /* from one restart to the next; 0: none */
    int64_t stable_ms;
    uint32_t max_restarts; /* an hour; 0: no bound */
    bool give_up;          /* at the budget: fatal instead of waiting */
};

/* For Belfry's own processes, which are never given up. */
#define RESTART_POLICY_OWN    \
    ((struct restart_policy){ \
        .delay_ms = 250, .factor = 2, .cap_ms = 30000, .stable_ms = 30000, .max_restarts = 60})

/* X(NAME): what happened */
#define RESTART_EVENTS(X)                                                     \
    X(STARTED) /* it runs, by whatever cause */                               \
    X(DIED)    /* it ended without being asked to, or could not be started */ \
    X(STOPPED) /* it ended because it was asked to */                         \
    X(RESET)   /* an operator forgives everything */
enum restart_event {
#define X(name) RESTART_##name,
    RESTART_EVENTS(X)
#undef X
};

enum restart_verdict { RESTART_NOTHING, RESTART_AT, RESTART_GIVE_UP };
struct restart_decision {
    enum restart_verdict verdict;
    int64_t at_ms;    /* RESTART_AT: not before this */
    bool over_budget; /* RESTART_AT: the wait is the budget's, not the delay's */
    bool in_row;      /* RESTART_AT: the wait is rule 2's, longer than rule 3 asks for */
    uint32_t row;     /* deaths in a row, this one included */
};

/* Starts by themselves, counted by the minute: 61 buckets cover every window of an hour. */
#define RESTART_BUCKETS 61
struct restart_state {
    int64_t started_ms;
    int64_t restarted_ms; /* the last start by itself; 0: none */
    int64_t minute;       /* of the newest bucket */
    uint32_t row;         /* deaths in a row */
    bool pending;         /* the next STARTED is a restart and uses the budget */
    bool running;
    uint16_t buckets[RESTART_BUCKETS]; /* [minute mod RESTART_BUCKETS] */
};

/* A zeroed state is a unit that never ran. now ≥ 0 and not before the last event. chance: in [0, 1), drawn by the
 * caller; used with DIED alone. */
struct restart_decision restart_step(const struct restart_policy *p, struct restart_state *s,
                                     enum restart_event event, int64_t now_ms, double chance);
/* Restarts in the last hour (of 60 to 61 minutes: whole buckets). */
uint32_t restart_used(const struct restart_state *s, int64_t now_ms);

#endif
