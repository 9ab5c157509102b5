/* What was deleted of a block since it was written: the file `deleted`, and the list in memory that reading looks at. The list is
 * replaced as a whole; readers see the one or the other. Older lists live as long as the block: deletions are rare.
 *
 *   u32 "DEL1", u32 n; each: u32 series, i64 first ms, i64 last ms; u32 CRC-32C of all before. Sorted by series. */
#include "tsdb/block_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/map.h"

#define DELETED_MAGIC UINT32_C(0x314c4544)
#define DELETED_MAX   ((size_t)256 << 20)

static struct tombstones *tombstones_new(uint32_t n)
{
    struct tombstones *t = calloc(1, sizeof(*t) + n * sizeof(t->at[0]));
    must(t);
    t->n = n;
    return t;
}

static int parse(struct block *b, const struct buf *in, struct err *err)
{
    struct cur c = CUR_INIT(in->data, in->len);
    uint32_t magic = cur_u32(&c), n = cur_u32(&c);
    if (c.failed || magic != DELETED_MAGIC || cur_left(&c) != (size_t)n * 20 + 4)
        return err_set(err, ERR_DAMAGED, "cannot read what was deleted of block %s", b->meta.name);
    struct tombstones *t = tombstones_new(n);
    for (uint32_t i = 0; i < n; i++) {
        t->at[i].id = cur_u32(&c);
        t->at[i].min_ms = (int64_t)cur_u64(&c);
        t->at[i].max_ms = (int64_t)cur_u64(&c);
    }
    if (cur_u32(&c) != crc32c(0, in->data, in->len - 4)) {
        free(t);
        return err_set(err, ERR_DAMAGED,
                       "cannot read what was deleted of block %s: its checksum is wrong",
                       b->meta.name);
    }
    atomic_store(&b->tombstones, t);
    b->meta.has_deletions = n > 0;
    return 0;
}

int block__tombstones_open(struct block *b, struct err *err)
{
    char path[4200];
    struct buf in = BUF_INIT(DELETED_MAX);
    struct err why = {0};
    snprintf(path, sizeof(path), "%s/deleted", b->path);
    int rc = fs_read_regular(path, &in, &why);
    if (rc != 0 && why.code == ERR_NOT_FOUND) {
        buf_done(&in);
        return 0;
    }
    if (rc == 0)
        rc = parse(b, &in, &why);
    buf_done(&in);
    if (rc != 0 && why.code == ERR_DAMAGED) { /* the samples are sound: they are answered again */
        block__fault(b, "deletions", 0, &why);
        return 0;
    }
    if (rc != 0 && err)
        *err = why;
    return rc;
}

void block__tombstones_close(struct block *b)
{
    struct tombstones *t = atomic_load(&b->tombstones);
    while (t) {
        struct tombstones *older = t->older;
        free(t);
        t = older;
    }
}

uint32_t block_deletions(const struct block *b)
{
    check_magic(b, BLOCK_MAGIC);
    struct tombstones *t = atomic_load(&((struct block *)b)->tombstones);
    return t ? t->n : 0;
}

bool block_has_deletions(const struct block *b)
{
    return block_deletions(b) > 0;
}

static int save(const struct block *b, const struct tombstones *t, struct err *err)
{
    char path[4200];
    struct buf out = BUF_INIT(DELETED_MAX);
    buf_put_u32(&out, DELETED_MAGIC);
    buf_put_u32(&out, t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        buf_put_u32(&out, t->at[i].id);
        buf_put_u64(&out, (uint64_t)t->at[i].min_ms);
        buf_put_u64(&out, (uint64_t)t->at[i].max_ms);
    }
    buf_put_u32(&out, crc32c(0, out.data, out.len));
    snprintf(path, sizeof(path), "%s/deleted", b->path);
    int rc = out.failed
                 ? err_set(err, ERR_TOO_LARGE, "cannot delete more of block %s", b->meta.name)
                 : fs_write_atomic(path, out.data, out.len, 0640, true, err);
    buf_done(&out);
    return rc;
}

/* The list so far, with [min, max] of each of ids; both sorted. */
static struct tombstones *joined(const struct tombstones *old, const uint32_t *ids, uint32_t n,
                                 int64_t min_ms, int64_t max_ms)
{
    uint32_t have = old ? old->n : 0, i = 0, k = 0;
    struct tombstones *t = tombstones_new(have + n);
    for (uint32_t at = 0; at < have + n; at++) {
        if (k == n || (i < have && old->at[i].id <= ids[k]))
            t->at[at] = old->at[i++];
        else
            t->at[at] = (struct tombstone){ids[k++], min_ms, max_ms};
    }
    return t;
}

int block_delete(struct block *b, const uint32_t *ids, uint32_t n, int64_t min_ms, int64_t max_ms,
                 struct err *err)
{
    check_magic(b, BLOCK_MAGIC);
    if (n == 0 || max_ms < b->meta.min_ms || min_ms >= b->meta.max_ms)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        must(ids[i] < b->meta.series && (i == 0 || ids[i] > ids[i - 1]));
    pthread_mutex_lock(&b->lock);
    struct tombstones *old = atomic_load(&b->tombstones);
    struct tombstones *t = joined(old, ids, n, min_ms, max_ms);
    int rc = save(b, t, err);
    if (rc == 0) {
        t->older = old;
        atomic_store(&b->tombstones, t);
    } else {
        free(t);
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

static void take(struct samples *s, uint32_t from, int64_t min_ms, int64_t max_ms)
{
    uint32_t to = from;
    for (uint32_t i = from; i < s->n; i++) {
        if (s->t[i] >= min_ms && s->t[i] <= max_ms)
            continue;
        s->t[to] = s->t[i];
        s->v[to++] = s->v[i];
    }
    s->n = to;
}

void block__take_deleted(struct block *b, uint32_t id, struct samples *s, uint32_t from)
{
    const struct tombstones *t = atomic_load_explicit(&b->tombstones, memory_order_acquire);
    if (!t)
        return;
    uint32_t lo = 0, hi = t->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->at[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < t->n && t->at[lo].id == id; lo++)
        take(s, from, t->at[lo].min_ms, t->at[lo].max_ms);
}
