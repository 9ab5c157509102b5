/* Alerts, deliveries and channels as plain data: names and deep copies. No state, any
 * thread. */
#include "model/alert.h"

#include <stdlib.h>

#include "base/must.h"
#include "model/pack.h"

const char *alert_status_name(enum alert_status s)
{
    must(s == ALERT_FIRING || s == ALERT_RESOLVED);
    return s == ALERT_FIRING ? "firing" : "resolved";
}

const char *suppression_name(enum suppression s)
{
    static const char *const names[] = {
#define X(name, text) [SUPPRESSED_##name] = text,
        SUPPRESSIONS(X)
#undef X
    };
    must((size_t)s < array_len(names));
    return names[s];
}

const char *delivery_state_name(enum delivery_state s)
{
    static const char *const names[] = {"pending", "sent", "failed"};
    must((size_t)s < array_len(names));
    return names[s];
}

static void copy_alert(struct pack *k, const void *of)
{
    const struct alert *from = of;
    struct alert a = *from;
    struct alert *home = pack_mem(k, from, sizeof(*from));
    a.labels = pack_mem(k, from->labels, from->n_labels * sizeof(*from->labels));
    a.target_name = pack_str(k, from->target_name);
    a.target_type = pack_str(k, from->target_type);
    a.group = pack_str(k, from->group);
    a.instance = pack_str(k, from->instance);
    a.message = pack_str(k, from->message);
    a.suppressed_by = pack_str(k, from->suppressed_by);
    a.acked_by = pack_str(k, from->acked_by);
    a.ack_note = pack_str(k, from->ack_note);
    for (uint32_t i = 0; i < a.n_labels; i++) {
        struct label l = {pack_str(k, from->labels[i].name), pack_str(k, from->labels[i].value)};
        if (k->block)
            a.labels[i] = l;
    }
    if (k->block)
        *home = a;
}

struct alert *alert_clone(const struct alert *a)
{
    must(a != NULL);
    must(a->n_labels == 0 || a->labels != NULL);
    return pack_clone(a, copy_alert);
}

void alert_free(struct alert *a)
{
    free(a);
}

static void copy_channel(struct pack *k, const void *of)
{
    const struct channel *from = of;
    struct channel c = *from;
    struct channel *home = pack_mem(k, from, sizeof(*from));
    c.name = pack_str(k, from->name);
    c.type = pack_str(k, from->type);
    c.webhook_url = pack_str(k, from->webhook_url);
    c.config_json = pack_str(k, from->config_json);
    if (k->block)
        *home = c;
}

struct channel *channel_clone(const struct channel *c)
{
    must(c != NULL);
    return pack_clone(c, copy_channel);
}

void channel_free(struct channel *c)
{
    free(c);
}
