/* Records of the WAL as bytes (wal.h describes them). Pure; any thread. */
#include "base/map.h"
#include "tsdb/index.h"
#include "tsdb/wal.h"

#define ROW_BYTES_MAX \
    40 /* two varints of 10 for the reference, one for the time, value and half a byte */

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ -(v & 1));
}

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)v | 0x80;
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_ref(uint8_t *p, tsdb_ref ref, tsdb_ref before)
{
    int64_t slots = (int64_t)ref_slot(ref) - ref_slot(before);
    int64_t serials = (int64_t)(ref_serial(ref) - ref_serial(before));
    p = put_varint(p, zigzag(slots) << 1 | (serials != slots));
    return serials == slots ? p : put_varint(p, zigzag(serials));
}

size_t wal_begin_record(struct buf *out)
{
    size_t at = out->len;
    static const char zero[WAL_RECORD_HEAD];
    buf_add(out, zero, sizeof(zero));
    return at;
}

static uint32_t record_crc(uint8_t type, uint32_t n, const void *payload)
{
    uint8_t head[5] = {type, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    return crc32c(crc32c(0, head, sizeof(head)), payload, n);
}

static void put_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void wal_end_record(struct buf *out, size_t at, enum wal_type type)
{
    must(!out->failed);
    uint8_t *head = (uint8_t *)out->data + at;
    uint32_t n = (uint32_t)(out->len - at - WAL_RECORD_HEAD);
    put_le32(head, WAL_MAGIC);
    put_le32(head + 4, n);
    put_le32(head + 8, record_crc((uint8_t)type, n, head + WAL_RECORD_HEAD));
    head[12] = (uint8_t)type;
}

static bool same_times(const struct tsdb_row *rows, size_t n)
{
    size_t i = 1;
    while (i < n && rows[i].t_ms == rows[0].t_ms)
        i++;
    return i >= n;
}

static unsigned value_size(uint64_t bits)
{
    return bits ? 8 - (unsigned)__builtin_ctzll(bits) / 8 : 0;
}

static uint8_t *put_values(uint8_t *p, const struct tsdb_row *rows, size_t n)
{
    uint8_t *sizes = p;
    p += (n + 1) / 2;
    memset(sizes, 0, (n + 1) / 2);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = f64_bits(rows[i].v);
        unsigned size = value_size(bits);
        sizes[i / 2] |= (uint8_t)(size << (i & 1) * 4);
        uint64_t swapped = __builtin_bswap64(bits);
        memcpy(p, &swapped, 8);
        p += size;
    }
    return p;
}

void wal_put_rows(struct buf *out, const struct tsdb_row *rows, size_t n)
{
    must(n > 0);
    size_t at = wal_begin_record(out);
    bool same = same_times(rows, n);
    buf_put_u32(out, (uint32_t)n);
    buf_put_u8(out, same);
    buf_put_u64(out, rows[0].ref);
    buf_put_u64(out, (uint64_t)rows[0].t_ms);
    must(buf_reserve(out, n * ROW_BYTES_MAX + 8));
    uint8_t *p = (uint8_t *)out->data + out->len;
    for (size_t i = 1; i < n; i++)
        p = put_ref(p, rows[i].ref, rows[i - 1].ref);
    for (size_t i = 1; !same && i < n; i++)
        p = put_varint(p, zigzag((int64_t)((uint64_t)rows[i].t_ms - (uint64_t)rows[i - 1].t_ms)));
    p = put_values(p, rows, n);
    out->len = (size_t)(p - (uint8_t *)out->data);
    wal_end_record(out, at, WAL_ROWS);
}

void wal_put_delete(struct buf *out, const tsdb_ref *refs, size_t n, int64_t min_ms, int64_t max_ms)
{
    size_t at = wal_begin_record(out);
    buf_put_u64(out, (uint64_t)min_ms);
    buf_put_u64(out, (uint64_t)max_ms);
    buf_put_u32(out, (uint32_t)n);
    must(buf_reserve(out, n * ROW_BYTES_MAX));
    uint8_t *p = (uint8_t *)out->data + out->len;
    for (size_t i = 0; i < n; i++)
        p = put_ref(p, refs[i], i > 0 ? refs[i - 1] : 0);
    out->len = (size_t)(p - (uint8_t *)out->data);
    wal_end_record(out, at, WAL_DELETE);
}

void wal_put_metadata(struct buf *out, const struct metric_metadata *m)
{
    size_t at = wal_begin_record(out);
    buf_put_u8(out, (uint8_t)m->type);
    buf_put_str(out, m->metric.p, m->metric.n);
    buf_put_str(out, m->help.p, m->help.n);
    buf_put_str(out, m->unit.p, m->unit.n);
    wal_end_record(out, at, WAL_METADATA);
}

/* --- reading --- */

static const uint8_t *get_varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        *v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80))
            return p;
    }
    return NULL;
}

static const uint8_t *get_ref(const uint8_t *p, const uint8_t *end, tsdb_ref before, tsdb_ref *ref)
{
    uint64_t v, w;
    p = get_varint(p, end, &v);
    if (!p)
        return NULL;
    int64_t slots = unzigzag(v >> 1), serials = slots;
    if (v & 1) {
        p = get_varint(p, end, &w);
        serials = unzigzag(w);
    }
    uint64_t slot = ref_slot(before) + (uint64_t)slots;
    if (slot > SLOT_MAX)
        return NULL;
    *ref = make_ref((uint32_t)slot, ref_serial(before) + (uint64_t)serials);
    return p;
}

