/* A line of OpenMetrics 1.0, where one blank stands between two things and none elsewhere:
 *
 *     # HELP name text    # TYPE name type    # UNIT name unit    # EOF
 *     name{label="value",…} value [time in s] [# {label="value",…} value [time in s]]
 *
 * "# EOF" is the last line. */
#include "wire/exposition_priv.h"

#include "base/must.h"
#include "wire/number.h"

static enum exposition_item fail(struct line_reader *r, const char *want)
{
    exposition__fail(r, want);
    return EXPOSITION_FAILED;
}

static struct str rest_of(const struct line_reader *r)
{
    return (struct str){r->p, (size_t)(r->end - r->p)};
}

static bool take(struct line_reader *r, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
        return false;
    r->p += n;
    return true;
}

static enum exposition_item take_type(struct line_reader *r, struct exposition_entry *e)
{
    struct str type = rest_of(r);
    e->type = metric_type_parse(type);
    if (e->type == METRIC_UNKNOWN && !str_eqz(type, "unknown"))
        return fail(r, "unknown, gauge, counter, stateset, info, histogram, gaugehistogram or "
                       "summary");
    return EXPOSITION_TYPE;
}

static enum exposition_item metadata_line(struct line_reader *r, struct exposition_entry *e)
{
    enum exposition_item item = take(r, "HELP ")   ? EXPOSITION_HELP
                                : take(r, "TYPE ") ? EXPOSITION_TYPE
                                : take(r, "UNIT ") ? EXPOSITION_UNIT
                                                   : EXPOSITION_FAILED;
    if (item == EXPOSITION_FAILED)
        return fail(r, "HELP, TYPE, UNIT or EOF");
    if (exposition__metric_name(r, &e->name) < 0)
        return EXPOSITION_FAILED;
    if (!take(r, " "))
        return fail(r, "one blank after the metric name");
    if (item == EXPOSITION_TYPE)
        return take_type(r, e);
    e->text = rest_of(r);
    if (!utf8_valid(e->text.p, e->text.n))
        return fail(r, "valid UTF-8");
    if (item == EXPOSITION_UNIT && e->text.n > 0 &&
        exposition__name(r->p, r->end, true) != e->text.n)
        return fail(r, "a unit: letters, digits, _ and :");
    return item;
}

/* Behind the brace that closes the one at p; NULL: none on this line. */
static const char *behind_braces(const char *p, const char *end)
{
    must(*p == '{');
    while (++p < end && *p != '}') {
        if (*p != '"')
            continue;
        while (++p < end && *p != '"')
            p += *p == '\\';
    }
    return p < end ? p + 1 : NULL;
}

static int read_series(struct line_reader *r, struct str *series)
{
    const char *start = r->p, *end;
    r->p += exposition__name(r->p, r->end, true);
    if (r->p < r->end && *r->p == '{') {
        end = behind_braces(r->p, r->end);
        if (!end)
            return exposition__fail(r, "labels that end with a closing brace");
        r->p = end;
    } else if (r->p == start) {
        return exposition__fail(r, "a metric name or a line that begins with #");
    }
    *series = (struct str){start, (size_t)(r->p - start)};
    return 0;
}

static int read_exemplar(struct line_reader *r, struct exposition_entry *e)
{
    if (r->p == r->end || *r->p != '{')
        return exposition__fail(r, "an exemplar's labels in braces");
    e->exemplar = rest_of(r);
    const char *end = behind_braces(r->p, r->end);
    if (!end)
        return exposition__fail(r, "labels that end with a closing brace");
    r->p = end;
    return 0;
}

static int read_time(struct line_reader *r, struct exposition_entry *e)
{
    size_t n = number_seconds(rest_of(r), &e->t_ms);
    if (n == 0)
        return exposition__fail(r, "a time in seconds, or an exemplar after \" # \"");
    e->time = (struct str){r->p, n};
    e->has_t = true;
    r->p += n;
    return 0;
}

enum exposition_item exposition__openmetrics_line(struct line_reader *r, struct exposition_entry *e,
                                                  bool *ended)
{
    must(r->start == r->p && r->p <= r->end);
    if (take(r, "# ")) {
        *ended = str_eqz(rest_of(r), "EOF");
        return *ended ? EXPOSITION_END : metadata_line(r, e);
    }
    if (read_series(r, &e->series) < 0)
        return EXPOSITION_FAILED;
    if (!take(r, " "))
        return fail(r, "one blank before the value");
    size_t n = number_f64(rest_of(r), &e->v);
    if (n == 0)
        return fail(r, "a value, such as 1.5, NaN or +Inf");
    r->p += n;
    if (r->p == r->end)
        return EXPOSITION_SAMPLE;
    if (!take(r, " "))
        return fail(r, "one blank after the value");
    if (!take(r, "# ")) {
        if (read_time(r, e) < 0)
            return EXPOSITION_FAILED;
        if (r->p == r->end)
            return EXPOSITION_SAMPLE;
        if (!take(r, " # "))
            return fail(r, "the end of the line or an exemplar after the time");
    }
    return read_exemplar(r, e) < 0 ? EXPOSITION_FAILED : EXPOSITION_SAMPLE;
}
