/* The store as a source of steps: whatever comes from tiers' blocks, from raw blocks or from the head, each column is what
 * tier_reduce makes of all samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tsdb/merge.h"
#include "tsdb_helper.h"

#define DAY_MS   INT64_C(86400000)
#define HOUR_MS  INT64_C(3600000)
#define START    (INT64_C(19700) * DAY_MS)
#define EVERY_MS INT64_C(60000)

static void check(int rc, const struct err *err)
{
    if (rc < 0)
        fail_msg("%s", err->msg);
}

/* A counter that is reset now and then; no two series alike. */
static double value_at(uint32_t i, int64_t t)
{
    int64_t k = (t - START) / EVERY_MS;
    return (double)(k * (i + 1) % 1009);
}

static struct labels labels_of(struct label_pair *pairs, const char *number)
{
    pairs[0] = (struct label_pair){STR("__name__"), STR("m")};
    pairs[1] = (struct label_pair){STR("i"), str_of(number)};
    return (struct labels){pairs, 2};
}

static const char *const numbers[] = {"0", "1", "2"};

/* Series from `first` on, one block a day. */
static void backfill(struct tsdb *db, int64_t from, int64_t to, uint32_t first, uint32_t end)
{
    struct err err = {0};
    struct samples s = {0};
    struct label_pair pairs[2];
    for (int64_t day = from; day < to; day += DAY_MS) {
        struct tsdb_backfill *b = tsdb_backfill_begin(db, day, day + DAY_MS, &err);
        assert_non_null(b);
        for (uint32_t i = first; i < end; i++) {
            struct labels l = labels_of(pairs, numbers[i]);
            s.n = 0;
            for (int64_t t = day; t < day + DAY_MS; t += EVERY_MS)
                samples_add(&s, t, value_at(i, t));
            check(tsdb_backfill_series(b, &l, &s, &err), &err);
        }
        check(tsdb_backfill_finish(b, &err), &err);
    }
    samples_done(&s);
}

static void append(struct tsdb *db, int64_t from, int64_t to, uint32_t i)
{
    struct err err = {0};
    struct label_pair pairs[2];
    struct labels l = labels_of(pairs, numbers[i]);
    tsdb_ref ref = tsdb_series(db, 0, &l, &err);
    for (int64_t t = from; t < to; t += EVERY_MS) {
        struct tsdb_row row = {ref, t, value_at(i, t)};
        uint8_t verdict;
        check(tsdb_append(db, &row, 1, &verdict, &err), &err);
        assert_int_equal(verdict, TSDB_TAKEN);
    }
}

static void tick(struct tsdb *db)
{
    struct err err = {0};
    check(tsdb_tick(db, false, &err), &err);
}

static struct series_set *select_one(struct tsdb *db, uint32_t i, int64_t min_ms, int64_t max_ms,
                                     int64_t tier_ms)
{
    struct err err = {0};
    struct matcher *m = matcher_new(MATCH_EQ, STR("i"), str_of(numbers[i]), &err);
    const struct matcher *const matchers[] = {m};
    struct series_select q = {.matchers = matchers,
                              .n_matchers = 1,
                              .min_ms = min_ms,
                              .max_ms = max_ms,
                              .tier_ms = tier_ms};
    struct series_source src = tsdb_source(db);
    struct series_set *set = src.ops->select(src.self, &q, &err);
    if (!set)
        fail_msg("%s", err.msg);
    matcher_free(m);
    return set;
}

/* What was deleted. */
struct hole {
    int64_t min_ms, max_ms;
};

/* All that was ever appended to a series, [from, to). */
static struct samples everything(uint32_t i, int64_t from, int64_t to, struct hole hole)
{
    struct samples all = {0};
    for (int64_t t = from; t < to; t += EVERY_MS) {
        if (t < hole.min_ms || t > hole.max_ms)
            samples_add(&all, t, value_at(i, t));
    }
    return all;
}

static void check_column(struct series_set *set, const struct samples *all, int64_t min_ms,
                         int64_t max_ms, enum series_column c)
{
    struct samples want = {0}, got = {0};
    struct err err = {0};
    uint32_t k = 0;
    tier_reduce(all, set->tier_ms, c, NULL, &want);
    check(set->ops->read(set, 0, min_ms, max_ms, c, &got, &err), &err);
    for (uint32_t i = 0; i < want.n; i++) {
        if (want.t[i] < min_ms || want.t[i] > max_ms)
            continue;
        if (k >= got.n || got.t[k] != want.t[i] || got.v[k] != want.v[i])
            fail_msg("column %d, step %u: got %lld %g; want %lld %g", c, k,
                     k < got.n ? (long long)got.t[k] : 0, k < got.n ? got.v[k] : 0,
                     (long long)want.t[i], want.v[i]);
        k++;
    }
    assert_int_equal(got.n, k);
    samples_done(&want);
    samples_done(&got);
}

