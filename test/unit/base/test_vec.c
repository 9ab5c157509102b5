/* The typed array. */
#include "unit.h"

#include "base/vec.h"

struct pair {
    int a, b;
};

static void test_push_add_pop(void **state)
{
    vec_of(struct pair) v = {0};
    for (int i = 0; i < 1000; i++)
        vec_push(&v, ((struct pair){i, -i}));
    assert_int_equal(v.n, 1000);
    assert_true(v.cap >= v.n);
    struct pair *p = vec_add(&v);
    assert_int_equal(p->a, 0);
    p->a = 77;
    assert_int_equal(v.at[1000].a, 77);
    assert_int_equal(vec_pop(&v).a, 77);
    int sum = 0;
    vec_each (&v, it) {
        sum += it->a + it->b;
    }
    assert_int_equal(sum, 0);
    vec_clear(&v);
    assert_int_equal(v.n, 0);
    vec_done(&v);
    assert_null(v.at);
    assert_int_equal(v.cap, 0);
}

static void test_each_of_empty(void **state)
{
    vec_of(int) v = {0};
    vec_each (&v, it) {
        fail();
    }
    vec_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_add_pop),
        cmocka_unit_test(test_each_of_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
