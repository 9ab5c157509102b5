/* Samples in and out over HTTP: remote write, imports and exports as text or lines of JSON, federation. */
#include "api/prom_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "remote/receive.h"
#include "wire/exposition_write.h"
#include "wire/federate.h"
#include "wire/jsonlines.h"

#define LOOKBACK_MS 300000

static void answer_plain(struct call *k, int status, const char *text)
{
    k->resp->status = status;
    k->resp->content_type = "text/plain; charset=utf-8";
    buf_clear(&k->resp->body);
    if (*text) {
        buf_puts(&k->resp->body, text);
        buf_putc(&k->resp->body, '\n');
    }
    if (status == 503)
        http_resp_header(k->resp, "Retry-After", RECEIVE_RETRY_AFTER);
}

/* --- in --- */

void prom_write(struct call *k)
{
    struct api_metrics m;
    struct receive_counts counts;
    struct err err = {0};
    if (!prom_store(k, &m))
        return;
    struct receive_request r = {
        .body = k->req->body,
        .content_type = http_req_header(k->req, "Content-Type"),
        .content_encoding = http_req_header(k->req, "Content-Encoding"),
    };
    uint32_t source = tsdb_source_id(m.db, "remote_write");
    int status = remote_write_receive(m.db, source, &r, &counts, &err);
    answer_plain(k, status, status == 204 ? "" : err.msg);
    http_resp_header(k->resp, "X-Prometheus-Remote-Write-Samples-Written",
                     arena_printf(k->arena, "%llu", (unsigned long long)counts.taken));
}

/* "prometheus", "openmetrics", "jsonl"; else as the Content-Type says. */
static int format_wanted(const struct prom_params *p, const char *type, enum ingest_format *out)
{
    const char *name = prom_param(p, "format");
    *out = ingest_format_of(type);
    if (*name == '\0')
        return 0;
    if (streq(name, "prometheus") || streq(name, "text"))
        *out = INGEST_TEXT;
    else if (streq(name, "openmetrics"))
        *out = INGEST_OPENMETRICS;
    else if (streq(name, "jsonl") || streq(name, "json"))
        *out = INGEST_JSON_LINES;
    else
        return prom_bad_param(p->call, "format",
                              "got \"%.40s\"; want prometheus, openmetrics or jsonl", name);
    return 0;
}

static void put_counts(struct call *k, const struct receive_counts *c)
{
    struct buf *out = prom_begin(k);
    buf_printf(out,
               "{\"samples\":%llu,\"taken\":%llu,\"duplicate\":%llu,\"outOfOrder\":%llu,"
               "\"invalid\":%llu,\"refused\":%llu,\"series\":%llu}",
               (unsigned long long)c->samples, (unsigned long long)c->taken,
               (unsigned long long)c->duplicate, (unsigned long long)c->out_of_order,
               (unsigned long long)c->invalid, (unsigned long long)c->refused,
               (unsigned long long)c->series);
    prom_end(k, NULL);
}

void prom_import(struct call *k)
{
    struct prom_params p;
    struct api_metrics m;
    struct receive_counts counts;
    struct err err = {0};
    enum ingest_format format;
    int64_t at;
    char shown[sizeof(err.msg) + sizeof(err.where) + 64];
    prom_params(k, &p);
    if (format_wanted(&p, http_req_header(k->req, "Content-Type"), &format) < 0 ||
        prom_time(&p, "timestamp", clock_wall_ms(), &at) < 0 || !prom_store(k, &m))
        return;
    uint32_t source = tsdb_source_id(m.db, "import");
    int status = text_ingest(m.db, source, format, k->req->body, at, &counts, &err);
    if (status == 204)
        put_counts(k, &counts);
    else if (status == 400)
        prom_fail(k, PROM_BAD_DATA, "%s", err_text(&err, shown, sizeof(shown)));
    else
        prom_fail(k, status == 503 ? PROM_UNAVAILABLE : PROM_INTERNAL, "%s", err.msg);
}

/* --- out --- */

struct dump {
    struct call *call;
    struct series_set *set;
    struct labels *labels; /* of each series */
    uint32_t *order;       /* families together, series within them by labels */
    int64_t start, end;
    enum ingest_format format;
    struct buf *out;
};

static int compare_order(const void *a, const void *b, void *arg)
{
    const struct dump *x = arg;
    const struct labels *l = &x->labels[*(const uint32_t *)a],
                        *r = &x->labels[*(const uint32_t *)b];
    struct str left = labels_metric(l), right = labels_metric(r);
    size_t n = left.n < right.n ? left.n : right.n;
    int c = n ? memcmp(left.p, right.p, n) : 0;
    if (c == 0)
        c = (left.n > right.n) - (left.n < right.n);
    return c ? c : labels_compare(l, r);
}

