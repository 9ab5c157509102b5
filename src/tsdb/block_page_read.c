/* Pages of chunks, read (format: block_page.c). A page that is opened knows where each chunk begins; values are decoded when
 * they are asked for. Nothing of the bytes is believed, though their checksum was right. */
#include "tsdb/block_priv.h"

#include <stdlib.h>

void page_init(struct page *p)
{
    *p = (struct page){.number = UINT32_MAX, .x_of = UINT32_MAX};
    buf_init(&p->columns, PAGE_BYTES_MAX);
    buf_init(&p->raw, PAGE_BYTES_MAX);
}

static void forget(struct page *p)
{
    for (size_t i = 0; i < p->sets.n; i++)
        free(p->sets.at[i].t);
    vec_clear(&p->sets);
    vec_clear(&p->entries);
    p->number = UINT32_MAX;
    p->x_of = UINT32_MAX;
    p->hint = 0;
}

void page_done(struct page *p)
{
    forget(p);
    vec_done(&p->sets);
    vec_done(&p->entries);
    buf_done(&p->columns);
    buf_done(&p->raw);
    free(p->x);
    page_init(p);
}

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_DAMAGED, "cannot read a page of chunks: %s", what);
}

/* Inflates `len` bytes that will be `size`. Stored ones (len == size) are used where they stand. */
static int inflate(ZSTD_DCtx *zstd, struct cur *in, uint32_t size, uint32_t len, struct buf *room,
                   struct cur *out, struct err *err)
{
    const void *bytes = cur_bytes(in, len);
    if (!bytes || size > PAGE_BYTES_MAX || len > size)
        return damaged(err, "its lengths are wrong");
    if (len == size) {
        *out = CUR_INIT(bytes, len);
        return 0;
    }
    buf_clear(room);
    if (!buf_reserve(room, size))
        return damaged(err, "it is too large");
    if (ZSTD_decompressDCtx(zstd, room->data, size, bytes, len) != size)
        return damaged(err, "it cannot be decompressed");
    *out = CUR_INIT(room->data, size);
    return 0;
}

static int split(struct page *p, struct cur *all, struct err *err)
{
    uint32_t len[PAGE_COLUMNS];
    for (int i = 0; i < PAGE_COLUMNS; i++)
        len[i] = cur_u32(all);
    for (int i = 0; i < PAGE_COLUMNS; i++) {
        const void *bytes = cur_bytes(all, len[i]);
        p->column[i] = CUR_INIT(bytes, bytes ? len[i] : 0);
    }
    return all->failed || cur_left(all) > 0 ? damaged(err, "its columns are cut") : 0;
}

/* Where the cursors stand now, as offsets into their columns. */
#define REMEMBER(where, p, at)                                                       \
    do {                                                                             \
        (where)->head = (uint32_t)((at)[PAGE_HEAD].p - (p)->column[PAGE_HEAD].p);    \
        (where)->num = (uint32_t)((at)[PAGE_NUM].p - (p)->column[PAGE_NUM].p);       \
        (where)->width = (uint32_t)((at)[PAGE_WIDTH].p - (p)->column[PAGE_WIDTH].p); \
        (where)->bits = (uint32_t)((at)[PAGE_COLUMNS].p - (p)->bits.p);              \
    } while (0)

static int parse_set(struct page *p, struct cur at[PAGE_COLUMNS + 1], const struct ints_input *in,
                     struct err *err)
{
    uint64_t n = cur_varint(&at[PAGE_ENTRY]);
    struct ints_reader times;
    struct page_set *set = vec_add(&p->sets);
    if (n == 0 || n > PAGE_CHUNK_MAX)
        return damaged(err, "a chunk has no or too many samples");
    set->n = (uint32_t)n;
    REMEMBER(set, p, at);
    return ints_open(&times, in, set->n) == 0 ? 0 : damaged(err, "times are damaged");
}

