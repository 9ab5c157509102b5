/* Results: builder rules, wire form round trips, and the decoder against damaged bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"
#include "model/result.h"

static struct result fresh(struct arena *a)
{
    struct result r;
    result_init(&r, a);
    return r;
}

static void first_failure_wins(void **state)
{
    struct arena *a = arena_new();
    struct result r = fresh(a);
    result_fail(&r, "connection refused by %s", "10.0.0.5:5432");
    result_fail(&r, "later");
    result_ok(&r, "connected");
    assert_false(r.success);
    assert_string_equal(r.message, "connection refused by 10.0.0.5:5432");

    r = fresh(a);
    result_ok(&r, "connected");
    result_warn(&r, "certificate expires in %d days", 5);
    assert_true(result_degraded(&r));
    result_fail(&r, "status 503");
    assert_false(r.success || result_degraded(&r));
    assert_string_equal(r.message, "status 503");
    arena_free(a);
}

static void foreign_text_is_cleaned_and_cut(void **state)
{
    struct arena *a = arena_new();
    struct result r = fresh(a);
    result_fail(&r, "banner %s", "\xff\xfe ok \xe4\xb8");
    assert_true(utf8_valid(r.message, strlen(r.message)));

    char big[5000];
    for (size_t i = 0; i + 3 < sizeof(big); i += 3)
        memcpy(big + i, "监", 3);
    big[4998] = '\0';
    r = fresh(a);
    result_fail(&r, "x%s", big);
    assert_true(strlen(r.message) <= RESULT_MESSAGE_MAX);
    assert_true(strlen(r.message) > RESULT_MESSAGE_MAX - 3);
    assert_true(utf8_valid(r.message, strlen(r.message)));
    arena_free(a);
}

static void limits_hold(void **state)
{
    struct arena *a = arena_new();
    struct result r = fresh(a);
    for (int i = 0; i < 1000; i++) {
        result_metric(&r, "probe_n", i);
        result_warn(&r, "warning %d", i);
    }
    assert_int_equal(r.n_metrics, RESULT_METRICS_MAX - 1);
    assert_int_equal(r.n_left_out, 1000 - r.n_metrics);
    assert_int_equal(r.n_warnings, RESULT_WARNINGS_MAX);

    struct result out; /* what is missing is said in the wire form */
    struct buf b = BUF_INIT(1 << 20);
    result_encode(&r, &b);
    assert_int_equal(result_decode(b.data, b.len, a, &out, NULL), 0);
    assert_int_equal(out.n_metrics, RESULT_METRICS_MAX);
    assert_string_equal(out.metrics[out.n_metrics - 1].name, "probe_metrics_left_out");
    assert_int_equal(out.metrics[out.n_metrics - 1].num, r.n_left_out);
    buf_done(&b);
    arena_free(a);
}

static void assert_same(const struct result *a, const struct result *b)
{
    assert_int_equal(a->target_id, b->target_id);
    assert_int_equal(a->request_id, b->request_id);
    assert_int_equal(a->success, b->success);
    assert_int_equal(a->checked_ms, b->checked_ms);
    assert_int_equal(a->latency_us, b->latency_us);
    assert_int_equal(a->resolve_us, b->resolve_us);
    assert_string_equal(a->message, b->message);
    assert_string_equal(a->address, b->address);
    assert_int_equal(a->n_warnings, b->n_warnings);
    for (int i = 0; i < a->n_warnings; i++)
        assert_string_equal(a->warnings[i], b->warnings[i]);
    assert_int_equal(a->n_metrics, b->n_metrics);
    for (int i = 0; i < a->n_metrics; i++) {
        const struct metric *x = &a->metrics[i], *y = &b->metrics[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->n_labels, y->n_labels);
        for (uint32_t k = 0; k < x->n_labels; k++) {
            assert_string_equal(x->labels[k].name, y->labels[k].name);
            assert_string_equal(x->labels[k].value, y->labels[k].value);
        }
        assert_int_equal(x->is_text, y->is_text);
        if (x->is_text)
            assert_string_equal(x->text, y->text);
        else
            assert_memory_equal(&x->num, &y->num, sizeof(x->num));
    }
    assert_true(streq(a->detail_json, b->detail_json));
}

static const double numbers[] = {0,        -0.0,     1,       -1,        200, 0.25,      1e300,
                                 1.0 / 3., INFINITY, -1e-300, 1LL << 53, NAN, -INFINITY, 4e18};

