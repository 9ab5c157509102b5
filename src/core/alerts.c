/* Alerts in memory: the open ones, and closed ones as long as a delivery still has to tell of them. Main loop. */
#include <stdlib.h>

#include "core/core_priv.h"

struct live_alert {
    struct alert *alert;
    uint32_t holds; /* pending deliveries that name it */
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
