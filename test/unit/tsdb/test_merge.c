/* Merges: what is planned, what a join holds, tiers against a plain sum, retention, and a store's blocks over days with late samples,
 * deletions and tiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "series_made.h"
#include "tsdb/block_priv.h"
#include "tsdb/merge.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static char *temp_dir(void)
{
    static char dir[64];
    snprintf(dir, sizeof(dir), "/tmp/belfry-merge-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

/* --- planning --- */

struct plan_case {
    const char *what;
    struct block_meta in[6];
    uint32_t n;
    bool force;
    enum merge_what want;
    uint32_t joined;
    int64_t min, max;
};

#define RAW(from, to)                                                                      \
    {                                                                                      \
        .min_ms = (from)*HOUR, .max_ms = (to)*HOUR, .level = 1, .series = 100, .bytes = 10 \
    }
#define TIER(from, to, step)                                                            \
    {                                                                                   \
        .min_ms = (from)*HOUR + 1 - ((from) ? 0 : 5 * MINUTE), .max_ms = (to)*HOUR + 1, \
        .tier_ms = (step), .level = 2, .series = 100, .bytes = 10                       \
    }

static const struct plan_case plan_cases[] = {
    {"none", {RAW(0, 2)}, 0, false, MERGE_NOTHING, 0, 0, 0},
    {"one", {RAW(0, 2)}, 1, false, MERGE_NOTHING, 0, 0, 0},
    {"a window that is open", {RAW(0, 2), RAW(2, 4)}, 2, false, MERGE_NOTHING, 0, 0, 0},
    {"a window that is open, forced", {RAW(0, 2), RAW(2, 4)}, 2, true, MERGE_JOIN, 2, 0, 4},
    {"a window", {RAW(0, 2), RAW(2, 4), RAW(4, 6)}, 3, false, MERGE_JOIN, 3, 0, 6},
    {"a window with a gap", {RAW(0, 2), RAW(4, 6), RAW(6, 8)}, 3, false, MERGE_JOIN, 2, 0, 6},
    {"not over the edge", {RAW(4, 6), RAW(6, 8), RAW(8, 10)}, 3, false, MERGE_NOTHING, 0, 0, 0},
    {"late", {RAW(0, 6), RAW(2, 4), RAW(6, 8)}, 3, false, MERGE_JOIN, 2, 0, 6},
    {"next size", {RAW(0, 6), RAW(6, 12), RAW(12, 18)}, 3, false, MERGE_JOIN, 3, 0, 18},
    {"a tier is wanted", {RAW(0, 18), RAW(18, 20)}, 2, false, MERGE_TIER, 2, 0, 18},
    {"a tier is there",
     {TIER(0, 18, 5 * MINUTE), RAW(0, 18), RAW(18, 20)},
     3,
     false,
     MERGE_NOTHING,
     0,
     0,
     0},
    {"tiers join",
     {TIER(0, 2, 5 * MINUTE), TIER(2, 4, 5 * MINUTE), TIER(4, 6, 5 * MINUTE)},
     3,
     false,
     MERGE_JOIN,
     3,
     0,
     6},
};

static void test_plan(void **state)
{
    (void)state;
    for (size_t c = 0; c < array_len(plan_cases); c++) {
        const struct plan_case *k = &plan_cases[c];
        struct merge_policy p = {.keep = {.now_ms = 20 * HOUR, .tiers = {{5 * MINUTE, 0}}},
                                 .block_ms = 2 * HOUR};
        struct merge_input in[6];
        for (uint32_t i = 0; i < k->n; i++)
            in[i] = (struct merge_input){.meta = &k->in[i]};
        struct merge_job j = merge_plan(in, k->n, &p, k->force);
        print_message("  %s\n", k->what);
        assert_int_equal(j.what, k->want);
        assert_int_equal(j.n, k->joined);
        if (j.what == MERGE_NOTHING)
            continue;
        int64_t step_before = j.tier_ms > 0 ? 5 * MINUTE : 0; /* of a sample at 0 */
        assert_int_equal(j.min_ms, k->min * HOUR + (j.tier_ms > 0) - step_before);
        assert_int_equal(j.max_ms, k->max * HOUR + (j.tier_ms > 0));
    }
}

