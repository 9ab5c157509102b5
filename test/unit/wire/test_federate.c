/* /federate and the writer of both text formats; what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>

#include "model/series_memory.h"
#include "wire/exposition_write.h"
#include "wire/federate.h"

#define NOW 6000000

static void add(struct series_memory *m, const char *name, const char *job, const char *instance,
                int64_t t, double v)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_add(&b, STR("__name__"), str_of(name));
    labels_builder_add(&b, STR("job"), str_of(job));
    labels_builder_add(&b, STR("instance"), str_of(instance));
    assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
    series_memory_append(m, &l, t, v);
    labels_builder_done(&b);
}

static void expect(struct series_memory *m, struct labels external, enum exposition_format f,
                   const char *const regex[], size_t n, const char *want)
{
    struct matcher *matchers[4];
    const struct matcher *const_matchers[4];
    struct federate_selector selectors[4];
    struct buf out = BUF_INIT(1 << 20);
    buf_puts(&out, "");
    for (size_t i = 0; i < n; i++) {
        matchers[i] = matcher_new(MATCH_RE, STR("__name__"), str_of(regex[i]), NULL);
        const_matchers[i] = matchers[i];
        selectors[i] = (struct federate_selector){&const_matchers[i], 1};
    }
    struct federate_request q = {.source = series_memory_source(m),
                                 .selectors = selectors,
                                 .n_selectors = n,
                                 .now_ms = NOW,
                                 .lookback_ms = 300000,
                                 .external = external,
                                 .format = f};
    assert_int_equal(federate_write(&q, &out, NULL), 0);
    assert_string_equal(out.data, want);
    buf_done(&out);
    buf_init(&out, 3); /* no room */
    struct err err = {0};
    if (want[0]) {
        assert_int_equal(federate_write(&q, &out, &err), -1);
        assert_int_equal(err.code, ERR_TOO_LARGE);
    }
    buf_done(&out);
    for (size_t i = 0; i < n; i++)
        matcher_free(matchers[i]);
}

static void newest_samples_sorted(void **state)
{
    struct series_memory *m = series_memory_new();
    add(m, "z", "x", "i", NOW - 1000, 1);
    add(m, "z", "x", "i", NOW, 2);
    add(m, "z", "x", "i", NOW + 1, 3);
    add(m, "up", "b\"\\\n", "", NOW - 300000, 1.5);
    add(m, "up", "a", "i", NOW - 5, INFINITY);
    add(m, "odd name", "a", "i", NOW - 5, NAN);
    add(m, "old", "a", "i", NOW - 300001, 1);
    add(m, "stale", "a", "i", NOW - 2, 1);
    add(m, "stale", "a", "i", NOW - 1, f64_from_bits(STALE_NAN_BITS));
    static const char *const all[] = {".+", "up"};
    static const struct label_pair pairs[] = {{STR("job"), STR("j")}, {STR("zone"), STR("eu")}};
    struct labels none = {NULL, 0}, external = {pairs, 2};
    expect(m, none, EXPOSITION_TEXT, all, 2,
           "# TYPE \"odd name\" untyped\n{\"odd name\",instance=\"i\",job=\"a\"} NaN 5999995\n"
           "# TYPE up untyped\nup{instance=\"i\",job=\"a\"} +Inf 5999995\n"
           "up{job=\"b\\\"\\\\\\n\",instance=\"\"} 1.5 5700000\n"
           "# TYPE z untyped\nz{instance=\"i\",job=\"x\"} 2 6000000\n");
    expect(m, external, EXPOSITION_OPENMETRICS, all + 1, 1,
           "# TYPE up unknown\nup{instance=\"i\",job=\"a\",zone=\"eu\"} +Inf 5999.995\n"
           "up{job=\"b\\\"\\\\\\n\",zone=\"eu\",instance=\"\"} 1.5 5700.000\n# EOF\n");
    expect(m, none, EXPOSITION_TEXT, all, 0, "");
    series_memory_free(m);
}

static void families_are_written(void **state)
{
    static const struct label_pair total[] = {{STR("__name__"), STR("wait_seconds_total")}};
    struct labels l = {total, 1};
    struct metric_metadata meta = {STR("wait_seconds_total"), METRIC_COUNTER, STR("a \"b\"\n\\"),
                                   STR("seconds")};
    struct buf out = BUF_INIT(1 << 16);
    struct exposition_writer w = {&out, EXPOSITION_TEXT};
    int64_t t = -1500;
    exposition_write_family(&w, &meta);
    exposition_write_sample(&w, &l, 1e21, &t);
    exposition_write_end(&w);
    assert_string_equal(
        out.data, "# HELP wait_seconds_total a \"b\"\\n\\\\\n# TYPE wait_seconds_total counter\n"
                  "wait_seconds_total 1e+21 -1500\n");
    buf_clear(&out);
    w.format = EXPOSITION_OPENMETRICS;
    exposition_write_family(&w, &meta);
    exposition_write_sample(&w, &l, 0.25, &t);
    exposition_write_end(&w);
    assert_string_equal(out.data,
                        "# HELP wait_seconds a \\\"b\\\"\\n\\\\\n# TYPE wait_seconds counter\n"
                        "# UNIT wait_seconds seconds\nwait_seconds_total 0.25 -1.500\n# EOF\n");
    assert_int_equal(openmetrics_check((struct str){out.data, out.len}, NULL), 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_samples_sorted),
        cmocka_unit_test(families_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
