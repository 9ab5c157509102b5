/* Parser of promqltest files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "promqltest.h"

/* Makes room for one more of arena arrays. */
#define GROW(a, array, n, cap)                                        \
    do {                                                              \
        if ((n) == (cap)) {                                           \
            size_t size_ = (cap) == 0 ? 8 : (cap)*2;                  \
            void *more_ = arena_alloc((a), size_ * sizeof(*(array))); \
            if ((n) > 0)                                              \
                memcpy(more_, (array), (n) * sizeof(*(array)));       \
            (array) = more_;                                          \
            (cap) = size_;                                            \
        }                                                             \
    } while (0)

struct parser {
    struct arena *a;
    struct str rest;
    int line;        /* of the line that was taken last */
    struct str text; /* it, without white space around; empty for a comment */

    struct err *err;
};

static bool next_line(struct parser *p)
{
    if (p->rest.p == NULL || !str_next(&p->rest, '\n', &p->text))
        return false;
    p->line++;
    p->text = str_trim(p->text);
    if (p->text.n > 0 && p->text.p[0] == '#')
        p->text.n = 0;
    return true;
}

/* The lines of a command end at an empty one. */
static bool next_of_command(struct parser *p)
{
    return next_line(p) && p->text.n > 0;
}

static int fail(struct parser *p, const char *what)
{
    return err_set(p->err, ERR_MALFORMED, "line %d: %s: %.*s", p->line, what, (int)p->text.n,
                   p->text.p);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct str skip(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

static struct str skip_space(struct str s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = skip(s, 1);
    return s;
}

static struct str take_word(struct str *s)
{
    *s = skip_space(*s);
    size_t n = 0;
    while (n < s->n && !is_space(s->p[n]))
        n++;
    struct str word = {s->p, n};
    *s = skip_space(skip(*s, n));
    return word;
}

static bool take(struct str *s, const char *prefix)
{
    if (!str_starts(*s, str_of(prefix)))
        return false;
    *s = skip(*s, strlen(prefix));
    return true;
}

/* --- numbers and durations --- */

static size_t digits(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && ((s.p[at + n] >= '0' && s.p[at + n] <= '9') || s.p[at + n] == '_'))
        n++;
    return n;
}

/* Length of the number that s begins with, its sign too; 0: none. */
static size_t number_length(struct str s)
{
    size_t n = s.n > 0 && (s.p[0] == '+' || s.p[0] == '-');
    if (n + 3 <= s.n &&
        (strncasecmp(s.p + n, "inf", 3) == 0 || strncasecmp(s.p + n, "nan", 3) == 0))
        return n + 3;
    size_t whole = digits(s, n), part = 0;
    n += whole;
    if (n < s.n && s.p[n] == '.') {
        part = digits(s, n + 1);
        n += 1 + part;
    }
    if (whole + part == 0)
        return 0;
    if (n < s.n && (s.p[n] == 'e' || s.p[n] == 'E')) {
        size_t sign = n + 1 < s.n && (s.p[n + 1] == '+' || s.p[n + 1] == '-');
        size_t exponent = digits(s, n + 1 + sign);
        if (exponent > 0)
            n += 1 + sign + exponent;
    }
    return n;
}

static double number_value(struct str s)
{
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < sizeof(text) - 1; i++) {
        if (s.p[i] != '_')
            text[n++] = s.p[i];
    }
    text[n] = '\0';
    return strtod(text, NULL);
}

/* The line is one number: a scalar result. */
static bool whole_number(struct str s, double *v)
{
    if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X')) {
        *v = number_value(s);
        return true;
    }
    size_t n = number_length(s);
    if (n == 0 || n != s.n)
        return false;
    *v = number_value(s);
    return true;
}

int64_t pt_duration(struct str s, bool *ok)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},
                 {"s", 1000},
                 {"m", 60000},
                 {"h", 3600000},
                 {"d", 86400000},
                 {"w", 604800000},
                 {"y", INT64_C(31536000000)}};
    int64_t sign = 1, total = 0;
    *ok = s.n > 0;
    if (take(&s, "-"))
        sign = -1;
    double seconds;
    if (whole_number(s, &seconds))
        return sign * (int64_t)llrint(seconds * 1000);
    while (s.n > 0) {
        size_t n = digits(s, 0), i = 0;
        int64_t count = n > 0 ? (int64_t)number_value((struct str){s.p, n}) : 0;
        s = skip(s, n);
        while (i < array_len(units) && !take(&s, units[i].name))
            i++;
        if (n == 0 || i == array_len(units)) {
            *ok = false;
            return 0;
        }
        total += count * units[i].ms;
    }
    return sign * total;
}

