/* Judge (judge.h): results to alerts and deliveries. Pure; runs on the core's main thread and in the
 * simulation. An alert "has rung" when its target's last_rung_ms is not 0; only ring() sets it. */
#include "alert/judge.h"

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

static enum suppression why_silent(const struct judge_env *env, const struct target *t,
                                   int64_t checked_ms, int64_t now_ms, const char **by)
{
    *by = "";
    enum suppression s = SUPPRESSED_NONE;
    if (env->suppressed != NULL)
        s = env->suppressed(env->arg, t, checked_ms, now_ms, by);
    if (s == SUPPRESSED_NONE && t->channels.n == 0)
        return SUPPRESSED_NO_CHANNEL;
    return s;
}

/* Rings for an alert that is firing, or records why not. at_ms counts for resend_interval. */
static void ring(const struct judge_env *env, const struct judge_case *c, struct alert *alert,
                 int64_t at_ms, int64_t now_ms, struct arena *a, struct judge_actions *out)
{
    must(c->state->last_rung_ms == 0);
    must(alert->status == ALERT_FIRING);
    alert->suppressed =
        why_silent(env, c->target, c->state->last_checked_ms, now_ms, &alert->suppressed_by);
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
    const char *by;
    enum suppression s = why_silent(env, c->target, c->state->last_checked_ms, now_ms, &by);
    if (c->open != NULL && s != SUPPRESSED_NONE && s == c->open->suppressed)
        return;
    struct alert *alert = alert_of_case(c, a, at_ms);
    alert->fail_count = c->state->fail_count;
    if (message != NULL)
        alert->message = message;
    ring(env, c, alert, at_ms, now_ms, a, out);
}

static void remind(const struct judge_env *env, const struct judge_case *c,
                   const struct judge_seen *seen, int64_t now_ms, struct arena *a,
                   struct judge_actions *out)
{
    const char *by;
    if (why_silent(env, c->target, seen->checked_ms, now_ms, &by) != SUPPRESSED_NONE) {
        out->acts &= ~(unsigned)ACT_REMIND;
        return;
    }
    c->state->last_rung_ms = seen->checked_ms > 0 ? seen->checked_ms : 1;
    struct alert *alert = alert_of_case(c, a, seen->checked_ms);
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
        remind(env, c, seen, now_ms, a, out);
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
}

static enum suppression own_silent(const struct judge_env *env, const struct judge_own *own,
                                   int64_t now_ms, const char **by)
{
    const struct target as = {
        .name = own->name, .type = own->type, .group = own->group, .channels = own->channels};
    struct judge_env asked = *env;
    if (!own->suppressible)
        asked.suppressed = NULL;
    return why_silent(&asked, &as, now_ms, now_ms, by);
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
    alert->suppressed = own_silent(env, own, now_ms, &alert->suppressed_by);
    return alert;
}

/* It fires already: what was suppressed may ring now, what became worse rings again. */
static void own_goes_on(const struct judge_env *env, const struct judge_own *own,
                        const struct alert *open, const char *message, int64_t now_ms,
                        struct arena *a, struct judge_actions *out)
{
    const char *by;
    bool was_silent = open->suppressed != SUPPRESSED_NONE;
    enum suppression s = own_silent(env, own, now_ms, &by);
    bool rings_late = was_silent && s == SUPPRESSED_NONE;
    if (!own->again && !rings_late)
        return;
    struct alert *alert = alert_copy(a, open);
    alert->fail_count += own->again;
    if (own->again)
        alert->message = message;
    if (was_silent) {
        alert->suppressed = s;
        alert->suppressed_by = by;
    }
    out->alert = alert;
    out->acts = rings_late ? 0 : ACT_REMIND;
    if (s == SUPPRESSED_NONE)
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
