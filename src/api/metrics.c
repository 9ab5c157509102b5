/* /metrics: every target's last result in blackbox_exporter's names, and Belfry itself as belfry_*. Text 0.0.4, or
 * OpenMetrics 1.0 when the scraper accepts it.
 *
 * The exposition wants a family's lines together, and a target's result carries many families: lines are collected
 * family by family in one pass over the targets. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api_priv.h"
#include "api/metrics_self.h"
#include "base/map.h"
#include "base/str.h"
#include "core/figures.h"

#define FAMILY_MAX     (256u << 20)
#define FAMILIES_MAX   512
#define TARGETS_A_TURN 200

struct family {
    const char *name;
    struct buf lines;
};

struct exposition {
    struct call *call;
    bool openmetrics;
    struct map_str *by_name;
    vec_of(struct family *) families;
    uint64_t after;    /* last target taken */
    size_t taken;      /* in this turn */
    struct buf labels; /* of the target at hand */
    struct arena *scratch;
};

void metrics_escape(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '"')
            buf_putc(out, '\\');
        if (*s == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *s);
    }
}

static void target_labels(struct exposition *e, const struct core_target *v)
{
    uint32_t n = 0;
    const struct label *labels = core_target_labels(v, e->scratch, &n);
    buf_clear(&e->labels);
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&e->labels, "%s%s=\"", i ? "," : "", labels[i].name);
        metrics_escape(&e->labels, labels[i].value);
        buf_putc(&e->labels, '"');
    }
}

static struct family *family_of(struct exposition *e, const char *name)
{
    struct family *f = map_str_get(e->by_name, name, strlen(name));
    if (f || e->families.n >= FAMILIES_MAX)
        return f;
    f = arena_new_of(e->call->arena, struct family);
    f->name = arena_strdup(e->call->arena, name);
    buf_init(&f->lines, FAMILY_MAX);
    map_str_put(e->by_name, f->name, strlen(f->name), f);
    vec_push(&e->families, f);
    return f;
}

static void put_metric(struct exposition *e, const struct metric *m)
{
    struct family *f = m->is_text ? NULL : family_of(e, m->name);
    if (!f)
        return;
    buf_puts(&f->lines, m->name);
    buf_putc(&f->lines, '{');
    buf_add(&f->lines, e->labels.data, e->labels.len);
    for (uint32_t i = 0; i < m->n_labels; i++) {
        buf_putc(&f->lines, ',');
        label_name_clean(&f->lines, m->labels[i].name);
        buf_puts(&f->lines, "=\"");
        metrics_escape(&f->lines, m->labels[i].value);
        buf_putc(&f->lines, '"');
    }
    buf_puts(&f->lines, "} ");
    buf_add_f64(&f->lines, m->num);
    buf_putc(&f->lines, '\n');
}

static void put_state(struct exposition *e, const struct core_target *v)
{
    const struct metric rows[] = {
        {.name = "belfry_target_up", .num = v->state.status != TARGET_UNHEALTHY},
        {.name = "belfry_target_degraded", .num = v->state.degraded},
        {.name = "belfry_target_fail_count", .num = v->state.fail_count},
        {.name = "belfry_target_last_checked_timestamp_seconds",
         .num = (double)v->state.last_checked_ms / 1000},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        put_metric(e, &rows[i]);
}

/* The loop is borrowed for TARGETS_A_TURN targets at a time, so that 100,000 of them hold nobody up. */
static bool one_target(void *arg, const struct core_target *v)
{
    struct exposition *e = arg;
    struct err err = {0};
    must(v->target->id > e->after); /* in order, each once */
    e->after = v->target->id;
    bool more = ++e->taken < TARGETS_A_TURN;
    if (!v->last_result || !v->target->enabled)
        return more;
    target_labels(e, v);
    struct result *r = arena_new_of(e->scratch, struct result);
    if (result_decode(v->last_result, v->last_result_n, e->scratch, r, &err) == 0) {
        for (int i = 0; i < r->n_metrics; i++)
            put_metric(e, &r->metrics[i]);
        put_state(e, v);
    }
    arena_reset(e->scratch);
    return more;
}

static void targets_on_core(void *arg)
{
    struct exposition *e = arg;
    e->taken = 0;
    core_targets_each(e->call->api->core, e->after, one_target, e);
}

void metrics_header(struct buf *out, const char *name, const char *type, const char *help)
{
    must(*name && *type);
    if (help && *help)
        buf_printf(out, "# HELP %s %s\n", name, help);
    buf_printf(out, "# TYPE %s %s\n", name, type);
}

static void write_families(struct exposition *e, struct buf *out)
{
    vec_each (&e->families, it) {
        struct family *f = *it;
        metrics_header(out, f->name, "gauge", probe_metric_help(f->name));
        buf_add(out, f->lines.data ? f->lines.data : "", f->lines.len);
        buf_done(&f->lines);
    }
}

void metrics_text(struct call *k)
{
    const char *accept = http_req_header(k->req, "Accept");
    struct exposition e = {.call = k, .by_name = map_str_new(), .scratch = arena_new()};
    e.openmetrics = accept && strcasestr(accept, "application/openmetrics-text");
    buf_init(&e.labels, 65536);
    do
        on_core(k, targets_on_core, &e);
    while (e.taken == TARGETS_A_TURN);
    write_families(&e, &k->resp->body);
    metrics_self(k, &k->resp->body, e.openmetrics);
    if (e.openmetrics)
        buf_puts(&k->resp->body, "# EOF\n");
    k->resp->content_type = e.openmetrics
                                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                : "text/plain; version=0.0.4; charset=utf-8";
    buf_done(&e.labels);
    arena_free(e.scratch);
    vec_done(&e.families);
    map_str_free(e.by_name);
}
