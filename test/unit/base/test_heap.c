/* The heap against its own definition, after every kind of step. */
#include "unit.h"

#include "base/heap.h"
#include "base/rng.h"

#define NODES 300

static void x_check(const struct heap *h)
{
    assert_true(h->n <= h->cap);
    for (size_t i = 0; i < h->n; i++) {
        assert_int_equal(h->at[i].node->slot, i + 1);
        assert_true(h->at[i].key == h->at[i].node->key);
        if (i > 0)
            assert_true(h->at[(i - 1) / 4].key <= h->at[i].key);
    }
}

static void test_random_steps(void **state)
{
    struct rng rng;
    rng_seed(&rng, 3);
    struct heap h = {0};
    struct heap_node nodes[NODES] = {0};
    for (int i = 0; i < 20000; i++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        int64_t key = (int64_t)rng_below(&rng, 1000) - 500;
        switch (rng_below(&rng, 3)) {
        case 0:
            heap_move(&h, node, key);
            assert_true(node->slot > 0 && node->key == key);
            break;
        case 1:
            heap_del(&h, node);
            assert_int_equal(node->slot, 0);
            break;
        default:
            if (node->slot == 0)
                heap_add(&h, node, key);
        }
        if (i % 50 == 0)
            x_check(&h);
    }
    x_check(&h);
    int64_t last = INT64_MIN;
    for (struct heap_node *min; (min = heap_min(&h)) != NULL; heap_del(&h, min)) {
        assert_true(min->key >= last);
        last = min->key;
    }
    assert_int_equal(h.n, 0);
    heap_done(&h);
}

static void test_done_frees_nodes(void **state)
{
    struct heap h = {0};
    struct heap_node node = {0};
    assert_null(heap_min(&h));
    heap_add(&h, &node, 5);
    assert_ptr_equal(heap_min(&h), &node);
    heap_done(&h);
    assert_int_equal(node.slot, 0);
}

static void add_twice(void)
{
    struct heap h = {0};
    struct heap_node node = {0};
    heap_add(&h, &node, 1);
    heap_add(&h, &node, 2);
}

static void test_add_twice_dies(void **state)
{
    assert_true(dies(add_twice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_done_frees_nodes),
        cmocka_unit_test(test_add_twice_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