static void test_plan_late_tier(void **state)
{
    struct block_meta raw = RAW(0, 18), tier = TIER(0, 18, 5 * MINUTE);
    struct merge_policy p = {.keep = {.now_ms = 40 * HOUR, .tiers = {{5 * MINUTE, 0}}},
                             .block_ms = 2 * HOUR};
    struct merge_input in[] = {{.meta = &tier}, {.meta = &raw}};
    (void)state;
    assert_int_equal(merge_plan(in, 2, &p, false).what, MERGE_NOTHING);
    raw.late = 5;
    struct merge_job j = merge_plan(in, 2, &p, false);
    assert_int_equal(j.what, MERGE_TIER);
    assert_int_equal(j.late, 5);
    in[1].no_tier = true;
    assert_int_equal(merge_plan(in, 2, &p, false).what, MERGE_NOTHING);
}

static void test_plan_keep(void **state)
{
    struct block_meta a = RAW(0, 2), b = RAW(2, 4);
    struct merge_input in[] = {{.meta = &a}, {.meta = &b}};
    struct merge_policy p = {.keep = {.now_ms = 12 * HOUR, .keep_ms = 10 * HOUR},
                             .block_ms = 2 * HOUR};
    struct tsdb_keep_rule longer = {NULL, 0, 20 * HOUR};
    (void)state;
    struct merge_job j = merge_plan(in, 2, &p, false);
    assert_true(j.what == MERGE_DROP && j.which[0] == 0);
    p.keep.rules = &longer;
    p.keep.n_rules = 1;
    assert_int_equal(merge_plan(in, 2, &p, false).what, MERGE_NOTHING);
    p.keep = (struct keep_policy){.now_ms = 12 * HOUR, .keep_bytes = 19};
    j = merge_plan(in, 2, &p, false);
    assert_true(j.what == MERGE_DROP && j.which[0] == 0);
    p.keep.keep_bytes = 20;
    assert_int_equal(merge_plan(in, 2, &p, false).what, MERGE_NOTHING);
    in[1].deleted = 5;
    assert_int_equal(merge_plan(in, 2, &p, false).what, MERGE_NOTHING);
    in[1].deleted = 6;
    j = merge_plan(in, 2, &p, false);
    assert_true(j.what == MERGE_REWRITE && j.which[0] == 1);
    p.keep.keep_ms = 30 * DAY;
    assert_int_equal(merge_largest(&p), 54 * HOUR);
}

static void test_cutoff(void **state)
{
    struct matcher *debug = matcher_new(MATCH_EQ, STR("job"), STR("debug"), NULL);
    struct matcher *all = matcher_new(MATCH_RE, STR("job"), STR("d.*"), NULL);
    const struct matcher *first[] = {all}, *second[] = {debug};
    struct tsdb_keep_rule rules[] = {{first, 1, 5 * DAY}, {second, 1, 3 * DAY}};
    struct keep_policy k = {.now_ms = 100 * DAY,
                            .keep_ms = 30 * DAY,
                            .tiers = {{5 * MINUTE, 0}},
                            .rules = rules,
                            .n_rules = 2};
    struct label_pair d = {STR("job"), STR("debug")}, e = {STR("job"), STR("dev")},
                      o = {STR("job"), STR("x")};
    struct labels ld = {&d, 1}, le = {&e, 1}, lo = {&o, 1};
    (void)state;
    assert_int_equal(keep_cutoff(&k, &ld, 0), 97 * DAY);
    assert_int_equal(keep_cutoff(&k, &le, 0), 95 * DAY);
    assert_int_equal(keep_cutoff(&k, &lo, 0), 70 * DAY);
    assert_int_equal(keep_cutoff(&k, &ld, 5 * MINUTE), 97 * DAY);
    assert_true(keep_cutoff(&k, &lo, 5 * MINUTE) == INT64_MIN);
    assert_int_equal(keep_cutoff_all(&k, 0), 70 * DAY);
    matcher_free(debug);
    matcher_free(all);
}

