/* Judge (judge.h): results to alerts and deliveries. Pure; runs on the core's main thread and in the
 * simulation. An alert "has rung" when its target's last_rung_ms is not 0; only ring() sets it. */
#include "alert/judge.h"

#include <string.h>

#include "base/must.h"

static struct alert *alert_copy(struct arena *a, const struct alert *from)
{
    return arena_memdup(a, from, sizeof(*from));
}

/* The record of the open alert to write anew; made up from the target if the caller lost it. */
static struct alert *alert_of_case(const struct judge_case *c, struct arena *a, int64_t now_ms)
{
    must(c->state->open_alert_id != 0);
    if (c->open != NULL) {
        must(c->open->id == c->state->open_alert_id);
        return alert_copy(a, c->open);
    }
    const struct target *t = c->target;
    struct alert *alert = arena_new_of(a, struct alert);
    *alert = (struct alert){
        .id = c->state->open_alert_id,
        .target_id = t->id,
        .target_name = t->name,
        .target_type = t->type,
        .group = t->group,
        .instance = c->instance != NULL ? c->instance : "",
        .labels = t->labels,
        .n_labels = t->n_labels,
        .status = ALERT_FIRING,
        .message = "",
        .fail_count = c->state->fail_count,
        .fired_ms = now_ms,
        .suppressed_by = "",
    };
    return alert;
}

static void deliver(const struct judge_env *env, const struct id_list *channels,
                    const struct alert *alert, enum event_kind kind, int64_t now_ms,
                    struct arena *a, struct judge_actions *out)
{
    must(out->n_deliveries == 0);
    must(alert->id != 0);
    if (channels->n == 0)
        return;
    out->deliveries = arena_array_of(a, struct delivery, channels->n);
    const char *group =
        arena_strdup(a, alert->group); /* the old record may go before these are used */
    for (uint32_t i = 0; i < channels->n; i++) {
        out->deliveries[out->n_deliveries++] = (struct delivery){
            .id = env->next_id(env->arg, JUDGE_DELIVERY_ID),
            .channel_id = channels->at[i],
            .alert_id = alert->id,
            .kind = kind,
            .group = group,
            .state = DELIVERY_PENDING,
            .created_ms = now_ms,
            .answer = "",
        };
    }
}

static struct held why_silent(const struct judge_env *env, const struct subject *s,
                              int64_t checked_ms, int64_t now_ms)
{
    struct held by = {SUPPRESSED_NONE, "", 0, 0};
    if (env->suppressed != NULL)
        by.why = env->suppressed(env->arg, s, checked_ms, now_ms, &by);
    if (by.why == SUPPRESSED_NONE && s->target->channels.n == 0)
        by.why = SUPPRESSED_NO_CHANNEL;
    return by;
}

static struct held why_case_silent(const struct judge_env *env, const struct judge_case *c,
                                   int64_t checked_ms, int64_t now_ms)
{
    struct subject s = {c->target, c->instance};
    return why_silent(env, &s, checked_ms, now_ms);
}

static void set_held(struct alert *alert, const struct held *by)
{
    must(by->why == SUPPRESSED_NONE || by->by != NULL);
    alert->suppressed = by->why;
    alert->suppressed_by = by->by;
    alert->suppressed_id = by->id;
}

static bool same_held(const struct alert *alert, const struct held *by)
{
    return alert->suppressed == by->why && alert->suppressed_id == by->id &&
           strcmp(alert->suppressed_by, by->by) == 0;
}

/* Rings for an alert that is firing, or records why not. at_ms counts for resend_interval. */
static void ring(const struct judge_env *env, const struct judge_case *c, struct alert *alert,
                 int64_t at_ms, int64_t now_ms, struct arena *a, struct judge_actions *out)
{
    must(c->state->last_rung_ms == 0);
    must(alert->status == ALERT_FIRING);
    struct held by = why_case_silent(env, c, c->state->last_checked_ms, now_ms);
    set_held(alert, &by);
    out->alert = alert;
    if (alert->suppressed != SUPPRESSED_NONE)
        return;
    c->state->last_rung_ms = at_ms > 0 ? at_ms : 1;
    deliver(env, &c->target->channels, alert, EVENT_FIRED, now_ms, a, out);
}

static void fire(const struct judge_env *env, const struct judge_case *c,
                 const struct judge_seen *seen, int64_t now_ms, struct arena *a,
                 struct judge_actions *out)
{
    struct target_state *st = c->state;
    must(st->open_alert_id == 0);
    st->open_alert_id = env->next_id(env->arg, JUDGE_ALERT_ID);
    st->last_rung_ms = 0;
    struct judge_case fresh = {c->target, st, NULL, c->instance};
    struct alert *alert = alert_of_case(&fresh, a, seen->checked_ms);
    alert->message = seen->message;
    ring(env, c, alert, seen->checked_ms, now_ms, a, out);
}

