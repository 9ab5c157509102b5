/* Copies: made once for all who wait, again only when they are old, given out meanwhile; expired, missing, stopped. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "status/cache.h"

struct maker {
    atomic_int made;
    atomic_int delay_ms;
};

static struct copy *make(void *arg, const char *key)
{
    struct maker *m = arg;
    if (strcmp(key, "none") == 0)
        return NULL;
    int n = atomic_fetch_add(&m->made, 1) + 1;
    usleep((useconds_t)atomic_load(&m->delay_ms) * 1000);
    struct buf b = BUF_INIT(1 << 16);
    buf_printf(&b, "%s %d ", key, n);
    for (int i = 0; i < 200; i++)
        buf_puts(&b, "again and ");
    struct copy *c = copy_new(&b, "policy", true);
    buf_done(&b);
    return c;
}

static void idle(void *arg)
{
    (void)arg;
}

static struct cache *open_cache(struct maker *m, int64_t fresh_ns)
{
    return cache_new(&(struct cache_config){
        .make = make, .idle = idle, .arg = m, .fresh_ns = fresh_ns, .stale_ns = 100 * NS_PER_S});
}

struct asker {
    struct cache *cache;
    int good;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    for (int i = 0; i < 1000; i++) {
        struct copy *c = cache_get(a->cache, "page", 10 * NS_PER_S);
        a->good +=
            c && c->n > 2000 && c->gzip && c->n_gzip < c->n && strcmp(c->policy, "policy") == 0;
        copy_unref(c);
    }
    return NULL;
}

static void test_single_flight(void **state)
{
    struct maker m = {.delay_ms = 20};
    struct cache *c = open_cache(&m, 100 * NS_PER_S);
    struct asker askers[8];
    pthread_t threads[8];
    (void)state;
    assert_false(cache_ready(c, "page"));
    assert_null(cache_get(c, "page", 0));
    for (int i = 0; i < 8; i++) {
        askers[i] = (struct asker){.cache = c};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].good, 1000);
    }
    assert_int_equal(atomic_load(&m.made), 1);
    assert_true(cache_ready(c, "page"));
    assert_int_equal(cache_stats(c).given, 8000);
    cache_free(c);
}

static void test_expire(void **state)
{
    struct maker m = {0};
    struct cache *c = open_cache(&m, 100 * NS_PER_S);
    (void)state;
    struct copy *first = cache_get(c, "page", 10 * NS_PER_S);
    cache_expire(c);
    assert_false(cache_ready(c, "page"));
    struct copy *second = cache_get(c, "page", 10 * NS_PER_S);
    assert_non_null(first);
    assert_non_null(second);
    assert_memory_equal(first->body, "page 1 ", 7);
    assert_memory_equal(second->body, "page 2 ", 7);
    assert_string_not_equal(first->etag, second->etag);
    copy_unref(first);
    copy_unref(second);
    cache_free(c);
}

static void test_old_ones_are_given_out_while_new_ones_are_made(void **state)
{
    struct maker m = {0};
    struct cache *c = open_cache(&m, 0);
    (void)state;
    copy_unref(cache_get(c, "page", 10 * NS_PER_S));
    atomic_store(&m.delay_ms, 100);
    for (int i = 0; i < 1000; i++) {
        struct copy *got = cache_get(c, "page", 0);
        assert_non_null(got);
        copy_unref(got);
    }
    cache_free(c);
}

static void test_missing(void **state)
{
    struct maker m = {0};
    struct cache *c = open_cache(&m, NS_PER_S);
    char key[32];
    (void)state;
    assert_null(cache_get(c, "none", 10 * NS_PER_S));
    for (int i = 0; i < CACHE_COPIES_MAX + 100; i++) { /* a flood of names ends somewhere */
        snprintf(key, sizeof(key), "k%d", i);
        copy_unref(cache_get(c, key, 0));
    }
    assert_true(cache_stats(c).copies <= CACHE_COPIES_MAX);
    cache_stop(c);
    assert_null(cache_get(c, "other", NS_PER_S));
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_old_ones_are_given_out_while_new_ones_are_made),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
