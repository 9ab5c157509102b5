/* What stands within the braces of a sample, an exemplar and a quoted name (wire/exposition.h). Called for series that are
 * not known yet only. */
#include "wire/exposition_priv.h"

#include "base/must.h"
#include "wire/number.h"

size_t exposition__name(const char *p, const char *end, bool colons)
{
    const char *at = p;
    for (; at < end; at++) {
        char c = *at;
        bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (!letter && !(digit && at > p) && !(c == ':' && colons))
            break;
    }
    return (size_t)(at - p);
}

int exposition__quoted(struct line_reader *r, struct str *out)
{
    if (r->p == r->end || *r->p != '"')
        return exposition__fail(r, "a quoted text");
    const char *p = r->p + 1;
    for (; p < r->end && *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    if (p >= r->end)
        return exposition__fail(r, "a quoted text that ends on its line");
    *out = (struct str){r->p + 1, (size_t)(p - r->p - 1)};
    if (!utf8_valid(out->p, out->n))
        return exposition__fail(r, "valid UTF-8");
    r->p = p + 1;
    return 0;
}

int exposition__metric_name(struct line_reader *r, struct str *out)
{
    if (r->p < r->end && *r->p == '"') {
        if (exposition__quoted(r, out) < 0)
            return -1;
        return out->n > 0 ? 0 : exposition__fail(r, "a metric name that is not empty");
    }
    size_t n = exposition__name(r->p, r->end, true);
    if (n == 0)
        return exposition__fail(r, "a metric name");
    *out = (struct str){r->p, n};
    r->p += n;
    return 0;
}

/* \\ \n \" ; a backslash before anything else stays, as in Prometheus. */
static struct str unescape(struct str s, bool quotes, struct arena *a)
{
    if (s.n == 0 || !memchr(s.p, '\\', s.n))
        return s;
    char *text = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
        bool escape = c == '\\' && (next == '\\' || next == 'n' || (next == '"' && quotes));
        i += escape;
        text[n++] = !escape ? c : next == 'n' ? '\n' : next;
    }
    must(n <= s.n);
    return (struct str){text, n};
}

struct str exposition_unescape(struct str s, enum exposition_format f, struct arena *a)
{
    return unescape(s, f == EXPOSITION_OPENMETRICS, a);
}

static void skip_blanks(struct line_reader *r)
{
    while (!r->openmetrics && r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
}

static bool take(struct line_reader *r, char c)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    skip_blanks(r);
    return true;
}

static int read_label_name(struct line_reader *r, struct arena *a, struct str *name)
{
    if (r->p < r->end && *r->p == '"') {
        if (exposition__quoted(r, name) < 0)
            return -1;
        *name = unescape(*name, true, a);
        return name->n > 0 ? 0 : exposition__fail(r, "a label name that is not empty");
    }
    size_t n = exposition__name(r->p, r->end, false);
    if (n == 0)
        return exposition__fail(r, "a label name");
    *name = (struct str){r->p, n};
    r->p += n;
    return 0;
}

/* name="value", or, where a metric's name may stand, "name" alone. */
static int read_label(struct line_reader *r, bool *metric, struct arena *a,
                      struct labels_builder *b)
{
    struct str name = {0}, value = {0};
    bool quoted = r->p < r->end && *r->p == '"';
    if (read_label_name(r, a, &name) < 0)
        return -1;
    skip_blanks(r);
    if (quoted && *metric && (r->p == r->end || *r->p != '=')) {
        *metric = false;
        labels_builder_add(b, STR(LABEL_METRIC_NAME), name);
        return 0;
    }
    if (!take(r, '='))
        return exposition__fail(r, "an equals sign after a label name");
    if (exposition__quoted(r, &value) < 0)
        return -1;
    labels_builder_add(b, name, unescape(value, true, a));
    return 0;
}

int exposition__braces(struct line_reader *r, bool metric, struct arena *a,
                       struct labels_builder *b)
{
    if (!take(r, '{'))
        return exposition__fail(r, "labels in braces");
    bool may_end = true;
    while (!may_end || !take(r, '}')) {
        if (read_label(r, &metric, a, b) < 0)
            return -1;
        bool comma = take(r, ',');
        may_end = !comma || !r->openmetrics;
        if (!comma && (r->p == r->end || *r->p != '}'))
            return exposition__fail(r, "a comma or a closing brace after a label");
    }
    return 0;
}

/* What finish finds wrong has no place in the line. */
static int finish(struct labels_builder *b, const struct line_reader *r, struct labels *out)
{
    if (labels_builder_finish(b, out, r->err) < 0)
        return err_where(r->err, "", (int)r->number, 1);
    return 0;
}

int exposition_labels(const struct exposition_entry *e, enum exposition_format f, struct arena *a,
                      struct labels_builder *b, struct labels *out, struct err *err)
{
    struct line_reader r = {.start = e->series.p,
                            .p = e->series.p,
                            .end = e->series.p + e->series.n,
                            .number = e->line,
                            .openmetrics = f == EXPOSITION_OPENMETRICS,
                            .err = err};
    labels_builder_clear(b);
    size_t name = exposition__name(r.p, r.end, true);
    if (name > 0)
        labels_builder_add(b, STR(LABEL_METRIC_NAME), (struct str){r.p, name});
    r.p += name;
    skip_blanks(&r);
    if (r.p < r.end && exposition__braces(&r, name == 0, a, b) < 0)
        return -1;
    if (r.p != r.end)
        return exposition__fail(&r, "nothing after the closing brace");
    if (b->n == 0 || (name == 0 && !str_eqz(b->at[0].name, LABEL_METRIC_NAME)))
        return exposition__fail(&r, "a metric name, before the braces or first in them");
    return finish(b, &r, out);
}

int exposition_exemplar(const struct exposition_entry *e, struct arena *a, struct labels_builder *b,
                        struct labels *out, double *v, int64_t *t_ms, struct err *err)
{
    must(e->exemplar.n > 0);
    struct line_reader r = {.start = e->exemplar.p,
                            .p = e->exemplar.p,
                            .end = e->exemplar.p + e->exemplar.n,
                            .number = e->line,
                            .openmetrics = true,
                            .err = err};
    labels_builder_clear(b);
    *t_ms = 0;
    if (exposition__braces(&r, false, a, b) < 0)
        return -1;
    if (r.p == r.end || *r.p++ != ' ')
        return exposition__fail(&r, "one blank before an exemplar's value");
    size_t n = number_f64((struct str){r.p, (size_t)(r.end - r.p)}, v);
    if (n == 0)
        return exposition__fail(&r, "an exemplar's value");
    r.p += n;
    if (r.p < r.end && *r.p == ' ') {
        r.p++;
        n = number_seconds((struct str){r.p, (size_t)(r.end - r.p)}, t_ms);
        if (n == 0)
            return exposition__fail(&r, "an exemplar's time in seconds");
        r.p += n;
    }
    if (r.p != r.end)
        return exposition__fail(&r, "the end of the line after an exemplar");
    return finish(b, &r, out);
}
