/* See resources.h. Pure functions over plain data. */
#include "core/resources.h"

#include "config/option.h"
#include "notify/channel.h"
#include "probe/prober.h"

static void put_id_list(struct json *j, const char *key, const struct id_list *ids)
{
    json_karr(j, key);
    for (uint32_t i = 0; i < ids->n; i++)
        json_uint(j, ids->at[i]);
    json_end(j);
}

static void put_labels(struct json *j, const struct label *labels, uint32_t n)
{
    json_kobj(j, "labels");
    for (uint32_t i = 0; i < n; i++)
        json_kstr(j, labels[i].name, labels[i].value);
    json_end(j);
}

/* A stored configuration with its secrets masked. */
static void put_config(struct json *j, const char *key, const char *config_json,
                       const struct option *options)
{
    struct arena *a = arena_new();
    struct node *n = node_from_json(a, config_json, strlen(config_json), NULL);
    json_key(j, key);
    if (n && options)
        node_to_json(options_mask(options, n, a), j);
    else {
        json_obj(j);
        json_end(j);
    }
    arena_free(a);
}

/* Whole seconds as a whole number, else a fraction. */
static void put_seconds(struct json *j, const char *key, int64_t ms)
{
    if (ms % 1000 == 0)
        json_kint(j, key, ms / 1000);
    else
        json_kf64(j, key, (double)ms / 1000);
}

static void put_spec(const struct target *t, struct json *j)
{
    const struct prober_ops *ops = prober_by_type(t->type);
    json_kuint(j, "id", t->id);
    json_kstr(j, "name", t->name);
    json_kstr(j, "type", t->type);
    json_kstr(j, "group", t->group);
    put_config(j, "config", t->config_json, ops ? ops->options : NULL);
    put_seconds(j, "interval_seconds", t->interval_ms);
    put_seconds(j, "timeout_seconds", t->timeout_ms);
    put_seconds(j, "connect_timeout_seconds", t->connect_timeout_ms);
    json_kint(j, "attempts", t->attempts);
    json_kint(j, "threshold", t->threshold);
    put_seconds(j, "resend_interval_seconds", t->resend_interval_ms);
    if (t->burst.times > 0) {
        json_kobj(j, "burst");
        json_kint(j, "times", t->burst.times);
        put_seconds(j, "delta_seconds", t->burst.delta_ms);
        json_kf64(j, "min_success", t->burst.min_success);
        put_seconds(j, "max_mean_seconds", t->burst.max_mean_ms);
        json_end(j);
    }
    json_kbool(j, "enabled", t->enabled);
    put_labels(j, t->labels, t->n_labels);
    put_id_list(j, "notify_channel_ids", &t->channels);
    put_id_list(j, "depends_on", &t->depends_on);
    json_kstr(j, "source", t->source == SOURCE_FILE ? "file" : "api");
    json_ktime(j, "created_at", t->created_ms);
    json_ktime(j, "updated_at", t->updated_ms);
}

void target_json(const struct core_target *t, struct json *j)
{
    target_json_open(t, j);
    json_end(j);
}

void target_json_open(const struct core_target *t, struct json *j)
{
    json_obj(j);
    put_spec(t->target, j);
    json_kstr(j, "status", target_status_name(core_target_status(t)));
    json_kbool(j, "degraded", t->state.degraded);
    json_kstr(j, "address", t->instance);
    json_kstr(j, "last_message", t->last_message);
    json_ktime(j, "last_checked_at", t->state.last_checked_ms);
    if (t->state.last_checked_ms)
        json_kf64(j, "last_latency_ms", (double)t->state.last_latency_us / 1000);
    json_kint(j, "fail_count", t->state.fail_count);
    json_ktime(j, "since", t->state.since_ms);
    if (t->open) {
        json_kuint(j, "alert_id", t->open->id);
        json_kstr(j, "suppressed", suppression_name(t->open->suppressed));
    }
}

