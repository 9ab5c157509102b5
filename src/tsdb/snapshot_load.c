/* Reading the head's snapshot at a start (snapshot.c describes it). Nobody else is there yet.
 *
 * A damaged page costs the samples of its series from before the WAL. */
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "tsdb/chunk_priv.h"
#include "tsdb/snapshot_priv.h"

static void see_span(struct snapshot_read *r, int64_t min_ms, int64_t max_ms)
{
    if (r->min_ms == NO_TIME || min_ms < r->min_ms)
        r->min_ms = min_ms;
    if (r->max_ms == NO_TIME || max_ms > r->max_ms)
        r->max_ms = max_ms;
}

/* Its bytes, or its claim on a head file. */
static bool settle_chunk(struct snapshot_read *r, struct cur *c, struct head_chunk *chunk)
{
    if (!(chunk->flags & (HEAD_OPEN | HEAD_MEMORY))) {
        chunk->at = cur_u64(c);
        return !c->failed && head_files_claim(r->head->files, chunk->at, chunk->len);
    }
    const void *bytes = cur_bytes(c, chunk->len);
    uint32_t samples;
    if (!bytes || chunk_count(bytes, chunk->len, &samples, NULL) < 0)
        return false;
    void *copy = malloc(chunk->len);
    must(copy != NULL);
    memcpy(copy, bytes, chunk->len);
    chunk->at = (uintptr_t)copy;
    return true;
}

/* s NULL: its bytes are passed over. */
static void read_chunk(struct snapshot_read *r, struct cur *c, struct series *s, bool last)
{
    struct head_chunk chunk = {.flags = cur_u8(c) & (HEAD_OPEN | HEAD_MEMORY | HEAD_LATE)};
    chunk.min_ms = (int64_t)cur_u64(c);
    uint64_t span = cur_varint(c), len = cur_varint(c);
    if (span > UINT32_MAX || len == 0 || len >= 1u << 24 ||
        ((chunk.flags & HEAD_OPEN) && (!last || (chunk.flags & ~HEAD_OPEN))) ||
        chunk.min_ms > INT64_MAX - (int64_t)UINT32_MAX) {
        c->failed = true;
        return;
    }
    chunk.span_ms = (uint32_t)span;
    chunk.len = (uint32_t)len;
    if (!s) {
        cur_bytes(c, chunk.flags & (HEAD_OPEN | HEAD_MEMORY) ? chunk.len : 8);
        return;
    }
    if (!settle_chunk(r, c, &chunk)) {
        r->damaged++;
        return;
    }
    head_add_chunk(s, &chunk);
    r->head->chunks++;
    r->head->chunk_bytes += chunk.len;
    see_span(r, chunk.min_ms, chunk.min_ms + chunk.span_ms);
}

static void read_tail(struct snapshot_read *r, struct cur *c, struct series *s, uint32_t n)
{
    if (n == 0)
        return;
    s->tail_ms = (int64_t)cur_u64(c);
    bool sound = s->tail_ms <= INT64_MAX - (int64_t)UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        s->t[i] = cur_u32(c);
        sound = sound && (i == 0 ? s->t[0] == 0 : s->t[i] > s->t[i - 1]);
    }
    for (uint32_t i = 0; i < n; i++)
        s->v[i] = f64_from_bits(cur_u64(c));
    if (c->failed || !sound) {
        c->failed = true;
        return;
    }
    s->n_tail = (uint8_t)n;
    see_span(r, s->tail_ms, s->tail_ms + s->t[n - 1]);
}

static void read_late(struct snapshot_read *r, struct cur *c, struct late *l, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        l->t[i] = (int64_t)cur_u64(c);
        c->failed = c->failed || (i > 0 && l->t[i] <= l->t[i - 1]);
    }
    for (uint32_t i = 0; i < n; i++)
        l->v[i] = f64_from_bits(cur_u64(c));
    if (c->failed)
        return;
    l->n = n;
    see_span(r, l->t[0], l->t[n - 1]);
}

static struct series *target(struct snapshot_read *r, tsdb_ref ref)
{
    struct series *s = index_find(r->index, ref);
    return s && head_is_empty(s) ? s : NULL;
}

static void read_series(struct snapshot_read *r, struct cur *c)
{
    struct series *s = target(r, cur_u64(c)), unknown;
    int64_t newest = (int64_t)cur_u64(c);
    uint64_t bits = cur_u64(c), chunks = cur_varint(c);
    uint32_t tail = cur_u8(c), late = cur_u8(c);
    if (c->failed || tail > TAIL_MAX || late > LATE_MAX || chunks > cur_left(c)) {
        c->failed = true;
        return;
    }
    for (uint64_t i = 0; i < chunks && !c->failed; i++)
        read_chunk(r, c, s, i + 1 == chunks);
    read_tail(r, c, s ? s : &unknown, tail);
    struct late found = {0};
    if (late > 0)
        read_late(r, c, &found, late);
    if (s && found.n > 0)
        head_set_late(s, &found);
    if (s && !c->failed) {
        s->newest_ms = newest;
        s->last_bits = bits;
        s->hollow = true;
        r->series++;
    }
}

static void read_page(struct snapshot_read *r, struct cur *c, bool *ended)
{
    switch (cur_u8(c)) {
    case PAGE_HEAD:
        r->from = cur_u64(c);
        r->cut_ms = (int64_t)cur_u64(c);
        r->hold_segment = cur_u64(c);
        r->hold_bytes = cur_u64(c);
        break;
    case PAGE_SERIES:
        while (cur_left(c) > 0 && !c->failed)
            read_series(r, c);
        break;
    case PAGE_END:
        *ended = true;
        break;
    default:
        c->failed = true;
    }
    r->damaged += c->failed;
}

void snapshot__read(struct snapshot_read *r, const void *bytes, size_t n)
{
    struct wal_cursor at = {bytes, bytes, (const uint8_t *)bytes + n, 0, 0};
    enum wal_type type;
    struct str payload;
    bool ended = false;
    r->cut_ms = r->min_ms = r->max_ms = NO_TIME;
    while (wal_next(&at, &type, &payload)) {
        struct cur c = CUR_INIT(payload.p, payload.n);
        if (type == WAL_SNAPSHOT)
            read_page(r, &c, &ended);
    }
    r->damaged += at.damaged + !ended;
}

int tsdb__snapshot_load(struct tsdb *db, uint64_t *from, struct err *err)
{
    char *path = path_join(db->head_dir, "snapshot");
    struct wal_map m;
    struct snapshot_read r = {.index = &db->index, .head = &db->head};
    int rc = fs_exists(path) ? wal_map_file(path, SNAPSHOT_HEAD, &m, err) : 1;
    free(path);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    snapshot__read(&r, m.p, m.n);
    wal_unmap(&m);
    if (r.damaged)
        log_warn(
            "metrics store: damaged places in the head's snapshot; samples of the newest hours "
            "are lost there",
            F_INT("places", r.damaged));
    db->count.damaged_records += r.damaged;
    db->cut.end_ms = r.cut_ms;
    db->min_ms = r.min_ms;
    db->max_ms = r.max_ms;
    db->hold.segment = r.hold_segment;
    db->hold.keep_bytes = r.hold_bytes;
    *from = r.from;
    return 0;
}
