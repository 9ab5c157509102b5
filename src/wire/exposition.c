/* Pieces into lines, lines into items; what both text formats share (wire/exposition.h). */
#include "wire/exposition_priv.h"

#include <strings.h>

#include "base/must.h"

void exposition_init(struct exposition *x, enum exposition_format f)
{
    *x = (struct exposition){.format = f, .last = true};
}

void exposition_feed(struct exposition *x, struct str piece, bool last)
{
    must(x->p == NULL || piece.n >= (size_t)(x->end - x->p));
    x->p = x->line_start = piece.n > 0 ? piece.p : "";
    x->end = x->p + piece.n;
    x->last = last;
}

struct str exposition_left(const struct exposition *x)
{
    return (struct str){x->p, (size_t)(x->end - x->p)};
}

int exposition__fail(const struct line_reader *r, const char *want)
{
    const char *at = r->p < r->end ? r->p : r->end;
    size_t n = utf8_cut(at, (size_t)(r->end - at), 32);
    must(r->start <= at);
    err_set(r->err, ERR_MALFORMED, "cannot read metrics: got \"%.*s\"%s; want %s", (int)n, at,
            at == r->end ? " (the end of the line)" : "", want);
    return err_where(r->err, "", (int)r->number,
                     (int)utf8_count(r->start, (size_t)(at - r->start)) + 1);
}

static enum exposition_item no_eof(struct exposition *x, struct err *err)
{
    err_set(err, ERR_MALFORMED,
            "cannot read metrics: got the end of the text; want a last line "
            "\"# EOF\"");
    err_where(err, "", (int)x->line + 1, 1);
    return EXPOSITION_FAILED;
}

/* The next line without its newline; false: none is whole. */
static bool next_line(struct exposition *x, struct line_reader *r)
{
    if (x->p == x->end)
        return false;
    const char *newline = memchr(x->p, '\n', (size_t)(x->end - x->p));
    if (!newline && !x->last)
        return false;
    r->start = r->p = x->line_start = x->p;
    r->end = newline ? newline : x->end;
    r->number = ++x->line;
    x->p = newline ? newline + 1 : x->end;
    return true;
}

enum exposition_item exposition_next(struct exposition *x, struct exposition_entry *e,
                                     struct err *err)
{
    struct line_reader r = {.openmetrics = x->format == EXPOSITION_OPENMETRICS, .err = err};
    while (next_line(x, &r)) {
        *e = (struct exposition_entry){.line = r.number};
        enum exposition_item item;
        if (x->ended) {
            exposition__fail(&r, "nothing after \"# EOF\"");
            return EXPOSITION_FAILED;
        }
        item = r.openmetrics ? exposition__openmetrics_line(&r, e, &x->ended)
                             : exposition__text_line(&r, e);
        if (item != EXPOSITION_END)
            return item;
    }
    if (r.openmetrics && x->last && !x->ended)
        return no_eof(x, err);
    return EXPOSITION_END;
}

/* --- content types --- */

/* "text/plain; version=0.0.4" begins with the type, whatever its case. */
static bool is_type(struct str media, const char *type)
{
    struct str name, rest;
    if (!str_cut(media, ';', &name, &rest))
        name = media;
    name = str_trim(name);
    return name.n == strlen(type) && strncasecmp(name.p, type, name.n) == 0;
}

/* The value of a parameter; empty when absent. */
static struct str parameter(struct str media, const char *name)
{
    struct str rest = media, part, key, value;
    str_next(&rest, ';', &part);
    while (str_next(&rest, ';', &part)) {
        if (!str_cut(part, '=', &key, &value))
            continue;
        key = str_trim(key);
        value = str_trim(value);
        if (key.n != strlen(name) || strncasecmp(key.p, name, key.n) != 0)
            continue;
        bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? (struct str){value.p + 1, value.n - 2} : value;
    }
    return STR("");
}

bool exposition_format_of(const char *content_type, enum exposition_format *out)
{
    struct str media = str_trim(str_of(content_type));
    *out =
        is_type(media, "application/openmetrics-text") ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
    return media.n == 0 || *out == EXPOSITION_OPENMETRICS || is_type(media, "text/plain");
}

const char *exposition_content_type(enum exposition_format f)
{
    return f == EXPOSITION_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

static double weight(struct str media)
{
    struct str q = parameter(media, "q");
    double v;
    return q.n > 0 && str_to_f64(q, &v, NULL) == 0 ? v : 1;
}

enum exposition_format exposition_negotiate(const char *accept)
{
    struct str rest = str_of(accept), media;
    double best = 0;
    enum exposition_format chosen = EXPOSITION_TEXT;
    while (str_next(&rest, ',', &media)) {
        struct str version = parameter(media, "version");
        bool openmetrics =
            is_type(media, "application/openmetrics-text") &&
            (version.n == 0 || str_eqz(version, "1.0.0") || str_eqz(version, "0.0.1"));
        bool text =
            is_type(media, "text/plain") || is_type(media, "text/*") || is_type(media, "*/*");
        if ((openmetrics || text) && weight(media) > best) {
            best = weight(media);
            chosen = openmetrics ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
        }
    }
    return chosen;
}