/* --- tiers --- */

static void test_reduce(void **state)
{
    static const struct {
        int64_t t;
        double v;
    } raw[] = {{1, 5}, {300, 7}, {301, 2}, {500, 3}, {600, 4}, {1900, 10}};
    static const double want[COLUMN_INCREASE + 1][3] = {
        [COLUMN_RAW] = {7, 4, 10},     [COLUMN_COUNT] = {2, 3, 1}, [COLUMN_SUM] = {12, 9, 10},
        [COLUMN_MIN] = {5, 2, 10},     [COLUMN_MAX] = {7, 4, 10},  [COLUMN_LAST] = {7, 4, 10},
        [COLUMN_INCREASE] = {4, 4, 6},
    };
    struct samples s = {0};
    double before = 3;
    (void)state;
    for (size_t i = 0; i < array_len(raw); i++) {
        samples_add(&s, raw[i].t, raw[i].v);
        if (i == 1)
            samples_add(&s, 300 + 0, f64_from_bits(STALE_NAN_BITS)), s.t[s.n - 1] = 300;
    }
    for (int c = COLUMN_RAW; c <= COLUMN_INCREASE; c++) {
        struct samples out = {0};
        tier_reduce(&s, 300, (enum series_column)c, &before, &out);
        assert_int_equal(out.n, 3);
        assert_true(out.t[0] == 300 && out.t[1] == 600 && out.t[2] == 2100);
        for (int i = 0; i < 3; i++)
            assert_true(out.v[i] == want[c][i]);
        samples_done(&out);
    }
    samples_done(&s);
    struct samples nans = {0}, out = {0};
    samples_add(&nans, 10, NAN);
    samples_add(&nans, 20, 1);
    samples_add(&nans, 310, NAN);
    tier_reduce(&nans, 300, COLUMN_MIN, NULL, &out);
    assert_true(out.n == 2 && out.v[0] == 1 && isnan(out.v[1]));
    samples_done(&nans);
    samples_done(&out);
}

/* --- joins and the shell --- */

static struct labels labels_at(struct arena *a, uint32_t i)
{
    struct label_pair *p = arena_array_of(a, struct label_pair, 3);
    p[0] = (struct label_pair){STR("__name__"), str_of(arena_printf(a, "m%03u", i / 3))};
    p[1] = (struct label_pair){STR("i"), str_of(arena_printf(a, "%03u", i))};
    p[2] = (struct label_pair){STR("job"), i % 7 == 0 ? STR("debug") : STR("x")};
    return (struct labels){p, 3};
}

enum { SERIES = 30 };

/* A block of some of the series within [from, to); what is new goes into the model, what is there stays. */
static void write_block(struct rng *r, const char *dir, struct blocks *bs, struct samples *model,
                        int64_t from, int64_t to, int64_t step)
{
    struct block_meta meta = {.min_ms = from, .max_ms = to, .level = 1}, out;
    struct block_writer *w = block_writer_new(dir, &meta, NULL);
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < SERIES; i++) {
        struct labels l = labels_at(a, i);
        struct samples s = {0};
        double x = (double)rng_below(r, 100);
        for (int64_t t = from + (int64_t)rng_below(r, 3) * step / 2; t < to; t += step)
            samples_add(&s, t,
                        rng_below(r, 50) ? x += (double)rng_below(r, 9)
                                         : f64_from_bits(STALE_NAN_BITS));
        if (rng_below(r, 6) > 0) {
            assert_int_equal(block_writer_series(w, &l, NULL), 0);
            assert_int_equal(block_writer_samples(w, COLUMN_RAW, &s, NULL), 0);
            for (uint32_t k = 0; k < s.n; k++) {
                uint32_t at = model[i].n;
                while (at > 0 && model[i].t[at - 1] > s.t[k])
                    at--;
                if (at > 0 && model[i].t[at - 1] == s.t[k])
                    continue;
                samples_add(&model[i], 0, 0);
                memmove(model[i].t + at + 1, model[i].t + at, (model[i].n - 1 - at) * sizeof(*s.t));
                memmove(model[i].v + at + 1, model[i].v + at, (model[i].n - 1 - at) * sizeof(*s.v));
                model[i].t[at] = s.t[k];
                model[i].v[at] = s.v[k];
            }
        }
        samples_done(&s);
    }
    assert_int_equal(block_writer_finish(w, &out, NULL), 0);
    const char *name = out.name;
    assert_int_equal(blocks_replace(bs, &name, 1, NULL, 0, NULL), 0);
    arena_free(a);
}

