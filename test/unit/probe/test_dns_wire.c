/* DNS messages: queries byte by byte, answers of every type, and damaged ones. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/dns_wire.h"

/* A literal's bytes without its NUL. */
#define BYTES(lit) (lit), sizeof(lit) - 1

static void test_query(void **state)
{
    uint8_t out[DNS_QUERY_MAX];
    struct dns_query q = {
        .id = 0x1234, .name = "a.example", .type = DNS_TYPE_A, .class = 1, .recursion = true};
    static const char want[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                               "\x01"
                               "a\x07"
                               "example\x00\x00\x01\x00\x01";
    int n = dns_write_query(&q, out, NULL);
    assert_int_equal(n, sizeof(want) - 1);
    assert_memory_equal(out, want, n);
    q.edns = true;
    q.recursion = false;
    assert_int_equal(dns_write_query(&q, out, NULL), n + 11);
    assert_int_equal(out[2], 0);
    assert_int_equal(out[11], 1);
    assert_memory_equal(out + n, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
    q = (struct dns_query){.name = ".", .type = DNS_TYPE_NS, .class = 1};
    assert_int_equal(dns_write_query(&q, out, NULL), 17);
    q.name = "";
    assert_int_equal(dns_write_query(&q, out, NULL), 17);
}

static void test_names(void **state)
{
    char l63[65], l64[66], name[400] = "";
    memset(l63, 'a', 63);
    l63[63] = '\0';
    snprintf(l64, sizeof(l64), "%sa", l63);
    assert_int_equal(dns_check_name(l63, NULL), 0);
    assert_int_equal(dns_check_name(l64, NULL), -1);
    snprintf(name, sizeof(name), "%s.%s.%s.%.61s", l63, l63, l63, l63); /* 253 characters */
    assert_int_equal(dns_check_name(name, NULL), 0);
    snprintf(name, sizeof(name), "%s.%s.%s.%.62s", l63, l63, l63, l63);
    assert_int_equal(dns_check_name(name, NULL), -1);
    static const char *const good[] = {"a.",      "_sip._tcp.x", "a\\.b",
                                       "a\\032b", "*.x",         "xn--fiqs8s"};
    static const char *const bad[] = {".a", "a..b", "..", "a b", "中国", "a\\", "a\\25", "a\\999"};
    for (size_t i = 0; i < array_len(good); i++)
        assert_int_equal(dns_check_name(good[i], NULL), 0);
    for (size_t i = 0; i < array_len(bad); i++)
        if (dns_check_name(bad[i], NULL) == 0)
            fail_msg("\"%s\" passed", bad[i]);
}

#define HEAD           "\x12\x34\x81\x80\x00\x01"
#define QUESTION(type) "\x01x\x04test\x00\x00" type "\x00\x01"
#define RR(type, len)  "\xc0\x0c\x00" type "\x00\x01\x00\x00\x01\x2c\x00" len

static void test_records(void **state)
{
    static const struct {
        const char *p;
        size_t n;
        const char *value;
    } cases[] = {
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x01") RR("\x01", "\x04") "\x0a\x01\x02\x03"),
         "10.1.2.3"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x1c")
                   RR("\x1c", "\x10") "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
         "2001:db8::1"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05") RR("\x05", "\x04") "\x01y\xc0\x0e"), "y.test"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x02") RR("\x02", "\x01") "\0"), "."},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x0c") RR("\x0c", "\x02") "\xc0\x0c"), "x.test"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x0f") RR("\x0f", "\x06") "\0\x0a\x01m\xc0\x0e"),
         "10 m.test"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x21") RR("\x21", "\x08") "\0\1\0\2\x13\x88\xc0\x0c"),
         "1 2 5000 x.test"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x10") RR("\x10", "\x08") "\x03v=s\x03pf1"), "v=spf1"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x10") RR("\x10", "\x04") "\x03"
                                                                       "a\0b"),
         "a\\000b"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x06") RR(
             "\x06", "\x18") "\xc0\x0c\xc0\x0e\x78\x49\xc1\x01\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"),
         "x.test test 2018099457 1 2 3 4"},
        {BYTES(HEAD "\0\1\0\0\0\0"
                    "\x01x\x04test\x00\x01\x01\x00\x01"
                    "\xc0\x0c\x01\x01\x00\x01\0\0\0\0\0\x0d"
                    "\0\x05issueca.org"),
         "0 issue \"ca.org\""},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x41") RR("\x41", "\x02") "\xab\xcd"), "\\# 2 abcd"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct dns_message m;
        struct err err = {0};
        if (dns_parse(cases[i].p, cases[i].n, true, a, &m, &err) != 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(m.n_kept, 1);
        assert_string_equal(m.answers[0].value, cases[i].value);
        assert_string_equal(m.answers[0].name, "x.test");
        assert_string_equal(m.question, "x.test");
        assert_true(m.response && m.recursion_available && !m.truncated);
        /* cut anywhere, it is refused */
        for (size_t n = 0; n < cases[i].n; n++) {
            uint8_t *part = malloc(n ? n : 1); /* for ASan: no byte behind */
            memcpy(part, cases[i].p, n);
            assert_int_equal(dns_parse(part, n, true, a, &m, &err), -1);
            assert_int_equal(err.code, ERR_PROTOCOL);
            free(part);
        }
    }
    struct dns_rr rr = {"x.test", 1, 1, 300, "10.1.2.3"};
    assert_string_equal(dns_rr_text(&rr, a), "x.test\t300\tIN\tA\t10.1.2.3");
    arena_free(a);
}

