/* See csv.h. */
#include "api/csv.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static void next_cell(struct csv *c)
{
    must(c->out != NULL);
    if (c->begun)
        buf_putc(c->out, ',');
    c->begun = true;
}

static void put_quoted(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '"')
            buf_putc(out, '"');
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

void csv_text(struct csv *c, const char *s)
{
    next_cell(c);
    if (!s || !*s)
        return;
    bool formula = strchr("=+-@\t", *s) != NULL;
    if (!formula && !strpbrk(s, ",\"\r\n")) {
        buf_puts(c->out, s);
        return;
    }
    buf_puts(c->out, formula ? "\"'" : "\"");
    put_quoted(c->out, s);
}

void csv_int(struct csv *c, int64_t v)
{
    next_cell(c);
    buf_printf(c->out, "%lld", (long long)v);
}

void csv_f64(struct csv *c, double v)
{
    next_cell(c);
    if (isfinite(v))
        buf_printf(c->out, "%.9g", v);
}

void csv_time(struct csv *c, int64_t wall_ms)
{
    char text[RFC3339_SIZE];
    next_cell(c);
    if (wall_ms)
        buf_puts(c->out, time_format(wall_ms, text));
}

void csv_end(struct csv *c)
{
    must(c->begun); /* a row has a cell */
    buf_puts(c->out, "\r\n");
    c->begun = false;
}

void csv_header(struct csv *c, const char *names)
{
    struct str rest = str_of(names), one;
    must(!c->begun && *names); /* the first row */
    while (str_next(&rest, ' ', &one)) {
        next_cell(c);
        buf_add(c->out, one.p, one.n);
    }
    csv_end(c);
}
