/* What a query found, as Prometheus' JSON: vectors, matrices, scalars, texts, and the statistics of how. */
#include "api/prom_priv.h"

#include "promql/functions.h"

static void put_point(struct buf *out, int64_t ms, double v)
{
    buf_putc(out, '[');
    promql_format_time(out, ms);
    buf_puts(out, ",\"");
    promql_format_value(out, v);
    buf_puts(out, "\"]");
}

static void put_vector(struct buf *out, const struct promql_result *r)
{
    bool first = true;
    buf_putc(out, '[');
    for (size_t i = 0; i < r->n_series && !out->failed; i++) {
        const struct promql_series *s = &r->series[i];
        if (s->n == 0 || is_stale(s->v[0]))
            continue;
        buf_puts(out, first ? "{\"metric\":" : ",{\"metric\":");
        first = false;
        prom_put_labels(out, &s->labels);
        buf_puts(out, ",\"value\":");
        put_point(out, r->start_ms, s->v[0]);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

/* --- matrices: all series of a range query have the same times, so that each is written once --- */

struct time_text {
    uint8_t n;
    char text[31]; /* "[1732190400.123,\"" */
};

static struct time_text time_text(int64_t ms)
{
    struct time_text t;
    struct buf b = BUF_FIXED(t.text);
    buf_putc(&b, '[');
    promql_format_time(&b, ms);
    buf_puts(&b, ",\"");
    must(!b.failed);
    t.n = (uint8_t)b.len;
    return t;
}

static struct time_text *all_times(const struct promql_result *r)
{
    struct time_text *times = arena_array_of(r->arena, struct time_text, r->steps + 1);
    for (uint32_t i = 0; i < r->steps; i++)
        times[i] = time_text(r->start_ms + i * r->step_ms);
    return times;
}

/* False, and nothing was written, when the series has no point. */
static bool put_points(struct buf *out, const struct time_text *times,
                       const struct promql_series *s)
{
    bool first = true;
    struct time_text own;
    for (uint32_t i = 0; i < s->n && !out->failed; i++) {
        if (is_stale(s->v[i]))
            continue;
        const struct time_text *at = s->t ? &own : &times[i];
        if (s->t)
            own = time_text(s->t[i]);
        if (!first)
            buf_putc(out, ',');
        first = false;
        buf_add(out, at->text, at->n);
        promql_format_value(out, s->v[i]);
        buf_add(out, "\"]", 2);
    }
    return !first;
}

static void put_matrix(struct buf *out, const struct promql_result *r)
{
    bool first = true;
    const struct time_text *times = all_times(r);
    buf_putc(out, '[');
    for (size_t i = 0; i < r->n_series && !out->failed; i++) {
        must(r->series[i].t || r->series[i].n <= r->steps);
        size_t before = out->len;
        buf_puts(out, first ? "{\"metric\":" : ",{\"metric\":");
        prom_put_labels(out, &r->series[i].labels);
        buf_puts(out, ",\"values\":[");
        if (put_points(out, times, &r->series[i])) {
            buf_puts(out, "]}");
            first = false;
        } else if (!out->failed) {
            out->len = before;
        }
    }
    buf_putc(out, ']');
}

void prom_put_result(struct buf *out, const struct promql_result *r)
{
    buf_printf(out, "{\"resultType\":\"%s\",\"result\":", promql_type_name(r->type));
    switch (r->type) {
    case PROMQL_VECTOR:
        put_vector(out, r);
        return;
    case PROMQL_MATRIX:
        put_matrix(out, r);
        return;
    case PROMQL_SCALAR:
        put_point(out, r->start_ms, r->scalar);
        return;
    default:
        must(r->type == PROMQL_STRING);
        buf_putc(out, '[');
        promql_format_time(out, r->start_ms);
        buf_putc(out, ',');
        json_escape(out, r->string.p, r->string.n);
        buf_putc(out, ']');
        return;
    }
}

/* --- statistics --- */

/* Each node's depth, in the order of promql_walk: what lies within the text of one before it lies below it. */
struct depths {
    uint32_t end[PROMQL_DEPTH_MAX];
    uint32_t n;
};

static uint32_t depth_of(struct depths *d, const struct promql_node *n)
{
    while (d->n > 0 && n->start >= d->end[d->n - 1])
        d->n--;
    uint32_t depth = d->n;
    if (d->n < PROMQL_DEPTH_MAX)
        d->end[d->n++] = n->end;
    return depth;
}

static void put_node(struct buf *out, const struct promql_node_stats *s, uint32_t depth)
{
    struct buf expr = BUF_INIT(1 << 20);
    promql_print(&expr, s->node);
    buf_puts(out, "{\"expr\":");
    json_escape(out, expr.data ? expr.data : "", expr.len);
    buf_done(&expr);
    buf_printf(out, ",\"depth\":%u,\"series\":%llu,\"samples\":%llu,\"bytes\":%llu,", depth,
               (unsigned long long)s->series, (unsigned long long)s->samples,
               (unsigned long long)s->bytes);
    prom_put_seconds(out, "seconds", s->wall_ns);
    buf_putc(out, '}');
}

static void put_nodes(struct buf *out, const struct promql_result *r)
{
    struct depths d = {.n = 0};
    buf_puts(out, ",\"nodes\":[");
    for (size_t i = 0; i < r->n_nodes; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_node(out, &r->nodes[i], depth_of(&d, r->nodes[i].node));
    }
    buf_putc(out, ']');
}

void prom_put_stats(struct buf *out, const struct promql_result *r, bool all)
{
    buf_puts(out, ",\"stats\":{\"timings\":{");
    prom_put_seconds(out, "evalTotalTime", r->parse_ns + r->eval_ns);
    buf_puts(out, ",\"resultSortTime\":0,");
    prom_put_seconds(out, "queryPreparationTime", r->parse_ns);
    buf_putc(out, ',');
    prom_put_seconds(out, "innerEvalTime", r->eval_ns);
    buf_putc(out, ',');
    prom_put_seconds(out, "execQueueTime", r->wait_ns);
    buf_putc(out, ',');
    prom_put_seconds(out, "execTotalTime", r->parse_ns + r->wait_ns + r->eval_ns);
    buf_printf(out, "},\"samples\":{\"totalQueryableSamples\":%llu,\"peakSamples\":%llu}",
               (unsigned long long)r->samples_read, (unsigned long long)r->samples_peak);
    buf_printf(out, ",\"series\":%llu,\"fromCache\":%s", (unsigned long long)r->series_selected,
               r->from_cache ? "true" : "false");
    if (all)
        put_nodes(out, r);
    buf_putc(out, '}');
}
