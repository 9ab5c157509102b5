/* The writer of both text formats (wire/exposition_write.h). */
#include "wire/exposition_write.h"

#include <math.h>

#include "base/must.h"

/* Backslash, newline and, in quotes, the quote. */
static void put_escaped(struct buf *out, struct str s, bool quotes)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '\\' && c != '\n' && !(c == '"' && quotes))
            continue;
        buf_add(out, s.p + from, i - from);
        buf_putc(out, '\\');
        buf_putc(out, c == '\n' ? 'n' : c);
        from = i + 1;
    }
    if (s.n > from)
        buf_add(out, s.p + from, s.n - from);
}

static void put_quoted(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    put_escaped(out, s, true);
    buf_putc(out, '"');
}

void exposition_write_value(struct buf *out, double v)
{
    if (isnan(v))
        buf_puts(out, "NaN");
    else if (isinf(v))
        buf_puts(out, v > 0 ? "+Inf" : "-Inf");
    else
        buf_add_f64(out, v);
}

void exposition_write_series(struct buf *out, const struct labels *l)
{
    must(l->n == 0 || l->at != NULL);
    struct str metric = labels_metric(l);
    bool classic = metric_name_classic(metric), any = false;
    if (classic)
        buf_add(out, metric.p, metric.n);
    if (classic && l->n == 1)
        return;
    buf_putc(out, '{');
    if (!classic && metric.n > 0) {
        put_quoted(out, metric);
        any = true;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        const struct label_pair *p = &l->at[i];
        if (str_eqz(p->name, LABEL_METRIC_NAME))
            continue;
        if (any)
            buf_putc(out, ',');
        any = true;
        if (label_name_classic(p->name))
            buf_add(out, p->name.p, p->name.n);
        else
            put_quoted(out, p->name);
        buf_putc(out, '=');
        put_quoted(out, p->value);
    }
    buf_putc(out, '}');
}

static void put_comment(struct exposition_writer *w, const char *word, struct str name)
{
    buf_puts(w->out, word);
    if (metric_name_classic(name))
        buf_add(w->out, name.p, name.n);
    else
        put_quoted(w->out, name);
    buf_putc(w->out, ' ');
}

static const char *type_word(enum exposition_format f, enum metric_type t)
{
    if (f == EXPOSITION_OPENMETRICS)
        return metric_type_name(t);
    switch (t) { /* the types that 0.0.4 knows */
    case METRIC_COUNTER:
    case METRIC_GAUGE:
    case METRIC_HISTOGRAM:
    case METRIC_SUMMARY:
        return metric_type_name(t);
    case METRIC_INFO:
    case METRIC_STATESET:
        return "gauge";
    default:
        return "untyped";
    }
}

void exposition_write_family(struct exposition_writer *w, const struct metric_metadata *m)
{
    bool openmetrics = w->format == EXPOSITION_OPENMETRICS;
    struct str name = m->metric;
    enum metric_type type = m->type;
    must(name.n > 0);
    if (openmetrics && type == METRIC_COUNTER) {
        if (str_ends(name, STR("_total")))
            name.n -= 6;
        else
            type = METRIC_UNKNOWN; /* a counter's samples must end so */
    }
    if (m->help.n > 0) {
        put_comment(w, "# HELP ", name);
        put_escaped(w->out, m->help, openmetrics);
        buf_putc(w->out, '\n');
    }
    put_comment(w, "# TYPE ", name);
    buf_puts(w->out, type_word(w->format, type));
    buf_putc(w->out, '\n');
    if (openmetrics && m->unit.n > 0 && str_ends(name, m->unit)) {
        put_comment(w, "# UNIT ", name);
        buf_add(w->out, m->unit.p, m->unit.n);
        buf_putc(w->out, '\n');
    }
}

static void put_seconds(struct buf *out, int64_t ms)
{
    uint64_t abs = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    buf_printf(out, "%s%llu.%03u", ms < 0 ? "-" : "", (unsigned long long)(abs / 1000),
               (unsigned)(abs % 1000));
}

void exposition_write_sample(struct exposition_writer *w, const struct labels *l, double v,
                             const int64_t *t_ms)
{
    exposition_write_series(w->out, l);
    buf_putc(w->out, ' ');
    exposition_write_value(w->out, v);
    if (t_ms) {
        buf_putc(w->out, ' ');
        if (w->format == EXPOSITION_OPENMETRICS)
            put_seconds(w->out, *t_ms);
        else
            buf_add_i64(w->out, *t_ms);
    }
    buf_putc(w->out, '\n');
}

void exposition_write_end(struct exposition_writer *w)
{
    if (w->format == EXPOSITION_OPENMETRICS)
        buf_puts(w->out, "# EOF\n");
}
