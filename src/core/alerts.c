/* Alerts in memory: the open ones, and closed ones as long as a delivery still has to tell of them. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"

struct live_alert {
    struct alert *alert;
    uint32_t holds;  /* pending deliveries that name it */
    int64_t rung_ms; /* its last bell; 0: none in this life of the core */
    bool again;      /* without a target: to ring again at its next step */
};

static void forget_if_over(struct core *c, struct live_alert *l)
{
    if (l->holds || l->alert->status == ALERT_FIRING)
        return;
    map_u64_del(c->alerts, l->alert->id);
    alert_free(l->alert);
    free(l);
}

const struct alert *core__alert(struct core *c, uint64_t id)
{
    struct live_alert *l = id ? map_u64_get(c->alerts, id) : NULL;
    return l ? l->alert : NULL;
}

void core__alert_put(struct core *c, const struct alert *a)
{
    struct live_alert *l = map_u64_get(c->alerts, a->id);
    if (!l) {
        l = calloc(1, sizeof(*l));
        must(l);
        map_u64_put(c->alerts, a->id, l);
    }
    struct alert *copy = alert_clone(a); /* before the old one goes: a may point into it */
    alert_free(l->alert);
    l->alert = copy;
}

size_t core__alerts_count(const struct core *c)
{
    return map_u64_count(c->alerts);
}

bool core__alerts_next(const struct core *c, size_t *it, uint64_t *id)
{
    void *value;
    return map_u64_next(c->alerts, it, id, &value);
}

const struct alert *core_alert_get(struct core *c, uint64_t id)
{
    check_magic(c, CORE_MAGIC);
    const struct alert *a = core__alert(c, id);
    return a && a->status == ALERT_FIRING ? a : NULL;
}

/* A target may have other labels today than those in its record. */
struct subject core__subject(struct core *c, const struct alert *a, struct target *as)
{
    const struct entry *e = a->target_id ? core__entry(c, a->target_id) : NULL;
    return e ? (struct subject){e->target, e->instance} : subject_of_alert(a, as);
}

void core__alert_rung(struct core *c, uint64_t id, int64_t now_ms)
{
    struct live_alert *l = map_u64_get(c->alerts, id);
    must(l);
    l->rung_ms = now_ms;
    l->again = false;
}

void core__alert_again(struct core *c, uint64_t id, int64_t starts_ms, int64_t ends_ms)
{
    struct live_alert *l = map_u64_get(c->alerts, id);
    must(l && starts_ms < ends_ms);
    if (l->rung_ms >= ends_ms || l->alert->fired_ms >= ends_ms)
        return;
    struct entry *e = l->alert->target_id ? core__entry(c, l->alert->target_id) : NULL;
    if (e)
        core__ring_again(c, e);
    else
        l->again = l->alert->suppressed == SUPPRESSED_NONE;
}

bool core__alert_is_due(const struct core *c, uint64_t id)
{
    const struct live_alert *l = id ? map_u64_get(c->alerts, id) : NULL;
    return l && (l->again || l->alert->suppressed != SUPPRESSED_NONE);
}

bool core__alert_take_again(struct core *c, uint64_t id)
{
    struct live_alert *l = id ? map_u64_get(c->alerts, id) : NULL;
    bool again = l && l->again;
    if (again)
        l->again = false;
    return again;
}

static int not_firing(uint64_t id, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "the alert %llu is not firing", (unsigned long long)id);
}

int core_alert_ack(struct core *c, uint64_t id, const char *by, const char *note, struct waiter *w,
                   struct err *err)
{
    const struct alert *a = core_alert_get(c, id);
    if (!a)
        return not_firing(id, err);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct alert changed = *a;
    changed.acked_ms = by ? clock_wall_ms() : 0;
    changed.acked_by = by ? by : "";
    changed.ack_note = by && note ? note : "";
    core__alert_changed(c, &changed, by ? "acknowledged" : "no longer acknowledged");
    core__commit_wait(c, w);
    return 0;
}

static size_t add_hold(struct core_hold *out, size_t n, const char *reason, const char *name)
{
    must(n < CORE_HOLDS_MAX);
    out[n] = (struct core_hold){.reason = reason, .name = name};
    return n + 1;
}

/* NULL: they could ring. */
static const char *channels_trouble(struct core *c, const struct id_list *ids)
{
    for (uint32_t i = 0; i < ids->n; i++) {
        const struct chan *ch = core__chan(c, ids->at[i]);
        if (ch && ch->channel->enabled)
            return NULL;
    }
    return ids->n ? "channel_disabled" : "no_channel";
}

size_t core_alert_holds(struct core *c, uint64_t alert_id, struct core_hold out[CORE_HOLDS_MAX])
{
    const struct alert *a = core_alert_get(c, alert_id);
    if (!a)
        return 0;
    struct target as;
    struct held held[CORE_HOLDS_MAX - 2];
    struct subject s = core__subject(c, a, &as);
    struct suppress_env env = core__suppress_env(c, &s);
    size_t n = suppress_all(&env, &s, clock_wall_ms(), held, array_len(held));
    for (size_t i = 0; i < n; i++)
        out[i] = (struct core_hold){suppression_name(held[i].why), held[i].by, held[i].id,
                                    held[i].until_ms};
    const char *trouble = s.target != &as ? channels_trouble(c, &s.target->channels)
                          : a->suppressed == SUPPRESSED_NO_CHANNEL ? "no_channel"
                                                                   : NULL;
    if (trouble)
        n = add_hold(out, n, trouble, "");
    if (a->acked_ms)
        n = add_hold(out, n, "acknowledged", a->acked_by);
    return n;
}

void core__alert_hold(struct core *c, uint64_t id)
{
    struct live_alert *l = map_u64_get(c->alerts, id);
    must(l);
    l->holds++;
}

void core__alert_unhold(struct core *c, uint64_t id)
{
    struct live_alert *l = map_u64_get(c->alerts, id);
    must(l && l->holds > 0);
    l->holds--;
    forget_if_over(c, l);
}

void core__alerts_free(struct core *c)
{
    uint64_t id;
    void *value;
    for (size_t it = 0; map_u64_next(c->alerts, &it, &id, &value);) {
        struct live_alert *l = value;
        alert_free(l->alert);
        free(l);
    }
    map_u64_free(c->alerts);
}
