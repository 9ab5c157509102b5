/* Bytes of CQL: what is sent is what the specification says, what comes is read, and what is damaged is refused. */
#include "probe_unit.h"

#include "probe/cassandra_peers.h"
#include "probe/cql_wire.h"

static void put(struct buf *b, const char *bytes, size_t n)
{
    buf_add(b, bytes, n);
}
#define PUT(b, literal) put(b, literal, sizeof(literal) - 1)

static void frames_are_those_of_the_specification(void **state)
{
    char room[200];
    struct buf b = BUF_FIXED(room);
    cql_put_startup(&b);
    static const char startup[] = "\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0b"
                                  "CQL_VERSION\0\x05"
                                  "3.0.0";
    assert_int_equal(b.len, sizeof(startup) - 1);
    assert_memory_equal(b.data, startup, b.len);
    buf_clear(&b);
    cql_put_login(&b, "me", "pw");
    static const char login[] = "\x04\0\0\0\x0f\0\0\0\x0a\0\0\0\x06\0me\0pw";
    assert_int_equal(b.len, sizeof(login) - 1);
    assert_memory_equal(b.data, login, b.len);
    buf_clear(&b);
    cql_put_query(&b, "SELECT 1");
    static const char query[] = "\x04\0\0\0\x07\0\0\0\x0f\0\0\0\x08SELECT 1\0\x01\0";
    assert_int_equal(b.len, sizeof(query) - 1);
    assert_memory_equal(b.data, query, b.len);
}

static void headers_are_bounded(void **state)
{
    struct cql_header h;
    struct err err = {0};
    assert_int_equal(cql_parse_header("\x84\0\0\0\x02\0\0\0\x05", &h, &err), 0);
    assert_int_equal(h.opcode, CQL_READY);
    assert_int_equal(h.length, 5);
    assert_int_equal(cql_parse_header("HTTP/1.1 ", &h, &err), -1);
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_int_equal(cql_parse_header("\x84\0\0\0\x02\x40\0\0\x05", &h, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(cql_parse_header("\x85\0\0\0\x02\0\0\0\x05", &h, &err), -1);
    assert_int_equal(cql_parse_header("\x85\0\0\0\0\0\0\0\x05", &h, &err), 0); /* an error */
}

/* Two peers: one with its address, one that listens everywhere and is known by `peer`. */
static void put_peers(struct buf *b)
{
    PUT(b, "\0\0\0\2\0\0\0\1\0\0\0\5\0\6system\0\10peers_v2");
    PUT(b, "\0\4peer\0\x10\0\2na\0\x10\0\2dc\0\x0d\0\2sv\0\x0c\0\4port\0\x09\0\0\0\2");
    PUT(b, "\0\0\0\4\x0a\0\0\1\0\0\0\4\x0a\0\0\x0b\0\0\0\3dc1\0\0\0\2aa\0\0\0\4\0\0\x23\x53");
    PUT(b, "\0\0\0\4\x0a\0\0\2\0\0\0\4\0\0\0\0\xff\xff\xff\xff\0\0\0\2bb\xff\xff\xff\xff");
}

static void peers_are_read(void **state)
{
    struct arena *a = arena_new();
    struct buf b = BUF_INIT(1000);
    struct cql_rows rows;
    struct cassandra_cluster cl = {.datacenter = "dc1", .schema = STR("aa")};
    put_peers(&b);
    assert_int_equal(cql_parse_rows(b.data, b.len, a, &rows, NULL), 0);
    assert_int_equal(rows.n_rows, 2);
    assert_int_equal(cassandra_take_peers(&cl, &rows, 9042, a, NULL), 0);
    assert_int_equal(cl.n_peers, 2);
    assert_string_equal(cl.peers[0].name, "10.0.0.11:9043");
    assert_string_equal(cl.peers[0].datacenter, "dc1");
    assert_string_equal(cl.peers[1].name, "10.0.0.2:9042");
    assert_int_equal(cassandra_schemas(&cl), 2);
    cl.peers[1].state = PEER_DOWN; /* what a dead node had does not count */
    assert_int_equal(cassandra_schemas(&cl), 1);
    assert_int_equal(cassandra_datacenters(&cl), 2);
    buf_done(&b);
    arena_free(a);
}

static void cut_rows_are_refused(void **state)
{
    struct arena *a = arena_new();
    struct buf b = BUF_INIT(1000);
    struct cql_rows rows;
    put_peers(&b);
    for (size_t n = 0; n < b.len; n++) {
        struct err err = {0};
        assert_int_equal(cql_parse_rows(b.data, n, a, &rows, &err), -1);
        assert_int_equal(err.code, ERR_MALFORMED);
    }
    buf_done(&b);
    arena_free(a);
}

static void errors_are_read(void **state)
{
    struct cql_error e;
    struct str name;
    assert_int_equal(cql_parse_error("\0\0\1\0\0\5wrong", 11, &e, NULL), 0);
    assert_int_equal(e.code, CQL_BAD_CREDENTIALS);
    assert_true(str_eqz(e.message, "wrong"));
    assert_int_equal(cql_parse_error("\0\0\1\0\0\6wrong", 11, &e, NULL), -1);
    assert_int_equal(cql_parse_authenticator("\0\3abc", 5, &name, NULL), 0);
    assert_true(str_eqz(name, "abc"));
    assert_int_equal(cql_parse_authenticator("\0\4abc", 5, &name, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_those_of_the_specification),
        cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(peers_are_read),
        cmocka_unit_test(cut_rows_are_refused),
        cmocka_unit_test(errors_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
