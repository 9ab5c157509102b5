/* Chunks as a damaged disk may hold them: decoded, and what decodes is coded again and comes back the same. And any samples
 * are coded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/chunk_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const int64_t *t, const double *v, uint32_t n)
{
    struct buf out = BUF_INIT(1 << 20);
    struct samples s = {0};
    chunk_encode(t, v, n, &out);
    must(chunk_decode(out.data, out.len, &s, NULL) == 0 && s.n == n);
    must(memcmp(s.t, t, n * sizeof(*t)) == 0 && memcmp(s.v, v, n * sizeof(*v)) == 0);
    samples_done(&s);
    buf_done(&out);
}

/* As blocks code values: with digits. */
static void round_trip_tight(const double *v, uint32_t n)
{
    static double back[CHUNK_SAMPLES_MAX];
    struct buf out = BUF_INIT(1 << 20);
    struct values_plan p;
    struct values_reader r;
    values_plan_init(&p, n);
    p.tight = true;
    values_prepare(&p, v, n);
    values_write(&p, v, n, NULL, &(struct ints_sink){&out, &out, &out, &out});
    struct cur c = CUR_INIT(out.data, out.len);
    must(values_open(&r, &(struct ints_input){&c, &c, &c, &c}, n) == 0 && cur_left(&c) == 0);
    values_decode(&r, NULL, 0, n, back);
    must(memcmp(back, v, n * sizeof(*v)) == 0);
    values_plan_done(&p);
    buf_done(&out);
}

static void as_samples(const uint8_t *data, size_t size)
{
    static int64_t t[CHUNK_SAMPLES_MAX];
    static double v[CHUNK_SAMPLES_MAX];
    uint32_t n = 0;
    int64_t at = 0;
    for (; size >= 10 && n < CHUNK_SAMPLES_MAX; size -= 10, data += 10, n++) {
        at += 1 + (data[0] | data[1] << 8);
        t[n] = at;
        memcpy(&v[n], data + 2, sizeof(*v));
        if (data[0] & 1) /* something decimal */
            v[n] = (double)(int16_t)f64_bits(v[n]) / 100;
    }
    if (n > 0) {
        round_trip(t, v, n);
        round_trip_tight(v, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct samples s = {0};
    uint32_t n;
    if (chunk_decode(data, size, &s, NULL) == 0) {
        must(chunk_count(data, size, &n, NULL) == 0 && n == s.n);
        round_trip(s.t, s.v, s.n);
        struct samples part = {0};
        must(chunk_decode_range(data, size, s.t[n / 2], s.t[n - 1], &part, NULL) == 0);
        must(part.n == n - n / 2 && part.t[0] == s.t[n / 2]);
        must(memcmp(part.v, s.v + n / 2, part.n * sizeof(*part.v)) == 0);
        samples_done(&part);
    }
    samples_done(&s);
    as_samples(data, size);
    return 0;
}
