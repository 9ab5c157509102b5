/* Samples in and out over HTTP: remote write, imports as text or lines of JSON, federation. Exports: prom_export.c. */
#include "api/prom_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "remote/receive.h"
#include "wire/federate.h"

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

int prom_format(const struct prom_params *p, const char *type, enum ingest_format *out)
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
    if (prom_format(&p, http_req_header(k->req, "Content-Type"), &format) < 0 ||
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

struct families {
    struct federation *found;
    struct promql_engine *engine; /* whose memory it counts against */
    uint64_t held;
};

static enum http_more next_families(void *ctx, struct buf *out, struct err *err)
{
    struct families *f = ctx;
    (void)err;
    return federate_next(f->found, out, HTTP_PIECE) ? HTTP_LAST : HTTP_MORE;
}

static void families_done(void *ctx)
{
    struct families *f = ctx;
    promql_release(f->engine, f->held);
    federate_free(f->found);
    free(f);
}

/* Takes found. */
static void answer_families(struct call *k, struct promql_engine *engine, struct federation *found)
{
    struct err err = {0};
    struct families *f = calloc(1, sizeof(*f));
    must(f != NULL);
    *f = (struct families){found, engine, federate_bytes(found)};
    if (promql_hold(engine, f->held, &err) < 0) {
        f->held = 0;
        prom_fail_err(k, &err);
        families_done(f);
        return;
    }
    prom_answer_pieces(k, &(struct prom_pieces){next_families, families_done, f});
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
    struct federation *f = federate_open(&q, &err);
    if (!f) {
        prom_fail_err(k, &err);
        return;
    }
    k->resp->content_type = exposition_content_type(q.format);
    answer_families(k, m.engine, f);
}
