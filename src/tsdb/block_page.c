/* Pages of chunks, written. A page holds the chunks of neighbouring series within one slab of time.
 *
 *   u32 bytes of the columns, u32 as compressed, u32 bytes of the bits, u32 as compressed (the same: stored as they are)
 *   columns  (zstd) for each of enum page_column: u32 length; then their bytes:
 *     entry  a chunk: varint distance of the series' number from that before,
 *            u8 enum series_column, varint times: 0 as the chunk before, 1 + k: the k-th set of the page; when that is a new
 *            one: varint samples, and the run of the times stands in the columns before the values
 *     head, num, width: of runs (chunk_priv.h)
 *   bits     (zstd when it pays) of all runs
 *
 * A chunk that is relative refers to the chunk before it, which has the same times and decimals: histograms' buckets, and the
 * columns of a tier, rise together. */
#include "tsdb/block_priv.h"

#include <stdlib.h>

#include "base/map.h"

void page_builder_init(struct page_builder *p)
{
    *p = (struct page_builder){0};
    for (int i = 0; i < PAGE_COLUMNS; i++)
        buf_init(&p->column[i], PAGE_BYTES_MAX);
    buf_init(&p->bits, PAGE_BYTES_MAX);
}

void page_builder_done(struct page_builder *p)
{
    for (int i = 0; i < PAGE_COLUMNS; i++)
        buf_done(&p->column[i]);
    buf_done(&p->bits);
    vec_done(&p->times);
    vec_done(&p->sets);
    free(p->x);
    *p = (struct page_builder){0};
}

bool page_builder_full(const struct page_builder *p)
{
    return p->bits.len >= PAGE_BITS_TARGET || p->ref.entries >= PAGE_ENTRIES_MAX ||
           p->column[PAGE_NUM].len >= PAGE_BITS_TARGET;
}

/* The set of these times, or that after the last when there is none. */
static uint32_t find_set(const struct page_builder *p, const int64_t *t, uint32_t n)
{
    uint32_t count = (uint32_t)p->sets.n;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = (p->last_set + k) % count; /* most often as the one before, or the next */
        const struct page_times *s = &p->sets.at[i];
        const int64_t *have = p->times.at + s->at;
        if (s->n == n && have[0] == t[0] && have[n - 1] == t[n - 1] &&
            memcmp(have, t, n * sizeof(*t)) == 0)
            return i;
    }
    return count;
}

static void add_set(struct page_builder *p, const int64_t *t, uint32_t n,
                    const struct ints_sink *sink)
{
    struct page_times *set = vec_add(&p->sets);
    *set = (struct page_times){(uint32_t)p->times.n, n};
    for (uint32_t i = 0; i < n; i++)
        vec_push(&p->times, t[i]);
    put_varint(&p->column[PAGE_ENTRY], n);
    times_write(t, n, sink);
}

static uint32_t add_times(struct page_builder *p, const int64_t *t, uint32_t n,
                          const struct ints_sink *sink)
{
    uint32_t set = find_set(p, t, n);
    bool first = p->ref.entries == 0;
    put_varint(&p->column[PAGE_ENTRY], !first && set == p->last_set ? 0 : 1 + (uint64_t)set);
    if (set == p->sets.n)
        add_set(p, t, n, sink);
    p->last_set = set;
    if (first || t[0] < p->ref.min_ms)
        p->ref.min_ms = t[0];
    if (first || t[n - 1] > p->ref.max_ms)
        p->ref.max_ms = t[n - 1];
    return set;
}

static void add_values(struct page_builder *p, struct values_plan *plan, uint32_t set,
                       const double *v, uint32_t n, const struct ints_sink *sink)
{
    values_prepare(plan, v, n);
    bool may = p->x_valid && !plan->raw && p->x_set == set && p->x_decimals == plan->decimals &&
               p->x_depth < PAGE_RELATIVE_MAX;
    must(!may || p->x_n == n);
    bool relative = values_write(plan, v, n, may ? p->x : NULL, sink);
    p->x_valid = !plan->raw;
    p->x_set = set;
    p->x_n = n;
    p->x_decimals = plan->decimals;
    p->x_depth = relative ? p->x_depth + 1 : 0;
    if (!p->x) {
        p->x = malloc(PAGE_CHUNK_MAX * sizeof(*p->x));
        must(p->x);
    }
    memcpy(p->x, plan->x, n * sizeof(*p->x));
}

void page_builder_add(struct page_builder *p, struct values_plan *plan, uint32_t id,
                      enum series_column column, const int64_t *t, const double *v, uint32_t n)
{
    must(n > 0 && n <= PAGE_CHUNK_MAX);
    struct ints_sink sink = {&p->column[PAGE_HEAD], &p->column[PAGE_NUM], &p->column[PAGE_WIDTH],
                             &p->bits};
    if (p->ref.entries == 0)
        p->ref.first_id = id;
    must(id >= p->ref.last_id);
    put_varint(&p->column[PAGE_ENTRY], id - p->ref.last_id);
    buf_put_u8(&p->column[PAGE_ENTRY], (uint8_t)column);
    uint32_t set = add_times(p, t, n, &sink);
    add_values(p, plan, set, v, n, &sink);
    p->ref.last_id = id;
    p->ref.entries++;
}

/* Appends n bytes compressed; stored when that saves less than one in `worth`. Returns the length. */
static uint32_t deflate(ZSTD_CCtx *zstd, int level, const struct buf *in, unsigned worth,
                        struct buf *out)
{
    size_t bound = ZSTD_compressBound(in->len);
    must(buf_reserve(out, bound));
    size_t len = ZSTD_compressCCtx(zstd, out->data + out->len, bound, in->data, in->len, level);
    if (ZSTD_isError(len) || len + in->len / worth >= in->len) {
        len = in->len;
        if (len > 0)
            memcpy(out->data + out->len, in->data, len);
    }
    out->len += len;
    out->data[out->len] = '\0';
    return (uint32_t)len;
}

static void put_at(struct buf *b, size_t at, uint32_t v)
{
    memcpy(b->data + at, &v, sizeof(v));
}

void page_builder_clear(struct page_builder *p)
{
    for (int i = 0; i < PAGE_COLUMNS; i++)
        buf_clear(&p->column[i]);
    buf_clear(&p->bits);
    vec_clear(&p->times);
    vec_clear(&p->sets);
    p->last_set = 0;
    p->x_valid = false;
    p->ref = (struct page_ref){.slab = p->ref.slab};
}

void page_builder_finish(struct page_builder *p, ZSTD_CCtx *zstd, int level, struct buf *out)
{
    size_t start = out->len;
    struct buf all = BUF_INIT(PAGE_BYTES_MAX);
    for (int i = 0; i < PAGE_COLUMNS; i++)
        buf_put_u32(&all, (uint32_t)p->column[i].len);
    for (int i = 0; i < PAGE_COLUMNS; i++)
        buf_add(&all, p->column[i].data, p->column[i].len);
    must(!all.failed && !p->bits.failed);
    for (int i = 0; i < 4; i++)
        buf_put_u32(out, 0);
    put_at(out, start, (uint32_t)all.len);
    put_at(out, start + 4, deflate(zstd, level, &all, 1000000, out));
    put_at(out, start + 8, (uint32_t)p->bits.len);
    put_at(out, start + 12, deflate(zstd, level, &p->bits, 16, out));
    buf_done(&all);
    p->ref.len = (uint32_t)(out->len - start);
    p->ref.crc = crc32c(0, out->data + start, p->ref.len);
}
