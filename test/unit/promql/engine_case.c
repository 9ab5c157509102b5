/* Helper of the engine's tests: series from text, answers as text. */
#include "engine_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void load_line(struct series_memory *m, int64_t step_s, struct str line)
{
    const char *end = memrchr(line.p, '}', line.n);
    size_t n = end != NULL ? (size_t)(end + 1 - line.p) : strcspn(line.p, " ");
    struct arena *a = arena_new();
    struct labels l;
    assert_int_equal(promql_parse_labels(a, (struct str){line.p, n}, &l, NULL), 0);
    struct str rest = str_trim((struct str){line.p + n, line.n - n}), value;
    for (int64_t i = 0; str_next(&rest, ' ', &value); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%.*s", (int)value.n, value.p);
        if (!streq(text, "_"))
            series_memory_append(m, &l, i * step_s * 1000,
                                 streq(text, "stale") ? f64_from_bits(STALE_NAN_BITS)
                                                      : strtod(text, NULL));
    }
    arena_free(a);
}

void case_load(struct series_memory *m, int64_t step_s, const char *text)
{
    struct str rest = str_of(text), line;
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n > 0)
            load_line(m, step_s, line);
    }
}

static void put_series(struct buf *out, const struct promql_series *s)
{
    labels_format(out, &s->labels);
    for (uint32_t i = 0; i < s->n; i++) {
        buf_putc(out, ' ');
        if (is_stale(s->v[i]))
            buf_putc(out, '_');
        else
            promql_format_value(out, s->v[i]);
        if (s->t != NULL) {
            buf_putc(out, '@');
            promql_format_time(out, s->t[i]);
        }
    }
    buf_putc(out, '\n');
}

const char *case_run(struct promql_engine *e, struct series_memory *m, const struct case_query *q,
                     struct buf *out)
{
    struct promql_request r = {
        .source = series_memory_source(m),
        .query = str_of(q->query),
        .range = q->step_s > 0,
        .start_ms = q->start_s * 1000,
        .end_ms = q->end_s * 1000,
        .step_ms = q->step_s * 1000,
        .no_cache = !q->cached,
        .tier_ms = q->tier_ms,
    };
    struct promql_result *res;
    struct err err;
    err_clear(&err);
    buf_clear(out);
    if (promql_run(e, &r, &res, &err) != 0) {
        buf_printf(out, "ERROR %s: %s\n", err_code_name(err.code), err.msg);
        return out->data;
    }
    if (res->type == PROMQL_SCALAR) {
        promql_format_value(out, res->scalar);
        buf_putc(out, '\n');
    } else if (res->type == PROMQL_STRING) {
        buf_printf(out, "\"%.*s\"\n", (int)res->string.n, res->string.p);
    }
    for (size_t i = 0; i < res->n_series; i++)
        put_series(out, &res->series[i]);
    for (size_t i = 0; i < res->n_warnings; i++)
        buf_printf(out, "W %s\n", res->warnings[i]);
    for (size_t i = 0; i < res->n_infos; i++)
        buf_printf(out, "I %s\n", res->infos[i]);
    promql_result_free(res);
    return out->data != NULL ? out->data : "";
}

void case_rows(struct promql_engine *e, struct series_memory *m, int64_t at_s,
               const struct case_row *rows, size_t n)
{
    struct buf out = BUF_INIT(1 << 20);
    for (size_t i = 0; i < n; i++) {
        struct case_query q = {.query = rows[i].query, .start_s = at_s};
        const char *got = case_run(e, m, &q, &out);
        if (!streq(got, rows[i].want))
            print_error("%s\n", rows[i].query);
        assert_string_equal(got, rows[i].want);
    }
    buf_done(&out);
}
