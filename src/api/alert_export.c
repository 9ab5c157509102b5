/* /api/v1/alerts/export: the history of alerts as a file, made while it goes out, a page of the store at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/alert_routes.h"
#include "api/alerts_priv.h"
#include "api/csv.h"

#define PAGE      500
#define ROWS      10000
#define ROWS_MAX  1000000
#define PIECE_MAX ((size_t)64 << 20)

struct export
{
    struct api *api;
    struct arena *arena; /* the query's texts */
    struct alerts_query query;
    uint64_t left;
    bool csv, begun;
    struct alert *page[PAGE];
    size_t n;
};

static const char columns[] =
    "id status target target_id type group instance message fired_at resolved_at duration_seconds "
    "fail_count suppressed suppressed_by acknowledged_by acknowledged_at note labels notified";

static void keep(void *arg, const struct alert *a)
{
    struct export *e = arg;
    must(e->n < PAGE);
    e->page[e->n++] = alert_clone(a);
}

/* "ops: sent (ok); …" */
static void put_delivery(void *arg, const struct delivery *d)
{
    struct buf *out = arg;
    buf_printf(out, "%s%s %llu: %s%s%s", out->len ? "; " : "", event_kind_name(d->kind),
               (unsigned long long)d->channel_id, delivery_state_name(d->state),
               *d->answer ? ", " : "", d->answer);
}

static void put_labels(const struct alert *a, struct buf *out)
{
    for (uint32_t i = 0; i < a->n_labels; i++)
        buf_printf(out, "%s%s=%s", i ? "," : "", a->labels[i].name, a->labels[i].value);
    buf_putc(out, '\0');
}

static void put_row(struct export *e, const struct alert *a, const char *notified, struct buf *out)
{
    struct csv c = {.out = out};
    struct buf labels = BUF_INIT(1 << 20);
    put_labels(a, &labels);
    csv_int(&c, (int64_t)a->id);
    csv_text(&c, alert_status_name(a->status));
    csv_text(&c, a->target_name);
    csv_int(&c, (int64_t)a->target_id);
    csv_text(&c, a->target_type);
    csv_text(&c, a->group);
    csv_text(&c, a->instance);
    csv_text(&c, a->message);
    csv_time(&c, a->fired_ms);
    csv_time(&c, a->resolved_ms);
    csv_f64(&c, a->resolved_ms ? (double)(a->resolved_ms - a->fired_ms) / 1000 : (double)NAN);
    csv_int(&c, a->fail_count);
    csv_text(&c, suppression_name(a->suppressed));
    csv_text(&c, a->suppressed_by);
    csv_text(&c, a->acked_by);
    csv_time(&c, a->acked_ms);
    csv_text(&c, a->ack_note);
    csv_text(&c, labels.data);
    csv_text(&c, notified);
    csv_end(&c);
    buf_done(&labels);
}

static void put_object(struct export *e, const struct alert *a, const char *notified,
                       struct buf *out)
{
    struct json j = json_start(out);
    buf_puts(out, e->begun ? ",\n" : "[\n");
    alert_json_open(a, &j);
    json_kstr(&j, "notified", notified);
    json_end(&j);
}

static int put_alert(struct export *e, struct store_reader *r, const struct alert *a,
                     struct buf *out)
{
    struct buf notified = BUF_INIT(1 << 20);
    int rc = store_deliveries_of(r, a->id, put_delivery, &notified, NULL);
    buf_putc(&notified, '\0');
    if (e->csv)
        put_row(e, a, notified.data, out);
    else
        put_object(e, a, notified.data, out);
    e->begun = true;
    buf_done(&notified);
    return rc;
}

static int put_page(struct export *e, struct buf *out)
{
    struct store_reader *r = reader_take(e->api, NULL);
    e->query.limit = (uint32_t)(e->left < PAGE ? e->left : PAGE);
    e->n = 0;
    int rc = r ? store_alerts(r, &e->query, NULL, keep, e, NULL) : -1;
    for (size_t i = 0; i < e->n; i++) {
        if (rc == 0)
            rc = put_alert(e, r, e->page[i], out);
        e->query.before_id = e->page[i]->id;
        alert_free(e->page[i]);
    }
    reader_give(e->api, r);
    e->left -= e->n;
    return rc;
}

static enum http_more next_piece(void *ctx, struct buf *out)
{
    struct export *e = ctx;
    size_t before = out->len;
    bool first = !e->begun && e->csv;
    if (first) {
        buf_puts(out, "\xef\xbb\xbf"); /* so that spreadsheets read UTF-8 */
        csv_header(&(struct csv){.out = out}, columns);
    }
    bool more = true;
    while (more && out->len - before < HTTP_PIECE && e->left > 0) {
        if (put_page(e, out) != 0)
            return HTTP_BROKEN;
        more = e->n == PAGE;
    }
    if (more && e->left > 0)
        return HTTP_MORE;
    if (!e->csv)
        buf_puts(out, e->begun ? "\n]\n" : "[]\n");
    return HTTP_LAST;
}

static void export_done(void *ctx)
{
    struct export *e = ctx;
    arena_free(e->arena);
    free(e);
}

static const char *copy(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

/* The request's texts are gone when the pieces are made. */
static void own_texts(struct export *e)
{
    struct alerts_query *q = &e->query;
    q->group = copy(e->arena, q->group);
    q->text = copy(e->arena, q->text);
    q->type = copy(e->arena, q->type);
    q->name = copy(e->arena, q->name);
    q->suppressed = copy(e->arena, q->suppressed);
    q->in_groups = copy(e->arena, q->in_groups);
    q->not_in_groups = copy(e->arena, q->not_in_groups);
}

void alerts_export(struct call *k)
{
    const char *format = http_req_query(k->req, "format");
    struct alerts_query q;
    uint64_t rows;
    if (format && strcmp(format, "csv") != 0 && strcmp(format, "json") != 0) {
        problem_add(&k->problems, NULL, "format", "got \"%.40s\"; want csv or json", format);
        call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
        return;
    }
    if (alerts_query_of(k, ROWS_MAX, &q) != 0 ||
        call_number(k, "limit", ROWS, ROWS_MAX, &rows) != 0)
        return;
    struct export *e = calloc(1, sizeof(*e));
    must(e);
    *e = (struct export){.api = k->api,
                         .arena = arena_new(),
                         .query = q,
                         .left = rows,
                         .csv = !format || strcmp(format, "csv") == 0};
    own_texts(e);
    k->resp->content_type = e->csv ? "text/csv; charset=utf-8" : "application/json";
    http_resp_header(k->resp, "Content-Disposition",
                     e->csv ? "attachment; filename=\"alerts.csv\""
                            : "attachment; filename=\"alerts.json\"");
    k->resp->stream = (struct http_stream){next_piece, export_done, e};
}
