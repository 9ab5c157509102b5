/* Answers of the Prometheus API: its envelope and its errors. */
#include "api/prom_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

static const struct error_type {
    const char *name;
    int status;
} error_types[] = {
    [PROM_BAD_DATA] = {"bad_data", 400},       [PROM_EXECUTION] = {"execution", 422},
    [PROM_CANCELED] = {"canceled", 499},       [PROM_TIMEOUT] = {"timeout", 503},
    [PROM_INTERNAL] = {"internal", 500},       [PROM_NOT_FOUND] = {"not_found", 404},
    [PROM_UNAVAILABLE] = {"unavailable", 503},
};

static int fail_text(struct call *k, enum prom_error type, const char *text)
{
    must((size_t)type < array_len(error_types));
    struct buf *out = &k->resp->body;
    k->resp->status = error_types[type].status;
    k->resp->content_type = "application/json";
    buf_clear(out);
    buf_printf(out,
               "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":", error_types[type].name);
    json_escape(out, text, strlen(text));
    buf_putc(out, '}');
    return -1;
}

int prom_fail_at(struct call *k, enum prom_error type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(k->arena, fmt, ap);
    va_end(ap);
    return fail_text(k, type, text);
}

int prom_bad_param(struct call *k, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(k->arena, fmt, ap);
    va_end(ap);
    return prom_fail(k, PROM_BAD_DATA, "invalid parameter \"%s\": %s", name, text);
}

int prom_fail_err(struct call *k, const struct err *err)
{
    switch (err->code) {
    case ERR_MALFORMED:
        return fail_text(k, PROM_BAD_DATA, err->msg);
    case ERR_INVALID:
    case ERR_TOO_LARGE:
    case ERR_UNSUPPORTED:
        return fail_text(k, PROM_EXECUTION, err->msg);
    case ERR_CANCELLED:
        return fail_text(k, PROM_CANCELED, err->msg);
    case ERR_TIMEOUT:
        return fail_text(k, PROM_TIMEOUT, err->msg);
    case ERR_BUSY:
    case ERR_FULL:
        http_resp_header(k->resp, "Retry-After", "1");
        return fail_text(k, PROM_UNAVAILABLE, err->msg);
    default:
        return fail_text(k, PROM_INTERNAL, err->msg);
    }
}

bool prom_store(struct call *k, struct api_metrics *out)
{
    struct api *a = k->api;
    check_magic(a, API_MAGIC);
    *out = (struct api_metrics){0};
    if (a->metrics)
        a->metrics(a->metrics_arg, out);
    if (out->db && out->engine)
        return true;
    prom_fail(k, PROM_UNAVAILABLE, "the metrics store is not open");
    http_resp_header(k->resp, "Retry-After", "1");
    return false;
}

bool prom_gone(void *call)
{
    const struct call *k = call;
    return http_req_ended(k->req);
}

/* --- the envelope --- */

void prom_put_begin(struct buf *out)
{
    buf_puts(out, "{\"status\":\"success\",\"data\":");
}

struct buf *prom_begin(struct call *k)
{
    buf_clear(&k->resp->body);
    prom_put_begin(&k->resp->body);
    return &k->resp->body;
}

static void put_notes(struct buf *out, const char *key, const char *const *notes, size_t n)
{
    if (n == 0)
        return;
    buf_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, notes[i], strlen(notes[i]));
    }
    buf_putc(out, ']');
}

void prom_put_notes(struct buf *out, const struct prom_notes *notes)
{
    put_notes(out, "warnings", notes->warnings, notes->n_warnings);
    put_notes(out, "infos", notes->infos, notes->n_infos);
}

void prom_end(struct call *k, const struct prom_notes *notes)
{
    struct buf *out = &k->resp->body;
    if (notes)
        prom_put_notes(out, notes);
    buf_putc(out, '}');
    if (out->failed)
        prom_fail(k, PROM_EXECUTION,
                  "the answer is larger than %zu MiB; ask for fewer series or steps",
                  out->max >> 20);
    prom_compress(k);
}

void prom_end_truncated(struct call *k, bool truncated)
{
    static const char *const warning[] = {PROM_TRUNCATED};
    prom_end(k, &(struct prom_notes){.warnings = warning, .n_warnings = truncated});
}

/* --- parts --- */

void prom_put_labels(struct buf *out, const struct labels *l)
{
    buf_putc(out, '{');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, l->at[i].name.p, l->at[i].name.n);
        buf_putc(out, ':');
        json_escape(out, l->at[i].value.p, l->at[i].value.n);
    }
    buf_putc(out, '}');
}

void prom_put_text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "\"%s\":", key);
    json_escape(out, value, strlen(value));
}

void prom_put_time(struct buf *out, const char *key, int64_t wall_ms)
{
    char text[RFC3339_SIZE];
    const char *shown = wall_ms ? time_format(wall_ms, text) : "0001-01-01T00:00:00Z";
    buf_printf(out, "\"%s\":\"%s\"", key, shown);
}

void prom_put_seconds(struct buf *out, const char *key, int64_t ns)
{
    buf_printf(out, "\"%s\":", key);
    buf_add_f64(out, (double)ns / 1e9);
}

/* --- what is not there --- */

void prom_unknown(struct call *k)
{
    k->resp->status = 404;
    k->resp->content_type = "text/plain; charset=utf-8";
    buf_clear(&k->resp->body);
    buf_puts(&k->resp->body, "404 page not found\n");
}
