/* bench_block: what a block costs on the disk and to read. For developers. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../test/unit/tsdb/series_made.h"
#include "base/map.h"
#include "tsdb/block_priv.h"

/* Of this thread: others use the machine, too. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Pages of the mixed set alone, before there is an index: histograms of 12 buckets, gauges, counters, constants. */
static void pages(uint32_t n, int level, int64_t jitter, bool tight)
{
    enum { SERIES = 6000, INSTANCES = 10 };
    struct rng r;
    struct page_builder b;
    struct values_plan plan;
    struct buf out = BUF_INIT((size_t)1 << 30);
    vec_of(struct page_ref) refs = {0};
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_DCtx *unzstd = ZSTD_createDCtx();
    int64_t *t = malloc(INSTANCES * n * sizeof(*t));
    double *v = malloc(SERIES * n * sizeof(*v));
    size_t kind_bytes[4] = {0};
    rng_seed(&r, 7);
    for (int i = 0; i < INSTANCES; i++)
        made_times(&r, 1732190400000 + 77 * i, 15000, jitter, t + (size_t)i * n, n);
    for (uint32_t s = 0; s < SERIES;
         s++) { /* metrics of 100 series, the label sorted after is the instance's */
        double *at = v + (size_t)s * n;
        switch (s / 600 % 4) {
        case 0:
            made_values(&r, MADE_WALK, at, n);
            break;
        case 1:
            made_values(&r, MADE_COUNTER, at, n);
            break;
        case 2:
            for (uint32_t k = 0, sum; k < n; k++) {
                sum = s % 12 ? (uint32_t)((at - n)[k] - (k ? (at - n)[k - 1] : 0)) : 0;
                at[k] = (k ? at[k - 1] : 0) + sum +
                        (double)rng_below(&r, 1 + (s % 12 < 6 ? 4 * (s % 12) : 2 * (12 - s % 12)));
            }
            break;
        default:
            made_values(&r, MADE_CONSTANT, at, n);
        }
    }
    page_builder_init(&b);
    values_plan_init(&plan, PAGE_CHUNK_MAX);
    plan.tight = tight;
    int64_t t0 = cpu_ns();
    for (uint32_t s = 0; s < SERIES; s++) {
        uint32_t chunks = (n + 511) / 512, each = (n + chunks - 1) / chunks;
        for (uint32_t at = 0; at < n; at += each)
            page_builder_add(&b, &plan, s, COLUMN_RAW, t + s / 60 % INSTANCES * n + at,
                             v + (size_t)s * n + at, n - at < each ? n - at : each);
        if (page_builder_full(&b) || s % 600 == 599) {
            size_t before = out.len;
            page_builder_finish(&b, zstd, level, &out);
            b.ref.offset = before;
            vec_push(&refs, b.ref);
            kind_bytes[s / 600 % 4] += out.len - before;
            page_builder_clear(&b);
        }
    }
    int64_t t1 = cpu_ns(), best = INT64_MAX;
    struct page p;
    struct samples got = {0};
    page_init(&p);
    for (int round = 0; round < 5; round++) {
        int64_t from = cpu_ns();
        vec_each (&refs, ref) {
            must(page_open(&p, unzstd, 0, out.data + ref->offset, ref->len, NULL) == 0);
            for (uint32_t id = ref->first_id; id <= ref->last_id; id++) {
                got.n = 0;
                must(page_read(&p, id, COLUMN_RAW, INT64_MIN, INT64_MAX, &got, 0, NULL) == 0 &&
                     got.n == n);
                if (round == 0)
                    must(memcmp(got.v, v + (size_t)id * n, n * sizeof(*v)) == 0);
            }
        }
        int64_t took = cpu_ns() - from;
        best = took < best ? took : best;
    }
    printf(
        "%5u samples, zstd %d, jitter %lld%s: %.3f B/sample (walk %.2f counter %.2f buckets %.2f constant %.2f), write %.1f ns, read %.2f ns, %zu pages\n",
        n, level, (long long)jitter, tight ? ", tight" : "", (double)out.len / SERIES / n,
        (double)kind_bytes[0] / n / 1800, (double)kind_bytes[1] / n / 1800,
        (double)kind_bytes[2] / n / 1200, (double)kind_bytes[3] / n / 1200,
        (double)(t1 - t0) / SERIES / n, (double)best / SERIES / n, refs.n);
    page_done(&p);
    page_builder_done(&b);
    values_plan_done(&plan);
    samples_done(&got);
    buf_done(&out);
    vec_done(&refs);
    ZSTD_freeCCtx(zstd);
    ZSTD_freeDCtx(unzstd);
    free(t);
    free(v);
}

