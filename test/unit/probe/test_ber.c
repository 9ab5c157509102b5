/* BER, LDAP's filters and messages, SNMP of all versions. */
#include "probe_unit.h"

#include "probe/ldap_wire.h"
#include "probe/snmp_wire.h"

static void check_hex(const struct buf *b, const char *want)
{
    struct buf hex = BUF_INIT(4096);
    hex_encode(&hex, b->data, b->len);
    assert_string_equal(hex.data, want);
    buf_done(&hex);
}

static void test_numbers(void **state)
{
    static const struct {
        int64_t v;
        const char *hex;
    } cases[] = {{0, "020100"},
                 {127, "02017f"},
                 {128, "02020080"},
                 {-1, "0201ff"},
                 {-128, "020180"},
                 {-129, "0202ff7f"},
                 {65535, "020300ffff"},
                 {INT64_MAX, "02087fffffffffffffff"},
                 {INT64_MIN, "02088000000000000000"}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(64);
        ber_put_int(&b, BER_INT, cases[i].v);
        check_hex(&b, cases[i].hex);
        struct ber in = ber_of(b.data, b.len);
        assert_true(ber_int(&in, BER_INT) == cases[i].v);
        assert_false(in.failed);
        assert_int_equal(ber_peek(&in), -1);
        buf_done(&b);
    }
}

static void test_oids(void **state)
{
    static const char *const good[] = {"1.3.6.1.2.1.1.3.0", "0.0", "2.999.3", "1.39.4294967295"};
    static const char *const bad[] = {"", "1", "1.40", "3.1", "1.3.x", "1..3", "1.3.4294967296"};
    for (size_t i = 0; i < array_len(good); i++) {
        struct buf b = BUF_INIT(64), text = BUF_INIT(64);
        assert_int_equal(ber_put_oid(&b, good[i], NULL), 0);
        struct ber in = ber_of(b.data, b.len), oid = ber_enter(&in, BER_OID);
        ber_oid_text(&oid, &text);
        assert_string_equal(text.data, good[i]);
        buf_done(&b);
        buf_done(&text);
    }
    for (size_t i = 0; i < array_len(bad); i++) {
        struct buf b = BUF_INIT(64);
        if (ber_put_oid(&b, bad[i], NULL) == 0)
            fail_msg("\"%s\" passed", bad[i]);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
}

static void test_sizes(void **state)
{
    assert_int_equal(ber_message_size((const uint8_t *)"\x30", 1, 100), 0);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x05", 2, 100), 7);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x82\x01", 3, 100), 0);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x82\x01\x00", 4, 1000), 260);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x82\x01\x00", 4, 100), -1);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x80", 2, 100), -1);
    assert_int_equal(ber_message_size((const uint8_t *)"\x30\x85\1\1\1\1\1", 7, 100), -1);
}

static void test_filters(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"(cn=a)", "a38200070402636e040161"},
        {"(cn=*)", "8702636e"},
        {"(n>=5)", "a582000604016e040135"},
        {"(!(cn=a))", "a282000ba38200070402636e040161"},
        {"(cn=a*b*c)", "a48200110402636e30820009800161810162820163"},
    };
    static const char *const bad[] = {"",         "cn=a",     "(cn=a",    "(cn=a))", "(=a)",
                                      "(cn=\\2)", "(cn>=a*)", "(&(cn=a)", "(cn~a)"};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(256);
        assert_int_equal(ldap_write_filter(&b, cases[i].text, NULL), 0);
        check_hex(&b, cases[i].hex);
        buf_done(&b);
    }
    for (size_t i = 0; i < array_len(bad); i++) {
        struct buf b = BUF_INIT(256);
        if (ldap_write_filter(&b, bad[i], NULL) == 0)
            fail_msg("\"%s\" passed", bad[i]);
        buf_done(&b);
    }
}

static void test_ldap_answer(void **state)
{
    static const uint8_t bind[] = "\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
    struct ldap_message m;
    char room[32];
    assert_int_equal(ldap_parse(bind, sizeof(bind) - 1, &m, NULL), 0);
    assert_int_equal(m.op, LDAP_BIND_RESPONSE);
    assert_int_equal(m.id, 2);
    assert_string_equal(ldap_code_text(m.code, room), "invalid credentials");
    assert_int_equal(ldap_parse(bind, sizeof(bind) - 2, &m, NULL), -1);
}

/* RFC 3414, A.3.2 */
static void test_password(void **state)
{
    uint8_t key[DIGEST_MAX];
    static const uint8_t want[] = "\x9f\xb5\xcc\x03\x81\x49\x7b\x37\x93\x52"
                                  "\x89\x39\xff\x78\x8d\x5d\x79\x14\x52\x11";
    digest_password(DIGEST_SHA1, "maplesyrup", key);
    assert_memory_equal(key, want, 20);
}

/* What is written can be read, and not when a byte of it has changed. */
static void test_usm(void **state)
{
    static const char *const oids[] = {"1.3.6.1.2.1.1.5.0"};
    for (int level = 0; level < 3; level++) {
        struct arena *a = arena_new();
        struct usm_user user = {
            .name = "ann", .auth = level > 0, .priv = level > 1, .kind = DIGEST_SHA256};
        struct usm_engine engine = {.id = "engine", .id_n = 6, .boots = 3, .time = 77};
        struct buf pdu = BUF_INIT(512), out = BUF_INIT(1024);
        struct usm_message m;
        digest_password(user.kind, "a password", user.auth_key);
        digest_password(user.kind, "another one", user.priv_key);
        snmp_write_get(&pdu, 42, oids, 1);
        pdu.data[0] = (char)SNMP_RESPONSE;
        usm_write(&out, &user, &engine, 9, 0x1122334455667788, NULL, &pdu);
        assert_int_equal(usm_read((uint8_t *)out.data, out.len, &user, a, &m, NULL), 0);
        assert_int_equal(m.id, 9);
        assert_int_equal(m.authentic, level > 0);
        assert_int_equal(m.engine.boots, 3);
        assert_int_equal(m.engine.time, 77);
        assert_int_equal(m.pdu.id, 42);
        out.data[out.len - 1] ^= 1;
        if (level > 0)
            assert_int_equal(usm_read((uint8_t *)out.data, out.len, &user, a, &m, NULL), -1);
        buf_done(&pdu);
        buf_done(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_oids),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_filters),
        cmocka_unit_test(test_ldap_answer), cmocka_unit_test(test_password),
        cmocka_unit_test(test_usm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
