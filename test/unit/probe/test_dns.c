/* dns: hand-made servers that answer well, late, wrong, cut, or with another's id. */
#include "probe_unit.h"

#include <arpa/inet.h>
#include <math.h>

#include "../io/tls_unit.h"

/* An answer to the query p: header, its question, `n` A records 10.0.0.1 …; returns its length. */
static size_t make_answer(uint8_t *out, const uint8_t *p, size_t n, unsigned flags, int records)
{
    memcpy(out, p, n);
    out[2] = (uint8_t)(flags >> 8);
    out[3] = (uint8_t)flags;
    out[7] = (uint8_t)records;
    for (int i = 0; i < records; i++) {
        static const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 10, 0, 0};
        memcpy(out + n, rr, sizeof(rr));
        out[n + sizeof(rr)] = (uint8_t)(i + 1);
        n += sizeof(rr) + 1;
    }
    return n;
}

enum manner {
    GOOD,
    NXDOMAIN,
    EMPTY,
    REFUSE,
    WRONG_ID,
    WRONG_QUESTION,
    GARBAGE,
    LOOP,
    CUT,
    SILENT,
    SHORT,
    FORMERR,
    FLOOD
};

static void answer(struct udp_server *s, const uint8_t *p, size_t n, const struct addr *from)
{
    uint8_t out[2048];
    enum manner how = (enum manner)(intptr_t)s->arg;
    size_t k = make_answer(out, p, n, 0x8180, 2);
    switch (how) {
    case GOOD:
        break;
    case NXDOMAIN:
        k = make_answer(out, p, n, 0x8183, 0);
        break;
    case EMPTY:
        k = make_answer(out, p, n, 0x8180, 0);
        break;
    case REFUSE:
        k = make_answer(out, p, n, 0x8185, 0);
        break;
    case WRONG_ID:
        out[0] ^= 1;
        break;
    case WRONG_QUESTION:
        out[13] ^= 0x01;
        break;
    case GARBAGE:
        memset(out + 2, 0xff, k - 2);
        break;
    case LOOP:
        out[n] = 0xc0;
        out[n + 1] = (uint8_t)n;
        break;
    case CUT:
        k = make_answer(out, p, n, 0x8380, 0);
        break;
    case SILENT:
        return;
    case SHORT:
        k = 1;
        break;
    case FLOOD:
        out[0] ^= 1;
        for (int i = 0; i < 150; i++)
            udp_server_send(s, out, k, from);
        break;
    case FORMERR:
        memcpy(out, p, 2);
        memcpy(out + 2, "\x81\x81\0\0\0\0\0\0\0\0", 10);
        k = 12;
        break;
    }
    udp_server_send(s, out, k, from);
}

static struct result *ask(struct probed *p, enum manner how, const char *more)
{
    struct udp_server s;
    udp_server_start(&s, answer, (void *)(intptr_t)how, 0);
    if (!p->limits.timeout_ms)
        p->limits.timeout_ms = 300;
    struct result *r =
        probed_run(p, "dns", "{'server': '127.0.0.1:%u'%s%s}", s.port, *more ? ", " : "", more);
    udp_server_stop(&s);
    return r;
}

