/* Quantiles of lateness over a sliding minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sched/lateness.h"

#define US 1000

/* A bucket's bound is at most 19 % (2^(1/4)) above what was added. */
static void about(int64_t got, int64_t want)
{
    assert_in_range(got, want * 80 / 100, want * 125 / 100);
}

static void test_quantiles(void **state)
{
    struct lateness l = {0};
    int64_t now = 1000 * NS_PER_S;
    assert_int_equal(lateness_quantile(&l, 0.99), 0);
    assert_int_equal(lateness_max(&l), 0);
    for (int i = 1; i <= 1000; i++)
        lateness_add(&l, (int64_t)i * 10 * US, now);
    about(lateness_quantile(&l, 0.5), 5000 * US);
    about(lateness_quantile(&l, 0.99), 9900 * US);
    assert_int_equal(lateness_max(&l), 10000 * US);
    assert_true(lateness_quantile(&l, 1) >= 10000 * US * 80 / 100);
}

static void test_extremes(void **state)
{
    struct lateness l = {0};
    lateness_add(&l, 0, 0);
    assert_in_range(lateness_quantile(&l, 0.5), 0, 1000);
    lateness_add(&l, INT64_MAX / 2, 0);
    assert_true(lateness_quantile(&l, 1) > 0);
    assert_true(lateness_max(&l) == INT64_MAX / 2);
}

static void test_sliding(void **state)
{
    struct lateness l = {0};
    lateness_add(&l, NS_PER_S, 0);
    for (int i = 1; i <= 5; i++) {
        lateness_add(&l, NS_PER_MS, i * 10 * NS_PER_S);
        assert_int_equal(lateness_max(&l), NS_PER_S);
    }
    lateness_add(&l, NS_PER_MS, 60 * NS_PER_S); /* the first slice is forgotten */
    assert_int_equal(lateness_max(&l), NS_PER_MS);
    lateness_add(&l, 2 * NS_PER_MS,
                 10000 * NS_PER_S); /* after a long silence nothing else is left */
    assert_int_equal(lateness_max(&l), 2 * NS_PER_MS);
    about(lateness_quantile(&l, 0.01), 2 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_sliding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
