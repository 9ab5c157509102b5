/* bench_chunk: bytes and nanoseconds a sample of each kind of series, coding and decoding chunks. For developers. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../test/unit/tsdb/series_made.h"
#include "tsdb/chunk.h"

/* Of this thread: others use the machine, too. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define CHUNKS 512

static const char *const names[MADE_KINDS] = {
    [MADE_WALK] = "random walk, 2 decimals",
    [MADE_COUNTER] = "counter, 2 decimals",
    [MADE_INTEGER] = "counter, whole",
    [MADE_CONSTANT] = "constant",
    [MADE_RARE] = "changes rarely",
    [MADE_BYTES] = "multiples of 4096",
    [MADE_RATIO] = "ratios, all bits",
    [MADE_NANS] = "markers, NaN, infinities",
    [MADE_BITS] = "random bits",
};

static void one_kind(enum made_kind kind, uint32_t n, int64_t jitter)
{
    struct rng r;
    rng_seed(&r, 42);
    double *v = malloc(CHUNKS * n * sizeof(*v));
    int64_t *t = malloc(n * sizeof(*t));
    size_t *end = malloc(CHUNKS * sizeof(*end));
    struct buf out = BUF_INIT((size_t)1 << 30);
    struct samples s = {0};
    must(v && t && end);
    made_times(&r, 1732190400000, 15000, jitter, t, n);
    for (uint32_t i = 0; i < CHUNKS; i++)
        made_values(&r, kind, v + (size_t)i * n, n);
    int64_t t0 = cpu_ns();
    for (uint32_t i = 0; i < CHUNKS; i++) {
        chunk_encode(t, v + (size_t)i * n, n, &out);
        end[i] = out.len;
    }
    int64_t t1 = cpu_ns(), best = INT64_MAX;
    for (int round = 0; round < 5; round++) {
        int64_t from = cpu_ns();
        for (uint32_t i = 0; i < CHUNKS; i++) {
            size_t at = i ? end[i - 1] : 0;
            s.n = 0;
            must(chunk_decode(out.data + at, end[i] - at, &s, NULL) == 0 && s.n == n);
            if (round == 0)
                must(memcmp(s.v, v + (size_t)i * n, n * sizeof(*v)) == 0);
        }
        int64_t took = cpu_ns() - from;
        best = took < best ? took : best;
    }
    double samples = (double)CHUNKS * n;
    printf("%-26s %5u samples %7.3f B/sample  encode %6.1f ns  decode %5.2f ns\n", names[kind], n,
           (double)out.len / samples, (double)(t1 - t0) / samples, (double)best / samples);
    samples_done(&s);
    buf_done(&out);
    free(v);
    free(t);
    free(end);
}

int main(void)
{
    static const uint32_t lengths[] = {65, 256, 1440};
    for (size_t l = 0; l < array_len(lengths); l++) {
        for (int kind = 0; kind < MADE_KINDS; kind++)
            one_kind((enum made_kind)kind, lengths[l], 0);
    }
    one_kind(MADE_WALK, 256, 5);
    return 0;
}
