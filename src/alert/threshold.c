/* Thresholds (threshold.h): the state machine of one target's health. Pure; called by judge.c for
 * each result, in the core and in the simulation. threshold_step is the only function that changes
 * status, fail_count, good_count, degraded and since_ms of a state. */
#include "alert/threshold.h"

#include "base/must.h"

#define LATE_MS_DEFAULT 60000

static bool is_late(const struct threshold_rule *rule, const struct target_state *st,
                    int64_t checked_ms)
{
    int64_t late_ms = rule->late_ms > 0 ? rule->late_ms : LATE_MS_DEFAULT;
    return checked_ms < st->last_checked_ms && st->last_checked_ms - checked_ms <= late_ms;
}

static unsigned move(struct target_state *st, enum target_status to, bool degraded, int64_t at_ms)
{
    must(!degraded || to == TARGET_HEALTHY);
    unsigned acts = st->status != to || st->degraded != degraded ? ACT_CHANGED : 0;
    if (st->status != to)
        st->since_ms = at_ms;
    st->status = to;
    st->degraded = degraded;
    return acts;
}

static bool reminder_due(const struct threshold_rule *rule, struct target_state *st, int64_t now_ms)
{
    if (rule->resend_interval_ms <= 0 || st->last_rung_ms == 0)
        return false;
    if (now_ms < st->last_rung_ms) /* the clock was set back: count from here */
        st->last_rung_ms = now_ms;
    return now_ms - st->last_rung_ms >= rule->resend_interval_ms;
}

static unsigned step_failure(const struct threshold_rule *rule, struct target_state *st,
                             int64_t checked_ms)
{
    if (st->fail_count < INT32_MAX)
        st->fail_count++;
    st->good_count = 0;
    bool down = st->fail_count >= rule->threshold || st->status == TARGET_UNHEALTHY;
    if (!down)
        return 0;
    unsigned acts = move(st, TARGET_UNHEALTHY, false, checked_ms);
    if (st->open_alert_id == 0)
        return acts | ACT_FIRE;
    return reminder_due(rule, st, checked_ms) ? acts | ACT_REMIND : acts;
}

static unsigned step_success(const struct threshold_rule *rule, struct target_state *st,
                             bool degraded, int64_t checked_ms)
{
    if (st->status == TARGET_UNHEALTHY && ++st->good_count < rule->success_threshold)
        return 0;
    st->fail_count = 0;
    st->good_count = 0;
    unsigned acts = move(st, TARGET_HEALTHY, degraded, checked_ms);
    return st->open_alert_id != 0 ? acts | ACT_RESOLVE : acts;
}

unsigned threshold_step(const struct threshold_rule *rule, struct target_state *st, bool success,
                        bool degraded, int64_t checked_ms, int64_t latency_us)
{
    must(rule->threshold >= 1);
    must(st->fail_count >= 0 && st->good_count >= 0);
    must(success || !degraded);
    if (st->status == TARGET_DISABLED || is_late(rule, st, checked_ms))
        return 0;
    st->last_checked_ms = checked_ms;
    st->last_latency_us = latency_us;
    if (!success)
        return step_failure(rule, st, checked_ms);
    return step_success(rule, st, degraded, checked_ms);
}
