/* Attempts and bursts (seed 003), with a server that counts its connections. */
#include "probe_unit.h"

#include <math.h>

/* Refuses the first `bad` connections with -ERR. */
struct moody {
    struct test_server s;
    int bad;
};

static void mood(int fd, void *arg)
{
    struct moody *m = arg;
    bool bad = atomic_load(&m->s.accepted) <= m->bad;
    send_text(fd, bad ? "-ERR busy\r\n" : "+OK\r\n");
}

static void moody_start(struct moody *m, int bad)
{
    memset(m, 0, sizeof(*m));
    server_start(&m->s, mood, m);
    m->s.arg = m;
    m->bad = bad;
}

static struct result *run(struct probed *p, const struct moody *m)
{
    return probed_run(p, "tcp", "{'host': '127.0.0.1', 'port': %u, 'steps': [{'expect': '^.OK'}]}",
                      m->s.port);
}

static void test_attempts(void **state)
{
    static const struct {
        int bad, attempts, connections;
        bool success;
    } cases[] = {{0, 1, 1, true}, {0, 3, 1, true}, {1, 1, 1, false},
                 {1, 3, 2, true}, {2, 3, 3, true}, {3, 3, 3, false}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct moody m;
        struct probed p = {.limits = {.attempts = cases[i].attempts, .timeout_ms = 1000}};
        moody_start(&m, cases[i].bad);
        struct result *r = run(&p, &m);
        assert_int_equal(r->success, cases[i].success);
        assert_int_equal(atomic_load(&m.s.accepted), cases[i].connections);
        if (cases[i].success && cases[i].connections > 1)
            assert_contains(r->warnings[0], "succeeded at attempt");
        if (!cases[i].success && cases[i].attempts > 1)
            assert_contains(r->message, "(after 3 attempts)");
        assert_true(metric_of(r, "probe_success", NULL) == cases[i].success);
        assert_false(isnan(metric_of(r, "probe_duration_seconds", NULL)));
        probed_done(&p);
        server_stop(&m.s);
    }
}

static void silent(int fd, void *arg)
{
    usleep(300000);
}

/* All attempts together stay within total_ms. */
static void test_total(void **state)
{
    struct probed p = {.limits = {.attempts = 10, .timeout_ms = 200, .total_ms = 300}};
    struct test_server s;
    server_start(&s, silent, NULL);
    int64_t start = clock_mono_ns();
    struct result *r = probed_run(
        &p, "tcp", "{'host': '127.0.0.1', 'port': %u, 'steps': [{'expect': '^never'}]}", s.port);
    assert_false(r->success);
    assert_true(clock_mono_ns() - start < MS(600));
    assert_contains(r->message, "(after 2 attempts)");
    probed_done(&p);
    server_stop(&s);
}

static void test_burst(void **state)
{
    static const struct {
        int bad, times;
        double min_success;
        int64_t max_mean_ms;
        bool success;
        const char *message;
    } cases[] = {
        {0, 5, 0.7, 5000, true, "5 of 5 requests succeeded"},
        {1, 5, 0.7, 5000, true, "4 of 5 requests succeeded"},
        {2, 5, 0.7, 5000, false, "3 of 5 requests succeeded (60 %); want at least 70 %"},
        {3, 10, 0.7, 5000, true, "7 of 10"}, /* the bound itself is good */
        {5, 5, 0.0, 5000, true, "0 of 5"},
        {0, 3, 0.7, 0, false, "mean response time"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct moody m;
        struct probed p = {.limits = {.timeout_ms = 1000,
                                      .burst = {.times = cases[i].times,
                                                .delta_ms = 10,
                                                .min_success = cases[i].min_success,
                                                .max_mean_ms = cases[i].max_mean_ms}}};
        moody_start(&m, cases[i].bad);
        int64_t start = clock_mono_ns();
        struct result *r = run(&p, &m);
        assert_true(clock_mono_ns() - start >= MS(10 * (cases[i].times - 1)));
        if (r->success != cases[i].success)
            fail_msg("case %zu: %s", i, r->message);
        assert_contains(r->message, cases[i].message);
        assert_int_equal(p.burst.n, cases[i].times);
        assert_int_equal(p.burst.succeeded, cases[i].times - cases[i].bad);
        assert_string_equal(p.burst.at[0].address, "127.0.0.1");
        assert_true(metric_of(r, "probe_burst_requests", NULL) == cases[i].times);
        probed_done(&p);
        server_stop(&m.s);
    }
}

/* Attempts go on until one fails, as it must. */
static void test_inverted_attempts(void **state)
{
    static const struct {
        int bad, attempts, connections;
        bool success;
    } cases[] = {{0, 1, 1, false}, {0, 3, 3, false}, {1, 3, 1, true}, {9, 1, 1, true}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct moody m;
        struct probed p = {
            .limits = {.attempts = cases[i].attempts, .timeout_ms = 1000, .invert = true}};
        moody_start(&m, cases[i].bad);
        struct result *r = run(&p, &m);
        assert_int_equal(r->success, cases[i].success);
        assert_int_equal(atomic_load(&m.s.accepted), cases[i].connections);
        assert_contains(r->message, r->success ? "down, as it must be: " : "up, and must not be: ");
        assert_true(metric_of(r, "probe_success", NULL) == cases[i].success);
        probed_done(&p);
        server_stop(&m.s);
    }
}

static void test_inverted_burst(void **state)
{
    static const struct {
        int bad;
        bool success;
        const char *message;
    } cases[] = {
        {5, true, "5 of 5 requests failed, as they must"},
        {4, true, "4 of 5 requests failed, as they must"},
        {1, false, "1 of 5 requests failed (20 %); want at least 70 %: up, and must not be: "},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct moody m;
        struct probed p = {.limits = {.timeout_ms = 1000,
                                      .invert = true,
                                      .burst = {.times = 5, .min_success = 0.7, .max_mean_ms = 0}}};
        moody_start(&m, cases[i].bad);
        struct result *r = run(&p, &m);
        assert_contains(r->message, cases[i].message);
        assert_int_equal(r->success, cases[i].success);
        assert_int_equal(p.burst.succeeded, cases[i].bad);
        probed_done(&p);
        server_stop(&m.s);
    }
}

static void test_statistics(void **state)
{
    struct moody m;
    struct probed p = {
        .limits = {.timeout_ms = 1000,
                   .burst = {.times = 4, .delta_ms = 1, .min_success = 1, .max_mean_ms = 5000}}};
    moody_start(&m, 0);
    struct result *r = run(&p, &m);
    double sum = 0, squares = 0;
    for (int i = 0; i < 4; i++)
        sum += (double)p.burst.at[i].latency_us / 1e6;
    for (int i = 0; i < 4; i++)
        squares += pow((double)p.burst.at[i].latency_us / 1e6 - sum / 4, 2);
    assert_true(fabs(p.burst.mean_s - sum / 4) < 1e-9);
    assert_true(fabs(p.burst.std_s - sqrt(squares / 4)) < 1e-9);
    assert_true(r->latency_us == (int64_t)(p.burst.mean_s * 1e6));
    probed_done(&p);
    server_stop(&m.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts),       cmocka_unit_test(test_total),
        cmocka_unit_test(test_burst),          cmocka_unit_test(test_inverted_attempts),
        cmocka_unit_test(test_inverted_burst), cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
