/* Chunks on their own (chunk.h): kind, number of samples, times, values.
 *
 *   u8 kind (CHUNK_FLOATS), varint samples, the times, the values (chunk_priv.h), nothing behind them */
#include "tsdb/chunk_priv.h"

void times_write(const int64_t *t, uint32_t n, const struct ints_sink *out)
{
    struct ints_plan p = {.tight = false};
    ints_plan(&p, t, n);
    ints_write(&p, t, out);
}

/* A regular step needs no reading: true when the run is one. */
static bool fill_regular(struct ints_reader *r, int64_t *t, int *rc)
{
    int64_t first, step, span;
    if (!ints_regular(r, &first, &step))
        return false;
    *rc = step > 0 && !__builtin_mul_overflow(step, (int64_t)r->n - 1, &span) &&
                  !__builtin_add_overflow(first, span, &span)
              ? 0
              : -1;
    for (uint32_t i = 0; *rc == 0 && i < r->n; i++)
        t[i] = first + (int64_t)i * step;
    r->done = r->n;
    return true;
}

int times_decode(struct ints_reader *r, int64_t *t)
{
    int rc;
    uint32_t n = r->n;
    if (fill_regular(r, t, &rc))
        return rc;
    for (int64_t *at = t; ints_next(r, at) > 0;)
        at += INTS_GROUP;
    uint32_t falls = 0;
    for (uint32_t i = 1; i < n; i++)
        falls += t[i] <= t[i - 1];
    return falls ? -1 : 0;
}

void chunk_encode(const int64_t *t, const double *v, uint32_t n, struct buf *out)
{
    must(n > 0 && n <= CHUNK_SAMPLES_MAX);
    struct ints_sink sink = {out, out, out, out};
    struct values_plan p;
    values_plan_init(&p, n);
    buf_put_u8(out, CHUNK_FLOATS);
    put_varint(out, n);
    times_write(t, n, &sink);
    values_prepare(&p, v, n);
    values_write(&p, v, n, NULL, &sink);
    values_plan_done(&p);
}

static int open_chunk(struct cur *c, uint32_t *n, struct err *err)
{
    uint8_t kind = cur_u8(c);
    if (c->failed || kind != CHUNK_FLOATS)
        return err_set(err, ERR_DAMAGED, "cannot read a chunk: its kind is %u; want %u", kind,
                       CHUNK_FLOATS);
    uint64_t count = cur_varint(c);
    if (c->failed || count == 0 || count > CHUNK_SAMPLES_MAX)
        return err_set(err, ERR_DAMAGED,
                       "cannot read a chunk: it claims %llu samples; want 1 to %u",
                       (unsigned long long)count, CHUNK_SAMPLES_MAX);
    *n = (uint32_t)count;
    return 0;
}

int chunk_count(const void *p, size_t n, uint32_t *samples, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    return open_chunk(&c, samples, err);
}

/* The first index whose time is not before `at`. */
static uint32_t lower_bound(const int64_t *t, uint32_t n, int64_t at)
{
    uint32_t lo = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        if (t[lo + half] < at) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

int chunk_decode_range(const void *p, size_t size, int64_t min_ms, int64_t max_ms,
                       struct samples *out, struct err *err)
{
    struct cur c = CUR_INIT(p, size);
    struct ints_input in = {&c, &c, &c, &c};
    struct ints_reader times;
    struct values_reader values;
    uint32_t n;
    if (open_chunk(&c, &n, err) != 0)
        return -1;
    if (ints_open(&times, &in, n) != 0 || values_open(&values, &in, n) != 0 || values.relative ||
        c.p != c.end)
        return err_set(err, ERR_DAMAGED,
                       "cannot read a chunk of %u samples: its columns are damaged", n);
    samples_reserve(out, values_room(n));
    int64_t *t = out->t + out->n;
    if (times_decode(&times, t) != 0)
        return err_set(err, ERR_DAMAGED, "cannot read a chunk of %u samples: its times do not rise",
                       n);
    uint32_t from = lower_bound(t, n, min_ms);
    uint32_t to = max_ms == INT64_MAX ? n : lower_bound(t, n, max_ms + 1);
    if (from >= to)
        return 0;
    if (from > 0)
        memmove(t, t + from, (to - from) * sizeof(*t));
    values_decode(&values, NULL, from, to, out->v + out->n);
    out->n += to - from;
    return 0;
}

int chunk_decode(const void *p, size_t n, struct samples *out, struct err *err)
{
    return chunk_decode_range(p, n, INT64_MIN, INT64_MAX, out, err);
}
