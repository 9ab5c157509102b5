/* Executes what the judge (alert/judge.h) decided: into the batch, into memory, onto the page, into the logs. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/inner.h"

/* What the judge's questions are answered from: the core, and the target that is judged (NULL: Belfry's own). */
struct judging {
    struct core *core;
    struct entry *entry;
};

static uint64_t next_id(void *arg, enum judge_id what)
{
    struct core *c = ((struct judging *)arg)->core;
    return what == JUDGE_ALERT_ID ? ++c->ids.alert : ++c->ids.delivery;
}

static const struct target *find_target(void *arg, uint64_t id, const struct target_state **st)
{
    struct entry *e = core__entry(arg, id);
    if (!e)
        return NULL;
    *st = &e->state;
    return e->target;
}

/* What is no target hangs on no network: a program of this machine, a rule. */
struct suppress_env core__suppress_env(struct core *c, const struct subject *s)
{
    struct suppress_env env = {
        .find = find_target,
        .arg = c,
        .windows = c->windows.at,
        .n_windows = c->windows.n,
        .references = s->target->id ? c->references : (struct id_list){0},
    };
    env.silences = core__silences(c, &env.n_silences);
    return env;
}

static enum suppression suppressed(void *arg, const struct subject *s, int64_t checked_ms,
                                   int64_t now_ms, struct held *by)
{
    struct suppress_env env = core__suppress_env(((struct judging *)arg)->core, s);
    return suppress_find(&env, s, checked_ms, now_ms, by);
}

static bool told(void *arg, uint64_t alert_id, struct id_list *out)
{
    const struct entry *e = ((struct judging *)arg)->entry;
    if (!e || e->told.n == 0)
        return false;
    must(e->state.open_alert_id == alert_id || e->state.open_alert_id == 0);
    *out = e->told;
    return true;
}

static struct judge_env judge_env(struct judging *j)
{
    return (struct judge_env){.arg = j, .next_id = next_id, .suppressed = suppressed, .told = told};
}

static void remember_told(struct entry *e, uint64_t channel_id)
{
    for (uint32_t i = 0; i < e->told.n; i++)
        if (e->told.at[i] == channel_id)
            return;
    e->told.at = realloc(e->told.at, (e->told.n + 1) * sizeof(uint64_t));
    must(e->told.at);
    e->told.at[e->told.n++] = channel_id;
}

static void add_deliveries(struct core *c, struct entry *e, const struct judge_actions *act)
{
    for (size_t i = 0; i < act->n_deliveries; i++) {
        const struct delivery *d = &act->deliveries[i];
        if (!core__chan(c, d->channel_id))
            continue; /* the channel was removed */
        batch_delivery_put(core__batch(c), d);
        core__delivery_keep(c, d);
        core__commit_release(c, d->id);
        if (d->kind != EVENT_RESOLVED)
            core__alert_rung(c, d->alert_id, d->created_ms);
        if (e && d->kind == EVENT_FIRED)
            remember_told(e, d->channel_id);
    }
}

/* It is kept while it is open or must still be told. */
void core__alert_changed(struct core *c, const struct alert *a, const char *what)
{
    batch_alert_put(core__batch(c), a);
    core__alert_put(c, a);
    a = core__alert(c, a->id); /* the old one, from which it borrowed, is gone */
    core__event_alert(c, a);
    core__log_alert(c, a, what);
}

static void execute(struct core *c, struct entry *e, const struct judge_actions *act)
{
    if (act->alert)
        core__alert_changed(c, act->alert, alert_status_name(act->alert->status));
    add_deliveries(c, e, act);
    if (act->alert) { /* a closed one nobody must hear of is forgotten here */
        core__alert_hold(c, act->alert->id);
        core__alert_unhold(c, act->alert->id);
    }
    c->stats.alerts_fired += (act->acts & ACT_FIRE) != 0;
    c->stats.alerts_resolved += (act->acts & ACT_RESOLVE) != 0;
    if (e && act->acts & ACT_RESOLVE)
        e->told.n = 0;
    if (act->alert || act->n_deliveries)
        core__commit_now(c);
}

static void set_message(struct entry *e, const char *message)
{
    if (e->last_message && strcmp(e->last_message, message) == 0)
        return;
    free(e->last_message);
    e->last_message = strdup(message);
    must(e->last_message);
}

/* What is said of one that is down and good again, but not for long enough. */
static const char *recovering(const struct target_state *st, const struct target *t,
                              const char *message, struct arena *a)
{
    if (st->good_count == 0)
        return message;
    return arena_printf(a, "good again, %d of %d times in a row: %s", st->good_count,
                        t->success_threshold, message);
}