static void test_damaged(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } cases[] = {
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05") RR("\x05", "\x02") "\xc0\x26")}, /* itself */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05")
                   RR("\x05", "\x04") "\xc0\x28\xc0\x26")}, /* ahead */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05")
                   RR("\x05", "\x04") "\x01y\xc0\x26")},                             /* a loop */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05") RR("\x05", "\x02") "\xff\xff")}, /* beyond */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05") RR("\x05", "\x02") "\x80\x00")}, /* reserved */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x01") RR("\x01", "\x05") "\1\2\3\4\5")}, /* long A */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x01") RR("\x01", "\x03") "\1\2\3")},     /* short A */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x10") RR("\x10", "\x02") "\x05"
                                                                       "a")},            /* TXT */
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x05") RR("\x05", "\x03") "\xc0\x0c\x00")}, /* more */
        {BYTES("\x12\x34\x81\x80\xff\xff\0\0\0\0\0\0")}, /* 65535 questions */
        {BYTES("\x12\x34\x81\x80\0\0\xff\xff\xff\xff\xff\xff")},
        {BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")}, /* question points at itself */
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct dns_message m;
        struct err err = {0};
        if (dns_parse(cases[i].p, cases[i].n, true, a, &m, &err) == 0)
            fail_msg("case %zu passed", i);
        assert_int_equal(err.code, ERR_PROTOCOL);
    }
    arena_free(a);
}

/* Names that grow through pointers end at 255 bytes; 65535 promised records cost no memory. */
static void test_bombs(void **state)
{
    uint8_t p[4096] = "\x12\x34\x81\x80\0\0\xff\xff\0\0\0\0";
    struct arena *a = arena_new();
    struct dns_message m;
    size_t at = 12;
    /* labels of 60 bytes, each ending in a pointer to the one before */
    size_t last = at;
    for (int i = 0; i < 20; i++) {
        size_t here = at;
        p[at++] = 60;
        memset(p + at, 'a', 60);
        at += 60;
        if (i == 0) {
            p[at++] = 0;
        } else {
            p[at++] = (uint8_t)(0xc0 | last >> 8);
            p[at++] = (uint8_t)last;
        }
        last = here;
    }
    p[at++] = (uint8_t)(0xc0 | last >> 8);
    p[at++] = (uint8_t)last;
    at += 10;
    assert_int_equal(dns_parse(p, at, true, a, &m, NULL), -1);
    assert_true(arena_used(a) < 1 << 20);
    arena_free(a);
}

static void test_truncated(void **state)
{
    static const char whole[] = "\x12\x34\x83\x80\0\1\0\2\0\0\0\0" QUESTION("\x01")
        RR("\x01", "\x04") "\x0a\x01\x02\x03" RR("\x01", "\x04") "\x0a\x01";
    struct arena *a = arena_new();
    struct dns_message m;
    assert_int_equal(dns_parse(whole, sizeof(whole) - 1, true, a, &m, NULL), 0);
    assert_true(m.truncated);
    assert_int_equal(m.n_kept, 1);
    assert_int_equal(m.n_answers, 2);
    arena_free(a);
}