static int take_duration(struct parser *p, struct str *s, int64_t *out)
{
    bool ok;
    *out = pt_duration(take_word(s), &ok);
    return ok ? 0 : fail(p, "bad duration");
}

/* --- series --- */

/* Bytes of name{…} that s begins with. */
static size_t metric_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && !is_space(s.p[n]) && s.p[n] != '{')
        n++;
    size_t brace = n;
    while (brace < s.n && is_space(s.p[brace]))
        brace++;
    if (brace >= s.n || s.p[brace] != '{' || (brace + 1 < s.n && s.p[brace + 1] == '{'))
        return n;
    char quote = 0;
    for (n = brace; n < s.n; n++) {
        if (quote != 0) {
            if (s.p[n] == '\\')
                n++;
            else if (s.p[n] == quote)
                quote = 0;
        } else if (s.p[n] == '"' || s.p[n] == '\'') {
            quote = s.p[n];
        } else if (s.p[n] == '}') {
            return n + 1;
        }
    }
    return s.n;
}

static int take_metric(struct parser *p, struct str *s, struct labels *out)
{
    size_t n = metric_length(*s);
    struct err why;
    if (promql_parse_labels(p->a, (struct str){s->p, n}, out, &why) != 0)
        return fail(p, why.msg);
    *s = skip(*s, n);
    return 0;
}

static void add_value(struct parser *p, struct pt_series *s, enum pt_kind kind, double v)
{
    GROW(p->a, s->v, s->n, s->cap);
    s->v[s->n++] = (struct pt_value){kind, v};
}

/* xN at the end of an item, taken off: how often; 0 without. */
static bool take_times(struct str *s, uint64_t *times)
{
    *times = 0;
    if (!take(s, "x"))
        return s->n == 0;
    size_t n = digits(*s, 0);
    *times = (uint64_t)number_value((struct str){s->p, n});
    *s = skip(*s, n);
    return n > 0 && s->n == 0;
}

static int add_floats(struct parser *p, struct pt_series *out, struct str item)
{
    size_t n = number_length(item);
    if (n == 0)
        return fail(p, "bad value");
    double v = number_value((struct str){item.p, n}), delta = 0;
    item = skip(item, n);
    n = item.n > 0 && item.p[0] != 'x' ? number_length(item) : 0;
    if (n > 0)
        delta = number_value((struct str){item.p, n});
    item = skip(item, n);
    uint64_t times;
    if (!take_times(&item, &times))
        return fail(p, "bad repetition");
    for (uint64_t i = 0; i <= times; i++) {
        if (i > 0 && delta != 0)
            v += delta;
        add_value(p, out, PT_FLOAT, v);
    }
    return 0;
}

static int add_item(struct parser *p, struct pt_series *out, struct str item)
{
    uint64_t times;
    if (item.p[0] == '_') {
        item = skip(item, 1);
        bool once = item.n == 0;
        if (!take_times(&item, &times))
            return fail(p, "bad omission");
        for (uint64_t i = 0; i < (once ? 1 : times); i++)
            add_value(p, out, PT_OMITTED, 0);
        return 0;
    }
    if (take(&item, "stale")) {
        if (!take_times(&item, &times))
            return fail(p, "bad stale marker");
        for (uint64_t i = 0; i <= times; i++)
            add_value(p, out, PT_FLOAT, f64_from_bits(STALE_NAN_BITS));
        return 0;
    }
    return add_floats(p, out, item);
}