static void full_result(struct result *r, struct arena *a)
{
    *r = fresh(a);
    r->target_id = UINT64_MAX;
    r->request_id = UINT64_C(1) << 63;
    r->checked_ms = INT64_MIN;
    r->latency_us = INT64_MAX;
    r->resolve_us = -1;
    r->address = "2001:db8::1";
    r->detail_json = "{\"statusCode\":200}";
    result_ok(r, "状态 200");
    result_warn(r, "证书 5 天后到期");
    for (size_t i = 0; i < array_len(numbers); i++)
        result_metric(r, "probe_number", numbers[i]);
    result_metric_label(r, "probe_http_duration_seconds", "phase", "tls", 0.0123);
    static const struct label two[] = {{"subject", "CN=商城"}, {"issuer", ""}};
    result_metric_labels(r, "probe_ssl_last_chain_info", two, 2, 1);
    result_metric_labels(r, "probe_none", NULL, 0, 7);
    result_fact(r, "pg_version", "PostgreSQL 15.4");
}

static void round_trip(void **state)
{
    struct arena *a = arena_new();
    struct result in, out;
    full_result(&in, a);
    struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, "before");
    result_encode(&in, &b);
    struct err err = {0};
    assert_int_equal(result_decode(b.data + 6, b.len - 6, a, &out, &err), 0);
    assert_same(&in, &out);
    buf_done(&b);
    arena_free(a);
}

/* What stood in rings and in the page's memory before metrics could have several labels. */
static void records_of_earlier_versions_are_read(void **state)
{
    static const char old[] = "\x01\x01"     /* version, success */
                              "\x07"         /* target */
                              "\x02\x04\x06" /* checked_ms 1, latency 2, resolve 3 */
                              "\x02ok"       /* message */
                              "\x00"         /* warnings */
                              "\x09\x01m\x05phase\x03tls\x0a" /* an integer with a label */
                              "\x01\x01n\x02"                 /* one without */
                              "\x00";
    struct arena *a = arena_new();
    struct result r;
    struct err err = {0};
    assert_int_equal(result_decode(old, sizeof(old) - 1, a, &r, &err), 0);
    assert_int_equal(r.n_metrics, 2);
    assert_string_equal(metric_label(&r.metrics[0], "phase"), "tls");
    assert_null(metric_label(&r.metrics[0], "server"));
    assert_int_equal(r.metrics[0].num, 5);
    assert_int_equal(r.metrics[1].n_labels, 0);

    struct buf again = BUF_INIT(1000); /* and what can be said as before is said as before */
    result_encode(&r, &again);
    assert_int_equal(again.len, sizeof(old) - 1);
    assert_memory_equal(again.data, old, again.len);
    buf_done(&again);
    arena_free(a);
}

static void typical_tcp_is_small(void **state)
{
    struct arena *a = arena_new();
    struct result r = fresh(a);
    r.target_id = 54321;
    r.checked_ms = INT64_C(1795000000123);
    r.latency_us = 812;
    r.address = "10.0.0.5";
    result_ok(&r, "connected to 10.0.0.5:5432");
    struct buf b = BUF_INIT(1 << 20);
    result_encode(&r, &b);
    print_message("a tcp result takes %zu bytes\n", b.len);
    assert_true(b.len < 100);
    buf_done(&b);
    arena_free(a);
}

/* The largest a builder can make still fits a ring record; what does not fit is left out. */
static void largest_fits(void **state)
{
    struct arena *a = arena_new();
    char text[1100], name[RESULT_NAME_MAX + 1];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    struct result r = fresh(a), out;
    result_fail(&r, "%s", text);
    for (int i = 0; i < 100; i++) {
        result_warn(&r, "%s", text);
        struct label labels[RESULT_LABELS_MAX];
        for (int k = 0; k < RESULT_LABELS_MAX; k++)
            labels[k] = (struct label){arena_printf(a, "%.98s%d", name, k), text};
        result_metric_labels(&r, name, labels, 1 + (uint32_t)i % RESULT_LABELS_MAX, 0.1);
    }
    char *detail = arena_alloc(a, 20000);
    memset(detail, ' ', 19999);
    detail[0] = '{';
    detail[19998] = '}';
    r.detail_json = detail;
    struct buf b = BUF_INIT(1 << 20);
    result_encode(&r, &b);
    assert_true(b.len <= RESULT_ENCODED_MAX);
    assert_int_equal(result_decode(b.data, b.len, a, &out, NULL), 0);
    assert_null(out.detail_json);
    assert_int_equal(out.n_warnings, RESULT_WARNINGS_MAX);
    assert_true(out.n_metrics > 4);
    assert_string_equal(out.metrics[out.n_metrics - 1].name, "probe_metrics_left_out");
    assert_int_equal(out.metrics[out.n_metrics - 1].num, 100 - (out.n_metrics - 1));
    buf_done(&b);
    arena_free(a);
}

