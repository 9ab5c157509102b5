/* Answers: JSON documents, and problems as RFC 9457 with a list of fields. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/str.h"

#define DOCUMENT_MAX (4u << 20) /* the server lets more in, for remote write */

static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Invalid"},
        {429, "Too Many Requests"},
        {501, "Not Built In"},
        {502, "Bad Gateway"},
        {503, "Not Available"},
        {504, "Timeout"},
    };
    for (size_t i = 0; i < array_len(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Internal Error";
}

static void put_problem(struct json *j, const struct problem *p)
{
    must(p->message);
    json_obj(j);
    json_kstr(j, "field", p->field ? p->field : "");
    json_kstr(j, "message", p->message);
    if (p->file)
        json_kstr(j, "file", p->file);
    if (p->line) {
        json_kuint(j, "line", p->line);
        json_kuint(j, "column", p->column);
    }
    json_end(j);
}

void call_status(struct call *k, int status, const char *title, const char *detail)
{
    must(k->resp); /* whoever only asks whether a call waits answers nothing */
    must(status >= 400 && status < 600 && title && detail);
    k->resp->status = status;
    k->resp->content_type = "application/problem+json";
    buf_clear(&k->resp->body);
    struct json j = json_start(&k->resp->body);
    json_obj(&j);
    json_kstr(&j, "type", "about:blank");
    json_kstr(&j, "title", title);
    json_kint(&j, "status", status);
    json_kstr(&j, "detail", detail);
    if (k->problems.list.n) {
        json_karr(&j, "errors");
        vec_each (&k->problems.list, it)
            put_problem(&j, it);
        json_end(&j);
    }
    json_end(&j);
}

void call_fail(struct call *k, const struct err *err)
{
    must(err != NULL);
    int status = err_code_http(err->code);
    if (status == 499) /* the client that still reads this sees a server that stops */
        status = 503;
    if (status < 400)
        status = 500;
    call_status(k, status, title_of(status), err->msg);
}

void call_fail_code(struct call *k, enum err_code code, const char *fmt, ...)
{
    struct err err = {0};
    char text[sizeof(err.msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(&err, code, "%s", text);
    call_fail(k, &err);
}

struct json call_json(struct call *k)
{
    must(k->resp);
    buf_clear(&k->resp->body);
    return json_start(&k->resp->body);
}

void list_end(struct json *j, uint64_t total, uint64_t next)
{
    char cursor[24];
    json_end(j);
    json_kuint(j, "total", total);
    json_key(j, "next");
    snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)next);
    if (next)
        json_str(j, cursor);
    else
        json_nil(j);
}

struct filling {
    struct whole_list list;
    void (*fill)(struct whole_list *l);
};

static void fill_on_core(void *arg)
{
    struct filling *f = arg;
    f->fill(&f->list);
}

void list_whole(struct call *k, void (*fill)(struct whole_list *l))
{
    struct filling f = {{.call = k, .json = call_json(k)}, fill};
    struct json *j = &f.list.json;
    must(fill != NULL);
    json_obj(j);
    json_karr(j, "items");
    on_core(k, fill_on_core, &f);
    list_end(j, f.list.n, 0);
    json_end(j);
}

static bool is_json(const char *type)
{
    size_t n = type ? strcspn(type, "; \t") : 0;
    return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
           (n == 28 && strncasecmp(type, "application/merge-patch+json", n) == 0);
}

struct node *call_body(struct call *k)
{
    struct err err = {0};
    if (k->req->body.n == 0)
        return node_map(k->arena);
    if (!is_json(http_req_header(k->req, "Content-Type"))) {
        call_status(k, 415, "Unsupported Media Type", "want Content-Type: application/json");
        return NULL;
    }
    if (k->req->body.n > DOCUMENT_MAX) {
        call_fail_code(k, ERR_TOO_LARGE, "the document is larger than 4 MiB");
        return NULL;
    }
    struct node *n = node_from_json(k->arena, k->req->body.p, k->req->body.n, &err);
    if (n && n->kind == NODE_MAP)
        return n;
    if (n)
        err_set(&err, ERR_MALFORMED, "got %s; want a JSON object", node_kind_name(n));
    err.code = ERR_MALFORMED;
    call_fail(k, &err);
    return NULL;
}

int call_number(struct call *k, const char *name, uint64_t absent, uint64_t max, uint64_t *out)
{
    const char *text = http_req_query(k->req, name);
    must(absent <= max);
    *out = absent;
    if (!text)
        return 0;
    if (str_to_u64(str_of(text), out, NULL) == 0 && *out <= max)
        return 0;
    problem_add(&k->problems, NULL, name, "got \"%.40s\"; want a number up to %llu", text,
                (unsigned long long)max);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

int call_duration(struct call *k, const char *name, int64_t absent, int64_t max_ms, int64_t *out)
{
    must(absent >= 0 && absent <= max_ms);
    const char *text = http_req_query(k->req, name);
    struct err err = {0};
    char most[DURATION_SIZE];
    *out = absent;
    if (!text)
        return 0;
    if (duration_parse(str_of(text), out, &err) == 0 && *out >= 0 && *out <= max_ms)
        return 0;
    problem_add(&k->problems, NULL, name, "got \"%.40s\"; want a duration up to %s", text,
                duration_format(max_ms, most));
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

int call_time(struct call *k, const char *name, int64_t absent, int64_t *out)
{
    const char *text = http_req_query(k->req, name);
    struct err err = {0};
    *out = absent;
    if (!text || time_parse(str_of(text), out, &err) == 0)
        return 0;
    problem_add(&k->problems, NULL, name, "%s", err.msg);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}
