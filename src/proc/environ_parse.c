/* An environment file, as environ.h describes it. Pure; called by environ_build. Errors tell the
 * place but not the text, which may be secret. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"
#include "proc/environ.h"

struct reader {
    const char *at, *end;
    const char *line_start;
    int line;
    struct err *err;
};

static int complain(const struct reader *r, const char *what)
{
    err_set(r->err, ERR_MALFORMED, "cannot read the environment file: %s", what);
    return err_where(r->err, "", r->line, (int)(r->at - r->line_start) + 1);
}

static bool at_end(const struct reader *r)
{
    return r->at >= r->end;
}

static bool at_line_end(const struct reader *r)
{
    return at_end(r) || *r->at == '\n';
}

static char take(struct reader *r)
{
    char c = *r->at++;
    if (c == '\n') {
        r->line++;
        r->line_start = r->at;
    }
    return c;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (!at_end(r) && blank(*r->at))
        r->at++;
}

static void skip_line(struct reader *r)
{
    while (!at_line_end(r))
        r->at++;
}

/* '…': for itself. */
static int take_single(struct reader *r, struct buf *out)
{
    while (!at_end(r) && *r->at != '\'')
        buf_putc(out, take(r));
    if (at_end(r))
        return complain(r, "the ' that begins a value has no end");
    take(r);
    return 0;
}

/* "…" */
static int take_double(struct reader *r, struct buf *out)
{
    while (!at_end(r) && *r->at != '"') {
        char c = take(r);
        if (c == '\\' && !at_end(r) && *r->at == '\n')
            take(r);
        else if (c == '\\' && !at_end(r) && strchr("\"\\$`", *r->at))
            buf_putc(out, take(r));
        else
            buf_putc(out, c);
    }
    if (at_end(r))
        return complain(r, "the \" that begins a value has no end");
    take(r);
    return 0;
}

/* Up to the end of the line. Bare white space at its end does not count: *solid is the length up
 * to what does. */
static int take_value(struct reader *r, struct buf *out)
{
    size_t solid = 0;
    int rc = 0;
    while (rc == 0 && !at_line_end(r)) {
        char c = take(r);
        if (c == '\'')
            rc = take_single(r, out);
        else if (c == '"')
            rc = take_double(r, out);
        else if (c == '\\' && !at_end(r) && *r->at == '\n')
            take(r);
        else if (c == '\\' && !at_end(r))
            buf_putc(out, take(r));
        else
            buf_putc(out, c);
        if (!blank(c))
            solid = out->len;
    }
    if (out->len > 0)
        out->data[out->len = solid] = '\0';
    return rc;
}

/* NAME=, with blanks around NAME and "export" before it. */
static int take_name(struct reader *r, struct buf *out)
{
    static const char export[] = "export";
    size_t n = sizeof(export) - 1;
    if ((size_t)(r->end - r->at) > n && memcmp(r->at, export, n) == 0 && blank(r->at[n])) {
        r->at += n;
        skip_blanks(r);
    }
    const char *from = r->at;
    while (!at_line_end(r) && *r->at != '=' && !blank(*r->at))
        r->at++;
    buf_add(out, from, (size_t)(r->at - from));
    skip_blanks(r);
    if (at_line_end(r) || *r->at != '=')
        return complain(r, "a line is NAME=VALUE, empty or a comment");
    if (!environ_name_ok(from, out->len))
        return complain(r, "a name is of letters, digits and _ and begins with no digit");
    r->at++;
    skip_blanks(r);
    return 0;
}

int environ_parse(const char *text, size_t n,
                  void (*put)(void *arg, const char *name, const char *value), void *arg,
                  struct err *err)
{
    struct reader r = {text, text + n, text, 1, err};
    struct buf name = BUF_INIT(ENVIRON_FILE_MAX), value = BUF_INIT(ENVIRON_FILE_MAX);
    int rc = n > ENVIRON_FILE_MAX    ? complain(&r, "it is too large")
             : memchr(text, '\0', n) ? complain(&r, "it holds a zero byte")
                                     : 0;
    while (rc == 0 && !at_end(&r)) {
        buf_clear(&name);
        buf_clear(&value);
        skip_blanks(&r);
        if (at_line_end(&r) || *r.at == '#' || *r.at == ';')
            skip_line(&r);
        else if ((rc = take_name(&r, &name)) == 0 && (rc = take_value(&r, &value)) == 0)
            put(arg, name.data, value.len > 0 ? value.data : "");
        if (rc == 0 && !at_end(&r))
            take(&r); /* the newline */
    }
    buf_done(&name);
    buf_done(&value);
    return rc;
}
