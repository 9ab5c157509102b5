/* /api/v1/audit: who changed what. For administrators: it names every account and every address. */
#include <string.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/str.h"

struct rows {
    struct json json;
    struct buf *csv;
    uint64_t n, last_id;
};

static void put_document(struct json *j, const char *key, const char *text)
{
    json_key(j, key);
    if (*text)
        json_raw(j, text, strlen(text));
    else
        json_nil(j);
}

static void put_row(void *arg, const struct audit_entry *e)
{
    struct rows *r = arg;
    struct json *j = &r->json;
    json_obj(j);
    json_kuint(j, "id", e->id);
    json_ktime(j, "at", e->at_ms);
    json_kstr(j, "actor", e->actor);
    json_kstr(j, "address", e->origin);
    json_kstr(j, "action", e->action);
    json_kstr(j, "kind", e->kind);
    json_kstr(j, "object", e->object);
    put_document(j, "before", e->before);
    put_document(j, "after", e->after);
    json_end(j);
    r->n++;
    r->last_id = e->id;
}

/* RFC 4180; a cell that a spreadsheet would take for a formula is made a text. */
static void put_cell(struct buf *out, const char *text, bool last)
{
    buf_puts(out, "\"");
    if (*text && strchr("=+-@\t\r", *text))
        buf_puts(out, "'");
    for (; *text; text++) {
        buf_putc(out, *text);
        if (*text == '"')
            buf_puts(out, "\"");
    }
    buf_puts(out, last ? "\"\r\n" : "\",");
}

static void put_line(void *arg, const struct audit_entry *e)
{
    struct rows *r = arg;
    char at[RFC3339_SIZE];
    const char *const cells[] = {time_format(e->at_ms, at),
                                 e->actor,
                                 e->origin,
                                 e->action,
                                 e->kind,
                                 e->object,
                                 e->before,
                                 e->after};
    for (size_t i = 0; i < array_len(cells); i++)
        put_cell(r->csv, cells[i], i + 1 == array_len(cells));
    r->n++;
    r->last_id = e->id;
}

static int read_query(struct call *k, struct audit_query *q)
{
    uint64_t limit;
    *q = (struct audit_query){
        .actor = http_req_query(k->req, "actor"),
        .action = http_req_query(k->req, "action"),
        .kind = http_req_query(k->req, "kind"),
        .object = http_req_query(k->req, "object"),
        .text = http_req_query(k->req, "q"),
    };
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &limit) != 0 ||
        call_number(k, "cursor", 0, INT64_MAX, &q->before_id) != 0 ||
        call_time(k, "since", 0, &q->since_ms) != 0 || call_time(k, "until", 0, &q->until_ms) != 0)
        return -1;
    q->limit = (uint32_t)limit;
    return 0;
}

static int run(struct call *k, const struct audit_query *q, struct rows *rows,
               void (*fn)(void *arg, const struct audit_entry *e))
{
    struct err err = {0};
    struct store_reader *r = reader_take(k->api, &err);
    int rc = r ? store_audit(r, q, fn, rows, &err) : -1;
    reader_give(k->api, r);
    if (rc != 0) {
        buf_clear(&k->resp->body);
        call_fail(k, &err);
    }
    return rc;
}

/* Everything that fits the filters, a page after the other. */
static void answer_csv(struct call *k, struct audit_query *q)
{
    struct rows rows = {.csv = &k->resp->body};
    http_resp_header(k->resp, "Content-Disposition", "attachment; filename=\"belfry-audit.csv\"");
    buf_puts(rows.csv, "\xef\xbb\xbf"
                       "at,actor,address,action,kind,object,before,after\r\n");
    bool all = !http_req_query(k->req, "limit");
    q->limit = all ? API_LIST_LIMIT_MAX : q->limit;
    do {
        rows.n = 0;
        if (run(k, q, &rows, put_line) != 0)
            return;
        q->before_id = rows.last_id;
    } while (all && rows.n == q->limit && !rows.csv->failed && !http_req_ended(k->req));
    k->resp->content_type = "text/csv; charset=utf-8";
}

static void audit_list(struct call *k)
{
    struct audit_query q;
    if (read_query(k, &q) != 0)
        return;
    const char *format = http_req_query(k->req, "format");
    if (format && streq(format, "csv")) {
        answer_csv(k, &q);
        return;
    }
    struct rows rows = {.json = call_json(k)};
    json_obj(&rows.json);
    json_karr(&rows.json, "items");
    if (run(k, &q, &rows, put_row) != 0)
        return;
    list_end(&rows.json, rows.n, rows.n == q.limit ? rows.last_id : 0);
    json_end(&rows.json);
}

const struct route audit_routes[] = {
    {"GET",
     "/api/v1/audit",
     audit_list,
     NULL,
     "audit",
     {"Who changed what, newest first", "审计日志"},
     0,
     SCOPE_ADMIN,
     "limit cursor q actor action kind object since until format",
     true},
    {0},
};