static void check_span(struct tsdb *db, uint32_t i, const struct samples *all, int64_t min_ms,
                       int64_t max_ms, int64_t tier_ms)
{
    struct series_set *set = select_one(db, i, min_ms, max_ms, tier_ms);
    assert_int_equal(set->n, 1);
    assert_int_equal(set->tier_ms, tier_ms);
    int64_t third = (max_ms - min_ms) / 3;
    for (int c = COLUMN_RAW; c <= COLUMN_INCREASE; c++) {
        check_column(set, all, min_ms, max_ms, (enum series_column)c);
        check_column(set, all, min_ms + third, max_ms - third, (enum series_column)c);
    }
    set->ops->free(set);
}

/* Every column over spans that begin and end anywhere, on steps and beside them. */
static void check_all(struct tsdb *db, uint32_t i, int64_t from, int64_t to, struct hole hole)
{
    struct samples all = everything(i, from, to, hole);
    struct rng r;
    rng_seed(&r, 7);
    check_span(db, i, &all, from - DAY_MS, to + DAY_MS, HOUR_MS);
    check_span(db, i, &all, from - DAY_MS, to + DAY_MS, 300000);
    for (int k = 0; k < 40; k++) {
        int64_t min = from + (int64_t)rng_below(&r, (uint64_t)(to - DAY_MS - from));
        int64_t max = min + DAY_MS + (int64_t)rng_below(&r, (uint64_t)(to - min));
        if (k % 2)
            min -= min % HOUR_MS;
        check_span(db, i, &all, min, max, k % 4 < 2 ? HOUR_MS : 300000);
    }
    samples_done(&all);
}

struct store {
    char *dir;
    struct model *clock;
    struct tsdb *db;
    int64_t end;
};

/* Ten days in blocks, six hours in the head. */
static struct store open_store(uint32_t series)
{
    struct store s = {fresh_dir(), model_new(), NULL, START + 10 * DAY_MS + 6 * HOUR_MS};
    s.clock->now = s.end;
    s.db = open_db(s.dir, s.clock);
    backfill(s.db, START, START + 10 * DAY_MS, 0, series);
    for (uint32_t i = 0; i < series; i++)
        append(s.db, START + 10 * DAY_MS, s.end, i);
    tick(s.db);
    return s;
}

static void close_store(struct store *s)
{
    tsdb_close(s->db);
    model_free(s->clock);
    drop_dir(s->dir);
}

static const struct hole no_hole = {1, 0};

static void test_columns(void **state)
{
    (void)state;
    struct store s = open_store(2);
    struct tsdb_stats st;
    tsdb_get_stats(s.db, &st);
    assert_true(st.tier_bytes > 0);
    for (uint32_t i = 0; i < 2; i++)
        check_all(s.db, i, START, s.end, no_hole);
    close_store(&s);
}

static void delete_one(struct tsdb *db, uint32_t i, struct hole h)
{
    struct err err = {0};
    struct matcher *m = matcher_new(MATCH_EQ, STR("i"), str_of(numbers[i]), &err);
    const struct matcher *const matchers[] = {m};
    check(tsdb_delete(db, matchers, 1, h.min_ms, h.max_ms, &err), &err);
    matcher_free(m);
}

/* A step's end is answered, but for its rise: it is from the last sample that was not deleted. */
static void test_deletion(void **state)
{
    (void)state;
    struct store s = open_store(2);
    struct hole h = {START + 3 * DAY_MS + 1, START + 4 * DAY_MS};
    struct err err = {0};
    delete_one(s.db, 1, h);
    check_all(s.db, 0, START, s.end, no_hole);
    for (int k = 0; k < 2; k++) {
        struct samples all = everything(1, START, s.end, h);
        struct series_set *set = select_one(s.db, 1, START, s.end + HOUR_MS, HOUR_MS);
        for (int c = COLUMN_RAW; c < COLUMN_INCREASE; c++)
            check_column(set, &all, START, s.end + HOUR_MS, (enum series_column)c);
        set->ops->free(set);
        samples_done(&all);
        check(tsdb_clean_tombstones(s.db, &err), &err);
    }
    close_store(&s);
}

/* Raw samples are kept for three days; series 2 was there only before. */
static void expire(struct store *s)
{
    struct err err = {0};
    backfill(s->db, START, START + 2 * DAY_MS, 2, 3);
    tick(s->db);
    tsdb_set_keep(s->db, 3 * DAY_MS, 0, NULL, 0);
    check(tsdb_tick(s->db, true, &err), &err);
}

static void test_raw_expired(void **state)
{
    (void)state;
    struct store s = open_store(2);
    expire(&s);
    for (uint32_t i = 0; i < 2; i++)
        check_all(s.db, i, START, s.end, no_hole);
    struct samples all = everything(2, START, START + 2 * DAY_MS, no_hole);
    check_span(s.db, 2, &all, START, START + 3 * DAY_MS, HOUR_MS);
    check_span(s.db, 2, &all, START, START + 3 * DAY_MS, 300000);
    samples_done(&all);
    close_store(&s);
}

