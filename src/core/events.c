/* What the page hears as it happens (server-sent events), and the groups' logs: logs/<group>/{health,alert}.log. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "core/core_priv.h"
#include "core/resources.h"

bool core__nobody_listens(const struct core *c)
{
    return !c->events || sse_streams(c->events) == 0;
}

void core__publish(struct core *c, const char *event, struct buf *out)
{
    if (!out->failed)
        sse_publish(c->events, event, out->data, out->len);
    buf_done(out);
}

static void publish_about(struct core *c, const struct sse_about *about, const char *event,
                          struct buf *out)
{
    if (!out->failed)
        sse_publish_about(c->events, about, event, out->data, out->len);
    buf_done(out);
}

void core__event_target(struct core *c, const struct entry *e)
{
    core__index_live(c, e);
    if (core__nobody_listens(c))
        return;
    struct core_target view;
    struct buf out = BUF_INIT(65536);
    struct json j = json_start(&out);
    must(core_target_get(c, e->target->id, &view));
    target_json(&view, &j);
    struct sse_about about = {.subject = e->target->id, .group = e->target->group};
    publish_about(c, &about, "target", &out);
}

void core__event_result(struct core *c, const struct entry *e, const struct result *r)
{
    if (core__nobody_listens(c) || !sse_wants(c->events, e->target->id))
        return;
    struct buf out = BUF_INIT(16384);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kuint(&j, "target_id", e->target->id);
    json_kbool(&j, "success", r->success);
    json_kbool(&j, "degraded", result_degraded(r));
    json_kf64(&j, "latency_ms", (double)r->latency_us / 1000);
    json_kstr(&j, "message",
              e->last_message ? e->last_message : r->message); /* a warning, if any */
    json_ktime(&j, "checked_at", r->checked_ms);
    json_kint(&j, "fail_count", e->state.fail_count);
    json_end(&j);
    struct sse_about about = {
        .subject = e->target->id, .subjects_only = true, .group = e->target->group};
    publish_about(c, &about, "result", &out);
}

void core__event_alert(struct core *c, const struct alert *a)
{
    if (core__nobody_listens(c))
        return;
    struct buf out = BUF_INIT(16384);
    struct json j = json_start(&out);
    alert_json(a, &j);
    publish_about(c, &(struct sse_about){.group = a->group}, "alert", &out);
}

void core__event_target_gone(struct core *c, uint64_t id)
{
    if (core__nobody_listens(c))
        return;
    struct buf out = BUF_INIT(256);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kuint(&j, "id", id);
    json_kbool(&j, "deleted", true);
    json_end(&j);
    core__publish(c, "target", &out);
}

void core__event_simple(struct core *c, const char *name, uint64_t id)
{
    if (core__nobody_listens(c))
        return;
    struct buf out = BUF_INIT(256);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kuint(&j, "id", id);
    json_end(&j);
    core__publish(c, name, &out);
}

struct group_log {
    struct log_sink *health, *alert;
};

static struct log_sink *open_sink(struct core *c, const char *group, const char *file)
{
    char *dir, *path;
    struct err err = {0};
    must(asprintf(&dir, "%s/%s", c->config->log.dir, group) > 0);
    must(asprintf(&path, "%s/%s", dir, file) > 0);
    struct log_sink *s = NULL;
    if (fs_mkdirs(dir, 0755, &err) == 0)
        s = log_sink_open(path, (int)c->config->log.keep_days, &err);
    if (!s)
        log_warn("cannot open a group's log; its lines are lost", F_STR("file", path), F_ERR(&err));
    free(dir);
    free(path);
    return s;
}

/* "/" in a group's name would leave the log directory. */
static void plain_name(const char *group, char *out, size_t size)
{
    snprintf(out, size, "%s", *group == '.' ? "_" : group);
    for (char *p = out; *p; p++)
        if (*p == '/')
            *p = '_';
}

static struct group_log *log_of(struct core *c, const char *group)
{
    char name[200];
    plain_name(group, name, sizeof(name));
    struct group_log *g = map_str_get(c->group_logs, name, strlen(name));
    if (g)
        return g;
    g = calloc(1, sizeof(*g));
    must(g);
    g->health = open_sink(c, name, "health.log");
    g->alert = open_sink(c, name, "alert.log");
    map_str_put(c->group_logs, name, strlen(name), g);
    return g;
}

void core__log_health(struct core *c, const struct entry *e, const char *message)
{
    bool bad = e->state.status == TARGET_UNHEALTHY;
    const struct log_field fields[] = {
        F_INT("target_id", e->target->id),
        F_STR("target", e->target->name),
        F_STR("status", e->state.degraded ? "degraded" : target_status_name(e->state.status)),
        F_STR("reason", message),
        F_INT("fail_count", e->state.fail_count),
        {0},
    };
    log_sink_write(log_of(c, e->target->group)->health, bad ? LOG_WARN : LOG_INFO, "health changed",
                   fields);
}

void core__log_alert(struct core *c, const struct alert *a, const char *what)
{
    const struct log_field fields[] = {
        F_INT("alert_id", a->id),
        F_STR("target", a->target_name),
        F_STR("status", what),
        F_STR("reason", a->message),
        F_STR("suppressed", suppression_name(a->suppressed)),
        {0},
    };
    log_sink_write(log_of(c, a->group)->alert, a->status == ALERT_FIRING ? LOG_WARN : LOG_INFO,
                   "alert", fields);
}

void core__logs_close(struct core *c)
{
    const char *key;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(c->group_logs, &it, &key, &len, &value);) {
        struct group_log *g = value;
        log_sink_close(g->health);
        log_sink_close(g->alert);
        free(g);
    }
    map_str_free(c->group_logs);
}
