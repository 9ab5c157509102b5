/* The model and the store of the tests (tsdb_helper.h): sorted arrays, and the verdicts that tsdb.h promises. */
#include "tsdb_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct model *clock_model; /* one at a time */

static int64_t model_now(void)
{
    return clock_model->now;
}

struct model *model_new(void)
{
    struct model *m =
        mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(m != MAP_FAILED);
    m->now = MODEL_START;
    for (uint32_t i = 0; i < MODEL_SERIES; i++)
        m->series[i].newest = INT64_MIN;
    return m;
}

void model_free(struct model *m)
{
    munmap(m, sizeof(*m));
}

enum tsdb_verdict model_append(struct model *m, uint32_t i, int64_t t, double v, int64_t window_ms)
{
    struct model_series *s = &m->series[i];
    uint32_t at = s->n;
    while (at > 0 && s->t[at - 1] >= t)
        at--;
    if (at < s->n && s->t[at] == t)
        return f64_bits(s->v[at]) == f64_bits(v) ? TSDB_SAME : TSDB_DUPLICATE;
    if (s->newest != INT64_MIN && t < s->newest - window_ms)
        return TSDB_OUT_OF_ORDER;
    must(s->n < MODEL_SAMPLES);
    memmove(s->t + at + 1, s->t + at, (s->n - at) * sizeof(s->t[0]));
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(s->v[0]));
    s->t[at] = t;
    s->v[at] = v;
    s->n++;
    if (t > s->newest)
        s->newest = t;
    return TSDB_TAKEN;
}

void model_delete(struct model *m, uint32_t i, int64_t min_ms, int64_t max_ms)
{
    struct model_series *s = &m->series[i];
    uint32_t kept = 0;
    for (uint32_t k = 0; k < s->n; k++) {
        if (s->t[k] >= min_ms && s->t[k] <= max_ms)
            continue;
        s->t[kept] = s->t[k];
        s->v[kept++] = s->v[k];
    }
    s->n = kept;
}

/* --- comparing --- */

static void check_series(const struct model_series *want, struct series_set *set, uint32_t i)
{
    struct samples got = {0};
    struct err err = {0};
    int64_t t = 0;
    double v = 0;
    if (set->ops->read(set, i, INT64_MIN, INT64_MAX, COLUMN_RAW, &got, &err) < 0)
        fail_msg("%s", err.msg);
    for (uint32_t k = 0; k < got.n && k < want->n; k++) {
        if (got.t[k] != want->t[k] || f64_bits(got.v[k]) != f64_bits(want->v[k]))
            fail_msg("sample %u of %u: got %lld %g; want %lld %g", k, want->n, (long long)got.t[k],
                     got.v[k], (long long)want->t[k], want->v[k]);
    }
    assert_int_equal(got.n, want->n);
    if (want->n > 0) {
        uint32_t last = want->n - 1;
        assert_int_equal(set->ops->last(set, i, INT64_MIN, INT64_MAX, &t, &v, &err), 1);
        assert_int_equal(t, want->t[last]);
        assert_int_equal(f64_bits(v), f64_bits(want->v[last]));
        int64_t from = want->t[last / 3], to = want->t[last * 2 / 3];
        got.n = 0;
        assert_int_equal(set->ops->read(set, i, from, to, COLUMN_RAW, &got, &err), 0);
        assert_int_equal(got.n, last * 2 / 3 - last / 3 + 1);
        assert_int_equal(got.t[0], from);
        assert_int_equal(set->ops->last(set, i, from, to, &t, &v, &err), 1);
        assert_int_equal(t, to);
    }
    samples_done(&got);
}

