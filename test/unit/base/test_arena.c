/* The arena: alignment, zeroing, no overlap, limit, reuse. */
#include "unit.h"

#include "base/arena.h"
#include "base/rng.h"
#include "base/vec.h"

struct piece {
    unsigned char *p;
    size_t n;
    unsigned char fill;
};
typedef vec_of(struct piece) pieces;

/* Each piece still holds what was written to it: none overlap. */
static void x_check(const pieces *all)
{
    vec_each (all, it) {
        assert_int_equal((uintptr_t)it->p % 16, 0);
        for (size_t i = 0; i < it->n; i++)
            assert_int_equal(it->p[i], it->fill);
    }
}

static void add_piece(struct arena *a, pieces *all, size_t n, unsigned char fill)
{
    unsigned char *p = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(p[i], 0);
    memset(p, fill, n);
    vec_push(all, ((struct piece){p, n, fill}));
}

static void test_random_sizes(void **state)
{
    struct rng rng;
    rng_seed(&rng, 1);
    cleanup(arena_freep) struct arena *a = arena_new();
    for (int round = 0; round < 5; round++) { /* reused memory must be zeroed again */
        pieces all = {0};
        size_t total = 0;
        for (int i = 0; i < 400; i++) {
            size_t n = rng_below(&rng, 20) == 0 ? rng_below(&rng, 100000) : rng_below(&rng, 300);
            add_piece(a, &all, n, (unsigned char)i);
            total += n;
        }
        x_check(&all);
        assert_true(arena_used(a) >= total);
        vec_done(&all);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
}

static void test_limit(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    arena_set_limit(a, 1000);
    assert_non_null(arena_try(a, 900));
    assert_null(arena_try(a, 200));
    assert_non_null(arena_try(a, 50)); /* a refused piece costs nothing */
    assert_null(arena_try(a, SIZE_MAX));
    assert_null(arena_try(a, SIZE_MAX - 20));
    arena_reset(a);
    assert_non_null(arena_try(a, 900));
}

static void alloc_past_limit(void)
{
    struct arena *a = arena_new();
    arena_set_limit(a, 100);
    arena_alloc(a, 101);
}

static void test_alloc_past_limit_dies(void **state)
{
    assert_true(dies(alloc_past_limit));
}

static void test_strings(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    assert_string_equal(arena_strdup(a, ""), "");
    assert_string_equal(arena_strdup(a, "belfry"), "belfry");
    assert_string_equal(arena_strndup(a, "belfry", 3), "bel");
    assert_string_equal(arena_strndup(a, NULL, 0), "");
    assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
    assert_string_equal(arena_printf(a, "%d-%s", 5, "x"), "5-x");
    char *longer = arena_printf(a, "%0*d|", 5000, 1);
    assert_int_equal(strlen(longer), 5001);
    assert_int_equal(longer[4999], '1');
    int *numbers = arena_array_of(a, int, 10);
    assert_int_equal(numbers[9], 0);
}

static void count_up(void *arg)
{
    int *order = arg;
    order[0] = ++order[1];
}

static void test_on_free(void **state)
{
    struct arena *a = arena_new();
    int first[2] = {0}, *shared = first;
    arena_on_free(a, count_up, shared);
    arena_reset(a);
    assert_int_equal(first[0], 1);
    arena_reset(a); /* once only */
    assert_int_equal(first[0], 1);
    arena_on_free(a, count_up, shared);
    arena_on_free(a, count_up, shared);
    arena_free(a);
    assert_int_equal(first[0], 3);
}

static void test_free_null(void **state)
{
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sizes),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_alloc_past_limit_dies),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_on_free),
        cmocka_unit_test(test_free_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