/* A whole block of the mixed set as Kubernetes would name it: 10 labels, 76 % of the series change at each scrape. */
struct mixed {
    uint32_t targets, per_target, samples;
    int64_t step_ms, span_ms;
};

static int by_labels(const void *a, const void *b)
{
    return labels_compare(a, b);
}

static struct labels *name_all(struct arena *a, const struct mixed *m)
{
    uint32_t n = m->targets * m->per_target;
    struct labels *all = malloc(n * sizeof(*all));
    struct labels_builder b = {0};
    must(all);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t target = i / m->per_target, k = i % m->per_target, metric = k / 24, part = k % 24;
        struct labels l;
        labels_builder_clear(&b);
        labels_builder_add(
            &b, STR("__name__"),
            str_of(arena_printf(a, "app_%s_%u_%s", metric % 3 ? "requests" : "memory", metric,
                                metric % 4 == 2 ? "seconds_bucket" : "total")));
        labels_builder_add(&b, STR("cluster"), STR("eu-west-1"));
        labels_builder_add(&b, STR("container"), str_of(arena_printf(a, "c%u", metric % 7)));
        labels_builder_add(&b, STR("endpoint"), STR("http-metrics"));
        labels_builder_add(&b, STR("instance"), str_of(arena_printf(a, "10.1.%u.7:9100", target)));
        labels_builder_add(&b, STR("job"), STR("kubernetes-pods"));
        labels_builder_add(&b, STR("namespace"), str_of(arena_printf(a, "team-%u", target % 8)));
        labels_builder_add(&b, STR("node"),
                           str_of(arena_printf(a, "ip-10-1-%u-7.internal", target % 5)));
        labels_builder_add(&b, STR("pod"),
                           str_of(arena_printf(a, "app-%08x-%05x", target * 2654435761u,
                                               (target * 40503u + metric) & 0xfffff)));
        if (metric % 4 == 2) {
            labels_builder_add(&b, STR("le"),
                               str_of(arena_printf(a, "%g", 0.005 * (1 << part % 12))));
            labels_builder_add(&b, STR("method"), part < 12 ? STR("GET") : STR("POST"));
        } else {
            labels_builder_add(&b, STR("shard"), str_of(arena_printf(a, "%u", part)));
        }
        must(labels_builder_finish(&b, &l, NULL) == 0);
        all[i] = labels_dup(a, &l);
    }
    labels_builder_done(&b);
    qsort(all, n, sizeof(*all), by_labels);
    return all;
}

static void mixed_values(struct rng *r, const struct labels *l, double *v, double *before,
                         uint32_t n)
{
    struct str metric = labels_metric(l), le = labels_get(l, STR("le"));
    uint64_t h = hash_bytes(metric.p, metric.n, 1);
    if (le.n >
        0) { /* what the bucket before counts, and some more; sorted as text, so not always */
        bool first = le.p[1] == 0;
        for (uint32_t k = 0; k < n; k++) {
            double rise = first || le.n < 5 ? 0 : before[k] - (k ? before[k - 1] : 0);
            v[k] = (k ? v[k - 1] : 0) + rise + (double)rng_below(r, 3);
        }
        memcpy(before, v, n * sizeof(*v));
        return;
    }
    made_values(r, rng_below(r, 100) < 24 ? MADE_CONSTANT : h % 2 ? MADE_WALK : MADE_COUNTER, v, n);
}