void core__judge(struct core *c, struct entry *e, const struct result *r)
{
    struct arena *a = arena_new();
    struct judging j = {c, e};
    struct judge_env env = judge_env(&j);
    struct target one = *e->target;
    if (e->inner ||
        e->located) /* grace, quorum and the places' own thresholds are patience enough */
        one.threshold = one.success_threshold = 1;
    struct judge_case cs = {&one, &e->state, core__alert(c, e->state.open_alert_id), e->instance};
    struct judge_seen seen = {r->success, result_degraded(r), r->message, r->checked_ms,
                              r->latency_us};
    if (result_degraded(r))
        seen.message = r->warnings[0];
    struct judge_actions act = {0};
    judge_result(&env, &cs, &seen, clock_wall_ms(), a, &act);
    set_message(e, recovering(&e->state, &one, seen.message, a));
    bool changed = (act.acts & ACT_CHANGED) != 0;
    batch_result(core__batch(c), ++c->ids.result, r, !r->success || r->n_warnings || changed);
    execute(c, e, &act);
    batch_target_state(core__batch(c), e->target->id, &e->state, e->last_message);
    core__index_live(c, e);
    core__event_result(c, e, r);
    if (changed) {
        core__event_target(c, e);
        core__log_health(c, e, seen.message);
        core__inner_member(c, e);
    }
    arena_free(a);
}

void core__close_alert(struct core *c, struct entry *e, enum target_status status,
                       const char *message)
{
    struct arena *a = arena_new();
    struct judging j = {c, e};
    struct judge_env env = judge_env(&j);
    struct judge_case cs = {e->target, &e->state, core__alert(c, e->state.open_alert_id),
                            e->instance};
    struct judge_actions act = {0};
    judge_close(&env, &cs, status, message, clock_wall_ms(), a, &act);
    execute(c, e, &act);
    batch_target_state(core__batch(c), e->target->id, &e->state, e->last_message);
    core__index_live(c, e);
    core__inner_member(c, e);
    arena_free(a);
}

typedef void judge_fn(const struct judge_env *env, const struct judge_case *c, int64_t now_ms,
                      struct arena *a, struct judge_actions *out);

static void judge_open(struct core *c, struct entry *e, judge_fn *fn)
{
    struct arena *a = arena_new();
    struct judging j = {c, e};
    struct judge_env env = judge_env(&j);
    struct judge_case cs = {e->target, &e->state, core__alert(c, e->state.open_alert_id),
                            e->instance};
    struct judge_actions act = {0};
    fn(&env, &cs, clock_wall_ms(), a, &act);
    execute(c, e, &act);
    if (act.alert || act.n_deliveries)
        batch_target_state(core__batch(c), e->target->id, &e->state, e->last_message);
    arena_free(a);
}

void core__ring_again(struct core *c, struct entry *e)
{
    judge_open(c, e, judge_again);
}

void core__recheck_waiting(struct core *c)
{
    size_t n = 0, room = map_u64_count(c->alerts);
    uint64_t *ids = malloc((room + 1) * sizeof(*ids)), id;
    void *value;
    must(ids);
    /* Collected first: a recheck may add and forget alerts. */
    for (size_t it = 0; map_u64_next(c->alerts, &it, &id, &value);)
        ids[n++] = core__alert(c, id)->target_id;
    must(n == room);
    for (size_t i = 0; i < n; i++) {
        struct entry *e = ids[i] ? core__entry(c, ids[i]) : NULL;
        if (e && e->state.open_alert_id && judge_waiting(&e->state))
            judge_open(c, e, judge_recheck);
    }
    free(ids);
}

struct id_list core__all_channels(struct core *c, struct arena *a)
{
    struct id_list ids = {arena_array_of(a, uint64_t, c->channel_order.n + 1), 0};
    vec_each (&c->channel_order, it)
        if ((*it)->channel->enabled)
            ids.at[ids.n++] = (*it)->channel->id;
    return ids;
}

void core__judge_own(struct core *c, const struct judge_own *own, uint64_t *open, bool failing,
                     const char *message, struct arena *a)
{
    struct judging j = {c, NULL};
    struct judge_env env = judge_env(&j);
    struct judge_actions act = {0};
    struct judge_own asked = *own;
    const struct alert *alert = core__alert(c, *open);
    if (failing && core__alert_take_again(c, *open)) {
        asked.resend = true; /* a silence is over */
        message = own->again ? message : alert->message;
    }
    judge_own_alert(&env, &asked, alert, failing, message, clock_wall_ms(), a, &act);
    if (act.alert)
        *open = act.alert->status == ALERT_FIRING ? act.alert->id : 0;
    execute(c, NULL, &act);
}

void core__own_alert(struct core *c, uint64_t *open, const char *name, bool failing,
                     const char *message)
{
    struct arena *a = arena_new();
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    struct judge_own own = {.name = name,
                            .type = "belfry",
                            .group = "belfry",
                            .instance = host,
                            .channels = core__all_channels(c, a)};
    core__judge_own(c, &own, open, failing, message, a);
    arena_free(a);
}
