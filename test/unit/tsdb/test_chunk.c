/* Chunks: every kind of series comes back bit for bit, ranges are what cutting the whole gives, and damage is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "series_made.h"
#include "tsdb/chunk.h"
#include "tsdb/chunk_priv.h"

static void same(const struct samples *s, const int64_t *t, const double *v, uint32_t n)
{
    assert_int_equal(s->n, n);
    assert_memory_equal(s->t, t, n * sizeof(*t));
    assert_memory_equal(s->v, v, n * sizeof(*v));
}

static void round_trip(const int64_t *t, const double *v, uint32_t n)
{
    struct buf out = BUF_INIT(1 << 20);
    struct samples s = {0};
    struct err err;
    uint32_t count;
    chunk_encode(t, v, n, &out);
    assert_int_equal(chunk_count(out.data, out.len, &count, &err), 0);
    assert_int_equal(count, n);
    assert_int_equal(chunk_decode(out.data, out.len, &s, &err), 0);
    same(&s, t, v, n);
    assert_int_equal(chunk_decode(out.data, out.len - 1, &s, &err), -1);
    assert_int_equal(err.code, ERR_DAMAGED);
    buf_putc(&out, 0);
    assert_int_equal(chunk_decode(out.data, out.len, &s, &err), -1);
    assert_int_equal(s.n, n);
    samples_done(&s);
    buf_done(&out);
}

static void test_kinds(void **state)
{
    static const uint32_t lengths[] = {1,   2,   3,   63,  64,   65,   66,
                                       127, 128, 129, 256, 1000, 4097, CHUNK_SAMPLES_MAX};
    static int64_t t[CHUNK_SAMPLES_MAX];
    static double v[CHUNK_SAMPLES_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        for (size_t l = 0; l < array_len(lengths); l++) {
            struct rng r;
            rng_seed(&r, seed * 100 + l);
            if (lengths[l] > 1000 && seed > 3)
                continue;
            made_times(&r, -5000 + (int64_t)rng_below(&r, 10000), 15000, seed % 3 ? 0 : 4000, t,
                       lengths[l]);
            for (int kind = 0; kind < MADE_KINDS; kind++) {
                made_values(&r, (enum made_kind)kind, v, lengths[l]);
                if (seed % 4 == 1)
                    v[rng_below(&r, lengths[l])] = made_odd(&r);
                round_trip(t, v, lengths[l]);
            }
        }
    }
}

static void test_extremes(void **state)
{
    const int64_t t[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    const double v[] = {0.0, -0.0, 0x1p51, -0x1p51, 0x1p51 - 1, 9007199254740993.0};
    const double tenths[] = {0.1, 0.2, 0.30000000000000004, 0.3, 1e15, 1e-15};
    const double jump[] = {1e300, -1e300, 5e-324, -5e-324, 1, 2};
    const double edge[] = {2251799813685247, -2251799813685247, 0, 1, -1, 2251799813685247};
    (void)state;
    for (uint32_t n = 1; n <= 6; n++) {
        round_trip(t, v, n);
        round_trip(t, tenths, n);
        round_trip(t, jump, n);
        round_trip(t, edge, n);
    }
}

static void test_ranges(void **state)
{
    int64_t t[700];
    double v[700];
    struct rng r;
    (void)state;
    rng_seed(&r, 3);
    for (int round = 0; round < 300; round++) {
        struct buf out = BUF_INIT(1 << 20);
        struct samples s = {0};
        uint32_t n = 1 + (uint32_t)rng_below(&r, 700), from = 0, to = 0;
        made_times(&r, 1000, 10, round % 2 ? 9 : 0, t, n);
        made_values(&r, (enum made_kind)(round % MADE_KINDS), v, n);
        chunk_encode(t, v, n, &out);
        int64_t min = 900 + (int64_t)rng_below(&r, 7000),
                max = min + (int64_t)rng_below(&r, 4000) - 5;
        while (from < n && t[from] < min)
            from++;
        for (to = from; to < n && t[to] <= max;)
            to++;
        samples_add(&s, 1, 2);
        assert_int_equal(chunk_decode_range(out.data, out.len, min, max, &s, NULL), 0);
        assert_int_equal(s.n, 1 + to - from);
        assert_memory_equal(s.t + 1, t + from, (to - from) * sizeof(*t));
        assert_memory_equal(s.v + 1, v + from, (to - from) * sizeof(*v));
        samples_done(&s);
        buf_done(&out);
    }
}

/* What is regular, constant or linear costs a few bytes, whatever its length; decimals cost what their steps do. */
static void test_sizes(void **state)
{
    static int64_t t[4096];
    static double v[4096];
    static const struct {
        enum made_kind kind;
        size_t most;
    } cases[] = {{MADE_CONSTANT, 24}, {MADE_BYTES, 4096 * 2}, {MADE_WALK, 4096 * 3}};
    (void)state;
    for (size_t c = 0; c < array_len(cases); c++) {
        struct rng r;
        struct buf out = BUF_INIT(1 << 20);
        rng_seed(&r, 1);
        made_times(&r, 1732190400000, 15000, 0, t, 4096);
        made_values(&r, cases[c].kind, v, 4096);
        chunk_encode(t, v, 4096, &out);
        assert_true(out.len < cases[c].most);
        buf_done(&out);
    }
}

