/* Heartbeats: what it means that a job has been heard, or not. Pure: state, event and time in, state and verdict out.
 *
 *   START --> a run is under way ──END good──> well; the next end is due a period (or by the cron expression) later
 *                                └─END bad───> down until a good end
 *   no end until due + grace ────────────────> late: down until any end
 *   a run longer than max_duration ──────────> down until it ends, or another run under its id begins
 *
 * A start does not move what is due: a job that begins and hangs is late in time. Runs are told apart by the id their caller gives
 * them; all without one are the same run. Times are the wall clock's, in ms, so that a state outlives restarts. */
#ifndef ALERT_HEARTBEAT_H
#define ALERT_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cron.h"
#include "base/zone.h"

#define HEARTBEAT_RUNS   16  /* under way at once; the oldest is forgotten for one more */
#define HEARTBEAT_ID_MAX 64  /* bytes of a run's id */
#define HEARTBEAT_SAID   300 /* bytes kept of what the last end said */

struct heartbeat_rule {
    int64_t period_ms;       /* 0: cron says when */
    const struct cron *cron; /* NULL: period_ms */
    const struct zone *zone; /* in which times are told; NULL: UTC */
    int64_t grace_ms;
    int64_t max_duration_ms; /* 0: what is due bounds a run */
};

enum heartbeat_kind { HEARTBEAT_START, HEARTBEAT_GOOD, HEARTBEAT_BAD, HEARTBEAT_NOTE };

struct heartbeat_event {
    enum heartbeat_kind kind;
    const char *id;      /* of the run; "": none given */
    const char *said;    /* a message, or the last line of its output; "" */
    int exit_code;       /* -1: not told */
    int64_t duration_ms; /* -1: not told, then since the start if that was heard */
};

struct heartbeat_run {
    char id[HEARTBEAT_ID_MAX + 1];
    int64_t started_ms;
};

struct heartbeat {
    int64_t waits_since_ms; /* made, or resumed */
    int64_t due_ms;         /* when the next end is expected; 0: never again */
    int64_t patient_ms;     /* nothing is late before that: Belfry could not be reached meanwhile */
    int64_t last_ms, last_good_ms; /* ends; 0: none yet */
    int64_t last_duration_ms;      /* -1: not known */
    int32_t last_exit;             /* -1: not told */
    bool bad;                      /* the last end was */
    char said[HEARTBEAT_SAID + 1];
    uint64_t ends; /* and notes, all of its life */
    struct heartbeat_run runs[HEARTBEAT_RUNS];
    int n_runs; /* in the order in which they began */
};

/* Begins to wait, or again after a pause: what ran before is forgotten, what the last end said stays. */
void heartbeat_wait(const struct heartbeat_rule *rule, struct heartbeat *st, int64_t now_ms);
/* The rule changed: what is due is worked out anew from the last end. */
void heartbeat_rule_changed(const struct heartbeat_rule *rule, struct heartbeat *st);
/* Belfry is back: a job that could not reach it gets its grace once more. */
void heartbeat_resume(const struct heartbeat_rule *rule, struct heartbeat *st, int64_t now_ms);

/* Something was heard. started_ms and duration_ms get what is known of the run that ended: 0 and -1 when nothing. */
void heartbeat_hear(const struct heartbeat_rule *rule, struct heartbeat *st,
                    const struct heartbeat_event *ev, int64_t now_ms, int64_t *started_ms,
                    int64_t *duration_ms);

enum heartbeat_verdict { HEARTBEAT_UNKNOWN, HEARTBEAT_WELL, HEARTBEAT_DOWN };
/* How it stands; message says why. UNKNOWN: nothing was heard yet, and nothing is late. */
enum heartbeat_verdict heartbeat_judge(const struct heartbeat_rule *rule,
                                       const struct heartbeat *st, int64_t now_ms,
                                       struct buf *message);
/* When the verdict may change with nothing heard; INT64_MAX: never. */
int64_t heartbeat_next(const struct heartbeat_rule *rule, const struct heartbeat *st,
                       int64_t now_ms);
/* From when on it is late; 0: never. */
int64_t heartbeat_late_ms(const struct heartbeat_rule *rule, const struct heartbeat *st);

#endif
