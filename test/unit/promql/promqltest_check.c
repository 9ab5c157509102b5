/* Compares a result with what a promqltest file expects, by the rules of Prometheus' runner: values to 1e-6 of their sum. */
#include <float.h>
#include <math.h>

#include "base/regex.h"
#include "promql/functions.h"
#include "promqltest.h"

static bool almost(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return diff < 1e-6 * DBL_MIN;
    return diff / fmin(sum, DBL_MAX) < 1e-6;
}

/* --- showing --- */

static void show_series(struct buf *why, const struct labels *l)
{
    if (l->n == 0)
        buf_puts(why, "{}");
    else
        labels_format(why, l);
}

static void show_expected(struct buf *why, const struct pt_eval *e)
{
    if (e->result == PT_SCALAR)
        buf_printf(why, "scalar %.17g", e->scalar);
    if (e->result == PT_STRING)
        buf_printf(why, "string %.*s", (int)e->string.n, e->string.p);
    for (size_t i = 0; i < e->n_expected; i++) {
        buf_puts(why, "\n      ");
        show_series(why, &e->expected[i].labels);
        for (size_t k = 0; k < e->expected[i].n; k++) {
            if (e->expected[i].v[k].kind == PT_FLOAT)
                buf_printf(why, " %.17g", e->expected[i].v[k].v);
            else
                buf_puts(why, e->expected[i].v[k].kind == PT_OMITTED ? " _" : " {{}}");
        }
    }
}

static void show_result(struct buf *why, const struct promql_result *r)
{
    if (r->type == PROMQL_SCALAR)
        buf_printf(why, "scalar %.17g", r->scalar);
    if (r->type == PROMQL_STRING)
        buf_printf(why, "string %.*s", (int)r->string.n, r->string.p);
    for (size_t i = 0; i < r->n_series; i++) {
        const struct promql_series *s = &r->series[i];
        buf_puts(why, "\n      ");
        show_series(why, &s->labels);
        for (uint32_t k = 0; k < (s->t != NULL ? s->n : r->steps); k++) {
            if (is_stale(s->v[k]))
                buf_puts(why, " _");
            else
                buf_printf(why, " %.17g", s->v[k]);
            if (s->t != NULL)
                buf_printf(why, "@%lld", (long long)s->t[k]);
        }
    }
}

static void differs(const struct pt_eval *e, const struct promql_result *r, struct buf *why)
{
    buf_puts(why, "\n    expected: ");
    show_expected(why, e);
    buf_printf(why, "\n    got %s: ", promql_type_name(r->type));
    show_result(why, r);
}

/* --- comparing --- */

/* The value at a time; false: none. */
static bool value_at(const struct promql_result *r, const struct promql_series *s, int64_t t,
                     double *v)
{
    if (s->t != NULL) {
        for (uint32_t k = 0; k < s->n; k++) {
            if (s->t[k] == t) {
                *v = s->v[k];
                return true;
            }
        }
        return false;
    }
    int64_t since = t - r->start_ms, step = r->steps > 1 ? since / r->step_ms : 0;
    if (since < 0 || step >= r->steps || (r->steps > 1 && since % r->step_ms != 0))
        return false;
    *v = s->v[step];
    return !is_stale(*v);
}

static uint32_t points(const struct promql_result *r, const struct promql_series *s)
{
    if (s->t != NULL)
        return s->n;
    uint32_t n = 0;
    for (uint32_t k = 0; k < r->steps; k++)
        n += !is_stale(s->v[k]);
    return n;
}

static const struct promql_series *find(const struct promql_result *r, const struct labels *l)
{
    for (size_t i = 0; i < r->n_series; i++) {
        if (labels_equal(&r->series[i].labels, l))
            return &r->series[i];
    }
    return NULL;
}

static bool same_points(const struct pt_eval *e, const struct promql_result *r,
                        const struct pt_series *want)
{
    const struct promql_series *got = find(r, &want->labels);
    uint32_t n = 0;
    for (size_t k = 0; k < want->n; k++) {
        double v;
        if (want->v[k].kind == PT_OMITTED)
            continue;
        n++;
        if (got == NULL || !value_at(r, got, e->start_ms + (int64_t)k * e->step_ms, &v) ||
            !almost(want->v[k].v, v))
            return false;
    }
    return got != NULL && n == points(r, got);
}

static bool same_matrix(const struct pt_eval *e, const struct promql_result *r)
{
    if (r->type != PROMQL_MATRIX || r->n_series != e->n_expected)
        return false;
    for (size_t i = 0; i < e->n_expected; i++) {
        if (!same_points(e, r, &e->expected[i]))
            return false;
    }
    return true;
}