/* A failing result of an alert that was suppressed so far. Nothing is written while nothing changes. */
static void try_silent(const struct judge_env *env, const struct judge_case *c, const char *message,
                       int64_t at_ms, int64_t now_ms, struct arena *a, struct judge_actions *out)
{
    struct held by = why_case_silent(env, c, c->state->last_checked_ms, now_ms);
    if (c->open != NULL && by.why != SUPPRESSED_NONE && same_held(c->open, &by))
        return;
    struct alert *alert = alert_of_case(c, a, at_ms);
    alert->fail_count = c->state->fail_count;
    if (message != NULL)
        alert->message = message;
    ring(env, c, alert, at_ms, now_ms, a, out);
}

/* Not what is held back now, and not what somebody looks after. */
static void remind(const struct judge_env *env, const struct judge_case *c, int64_t checked_ms,
                   int64_t now_ms, struct arena *a, struct judge_actions *out)
{
    bool acked = c->open != NULL && c->open->acked_ms != 0;
    if (acked || why_case_silent(env, c, checked_ms, now_ms).why != SUPPRESSED_NONE) {
        out->acts &= ~(unsigned)ACT_REMIND;
        return;
    }
    c->state->last_rung_ms = checked_ms > 0 ? checked_ms : 1;
    struct alert *alert = alert_of_case(c, a, checked_ms);
    alert->fail_count = c->state->fail_count;
    out->alert = alert;
    deliver(env, &c->target->channels, alert, EVENT_REMINDER, now_ms, a, out);
}

static void resolve(const struct judge_env *env, const struct judge_case *c, const char *message,
                    int32_t fail_count, int64_t at_ms, int64_t now_ms, struct arena *a,
                    struct judge_actions *out)
{
    struct target_state *st = c->state;
    struct alert *alert = alert_of_case(c, a, at_ms);
    alert->status = ALERT_RESOLVED;
    alert->message = message;
    alert->fail_count = fail_count;
    /* A clock that was set back must not give an outage of negative length. */
    alert->resolved_ms = at_ms > alert->fired_ms ? at_ms : alert->fired_ms;
    out->alert = alert;
    bool rung = st->last_rung_ms != 0;
    st->open_alert_id = 0;
    st->last_rung_ms = 0;
    if (!rung)
        return;
    struct id_list told;
    if (env->told == NULL || !env->told(env->arg, alert->id, &told))
        told = c->target->channels;
    deliver(env, &told, alert, EVENT_RESOLVED, now_ms, a, out);
}

bool judge_waiting(const struct target_state *st)
{
    return st->open_alert_id != 0 && st->last_rung_ms == 0;
}

static struct threshold_rule rule_of(const struct target *t)
{
    int64_t span = t->timeout_ms * (t->attempts > 0 ? t->attempts : 1);
    if (t->burst.times > 0)
        span = (t->timeout_ms + t->burst.delta_ms) * t->burst.times;
    return (struct threshold_rule){
        .threshold = t->threshold > 0 ? t->threshold : 1,
        .success_threshold = t->success_threshold,
        .resend_interval_ms = t->resend_interval_ms,
        .late_ms = span,
    };
}

void judge_result(const struct judge_env *env, const struct judge_case *c,
                  const struct judge_seen *seen, int64_t now_ms, struct arena *a,
                  struct judge_actions *out)
{
    struct target_state *st = c->state;
    must(env->next_id != NULL);
    must(c->open == NULL || c->open->id == st->open_alert_id);
    *out = (struct judge_actions){0};
    int32_t fails = st->fail_count;
    struct threshold_rule rule = rule_of(c->target);
    out->acts = threshold_step(&rule, st, seen->success, seen->degraded, seen->checked_ms,
                               seen->latency_us);
    if (out->acts & ACT_FIRE)
        fire(env, c, seen, now_ms, a, out);
    else if (out->acts & ACT_RESOLVE)
        resolve(env, c, seen->message, fails, seen->checked_ms, now_ms, a, out);
    else if (out->acts & ACT_REMIND)
        remind(env, c, seen->checked_ms, now_ms, a, out);
    else if (judge_waiting(st) && st->fail_count > fails)
        try_silent(env, c, seen->message, seen->checked_ms, now_ms, a, out);
    must(!(out->acts & ACT_FIRE) || out->alert != NULL);
}

void judge_recheck(const struct judge_env *env, const struct judge_case *c, int64_t now_ms,
                   struct arena *a, struct judge_actions *out)
{
    must(c->open == NULL || c->open->id == c->state->open_alert_id);
    *out = (struct judge_actions){0};
    if (judge_waiting(c->state) && c->state->fail_count > 0 && c->state->status == TARGET_UNHEALTHY)
        try_silent(env, c, NULL, now_ms, now_ms, a, out);
}

