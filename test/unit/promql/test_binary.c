/* Matching between vectors: forms, errors in Prometheus' words, and what a step has that another has not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine_case.h"

static void forms(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.experimental = true;
    struct promql_engine *e = promql_engine_new(&o);
    struct series_memory *m = series_memory_new();
    case_load(
        m, 60,
        "err{m=\"get\",code=\"500\"} 24\nerr{m=\"get\",code=\"404\"} 30\nerr{m=\"put\",code=\"501\"} 3\n"
        "req{m=\"get\"} 600\nreq{m=\"del\"} 34\nreq{m=\"put\"} 120\n"
        "info{m=\"get\",v=\"x\"} 1\ndup{m=\"get\",k=\"1\"} 1\ndup{m=\"get\",k=\"2\"} 1\n");
    static const struct case_row rows[] = {
        {"err{code=\"500\"} / ignoring(code) req", "{m=\"get\"} 0.04\n"},
        {"err / ignoring(code) group_left req",
         "{code=\"500\", m=\"get\"} 0.04\n{code=\"404\", m=\"get\"} 0.05\n{code=\"501\", m=\"put\"} 0.025\n"},
        {"req * on(m) group_left(v) info", "{m=\"get\", v=\"x\"} 600\n"},
        {"info * on(m) group_right(v) req", "{m=\"get\", v=\"x\"} 600\n"},
        {"req > on(m) group_left err{code=\"501\"}", "req{m=\"put\"} 120\n"},
        {"req > bool on(m) err{code=\"501\"}", "{m=\"put\"} 1\n"},
        {"req and on(m) err", "req{m=\"get\"} 600\nreq{m=\"put\"} 120\n"},
        {"req unless on(m) err", "req{m=\"del\"} 34\n"},
        {"info or on(m) req",
         "info{m=\"get\", v=\"x\"} 1\nreq{m=\"del\"} 34\nreq{m=\"put\"} 120\n"},
        {"req + on(m) fill(0) err{code=\"501\"}",
         "{m=\"get\"} 600\n{m=\"del\"} 34\n{m=\"put\"} 123\n"},
        {"req == 600", "req{m=\"get\"} 600\n"},
        {"600 == bool req", "{m=\"get\"} 1\n{m=\"del\"} 0\n{m=\"put\"} 0\n"},
        {"3 % 2 ^ 2 == bool 3", "1\n"},
        {"req / on(m) dup",
         "ERROR INVALID: found duplicate series for the match group {m=\"get\"} on the right hand-side of the operation: "
         "[{__name__=\"dup\", k=\"2\", m=\"get\"}, {__name__=\"dup\", k=\"1\", m=\"get\"}];many-to-many matching not allowed: matching labels must be unique on one side\n"},
        {"dup * on(m) group_right req",
         "ERROR INVALID: found duplicate series for the match group {m=\"get\"} on the left hand-side of the operation: "
         "[{__name__=\"dup\", k=\"2\", m=\"get\"}, {__name__=\"dup\", k=\"1\", m=\"get\"}];many-to-many matching not allowed: matching labels must be unique on one side\n"},
        {"err / on(m) req",
         "ERROR INVALID: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)\n"},
        {"err > on(m) req", /* those that the filter leaves out count too */
         "ERROR INVALID: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)\n"},
        {"{__name__=~\"req|info\",m=\"get\"} * on(m) group_left() vector(1)", ""},
        {"label_replace(dup, \"k\", \"\", \"\", \"\") + on(m) group_left req",
         "ERROR INVALID: vector cannot contain metrics with the same labelset\n"},
        {"nix / on(m) dup", ""},
    };
    case_rows(e, m, 0, rows, array_len(rows));
    series_memory_free(m);
    promql_engine_free(e);
}

/* A series that comes while another with the same labels goes: one series in the answer, and no error. */
static void steps(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    struct promql_engine *e = promql_engine_new(&o);
    struct series_memory *m = series_memory_new();
    case_load(
        m, 60,
        "a{x=\"1\",v=\"old\"} 1 1 stale\na{x=\"1\",v=\"new\"} _ _ 2 2\nb{x=\"1\"} 10 10 10 10\n");
    struct buf out = BUF_INIT(1 << 20);
    struct case_query q = {.start_s = 0, .end_s = 180, .step_s = 60};
    q.query = "b * on(x) a";
    assert_string_equal(case_run(e, m, &q, &out), "{x=\"1\"} 10 10 20 20\n");
    q.query = "a * on(x) b";
    assert_string_equal(case_run(e, m, &q, &out), "{x=\"1\"} 10 10 20 20\n");
    q.query = "a > on(x) b or on() a";
    assert_string_equal(case_run(e, m, &q, &out),
                        "a{v=\"new\", x=\"1\"} _ _ 2 2\na{v=\"old\", x=\"1\"} 1 1 _ _\n");
    buf_done(&out);
    series_memory_free(m);
    promql_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
