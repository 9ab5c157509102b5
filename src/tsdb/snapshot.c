/* The head's snapshot, DIR/head/snapshot: where the samples of every series are, and those that are in memory, so that a start replays
 * only the WAL behind it. Written by whoever holds keep_lock, while appending goes on; replaced at once.
 *
 *   file    "BSS1" u32 0, then records as those of the WAL (wal.h), type WAL_SNAPSHOT, of about 4 KiB
 *   page    u8 PAGE_HEAD    u64 first WAL segment to replay, i64 end of the newest cut (NO_TIME: none), u64 first WAL
 *                           segment that a tail needs (0: none), u64 how many bytes it may keep
 *           u8 PAGE_SERIES  series
 *           u8 PAGE_END     u64 number of series: the last
 *   series  u64 reference, i64 newest time, u64 its value's bits, varint chunks, u8 tail, u8 late, then
 *   chunk   u8 flags (head.h), i64 first time, varint span, varint length; in memory: the bytes; in a file: u64 where
 *   tail    i64 first time, u32 offset each, u64 bits each
 *   late    i64 time each, u64 bits each
 *
 * Series are copied a shard at a time, after the WAL's new segment began: what was appended in between is in both, and
 * the replay finds it there already. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tsdb/snapshot_priv.h"

#define WRITE_BYTES ((size_t)256 << 10)

struct snapshot {
    struct tsdb *db;
    int fd;
    struct buf out; /* records; the one from `page` on is not ended */
    size_t page;
    uint64_t series;
};

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_put_u8(b, (uint8_t)v | 0x80);
    buf_put_u8(b, (uint8_t)v);
}

static void put_chunk(struct buf *b, const struct head_chunk *c)
{
    bool memory = c->flags & (HEAD_OPEN | HEAD_MEMORY);
    buf_put_u8(b, c->flags);
    buf_put_u64(b, (uint64_t)c->min_ms);
    put_varint(b, c->span_ms);
    put_varint(b, c->len);
    if (memory)
        buf_add(b, (const void *)(uintptr_t)c->at, c->len);
    else
        buf_put_u64(b, c->at);
}

static void put_samples(struct buf *b, const struct series *s, const struct late *l)
{
    if (s->n_tail > 0)
        buf_put_u64(b, (uint64_t)s->tail_ms);
    for (uint32_t i = 0; i < s->n_tail; i++)
        buf_put_u32(b, s->t[i]);
    for (uint32_t i = 0; i < s->n_tail; i++)
        buf_put_u64(b, f64_bits(s->v[i]));
    for (uint32_t i = 0; l && i < l->n; i++)
        buf_put_u64(b, (uint64_t)l->t[i]);
    for (uint32_t i = 0; l && i < l->n; i++)
        buf_put_u64(b, f64_bits(l->v[i]));
}

/* These may run ahead of the samples (append.c): the replay looks twice. */
static void put_newest(struct buf *b, const struct series *s)
{
    buf_put_u64(b, (uint64_t)__atomic_load_n(&s->newest_ms, __ATOMIC_RELAXED));
    buf_put_u64(b, __atomic_load_n(&s->last_bits, __ATOMIC_RELAXED));
}

/* Chunks that a block has taken over are left out. */
static bool is_kept(const struct snapshot *w, const struct head_chunk *c)
{
    return !(w->db->cut.pending && (c->flags & HEAD_CUT));
}

static void put_series(struct snapshot *w, struct series *s)
{
    const struct head_chunks *k = s->chunks;
    const struct late *l = k ? k->late : NULL;
    struct buf *b = &w->out;
    uint32_t n = 0;
    head_flush(&w->db->head, s);
    for (uint32_t i = 0; k && i < k->n; i++)
        n += is_kept(w, &k->at[i]);
    buf_put_u64(b, s->ref);
    put_newest(b, s);
    put_varint(b, n);
    buf_put_u8(b, s->n_tail);
    buf_put_u8(b, l ? (uint8_t)l->n : 0);
    for (uint32_t i = 0; k && i < k->n; i++) {
        if (is_kept(w, &k->at[i]))
            put_chunk(b, &k->at[i]);
    }
    put_samples(b, s, l);
    w->series++;
}

static void begin_page(struct snapshot *w, enum snapshot_page kind)
{
    w->page = wal_begin_record(&w->out);
    buf_put_u8(&w->out, (uint8_t)kind);
}

static int write_out(struct snapshot *w, struct err *err)
{
    for (size_t done = 0; done < w->out.len;) {
        ssize_t n = write(w->fd, w->out.data + done, w->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
                           "cannot write the head's snapshot");
        done += (size_t)n;
    }
    buf_clear(&w->out);
    return 0;
}