/* Whether the key is in the URL itself (robots) or it is only an address (a webhook of one's own). */
static bool url_is_secret(const struct channel_ops *ops)
{
    for (const struct option *o = ops ? ops->options : NULL; o && o->name; o++)
        if (strcmp(o->name, "webhook_url") == 0)
            return o->secret;
    return true;
}

void channel_json(const struct channel *ch, size_t waiting, struct json *j)
{
    const struct channel_ops *ops = channel_by_type(ch->type);
    json_obj(j);
    json_kuint(j, "id", ch->id);
    json_kstr(j, "name", ch->name);
    json_kstr(j, "type", ch->type);
    json_kstr(j, "webhook_url",
              *ch->webhook_url && url_is_secret(ops) ? SECRET_MASK : ch->webhook_url);
    json_kbool(j, "enabled", ch->enabled);
    json_kbool(j, "mention_all", ch->mention_all);
    put_config(j, "config", ch->config_json, ops ? ops->options : NULL);
    json_kstr(j, "source", ch->source == SOURCE_FILE ? "file" : "api");
    json_kuint(j, "pending", waiting);
    json_ktime(j, "created_at", ch->created_ms);
    json_ktime(j, "updated_at", ch->updated_ms);
    json_end(j);
}

void alert_json_open(const struct alert *a, struct json *j)
{
    json_obj(j);
    json_kuint(j, "id", a->id);
    json_kuint(j, "target_id", a->target_id);
    json_kstr(j, "target_name", a->target_name);
    json_kstr(j, "target_type", a->target_type);
    json_kstr(j, "group", a->group);
    json_kstr(j, "instance", a->instance);
    put_labels(j, a->labels, a->n_labels);
    json_kstr(j, "status", alert_status_name(a->status));
    json_kstr(j, "message", a->message);
    json_kint(j, "fail_count", a->fail_count);
    json_ktime(j, "fired_at", a->fired_ms);
    json_ktime(j, "resolved_at", a->resolved_ms);
    json_kstr(j, "suppressed", suppression_name(a->suppressed));
    json_kstr(j, "suppressed_by", a->suppressed_by);
}

void alert_json(const struct alert *a, struct json *j)
{
    alert_json_open(a, j);
    json_end(j);
}

void maintenance_json(const struct maintenance *m, int64_t now_ms, struct json *j)
{
    json_obj(j);
    json_kuint(j, "id", m->id);
    json_kstr(j, "title", m->title);
    put_id_list(j, "target_ids", &m->targets);
    json_karr(j, "groups");
    for (uint32_t i = 0; i < m->n_groups; i++)
        json_str(j, m->groups[i]);
    json_end(j);
    json_ktime(j, "starts_at", m->starts_ms);
    json_ktime(j, "ends_at", m->ends_ms);
    json_kbool(j, "active", m->starts_ms <= now_ms && (m->ends_ms == 0 || now_ms < m->ends_ms));
    json_ktime(j, "created_at", m->created_ms);
    json_end(j);
}

void result_json(const struct result *r, struct json *j)
{
    json_obj(j);
    json_kuint(j, "target_id", r->target_id);
    json_kbool(j, "success", r->success);
    json_kbool(j, "degraded", result_degraded(r));
    json_kf64(j, "latency_ms", (double)r->latency_us / 1000);
    json_kf64(j, "resolve_ms", (double)r->resolve_us / 1000);
    json_kstr(j, "message", r->message);
    json_kstr(j, "address", r->address);
    json_key(j, "metrics");
    result_metrics_json(r, j);
    json_karr(j, "warnings");
    for (int i = 0; i < r->n_warnings; i++)
        json_str(j, r->warnings[i]);
    json_end(j);
    if (r->detail_json) {
        json_key(j, "detail");
        json_raw(j, r->detail_json, strlen(r->detail_json));
    }
    json_ktime(j, "checked_at", r->checked_ms);
    json_end(j);
}
