/* Blocks: what was written is read back, bit for bit, by every matcher, label and range; damage costs what it hit; deletions
 * are seen at once and survive. Against a plain model of the same series. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "series_made.h"
#include "tsdb/block.h"
#include "tsdb/block_priv.h"

#define HOUR INT64_C(3600000)

struct model {
    struct arena *arena;
    uint32_t n;
    struct labels *labels;
    struct samples *samples;
};

static int by_labels(const void *a, const void *b)
{
    return labels_compare(a, b);
}

static void add_label(struct model *m, struct labels_builder *b, const char *name, const char *fmt,
                      uint64_t v)
{
    labels_builder_add(b, str_of(name), str_of(arena_printf(m->arena, fmt, (unsigned long long)v)));
}

/* n series of some metrics with labels of few and of many values; samples within [0, span). */
static struct model make(uint64_t seed, uint32_t n, int64_t span, int64_t step)
{
    struct rng r;
    struct model m = {.arena = arena_new(), .n = n};
    struct labels_builder b = {0};
    rng_seed(&r, seed);
    m.labels = calloc(n, sizeof(*m.labels));
    m.samples = calloc(n, sizeof(*m.samples));
    for (uint32_t i = 0; i < n; i++) {
        struct labels l;
        labels_builder_clear(&b);
        add_label(&m, &b, "__name__", "metric_%llu_total", rng_below(&r, 1 + n / 40));
        add_label(&m, &b, "instance", "10.0.0.%llu:9100", rng_below(&r, 20));
        if (rng_below(&r, 3) == 0)
            add_label(&m, &b, "le", "%llu.5", rng_below(&r, 10));
        if (rng_below(&r, 2) == 0)
            add_label(&m, &b, "Zone", "z%llu", rng_below(&r, 2));
        add_label(&m, &b, "uid", "%016llx", i);
        assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
        m.labels[i] = labels_dup(m.arena, &l);
    }
    qsort(m.labels, n, sizeof(*m.labels), by_labels);
    for (uint32_t i = 0; i < n; i++) {
        struct samples *s = &m.samples[i];
        uint32_t count = (uint32_t)(span / step);
        samples_reserve(s, count);
        made_times(&r, (int64_t)rng_below(&r, 3) * 7, step, i % 3 ? 0 : 50, s->t, count);
        made_values(&r, (enum made_kind)rng_below(&r, MADE_KINDS), s->v, count);
        s->n = count;
        if (i % 5 == 0) { /* short-lived */
            uint32_t from = (uint32_t)rng_below(&r, count), left = count - from;
            s->n = 1 + (uint32_t)rng_below(&r, left);
            memmove(s->t, s->t + from, s->n * sizeof(*s->t));
            memmove(s->v, s->v + from, s->n * sizeof(*s->v));
        }
    }
    labels_builder_done(&b);
    return m;
}

static void model_done(struct model *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        samples_done(&m->samples[i]);
    free(m->samples);
    free(m->labels);
    arena_free(m->arena);
}

