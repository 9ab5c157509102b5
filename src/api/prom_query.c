/* Queries of the Prometheus API: at an instant, over a range, and what only looks at the text. They run on a worker of the
 * HTTP server and end when whoever asked has left. */
#include "api/prom_priv.h"

#include "base/clock.h"

/* What both kinds of queries take. */
struct question {
    struct prom_params params;
    struct api_metrics m;
    struct promql_request request;
    bool stats;
};

static int read_question(struct call *k, struct question *q)
{
    *q = (struct question){0};
    prom_params(k, &q->params);
    const char *stats = prom_param(&q->params, "stats");
    q->stats = *stats != '\0';
    q->request = (struct promql_request){
        .query = str_of(prom_param(&q->params, "query")),
        .stats = streq(stats, "all"),
        .no_cache = streq(prom_param(&q->params, "nocache"), "1"),
        .gone = prom_gone,
        .gone_arg = k,
    };
    return prom_limit(&q->params, "limit", &q->request.limit);
}

/* What is read after the times, in Prometheus' order of complaints. */
static int read_bounds(struct question *q)
{
    if (prom_span(&q->params, "timeout", 0, &q->request.timeout_ms) < 0)
        return -1;
    return prom_span(&q->params, "lookback_delta", 0, &q->request.lookback_ms);
}

static int fail_query(struct call *k, const struct err *err)
{
    char shown[sizeof(err->msg) + sizeof(err->where) + 64];
    if (err->code == ERR_MALFORMED)
        return prom_bad_param(k, "query", "%s", err_text(err, shown, sizeof(shown)));
    return prom_fail_err(k, err);
}

/* --- the answer: the result stays as it is, its text is made while it is sent --- */

struct reply { /* in the result's arena */
    struct promql_result *r;
    struct prom_rows rows;
    bool stats, nodes;
};

static enum http_more next_piece(void *ctx, struct buf *out, struct err *err)
{
    struct reply *x = ctx;
    struct promql_result *r = x->r;
    (void)err;
    if (!x->rows.begun)
        prom_put_begin(out);
    if (!prom_put_result(out, &x->rows))
        return HTTP_MORE;
    if (x->stats)
        prom_put_stats(out, r, x->nodes);
    buf_putc(out, '}');
    prom_put_notes(out, &(struct prom_notes){r->warnings, r->infos, r->n_warnings, r->n_infos});
    buf_putc(out, '}');
    return HTTP_LAST;
}

static void reply_done(void *ctx)
{
    struct reply *x = ctx;
    promql_result_free(x->r);
}

static void answer(struct call *k, const struct question *q, struct promql_result *r)
{
    struct reply *x = arena_new_of(r->arena, struct reply);
    *x = (struct reply){.r = r, .rows.r = r, .stats = q->stats, .nodes = q->request.stats};
    prom_answer_pieces(k, &(struct prom_pieces){next_piece, reply_done, x});
}

static void run(struct call *k, struct question *q)
{
    struct promql_result *r = NULL;
    struct err err = {0};
    if (!prom_store(k, &q->m))
        return;
    q->request.source = tsdb_source(q->m.db);
    if (promql_run(q->m.engine, &q->request, &r, &err) < 0) {
        fail_query(k, &err);
        return;
    }
    answer(k, q, r);
}

void prom_query(struct call *k)
{
    struct question q;
    int64_t now = clock_wall_ms();
    if (read_question(k, &q) == 0 && prom_time(&q.params, "time", now, &q.request.start_ms) == 0 &&
        read_bounds(&q) == 0)
        run(k, &q);
}

static int read_range(struct call *k, struct question *q)
{
    struct promql_request *r = &q->request;
    r->range = true;
    if (prom_time_needed(&q->params, "start", &r->start_ms) < 0 ||
        prom_time_needed(&q->params, "end", &r->end_ms) < 0)
        return -1;
    if (r->end_ms < r->start_ms)
        return prom_bad_param(k, "end", "end timestamp must not be before start time");
    if (!prom_given(&q->params, "step"))
        return prom_bad_param(k, "step", "cannot parse \"\" to a valid duration");
    if (prom_span(&q->params, "step", 0, &r->step_ms) < 0)
        return -1;
    if (r->step_ms <= 0)
        return prom_bad_param(k, "step",
                              "zero or negative query resolution step widths are not accepted. "
                              "Try a positive integer");
    if ((r->end_ms - r->start_ms) / r->step_ms > 11000)
        return prom_fail(k, PROM_BAD_DATA,
                         "exceeded maximum resolution of 11,000 points per timeseries. Try "
                         "decreasing the query resolution (?step=XX)");
    return 0;
}

void prom_query_range(struct call *k)
{
    struct question q;
    if (read_question(k, &q) == 0 && read_range(k, &q) == 0 && read_bounds(&q) == 0)
        run(k, &q);
}

/* --- text only --- */

/* The query of format_query and parse_query; NULL: answered. */
static const struct promql_node *parsed(struct call *k, const struct prom_params *p)
{
    struct promql_parse_options opt = {.experimental = true};
    struct err err = {0};
    const struct promql_node *n =
        promql_parse(k->arena, str_of(prom_param(p, "query")), &opt, &err);
    if (!n)
        fail_query(k, &err);
    return n;
}

void prom_format_query(struct call *k)
{
    struct prom_params p;
    prom_params(k, &p);
    const struct promql_node *n = parsed(k, &p);
    if (!n)
        return;
    struct buf text = BUF_INIT(64u << 20);
    promql_pretty(&text, n);
    struct buf *out = prom_begin(k);
    json_escape(out, text.data ? text.data : "", text.len);
    out->failed = out->failed || text.failed;
    buf_done(&text);
    prom_end(k, NULL);
}

void prom_parse_query(struct call *k)
{
    struct prom_params p;
    prom_params(k, &p);
    const struct promql_node *n = parsed(k, &p);
    if (!n)
        return;
    struct json j = json_start(prom_begin(k));
    promql_json(&j, n);
    prom_end(k, NULL);
}

/* There are no exemplars yet: the question is checked, the answer is empty. */
void prom_query_exemplars(struct call *k)
{
    struct prom_params p;
    int64_t start, end;
    prom_params(k, &p);
    if (prom_period(&p, &start, &end) < 0 || !parsed(k, &p))
        return;
    buf_puts(prom_begin(k), "[]");
    prom_end(k, NULL);
}