static const uint8_t *get_values(const uint8_t *p, const uint8_t *end, struct tsdb_row *rows,
                                 size_t n)
{
    if ((size_t)(end - p) < (n + 1) / 2)
        return NULL;
    const uint8_t *sizes = p;
    p += (n + 1) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned size = sizes[i / 2] >> (i & 1) * 4 & 15;
        uint64_t bits = 0;
        if (size > 8 || (size_t)(end - p) < size)
            return NULL;
        for (unsigned b = 0; b < size; b++)
            bits |= (uint64_t)p[b] << (56 - 8 * b);
        p += size;
        rows[i].v = f64_from_bits(bits);
    }
    return p;
}

static const uint8_t *get_columns(const uint8_t *p, const uint8_t *end, bool same,
                                  struct tsdb_row *rows, size_t n)
{
    uint64_t v;
    for (size_t i = 1; p && i < n; i++)
        p = get_ref(p, end, rows[i - 1].ref, &rows[i].ref);
    for (size_t i = 1; p && i < n; i++) {
        rows[i].t_ms = rows[0].t_ms;
        if (same)
            continue;
        p = get_varint(p, end, &v);
        rows[i].t_ms = (int64_t)((uint64_t)rows[i - 1].t_ms + (uint64_t)unzigzag(v));
    }
    return p ? get_values(p, end, rows, n) : NULL;
}

static int malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "cannot read a WAL record of %s", what);
}

int wal_get_rows(struct str payload, struct wal_rows *rows, struct err *err)
{
    struct cur c = CUR_INIT(payload.p, payload.n);
    size_t n = cur_u32(&c);
    uint8_t flags = cur_u8(&c);
    struct tsdb_row first = {.ref = cur_u64(&c)};
    first.t_ms = (int64_t)cur_u64(&c);
    if (c.failed || n == 0 || n > payload.n || flags > 1)
        return malformed(err, "rows");
    while (rows->cap < n)
        rows->at = vec_grow(rows->at, &rows->cap, sizeof(*rows->at));
    rows->at[0] = first;
    if (get_columns(c.p, c.end, flags & 1, rows->at, n) != c.end)
        return malformed(err, "rows");
    rows->n = n;
    return 0;
}

int wal_get_delete(struct str payload, struct wal_refs *refs, int64_t *min_ms, int64_t *max_ms,
                   struct err *err)
{
    struct cur c = CUR_INIT(payload.p, payload.n);
    int64_t min = (int64_t)cur_u64(&c), max = (int64_t)cur_u64(&c);
    size_t n = cur_u32(&c);
    const uint8_t *p = c.failed ? NULL : c.p;
    tsdb_ref ref = 0;
    refs->n = 0;
    for (size_t i = 0; p && i < n; i++) {
        p = get_ref(p, c.end, ref, &ref);
        vec_push(refs, ref);
    }
    if (p != c.end)
        return malformed(err, "a deletion");
    *min_ms = min;
    *max_ms = max;
    return 0;
}

static struct str get_str(struct cur *c)
{
    size_t n;
    const char *p = cur_str(c, &n);
    return (struct str){p ? p : "", p ? n : 0};
}

int wal_get_metadata(struct str payload, struct metric_metadata *m, struct err *err)
{
    struct cur c = CUR_INIT(payload.p, payload.n);
    struct metric_metadata got = {.type = (enum metric_type)cur_u8(&c)};
    got.metric = get_str(&c);
    got.help = get_str(&c);
    got.unit = get_str(&c);
    if (c.failed || got.type > METRIC_STATESET)
        return malformed(err, "metadata");
    *m = got;
    return 0;
}

/* --- finding records --- */

static bool is_record(const uint8_t *p, size_t left)
{
    if (left < WAL_RECORD_HEAD || get_le32(p) != WAL_MAGIC)
        return false;
    uint32_t n = get_le32(p + 4);
    return n <= left - WAL_RECORD_HEAD && n <= WAL_RECORD_MAX &&
           get_le32(p + 8) == record_crc(p[12], n, p + WAL_RECORD_HEAD);
}

/* The next place that looks like a record; NULL: none. */
static const uint8_t *resync(const uint8_t *p, const uint8_t *end)
{
    while ((p = memchr(p, WAL_MAGIC & 0xff, (size_t)(end - p))) != NULL) {
        if (is_record(p, (size_t)(end - p)))
            return p;
        p++;
    }
    return NULL;
}

bool wal_next(struct wal_cursor *c, enum wal_type *type, struct str *payload)
{
    if (c->at == c->end)
        return false;
    if (!is_record(c->at, (size_t)(c->end - c->at))) {
        const uint8_t *next = resync(c->at, c->end);
        if (!next)
            return false;
        c->damaged++;
        c->damaged_bytes += (uint64_t)(next - c->at);
        c->at = next;
    }
    uint32_t n = get_le32(c->at + 4);
    *type = (enum wal_type)c->at[12];
    *payload = (struct str){(const char *)c->at + WAL_RECORD_HEAD, n};
    c->at += WAL_RECORD_HEAD + n;
    return true;
}
