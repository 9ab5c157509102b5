/* The store against a model: whatever is appended, in order or not, deleted, cut, closed or abandoned, answers are the model's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tsdb_helper.h"

static void tick(struct tsdb *db, bool force)
{
    struct err err = {0};
    if (tsdb_tick(db, force, &err) < 0)
        fail_msg("%s", err.msg);
}

static void test_append_and_reopen(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct rng r;
    rng_seed(&r, 1);
    struct tsdb *db = open_db(dir, m);
    for (int round = 0; round < 6; round++) {
        for (int k = 0; k < 20; k++)
            append_random(db, m, &r, 100);
        model_check(m, db);
        tsdb_close(db);
        db = open_db(dir, m);
        model_check(m, db);
    }
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

static void delete_one(struct tsdb *db, struct model *m, struct rng *r)
{
    struct err err = {0};
    uint32_t i = (uint32_t)rng_below(r, MODEL_SERIES);
    char number[16];
    snprintf(number, sizeof(number), "%u", i);
    struct matcher *one = matcher_new(MATCH_EQ, STR("i"), str_of(number), &err);
    const struct matcher *const matchers[] = {one};
    int64_t min = MODEL_START + (int64_t)rng_below(r, (uint64_t)(m->now - MODEL_START + 1));
    int64_t max = min + (int64_t)rng_below(r, 3600000);
    if (tsdb_delete(db, matchers, 1, min, max, &err) < 0)
        fail_msg("%s", err.msg);
    model_delete(m, i, min, max);
    matcher_free(one);
}

/* Times move fast, so that the head is cut again and again. */
static void random_step(struct tsdb *db, struct model *m, struct rng *r, bool deletes)
{
    switch (rng_below(r, 40)) {
    case 0:
        tick(db, false);
        break;
    case 1:
        m->now += (int64_t)rng_below(r, 3600000);
        break;
    case 2:
        if (deletes)
            delete_one(db, m, r);
        break;
    default:
        append_random(db, m, r, 1 + (uint32_t)rng_below(r, 60));
    }
}

static void run_and_reopen(uint64_t seed, bool deletes)
{
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct rng r;
    rng_seed(&r, seed);
    struct tsdb *db = open_db(dir, m);
    for (int k = 1; k <= 800; k++) {
        random_step(db, m, &r, deletes);
        if (k % 200 == 0)
            model_check(m, db);
        if (rng_below(&r, 200) == 0) {
            tsdb_close(db);
            db = open_db(dir, m);
            model_check(m, db);
        }
    }
    struct tsdb_stats st;
    tsdb_get_stats(db, &st);
    assert_int_equal(st.damaged_records + st.damaged_chunks, 0);
    assert_true(st.blocks > 0);
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

static void test_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 16; seed++)
        run_and_reopen(seed, false);
}

static void test_deletions(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++)
        run_and_reopen(seed, true);
}

/* A child works for a while and is gone without closing anything. */
static void work_and_vanish(const char *dir, struct model *m, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct tsdb *db = open_db(dir, m);
        uint64_t steps = 1 + rng_below(&r, 150);
        for (uint64_t k = 0; k < steps; k++)
            random_step(db, m, &r, true);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_abandoned(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        char *dir = fresh_dir();
        struct model *m = model_new();
        for (uint64_t k = 0; k < 12; k++) {
            work_and_vanish(dir, m, seed * 100 + k);
            struct tsdb *db = open_db(dir, m);
            model_check(m, db);
            tsdb_close(db);
        }
        model_free(m);
        drop_dir(dir);
    }
}

static void append_at(struct tsdb *db, struct model *m, uint32_t i, int64_t t, double v)
{
    struct tsdb_row row = {series_of(db, i), t, v};
    struct err err = {0};
    uint8_t got;
    assert_int_equal(tsdb_append(db, &row, 1, &got, &err), 0);
    assert_int_equal(got, model_append(m, i, t, v, 600000));
    assert_int_equal(got, TSDB_TAKEN);
}

/* How far back a series may begin or go on is its own affair. */
static void test_old_samples(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct tsdb *db = open_db(dir, m);
    struct tsdb_stats st;
    tsdb_set_keep(db, INT64_C(30) * 86400000, 0, NULL, 0);
    for (uint32_t k = 0; k < 100; k++)
        append_at(db, m, 0, m->now + k * 15000, k);
    int64_t behind = m->now - INT64_C(20) * 3600000;
    append_at(db, m, 2, behind, 1);
    for (uint32_t k = 0; k < 1000; k++)
        append_at(db, m, 1, (int64_t)k * 15000, k); /* of 1970 */
    for (uint32_t k = 1; k < 100; k++)
        append_at(db, m, 2, behind + k * 15000, k); /* hours behind the others */
    model_check(m, db);
    tick(db, false);
    tsdb_get_stats(db, &st);
    assert_int_equal(st.cuts, 0); /* they wait for the next regular cut */
    model_check(m, db);
    tsdb_close(db);
    db = open_db(dir, m);
    model_check(m, db);
    tick(db, true); /* no retention now: blocks of then and of now, none of the years between */
    tsdb_get_stats(db, &st);
    assert_in_range(st.cuts, 4, 8);
    model_check(m, db);
    for (uint32_t k = 1000; k < 1200; k++)
        append_at(db, m, 1, (int64_t)k * 15000, k);
    model_check(m, db);
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_reopen), cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_deletions),         cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_old_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
