/* See resp.h. One walk over the bytes measures a reply, and with an arena builds it: nothing is allocated for a reply that
 * is not whole. */
#include "probe/resp.h"

#include <ctype.h>
#include <stdlib.h>

struct walk {
    const char *start, *p, *end;
    size_t items;
    struct arena *a; /* NULL: only measure */
    struct err *err;
};

enum { WALK_BAD = -1, WALK_MORE = 0, WALK_WHOLE = 1 };

#define LINE_MAX_BYTES 65536 /* of a text, an error or a number */

static int too_large(struct walk *w)
{
    err_set(w->err, ERR_TOO_LARGE, "the reply is too large; want at most %u bytes, %d parts",
            RESP_BYTES_MAX, RESP_ITEMS_MAX);
    return WALK_BAD;
}

static int malformed(struct walk *w, const char *what)
{
    must(w->p >= w->start);
    unsigned char c = w->p < w->end ? (unsigned char)*w->p : 0;
    err_set(w->err, ERR_PROTOCOL,
            isprint(c) ? "not a Redis reply: %s at byte %zu, got \"%c\""
                       : "not a Redis reply: %s at byte %zu, got 0x%02x",
            what, (size_t)(w->p - w->start), c);
    return WALK_BAD;
}

/* The text up to CRLF; w->p moves behind it. */
static int take_line(struct walk *w, struct str *line)
{
    size_t left = (size_t)(w->end - w->p);
    const char *lf = left ? memchr(w->p, '\n', left) : NULL;
    if (!lf)
        return left > LINE_MAX_BYTES ? too_large(w) : WALK_MORE;
    if (lf == w->p || lf[-1] != '\r')
        return malformed(w, "a line without a carriage return");
    *line = (struct str){w->p, (size_t)(lf - 1 - w->p)};
    w->p = lf + 1;
    return WALK_WHOLE;
}

static int take_number(struct walk *w, int64_t *out)
{
    struct str line = {0};
    const char *at = w->p;
    int rc = take_line(w, &line);
    if (rc != WALK_WHOLE)
        return rc;
    if (str_to_i64(line, out, NULL) == 0)
        return WALK_WHOLE;
    w->p = at;
    return malformed(w, "want a number");
}

static int take_bulk(struct walk *w, struct resp *out)
{
    int64_t len = 0;
    int rc = take_number(w, &len);
    if (rc != WALK_WHOLE)
        return rc;
    if (len == -1) {
        out->kind = RESP_NIL;
        return WALK_WHOLE;
    }
    if (len < 0 || len > (int64_t)RESP_BYTES_MAX)
        return too_large(w);
    if (w->end - w->p < len + 2)
        return WALK_MORE;
    *out = (struct resp){.kind = RESP_BULK, .text = {w->p, (size_t)len}};
    w->p += len;
    if (w->p[0] != '\r' || w->p[1] != '\n')
        return malformed(w, "want the end of a text");
    w->p += 2;
    return WALK_WHOLE;
}

static int take_reply(struct walk *w, struct resp *out, int depth);

static int take_array(struct walk *w, struct resp *out, int depth)
{
    int64_t n = 0;
    int rc = take_number(w, &n);
    if (rc != WALK_WHOLE)
        return rc;
    *out = (struct resp){.kind = n == -1 ? RESP_NIL : RESP_ARRAY};
    if (n == -1)
        return WALK_WHOLE;
    if (n < 0 || n > RESP_ITEMS_MAX || depth >= RESP_DEPTH_MAX)
        return too_large(w);
    out->n = (size_t)n;
    if (w->a)
        out->at = arena_array_of(w->a, struct resp, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        struct resp unused = {0};
        rc = take_reply(w, w->a ? &out->at[i] : &unused, depth + 1);
        if (rc != WALK_WHOLE)
            return rc;
    }
    return WALK_WHOLE;
}

static int take_text(struct walk *w, struct resp *out, enum resp_kind kind)
{
    *out = (struct resp){.kind = kind};
    return take_line(w, &out->text);
}

static int take_reply(struct walk *w, struct resp *out, int depth)
{
    must(depth >= 0 && depth <= RESP_DEPTH_MAX);
    if (w->p == w->end)
        return WALK_MORE;
    if (++w->items > RESP_ITEMS_MAX)
        return too_large(w);
    *out = (struct resp){.kind = RESP_NUMBER};
    switch (*w->p++) {
    case '+':
        return take_text(w, out, RESP_TEXT);
    case '-':
        return take_text(w, out, RESP_ERROR);
    case ':':
        return take_number(w, &out->num);
    case '$':
        return take_bulk(w, out);
    case '*':
        return take_array(w, out, depth);
    default:
        w->p--;
        return malformed(w, "want one of + - : $ *");
    }
}

ssize_t resp_length(const char *p, size_t n, struct err *err)
{
    struct walk w = {.start = p, .p = p, .end = p + n, .err = err};
    struct resp unused;
    if (n == 0)
        return 0;
    int rc = take_reply(&w, &unused, 0);
    if (rc == WALK_MORE && n >= RESP_BYTES_MAX)
        rc = too_large(&w);
    must(w.p <= w.end);
    return rc == WALK_WHOLE ? w.p - p : rc;
}

int resp_parse(const char *p, size_t n, struct arena *a, struct resp *out, struct err *err)
{
    struct walk w = {.start = p, .p = p, .end = p + n, .a = a, .err = err};
    struct resp got;
    must(a != NULL && n > 0);
    int rc = take_reply(&w, &got, 0);
    if (rc == WALK_WHOLE)
        *out = got;
    else if (rc == WALK_MORE)
        err_set(err, ERR_PROTOCOL, "the reply ends after %zu bytes", n);
    return rc == WALK_WHOLE ? 0 : -1;
}

void resp_write(struct buf *out, const char *const *argv, size_t argc)
{
    must(argc > 0);
    buf_printf(out, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++)
        buf_printf(out, "$%zu\r\n%s\r\n", strlen(argv[i]), argv[i]);
}

struct str resp_field(const struct resp *map, const char *key)
{
    for (size_t i = 0; map->kind == RESP_ARRAY && i + 1 < map->n; i += 2)
        if (str_eqz(map->at[i].text, key))
            return map->at[i + 1].text;
    return (struct str){0};
}