/* All blocks of the tier joined, of one series. */
static void read_all(struct blocks *bs, int64_t tier_ms, const struct labels *l,
                     enum series_column c, struct samples *out)
{
    uint32_t n;
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    struct arena *a = arena_new();
    for (uint32_t b = 0; b < n; b++) {
        if (block_meta(open[b])->tier_ms != tier_ms)
            continue;
        for (uint32_t id = 0; id < block_series_count(open[b]); id++) {
            struct labels have = block_labels(open[b], id, a);
            if (labels_equal(&have, l))
                assert_int_equal(block_read(open[b], id, INT64_MIN, INT64_MAX, c, out, NULL), 0);
        }
    }
    for (uint32_t i = 1; i < out->n; i++)
        assert_true(out->t[i] > out->t[i - 1]);
    arena_free(a);
    blocks_give(open, n);
}

static void compare_raw(struct blocks *bs, const struct samples *model, int64_t from)
{
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < SERIES; i++) {
        struct labels l = labels_at(a, i);
        struct samples got = {0};
        uint32_t k = 0;
        read_all(bs, 0, &l, COLUMN_RAW, &got);
        while (k < model[i].n && model[i].t[k] < from)
            k++;
        assert_int_equal(got.n, model[i].n - k);
        if (got.n > 0) {
            assert_memory_equal(got.t, model[i].t + k, got.n * sizeof(*got.t));
            assert_memory_equal(got.v, model[i].v + k, got.n * sizeof(*got.v));
        }
        samples_done(&got);
    }
    arena_free(a);
}

static void compare_tier(struct blocks *bs, const struct samples *model, int64_t step,
                         int64_t until)
{
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < SERIES; i++) {
        struct labels l = labels_at(a, i);
        for (int c = COLUMN_COUNT; c <= COLUMN_INCREASE; c++) {
            struct samples got = {0}, want = {0};
            read_all(bs, step, &l, (enum series_column)c, &got);
            tier_reduce(&model[i], step, (enum series_column)c, NULL, &want);
            uint32_t k = 0;
            for (; k < want.n && want.t[k] <= until; k++) {
                assert_true(k < got.n && got.t[k] == want.t[k]);
                if (got.v[k] != want.v[k])
                    print_message("series %u column %d at %lld\n", i, c, (long long)got.t[k]);
                assert_true(got.v[k] == want.v[k]);
            }
            samples_done(&got);
            samples_done(&want);
        }
    }
    arena_free(a);
}

static void run(struct blocks *bs, const char *dir, const struct merge_policy *p, bool force)
{
    struct merge_stats st = {0};
    struct err err;
    int rc, steps = 0;
    while ((rc = merge_step(bs, dir, p, NULL, force, &st, &err)) > 0)
        assert_true(++steps < 200);
    assert_int_equal(rc, 0);
}

static uint32_t count_raw(struct blocks *bs)
{
    uint32_t n, raw = 0;
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    for (uint32_t i = 0; i < n; i++)
        raw += block_meta(open[i])->tier_ms == 0;
    blocks_give(open, n);
    return raw;
}

static void remove_all(struct blocks *bs, const char *dir)
{
    uint32_t n;
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    assert_int_equal(blocks_replace(bs, NULL, 0, open, n, NULL), 0);
    blocks_give(open, n);
    blocks_close(bs);
    assert_int_equal(rmdir(dir), 0);
}

