/* Both maps against a plain array as model; hash and checksum against known values. */
#include "unit.h"

#include "base/map.h"
#include "base/must.h"
#include "base/rng.h"

#define KEYS 500

static char values[KEYS][4]; /* their addresses are the values */

static uint64_t u64_key(size_t i)
{
    return i % 2 ? i : (uint64_t)i << 40; /* both ends of the word */
}

/* The map holds exactly what the model says. */
static void x_check_u64(const struct map_u64 *m, void *const model[KEYS])
{
    size_t n = 0, seen = 0;
    for (size_t i = 0; i < KEYS; i++) {
        n += model[i] != NULL;
        assert_ptr_equal(map_u64_get(m, u64_key(i)), model[i]);
    }
    assert_int_equal(map_u64_count(m), n);
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(m, &it, &key, &value); seen++)
        assert_ptr_equal(map_u64_get(m, key), value);
    assert_int_equal(seen, n);
}

static void test_u64(void **state)
{
    struct rng rng;
    rng_seed(&rng, 7);
    void *model[KEYS] = {0};
    struct map_u64 *m = map_u64_new();
    for (int i = 0; i < 50000; i++) {
        size_t k = rng_below(&rng, KEYS);
        void *v = values[rng_below(&rng, KEYS)];
        bool del = rng_below(&rng, 100) < (i / 5000 % 2 ? 70u : 30u); /* grows and shrinks */
        void *old = del ? map_u64_del(m, u64_key(k)) : map_u64_put(m, u64_key(k), v);
        assert_ptr_equal(old, model[k]);
        model[k] = del ? NULL : v;
        if (i % 997 == 0)
            x_check_u64(m, model);
    }
    x_check_u64(m, model);
    map_u64_free(m);
}

static size_t str_key(size_t i, char key[32])
{
    return (size_t)snprintf(key, 32, "%zu%.*s", i, (int)(i % 17), "-target-name-long");
}

static void x_check_str(const struct map_str *m, void *const model[KEYS])
{
    size_t n = 0, seen = 0, len;
    char text[32];
    for (size_t i = 0; i < KEYS; i++) {
        n += model[i] != NULL;
        len = str_key(i, text);
        assert_ptr_equal(map_str_get(m, text, len), model[i]);
    }
    assert_int_equal(map_str_count(m), n);
    const char *key;
    void *value;
    for (size_t it = 0; map_str_next(m, &it, &key, &len, &value); seen++) {
        assert_int_equal(strlen(key), len);
        assert_ptr_equal(map_str_get(m, key, len), value);
    }
    assert_int_equal(seen, n);
}

static void test_str(void **state)
{
    struct rng rng;
    rng_seed(&rng, 8);
    void *model[KEYS] = {0};
    struct map_str *m = map_str_new();
    for (int i = 0; i < 50000; i++) {
        size_t k = rng_below(&rng, KEYS);
        char key[32];
        size_t len = str_key(k, key);
        void *v = values[rng_below(&rng, KEYS)];
        bool del = rng_below(&rng, 100) < (i / 5000 % 2 ? 70u : 30u);
        void *old = del ? map_str_del(m, key, len) : map_str_put(m, key, len, v);
        assert_ptr_equal(old, model[k]);
        model[k] = del ? NULL : v;
        if (i % 997 == 0)
            x_check_str(m, model);
    }
    x_check_str(m, model);
    map_str_free(m);
}

static void test_str_keys_are_bytes(void **state)
{
    struct map_str *m = map_str_new();
    char key[] = "a\0b";
    assert_null(map_str_put(m, key, 3, values[0]));
    assert_null(map_str_put(m, "", 0, values[1]));
    key[0] = 'x'; /* it was copied */
    assert_ptr_equal(map_str_get(m, "a\0b", 3), values[0]);
    assert_null(map_str_get(m, "a", 1));
    assert_null(map_str_get(m, "a\0c", 3));
    assert_ptr_equal(map_str_get(m, NULL, 0), values[1]);
    map_str_free(m);
}

