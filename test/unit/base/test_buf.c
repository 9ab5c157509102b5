/* The buffer: growth, maximum, sticky failure, numbers, binary form and its reader. */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "base/buf.h"
#include "base/rng.h"

static void x_check(const struct buf *b)
{
    assert_true(b->len <= b->max);
    assert_true(b->cap == 0 ? b->data == NULL : b->len < b->cap);
    if (b->data)
        assert_int_equal(b->data[b->len], '\0');
}

static void test_growth(void **state)
{
    struct buf b = BUF_INIT(100000);
    for (int i = 0; i < 100000; i++) {
        buf_putc(&b, (char)('a' + i % 26));
        if (i % 977 == 0)
            x_check(&b);
    }
    assert_false(b.failed);
    assert_int_equal(b.len, 100000);
    assert_true(b.cap <= 100001);
    buf_putc(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.len, 100000);
    x_check(&b);
    buf_done(&b);
    x_check(&b);
}

static void test_failure_is_sticky(void **state)
{
    struct buf b = BUF_INIT(10);
    buf_puts(&b, "12345678");
    buf_puts(&b, "too long");
    assert_true(b.failed);
    buf_puts(&b, "9"); /* would fit, but the text already has a hole */
    assert_string_equal(b.data, "12345678");
    buf_clear(&b);
    assert_string_equal(b.data, "");
    buf_printf(&b, "%s", "1234567890");
    assert_false(b.failed);
    buf_printf(&b, "%d", 1);
    assert_true(b.failed);
    assert_string_equal(b.data, "1234567890");
    x_check(&b);
    buf_done(&b);
}

static void test_fixed(void **state)
{
    char room[8];
    struct buf b = BUF_FIXED(room);
    buf_puts(&b, "1234567");
    assert_false(b.failed);
    assert_string_equal(room, "1234567");
    buf_putc(&b, '8');
    assert_true(b.failed);
    x_check(&b);
}

static void test_printf_and_take(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_printf(&b, "%s=%d ", "a", 1);
    buf_printf(&b, "%0300d", 7);
    x_check(&b);
    assert_int_equal(b.len, 304);
    buf_drop_front(&b, 4);
    assert_int_equal(b.len, 300);
    assert_int_equal(b.data[299], '7');
    size_t len;
    char *data = buf_take(&b, &len);
    assert_int_equal(len, 300);
    assert_null(b.data);
    x_check(&b);
    free(data);
    buf_add(&b, NULL, 0);
    assert_string_equal(b.data, "");
    buf_done(&b);
}