static void test_relative(void **state)
{
    struct rng r;
    struct values_plan p;
    double a[300], b[300], back[300];
    int64_t x[values_room(300)];
    (void)state;
    rng_seed(&r, 9);
    made_values(&r, MADE_WALK, a, 300);
    for (int i = 0; i < 300; i++)
        b[i] = a[i] = floor(a[i] * 10);
    b[299] = f64_from_bits(STALE_NAN_BITS);
    struct buf out = BUF_INIT(1 << 20);
    struct ints_sink sink = {&out, &out, &out, &out};
    values_plan_init(&p, 300);
    values_prepare(&p, a, 300);
    for (int i = 0; i < 300; i++)
        x[i] = p.x[i];
    values_prepare(&p, b, 300);
    assert_true(values_write(&p, b, 300, x, &sink));
    assert_true(out.len < 80);
    struct cur c = CUR_INIT(out.data, out.len);
    struct values_reader rd;
    assert_int_equal(values_open(&rd, &(struct ints_input){&c, &c, &c, &c}, 300), 0);
    assert_true(rd.relative);
    values_decode(&rd, x, 0, 300, back);
    assert_memory_equal(back, b, sizeof(b));
    values_plan_done(&p);
    buf_done(&out);
}

/* Decimals of every magnitude: how they are divided on decoding must give what dividing gives. */
static void test_decimals(void **state)
{
    static int64_t t[4096];
    static double v[4096];
    struct rng r;
    (void)state;
    rng_seed(&r, 11);
    made_times(&r, 0, 1000, 0, t, 4096);
    for (int e = 1; e <= 15; e++) {
        for (int bits = 10; bits <= 50; bits += 5) {
            for (int i = 0; i < 4096; i++)
                v[i] =
                    (double)((int64_t)rng_below(&r, UINT64_C(2) << bits) - (INT64_C(1) << bits)) /
                    pow(10, e);
            for (int i = 0; i < 4096; i++)
                v[i] = v[i] == 0 ? 0 : v[i]; /* no -0 */
            round_trip(t, v, 4096);
        }
    }
}

/* A run of n numbers below `limit` above a base, the largest among them, tight or not; its bytes. */
static size_t run_trip(struct rng *r, uint64_t limit, uint32_t n, bool tight)
{
    int64_t x[values_room(500)], back[values_room(500)];
    struct ints_plan p = {.tight = tight};
    struct ints_reader rd;
    struct buf out = BUF_INIT(1 << 20);
    for (uint32_t i = 0; i < n; i++)
        x[i] = -77 + (int64_t)rng_below(r, limit);
    x[n / 2] = -77 + (int64_t)(limit - 1);
    x[n - 1] = -77;
    ints_plan(&p, x, n);
    ints_write(&p, x, &(struct ints_sink){&out, &out, &out, &out});
    struct cur c = CUR_INIT(out.data, out.len);
    assert_int_equal(ints_open(&rd, &(struct ints_input){&c, &c, &c, &c}, n), 0);
    assert_int_equal(cur_left(&c), 0);
    for (int64_t *at = back; ints_next(&rd, at) > 0;)
        at += INTS_GROUP;
    assert_memory_equal(back, x, n * sizeof(*x));
    size_t size = out.len;
    buf_done(&out);
    return size;
}

/* Numbers that need little more than a power of two are digits and bits: every width and length, and what it saves. */
static void test_digits(void **state)
{
    struct rng r;
    (void)state;
    rng_seed(&r, 12);
    for (unsigned k = 0; k < 53; k++) {
        for (uint32_t n = 2; n < 500; n += n < 140 ? 1 : 59) {
            run_trip(&r, (UINT64_C(5) << k) - (n & 1), n, true);
            run_trip(&r, (UINT64_C(3) << k) - (n & 1), n, true);
            run_trip(&r, (UINT64_C(3) << k) + 1, n, true);
        }
        assert_true(run_trip(&r, UINT64_C(3) << k, 448, true) + 7 * 3 <=
                    run_trip(&r, UINT64_C(3) << k, 448, false));
        assert_true(run_trip(&r, UINT64_C(5) << k, 448, true) + 7 * 4 <=
                    run_trip(&r, UINT64_C(5) << k, 448, false));
    }
}

static void test_damage(void **state)
{
    int64_t t[200];
    double v[200];
    struct rng r;
    (void)state;
    rng_seed(&r, 8);
    for (int round = 0; round < 3000; round++) {
        struct buf out = BUF_INIT(1 << 20);
        struct samples s = {0};
        uint32_t n = 1 + (uint32_t)rng_below(&r, 200);
        made_times(&r, 0, 1000, 10, t, n);
        made_values(&r, (enum made_kind)(round % MADE_KINDS), v, n);
        chunk_encode(t, v, n, &out);
        for (uint64_t k = 1 + rng_below(&r, 3); k > 0; k--)
            out.data[rng_below(&r, out.len)] ^= (char)(1 << rng_below(&r, 8));
        if (chunk_decode(out.data, rng_below(&r, 4) ? out.len : rng_below(&r, out.len), &s, NULL) !=
            0)
            assert_int_equal(s.n, 0);
        samples_done(&s);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_ranges),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_relative), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_decimals), cmocka_unit_test(test_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