static int parse_entry(struct page *p, struct cur at[PAGE_COLUMNS + 1], const struct ints_input *in,
                       struct err *err)
{
    struct values_reader values;
    uint64_t distance = cur_varint(&at[PAGE_ENTRY]);
    uint8_t column = cur_u8(&at[PAGE_ENTRY]);
    uint64_t times = cur_varint(&at[PAGE_ENTRY]);
    size_t before = p->entries.n;
    struct page_entry *e = vec_add(&p->entries);
    uint32_t last_set = before ? e[-1].set : 0;
    if (at[PAGE_ENTRY].failed || distance > UINT32_MAX || column > COLUMN_INCREASE ||
        times > p->sets.n + 1 || (times == 0 && before == 0))
        return damaged(err, "an entry is damaged");
    e->id = (before ? e[-1].id : 0) + (uint32_t)distance;
    e->column = column;
    e->set = times ? (uint32_t)times - 1 : last_set;
    if (e->set == p->sets.n && parse_set(p, at, in, err) != 0)
        return -1;
    REMEMBER(e, p, at);
    if (values_open(&values, in, p->sets.at[e->set].n) != 0)
        return damaged(err, "values are damaged");
    e->relative = values.relative;
    if (e->relative && (before == 0 || e[-1].set != e->set))
        return damaged(err, "a chunk leans on none");
    return 0;
}

static int parse(struct page *p, struct err *err)
{
    struct cur at[PAGE_COLUMNS + 1];
    struct ints_input in = {&at[PAGE_HEAD], &at[PAGE_NUM], &at[PAGE_WIDTH], &at[PAGE_COLUMNS]};
    memcpy(at, p->column, sizeof(p->column));
    at[PAGE_COLUMNS] = p->bits;
    while (cur_left(&at[PAGE_ENTRY]) > 0) {
        if (p->entries.n == 4 * PAGE_ENTRIES_MAX)
            return damaged(err, "it has too many chunks");
        if (parse_entry(p, at, &in, err) != 0)
            return -1;
    }
    return 0;
}

int page_open(struct page *p, ZSTD_DCtx *zstd, uint32_t number, const void *bytes, size_t n,
              struct err *err)
{
    struct cur in = CUR_INIT(bytes, n), all;
    forget(p);
    uint32_t size = cur_u32(&in), len = cur_u32(&in), bits = cur_u32(&in), bits_len = cur_u32(&in);
    if (in.failed || inflate(zstd, &in, size, len, &p->columns, &all, err) != 0 ||
        inflate(zstd, &in, bits, bits_len, &p->raw, &p->bits, err) != 0 ||
        split(p, &all, err) != 0 || parse(p, err) != 0) {
        forget(p);
        return in.failed ? damaged(err, "it is too short") : -1;
    }
    p->number = number;
    return 0;
}

/* Cursors at what was remembered of an entry or a set. */
#define INPUT_AT(p, where, at)                          \
    do {                                                \
        memcpy((at), (p)->column, sizeof((p)->column)); \
        (at)[PAGE_COLUMNS] = (p)->bits;                 \
        (at)[PAGE_HEAD].p += (where)->head;             \
        (at)[PAGE_NUM].p += (where)->num;               \
        (at)[PAGE_WIDTH].p += (where)->width;           \
        (at)[PAGE_COLUMNS].p += (where)->bits;          \
    } while (0)

static void open_values(const struct page *p, const struct page_entry *e, struct values_reader *r)
{
    struct cur at[PAGE_COLUMNS + 1];
    struct ints_input in = {&at[PAGE_HEAD], &at[PAGE_NUM], &at[PAGE_WIDTH], &at[PAGE_COLUMNS]};
    INPUT_AT(p, e, at);
    must(values_open(r, &in, p->sets.at[e->set].n) == 0); /* it was read before */
}