/* {{…}}, {{…}}x5, {{…}}+{{…}}x5 */
static int add_histograms(struct parser *p, struct pt_series *out, struct str *s)
{
    for (int part = 0; part < 2; part++) {
        size_t n = 0;
        while (n + 1 < s->n && !(s->p[n] == '}' && s->p[n + 1] == '}'))
            n++;
        if (n + 1 >= s->n)
            return fail(p, "unclosed histogram");
        *s = skip(*s, n + 2);
        if (!str_starts(*s, STR("+{{")) && !str_starts(*s, STR("-{{")))
            break;
    }
    uint64_t times = 0;
    if (take(s, "x")) {
        size_t n = digits(*s, 0);
        times = (uint64_t)number_value((struct str){s->p, n});
        *s = skip(*s, n);
    }
    for (uint64_t i = 0; i <= times; i++)
        add_value(p, out, PT_HISTOGRAM, 0);
    return 0;
}

static int take_values(struct parser *p, struct str s, struct pt_series *out)
{
    for (s = skip_space(s); s.n > 0; s = skip_space(s)) {
        int rc = 0;
        if (str_starts(s, STR("{{")))
            rc = add_histograms(p, out, &s);
        else
            rc = add_item(p, out, take_word(&s));
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int take_series(struct parser *p, struct pt_series *out)
{
    struct str s = p->text;
    *out = (struct pt_series){0};
    return take_metric(p, &s, &out->labels) != 0 ? -1 : take_values(p, s, out);
}

/* --- load --- */

static int parse_load_line(struct parser *p, struct pt_load *l)
{
    struct str s = p->text, head = take_word(&s);
    if (str_ends(head, STR("@st"))) {
        struct str metric = {head.p, head.n - 3};
        GROW(p->a, l->start_timestamps, l->n_start, l->cap_start);
        return take_metric(p, &metric, &l->start_timestamps[l->n_start++]);
    }
    struct pt_series series;
    if (take_series(p, &series) != 0)
        return -1;
    for (size_t i = 0; i < l->n; i++) {
        if (labels_equal(&l->series[i].labels, &series.labels)) {
            l->series[i] = series; /* named twice: the last counts */
            return 0;
        }
    }
    GROW(p->a, l->series, l->n, l->cap);
    l->series[l->n++] = series;
    return 0;
}

static int parse_load(struct parser *p, struct pt_command *c)
{
    struct str s = p->text;
    struct pt_load *l = &c->load;
    c->what = PT_LOAD;
    l->nhcb = str_eqz(take_word(&s), "load_with_nhcb");
    if (take_duration(p, &s, &l->step_ms) != 0)
        return -1;
    while (next_of_command(p)) {
        if (parse_load_line(p, l) != 0)
            return -1;
    }
    return 0;
}

/* --- eval --- */

static int parse_wanted(struct parser *p, struct str s, struct pt_wanted *w)
{
    *w = (struct pt_wanted){.match = PT_ANY};
    if (take(&s, "msg:"))
        w->match = PT_TEXT;
    else if (take(&s, "regex:"))
        w->match = PT_REGEX;
    else if (s.n > 0)
        return fail(p, "bad expectation");
    w->text = str_trim(s);
    return 0;
}

static int parse_expect_range(struct parser *p, struct str s, struct pt_eval *e)
{
    e->range_vector = true;
    if (!str_eqz(take_word(&s), "from") || take_duration(p, &s, &e->start_ms) != 0 ||
        !str_eqz(take_word(&s), "to") || take_duration(p, &s, &e->end_ms) != 0 ||
        !str_eqz(take_word(&s), "step") || take_duration(p, &s, &e->step_ms) != 0)
        return fail(p, "bad range");
    return 0;
}

static int parse_expect_string(struct parser *p, struct str s, struct pt_eval *e)
{
    struct buf text = BUF_INIT(1000);
    buf_printf(&text, "{x=%.*s}", (int)s.n, s.p);
    struct labels l; /* a label's value is quoted as a string is */
    int rc = promql_parse_labels(p->a, (struct str){text.data, text.len}, &l, NULL);
    if (rc == 0) {
        struct str value = labels_get(&l, STR("x"));
        e->string =
            (struct str){arena_strndup(p->a, value.p != NULL ? value.p : "", value.n), value.n};
        e->result = PT_STRING;
    }
    buf_done(&text);
    return rc == 0 ? 0 : fail(p, "bad string");
}

static int parse_expect(struct parser *p, struct str s, struct pt_eval *e)
{
    struct str what = take_word(&s);
    if (str_eqz(what, "range") && take(&s, "vector"))
        return parse_expect_range(p, s, e);
    if (str_eqz(what, "string"))
        return parse_expect_string(p, s, e);
    if (str_eqz(what, "fail")) {
        e->fail = true;
        return parse_wanted(p, s, &e->fail_text);
    }
    if (str_eqz(what, "warn") && e->n_warn < PT_WANTED_MAX)
        return parse_wanted(p, s, &e->warn[e->n_warn++]);
    if (str_eqz(what, "info") && e->n_info < PT_WANTED_MAX)
        return parse_wanted(p, s, &e->info[e->n_info++]);
    e->ordered |= str_eqz(what, "ordered");
    e->no_warn |= str_eqz(what, "no_warn");
    e->no_info |= str_eqz(what, "no_info");
    if (!str_eqz(what, "ordered") && !str_eqz(what, "no_warn") && !str_eqz(what, "no_info"))
        return fail(p, "unknown expectation");
    return 0;
}

/* eval instant at T EXPR, eval range from A to B step S EXPR; eval_fail, eval_warn, eval_ordered, eval_info */
static int parse_eval_head(struct parser *p, struct pt_eval *e)
{
    struct str s = p->text, word = take_word(&s), kind = take_word(&s);
    e->fail = str_eqz(word, "eval_fail");
    e->ordered = str_eqz(word, "eval_ordered");
    e->n_warn = str_eqz(word, "eval_warn");
    e->n_info = str_eqz(word, "eval_info");
    if (str_eqz(kind, "instant")) {
        struct str ahead = s;
        if (str_eqz(take_word(&ahead), "at")) {
            s = ahead;
            if (take_duration(p, &s, &e->start_ms) != 0)
                return -1;
        }
    } else if (str_eqz(kind, "range")) {
        e->range = true;
        if (!str_eqz(take_word(&s), "from") || take_duration(p, &s, &e->start_ms) != 0 ||
            !str_eqz(take_word(&s), "to") || take_duration(p, &s, &e->end_ms) != 0 ||
            !str_eqz(take_word(&s), "step") || take_duration(p, &s, &e->step_ms) != 0)
            return fail(p, "bad eval range");
    } else {
        return fail(p, "bad eval");
    }
    e->expr = s;
    return 0;
}

static int parse_eval(struct parser *p, struct pt_command *c)
{
    struct pt_eval *e = &c->eval;
    c->what = PT_EVAL;
    if (parse_eval_head(p, e) != 0)
        return -1;
    while (next_of_command(p)) {
        struct str s = p->text;
        if (e->fail && take(&s, "expected_fail_message")) {
            e->fail_text = (struct pt_wanted){PT_TEXT, str_trim(s)};
        } else if (e->fail && take(&s, "expected_fail_regexp")) {
            e->fail_text = (struct pt_wanted){PT_REGEX, str_trim(s)};
        } else if (str_eqz(take_word(&s), "expect")) {
            if (parse_expect(p, s, e) != 0)
                return -1;
        } else if (whole_number(p->text, &e->scalar)) {
            e->result = PT_SCALAR;
            break;
        } else {
            GROW(p->a, e->expected, e->n_expected, e->cap_expected);
            if (take_series(p, &e->expected[e->n_expected++]) != 0)
                return -1;
        }
    }
    return 0;
}

static int parse_command(struct parser *p, struct pt_command *c)
{
    c->line = p->line;
    struct str s = p->text, word = take_word(&s);
    if (str_eqz(word, "clear")) {
        c->what = PT_CLEAR;
        return 0;
    }
    if (str_starts(word, STR("load")))
        return parse_load(p, c);
    if (str_starts(word, STR("eval")))
        return parse_eval(p, c);
    return fail(p, "unknown command");
}

int pt_parse(struct arena *a, struct str text, struct pt_file *out, struct err *err)
{
    struct parser p = {.a = a, .rest = text, .err = err};
    *out = (struct pt_file){0};
    while (next_line(&p)) {
        if (p.text.n == 0)
            continue;
        GROW(a, out->at, out->n, out->cap);
        out->at[out->n] = (struct pt_command){0};
        if (parse_command(&p, &out->at[out->n]) != 0)
            return -1;
        out->n++;
    }
    return 0;
}
