/* WebSocket frames by hand, and the example of RFC 6455. */
#include "probe_unit.h"

#include "probe/ws_wire.h"

static void test_accept(void **state)
{
    struct buf b = BUF_INIT(100);
    ws_accept("dGhlIHNhbXBsZSBub25jZQ==", &b); /* RFC 6455, 1.3 */
    assert_string_equal(b.data, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    buf_done(&b);
}

static void test_heads(void **state)
{
    static const struct {
        uint8_t bytes[WS_HEAD_MAX];
        size_t size;
        uint64_t length;
        const char *problem; /* NULL: good */
    } cases[] = {
        {{0x81, 5}, 2, 5, NULL},
        {{0x81, 126, 1, 0}, 4, 256, NULL},
        {{0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0}, 10, UINT64_C(1) << 32, NULL},
        {{0x00, 0}, 2, 0, NULL},
        {{0x88, 2}, 2, 2, NULL},
        {{0x81, 0x85}, 2, 5, "masks"},
        {{0xc1, 5}, 2, 5, "extension"},
        {{0x83, 5}, 2, 5, "unknown opcode 3"},
        {{0x8b, 5}, 2, 5, "unknown opcode 11"},
        {{0x09, 5}, 2, 5, "control frame"},
        {{0x89, 126, 0, 126}, 4, 126, "control frame"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct ws_head head;
        struct err err = {0};
        assert_int_equal(ws_head_size(cases[i].bytes), cases[i].size);
        int rc = ws_head_parse(cases[i].bytes, cases[i].size, &head, &err);
        assert_int_equal(rc, cases[i].problem ? -1 : 0);
        if (cases[i].problem)
            assert_contains(err.msg, cases[i].problem);
        else
            assert_true(head.length == cases[i].length && head.last == (cases[i].bytes[0] >= 0x80));
    }
}

static void test_frames(void **state)
{
    static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                    0x7f, 0x9f, 0x4d, 0x51, 0x58};
    struct buf b = BUF_INIT(1000);
    ws_frame_write(&b, WS_TEXT, "Hello", 5, 0x37fa213d); /* RFC 6455, 5.7 */
    assert_int_equal(b.len, sizeof(hello));
    assert_memory_equal(b.data, hello, sizeof(hello));
    buf_clear(&b);
    char many[300] = {0};
    ws_frame_write(&b, WS_BINARY, many, sizeof(many), 0);
    assert_int_equal(b.len, 8 + sizeof(many));
    assert_memory_equal(b.data, "\x82\xfe\x01\x2c", 4);
    buf_done(&b);
}

static void test_close(void **state)
{
    struct buf b = BUF_INIT(1000);
    ws_close_text((const uint8_t *)"\x03\xe9"
                                   "bye",
                  5, &b);
    assert_string_equal(b.data, "1001 going away: bye");
    buf_clear(&b);
    ws_close_text((const uint8_t *)"", 0, &b);
    assert_string_equal(b.data, "no reason given");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
