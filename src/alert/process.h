/* When a supervised program rings: a pure function of (alarm, what happened, now), one alert a program.
 *
 *   quiet --crash, refused, health failing--> firing --it runs (a job: ends well), is stopped--> quiet
 *   firing --what happened is worse (restart failed, flapping, given up)--> firing, told again
 *   flapping: so many crashes within the window; stays firing, silently, until it ran for as long without a crash: one
 *             message instead of one a crash
 *   given up: stays until somebody starts or resets it
 *
 * Events of one death come in any order: the death may be told after its successor runs. Called by core/process_alert.c. */
#ifndef ALERT_PROCESS_H
#define ALERT_PROCESS_H

#include "model/process.h"

/* X(NAME, "how its message begins"), from the least to the worst */
#define PROCESS_TROUBLES(X)             \
    X(NONE, "")                         \
    X(CRASHED, "crashed")               \
    X(HEALTH, "health check fails")     \
    X(BOUND, "over its bound")          \
    X(RESTART_FAILED, "restart failed") \
    X(REFUSED, "not run")               \
    X(FLAPPING, "flapping")             \
    X(FATAL, "given up")
enum process_trouble {
#define X(name, text) TROUBLE_##name,
    PROCESS_TROUBLES(X)
#undef X
};

struct process_alarm_rule {
    uint32_t flap_crashes;  /* so many within … */
    int64_t flap_window_ms; /* … so long are flapping */
    bool oneshot;           /* that it runs is not enough: it must end well */
};
#define PROCESS_ALARM_RULE ((struct process_alarm_rule){5, 600000, false})

/* Zeroed: nothing is known of it. */
#define PROCESS_ALARM_CRASHES 8 /* ≥ flap_crashes */
struct process_alarm {
    enum process_trouble trouble;
    int64_t since_ms;   /* the first death of this outage */
    int64_t running_ms; /* when it last began to run; 0: it does not */
    bool given_up;      /* FATAL was told, but not yet after which death */
    int64_t crashes[PROCESS_ALARM_CRASHES];
    uint32_t n_crashes; /* in all; the newest is at (n_crashes - 1) mod PROCESS_ALARM_CRASHES */
};

enum process_alarm_act { ALARM_FIRE, ALARM_TELL_AGAIN, ALARM_RESOLVE };
struct process_verdict {
    enum process_alarm_act act;
    char message[PROCESS_REASON_MAX + 100];
};
/* What is to be done, in this order: 0, 1 or 2 (it crashed and runs again already). */
struct process_verdicts {
    struct process_verdict at[2];
    uint32_t n;
};

/* status_text: of a death, "killed by SIGKILL"; "" when unknown. */
void process_alarm_event(struct process_alarm *a, const struct process_alarm_rule *rule,
                         const struct process_event *e, const char *status_text,
                         struct process_verdicts *out);
/* Its health probe has failed often enough (failing), or succeeds. */
void process_alarm_health(struct process_alarm *a, bool failing, const char *message,
                          int64_t now_ms, struct process_verdicts *out);
/* The warden takes it after all. */
void process_alarm_accepted(struct process_alarm *a, struct process_verdicts *out);
/* Each few seconds while it fires. runs: as of now. */
void process_alarm_tick(struct process_alarm *a, const struct process_alarm_rule *rule, bool runs,
                        int64_t now_ms, struct process_verdicts *out);
/* An earlier life of the core left its alert open. */
void process_alarm_found(struct process_alarm *a, const char *message, int64_t fired_ms,
                         int64_t now_ms);

#endif
