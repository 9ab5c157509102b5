/* bench_block: what a block costs on the disk and to read. For developers. */
#include <stdio.h>
#include <stdlib.h>

#include "../../test/unit/tsdb/series_made.h"
#include "base/clock.h"
#include "tsdb/block_priv.h"

/* Pages of the mixed set alone, before there is an index: histograms of 12 buckets, gauges, counters, constants. */
static void pages(uint32_t n, int level, int64_t jitter)
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
    int64_t t0 = clock_mono_ns();
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
    int64_t t1 = clock_mono_ns(), best = INT64_MAX;
    struct page p;
    struct samples got = {0};
    page_init(&p);
    for (int round = 0; round < 5; round++) {
        int64_t from = clock_mono_ns();
        vec_each (&refs, ref) {
            must(page_open(&p, unzstd, 0, out.data + ref->offset, ref->len, NULL) == 0);
            for (uint32_t id = ref->first_id; id <= ref->last_id; id++) {
                got.n = 0;
                must(page_read(&p, id, COLUMN_RAW, INT64_MIN, INT64_MAX, &got, NULL) == 0 &&
                     got.n == n);
                if (round == 0)
                    must(memcmp(got.v, v + (size_t)id * n, n * sizeof(*v)) == 0);
            }
        }
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    printf(
        "%5u samples, zstd %d, jitter %lld: %.3f B/sample (walk %.2f counter %.2f buckets %.2f constant %.2f), write %.1f ns, read %.2f ns, %zu pages\n",
        n, level, (long long)jitter, (double)out.len / SERIES / n, (double)kind_bytes[0] / n / 1800,
        (double)kind_bytes[1] / n / 1800, (double)kind_bytes[2] / n / 1200,
        (double)kind_bytes[3] / n / 1200, (double)(t1 - t0) / SERIES / n, (double)best / SERIES / n,
        refs.n);
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

int main(void)
{
    static const uint32_t lengths[] = {65, 480, 1440};
    for (size_t l = 0; l < array_len(lengths); l++) {
        for (int level = 1; level <= 5; level += 2)
            pages(lengths[l], level, 0);
        pages(lengths[l], 3, 20);
    }
    return 0;
}