/* Values as a zone file has them, and the records behind the answers. */
static void test_zone(void **state)
{
    static const struct {
        const char *p;
        size_t n;
        const char *line;
    } cases[] = {
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x0f") RR("\x0f", "\x06") "\0\x0a\x01m\xc0\x0e"),
         "x.test.\t300\tIN\tMX\t10 m.test."},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x10") RR("\x10", "\x08") "\x03v=s\x03p\"1"),
         "x.test.\t300\tIN\tTXT\t\"v=s\" \"p\\\"1\""},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x02") RR("\x02", "\x01") "\0"),
         "x.test.\t300\tIN\tNS\t."},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x2b") RR("\x2b", "\x06") "\x30\x39\x08\x02\xab\xcd"),
         "x.test.\t300\tIN\tDS\t12345 8 2 ABCD"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x34") RR("\x34", "\x05") "\x03\x01\x01\xab\xcd"),
         "x.test.\t300\tIN\tTLSA\t3 1 1 abcd"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x2c") RR("\x2c", "\x04") "\x04\x02\xab\xcd"),
         "x.test.\t300\tIN\tSSHFP\t4 2 ABCD"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x30") RR("\x30", "\x07") "\x01\x01\x03\x08"
                                                                       "abc"),
         "x.test.\t300\tIN\tDNSKEY\t257 3 8 YWJj"},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x0d") RR("\x0d", "\x06") "\x01"
                                                                       "a"
                                                                       "\x03"
                                                                       "b c"),
         "x.test.\t300\tIN\tHINFO\t\"a\" \"b c\""},
        {BYTES(HEAD "\0\1\0\0\0\0" QUESTION("\x23")
                   RR("\x23", "\x0f") "\0\x64\0\x0a\x01S\x03sip\0\x01y\xc0\x0e"),
         "x.test.\t300\tIN\tNAPTR\t100 10 \"S\" \"sip\" \"\" y.test."},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct dns_message m = {0};
        struct err err = {0};
        if (dns_parse(cases[i].p, cases[i].n, true, a, &m, &err) != 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_string_equal(dns_rr_zone_text(&m.answers[0], a), cases[i].line);
    }
    static const char both[] = "\x12\x34\x81\x80\0\1\0\0\0\1\0\1" QUESTION("\x01")
        RR("\x02", "\x02") "\xc0\x0c" RR("\x01", "\x04") "\x0a\0\0\x01";
    struct dns_message m = {0};
    assert_int_equal(dns_parse(both, sizeof(both) - 1, true, a, &m, NULL), 0);
    assert_int_equal(m.authority.n, 1);
    assert_int_equal(m.additional.n, 1);
    assert_string_equal(dns_rr_zone_text(&m.authority.at[0], a), "x.test.\t300\tIN\tNS\tx.test.");
    assert_string_equal(m.additional.at[0].value, "10.0.0.1");
    assert_int_equal(dns_parse(both, sizeof(both) - 1, false, a, &m, NULL), 0);
    assert_int_equal(m.authority.n, 0);
    assert_int_equal(m.n_authority, 1);
    arena_free(a);
}

static void test_counts(void **state)
{
    static const char both[] = "\x12\x34\x81\x80\0\1\0\0\0\1\0\1" QUESTION("\x01")
        RR("\x02", "\x02") "\xc0\x0c"
                           "\0\0\x29\x04\xd0\x01\0\0\0\0\0";
    struct arena *a = arena_new();
    struct dns_message m;
    char buf[16];
    assert_int_equal(dns_parse(both, sizeof(both) - 1, true, a, &m, NULL), 0);
    assert_int_equal(m.n_authority, 1);
    assert_int_equal(m.n_additional, 1);
    assert_int_equal(m.rcode, 16); /* EDNS's upper bits */
    assert_string_equal(dns_rcode_name(m.rcode, buf), "BADVERS");
    assert_string_equal(dns_rcode_name(3, buf), "NXDOMAIN");
    assert_string_equal(dns_rcode_name(99, buf), "RCODE99");
    assert_string_equal(dns_type_name(66, buf), "TYPE66");
    assert_string_equal(dns_type_name(257, buf), "CAA");
    arena_free(a);
}

static void test_matching(void **state)
{
    struct arena *a = arena_new();
    struct dns_message m;
    struct dns_query q = {.id = 0x1234, .name = "X.Test.", .type = 1, .class = 1};
    assert_int_equal(dns_parse(HEAD "\0\0\0\0\0\0" QUESTION("\x01"), 24, true, a, &m, NULL), 0);
    assert_true(dns_answers(&m, &q));
    q.name = "\\120.test"; /* the same name, escaped */
    assert_true(dns_answers(&m, &q));
    q.name = "y.test";
    assert_false(dns_answers(&m, &q));
    q.name = "x.test";
    q.type = 28;
    assert_false(dns_answers(&m, &q));
    q.type = 1;
    q.id = 1;
    assert_false(dns_answers(&m, &q));
    q.id = 0x1234;
    m.response = false;
    assert_false(dns_answers(&m, &q));
    assert_int_equal(dns_parse("\x12\x34\x81\x81\0\0\0\0\0\0\0\0", 12, true, a, &m, NULL), 0);
    assert_true(dns_answers(&m, &q)); /* FORMERR without the question */
    m.rcode = 0;
    assert_false(dns_answers(&m, &q));
    arena_free(a);
}

/* What is written is read back the same. */
static void test_round_trip(void **state)
{
    static const char *const names[] = {"a", "a.b.c", "x\\.y.z", "\\000\\255.q", "."};
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(names); i++) {
        uint8_t out[DNS_QUERY_MAX];
        struct dns_query q = {
            .id = (uint16_t)i, .name = names[i], .type = 16, .class = 1, .edns = i & 1};
        struct dns_message m;
        int n = dns_write_query(&q, out, NULL);
        assert_true(n > 0);
        assert_int_equal(dns_parse(out, (size_t)n, true, a, &m, NULL), 0);
        assert_string_equal(m.question, names[i]);
        assert_int_equal(m.question_type, 16);
        m.response = true;
        assert_true(dns_answers(&m, &q));
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_records),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_bombs),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_counts),   cmocka_unit_test(test_zone),
        cmocka_unit_test(test_matching), cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
