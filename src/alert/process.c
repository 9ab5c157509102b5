/* See process.h. Pure. */
#include "alert/process.h"

#include <stdio.h>

#include "base/must.h"
#include "base/str.h"
#include "proc/supervisor.h"

_Static_assert(PROCESS_STATES == UNIT_FATAL + 1, "model/process.h counts the states");
_Static_assert(PROCESS_CAUSES == CAUSE_SPAWN + 1, "model/process.h counts the causes");

static const char *const openings[] = {
#define X(name, text) [TROUBLE_##name] = text,
    PROCESS_TROUBLES(X)
#undef X
};

static void add(struct process_verdicts *out, enum process_alarm_act act, const char *fmt, ...)
    printf_like(3, 4);

static void add(struct process_verdicts *out, enum process_alarm_act act, const char *fmt, ...)
{
    must(out->n < array_len(out->at));
    struct process_verdict *v = &out->at[out->n++];
    va_list ap;
    v->act = act;
    va_start(ap, fmt);
    vsnprintf(v->message, sizeof(v->message), fmt, ap);
    va_end(ap);
    v->message[utf8_whole(v->message, strlen(v->message))] = '\0';
}

/* Something bad: fires, or tells again when it is worse than what was told. */
static void trouble(struct process_alarm *a, enum process_trouble t, const char *detail,
                    int64_t at_ms, struct process_verdicts *out)
{
    must(t != TROUBLE_NONE && (size_t)t < array_len(openings));
    if (a->trouble == TROUBLE_NONE)
        a->since_ms = at_ms;
    else if (t <= a->trouble)
        return;
    add(out, a->trouble == TROUBLE_NONE ? ALARM_FIRE : ALARM_TELL_AGAIN, "%s%s%s", openings[t],
        *detail ? ": " : "", detail);
    a->trouble = t;
}

static void over(struct process_alarm *a, struct process_verdicts *out, const char *message)
{
    if (a->trouble == TROUBLE_NONE)
        return;
    a->trouble = TROUBLE_NONE;
    add(out, ALARM_RESOLVE, "%s", message);
}

static void works_again(struct process_alarm *a, int64_t at_ms, struct process_verdicts *out)
{
    char text[80];
    int64_t took = at_ms > a->since_ms ? at_ms - a->since_ms : 0;
    snprintf(text, sizeof(text), "restarted after %lld ms", (long long)took);
    over(a, out, text);
}

static uint32_t crashes_since(const struct process_alarm *a, int64_t from_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n_crashes && i < PROCESS_ALARM_CRASHES; i++)
        n += a->crashes[i] > from_ms;
    return n;
}

static enum process_trouble trouble_of(const struct process_alarm *a, const struct process_event *e)
{
    switch ((enum unit_cause)e->cause) {
    case CAUSE_PRE_START:
    case CAUSE_SPAWN:
    case CAUSE_START:
        return TROUBLE_RESTART_FAILED;
    case CAUSE_MEMORY:
    case CAUSE_FILES:
        return TROUBLE_BOUND;
    case CAUSE_HEALTH:
        return TROUBLE_HEALTH;
    default:
        /* In trouble already, and did not run since. */
        return a->trouble != TROUBLE_NONE && a->running_ms == 0 ? TROUBLE_RESTART_FAILED
                                                                : TROUBLE_CRASHED;
    }
}

static bool runs(uint32_t state)
{
    return state == UNIT_RUNNING || state == UNIT_READY;
}