static void damaged_bytes_are_refused(void **state)
{
    struct arena *a = arena_new();
    struct result in, out;
    full_result(&in, a);
    struct buf b = BUF_INIT(1 << 20);
    result_encode(&in, &b);
    for (size_t n = 0; n < b.len; n++) {
        struct err err = {0};
        assert_int_equal(result_decode(b.data, n, a, &out, &err), -1);
        assert_int_equal(err.code, ERR_MALFORMED);
    }
    buf_putc(&b, 'x');
    assert_int_equal(result_decode(b.data, b.len, a, &out, NULL), -1);
    b.len--;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) { /* flipped bytes: refused or read, never worse */
        struct arena *one = arena_new();
        char *copy = arena_memdup(one, b.data, b.len);
        for (uint64_t k = 1 + rng_below(&rng, 3); k > 0; k--)
            copy[rng_below(&rng, b.len)] = (char)rng_next(&rng);
        if (result_decode(copy, b.len, one, &out, NULL) == 0)
            assert_true(utf8_valid(out.message, strlen(out.message)));
        arena_free(one);
    }
    buf_done(&b);
    arena_free(a);
}

static void metrics_as_json(void **state)
{
    struct arena *a = arena_new();
    struct result r = fresh(a);
    result_metric(&r, "probe_http_status_code", 200);
    result_metric_label(&r, "probe_x", "phase", "a\"b", 0.5);
    static const struct label two[] = {{"a", "1\n"}, {"b", "\\"}};
    result_metric_labels(&r, "probe_y", two, 2, 1);
    result_fact(&r, "v", "15 \"x\"");
    struct buf b = BUF_INIT(1 << 20);
    struct json j = json_start(&b);
    result_metrics_json(&r, &j);
    assert_string_equal(
        b.data, "{\"probe_http_status_code\":200,"
                "\"probe_x{phase=\\\"a\\\\\\\"b\\\"}\":0.5,"
                "\"probe_y{a=\\\"1\\\\n\\\",b=\\\"\\\\\\\\\\\"}\":1,\"v\":\"15 \\\"x\\\"\"}");
    buf_done(&b);
    arena_free(a);
}

static void an_inverted_verdict_says_so(void **state)
{
    struct arena *a = arena_new();
    struct result r;
    result_init(&r, a);
    result_ok(&r, "connected to 10.0.0.5 port 22");
    result_warn(&r, "slow");
    result_invert(&r);
    assert_false(r.success);
    assert_string_equal(r.message, "up, and must not be: connected to 10.0.0.5 port 22");
    assert_int_equal(r.n_warnings, 1);
    result_init(&r, a);
    result_warn(&r, "slow");
    result_fail(&r, "connection refused");
    result_invert(&r);
    assert_true(r.success && !result_degraded(&r)); /* what a failure warned of is of no account */
    assert_string_equal(r.message, "down, as it must be: connection refused");
    result_init(&r, a);
    r.success = true;
    result_invert(&r);
    assert_string_equal(r.message, "up, and must not be");
    char longest[RESULT_MESSAGE_MAX + 1];
    memset(longest, 'x', RESULT_MESSAGE_MAX);
    longest[RESULT_MESSAGE_MAX] = '\0';
    result_init(&r, a);
    result_fail(&r, "%s", longest);
    result_invert(&r);
    assert_int_equal(strlen(r.message), RESULT_MESSAGE_MAX);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_wins),
        cmocka_unit_test(foreign_text_is_cleaned_and_cut),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(records_of_earlier_versions_are_read),
        cmocka_unit_test(typical_tcp_is_small),
        cmocka_unit_test(largest_fits),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(metrics_as_json),
        cmocka_unit_test(an_inverted_verdict_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
