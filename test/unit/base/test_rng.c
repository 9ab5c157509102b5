/* Random numbers: repeatable, in range, not visibly lopsided. */
#include "unit.h"

#include "base/rng.h"

static void test_same_seed_same_numbers(void **state)
{
    struct rng a, b, c;
    rng_seed(&a, 1);
    rng_seed(&b, 1);
    rng_seed(&c, 2);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t v = rng_next(&a);
        assert_true(v == rng_next(&b));
        differs |= v != rng_next(&c);
    }
    assert_true(differs);
}

static void test_below(void **state)
{
    struct rng r;
    rng_seed(&r, 0);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&r, 7);
        assert_in_range(v, 0, 6);
        count[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(count[i], 9500, 10500);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rng_below(&r, 1), 0);
        double u = rng_unit(&r);
        assert_true(u >= 0 && u < 1);
    }
}

static void test_secure(void **state)
{
    unsigned char a[32] = {0}, zero[32] = {0};
    rng_secure(a, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_true(rng_secure_u64() != rng_secure_u64());
}

static void below_zero(void)
{
    struct rng r;
    rng_seed(&r, 0);
    rng_below(&r, 0);
}

static void never_seeded(void)
{
    struct rng r = {0};
    rng_next(&r);
}

static void test_misuse_dies(void **state)
{
    assert_true(dies(below_zero));
    assert_true(dies(never_seeded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_secure),
        cmocka_unit_test(test_misuse_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
