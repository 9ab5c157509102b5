/* Bytes of AMQP: what is sent has the sizes that it says, what comes is read, and what is damaged is refused. */
#include "probe_unit.h"

#include "probe/amqp_wire.h"

#define BYTES(lit) (lit), sizeof(lit) - 1

static void protocol_header(void **state)
{
    char room[16];
    struct buf b = BUF_FIXED(room);
    amqp_put_protocol(&b);
    assert_int_equal(b.len, 8);
    assert_memory_equal(b.data, "AMQP\0\0\x09\x01", 8);
}

/* Frame by frame: each has the size that its header says, and its end. */
static void assert_frames(const struct buf *b, int n)
{
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        struct amqp_frame f;
        assert_int_equal(amqp_parse_header(b->data + at, &f, NULL), 0);
        assert_int_equal(f.type, 1);
        at += AMQP_HEADER + f.size;
        assert_int_equal((unsigned char)b->data[at], AMQP_END);
        at++;
    }
    assert_int_equal(at, b->len);
}

static void what_is_sent_is_framed(void **state)
{
    struct buf b = BUF_INIT(8192);
    amqp_put_start_ok(&b, "me", "secret");
    amqp_put_tune_ok(&b);
    amqp_put_open(&b, "/");
    amqp_put_channel_open(&b);
    amqp_put_queue_declare_passive(&b, "orders");
    amqp_put_channel_close_ok(&b);
    amqp_put_close(&b);
    assert_frames(&b, 7);
    assert_int_equal(amqp_method(b.data + AMQP_HEADER, b.len - AMQP_HEADER), AMQP_START_OK);
    assert_non_null(memmem(b.data, b.len, BYTES("\x05PLAIN\0\0\0\x0a\0me\0secret\5en_US\xce")));
    buf_done(&b);
}

/* The table in front of PLAIN has the size that it says: a broker reads on right behind it. */
static void table_of_the_client(void **state)
{
    struct buf b = BUF_INIT(8192);
    amqp_put_start_ok(&b, "", "");
    const unsigned char *p = (const unsigned char *)b.data + AMQP_HEADER + 4;
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    assert_memory_equal(p + 4 + n, "\x05PLAIN", 6);
    buf_done(&b);
}

static void headers_are_bounded(void **state)
{
    struct amqp_frame f;
    struct err err = {0};
    assert_int_equal(amqp_parse_header("\1\0\1\0\0\0\4", &f, &err), 0);
    assert_int_equal(f.channel, 1);
    assert_int_equal(f.size, 4);
    assert_int_equal(amqp_parse_header("AMQP\0\0\x09", &f, &err), -1);
    assert_non_null(strstr(err.msg, "0-9-1"));
    assert_int_equal(amqp_parse_header("HTTP/1.", &f, &err), -1);
    assert_int_equal(amqp_parse_header("\1\0\0\x7f\0\0\0", &f, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static const char start[] = "\0\x0a\0\x0a\0\x09"
                            "\0\0\0\x2a"
                            "\x04"
                            "cap1F\0\0\0\3\1at"
                            "\7productS\0\0\0\2Ra\7versionS\0\0\0\1"
                            "3"
                            "\0\0\0\x0e"
                            "AMQPLAIN PLAIN\0\0\0\5en_US";

static void greeting_is_read(void **state)
{
    struct amqp_start s;
    assert_int_equal(amqp_parse_start(start, sizeof(start) - 1, &s, NULL), 0);
    assert_true(str_eqz(s.product, "Ra") && str_eqz(s.version, "3") && s.plain);
    for (size_t n = 0; n < sizeof(start) - 1 - 9; n++) /* without the locales it is read too */
        assert_int_equal(amqp_parse_start(start, n, &s, NULL), -1);
}

static void closes_and_counts_are_read(void **state)
{
    struct amqp_close c;
    struct amqp_queue q;
    struct str why;
    assert_int_equal(amqp_parse_close(BYTES("\0\x0a\0\x32\1\x93\2no\0\0\0\0"), &c, NULL), 0);
    assert_int_equal(c.code, AMQP_ACCESS_REFUSED);
    assert_true(str_eqz(c.text, "no"));
    assert_int_equal(amqp_parse_close(BYTES("\0\x0a\0\x32\1"), &c, NULL), -1);
    assert_int_equal(amqp_parse_queue(BYTES("\0\x32\0\x0b\1q\0\0\0\7\0\0\0\2"), &q, NULL), 0);
    assert_int_equal(q.messages, 7);
    assert_int_equal(q.consumers, 2);
    assert_int_equal(amqp_parse_queue(BYTES("\0\x32\0\x0b\1q\0\0\0\7\0\0\0"), &q, NULL), -1);
    assert_int_equal(amqp_parse_blocked(BYTES("\0\x0a\0\x3c\3low"), &why, NULL), 0);
    assert_true(str_eqz(why, "low"));
    assert_int_equal(amqp_method("\0\x0a\0", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocol_header),     cmocka_unit_test(what_is_sent_is_framed),
        cmocka_unit_test(table_of_the_client), cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(greeting_is_read),    cmocka_unit_test(closes_and_counts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
