/* See perfdata.h. */
#include "probe/perfdata.h"

#include <math.h>

#include "base/must.h"

#define LABEL_MAX 100

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void plugin_parse(struct str output, struct plugin_output *out)
{
    struct str first = output, rest = {0}, text, perf;
    *out = (struct plugin_output){0};
    str_cut(output, '\n', &first, &rest);
    if (str_cut(first, '|', &text, &perf)) {
        first = text;
        out->perf[0] = str_trim(perf);
    }
    out->first = str_trim(first);
    if (str_cut(rest, '|', &text, &perf)) {
        rest = text;
        out->perf[1] = str_trim(perf);
    }
    out->text = str_trim(rest);
    must(out->first.n <= output.n && out->text.n <= output.n);
}

/* --- one value --- */

static const struct unit {
    const char *plugin, *unit;
    double scale;
} units[] = {
    {"", "", 1},
    {"s", "seconds", 1},
    {"ms", "seconds", 1e-3},
    {"us", "seconds", 1e-6},
    {"ns", "seconds", 1e-9},
    {"%", "ratio", 0.01},
    {"B", "bytes", 1},
    {"KB", "bytes", 1024},
    {"MB", "bytes", 1048576.0},
    {"GB", "bytes", 1073741824.0},
    {"TB", "bytes", 1099511627776.0},
    {"KiB", "bytes", 1024},
    {"MiB", "bytes", 1048576.0},
    {"GiB", "bytes", 1073741824.0},
    {"c", "count", 1},
};

static const struct unit *unit_of(struct str s)
{
    for (size_t i = 0; i < array_len(units); i++)
        if (strlen(units[i].plugin) == s.n && strncasecmp(units[i].plugin, s.p, s.n) == 0)
            return &units[i];
    return NULL;
}

/* The number at the beginning of *s, which moves behind it. Some plugins print a decimal comma. */
static bool take_number(struct str *s, double *out)
{
    size_t n = strspn(s->p, "+-.,0123456789eE");
    n = n < s->n ? n : s->n;
    while (n > 0 && char_in(s->p[n - 1], "eE+-.,"))
        n--;
    char text[64];
    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, s->p, n);
    text[n] = '\0';
    for (char *p = text; *p; p++)
        if (*p == ',')
            *p = '.';
    const char *from = *text == '+' ? text + 1 : text;
    if (str_to_f64(str_of(from), out, NULL) != 0 || !isfinite(*out))
        return false;
    s->p += n;
    s->n -= n;
    return true;
}

static bool parse_bound(struct str s, double none, double *out)
{
    *out = none;
    if (s.n == 0 || str_eqz(s, "~"))
        return true;
    return take_number(&s, out) && s.n == 0;
}

static void parse_range(struct str s, double scale, struct perf_range *r)
{
    struct str start = {0}, end = s;
    *r = (struct perf_range){0};
    if (s.n == 0)
        return;
    if (*s.p == '@') {
        r->inside = true;
        end = s = (struct str){s.p + 1, s.n - 1};
    }
    bool both = str_cut(s, ':', &start, &end);
    r->given =
        parse_bound(end, INFINITY, &r->end) && parse_bound(start, -INFINITY, &r->start) && s.n > 0;
    if (!both || start.n == 0)
        r->start = 0; /* "10" and ":10" begin at 0 */
    r->start *= scale;
    r->end *= scale;
}

static bool parse_limit(struct str s, double scale, double *out)
{
    if (!take_number(&s, out))
        return false;
    *out *= scale;
    return true;
}

/* "0.5s;1;2;0;10" */
static bool parse_values(struct str s, struct arena *a, struct perf *p)
{
    struct str part;
    if (!str_next(&s, ';', &part) || !take_number(&part, &p->value))
        return false;
    const struct unit *u = unit_of(part);
    double scale = u ? u->scale : 1;
    p->unit = u ? u->unit : arena_strndup(a, part.p, utf8_cut(part.p, part.n, 20));
    p->value *= scale;
    if (s.p && str_next(&s, ';', &part))
        parse_range(part, scale, &p->warn);
    if (s.p && str_next(&s, ';', &part))
        parse_range(part, scale, &p->crit);
    if (s.p && str_next(&s, ';', &part))
        p->has_min = parse_limit(part, scale, &p->min);
    if (s.p && str_next(&s, ';', &part))
        p->has_max = parse_limit(part, scale, &p->max);
    return true;
}

/* --- all --- */

/* 'it''s' is it's. *s moves behind the label and its "=". */
static bool take_quoted(struct str *s, struct buf *label)
{
    size_t i = 1;
    for (; i < s->n; i++) {
        if (s->p[i] == '\'' && i + 1 < s->n && s->p[i + 1] == '\'')
            i++;
        else if (s->p[i] == '\'')
            break;
        buf_putc(label, s->p[i]);
    }
    bool good = i + 1 < s->n && s->p[i + 1] == '=';
    i = good ? i + 2 : i < s->n ? i + 1 : s->n;
    must(i <= s->n);
    s->p += i;
    s->n -= i;
    return good;
}

static bool take_label(struct str *s, struct buf *label)
{
    buf_clear(label);
    if (s->n && *s->p == '\'')
        return take_quoted(s, label);
    size_t i = 0;
    while (i < s->n && s->p[i] != '=' && !is_blank(s->p[i]))
        i++;
    buf_add(label, s->p, i < LABEL_MAX ? i : LABEL_MAX);
    bool good = i > 0 && i < s->n && s->p[i] == '=';
    i += i < s->n;
    s->p += i;
    s->n -= i;
    return good;
}

static struct str take_word(struct str *s)
{
    size_t i = 0;
    while (i < s->n && !is_blank(s->p[i]))
        i++;
    struct str word = {s->p, i};
    s->p += i;
    s->n -= i;
    return word;
}

size_t perf_parse(struct str text, struct arena *a, struct perf *out, size_t room)
{
    struct buf label = BUF_INIT(1 << 20), clean = BUF_INIT(1 << 20);
    size_t n = 0;
    while (n < room) {
        text = str_trim(text);
        if (text.n == 0)
            break;
        struct perf p = {0};
        if (!take_label(&text, &label))
            continue;
        if (!parse_values(take_word(&text), a, &p))
            continue;
        buf_clear(&clean);
        utf8_clean(&clean, label.data ? label.data : "", label.len);
        p.label = arena_strndup(a, clean.data ? clean.data : "",
                                utf8_cut(clean.data ? clean.data : "", clean.len, LABEL_MAX));
        must(isfinite(p.value) || isinf(p.value));
        out[n++] = p;
    }
    buf_done(&label);
    buf_done(&clean);
    return n;
}
