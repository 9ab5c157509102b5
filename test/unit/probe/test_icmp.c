/* icmp on this host's own addresses. Without the right to send echoes (neither CAP_NET_RAW nor
 * net.ipv4.ping_group_range) the tests that need it are skipped. */
#include "probe_unit.h"

#include <math.h>

#include "probe/icmp_socket.h"

static bool may_send(bool v6)
{
    struct icmp_socket s;
    if (icmp_open(&s, v6, false, NULL) != 0)
        return false;
    icmp_close(&s);
    return true;
}

static void test_one(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (int v6 = 0; v6 < 2; v6++) {
        struct probed p = {0};
        if (!may_send(v6))
            skip();
        struct result *r = probed_run(&p, "icmp", "{'host': '%s'}", hosts[v6]);
        if (!r->success)
            fail_msg("%s", r->message);
        assert_string_equal(r->address, hosts[v6]);
        assert_contains(r->message, "echo from ");
        assert_true(metric_of(r, "probe_icmp_packet_loss_ratio", NULL) == 0);
        assert_true(metric_of(r, "probe_icmp_reply_hop_limit", NULL) == 64);
        assert_true(metric_of(r, "probe_icmp_duration_seconds", "rtt") > 0);
        assert_true(metric_of(r, "probe_icmp_duration_seconds", "rtt") < 0.5);
        assert_true(metric_of(r, "probe_icmp_duration_seconds", "setup") > 0);
        assert_true(metric_of(r, "probe_icmp_duration_seconds", "resolve") == 0);
        assert_true(isnan(metric_of(r, "probe_icmp_jitter_seconds", NULL)));
        assert_int_equal(metric_of(r, "probe_ip_protocol", NULL), v6 ? 6 : 4);
        probed_done(&p);
    }
}

static void test_several(void **state)
{
    static const int sizes[] = {0, 1, 7, 8, 56, 57, 1472, 20000, 65400};
    struct probed p = {0};
    if (!may_send(false))
        skip();
    int64_t start = clock_mono_ns();
    struct result *r =
        probed_run(&p, "icmp", "{'host': '127.0.0.1', 'count': 5, 'spacing': '20ms', 'ttl': 1}");
    assert_true(r->success);
    assert_contains(r->message, "5 of 5 echoes from 127.0.0.1");
    assert_true(clock_mono_ns() - start >= MS(80) && clock_mono_ns() - start < MS(1000));
    assert_true(metric_of(r, "probe_icmp_jitter_seconds", NULL) >= 0);
    assert_true(metric_of(r, "probe_icmp_min_seconds", NULL) <=
                metric_of(r, "probe_icmp_max_seconds", NULL));
    for (size_t i = 0; i < array_len(sizes); i++) {
        r = probed_run(&p, "icmp", "{'host': '127.0.0.1', 'size': %d}", sizes[i]);
        if (!r->success)
            fail_msg("size %d: %s", sizes[i], r->message);
    }
    probed_done(&p);
}

/* An address that nobody has: silence, or a router's word, within the timeout; the spacing shrinks to fit. */
static void test_silence(void **state)
{
    struct probed p = {.limits.timeout_ms = 300};
    if (!may_send(false))
        skip();
    int64_t start = clock_mono_ns();
    struct result *r =
        probed_run(&p, "icmp", "{'host': '198.51.100.77', 'count': 10, 'spacing': '10s'}");
    assert_false(r->success);
    assert_contains(r->message, "198.51.100.77");
    assert_true(clock_mono_ns() - start < MS(1500));
    assert_true(metric_of(r, "probe_icmp_packet_loss_ratio", NULL) == 1);
    probed_done(&p);
}

static void test_slow(void **state)
{
    struct probed p = {0};
    if (!may_send(false))
        skip();
    struct result *r =
        probed_run(&p, "icmp", "{'host': 'localhost', 'expect': {'max_latency': '5s'}}");
    assert_true(r->success);
    assert_int_equal(r->n_warnings, 0);
    probed_done(&p);
}

static void test_unresolved(void **state)
{
    struct probed p = {.limits.timeout_ms = 500};
    char servers[32];
    snprintf(servers, sizeof(servers), "127.0.0.1:%u", free_port());
    p.servers = servers;
    struct result *r = probed_run(&p, "icmp", "{'host': 'nowhere.example'}");
    assert_false(r->success);
    assert_contains(r->message, "nowhere.example");
    probed_done(&p);
}

static void test_reasons(void **state)
{
    assert_string_equal(icmp_reason(false, 3, 1), "host unreachable");
    assert_string_equal(icmp_reason(false, 3, 13), "prohibited by a filter");
    assert_string_equal(icmp_reason(false, 3, 200), "unreachable");
    assert_string_equal(icmp_reason(false, 11, 0), "TTL exceeded on the way");
    assert_string_equal(icmp_reason(true, 1, 0), "no route to the destination");
    assert_string_equal(icmp_reason(true, 1, 99), "unreachable");
    assert_string_equal(icmp_reason(true, 3, 0), "hop limit exceeded on the way");
    assert_string_equal(icmp_reason(true, 99, 0), "ICMP error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),     cmocka_unit_test(test_several),
        cmocka_unit_test(test_silence), cmocka_unit_test(test_slow),
        cmocka_unit_test(test_reasons), cmocka_unit_test(test_unresolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