static void test_manners(void **state)
{
    static const struct {
        enum manner how;
        const char *more, *message;
        bool success;
    } cases[] = {
        {GOOD, "'name': 'a.test'", "answered a.test A: 10.0.0.1, 10.0.0.2", true},
        {GOOD, "'name': 'a.test', 'edns': true, 'recursion': false", "answered a.test", true},
        {GOOD, "", "answered", true},
        {NXDOMAIN, "'name': 'a.test'", "a.test A: it answered NXDOMAIN", false},
        {NXDOMAIN, "'name': 'a.test', 'expect': {'rcode': 'nxdomain'}", "a.test A: NXDOMAIN", true},
        {NXDOMAIN, "", "answered", true},
        {REFUSE, "", "answered", true}, /* available, though it would not help us */
        {REFUSE, "'expect': {'rcode': ['NOERROR']}", "it answered REFUSED; want NOERROR", false},
        {EMPTY, "'name': 'a.test'", "0 A records; want at least 1", false},
        {EMPTY, "'name': 'a.test', 'expect': {'min_answers': 0}", "a.test A: NOERROR", true},
        {GOOD, "'name': 'a.test', 'expect': {'min_answers': 3}", "2 A records; want at least 3",
         false},
        {GOOD, "'name': 'a.test', 'type': 'AAAA'", "0 AAAA records", false},
        {GOOD, "'name': 'a.test', 'type': 'ANY'", "answered", true},
        {GOOD, "'name': 'a.test', 'expect': {'records': ['10.0.0.2', '10.0.0.1']}", "", true},
        {GOOD, "'name': 'a.test', 'expect': {'records': ['10.0.0.3']}",
         "record 10.0.0.3 is missing; got 10.0.0.1, 10.0.0.2", false},
        {GOOD, "'name': 'a.test', 'expect': {'records_match': ['\\\\tA\\\\t10\\\\.0\\\\.']}", "",
         true},
        {GOOD, "'name': 'a.test', 'expect': {'records_match': ['192']}", "no record matches",
         false},
        {GOOD, "'name': 'a.test', 'expect': {'records_not_match': ['\\\\.2$']}", "which none may",
         false},
        {GOOD, "'name': 'a.test', 'class': 'CH', 'source': '127.0.0.1'", "answered", true},
        {GOOD, "'name': 'a.test', 'source': '::1'", "cannot send from ::1", false},
        {GOOD,
         "'name': 'a.test', 'expect': {'answer': {'all_records_match': "
         "['^a\\\\.test\\\\.\\\\t300\\\\tIN\\\\tA\\\\t10'], 'not_empty': true, "
         "'some_record_matches': ['no', '\\\\.2$'], 'no_record_matches': ['192']}}",
         "answered", true},
        {GOOD, "'name': 'a.test', 'expect': {'answer': {'all_records_match': ['\\\\.2$']}}",
         "a record of its answer section does not match \"\\.2$\"; it is a.test.\t300\tIN\tA\t10.0.0.1",
         false},
        {GOOD, "'name': 'a.test', 'expect': {'answer': {'no_record_matches': ['\\\\.2$']}}",
         "a record of its answer section matches", false},
        {GOOD, "'name': 'a.test', 'expect': {'answer': {'some_record_matches': ['a', 'AAAA']}}", "",
         true},
        {GOOD, "'name': 'a.test', 'expect': {'answer': {'some_record_matches': ['AAAA']}}",
         "no record of its answer section matches", false},
        {GOOD, "'name': 'a.test', 'expect': {'authority': {'not_empty': true}}",
         "no record in its authority section", false},
        {EMPTY,
         "'name': 'a.test', 'expect': {'min_answers': 0, 'answer': {'all_records_match': ['x']}}",
         "NOERROR", true},
        {GOOD,
         "'name': 'a.test', 'expect': {'conditions': ['[DNS_RCODE] == NOERROR', '[BODY] == "
         "10.0.0.2', '[CONNECTED] == true', '[IP] == 127.0.0.1']}",
         "answered", true},
        {NXDOMAIN,
         "'name': 'a.test', 'expect': {'min_answers': 0, 'conditions': ['[DNS_RCODE] == NXDOMAIN', "
         "'len([BODY]) == 0']}",
         "NXDOMAIN", true},
        {NXDOMAIN, "'name': 'a.test', 'expect': {'conditions': ['[DNS_RCODE] == NOERROR']}",
         "[DNS_RCODE] (NXDOMAIN) == NOERROR", false},
        {CUT, "'name': 'a.test', 'tcp_fallback': false, 'expect': {'min_answers': 0}", "answered",
         true},
        {WRONG_ID, "'name': 'a.test'", "no answer in time", false},
        {WRONG_QUESTION, "'name': 'a.test'", "1 with another id or question", false},
        {FLOOD, "'name': 'a.test'", "101 answers with another id", false},
        {GARBAGE, "'name': 'a.test'", "not a DNS answer", false},
        {LOOP, "'name': 'a.test'", "not a DNS answer", false},
        {SILENT, "'name': 'a.test'", "no answer in time", false},
        {SHORT, "'name': 'a.test'", "no answer in time", false},
        {FORMERR, "'name': 'a.test'", "it answered FORMERR", false},
        {FORMERR, "", "answered", true},
        {CUT, "'name': 'a.test'", "refused", false}, /* nobody listens on tcp */
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct probed p = {0};
        int64_t start = clock_mono_ns();
        struct result *r = ask(&p, cases[i].how, cases[i].more);
        if (r->success != cases[i].success)
            fail_msg("case %zu: %s", i, r->message);
        assert_contains(r->message, cases[i].message);
        assert_contains(r->detail_json, "\"server\":\"127.0.0.1:");
        assert_true(clock_mono_ns() - start < MS(800));
        probed_done(&p);
    }
}

