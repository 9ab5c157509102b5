/* A line of Prometheus' text format 0.0.4:
 *
 *     # HELP name text        # TYPE name type        # any other comment
 *     name{label="value", …} value [time in ms]
 *     {"name in quotes", label="value", …} value [time in ms]
 *
 * Blanks may stand between any two of these. Behind the braces stand numbers only, so the last closing brace of a line is
 * the one that ends the labels: no byte within them is looked at. */
#include "wire/exposition_priv.h"

#include "base/must.h"
#include "wire/number.h"

static void skip_blanks(struct line_reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
}

static bool at_blank(const struct line_reader *r)
{
    return r->p < r->end && (*r->p == ' ' || *r->p == '\t');
}

static struct str rest_of(const struct line_reader *r)
{
    return (struct str){r->p, (size_t)(r->end - r->p)};
}

static enum exposition_item help_line(struct line_reader *r, struct exposition_entry *e)
{
    skip_blanks(r);
    if (exposition__metric_name(r, &e->name) < 0)
        return EXPOSITION_FAILED;
    if (r->p < r->end && !at_blank(r)) {
        exposition__fail(r, "a blank after the metric name");
        return EXPOSITION_FAILED;
    }
    r->p += at_blank(r);
    e->text = rest_of(r);
    if (!utf8_valid(e->text.p, e->text.n)) {
        exposition__fail(r, "a help text in valid UTF-8");
        return EXPOSITION_FAILED;
    }
    return EXPOSITION_HELP;
}

static enum exposition_item type_line(struct line_reader *r, struct exposition_entry *e)
{
    skip_blanks(r);
    if (exposition__metric_name(r, &e->name) < 0)
        return EXPOSITION_FAILED;
    skip_blanks(r);
    struct str type = str_trim(rest_of(r));
    e->type = metric_type_parse(type);
    if (e->type == METRIC_UNKNOWN && !str_eqz(type, "untyped") && !str_eqz(type, "unknown")) {
        exposition__fail(r, "counter, gauge, histogram, summary or untyped");
        return EXPOSITION_FAILED;
    }
    return EXPOSITION_TYPE;
}

/* Behind "#". */
static enum exposition_item comment_line(struct line_reader *r, struct exposition_entry *e)
{
    if (!at_blank(r))
        return EXPOSITION_END;
    skip_blanks(r);
    if (r->end - r->p < 5 || (r->p[4] != ' ' && r->p[4] != '\t'))
        return EXPOSITION_END;
    const char *word = r->p;
    r->p += 4;
    if (memcmp(word, "HELP", 4) == 0)
        return help_line(r, e);
    return memcmp(word, "TYPE", 4) == 0 ? type_line(r, e) : EXPOSITION_END;
}

static int read_series(struct line_reader *r, struct str *series)
{
    const char *start = r->p;
    r->p += exposition__name(r->p, r->end, true);
    const char *name_end = r->p;
    skip_blanks(r);
    if (r->p < r->end && *r->p == '{') {
        const char *brace = memrchr(r->p, '}', (size_t)(r->end - r->p));
        if (!brace)
            return exposition__fail(r, "labels that end with a closing brace");
        r->p = brace + 1;
        *series = (struct str){start, (size_t)(r->p - start)};
        return 0;
    }
    if (name_end == start)
        return exposition__fail(r, "a metric name, a comment or a blank line");
    if (r->p == name_end && r->p < r->end)
        return exposition__fail(r, "a blank or labels after the metric name");
    *series = (struct str){start, (size_t)(name_end - start)};
    return 0;
}

static int read_numbers(struct line_reader *r, struct exposition_entry *e)
{
    skip_blanks(r);
    size_t n = number_f64(rest_of(r), &e->v);
    if (n == 0)
        return exposition__fail(r, "a value, such as 1.5, NaN or +Inf");
    r->p += n;
    if (r->p < r->end && !at_blank(r))
        return exposition__fail(r, "a blank after the value");
    skip_blanks(r);
    if (r->p == r->end)
        return 0;
    n = number_i64(rest_of(r), &e->t_ms);
    if (n == 0)
        return exposition__fail(r, "a time in whole milliseconds");
    e->time = (struct str){r->p, n};
    e->has_t = true;
    r->p += n;
    skip_blanks(r);
    return r->p == r->end ? 0 : exposition__fail(r, "the end of the line after the time");
}

enum exposition_item exposition__text_line(struct line_reader *r, struct exposition_entry *e)
{
    must(r->start == r->p && r->p <= r->end);
    if (r->p < r->end && r->end[-1] == '\r')
        r->end--;
    skip_blanks(r);
    if (r->p == r->end)
        return EXPOSITION_END;
    if (*r->p == '#') {
        r->p++;
        return comment_line(r, e);
    }
    if (read_series(r, &e->series) < 0 || read_numbers(r, e) < 0)
        return EXPOSITION_FAILED;
    return EXPOSITION_SAMPLE;
}
