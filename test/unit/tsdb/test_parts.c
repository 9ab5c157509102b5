/* The store's smaller promises: following the WAL over a restart, aliases, limits, what costs the most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsdb_helper.h"

static void append_one(struct tsdb *db, uint32_t i, int64_t t, double v)
{
    struct tsdb_row row = {series_of(db, i), t, v};
    struct err err;
    assert_int_equal(tsdb_append(db, &row, 1, NULL, &err), 0);
}

static void test_tail(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct tsdb *db = open_db(dir, m);
    struct tsdb_row rows[8];
    struct tsdb_place place = {0, 0};
    struct err err = {0};
    struct tsdb_tail *t = tsdb_tail_open(db, place, 1 << 30);
    assert_int_equal(tsdb_tail_next(t, rows, 8, &place, &err), 0);
    append_one(db, 1, MODEL_START, 1);
    append_one(db, 2, MODEL_START, 2);
    assert_int_equal(tsdb_tail_next(t, rows, 8, &place, &err), 1);
    assert_true(rows[0].v == 1);
    tsdb_tail_done(t, place);
    tsdb_tail_free(t);
    tsdb_close(db);
    db = open_db(dir, m);
    append_one(db, 3, MODEL_START, 3);
    t = tsdb_tail_open(db, place, 1 << 30);
    struct arena *a = arena_new();
    struct labels l;
    assert_int_equal(tsdb_tail_next(t, rows, 8, &place, &err), 1);
    assert_true(rows[0].v == 2); /* the snapshot at the end left it what it needs */
    assert_int_equal(tsdb_tail_next(t, rows, 8, &place, &err), 1);
    assert_true(rows[0].v == 3);
    assert_true(tsdb_ref_labels(db, rows[0].ref, a, &l));
    assert_true(str_eqz(labels_get(&l, STR("i")), "3"));
    assert_int_equal(tsdb_tail_next(t, rows, 8, &place, &err), 0);
    tsdb_tail_free(t);
    arena_free(a);
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

static void on_top(void *arg, struct str name, uint64_t value)
{
    assert_true(str_eqz(name, "m"));
    *(uint64_t *)arg = value;
}