static void test_order_and_delete_while_iterating(void **state)
{
    struct map_str *s = map_str_new();
    struct map_u64 *u = map_u64_new();
    for (size_t i = 0; i < KEYS; i++) {
        char key[32];
        map_str_put(s, key, str_key(i, key), values[i]);
        map_u64_put(u, u64_key(i), values[i]);
    }
    const char *key;
    uint64_t number;
    size_t len, seen = 0;
    void *value;
    for (size_t it = 0; map_str_next(s, &it, &key, &len, &value); seen++) {
        assert_ptr_equal(value, values[seen]); /* in order of insertion */
        map_str_del(s, key, len);
    }
    assert_int_equal(seen, KEYS);
    assert_int_equal(map_str_count(s), 0);
    seen = 0;
    for (size_t it = 0; map_u64_next(u, &it, &number, &value); seen++)
        assert_ptr_equal(map_u64_del(u, number), value);
    assert_int_equal(seen, KEYS);
    assert_int_equal(map_u64_count(u), 0);
    map_str_free(s);
    map_u64_free(u);
}

static void put_null(void)
{
    map_u64_put(map_u64_new(), 1, NULL);
}

static void test_null_value_dies(void **state)
{
    assert_true(dies(put_null));
    map_u64_free(NULL);
    map_str_free(NULL);
}

/* The values are part of file formats and schedules: they must never change. */
static void test_hash_is_stable(void **state)
{
    static const struct {
        const char *text;
        uint64_t seed, want;
    } cases[] = {
        {"", 0, UINT64_C(0x39b34a439b43f293)},
        {"", 1, UINT64_C(0xd28188641be038b2)},
        {"a", 0, UINT64_C(0x51b733fcc414cb27)},
        {"a", 1, UINT64_C(0xadef4a14e6824c40)},
        {"abcd", 0, UINT64_C(0xd7aff42d4051857c)},
        {"abcd", 1, UINT64_C(0x107481825a14364d)},
        {"payments/api", 0, UINT64_C(0x95276ffe67607089)},
        {"payments/api", 1, UINT64_C(0x550d1ebec7bb38c9)},
        {"0123456789abcdef", 0, UINT64_C(0xaa7046f707b7fd4c)},
        {"0123456789abcdef", 1, UINT64_C(0x93d36868e0effb1d)},
        {"a target with a name longer than thirty-two bytes", 0, UINT64_C(0x0786469bb97a4359)},
        {"a target with a name longer than thirty-two bytes", 1, UINT64_C(0x1e9e3e9982970863)},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        uint64_t got = hash_bytes(cases[i].text, strlen(cases[i].text), cases[i].seed);
        if (got != cases[i].want)
            fail_msg("hash of \"%s\" is 0x%016llx", cases[i].text, (unsigned long long)got);
    }
}

/* Flipping any input bit flips about half of the output bits. */
static void test_hash_avalanche(void **state)
{
    uint8_t bytes[40] = {0};
    for (size_t n = 1; n <= sizeof(bytes); n++) {
        uint64_t base = hash_bytes(bytes, n, 99);
        unsigned total = 0;
        for (size_t bit = 0; bit < n * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            unsigned changed = (unsigned)__builtin_popcountll(base ^ hash_bytes(bytes, n, 99));
            assert_in_range(changed, 8, 56);
            total += changed;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_in_range(total / (n * 8), 28, 36);
    }
}

static void test_crc32c(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint32_t want;
    } cases[] = {
        /* RFC 3720, appendix B.4 */
        {"", 0, 0},
        {"123456789", 9, 0xe3069283},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0x8a9136aa},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
         32, 0x62a8ab43},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        assert_int_equal(crc32c(0, cases[i].bytes, cases[i].n), cases[i].want);
        for (size_t cut = 0; cut <= cases[i].n; cut++) {
            uint32_t first = crc32c(0, cases[i].bytes, cut);
            assert_int_equal(crc32c(first, cases[i].bytes + cut, cases[i].n - cut), cases[i].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_str),
        cmocka_unit_test(test_str_keys_are_bytes),
        cmocka_unit_test(test_order_and_delete_while_iterating),
        cmocka_unit_test(test_null_value_dies),
        cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_hash_avalanche),
        cmocka_unit_test(test_crc32c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