static void died(struct process_alarm *a, const struct process_alarm_rule *rule,
                 const struct process_event *e, const char *status_text,
                 struct process_verdicts *out)
{
    char detail[PROCESS_REASON_MAX + 60];
    enum process_trouble t = trouble_of(a, e);
    a->crashes[a->n_crashes++ % PROCESS_ALARM_CRASHES] = e->at_ms;
    if (crashes_since(a, e->at_ms - rule->flap_window_ms) >= rule->flap_crashes)
        t = TROUBLE_FLAPPING;
    const char *why = *e->reason ? e->reason : status_text;
    if (e->to == UNIT_FATAL)
        t = TROUBLE_FATAL;
    a->given_up = false;
    if (t == TROUBLE_FATAL)
        snprintf(detail, sizeof(detail), "restarted %u times; last: %s", e->restarts, why);
    else if (t == TROUBLE_FLAPPING)
        snprintf(detail, sizeof(detail), "%u crashes in %lld min; last: %s", rule->flap_crashes,
                 (long long)(rule->flap_window_ms / 60000), why);
    else
        snprintf(detail, sizeof(detail), "%s", why);
    trouble(a, t, detail, e->at_ms, out);
    /* Told late: what replaced it runs already. */
    bool back = runs(e->to) && a->running_ms >= e->at_ms && a->running_ms != 0;
    if (!back)
        a->running_ms = 0;
    else if (a->trouble < TROUBLE_FLAPPING && !rule->oneshot)
        works_again(a, a->running_ms, out);
}

static void changed(struct process_alarm *a, const struct process_alarm_rule *rule,
                    const struct process_event *e, struct process_verdicts *out)
{
    if (a->trouble == TROUBLE_REFUSED && e->to != UNIT_UNKNOWN)
        over(a, out, "it is run now");
    if (runs(e->to)) {
        if (!runs(e->from))
            a->running_ms = e->at_ms;
        if (a->trouble == TROUBLE_FATAL || (a->trouble < TROUBLE_FLAPPING && !rule->oneshot))
            works_again(a, e->at_ms, out);
        return;
    }
    if (e->to == UNIT_STOPPED)
        over(a, out,
             rule->oneshot && (runs(e->from) || e->from == UNIT_STARTING) ? "it ended well"
                                                                          : "it was stopped");
    a->given_up = e->to == UNIT_FATAL; /* its death is told next, and why */
}

void process_alarm_event(struct process_alarm *a, const struct process_alarm_rule *rule,
                         const struct process_event *e, const char *status_text,
                         struct process_verdicts *out)
{
    must(rule->flap_crashes > 0 && rule->flap_crashes <= PROCESS_ALARM_CRASHES);
    out->n = 0;
    if (e->kind == PROCESS_STATE)
        changed(a, rule, e, out);
    else if (e->kind == PROCESS_REFUSED)
        trouble(a, TROUBLE_REFUSED, e->reason, e->at_ms, out);
    else if (e->failure)
        died(a, rule, e, status_text, out);
    must(out->n == 0 || (a->trouble != TROUBLE_NONE) == (out->at[out->n - 1].act != ALARM_RESOLVE));
}

void process_alarm_health(struct process_alarm *a, bool failing, const char *message,
                          int64_t now_ms, struct process_verdicts *out)
{
    out->n = 0;
    if (failing)
        trouble(a, TROUBLE_HEALTH, message, now_ms, out);
    else if (a->trouble == TROUBLE_HEALTH)
        over(a, out, "the health check succeeds again");
}

void process_alarm_accepted(struct process_alarm *a, struct process_verdicts *out)
{
    out->n = 0;
    if (a->trouble == TROUBLE_REFUSED)
        over(a, out, "it is accepted now");
}

void process_alarm_tick(struct process_alarm *a, const struct process_alarm_rule *rule, bool is_up,
                        int64_t now_ms, struct process_verdicts *out)
{
    out->n = 0;
    if (a->given_up)
        trouble(a, TROUBLE_FATAL, "", now_ms, out);
    a->given_up = false;
    if (a->trouble == TROUBLE_FLAPPING && is_up &&
        crashes_since(a, now_ms - rule->flap_window_ms) == 0)
        over(a, out, "no crash for as long as it was watched for flapping");
}

void process_alarm_found(struct process_alarm *a, const char *message, int64_t fired_ms,
                         int64_t now_ms)
{
    a->trouble = TROUBLE_CRASHED;
    a->since_ms = fired_ms;
    for (size_t t = TROUBLE_CRASHED; t < array_len(openings); t++)
        if (str_starts(str_of(message), str_of(openings[t])))
            a->trouble = (enum process_trouble)t;
    if (a->trouble == TROUBLE_FLAPPING) /* quiet counts from now */
        a->crashes[a->n_crashes++ % PROCESS_ALARM_CRASHES] = now_ms;
}
