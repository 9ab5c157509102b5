/* Building a result (watcher, by probers) and showing its metrics as JSON (core, `belfry check`).
 * Everything a target sent is made valid UTF-8 and cut to its limit here, so that nothing behind has to. */
#include "model/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "model/result_priv.h"

#define FIRST_METRICS 16

void result_init(struct result *r, struct arena *a)
{
    must(r != NULL && a != NULL);
    /* The warnings are not touched: a result is filled 3,000 times a second. */
    r->target_id = r->request_id = 0;
    r->success = false;
    r->checked_ms = r->latency_us = r->resolve_us = 0;
    r->message = "";
    r->address = "";
    r->metrics = NULL;
    r->n_metrics = r->metrics_room = r->n_left_out = r->n_warnings = 0;
    r->detail_json = NULL;
    r->arena = a;
}

/* Valid UTF-8 of at most max bytes in the arena. */
static const char *clean_text(struct arena *a, const char *s, size_t max)
{
    size_t n = strlen(s);
    if (utf8_valid(s, n))
        return n <= max ? s : arena_strndup(a, s, utf8_cut(s, n, max));
    struct buf b = BUF_INIT(16 * RESULT_MESSAGE_MAX);
    utf8_clean(&b, s, n < 4 * max ? n : 4 * max);
    const char *out = b.data ? arena_strndup(a, b.data, utf8_cut(b.data, b.len, max)) : "";
    buf_done(&b);
    return out;
}

static const char *format_text(struct arena *a, const char *fmt, va_list ap) printf_like(2, 0);
static const char *format_text(struct arena *a, const char *fmt, va_list ap)
{
    char text[4 * RESULT_MESSAGE_MAX];
    vsnprintf(text, sizeof(text), fmt, ap);
    return clean_text(a, arena_strdup(a, text), RESULT_MESSAGE_MAX);
}

void result_fail(struct result *r, const char *fmt, ...)
{
    must(r != NULL && r->arena != NULL);
    if (!r->success && r->message[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    const char *text = format_text(r->arena, fmt, ap);
    va_end(ap);
    r->success = false;
    r->message = text[0] ? text : "failed";
}

void result_fail_err(struct result *r, const struct err *err)
{
    must(err != NULL);
    result_fail(r, "%s", err->msg);
}

void result_ok(struct result *r, const char *fmt, ...)
{
    must(r != NULL && r->arena != NULL);
    if (!r->success && r->message[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    r->message = format_text(r->arena, fmt, ap);
    va_end(ap);
    r->success = true;
}

void result_invert(struct result *r)
{
    must(r != NULL && r->arena != NULL && r->message != NULL);
    const char *was = r->message, *colon = *was ? ": " : "";
    const char *said = r->success ? "up, and must not be" : "down, as it must be";
    r->message = clean_text(r->arena, arena_printf(r->arena, "%s%s%s", said, colon, was),
                            RESULT_MESSAGE_MAX);
    r->success = !r->success;
    if (r->success)
        r->n_warnings = 0;
}

void result_warn(struct result *r, const char *fmt, ...)
{
    must(r->n_warnings >= 0 && r->n_warnings <= RESULT_WARNINGS_MAX);
    if (r->n_warnings == RESULT_WARNINGS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    r->warnings[r->n_warnings++] = format_text(r->arena, fmt, ap);
    va_end(ap);
}

struct metric *result__new_metric(struct result *r)
{
    must(r->n_metrics >= 0 && r->n_metrics < RESULT_METRICS_MAX);
    if (r->n_metrics == r->metrics_room) {
        int room = r->metrics_room ? 2 * r->metrics_room : FIRST_METRICS;
        struct metric *all = arena_array_of(r->arena, struct metric, room);
        if (r->n_metrics > 0)
            memcpy(all, r->metrics, (size_t)r->n_metrics * sizeof(*all));
        r->metrics = all;
        r->metrics_room = room;
    }
    return &r->metrics[r->n_metrics++];
}

static struct metric *add_metric(struct result *r, const char *name)
{
    must(name != NULL && name[0] && strlen(name) <= RESULT_NAME_MAX);
    if (r->n_metrics >= RESULT_METRICS_MAX - 1) {
        r->n_left_out++;
        return NULL;
    }
    struct metric *m = result__new_metric(r);
    *m = (struct metric){.name = name};
    return m;
}

void result_metric(struct result *r, const char *name, double v)
{
    struct metric *m = add_metric(r, name);
    if (m)
        m->num = v;
}

void result_metric_labels(struct result *r, const char *name, const struct label *labels,
                          uint32_t n_labels, double v)
{
    must(n_labels <= RESULT_LABELS_MAX && (labels != NULL || n_labels == 0));
    struct metric *m = add_metric(r, name);
    if (!m)
        return;
    struct label *copy = arena_alloc(r->arena, n_labels * sizeof(*copy));
    for (uint32_t i = 0; i < n_labels; i++) {
        must(labels[i].name && labels[i].name[0] && labels[i].value);
        must(strlen(labels[i].name) <= RESULT_NAME_MAX);
        must(metric_label(&(struct metric){.labels = copy, .n_labels = i}, labels[i].name) == NULL);
        copy[i].name = labels[i].name;
        copy[i].value = clean_text(r->arena, labels[i].value, RESULT_FACT_MAX);
    }
    m->labels = copy;
    m->n_labels = n_labels;
    m->num = v;
}

void result_metric_label(struct result *r, const char *name, const char *label, const char *value,
                         double v)
{
    result_metric_labels(r, name, &(struct label){label, value}, 1, v);
}

const char *metric_label(const struct metric *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_labels; i++)
        if (streq(m->labels[i].name, name))
            return m->labels[i].value;
    return NULL;
}

void result_fact(struct result *r, const char *name, const char *text)
{
    struct metric *m = add_metric(r, name);
    if (!m)
        return;
    m->is_text = true;
    m->text = clean_text(r->arena, arena_strdup(r->arena, text ? text : ""), RESULT_FACT_MAX);
}

bool result_degraded(const struct result *r)
{
    return r->success && r->n_warnings > 0;
}

static void metric_key(struct buf *key, const struct metric *m)
{
    buf_clear(key);
    buf_puts(key, m->name);
    for (uint32_t i = 0; i < m->n_labels; i++) {
        buf_printf(key, "%s%s=\"", i == 0 ? "{" : ",", m->labels[i].name);
        for (const char *p = m->labels[i].value; *p; p++) { /* as in the exposition format */
            if (*p == '\n')
                buf_puts(key, "\\n");
            else if (*p == '"' || *p == '\\')
                buf_printf(key, "\\%c", *p);
            else
                buf_putc(key, *p);
        }
        buf_putc(key, '"');
    }
    if (m->n_labels > 0)
        buf_putc(key, '}');
}

void result_metrics_json(const struct result *r, struct json *j)
{
    char room[RESULT_NAME_MAX + RESULT_LABELS_MAX * (RESULT_NAME_MAX + 2 * RESULT_FACT_MAX + 8)];
    struct buf key = BUF_FIXED(room);
    json_obj(j);
    for (int i = 0; i < r->n_metrics; i++) {
        const struct metric *m = &r->metrics[i];
        metric_key(&key, m);
        must(!key.failed);
        json_key(j, key.data);
        if (m->is_text)
            json_str(j, m->text);
        else
            json_f64(j, m->num);
    }
    if (r->n_left_out > 0) {
        json_key(j, RESULT_LEFT_OUT);
        json_int(j, r->n_left_out);
    }
    json_end(j);
}

void result_learned_json(const struct result *r, struct json *j)
{
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
}