static void test_metrics(void **state)
{
    struct probed p = {0};
    struct result *r = ask(&p, GOOD, "'name': 'a.test'");
    assert_true(metric_of(r, "probe_dns_answer_rrs", NULL) == 2);
    assert_true(metric_of(r, "probe_dns_authority_rrs", NULL) == 0);
    assert_true(metric_of(r, "probe_dns_additional_rrs", NULL) == 0);
    assert_true(metric_of(r, "probe_dns_query_succeeded", NULL) == 1);
    assert_true(metric_of(r, "probe_dns_duration_seconds", "request") > 0);
    assert_true(metric_of(r, "probe_dns_duration_seconds", "resolve") == 0);
    assert_true(metric_of(r, "probe_ip_protocol", NULL) == 4);
    assert_true(isnan(metric_of(r, "probe_dns_serial", NULL)));
    assert_contains(r->detail_json, "\"value\":\"10.0.0.2\"");
    r = ask(&p, SILENT, "");
    assert_true(metric_of(r, "probe_dns_query_succeeded", NULL) == 0);
    probed_done(&p);
}

static void test_refused(void **state)
{
    struct probed p = {0};
    struct result *r = probed_run(&p, "dns", "{'server': '127.0.0.1:%u'}", free_port());
    assert_false(r->success);
    assert_contains(r->message, "nothing listens on 127.0.0.1:");
    probed_done(&p);
}

/* Queries by tcp: a length, then the message. */
static void answer_tcp(int fd, void *arg)
{
    uint8_t in[1024], out[2048];
    uint8_t head[2];
    if (recv(fd, head, 2, MSG_WAITALL) != 2)
        return;
    size_t n = (size_t)head[0] << 8 | head[1];
    if (n > sizeof(in) || recv(fd, in, n, MSG_WAITALL) != (ssize_t)n)
        return;
    size_t k = make_answer(out + 2, in, n, 0x8180, 60);
    const char *how = arg;
    if (strcmp(how, "close") == 0)
        return;
    if (strcmp(how, "id") == 0)
        out[2] ^= 1;
    out[0] = (uint8_t)(k >> 8);
    out[1] = (uint8_t)k;
    if (strcmp(how, "length") == 0)
        memset(out, 0xff, 2);
    for (size_t i = 0; i < k + 2; i += 7) /* in small pieces */
        send(fd, out + i, k + 2 - i < 7 ? k + 2 - i : 7, MSG_NOSIGNAL);
}

static void test_tcp(void **state)
{
    static const struct {
        const char *how, *message;
        bool success;
    } cases[] = {
        {"", "answered a.test A: 10.0.0.1, ", true},
        {"close", "closed", false},
        {"id", "another id", false},
        {"length", "closed after", false},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct test_server s;
        struct probed p = {.limits.timeout_ms = 500};
        server_start(&s, answer_tcp, (void *)cases[i].how);
        struct result *r = probed_run(
            &p, "dns", "{'server': '127.0.0.1:%u', 'name': 'a.test', 'transport': 'tcp'}", s.port);
        if (r->success != cases[i].success)
            fail_msg("%s: %s", cases[i].how, r->message);
        assert_contains(r->message, cases[i].message);
        if (r->success)
            assert_true(metric_of(r, "probe_dns_answer_rrs", NULL) == 60);
        probed_done(&p);
        server_stop(&s);
    }
}

/* Both transports on one port: a cut answer by udp is asked again by tcp. */
static void test_truncated(void **state)
{
    struct test_server t;
    struct udp_server u;
    struct probed p = {0};
    server_start(&t, answer_tcp, (void *)"");
    udp_server_start(&u, answer, (void *)(intptr_t)CUT, t.port);
    struct result *r =
        probed_run(&p, "dns", "{'server': '127.0.0.1:%u', 'name': 'a.test'}", t.port);
    if (!r->success)
        fail_msg("%s", r->message);
    assert_true(metric_of(r, "probe_dns_answer_rrs", NULL) == 60);
    assert_int_equal(atomic_load(&u.received), 1);
    assert_int_equal(atomic_load(&t.accepted), 1);
    probed_done(&p);
    udp_server_stop(&u);
    server_stop(&t);
}

static void answer_tls(SSL *ssl, void *arg)
{
    uint8_t in[1024], out[2048];
    int n = SSL_read(ssl, in, sizeof(in));
    if (n < 14)
        return;
    size_t k = make_answer(out + 2, in + 2, (size_t)n - 2, 0x8180, 1);
    out[0] = (uint8_t)(k >> 8);
    out[1] = (uint8_t)k;
    SSL_write(ssl, out, (int)k + 2);
}