static void test_integers(void **state)
{
    static const struct {
        int64_t v;
        const char *want;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {10, "10"},
        {99, "99"},
        {100, "100"},
        {12345, "12345"},
        {-1, "-1"},
        {-100, "-100"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(64);
        buf_add_i64(&b, cases[i].v);
        assert_string_equal(b.data, cases[i].want);
        buf_done(&b);
    }
    struct buf b = BUF_INIT(64);
    buf_add_u64(&b, UINT64_MAX);
    assert_string_equal(b.data, "18446744073709551615");
    buf_done(&b);
}

static const char *f64_text(double v, char *text)
{
    struct buf b = BUF_INIT(64);
    buf_add_f64(&b, v);
    x_check(&b);
    snprintf(text, 64, "%s", b.data);
    buf_done(&b);
    return text;
}

static void test_doubles(void **state)
{
    static const struct {
        double v;
        const char *want;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {123456789, "123456789"},
        {1763625600.123, "1763625600.123"},
        {0.000012, "1.2e-05"},
        {0.001, "0.001"},
        {9007199254740993.0, "9007199254740992"},
        {1e21, "1e+21"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {0.00005, "5e-05"},
        {0.0001, "0.0001"},
        {1e-14, "1e-14"},
        {999999999999999.9, "999999999999999.9"},
        {0.5, "0.5"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {4.35, "4.35"},
        {100.05, "100.05"},
    };
    char text[64];
    for (size_t i = 0; i < array_len(cases); i++)
        assert_string_equal(f64_text(cases[i].v, text), cases[i].want);
}

/* What %.*g needs at least. */
static size_t fewest_digits(double v)
{
    char text[64];
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return (size_t)digits;
    }
    return 17;
}

/* Digits from the first to the last that is not 0. */
static size_t significant_digits(const char *text)
{
    char digits[64];
    size_t n = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0'))
            digits[n++] = *text;
    while (n > 0 && digits[n - 1] == '0')
        n--;
    return n;
}

static void check_round_trip(double v)
{
    char text[64];
    f64_text(v, text);
    double back = strtod(text, NULL);
    if (memcmp(&back, &v, sizeof(v)) != 0)
        fail_msg("%.17g was written as %s", v, text);
    if (significant_digits(text) > fewest_digits(v))
        fail_msg("%.17g was written as %s: not the shortest", v, text);
}

static void test_doubles_round_trip(void **state)
{
    struct rng rng;
    rng_seed(&rng, 42);
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = rng_next(&rng);
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v))
            check_round_trip(v);
        check_round_trip(rng_unit(&rng));
        check_round_trip(rng_unit(&rng) * 1e6 - 5e5);
        check_round_trip((double)rng_below(&rng, 100000000) / 1000);
        check_round_trip(
            pow(10, rng_unit(&rng) * 32 - 16)); /* across both ends of the exact path */
        check_round_trip(ldexp(1.0, (int)rng_below(&rng, 120) - 60)); /* the interval is lopsided */
    }
}

static void test_binary(void **state)
{
    struct buf b = BUF_INIT(1000);
    buf_put_u8(&b, 0xab);
    buf_put_u16(&b, 0x1234);
    buf_put_u32(&b, 0xdeadbeef);
    buf_put_u64(&b, UINT64_C(0x0102030405060708));
    buf_put_str(&b, "hello", 5);
    buf_put_str(&b, "", 0);
    assert_memory_equal(b.data, "\xab\x34\x12\xef\xbe\xad\xde\x08\x07", 9);
    struct buf big = BUF_INIT(100);
    buf_put_be16(&big, 0x1234);
    buf_put_be32(&big, 0xdeadbeef);
    assert_memory_equal(big.data, "\x12\x34\xde\xad\xbe\xef", 6);
    struct cur bc = CUR_INIT(big.data, big.len);
    assert_int_equal(cur_be16(&bc), 0x1234);
    assert_int_equal(cur_be32(&bc), 0xdeadbeef);
    assert_int_equal(cur_be16(&bc), 0);
    assert_true(bc.failed);
    buf_done(&big);
    struct cur c = CUR_INIT(b.data, b.len);
    size_t n;
    assert_int_equal(cur_u8(&c), 0xab);
    assert_int_equal(cur_u16(&c), 0x1234);
    assert_int_equal(cur_u32(&c), 0xdeadbeef);
    assert_true(cur_u64(&c) == UINT64_C(0x0102030405060708));
    assert_memory_equal(cur_str(&c, &n), "hello", 5);
    assert_int_equal(n, 5);
    assert_non_null(cur_str(&c, &n));
    assert_int_equal(n, 0);
    assert_int_equal(cur_left(&c), 0);
    assert_false(c.failed);
    assert_int_equal(cur_u8(&c), 0);
    assert_true(c.failed);
    buf_done(&b);
}

/* Cut anywhere, the reader fails and never reads past the end. */
static void test_reader_is_sticky(void **state)
{
    static const char bytes[] = "\x05\0\0\0hello\x07\0\0\0abc";
    size_t n;
    struct cur c = CUR_INIT(bytes, sizeof(bytes) - 1);
    assert_non_null(cur_str(&c, &n));
    assert_null(cur_str(&c, &n));
    assert_int_equal(n, 0);
    assert_true(c.failed);
    assert_int_equal(cur_left(&c), 0);
    assert_null(cur_bytes(&c, 0));
    assert_int_equal(cur_u16(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_printf_and_take),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_doubles_round_trip),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_reader_is_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
