/* /metrics: every target's last result in blackbox_exporter's names, also as each of its locations that are heard found it (label
 * `location`), and Belfry itself as belfry_*. Text 0.0.4, or OpenMetrics 1.0 when the scraper accepts it.
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
#include "core/places.h"

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
    size_t taken;      /* in this turn, locations of targets included */
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

static void set_labels(struct exposition *e, const struct label *labels, uint32_t n)
{
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

struct standing {
    enum target_status status;
    bool degraded;
    int32_t fail_count;
    int64_t last_checked_ms;
};

static void put_standing(struct exposition *e, const struct standing *s)
{
    const struct metric rows[] = {
        {.name = "belfry_target_up", .num = s->status != TARGET_UNHEALTHY},
        {.name = "belfry_target_degraded", .num = s->degraded},
        {.name = "belfry_target_fail_count", .num = s->fail_count},
        {.name = "belfry_target_last_checked_timestamp_seconds",
         .num = (double)s->last_checked_ms / 1000},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        put_metric(e, &rows[i]);
}

static void put_result(struct exposition *e, const void *record, size_t n, const struct standing *s)
{
    struct result *r = arena_new_of(e->scratch, struct result);
    must(record && n > 0);
    if (result_decode(record, n, e->scratch, r, NULL) != 0)
        return;
    for (int i = 0; i < r->n_metrics; i++)
        put_metric(e, &r->metrics[i]);
    put_standing(e, s);
}

static void put_own(struct exposition *e, const struct core_target *v)
{
    const struct standing s = {v->state.status, v->state.degraded, v->state.fail_count,
                               v->state.last_checked_ms};
    uint32_t n = 0;
    if (!v->last_result)
        return;
    const struct label *labels = core_target_labels(v, e->scratch, &n);
    set_labels(e, labels, n);
    put_result(e, v->last_result, v->last_result_n, &s);
}

/* A location that fell silent has no lines: its series end with the scraper, too. */
static void put_places(struct exposition *e, const struct core_target *v)
{
    struct core_place all[TARGET_LOCATIONS_MAX];
    size_t places = core_target_places(e->call->api->core, v->target->id, e->scratch, all);
    e->taken += places;
    for (size_t i = 0; i < places; i++) {
        const struct core_place *p = &all[i];
        const struct standing s = {p->status, p->degraded, p->fail_count, p->last_checked_ms};
        uint32_t n = 0;
        if (!p->heard || !p->last_result)
            continue;
        const struct label *labels = core_place_labels(v, p->location, e->scratch, &n);
        set_labels(e, labels, n);
        put_result(e, p->last_result, p->last_result_n, &s);
    }
}

/* The loop is borrowed for TARGETS_A_TURN targets, or locations of them, at a time, so that 100,000 hold nobody up. */
static bool one_target(void *arg, const struct core_target *v)
{
    struct exposition *e = arg;
    must(v->target->id > e->after); /* in order, each once */
    e->after = v->target->id;
    e->taken++;
    if (v->target->enabled) {
        put_own(e, v);
        put_places(e, v);
        arena_reset(e->scratch);
    }
    return e->taken < TARGETS_A_TURN;
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
    while (e.taken >= TARGETS_A_TURN);
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