/* Single samples where they are, before that the finest steps: nothing is missing, and it is told. */
static void check_older(struct tsdb *db, uint32_t i, const struct samples *all, int64_t min_ms,
                        int64_t max_ms)
{
    struct series_set *set = select_one(db, i, min_ms, max_ms, 0);
    struct samples got = {0}, steps = {0};
    struct err err = {0};
    uint32_t k = 0;
    assert_int_equal(set->n, 1);
    assert_int_equal(set->tier_ms, 0);
    assert_int_equal(set->older_tier_ms, 300000);
    check(set->ops->read(set, 0, min_ms, max_ms, COLUMN_RAW, &got, &err), &err);
    int64_t until = set->older_before_ms;
    tier_reduce(all, 300000, COLUMN_LAST, NULL, &steps);
    for (uint32_t n = 0; n < steps.n && steps.t[n] <= until; n++, k++) {
        assert_true(k < got.n);
        assert_int_equal(got.t[k], steps.t[n]);
        assert_true(got.v[k] == steps.v[n]);
    }
    for (uint32_t n = 0; n < all->n; n++) {
        if (all->t[n] <= until)
            continue;
        assert_true(k < got.n);
        assert_int_equal(got.t[k], all->t[n]);
        assert_true(got.v[k++] == all->v[n]);
    }
    assert_int_equal(got.n, k);
    samples_done(&got);
    samples_done(&steps);
    set->ops->free(set);
}

static void test_older(void **state)
{
    (void)state;
    struct store s = open_store(2);
    struct series_set *set = select_one(s.db, 0, INT64_MIN, INT64_MAX, 0);
    assert_int_equal(set->older_tier_ms, 0); /* all is there yet */
    set->ops->free(set);
    expire(&s);
    struct samples all = everything(1, START, s.end, no_hole);
    check_older(s.db, 1, &all, START, s.end);
    check_older(s.db, 1, &all, INT64_MIN, INT64_MAX);
    /* a raw block that is partly past its time is written again: whole */
    struct err err = {0};
    delete_one(s.db, 0, (struct hole){START + 9 * DAY_MS, START + 9 * DAY_MS + HOUR_MS});
    check(tsdb_clean_tombstones(s.db, &err), &err);
    check_older(s.db, 1, &all, INT64_MIN, INT64_MAX);
    samples_done(&all);
    all = everything(2, START, START + 2 * DAY_MS, no_hole);
    check_older(s.db, 2, &all, INT64_MIN, INT64_MAX);
    samples_done(&all);
    set = select_one(s.db, 0, s.end - DAY_MS, s.end, 0);
    assert_int_equal(set->older_tier_ms, 0);
    set->ops->free(set);
    close_store(&s);
}

/* Blocks of one time with samples between each other's: answered whole, before they are merged and after. */
static void test_overlap(void **state)
{
    (void)state;
    struct model *clock = model_new();
    char *dir = fresh_dir();
    clock->now = START + 5 * DAY_MS;
    struct tsdb *db = open_db(dir, clock);
    struct label_pair pairs[2];
    struct labels l = labels_of(pairs, numbers[0]);
    struct samples s = {0}, all = {0};
    struct err err = {0};
    for (int part = 0; part < 3; part++) {
        struct tsdb_backfill *b = tsdb_backfill_begin(db, START, START + DAY_MS, &err);
        s.n = 0;
        for (int64_t t = START + part * EVERY_MS; t < START + DAY_MS; t += 3 * EVERY_MS)
            samples_add(&s, t, value_at(0, t));
        check(tsdb_backfill_series(b, &l, &s, &err), &err);
        check(tsdb_backfill_finish(b, &err), &err);
    }
    for (int k = 0; k < 2; k++) {
        struct series_set *set = select_one(db, 0, INT64_MIN, INT64_MAX, 0);
        all.n = 0;
        check(set->ops->read(set, 0, INT64_MIN, INT64_MAX, COLUMN_RAW, &all, &err), &err);
        assert_int_equal(all.n, DAY_MS / EVERY_MS);
        for (uint32_t i = 0; i < all.n; i++)
            assert_int_equal(all.t[i], START + i * EVERY_MS);
        set->ops->free(set);
        tick(db);
    }
    check_span(db, 0, &all, START, START + 2 * DAY_MS, HOUR_MS);
    samples_done(&s);
    samples_done(&all);
    tsdb_close(db);
    model_free(clock);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),     cmocka_unit_test(test_deletion),
        cmocka_unit_test(test_raw_expired), cmocka_unit_test(test_older),
        cmocka_unit_test(test_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