static void order_series(struct dump *x)
{
    uint32_t n = x->set->n;
    x->labels = arena_array_of(x->call->arena, struct labels, n + 1);
    x->order = arena_array_of(x->call->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        struct labels l = x->set->ops->labels(x->set, i, x->call->arena);
        x->labels[i] = labels_dup(x->call->arena, &l);
        x->order[i] = i;
    }
    qsort_r(x->order, n, sizeof(*x->order), compare_order, x);
}

static void put_samples(struct dump *x, const struct labels *l, const struct samples *s)
{
    struct exposition_writer w = {x->out, x->format == INGEST_OPENMETRICS ? EXPOSITION_OPENMETRICS
                                                                          : EXPOSITION_TEXT};
    if (x->format == INGEST_JSON_LINES) {
        json_line_write(x->out, l, s);
        return;
    }
    for (uint32_t i = 0; i < s->n && !x->out->failed; i++) {
        if (!is_stale(s->v[i]))
            exposition_write_sample(&w, l, s->v[i], &s->t[i]);
    }
}

static int export_series(struct dump *x, struct err *err)
{
    struct samples s = {0};
    int rc = 0;
    for (uint32_t i = 0; i < x->set->n && rc == 0 && !x->out->failed; i++) {
        uint32_t at = x->order[i];
        s.n = 0;
        rc = x->set->ops->read(x->set, at, x->start, x->end, COLUMN_RAW, &s, err);
        if (rc == 0 && s.n > 0)
            put_samples(x, &x->labels[at], &s);
    }
    samples_done(&s);
    return rc;
}

static const char *export_type(enum ingest_format f)
{
    if (f == INGEST_JSON_LINES)
        return "application/x-ndjson";
    return exposition_content_type(f == INGEST_OPENMETRICS ? EXPOSITION_OPENMETRICS
                                                           : EXPOSITION_TEXT);
}

static void run_export(struct dump *x)
{
    struct err err = {0};
    struct call *k = x->call;
    order_series(x);
    buf_clear(x->out);
    if (export_series(x, &err) < 0) {
        prom_fail_err(k, &err);
        return;
    }
    if (x->format == INGEST_OPENMETRICS)
        buf_puts(x->out, "# EOF\n");
    k->resp->content_type = export_type(x->format);
    if (x->out->failed)
        prom_fail(k, PROM_EXECUTION,
                  "the export is larger than %zu MiB; ask for fewer series or less time",
                  x->out->max >> 20);
    prom_compress(k);
}

/* match[], start, end, format: every sample as it is stored. */
void prom_export(struct call *k)
{
    struct prom_params p;
    struct prom_selectors s;
    struct api_metrics m;
    struct err err = {0};
    struct dump x = {.call = k, .out = &k->resp->body};
    prom_params(k, &p);
    if (prom_period(&p, &x.start, &x.end) < 0 || prom_selectors(&p, "match[]", &s) < 0 ||
        format_wanted(&p, "application/json", &x.format) < 0)
        return;
    if (s.n != 1) {
        prom_bad_param(k, "match[]", "got %zu selectors; want one", s.n);
        return;
    }
    if (!prom_store(k, &m))
        return;
    struct series_source source = tsdb_source(m.db);
    struct series_select q = {
        .matchers = s.at[0].matchers, .n_matchers = s.at[0].n, .min_ms = x.start, .max_ms = x.end};
    x.set = source.ops->select(source.self, &q, &err);
    if (!x.set) {
        prom_fail_err(k, &err);
        return;
    }
    run_export(&x);
    x.set->ops->free(x.set);
}

void prom_federate(struct call *k)
{
    struct prom_params p;
    struct prom_selectors s;
    struct api_metrics m;
    struct err err = {0};
    prom_params(k, &p);
    if (prom_selectors(&p, "match[]", &s) < 0 || !prom_store(k, &m))
        return;
    struct federate_selector *list = arena_array_of(k->arena, struct federate_selector, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        list[i] = (struct federate_selector){s.at[i].matchers, s.at[i].n};
    struct federate_request q = {
        .source = tsdb_source(m.db),
        .selectors = list,
        .n_selectors = s.n,
        .now_ms = clock_wall_ms(),
        .lookback_ms = LOOKBACK_MS,
        .format = exposition_negotiate(http_req_header(k->req, "Accept")),
    };
    buf_clear(&k->resp->body);
    k->resp->content_type = exposition_content_type(q.format);
    if (federate_write(&q, &k->resp->body, &err) < 0)
        prom_fail_err(k, &err);
    prom_compress(k);
}
