/* Threads at work on one store at once: two append, one makes series come and go, two query, while the store cuts, snapshots and merges.
 * For ThreadSanitizer, and: what a query sees of a series is in order and a prefix of what was appended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "tsdb_helper.h"

#define SERIES_EACH 40u
#define ROUNDS      1500u

struct shared {
    struct tsdb *db;
    atomic_bool stop;
    _Atomic uint32_t done[2]; /* rounds that each appender has behind it */
};
struct appender_of {
    struct shared *s;
    uint32_t number;
};

static int64_t time_of(uint32_t round)
{
    return MODEL_START + round * INT64_C(1000);
}

static void append_round(struct shared *s, uint32_t number, uint32_t round)
{
    struct tsdb_row rows[SERIES_EACH];
    struct err err = {0};
    for (uint32_t i = 0; i < SERIES_EACH; i++)
        rows[i] = (struct tsdb_row){series_of(s->db, number * 1000 + i), time_of(round), round};
    must(tsdb_append(s->db, rows, SERIES_EACH, NULL, &err) == 0);
    s->done[number] = round + 1;
}

static void *append_loop(void *arg)
{
    struct appender_of *a = arg;
    for (uint32_t round = 0; round < ROUNDS; round++)
        append_round(a->s, a->number, round);
    return NULL;
}

static void *churn_loop(void *arg)
{
    struct shared *s = arg;
    for (uint32_t i = 0; !s->stop; i++) {
        uint32_t most = s->done[0];
        struct tsdb_row row = {series_of(s->db, 1000000 + i), time_of(most), i};
        char key[16];
        int n = snprintf(key, sizeof(key), "k%u", i % 500);
        struct err err;
        tsdb_alias(s->db, 0, key, (size_t)n, row.ref);
        must(tsdb_append(s->db, &row, 1, NULL, &err) == 0);
        n = snprintf(key, sizeof(key), "k%u", (i * 7) % 500);
        tsdb_by_alias(s->db, 0, key, (size_t)n);
        if (i % 50 == 0)
            usleep(1000);
    }
    return NULL;
}

static void check_series(struct series_set *set, uint32_t i, uint32_t before)
{
    struct samples got = {0};
    struct err err = {0};
    must(set->ops->read(set, i, INT64_MIN, INT64_MAX, COLUMN_RAW, &got, &err) == 0);
    must(got.n >= before);
    for (uint32_t k = 0; k < got.n; k++)
        must(got.t[k] == time_of(k) && got.v[k] == k);
    samples_done(&got);
}

static void query_one(struct shared *s, uint32_t number, uint32_t i)
{
    struct err err;
    char text[16];
    snprintf(text, sizeof(text), "%u", number * 1000 + i);
    struct matcher *m = matcher_new(MATCH_EQ, STR("i"), str_of(text), &err);
    const struct matcher *const matchers[] = {m};
    struct series_select q = {
        .matchers = matchers, .n_matchers = 1, .min_ms = INT64_MIN, .max_ms = INT64_MAX};
    uint32_t before = s->done[number];
    struct series_source src = tsdb_source(s->db);
    struct series_set *set = src.ops->select(src.self, &q, &err);
    must(set != NULL && set->n <= 1 && (set->n == 1 || before == 0));
    if (set->n == 1)
        check_series(set, 0, before);
    set->ops->free(set);
    matcher_free(m);
}

static bool on_value(void *arg, struct str s)
{
    (*(uint32_t *)arg)++;
    return s.n > 0;
}

static void query_all(struct shared *s)
{
    struct series_source src = tsdb_source(s->db);
    struct series_select q = {.min_ms = INT64_MIN, .max_ms = INT64_MAX};
    struct err err;
    struct series_set *set = src.ops->select(src.self, &q, &err);
    struct arena *a = arena_new();
    must(set != NULL);
    for (uint32_t i = 0; i < set->n; i++) {
        int64_t t;
        double v;
        must(set->ops->labels(set, i, a).n == 3);
        must(set->ops->last(set, i, INT64_MIN, INT64_MAX, &t, &v, &err) >= 0);
    }
    set->ops->free(set);
    arena_free(a);
    uint32_t n = 0;
    must(src.ops->label_values(src.self, STR("half"), &q, on_value, &n, &err) == 0);
}

static void *query_loop(void *arg)
{
    struct shared *s = arg;
    for (uint32_t i = 0; !s->stop; i++) {
        query_one(s, i % 2, i / 2 % SERIES_EACH);
        if (i % 40 == 0)
            query_all(s);
    }
    return NULL;
}

static void *keep_loop(void *arg)
{
    struct shared *s = arg;
    struct err err = {0};
    while (!s->stop) {
        must(tsdb_tick(s->db, false, &err) == 0);
        must(tsdb_sync(s->db, &err) == 0);
        usleep(20000);
    }
    return NULL;
}

static int64_t far_now(void)
{
    return INT64_MAX / 4;
}

static void test_all_at_once(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct tsdb_options o = TSDB_OPTIONS;
    struct err err = {0};
    o.dir = dir;
    o.manual = true;
    o.block_ms = 60000;
    o.snapshot_ms = 50;
    o.now_ms = far_now;
    struct shared s = {.db = tsdb_open(&o, &err)};
    assert_non_null(s.db);
    struct appender_of a[2] = {{&s, 0}, {&s, 1}};
    pthread_t threads[6];
    pthread_create(&threads[0], NULL, append_loop, &a[0]);
    pthread_create(&threads[1], NULL, append_loop, &a[1]);
    pthread_create(&threads[2], NULL, churn_loop, &s);
    pthread_create(&threads[3], NULL, query_loop, &s);
    pthread_create(&threads[4], NULL, query_loop, &s);
    pthread_create(&threads[5], NULL, keep_loop, &s);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    s.stop = true;
    for (size_t i = 2; i < array_len(threads); i++)
        pthread_join(threads[i], NULL);
    struct tsdb_stats st;
    assert_int_equal(tsdb_tick(s.db, false, &err), 0); /* what a busy machine left no time for */
    tsdb_get_stats(s.db, &st);
    assert_true(st.cuts > 2);
    assert_true(st.series_forgotten > 0);
    assert_int_equal(st.damaged_records + st.damaged_chunks, 0);
    for (uint32_t i = 0; i < SERIES_EACH; i++) {
        query_one(&s, 0, i);
        query_one(&s, 1, i);
    }
    tsdb_close(s.db);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