void model_check(const struct model *m, struct tsdb *db)
{
    struct series_source src = tsdb_source(db);
    struct err err;
    struct matcher *all = matcher_new(MATCH_EQ, STR("__name__"), STR("m"), &err);
    const struct matcher *const matchers[] = {all};
    struct series_select q = {
        .matchers = matchers, .n_matchers = 1, .min_ms = INT64_MIN, .max_ms = INT64_MAX};
    struct series_set *set = src.ops->select(src.self, &q, &err);
    bool seen[MODEL_SERIES] = {false};
    assert_non_null(set);
    for (uint32_t i = 0; i < set->n; i++) {
        int64_t number;
        assert_int_equal(str_to_i64(set->ops->label(set, i, STR("i")), &number, NULL), 0);
        assert_false(seen[number]);
        seen[number] = true;
        check_series(&m->series[number], set, i);
    }
    for (uint32_t i = 0; i < MODEL_SERIES; i++)
        assert_true(seen[i] || m->series[i].n == 0);
    set->ops->free(set);
    matcher_free(all);
}

/* --- the store --- */

char *fresh_dir(void)
{
    char *dir = strdup("/tmp/belfry-tsdb-XXXXXX");
    must(dir != NULL && mkdtemp(dir) != NULL);
    return dir;
}

void drop_dir(char *dir)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    must(system(command) == 0);
    free(dir);
}

struct tsdb *open_db(const char *dir, const struct model *m)
{
    struct tsdb_options o = TSDB_OPTIONS;
    struct err err = {0};
    clock_model = m;
    o.dir = dir;
    o.manual = true;
    o.now_ms = model_now;
    struct tsdb *db = tsdb_open(&o, &err);
    if (!db)
        fail_msg("%s", err.msg);
    return db;
}

tsdb_ref series_of(struct tsdb *db, uint32_t i)
{
    char number[16], half[16];
    snprintf(number, sizeof(number), "%u", i);
    snprintf(half, sizeof(half), "h%u", i / 2);
    struct label_pair pairs[] = {
        {STR("__name__"), STR("m")}, {STR("half"), str_of(half)}, {STR("i"), str_of(number)}};
    struct labels l = {pairs, 3};
    struct err err = {0};
    tsdb_ref ref = tsdb_series(db, 0, &l, &err);
    if (!ref)
        fail_msg("%s", err.msg);
    return ref;
}

static double random_value(struct rng *r, uint32_t i)
{
    switch (i % 4) {
    case 0:
        return (double)rng_below(r, 1000);
    case 1:
        return (double)rng_below(r, 100000) / 100;
    case 2:
        return rng_unit(r);
    default:
        return rng_below(r, 20) ? 1 : f64_from_bits(STALE_NAN_BITS);
    }
}

static int64_t random_time(struct model *m, struct rng *r, uint32_t i)
{
    int64_t newest = m->series[i].newest;
    switch (rng_below(r, 24)) {
    case 0:
        return newest == INT64_MIN ? m->now : newest - (int64_t)rng_below(r, 700000);
    case 1:
        return newest == INT64_MIN ? m->now : newest;
    default:
        return m->now + (int64_t)rng_below(r, 3);
    }
}

void append_random(struct tsdb *db, struct model *m, struct rng *r, uint32_t rows)
{
    struct tsdb_row row[512] = {0};
    uint8_t want[512], got[512];
    struct err err = {0};
    must(rows <= 512);
    for (uint32_t k = 0; k < rows; k++) {
        uint32_t i = (uint32_t)rng_below(r, MODEL_SERIES);
        if (rng_below(r, 8) == 0)
            m->now += (int64_t)rng_below(r, 15000);
        int64_t t = random_time(m, r, i);
        double v = random_value(r, i);
        row[k] = (struct tsdb_row){series_of(db, i), t, v};
        want[k] = (uint8_t)model_append(m, i, t, v, 600000);
    }
    if (tsdb_append(db, row, rows, got, &err) < 0)
        fail_msg("%s", err.msg);
    for (uint32_t k = 0; k < rows; k++) {
        if (got[k] != want[k])
            fail_msg("row %u at %lld: got %u; want %u", k, (long long)row[k].t_ms, got[k], want[k]);
    }
}