static void whole(const struct mixed *m, uint32_t level)
{
    char dir[] = "/tmp/bench-block-XXXXXX";
    uint32_t n = m->targets * m->per_target;
    struct arena *a = arena_new();
    struct labels *all = name_all(a, m);
    struct block_meta meta = {.min_ms = 0, .max_ms = m->span_ms, .level = level}, out;
    struct samples s = {0}, got = {0};
    struct rng r;
    struct err err;
    double *before = calloc(m->samples, sizeof(*before));
    rng_seed(&r, 3);
    must(before && mkdtemp(dir));
    samples_reserve(&s, m->samples);
    s.n = m->samples;
    struct block_writer *w = block_writer_new(dir, &meta, &err);
    int64_t spent = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct str instance = labels_get(&all[i], STR("instance"));
        int64_t phase = (int64_t)(hash_bytes(instance.p, instance.n, 0) % 4000);
        made_times(&r, phase, m->step_ms, 0, s.t, s.n);
        mixed_values(&r, &all[i], s.v, before, s.n);
        int64_t t0 = cpu_ns();
        must(block_writer_series(w, &all[i], &err) == 0 &&
             block_writer_samples(w, COLUMN_RAW, &s, &err) == 0);
        spent += cpu_ns() - t0;
    }
    int64_t t1 = cpu_ns();
    must(block_writer_finish(w, &out, &err) == 0);
    int64_t t2 = cpu_ns();
    struct block *b = block_open(dir, out.name, &err);
    int64_t t3 = cpu_ns(), best = INT64_MAX, labels = 0;
    must(b);
    for (int round = 0; round < 3; round++) {
        int64_t from = cpu_ns();
        for (uint32_t i = 0; i < n; i++) {
            got.n = 0;
            must(block_read(b, i, 0, m->span_ms, COLUMN_RAW, &got, &err) == 0 &&
                 got.n == m->samples);
        }
        int64_t took = cpu_ns() - from;
        best = took < best ? took : best;
        struct arena *each = arena_new();
        from = cpu_ns();
        for (uint32_t i = 0; i < n; i++) {
            must(block_labels(b, i, each).n > 0);
            arena_reset(each);
        }
        labels = cpu_ns() - from;
        arena_free(each);
    }
    double count = (double)n * m->samples;
    struct out {
        uint64_t chunks, index;
    } bytes = {b->chunks_size, b->index_size};
    printf(
        "%u series x %u, level %u: chunks %.3f B/sample, index %.1f B/series, all %.1f B/series\n",
        n, m->samples, level, (double)bytes.chunks / count, (double)bytes.index / n,
        (double)(bytes.chunks + bytes.index) / n);
    printf(
        "    write %.1f ns/sample, finish %.0f ms, open %.2f ms, read %.2f ns/sample, labels %.0f ns/series\n",
        (double)spent / count, (double)(t2 - t1) / 1e6, (double)(t3 - t2) / 1e6,
        (double)best / count, (double)labels / n);
    static const char *const names[] = {"symbols", "names", "shapes", "series",
                                        "values",  "lists", "none",   "pages"};
    for (int k = 0; k < BLOCK_SECTIONS; k++) {
        uint64_t sum =
            b->section[k].n * (uint64_t)(k == SECTION_CHUNKS ? PAGE_REF_BYTES : INDEX_PAGE_BYTES);
        for (uint32_t p = 0; k != SECTION_CHUNKS && p < b->section[k].n; p++) {
            struct cur c;
            sum += block__page(b, k, p, &c, NULL) ? cur_left(&c) : 0;
        }
        printf("    %s %.2f", names[k], (double)sum / n);
    }
    printf(" B/series\n");
    block_doom(b);
    block_unref(b);
    rmdir(dir);
    samples_done(&s);
    samples_done(&got);
    free(before);
    free(all);
    arena_free(a);
}

int main(int argc, char **argv)
{
    if (argc > 1 && *argv[1] == 'w') {
        whole(&(struct mixed){10, 6000, 65, 5000, 600000}, 1);
        whole(&(struct mixed){10, 6000, 65, 5000, 600000}, 2);
        whole(&(struct mixed){50, 120, 1440, 15000, 21600000}, 2);
        return 0;
    }
    static const uint32_t lengths[] = {65, 480, 1440};
    for (size_t l = 0; l < array_len(lengths); l++) {
        for (int level = 1; level <= 5; level += 2)
            pages(lengths[l], level, 0, level > 1);
        pages(lengths[l], 3, 0, false);
        pages(lengths[l], 3, 20, true);
    }
    return 0;
}