static const int64_t *times_of(struct page *p, struct page_set *set)
{
    if (set->t)
        return set->t;
    struct cur at[PAGE_COLUMNS + 1];
    struct ints_input in = {&at[PAGE_HEAD], &at[PAGE_NUM], &at[PAGE_WIDTH], &at[PAGE_COLUMNS]};
    struct ints_reader r;
    INPUT_AT(p, set, at);
    must(ints_open(&r, &in, set->n) == 0);
    int64_t *t = malloc(values_room(set->n) * sizeof(*t));
    must(t);
    if (times_decode(&r, t) != 0) {
        free(t);
        return NULL;
    }
    return set->t = t;
}

/* The x of entry k into p->x, by way of those that it leans on. */
static void ints_of(struct page *p, uint32_t k)
{
    uint32_t from = k;
    if (p->x_of == k)
        return;
    if (!p->x) {
        p->x = malloc(values_room(PAGE_CHUNK_MAX) * sizeof(*p->x));
        must(p->x);
    }
    while (p->entries.at[from].relative && from - 1 != p->x_of)
        from--;
    for (; from <= k; from++) {
        struct values_reader r;
        open_values(p, &p->entries.at[from], &r);
        values_ints(&r, p->x,
                    p->x); /* group by group: what it leans on is read before it is replaced */
        p->x_of = from;
    }
}

static void read_values(struct page *p, uint32_t k, uint32_t from, uint32_t to, double *v)
{
    struct values_reader r;
    bool leaned_on = k + 1 < p->entries.n && p->entries.at[k + 1].relative;
    if (p->entries.at[k].relative || leaned_on) {
        ints_of(p, k);
        open_values(p, &p->entries.at[k], &r);
        values_from_ints(&r, p->x, from, to, v);
        return;
    }
    open_values(p, &p->entries.at[k], &r);
    values_decode(&r, NULL, from, to, v);
}

static uint32_t lower_bound(const int64_t *t, uint32_t n, int64_t at)
{
    uint32_t lo = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        bool less = t[lo + half] < at;
        lo += less ? half + 1 : 0;
        n = less ? n - half - 1 : half;
    }
    return lo;
}

static int read_entry(struct page *p, uint32_t k, int64_t min_ms, int64_t max_ms,
                      struct samples *out, uint32_t base, struct err *err)
{
    struct page_set *set = &p->sets.at[p->entries.at[k].set];
    const int64_t *t = times_of(p, set);
    if (!t)
        return damaged(err, "times do not rise");
    uint32_t from = t[0] >= min_ms ? 0 : lower_bound(t, set->n, min_ms);
    uint32_t to = t[set->n - 1] <= max_ms ? set->n : lower_bound(t, set->n, max_ms + 1);
    if (from >= to)
        return 0;
    if (out->n > base && out->t[out->n - 1] >= t[from])
        return damaged(err, "chunks overlap");
    samples_reserve(out, to - from);
    memcpy(out->t + out->n, t + from, (to - from) * sizeof(*t));
    read_values(p, k, from, to, out->v + out->n);
    out->n += to - from;
    return 0;
}

static uint32_t first_of(const struct page *p, uint32_t id)
{
    uint32_t lo = 0, n = (uint32_t)p->entries.n;
    if (p->hint < n && p->entries.at[p->hint].id == id && p->hint > 0 &&
        p->entries.at[p->hint - 1].id < id)
        return p->hint;
    while (n > 0) {
        uint32_t half = n / 2;
        bool less = p->entries.at[lo + half].id < id;
        lo += less ? half + 1 : 0;
        n = less ? n - half - 1 : half;
    }
    return lo;
}

int page_read(struct page *p, uint32_t id, enum series_column column, int64_t min_ms,
              int64_t max_ms, struct samples *out, uint32_t base, struct err *err)
{
    int rc = 0;
    uint32_t k = first_of(p, id);
    for (; k < p->entries.n && p->entries.at[k].id == id; k++) {
        if (p->entries.at[k].column == column &&
            read_entry(p, k, min_ms, max_ms, out, base, err) != 0)
            rc = -1;
    }
    p->hint = k;
    return rc;
}