static int end_page(struct snapshot *w, bool last, struct err *err)
{
    wal_end_record(&w->out, w->page, WAL_SNAPSHOT);
    return last || w->out.len > WRITE_BYTES ? write_out(w, err) : 0;
}

/* 64 neighbours have the same shard. */
static void put_neighbours(struct snapshot *w, uint32_t first)
{
    struct tsdb *db = w->db;
    uint32_t slots = db->index.slots;
    pthread_mutex_lock(head_shard(&db->head, first));
    for (uint32_t slot = first; slot < first + 64 && slot < slots; slot++) {
        struct series *s = index_series(&db->index, slot);
        if (s->ref != 0 && !head_is_empty(s))
            put_series(w, s);
    }
    pthread_mutex_unlock(head_shard(&db->head, first));
}

static int write_pages(struct snapshot *w, uint64_t from, struct err *err)
{
    struct tsdb *db = w->db;
    buf_put_u32(&w->out, SNAPSHOT_MAGIC);
    buf_put_u32(&w->out, 0);
    begin_page(w, PAGE_HEAD);
    buf_put_u64(&w->out, from);
    buf_put_u64(&w->out, (uint64_t)db->cut.end_ms);
    uint64_t keep_bytes, needed = tsdb__tails_need(db, &keep_bytes);
    buf_put_u64(&w->out, needed == UINT64_MAX ? 0 : needed);
    buf_put_u64(&w->out, keep_bytes);
    if (end_page(w, false, err) < 0)
        return -1;
    begin_page(w, PAGE_SERIES);
    for (uint32_t slot = 0; slot < db->index.slots; slot += 64) {
        put_neighbours(w, slot);
        if (w->out.len - w->page < SNAPSHOT_PAGE)
            continue;
        if (end_page(w, false, err) < 0)
            return -1;
        begin_page(w, PAGE_SERIES);
    }
    if (end_page(w, false, err) < 0)
        return -1;
    begin_page(w, PAGE_END);
    buf_put_u64(&w->out, w->series);
    return end_page(w, true, err);
}

/* The WAL from here on belongs to the next start. */
static int begin_segment(struct tsdb *db, uint64_t *from, struct err *err)
{
    pthread_mutex_lock(&db->append_lock);
    pthread_mutex_lock(&db->index.lock);
    int rc = series_log_flush(db->log, err);
    pthread_mutex_unlock(&db->index.lock);
    if (rc == 0)
        rc = wal_rotate(db->wal, from, err);
    if (rc == 0)
        db->appender->since_snapshot = 0;
    pthread_mutex_unlock(&db->append_lock);
    return rc;
}

static int sync_dir(const char *dir)
{
    cleanup(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* What the snapshot refers to is on the disk before it has its name. */
static int make_durable(struct snapshot *w, const char *tmp, const char *path, struct err *err)
{
    struct tsdb *db = w->db;
    char *metadata = path_join(db->head_dir, "metadata");
    int rc = metadata_save(&db->metadata, metadata, err);
    free(metadata);
    if (rc < 0 || head_files_sync(db->head.files, err) < 0 || series_log_sync(db->log, err) < 0)
        return -1;
    if (fsync(w->fd) < 0 || rename(tmp, path) < 0 || sync_dir(db->head_dir) < 0)
        return err_sys(err, ERR_IO, "cannot make the head's snapshot durable");
    return 0;
}

static int write_file(struct snapshot *w, const char *path, uint64_t from, struct err *err)
{
    char tmp[4096];
    int n = snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    must(n > 0 && (size_t)n < sizeof(tmp));
    w->fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (w->fd < 0)
        return err_sys(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot write %s", tmp);
    buf_init(&w->out, (size_t)1 << 30);
    int rc = write_pages(w, from, err);
    if (rc == 0)
        rc = make_durable(w, tmp, path, err);
    if (rc < 0)
        unlink(tmp);
    buf_done(&w->out);
    close(w->fd);
    return rc;
}

int tsdb__snapshot_head(struct tsdb *db, struct err *err)
{
    uint64_t from = 0;
    struct snapshot w = {.db = db, .fd = -1};
    if (begin_segment(db, &from, err) < 0)
        return -1;
    char *path = path_join(db->head_dir, "snapshot");
    int rc = write_file(&w, path, from, err);
    free(path);
    if (rc < 0)
        return -1;
    uint64_t ignored, needed = tsdb__tails_need(db, &ignored);
    wal_drop(db->wal, needed < from ? needed : from);
    head_files_sweep(db->head.files);
    db->snapshot_at = clock_mono_ns() / NS_PER_MS;
    db->snapshot_wanted = false;
    db->count.snapshots++;
    return 0;
}