static void test_tls(void **state)
{
    struct test_ca ca;
    struct tls_server s;
    struct probed p = {0};
    ca_make(&ca);
    tls_server_start(&s, ca.cert, ca.key, NULL, answer_tls, NULL);
    struct result *r =
        probed_run(&p, "dns",
                   "{'server': '127.0.0.1:%u', 'name': 'a.test', 'transport': 'tls', "
                   "'tls': {'ca_file': '%s', 'expiry_warning': 0}}",
                   s.tcp.port, ca.ca);
    if (!r->success)
        fail_msg("%s", r->message);
    assert_true(metric_of(r, "probe_tls_version_info", "TLS 1.3") == 1);
    assert_true(metric_of(r, "probe_dns_duration_seconds", "connect") > 0);
    r = probed_run(&p, "dns", "{'server': '127.0.0.1:%u', 'transport': 'tls'}", s.tcp.port);
    assert_false(r->success);
    assert_contains(r->message, "certificate");
    tls_server_stop(&s);
    ca_remove(&ca);
    probed_done(&p);
}

/* One good and one dead server: down, or only a warning; the dead one does not eat the other's time. */
static void test_several(void **state)
{
    struct udp_server good, dead;
    struct probed p = {.limits.timeout_ms = 400};
    udp_server_start(&good, answer, (void *)(intptr_t)GOOD, 0);
    udp_server_start(&dead, answer, (void *)(intptr_t)SILENT, 0);
    struct result *r =
        probed_run(&p, "dns", "{'server': ['127.0.0.1:%u', '127.0.0.1:%u'], 'name': 'a.test'}",
                   dead.port, good.port);
    char name[32];
    assert_false(r->success);
    assert_contains(r->message, "1 of 2 servers failed: 127.0.0.1:");
    assert_contains(r->message, "no answer in time");
    snprintf(name, sizeof(name), "127.0.0.1:%u", good.port);
    assert_true(metric_of(r, "probe_dns_server_success", name) == 1);
    snprintf(name, sizeof(name), "127.0.0.1:%u", dead.port);
    assert_true(metric_of(r, "probe_dns_server_success", name) == 0);
    r = probed_run(&p, "dns",
                   "{'server': ['127.0.0.1:%u', '127.0.0.1:%u'], 'name': 'a.test', 'expect': "
                   "{'servers': 'any'}}",
                   dead.port, good.port);
    assert_true(r->success);
    assert_int_equal(r->n_warnings, 1);
    assert_contains(r->warnings[0], "no answer in time");
    probed_done(&p);
    udp_server_stop(&good);
    udp_server_stop(&dead);
}

/* No server given: those of the system. */
static void test_system(void **state)
{
    struct udp_server s;
    struct probed p = {.limits.timeout_ms = 400};
    char servers[64];
    udp_server_start(&s, answer, (void *)(intptr_t)GOOD, 0);
    snprintf(servers, sizeof(servers), "127.0.0.1:%u", s.port);
    p.servers = servers;
    struct result *r = probed_run(&p, "dns", "{'name': 'a.test'}");
    if (!r->success)
        fail_msg("%s", r->message);
    assert_contains(r->message, servers);
    probed_done(&p);
    udp_server_stop(&s);
}

static void test_config(void **state)
{
    static const struct {
        const char *config, *problem;
    } cases[] = {
        {"{'server': ['a', 'b:x']}", "server[1]"},
        {"{'name': 'a..b'}", "name"},
        {"{'name': 'a', 'expect': {'rcode': ['WHAT']}}", "rcode"},
        {"{'name': 'a', 'expect': {'records_match': ['(']}}", "expect.records_match"},
        {"{'expect': {'records': ['1.2.3.4']}}", "no name is asked for"},
        {"{'type': 'XYZ'}", "type"},
        {"{'class': 'XX'}", "class"},
        {"{'source': 'x'}", "want an IP address of this host"},
        {"{'expect': {'additional': {'no_record_matches': ['(']}}}", "no_record_matches"},
        {"{'expect': {'conditions': ['[WHAT] == 1']}}", "unknown placeholder"},
        {"{'transport': 'quic'}", "transport"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char *text = config_problems("dns", cases[i].config);
        assert_contains(text, cases[i].problem);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manners), cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tls),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_several), cmocka_unit_test(test_system),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