static void test_limits_and_tops(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct tsdb_options o = TSDB_OPTIONS;
    struct err err = {0};
    o.dir = dir;
    o.manual = true;
    o.max_series = 2;
    struct tsdb *db = tsdb_open(&o, &err);
    assert_non_null(db);
    assert_null(tsdb_open(&o, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    tsdb_ref one = series_of(db, 1);
    series_of(db, 2);
    struct label_pair pair = {STR("__name__"), STR("x")};
    struct labels l = {&pair, 1};
    assert_int_equal(tsdb_series(db, 0, &l, &err), 0);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(str_contains(str_of(err.msg), STR("max_series")));
    assert_int_equal(tsdb_by_alias(db, 0, "raw", 3), 0);
    tsdb_alias(db, 0, "raw", 3, one);
    assert_int_equal(tsdb_by_alias(db, 0, "raw", 3), one);
    assert_int_equal(tsdb_by_alias(db, 1, "raw", 3), 0);
    uint64_t top = 0;
    tsdb_each_top(db, TSDB_SERIES_BY_METRIC, 5, on_top, &top);
    assert_int_equal(top, 2);
    uint32_t id = tsdb_source_id(db, "scrape");
    assert_int_equal(tsdb_source_id(db, "scrape"), id);
    tsdb_close(db);
    drop_dir(dir);
}

/* Keys of any length, each differing in one byte from another: none is taken for another. */
static void test_aliases_of_all_lengths(void **state)
{
    enum { LONGEST = 130 };
    (void)state;
    char *dir = fresh_dir();
    struct tsdb_options o = TSDB_OPTIONS;
    struct err err = {0};
    char key[LONGEST] = {0}, other[LONGEST];
    o.dir = dir;
    o.manual = true;
    struct tsdb *db = tsdb_open(&o, &err);
    assert_non_null(db);
    tsdb_ref one = series_of(db, 1), two = series_of(db, 2);
    for (size_t n = 1; n < LONGEST; n++) {
        tsdb_alias(db, 0, key, n, one);
        for (size_t i = 0; i < n; i++) {
            memcpy(other, key, n);
            other[i] = 'x';
            struct str keys[3] = {{key, n}, {other, n}, {key, 0}};
            tsdb_ref refs[3];
            tsdb_by_aliases(db, 0, keys, 3, refs);
            assert_int_equal(refs[0], one);
            assert_int_equal(refs[1], 0);
            assert_int_equal(refs[2], 0);
            tsdb_alias(db, 0, other, n, two);
            assert_int_equal(tsdb_by_alias(db, 0, other, n), two);
        }
    }
    tsdb_close(db);
    drop_dir(dir);
}

enum { MANY = 1500 };

/* Series k: m{job, pod: a text of its own, zone in every third}. */
static tsdb_ref one_of_many(struct tsdb *db, uint32_t k)
{
    char pod[32], job[16];
    struct err err;
    int pods = snprintf(pod, sizeof(pod), "%s-%05u", k % 2 ? "web" : "batch", k * 7919 % 99991);
    int jobs = snprintf(job, sizeof(job), "j%u", k % 40);
    struct label_pair at[] = {{STR("__name__"), STR("m")},
                              {STR("job"), {job, (size_t)jobs}},
                              {STR("pod"), {pod, (size_t)pods}},
                              {STR("zone"), STR("z")}};
    tsdb_ref ref = tsdb_series(db, 0, &(struct labels){at, k % 3 ? 3 : 4}, &err);
    assert_true(ref != 0);
    return ref;
}

static void append_many(struct tsdb *db, uint32_t from, uint32_t to, int64_t t)
{
    for (uint32_t k = from; k < to; k++) {
        struct tsdb_row row = {one_of_many(db, k), t, k};
        struct err err;
        assert_int_equal(tsdb_append(db, &row, 1, NULL, &err), 0);
    }
}

static uint32_t count_matching(struct tsdb *db, const struct matcher *const *m, size_t n)
{
    struct series_select q = {
        .matchers = m, .n_matchers = n, .min_ms = INT64_MIN, .max_ms = INT64_MAX};
    struct series_source src = tsdb_source(db);
    struct err err;
    struct series_set *set = src.ops->select(src.self, &q, &err);
    assert_non_null(set);
    uint32_t count = set->n;
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < count; i++) {
        struct labels l = set->ops->labels(set, i, a);
        assert_true(matcher_test_all(m, n, &l));
    }
    arena_free(a);
    set->ops->free(set);
    return count;
}

/* Every two of these together: as many as testing each of all gives. */
static void ask_many(struct tsdb *db)
{
    static const struct {
        enum matcher_op op;
        const char *name, *value;
    } some[] = {
        {MATCH_EQ, "job", "j7"},          {MATCH_NE, "job", "j7"},
        {MATCH_RE, "pod", "web-1.*"},     {MATCH_RE, "pod", "web-0000.|web-9999."},
        {MATCH_RE, "pod", ".*7"},         {MATCH_NRE, "pod", "batch-.*"},
        {MATCH_NRE, "pod", ".*[0-5]"},    {MATCH_RE, "zone", "z|"},
        {MATCH_NRE, "zone", ".+"},        {MATCH_RE, "pod", "a.*"},
        {MATCH_RE, "pod", "zzz.*|zzy.*"}, {MATCH_EQ, "pod", "web-07919"},
        {MATCH_RE, "nothing", ".*x|"},
    };
    enum { SOME = sizeof(some) / sizeof(*some) };
    struct matcher *m[SOME], *all;
    struct err err;
    all = matcher_new(MATCH_EQ, STR("__name__"), STR("m"), &err);
    for (int i = 0; i < SOME; i++) {
        m[i] = matcher_new(some[i].op, str_of(some[i].name), str_of(some[i].value), &err);
        assert_non_null(m[i]);
    }
    struct series_select q = {.matchers = (const struct matcher *const *)&all,
                              .n_matchers = 1,
                              .min_ms = INT64_MIN,
                              .max_ms = INT64_MAX};
    struct series_source src = tsdb_source(db);
    struct series_set *set = src.ops->select(src.self, &q, &err);
    struct arena *a = arena_new();
    assert_non_null(set);
    for (int i = 0; i < SOME * SOME; i++) {
        const struct matcher *const two[] = {all, m[i / SOME], m[i % SOME]};
        uint32_t want = 0;
        for (uint32_t k = 0; k < set->n; k++) {
            struct labels l = set->ops->labels(set, k, a);
            want += matcher_test_all(two, 3, &l);
            arena_reset(a);
        }
        assert_int_equal(count_matching(db, two, 3), want);
        assert_int_equal(count_matching(db, two + 1, 2), want);
    }
    arena_free(a);
    set->ops->free(set);
    for (int i = 0; i < SOME; i++)
        matcher_free(m[i]);
    matcher_free(all);
}

/* However few series the first matchers leave, and however the values of a label came and went. */
static void test_matchers_among_many(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct tsdb *db = open_db(dir, m);
    struct err err;
    append_many(db, 0, MANY / 2, MODEL_START);
    ask_many(db);
    append_many(db, MANY / 2, MANY, MODEL_START + 1000);
    ask_many(db);
    m->now = MODEL_START + INT64_C(6) * 3600000;
    append_many(db, 0, MANY / 5, m->now);
    assert_int_equal(tsdb_tick(db, true, &err), 0); /* the others are in a block only */
    ask_many(db);
    append_many(db, MANY, MANY + 400, m->now);
    ask_many(db);
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aliases_of_all_lengths),
        cmocka_unit_test(test_matchers_among_many),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_limits_and_tops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