void judge_again(const struct judge_env *env, const struct judge_case *c, int64_t now_ms,
                 struct arena *a, struct judge_actions *out)
{
    must(c->open == NULL || c->open->id == c->state->open_alert_id);
    *out = (struct judge_actions){0};
    if (c->state->open_alert_id == 0 || c->state->last_rung_ms == 0 ||
        c->state->status != TARGET_UNHEALTHY || c->state->fail_count == 0)
        return;
    out->acts = ACT_REMIND;
    remind(env, c, now_ms, now_ms, a, out);
}

void judge_close(const struct judge_env *env, const struct judge_case *c, enum target_status status,
                 const char *message, int64_t now_ms, struct arena *a, struct judge_actions *out)
{
    struct target_state *st = c->state;
    must(status == TARGET_DISABLED || status == TARGET_UNKNOWN);
    *out = (struct judge_actions){0};
    if (st->status != status) {
        out->acts = ACT_CHANGED;
        st->since_ms = now_ms;
    }
    if (st->open_alert_id != 0) {
        out->acts |= ACT_RESOLVE;
        resolve(env, c, message, st->fail_count, now_ms, now_ms, a, out);
    }
    st->status = status;
    st->degraded = false;
    st->fail_count = 0;
    st->good_count = 0;
}

static struct held own_silent(const struct judge_env *env, const struct judge_own *own,
                              int64_t now_ms)
{
    const struct target as = {
        .name = own->name,
        .type = own->type,
        .group = own->group,
        .channels = own->channels,
        .labels = (struct label *)(uintptr_t)own->labels, /* only read */
        .n_labels = own->n_labels,
    };
    const struct subject s = {&as, own->instance};
    struct judge_env asked = *env;
    if (!own->suppressible)
        asked.suppressed = NULL;
    return why_silent(&asked, &s, now_ms, now_ms);
}

static struct alert *own_new(const struct judge_env *env, const struct judge_own *own,
                             int64_t now_ms, struct arena *a)
{
    struct alert *alert = arena_new_of(a, struct alert);
    *alert = (struct alert){
        .id = env->next_id(env->arg, JUDGE_ALERT_ID),
        .target_name = own->name,
        .target_type = own->type,
        .group = own->group,
        .instance = own->instance,
        .labels = (struct label *)(uintptr_t)own->labels, /* only read */
        .n_labels = own->n_labels,
        .status = ALERT_FIRING,
        .fail_count = 1,
        .fired_ms = now_ms,
    };
    struct held by = own_silent(env, own, now_ms);
    set_held(alert, &by);
    return alert;
}

/* It fires already: what was suppressed may ring now, what became worse rings again, and the same does when its time has
 * come and nobody looks after it. */
static void own_goes_on(const struct judge_env *env, const struct judge_own *own,
                        const struct alert *open, const char *message, int64_t now_ms,
                        struct arena *a, struct judge_actions *out)
{
    bool again = own->again || (own->resend && open->acked_ms == 0);
    bool was_silent = open->suppressed != SUPPRESSED_NONE;
    struct held by = own_silent(env, own, now_ms);
    bool rings_late = was_silent && by.why == SUPPRESSED_NONE;
    if (!again && !rings_late)
        return;
    struct alert *alert = alert_copy(a, open);
    alert->fail_count += again;
    if (again)
        alert->message = message;
    if (was_silent)
        set_held(alert, &by);
    out->alert = alert;
    out->acts = rings_late ? 0 : ACT_REMIND;
    if (by.why == SUPPRESSED_NONE)
        deliver(env, &own->channels, alert, rings_late ? EVENT_FIRED : EVENT_REMINDER, now_ms, a,
                out);
}

void judge_own_alert(const struct judge_env *env, const struct judge_own *own,
                     const struct alert *open, bool failing, const char *message, int64_t now_ms,
                     struct arena *a, struct judge_actions *out)
{
    must(open == NULL || open->target_id == 0);
    *out = (struct judge_actions){0};
    if (failing && open != NULL)
        own_goes_on(env, own, open, message, now_ms, a, out);
    if (failing == (open != NULL))
        return;
    struct alert *alert = failing ? own_new(env, own, now_ms, a) : alert_copy(a, open);
    struct id_list channels = own->channels;
    if (!failing) {
        alert->status = ALERT_RESOLVED;
        alert->resolved_ms = now_ms > alert->fired_ms ? now_ms : alert->fired_ms;
        if (alert->suppressed != SUPPRESSED_NONE)
            channels.n = 0;
        else if (env->told != NULL && !env->told(env->arg, alert->id, &channels))
            channels = own->channels;
    }
    alert->message = message;
    out->acts = failing ? ACT_FIRE : ACT_RESOLVE;
    out->alert = alert;
    if (failing && alert->suppressed != SUPPRESSED_NONE)
        channels.n = 0;
    deliver(env, &channels, alert, failing ? EVENT_FIRED : EVENT_RESOLVED, now_ms, a, out);
}
