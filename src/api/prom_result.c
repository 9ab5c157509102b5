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

/* Starts {"metric":{…}, of the series at hand. */
static void open_row(struct buf *out, struct prom_rows *w)
{
    buf_puts(out, w->rows ? ",{\"metric\":" : "{\"metric\":");
    w->rows = true;
    prom_put_labels(out, &w->r->series[w->series].labels);
}

static bool put_vector(struct buf *out, struct prom_rows *w)
{
    const struct promql_result *r = w->r;
    for (; w->series < r->n_series && out->len < HTTP_PIECE; w->series++) {
        const struct promql_series *s = &r->series[w->series];
        if (s->n == 0 || is_stale(s->v[0]))
            continue;
        open_row(out, w);
        buf_puts(out, ",\"value\":");
        put_point(out, r->start_ms, s->v[0]);
        buf_putc(out, '}');
    }
    return w->series == r->n_series;
}

/* --- matrices: all series of a range query have the same times, so that each is written once --- */

struct prom_time_text {
    uint8_t n;
    char text[31]; /* "[1732190400.123,\"" */
};

static struct prom_time_text time_text(int64_t ms)
{
    struct prom_time_text t;
    struct buf b = BUF_FIXED(t.text);
    buf_putc(&b, '[');
    promql_format_time(&b, ms);
    buf_puts(&b, ",\"");
    must(!b.failed);
    t.n = (uint8_t)b.len;
    return t;
}

static struct prom_time_text *all_times(const struct promql_result *r)
{
    struct prom_time_text *times = arena_array_of(r->arena, struct prom_time_text, r->steps + 1);
    for (uint32_t i = 0; i < r->steps; i++)
        times[i] = time_text(r->start_ms + i * r->step_ms);
    return times;
}

/* The first point that there is, from `at` on. */
static uint32_t next_point(const struct promql_series *s, uint32_t at)
{
    while (at < s->n && is_stale(s->v[at]))
        at++;
    return at;
}

/* Points of the series at hand, as far as the piece goes. */
static void put_points(struct buf *out, struct prom_rows *w)
{
    const struct promql_series *s = &w->r->series[w->series];
    struct prom_time_text own;
    uint32_t i = w->point;
    for (; i < s->n && out->len < HTTP_PIECE; i = next_point(s, i + 1)) {
        const struct prom_time_text *at = s->t ? &own : &w->times[i];
        if (s->t)
            own = time_text(s->t[i]);
        if (w->points)
            buf_putc(out, ',');
        w->points = true;
        buf_add(out, at->text, at->n);
        promql_format_value(out, s->v[i]);
        buf_add(out, "\"]", 2);
    }
    w->point = i;
}

static bool put_matrix(struct buf *out, struct prom_rows *w)
{
    const struct promql_result *r = w->r;
    if (!w->times)
        w->times = all_times(r);
    while (w->series < r->n_series && out->len < HTTP_PIECE) {
        const struct promql_series *s = &r->series[w->series];
        must(s->t || s->n <= r->steps);
        if (!w->inside) {
            w->point = next_point(s, 0);
            w->inside = w->point < s->n;
            w->points = false;
            if (w->inside) {
                open_row(out, w);
                buf_puts(out, ",\"values\":[");
            }
        }
        put_points(out, w);
        if (w->point < s->n)
            return false;
        if (w->inside)
            buf_puts(out, "]}");
        w->inside = false;
        w->series++;
    }
    return w->series == r->n_series;
}

static void put_string(struct buf *out, const struct promql_result *r)
{
    buf_putc(out, '[');
    promql_format_time(out, r->start_ms);
    buf_putc(out, ',');
    json_escape(out, r->string.p, r->string.n);
    buf_putc(out, ']');
}

bool prom_put_result(struct buf *out, struct prom_rows *w)
{
    const struct promql_result *r = w->r;
    bool list = r->type == PROMQL_VECTOR || r->type == PROMQL_MATRIX, all = true;
    if (!w->begun)
        buf_printf(out, "{\"resultType\":\"%s\",\"result\":%s", promql_type_name(r->type),
                   list ? "[" : "");
    w->begun = true;
    if (r->type == PROMQL_VECTOR)
        all = put_vector(out, w);
    else if (r->type == PROMQL_MATRIX)
        all = put_matrix(out, w);
    else if (r->type == PROMQL_SCALAR)
        put_point(out, r->start_ms, r->scalar);
    else
        put_string(out, r);
    if (list && all)
        buf_putc(out, ']');
    return all;
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
