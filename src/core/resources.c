/* See resources.h. Pure functions over plain data. */
#include "core/resources.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/must.h"
#include "config/option.h"
#include "notify/channel.h"
#include "probe/prober.h"

#define NEXT_SHOWN 5 /* windows of a maintenance */

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

/* Most targets have none: nothing is said then. */
static void put_locations(struct json *j, const struct target *t)
{
    if (t->locations.n == 0)
        return;
    json_karr(j, "locations");
    for (uint32_t i = 0; i < t->locations.n; i++)
        json_str(j, t->locations.at[i]);
    json_end(j);
    if (t->location_quorum > 0)
        json_kint(j, "location_quorum", t->location_quorum);
}

static void put_spec(const struct target *t, struct json *j)
{
    const struct prober_ops *ops = prober_by_type(t->type, NULL);
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
    json_kint(j, "success_threshold", t->success_threshold);
    json_kbool(j, "invert", t->invert);
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
    put_locations(j, t);
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
    json_kuint(j, "suppressed_by_id", a->suppressed_id);
    json_key(j, "acknowledged");
    if (!a->acked_ms) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "by", a->acked_by);
    json_ktime(j, "at", a->acked_ms);
    json_kstr(j, "note", a->ack_note);
    json_end(j);
}

void alert_json(const struct alert *a, struct json *j)
{
    alert_json_open(a, j);
    json_end(j);
}

void matchers_json(const struct label_match *m, uint32_t n, struct json *j)
{
    json_karr(j, "matchers");
    for (uint32_t i = 0; i < n; i++) {
        json_obj(j);
        json_kstr(j, "name", m[i].name);
        json_kstr(j, "op", matcher_op_text(m[i].op));
        json_kstr(j, "value", m[i].value);
        json_end(j);
    }
    json_end(j);
}

void maintenance_whom_json(const struct maintenance *m, struct json *j)
{
    put_id_list(j, "target_ids", &m->targets);
    json_karr(j, "groups");
    for (uint32_t i = 0; i < m->n_groups; i++)
        json_str(j, m->groups[i]);
    json_end(j);
    matchers_json(m->matchers, m->n_matchers, j);
}

static void put_time_of_day(struct json *j, const char *key, int32_t minutes)
{
    char text[8];
    must(minutes >= 0 && minutes <= 24 * 60);
    snprintf(text, sizeof(text), "%02d:%02d", minutes / 60, minutes % 60);
    json_kstr(j, key, text);
}

static void put_days(struct json *j, uint32_t days)
{
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    json_karr(j, "days");
    for (size_t i = 0; i < array_len(names); i++)
        if (days >> i & 1)
            json_str(j, names[i]);
    json_end(j);
}

static void put_schedule(struct json *j, const struct schedule *s)
{
    char duration[DURATION_SIZE];
    json_kobj(j, "schedule");
    json_kstr(j, "kind", schedule_kind_name(s->kind));
    if (s->kind == SCHEDULE_WEEKLY) {
        put_days(j, s->days);
        put_time_of_day(j, "from", s->from_min);
        put_time_of_day(j, "to", s->to_min);
    }
    if (s->kind == SCHEDULE_CRON) {
        json_kstr(j, "cron", s->cron);
        json_kstr(j, "duration", duration_format(s->duration_ms, duration));
    }
    if (s->kind != SCHEDULE_ONCE)
        json_kstr(j, "time_zone", s->zone);
    json_end(j);
}

static void put_next(const struct window *w, int64_t now_ms, struct json *j)
{
    struct window_span span, first = {0};
    bool any = window_next(w, now_ms, &first), more = any;
    json_kbool(j, "active", any && first.starts_ms <= now_ms);
    json_ktime(j, "next_starts_at", first.starts_ms);
    json_ktime(j, "next_ends_at", first.ends_ms == WINDOW_OPEN ? 0 : first.ends_ms);
    json_karr(j, "next");
    span = first;
    for (int i = 0; more && i < NEXT_SHOWN; i++) {
        json_obj(j);
        json_ktime(j, "starts_at", span.starts_ms);
        json_ktime(j, "ends_at", span.ends_ms == WINDOW_OPEN ? 0 : span.ends_ms);
        json_end(j);
        more = span.ends_ms != WINDOW_OPEN && window_next(w, span.ends_ms, &span);
    }
    json_end(j);
}

void maintenance_json_open(const struct window *w, int64_t now_ms, struct json *j)
{
    const struct maintenance *m = window_maintenance(w);
    json_obj(j);
    json_kuint(j, "id", m->id);
    json_kstr(j, "title", m->title);
    maintenance_whom_json(m, j);
    put_schedule(j, &m->schedule);
    json_ktime(j, "starts_at", m->starts_ms);
    json_ktime(j, "ends_at", m->ends_ms);
    put_next(w, now_ms, j);
    json_ktime(j, "created_at", m->created_ms);
}

void maintenance_json(const struct window *w, int64_t now_ms, struct json *j)
{
    maintenance_json_open(w, now_ms, j);
    json_end(j);
}

void result_json_open(const struct result *r, struct json *j)
{
    json_obj(j);
    json_kuint(j, "target_id", r->target_id);
    json_kbool(j, "success", r->success);
    json_kbool(j, "degraded", result_degraded(r));
    json_kf64(j, "latency_ms", (double)r->latency_us / 1000);
    json_kf64(j, "resolve_ms", (double)r->resolve_us / 1000);
    json_kstr(j, "message", r->message);
    json_kstr(j, "address", r->address);
    result_learned_json(r, j);
    json_ktime(j, "checked_at", r->checked_ms);
}

void result_json(const struct result *r, struct json *j)
{
    result_json_open(r, j);
    json_end(j);
}