static void test_days(void **state)
{
    char *dir = temp_dir();
    struct blocks *bs = blocks_open(dir, NULL);
    struct samples model[SERIES] = {0};
    struct merge_policy p = {.keep = {.tiers = {{5 * MINUTE, 0}, {HOUR, 0}}}, .block_ms = 2 * HOUR};
    struct rng r;
    (void)state;
    rng_seed(&r, 1);
    for (int64_t t = 0; t < 60 * HOUR; t += 2 * HOUR) {
        p.keep.now_ms = t + 2 * HOUR;
        write_block(&r, dir, bs, model, t, t + 2 * HOUR, MINUTE);
        if (t == 30 * HOUR) /* late */
            write_block(&r, dir, bs, model, t - 20 * HOUR, t - 18 * HOUR, MINUTE / 3);
        run(bs, dir, &p, false);
    }
    assert_true(count_raw(bs) <= 4);
    compare_raw(bs, model, INT64_MIN);
    compare_tier(bs, model, 5 * MINUTE, 54 * HOUR);
    compare_tier(bs, model, HOUR, 54 * HOUR);
    run(bs, dir, &p, true);
    assert_int_equal(count_raw(bs), 1);
    compare_raw(bs, model, INT64_MIN);
    compare_tier(bs, model, HOUR, 54 * HOUR);
    blocks_close(bs);
    bs = blocks_open(dir, NULL);
    compare_raw(bs, model, INT64_MIN);
    p.keep.now_ms = 62 * HOUR;
    p.keep.keep_ms = 1 * HOUR;
    run(bs, dir, &p, false);
    assert_int_equal(count_raw(bs), 0);
    compare_tier(bs, model, HOUR, 54 * HOUR);
    remove_all(bs, dir);
    for (uint32_t i = 0; i < SERIES; i++)
        samples_done(&model[i]);
}

static void test_rewrite(void **state)
{
    char *dir = temp_dir();
    struct blocks *bs = blocks_open(dir, NULL);
    struct samples model[SERIES] = {0};
    struct matcher *debug = matcher_new(MATCH_EQ, STR("job"), STR("debug"), NULL);
    const struct matcher *ms[] = {debug};
    struct tsdb_keep_rule rule = {ms, 1, HOUR};
    struct merge_policy p = {.keep = {.now_ms = 4 * HOUR, .rules = &rule, .n_rules = 1},
                             .block_ms = 2 * HOUR};
    struct merge_stats st = {0};
    struct rng r;
    uint32_t n, *ids, count;
    (void)state;
    rng_seed(&r, 2);
    write_block(&r, dir, bs, model, 0, 2 * HOUR, MINUTE);
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    struct matcher *gone = matcher_new(MATCH_RE, STR("i"), STR("00[1-5]"), NULL);
    assert_int_equal(
        block_select(open[0], (const struct matcher *const[]){gone}, 1, &ids, &count, NULL), 0);
    assert_int_equal(block_delete(open[0], ids, count, 0, 2 * HOUR, NULL), 0);
    blocks_give(open, n);
    free(ids);
    assert_int_equal(merge_clean(bs, dir, &p, NULL, &st, NULL), 1);
    assert_int_equal(merge_clean(bs, dir, &p, NULL, &st, NULL), 0);
    assert_int_equal(st.rewrites, 1);
    open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    assert_int_equal(n, 1);
    assert_int_equal(
        block_select(open[0], (const struct matcher *const[]){gone}, 1, &ids, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(ids);
    assert_int_equal(block_select(open[0], ms, 1, &ids, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(ids);
    blocks_give(open, n);
    atomic_bool stop = true;
    struct err err;
    write_block(&r, dir, bs, model, 0, 2 * HOUR, MINUTE);
    assert_int_equal(merge_step(bs, dir, &p, &stop, true, &st, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(count_raw(bs), 2);
    remove_all(bs, dir);
    matcher_free(debug);
    matcher_free(gone);
    for (uint32_t i = 0; i < SERIES; i++)
        samples_done(&model[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),      cmocka_unit_test(test_plan_late_tier),
        cmocka_unit_test(test_plan_keep), cmocka_unit_test(test_cutoff),
        cmocka_unit_test(test_reduce),    cmocka_unit_test(test_days),
        cmocka_unit_test(test_rewrite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