static bool same_vector(const struct pt_eval *e, const struct promql_result *r, int64_t at_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_series; i++) {
        double v;
        n += value_at(r, &r->series[i], at_ms, &v);
    }
    if (n != e->n_expected)
        return false;
    for (size_t i = 0; i < e->n_expected; i++) {
        const struct pt_series *want = &e->expected[i];
        const struct promql_series *got = find(r, &want->labels);
        double v;
        if (got == NULL || want->n == 0 || !value_at(r, got, at_ms, &v) || !almost(want->v[0].v, v))
            return false;
        if (e->ordered && got != &r->series[i])
            return false;
    }
    return true;
}

/* One step of a range query of a scalar: the only series, without labels. */
static bool same_scalar(const struct pt_eval *e, const struct promql_result *r, int64_t at_ms)
{
    if (r->type == PROMQL_SCALAR)
        return almost(e->scalar, r->scalar);
    double v;
    return r->type == PROMQL_MATRIX && r->n_series == 1 && r->series[0].labels.n == 0 &&
           value_at(r, &r->series[0], at_ms, &v) && almost(e->scalar, v);
}

static bool same(const struct pt_eval *e, const struct promql_result *r, int64_t at_ms)
{
    bool step = at_ms != INT64_MIN;
    if (e->result == PT_SCALAR)
        return (step || r->type == PROMQL_SCALAR) && same_scalar(e, r, at_ms);
    if (e->result == PT_STRING)
        return r->type == PROMQL_STRING && str_eq(e->string, r->string);
    if (e->range || e->range_vector)
        return same_matrix(e, r);
    if (r->type == PROMQL_STRING)
        return e->n_expected == 0; /* old files expect nothing of a string */
    return r->type == (step ? PROMQL_MATRIX : PROMQL_VECTOR) &&
           same_vector(e, r, step ? at_ms : r->start_ms);
}

void pt_check(const struct pt_eval *e, const struct promql_result *r, int64_t at_ms,
              struct buf *why)
{
    for (size_t i = 0; i < r->n_series; i++) {
        if (find(r, &r->series[i].labels) != &r->series[i])
            buf_puts(why, "a series stands twice in the result; ");
    }
    if (!same(e, r, at_ms)) {
        if (at_ms != INT64_MIN)
            buf_puts(why, "as a step of a range query: ");
        differs(e, r, why);
    }
}

/* --- texts --- */

/* Without " (1:7)" at its end. */
static struct str without_position(struct str s)
{
    size_t n = s.n;
    if (n == 0 || s.p[n - 1] != ')')
        return s;
    while (n > 0 && s.p[n - 1] != '(')
        n--;
    return n >= 2 && s.p[n - 2] == ' ' ? (struct str){s.p, n - 2} : s;
}

bool pt_text_matches(const struct pt_wanted *w, const char *text)
{
    struct str s = str_of(text);
    if (w->match == PT_ANY)
        return true;
    if (w->match == PT_TEXT)
        return str_eq(w->text, s) || str_eq(w->text, without_position(s));
    struct regex *re = regex_new(w->text, 0, NULL);
    struct str group[1];
    bool found = re != NULL && regex_find(re, s, 0, group, 1);
    regex_free(re);
    return found;
}

static void check_kind(const char *kind, bool none, const struct pt_wanted *wanted, size_t n_wanted,
                       const char **have, size_t n_have, struct buf *why)
{
    if (none && n_have > 0)
        buf_printf(why, "no %s was expected; got: %s; ", kind, have[0]);
    for (size_t i = 0; i < n_wanted; i++) {
        size_t k = 0;
        while (k < n_have && !pt_text_matches(&wanted[i], have[k]))
            k++;
        if (k == n_have)
            buf_printf(why, "no %s \"%.*s\"; got %zu: %s; ", kind, (int)wanted[i].text.n,
                       wanted[i].text.n > 0 ? wanted[i].text.p : "", n_have,
                       n_have > 0 ? have[0] : "");
    }
    for (size_t k = 0; k < n_have && n_wanted > 0; k++) {
        size_t i = 0;
        while (i < n_wanted && !pt_text_matches(&wanted[i], have[k]))
            i++;
        if (i == n_wanted)
            buf_printf(why, "unexpected %s: %s; ", kind, have[k]);
    }
}

void pt_check_annotations(const struct pt_eval *e, const struct promql_result *r, struct buf *why)
{
    check_kind("warning", e->no_warn, e->warn, e->n_warn, r->warnings, r->n_warnings, why);
    check_kind("info", e->no_info, e->info, e->n_info, r->infos, r->n_infos, why);
}
