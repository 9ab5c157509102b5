/* Delays that grow: by hand, that many at once gain nothing, that memory is bounded and who matters stays. */
#include "../base/unit.h"

#include "access/throttle.h"

static const struct throttle_rule rule = {3, 1000, 8000, 60000};

static void test_growing(void **state)
{
    static const int64_t want[] = {0, 0, 0, 1000, 2000, 4000, 8000, 8000, 8000};
    struct throttle *t = throttle_new(1);
    int64_t now = 1000000;
    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        if (want[i]) {
            assert_int_equal(throttle_try(t, "a", now, &rule), want[i]);
            assert_int_equal(throttle_try(t, "a", now + want[i] - 1, &rule), 1);
        }
        now += want[i];
        assert_int_equal(throttle_try(t, "a", now, &rule), 0);
    }
    assert_int_equal(throttle_try(t, "b", now, &rule), 0); /* another is free */
    throttle_free(t);
}

static void test_forgetting(void **state)
{
    struct throttle *t = throttle_new(2);
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_try(t, "a", 100, &rule), 0);
    assert_true(throttle_try(t, "a", 100, &rule) > 0);
    assert_int_equal(throttle_try(t, "a", 100 + 60001, &rule), 0); /* one failure again */
    assert_int_equal(throttle_try(t, "a", 100 + 60001, &rule), 0);
    throttle_good(t, "a");
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_try(t, "a", 100 + 60001, &rule), 0);
    throttle_back(t, "a");
    assert_int_equal(throttle_try(t, "a", 100 + 60001, &rule), 0);
    assert_true(throttle_try(t, "a", 100 + 60001, &rule) > 0);
    throttle_free(t);
}

/* A hundred thousand addresses that fail once do not make it forget the one that fails again and again. */
static void test_crowd(void **state)
{
    struct throttle *t = throttle_new(3);
    char key[32];
    int64_t now = 1000;
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_try(t, "the one", now, &rule), 0);
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "a:%d", i);
        assert_int_equal(throttle_try(t, key, now, &rule), 0);
    }
    assert_int_equal(throttle_try(t, "the one", now, &rule), 1000);
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
