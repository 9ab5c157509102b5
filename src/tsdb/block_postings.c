/* Posting lists of a block as bytes: rising series numbers, as gaps or as runs, whichever is shorter. Both are varints:
 *
 *   POSTING_GAPS  first, then each: distance from the one before, less 1
 *   POSTING_RUNS  each run: distance from the end of the run before (the first: its first number), numbers in it less 1
 *
 * Labels that sort early make runs, the others repeat their gaps from metric to metric, which compresses well. */
#include "tsdb/block_priv.h"

static unsigned varint_len(uint64_t v)
{
    return v ? (64 - (unsigned)__builtin_clzll(v) + 6) / 7 : 1;
}

/* Bytes of each form. */
static void sizes(const uint32_t *ids, uint32_t n, uint64_t *gaps, uint64_t *runs)
{
    *gaps = *runs = 0;
    uint32_t start = 0;
    for (uint32_t i = 0; i < n; i++) {
        must(i == 0 || ids[i] > ids[i - 1]);
        *gaps += varint_len(i ? ids[i] - ids[i - 1] - 1 : ids[0]);
        if (i + 1 < n && ids[i + 1] == ids[i] + 1)
            continue;
        *runs += varint_len(ids[start] - (start ? ids[start - 1] : 0)) + varint_len(i - start);
        start = i + 1;
    }
}

enum posting_form posting_write(const uint32_t *ids, uint32_t n, struct buf *out)
{
    uint64_t gaps, runs;
    must(n > 0);
    sizes(ids, n, &gaps, &runs);
    if (gaps <= runs) {
        for (uint32_t i = 0; i < n; i++)
            put_varint(out, i ? ids[i] - ids[i - 1] - 1 : ids[0]);
        return POSTING_GAPS;
    }
    for (uint32_t i = 0, start = 0; i < n; i++) {
        if (i + 1 < n && ids[i + 1] == ids[i] + 1)
            continue;
        put_varint(out, ids[start] - (start ? ids[start - 1] : 0));
        put_varint(out, i - start);
        start = i + 1;
    }
    return POSTING_RUNS;
}

/* Gaps in batches. */
static int read_gaps(struct cur *in, uint32_t n, uint32_t limit, roaring_bitmap_t *out)
{
    uint32_t batch[256], k = 0;
    uint64_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        at += cur_varint(in) + (i > 0);
        if (in->failed || at >= limit)
            return -1;
        batch[k++] = (uint32_t)at;
        if (k == array_len(batch) || i + 1 == n) {
            roaring_bitmap_add_many(out, k, batch);
            k = 0;
        }
    }
    return 0;
}

int posting_read(struct cur *in, enum posting_form form, uint32_t n, uint32_t limit,
                 roaring_bitmap_t *out)
{
    if (form == POSTING_GAPS)
        return read_gaps(in, n, limit, out);
    uint64_t at = 0;
    for (uint32_t left = n; left > 0;) {
        uint64_t first = at + cur_varint(in), more = cur_varint(in);
        if (in->failed || more >= left || first >= limit || more >= limit - first)
            return -1;
        roaring_bitmap_add_range(out, first, first + more + 1);
        at = first + more;
        left -= (uint32_t)more + 1;
    }
    return 0;
}

void posting_skip(struct cur *in, enum posting_form form, uint32_t n)
{
    for (uint32_t left = n; left > 0 && !in->failed;) {
        cur_varint(in);
        uint64_t more = form == POSTING_RUNS ? cur_varint(in) : 0;
        left -= more >= left ? left : (uint32_t)more + 1;
    }
}