static char *temp_dir(void)
{
    static char dir[64];
    snprintf(dir, sizeof(dir), "/tmp/belfry-block-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static struct block_meta write_model(const char *dir, const char *name, const struct model *m,
                                     int64_t span)
{
    struct err err;
    struct block_meta meta = {.min_ms = 0, .max_ms = span, .level = 2}, out;
    snprintf(meta.name, sizeof(meta.name), "%s", name);
    struct block_writer *w = block_writer_new(dir, &meta, &err);
    assert_non_null(w);
    for (uint32_t i = 0; i < m->n; i++) {
        assert_int_equal(block_writer_series(w, &m->labels[i], &err), 0);
        assert_int_equal(block_writer_samples(w, COLUMN_RAW, &m->samples[i], &err), 0);
    }
    assert_int_equal(block_writer_finish(w, &out, &err), 0);
    return out;
}

static void read_same(struct block *b, const struct model *m, uint32_t i, int64_t min, int64_t max)
{
    struct samples got = {0};
    const struct samples *s = &m->samples[i];
    uint32_t from = 0, to;
    while (from < s->n && s->t[from] < min)
        from++;
    for (to = from; to < s->n && s->t[to] <= max;)
        to++;
    assert_int_equal(block_read(b, i, min, max, COLUMN_RAW, &got, NULL), 0);
    assert_int_equal(got.n, to - from);
    if (got.n > 0) {
        assert_memory_equal(got.t, s->t + from, got.n * sizeof(*got.t));
        assert_memory_equal(got.v, s->v + from, got.n * sizeof(*got.v));
        assert_true(block_has(b, i, min, max));
    }
    samples_done(&got);
}

static void check_labels(struct block *b, const struct model *m, uint32_t i)
{
    struct arena *a = arena_new();
    struct labels l = block_labels(b, i, a);
    assert_true(labels_equal(&l, &m->labels[i]));
    assert_int_equal(block_identity(b, i, 1).hash, labels_hash(&l));
    assert_true(str_eq(block_label(b, i, STR("le")), labels_get(&l, STR("le"))));
    assert_true(str_eq(block_label(b, i, STR("uid")), labels_get(&l, STR("uid"))));
    assert_int_equal(block_label(b, i, STR("none")).n, 0);
    arena_free(a);
}

static void test_round_trip(void **state)
{
    static const struct {
        uint32_t n;
        int64_t span, step;
    } cases[] = {{1, HOUR, 15000},
                 {63, HOUR, 15000},
                 {65, 6 * HOUR, 15000},
                 {3000, 2 * HOUR, 120000},
                 {20, 200 * HOUR, 60000}};
    (void)state;
    for (size_t c = 0; c < array_len(cases); c++) {
        char *dir = temp_dir();
        struct rng r;
        struct model m = make(c, cases[c].n, cases[c].span, cases[c].step);
        struct block_meta meta = write_model(dir, "one", &m, cases[c].span);
        struct block *b = block_open(dir, "one", NULL);
        uint64_t bad;
        assert_non_null(b);
        assert_int_equal(meta.series, m.n);
        assert_int_equal(block_meta(b)->samples, meta.samples);
        assert_int_equal(block_meta(b)->level, 2);
        assert_int_equal(block_series_count(b), m.n);
        rng_seed(&r, c);
        for (uint32_t i = 0; i < m.n; i++) {
            read_same(b, &m, i, INT64_MIN, INT64_MAX);
            check_labels(b, &m, i);
        }
        for (int k = 0; k < 500; k++) {
            int64_t min = (int64_t)rng_below(&r, (uint64_t)cases[c].span);
            read_same(b, &m, (uint32_t)rng_below(&r, m.n), min, min + (int64_t)rng_below(&r, HOUR));
            check_labels(b, &m, (uint32_t)rng_below(&r, m.n));
        }
        assert_int_equal(block_verify(b, &bad, NULL), 0);
        assert_int_equal(block_damaged(b), 0);
        block_doom(b);
        block_unref(b);
        assert_int_equal(rmdir(dir), 0);
        model_done(&m);
    }
}

static void check_select(struct block *b, const struct model *m, const struct matcher *const *ms,
                         size_t n)
{
    uint32_t *ids, count, k = 0;
    assert_int_equal(block_select(b, ms, n, &ids, &count, NULL), 0);
    for (uint32_t i = 0; i < m->n; i++) {
        if (!matcher_test_all(ms, n, &m->labels[i]))
            continue;
        assert_true(k < count);
        assert_int_equal(ids[k++], i);
    }
    assert_int_equal(k, count);
    free(ids);
}

static void test_select(void **state)
{
    static const struct {
        enum matcher_op op;
        const char *name, *value;
    } all[] = {
        {MATCH_EQ, "__name__", "metric_3_total"},
        {MATCH_NE, "__name__", "metric_3_total"},
        {MATCH_EQ, "__name__", "none"},
        {MATCH_RE, "__name__", "metric_[1-3]_total"},
        {MATCH_RE, "le", "1.5|2.5"},
        {MATCH_RE, "le", "1.5|"},
        {MATCH_NRE, "le", "1.5|2.5"},
        {MATCH_NE, "le", ""},
        {MATCH_EQ, "le", ""},
        {MATCH_RE, "le", ".+"},
        {MATCH_RE, "le", ".*"},
        {MATCH_NRE, "le", ".+"},
        {MATCH_NRE, "le", ".*"},
        {MATCH_RE, "instance", "10.0.0.1.*"},
        {MATCH_EQ, "none", ""},
        {MATCH_NE, "none", "x"},
        {MATCH_RE, "none", ".+"},
        {MATCH_RE, "uid", "0+1[0-9a-f]*"},
        {MATCH_EQ, "uid", "0000000000000007"},
        {MATCH_NE, "Zone", "z1"},
    };
    struct matcher *m[array_len(all)];
    char *dir = temp_dir();
    struct model model = make(77, 2500, HOUR, 600000);
    (void)state;
    write_model(dir, "one", &model, HOUR);
    struct block *b = block_open(dir, "one", NULL);
    assert_non_null(b);
    for (size_t i = 0; i < array_len(all); i++) {
        m[i] = matcher_new(all[i].op, str_of(all[i].name), str_of(all[i].value), NULL);
        check_select(b, &model, (const struct matcher *const *)&m[i], 1);
    }
    for (size_t i = 0; i < array_len(all); i++) {
        for (size_t k = 0; k < array_len(all); k++) {
            const struct matcher *two[] = {m[i], m[k]};
            check_select(b, &model, two, 2);
        }
    }
    check_select(b, &model, NULL, 0);
    for (size_t i = 0; i < array_len(all); i++)
        matcher_free(m[i]);
    block_doom(b);
    block_unref(b);
    rmdir(dir);
    model_done(&model);
}

struct seen {
    char last[64];
    uint32_t n, stop_at;
};

static bool see(void *arg, struct str s)
{
    struct seen *seen = arg;
    char now[64];
    snprintf(now, sizeof(now), "%.*s", (int)s.n, s.p);
    assert_true(strcmp(seen->last, now) < 0);
    memcpy(seen->last, now, sizeof(now));
    return ++seen->n != seen->stop_at;
}

static void test_values(void **state)
{
    char *dir = temp_dir();
    struct model m = make(5, 1000, HOUR, 600000);
    (void)state;
    write_model(dir, "one", &m, HOUR);
    struct block *b = block_open(dir, "one", NULL);
    struct seen names = {{0}, 0, 0}, uids = names, some = {{0}, 0, 3}, none = names;
    block_label_names(b, see, &names);
    assert_int_equal(names.n, 5);
    block_label_values(b, STR("uid"), see, &uids);
    assert_int_equal(uids.n, 1000);
    block_label_values(b, STR("instance"), see, &some);
    assert_int_equal(some.n, 3);
    block_label_values(b, STR("nothing"), see, &none);
    assert_int_equal(none.n, 0);
    block_doom(b);
    block_unref(b);
    rmdir(dir);
    model_done(&m);
}

static void test_refused(void **state)
{
    char *dir = temp_dir();
    struct model m = make(6, 3, HOUR, 60000);
    struct err err;
    struct block_meta meta = {.name = "x", .max_ms = HOUR, .level = 1}, out;
    (void)state;
    struct block_writer *w = block_writer_new(dir, &meta, &err);
    assert_int_equal(block_writer_series(w, &m.labels[1], &err), 0);
    assert_int_equal(block_writer_series(w, &m.labels[0], &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    m.samples[1].t[0] = -1;
    assert_int_equal(block_writer_samples(w, COLUMN_RAW, &m.samples[1], &err), -1);
    block_writer_abort(w);
    w = block_writer_new(dir, &meta, &err);
    assert_int_equal(block_writer_finish(w, &out, &err), 0);
    assert_string_equal(out.name, "");
    assert_null(block_open(dir, "x", &err));
    assert_int_equal(err.code, ERR_DAMAGED);
    block_writer_abort(block_writer_new(dir, &meta, &err));
    assert_int_equal(rmdir(dir), 0);
    model_done(&m);
}

static void test_sweep(void **state)
{
    char *dir = temp_dir(), path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/half.tmp", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/half.tmp/index", dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(block_sweep(dir, NULL), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_tier(void **state)
{
    char *dir = temp_dir();
    struct model m = make(9, 40, HOUR, 60000);
    struct block_meta meta = {.name = "t", .max_ms = 2 * HOUR, .tier_ms = 300000, .level = 2}, out;
    struct block_writer *w = block_writer_new(dir, &meta, NULL);
    (void)state;
    for (uint32_t i = 0; i < m.n; i++) {
        block_writer_series(w, &m.labels[i], NULL);
        for (int c = COLUMN_COUNT; c <= COLUMN_INCREASE; c++) {
            m.samples[i].v[0] = c;
            assert_int_equal(block_writer_samples(w, (enum series_column)c, &m.samples[i], NULL),
                             0);
        }
    }
    assert_int_equal(block_writer_finish(w, &out, NULL), 0);
    struct block *b = block_open(dir, "t", NULL);
    assert_int_equal(block_meta(b)->tier_ms, 300000);
    for (uint32_t i = 0; i < m.n; i++) {
        for (int c = COLUMN_RAW; c <= COLUMN_INCREASE; c++) {
            struct samples got = {0};
            assert_int_equal(block_read(b, i, 0, INT64_MAX, (enum series_column)c, &got, NULL), 0);
            assert_int_equal(got.n, c == COLUMN_RAW ? 0 : m.samples[i].n);
            if (got.n > 0)
                assert_true(got.v[0] == c);
            samples_done(&got);
        }
    }
    block_doom(b);
    block_unref(b);
    rmdir(dir);
    model_done(&m);
}

static void test_delete(void **state)
{
    char *dir = temp_dir(), path[128];
    struct model m = make(10, 100, HOUR, 15000);
    uint32_t ids[] = {0, 7, 99}, more[] = {7};
    struct samples got = {0};
    (void)state;
    write_model(dir, "one", &m, HOUR);
    struct block *b = block_open(dir, "one", NULL);
    assert_false(block_has_deletions(b));
    assert_int_equal(block_delete(b, ids, 3, 600000, 1200000, NULL), 0);
    assert_int_equal(block_delete(b, more, 1, 3000000, INT64_MAX, NULL), 0);
    assert_true(block_has_deletions(b));
    for (int round = 0; round < 2; round++) {
        got.n = 0;
        assert_int_equal(block_read(b, 7, 0, INT64_MAX, COLUMN_RAW, &got, NULL), 0);
        assert_true(got.n > 0 && got.n < m.samples[7].n);
        for (uint32_t i = 0; i < got.n; i++)
            assert_true((got.t[i] < 600000 || got.t[i] > 1200000) && got.t[i] < 3000000);
        read_same(b, &m, 8, 0, INT64_MAX);
        read_same(b, &m, 0, 1200001, INT64_MAX);
        block_unref(b);
        b = block_open(dir, "one", NULL);
        assert_true(block_meta(b)->has_deletions);
    }
    samples_done(&got);
    snprintf(path, sizeof(path), "%s/copy", dir);
    mkdir(path, 0700);
    assert_int_equal(block_link(b, path, NULL), 0);
    struct block *copy = block_open(path, "one", NULL);
    assert_non_null(copy);
    block_doom(b);
    block_unref(b);
    assert_true(block_has_deletions(copy));
    read_same(copy, &m, 8, 0, INT64_MAX);
    block_doom(copy);
    block_unref(copy);
    rmdir(path);
    assert_int_equal(rmdir(dir), 0);
    model_done(&m);
}

static bool see_any(void *arg, struct str s)
{
    *(size_t *)arg += s.n;
    return true;
}

/* All that can be asked of a block that may be damaged anywhere. */
static void ask_all(struct block *b, const struct model *m, uint32_t *whole)
{
    struct arena *a = arena_new();
    struct matcher *name = matcher_new(MATCH_RE, STR("__name__"), STR("metric_1.*"), NULL);
    struct matcher *le = matcher_new(MATCH_NE, STR("le"), STR("1.5"), NULL);
    const struct matcher *two[] = {name, le};
    uint32_t *ids = NULL, n;
    size_t bytes = 0;
    if (block_select(b, two, 2, &ids, &n, NULL) == 0)
        free(ids);
    block_label_names(b, see_any, &bytes);
    block_label_values(b, STR("uid"), see_any, &bytes);
    for (uint32_t i = 0; i < block_series_count(b) && i < m->n; i++) {
        struct samples got = {0};
        struct labels l = block_labels(b, i, a);
        block_has(b, i, 0, HOUR);
        block_identity(b, i, 1);
        int rc = block_read(b, i, 0, INT64_MAX, COLUMN_RAW, &got, NULL);
        *whole += rc == 0 && labels_equal(&l, &m->labels[i]) && got.n == m->samples[i].n;
        samples_done(&got);
    }
    matcher_free(name);
    matcher_free(le);
    arena_free(a);
}

/* The file with a bit flipped or its end cut off. */
static void damage(const char *path, const struct buf *whole, struct rng *r)
{
    struct buf out = BUF_INIT(1 << 28);
    size_t at = rng_below(r, whole->len);
    buf_add(&out, whole->data, whole->len);
    out.data[at] ^= (char)(1 << rng_below(r, 8));
    assert_int_equal(
        fs_write_atomic(path, out.data, rng_below(r, 20) ? out.len : at, 0600, false, NULL), 0);
    buf_done(&out);
}

static void test_damage(void **state)
{
    struct model m = make(12, 400, HOUR, 30000);
    struct rng r;
    struct log_config quiet = {.level = LOG_ERROR, .file = "/dev/null"};
    char *dir = temp_dir(), path[2][128];
    struct buf whole[2] = {BUF_INIT(1 << 28), BUF_INIT(1 << 28)};
    uint32_t opened = 0;
    (void)state;
    log_open(&quiet, NULL);
    rng_seed(&r, 4);
    write_model(dir, "one", &m, HOUR);
    for (int k = 0; k < 2; k++) {
        snprintf(path[k], sizeof(path[k]), "%s/one/%s", dir, k ? "index" : "chunks");
        assert_int_equal(fs_read(path[k], &whole[k], NULL), 0);
    }
    for (int round = 0; round < 200; round++) {
        int k = round % 3 > 0;
        uint32_t sound = 0;
        uint64_t bad = 0;
        damage(path[k], &whole[k], &r);
        struct block *b = block_open(dir, "one", NULL);
        if (b) {
            opened++;
            block_verify(b, &bad, NULL);
            ask_all(b, &m, &sound);
            assert_true(k == 1 || sound < m.n || bad == 0);
        }
        block_unref(b);
        assert_int_equal(fs_write_atomic(path[k], whole[k].data, whole[k].len, 0600, false, NULL),
                         0);
    }
    assert_true(opened > 60);
    struct block *b = block_open(dir, "one", NULL);
    assert_non_null(b);
    block_doom(b);
    block_unref(b);
    assert_int_equal(rmdir(dir), 0);
    buf_done(&whole[0]);
    buf_done(&whole[1]);
    log_close();
    model_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_select),
        cmocka_unit_test(test_values),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sweep),      cmocka_unit_test(test_tier),
        cmocka_unit_test(test_delete),     cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
