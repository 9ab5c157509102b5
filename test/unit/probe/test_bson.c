/* BSON: what is written reads back; what is damaged is found, wherever it is cut. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/bson.h"
#include "probe/mongodb_talk.h"

static void write_sample(struct buf *out)
{
    size_t start = bson_begin(out), sub;
    bson_put_int(out, "number", -7);
    bson_put_bool(out, "yes", true);
    bson_put_text(out, "text", "Glocke \xe9\x90\x98");
    sub = bson_begin_sub(out, "sub");
    bson_put_binary(out, "bytes", "\0\1\2", 3);
    bson_put_text(out, "empty", "");
    bson_end(out, sub);
    bson_end(out, start);
    assert_false(out->failed);
}

static void what_is_written_reads_back(void **state)
{
    struct buf out = BUF_INIT(1000);
    struct arena *a = arena_new();
    struct bson doc, sub;
    size_t n = 0;
    write_sample(&out);
    assert_int_equal(bson_open(out.data, out.len, &doc, NULL), 0);
    assert_int_equal(bson_check(doc, NULL), 0);
    assert_true(bson_number(doc, "number", 0) == -7 && bson_number(doc, "yes", 0) == 1);
    assert_true(bson_number(doc, "text", 5) == 5 && bson_number(doc, "none", 6) == 6);
    assert_string_equal(bson_text(doc, "text", a), "Glocke \xe9\x90\x98");
    assert_null(bson_text(doc, "number", a));
    assert_true(bson_sub(doc, "sub", &sub));
    assert_false(bson_sub(doc, "text", &(struct bson){0}));
    assert_memory_equal(bson_binary(sub, "bytes", &n), "\0\1\2", 3);
    assert_int_equal(n, 3);
    assert_string_equal(bson_text(sub, "empty", a), "");
    arena_free(a);
    buf_done(&out);
}

static void every_type_has_its_size(void **state)
{
    static const char doc[] = "\x68\0\0\0"
                              "\x01"
                              "d\0"
                              "\0\0\0\0\0\0\xf8\x3f" /* 1.5 */
                              "\x07"
                              "o\0"
                              "abcdefghijkl"
                              "\x09"
                              "t\0"
                              "\xe8\x03\0\0\0\0\0\0" /* 1000 ms */
                              "\x0a"
                              "n\0"
                              "\x0b"
                              "r\0"
                              "^a\0i\0"
                              "\x11"
                              "s\0"
                              "12345678"
                              "\x12"
                              "l\0"
                              "\0\0\0\0\2\0\0\0" /* 2^33 */
                              "\x13"
                              "m\0"
                              "0123456789abcdef"
                              "\x7f"
                              "x\0"
                              "\x10"
                              "i\0"
                              "\x2a\0\0\0";
    struct bson b;
    assert_int_equal(sizeof(doc), 0x68);
    assert_int_equal(bson_open(doc, sizeof(doc), &b, NULL), 0);
    assert_int_equal(bson_check(b, NULL), 0);
    assert_true(bson_number(b, "d", 0) == 1.5 && bson_number(b, "t", 0) == 1000);
    assert_true(bson_number(b, "l", 0) == 8589934592.0 && bson_number(b, "i", 0) == 42);
    assert_true(bson_number(b, "o", -1) == -1);
}

/* Cut anywhere with the lengths left as they were, or with the outer length made to fit. */
static void damage_is_found(void **state)
{
    struct buf out = BUF_INIT(1000);
    struct bson doc;
    write_sample(&out);
    for (size_t n = 0; n < out.len; n++) {
        assert_int_equal(bson_open(out.data, n, &doc, NULL), -1);
        if (n < 6)
            continue;
        uint8_t copy[200];
        memcpy(copy, out.data, n);
        copy[n - 1] = 0;
        copy[0] = (uint8_t)n;
        if (bson_open(copy, n, &doc, NULL) == 0 && bson_check(doc, NULL) == 0)
            assert_true(bson_number(doc, "number", -7) == -7);
    }
    buf_done(&out);
}

static void depth_is_bounded(void **state)
{
    struct buf out = BUF_INIT(10000);
    struct bson doc;
    size_t starts[60];
    starts[0] = bson_begin(&out);
    for (int i = 1; i < 60; i++)
        starts[i] = bson_begin_sub(&out, "a");
    for (int i = 59; i >= 0; i--)
        bson_end(&out, starts[i]);
    assert_int_equal(bson_open(out.data, out.len, &doc, NULL), 0);
    assert_int_equal(bson_check(doc, NULL), -1);
    buf_done(&out);
}

static void messages(void **state)
{
    struct bson doc;
    assert_int_equal(mongo_open("\0\0\0\0\0\5\0\0\0\0", 10, &doc, NULL), 0);
    assert_int_equal(mongo_open("\1\0\0\0\0\5\0\0\0\0CRC!", 14, &doc, NULL),
                     0); /* with a checksum */
    assert_int_equal(mongo_open("\0\0\0\0\1\5\0\0\0\0", 10, &doc, NULL), -1);
    assert_int_equal(mongo_open("\1\0\0\0\0\5\0", 7, &doc, NULL), -1);
    assert_int_equal(mongo_open("", 0, &doc, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_type_has_its_size),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
