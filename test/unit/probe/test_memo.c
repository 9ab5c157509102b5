/* What a watcher remembers: until when, and how much. */
#include "probe_unit.h"

#include "probe/memo.h"

static void test_until(void **state)
{
    struct memo *m = memo_new();
    struct arena *a = arena_new();
    assert_null(memo_get(m, "a", 1, a));
    memo_put(m, "a", "one", 100);
    assert_string_equal(memo_get(m, "a", 99, a), "one");
    memo_put(m, "a", "two", 200);
    assert_string_equal(memo_get(m, "a", 150, a), "two");
    assert_null(memo_get(m, "a", 200, a));
    assert_null(memo_get(m, "a", 1, a)); /* gone for good */
    memo_put(NULL, "a", "x", 1);
    assert_null(memo_get(NULL, "a", 0, a));
    memo_free(&m);
    assert_null(m);
    arena_free(a);
}

static void test_limit(void **state)
{
    struct memo *m = memo_new();
    struct arena *a = arena_new();
    char key[20];
    for (int i = 0; i <= MEMO_MAX; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        memo_put(m, key, "x", 1000 + i);
    }
    assert_null(memo_get(m, "k0", 0, a)); /* the first to end went */
    assert_non_null(memo_get(m, "k1", 0, a));
    assert_non_null(memo_get(m, key, 0, a));
    memo_free(&m);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_until),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
