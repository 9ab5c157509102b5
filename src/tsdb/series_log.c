/* The file that grows, and its compaction (series_log.h describes the bytes). */
#include "tsdb/series_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tsdb/series_log_priv.h"
#include "tsdb/wal.h"

#define RECORD_BYTES ((size_t)1 << 20)

struct series_log {
    char *dir;
    int fd;
    uint32_t number;    /* of the file */
    uint64_t offset;    /* where the next record goes */
    uint64_t written;   /* series in all files */
    struct buf waiting; /* records; the last one, from `record` on, is not ended */
    size_t record;
    /* Numbers given out in this file. */
    uint32_t pairs, names;
    vec_of(uint32_t) name_ids; /* by number of the label_name: its number here + 1; 0: none yet */
    pthread_mutex_t sync_lock;
    atomic_bool unsynced; /* the synchronising thread clears it without the index's lock */
};

void series_log__path(const char *dir, uint32_t number, char *path)
{
    int n = snprintf(path, LOG_PATH_SIZE, "%s/%08u.log", dir, number);
    must(n > 0 && n < LOG_PATH_SIZE);
}

static int fail(struct err *err, uint32_t number)
{
    return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
                   "cannot write series log %u", number);
}

static int begin_file(const char *dir, uint32_t number, struct err *err)
{
    char path[LOG_PATH_SIZE];
    series_log__path(dir, number, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    uint32_t head[2] = {LOG_MAGIC, 0};
    if (fd >= 0 && numbered_write(fd, head, sizeof(head), 0) == 0)
        return fd;
    fail(err, number);
    fd_closep(&fd);
    return -1;
}

/* Entries of a record of 1 MiB at most, mostly. */
static void begin_entry(struct series_log *l)
{
    struct buf *b = &l->waiting;
    if (b->len > 0 && b->len - l->record > RECORD_BYTES) {
        wal_end_record(b, l->record, WAL_SERIES);
        l->record = wal_begin_record(b);
    } else if (b->len == 0) {
        l->record = wal_begin_record(b);
    }
}

struct series_log *series_log_open(const char *dir, struct err *err)
{
    struct numbers files = {0};
    if (fs_mkdirs(dir, 0750, err) < 0 || series_log__list(dir, &files, err) < 0)
        return NULL;
    uint32_t number = files.n > 0 ? (uint32_t)files.at[files.n - 1] + 1 : 1;
    vec_done(&files);
    int fd = begin_file(dir, number, err);
    if (fd < 0)
        return NULL;
    struct series_log *l = calloc(1, sizeof(*l));
    must(l != NULL);
    l->dir = strdup(dir);
    must(l->dir != NULL);
    l->fd = fd;
    l->number = number;
    l->offset = LOG_HEAD;
    buf_init(&l->waiting, (size_t)1 << 31);
    pthread_mutex_init(&l->sync_lock, NULL);
    return l;
}

void series_log_close(struct series_log *l)
{
    if (!l)
        return;
    close(l->fd);
    buf_done(&l->waiting);
    vec_done(&l->name_ids);
    pthread_mutex_destroy(&l->sync_lock);
    free(l->dir);
    free(l);
}

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_put_u8(b, (uint8_t)v | 0x80);
    buf_put_u8(b, (uint8_t)v);
}

static void put_text(struct buf *b, struct str s)
{
    put_varint(b, s.n);
    buf_add(b, s.p, s.n);
}

static uint32_t name_id(struct series_log *l, const struct pair *p)
{
    while (l->name_ids.n <= p->name)
        vec_push(&l->name_ids, 0);
    if (l->name_ids.at[p->name] == 0) {
        buf_put_u8(&l->waiting, ENTRY_NAME);
        put_varint(&l->waiting, l->names);
        put_text(&l->waiting, p->name_text);
        l->name_ids.at[p->name] = ++l->names;
    }
    return l->name_ids.at[p->name] - 1;
}

static void need_pair(struct series_log *l, struct pair *p)
{
    if (p->log_file == l->number)
        return;
    uint32_t name = name_id(l, p);
    buf_put_u8(&l->waiting, ENTRY_PAIR);
    put_varint(&l->waiting, l->pairs);
    put_varint(&l->waiting, name);
    put_text(&l->waiting, pair_value(p));
    p->log_file = l->number;
    p->log_id = l->pairs++;
}

void series_log_add(struct series_log *l, struct index *x, uint32_t slot)
{
    const struct series *s = index_series(x, slot);
    begin_entry(l);
    for (uint32_t i = 0; i < s->n_pairs; i++)
        need_pair(l, index_pair(x, s->pairs[i]));
    buf_put_u8(&l->waiting, ENTRY_SERIES);
    buf_put_u64(&l->waiting, s->ref);
    put_varint(&l->waiting, s->source);
    put_varint(&l->waiting, s->n_pairs);
    for (uint32_t i = 0; i < s->n_pairs; i++)
        put_varint(&l->waiting, index_pair(x, s->pairs[i])->log_id);
    must(!l->waiting.failed);
    l->written++;
}

void series_log_add_source(struct series_log *l, uint32_t number, struct str name)
{
    begin_entry(l);
    buf_put_u8(&l->waiting, ENTRY_SOURCE);
    put_varint(&l->waiting, number);
    put_text(&l->waiting, name);
}

size_t series_log_waiting(const struct series_log *l)
{
    return l->waiting.len;
}

int series_log_flush(struct series_log *l, struct err *err)
{
    struct buf *b = &l->waiting;
    if (b->len == 0)
        return 0;
    wal_end_record(b, l->record, WAL_SERIES); /* again, when the last attempt failed: the same */
    if (numbered_write(l->fd, b->data, b->len, l->offset) < 0) {
        fail(err, l->number);
        if (ftruncate(l->fd, (off_t)l->offset) < 0)
            l->unsynced = true; /* the next write begins there all the same */
        return -1;
    }
    l->offset += b->len;
    l->unsynced = true;
    if (b->cap > (1u << 20))
        buf_done(b);
    buf_clear(b);
    return 0;
}

int series_log_sync(struct series_log *l, struct err *err)
{
    pthread_mutex_lock(&l->sync_lock);
    bool needed = atomic_exchange(&l->unsynced, false);
    int rc = needed && fdatasync(l->fd) < 0 ? fail(err, l->number) : 0;
    if (rc < 0)
        l->unsynced = true;
    pthread_mutex_unlock(&l->sync_lock);
    return rc;
}

uint64_t series_log_bytes(struct series_log *l)
{
    return l->offset;
}

uint64_t series_log_written(struct series_log *l)
{
    return l->written;
}

void series_log_set_written(struct series_log *l, uint64_t n)
{
    l->written = n;
}

/* --- compaction --- */

/* From now on entries go to a new file, in which every pair is new. The number of the one before. */
static int switch_file(struct series_log *l, uint32_t *before, struct err *err)
{
    if (series_log_flush(l, err) < 0)
        return -1;
    int fd = begin_file(l->dir, l->number + 1, err);
    if (fd < 0)
        return -1;
    *before = l->number++;
    pthread_mutex_lock(&l->sync_lock);
    int rc = fdatasync(l->fd);
    close(l->fd);
    l->fd = fd;
    pthread_mutex_unlock(&l->sync_lock);
    l->offset = LOG_HEAD;
    l->pairs = l->names = 0;
    l->name_ids.n = 0;
    l->written = 0;
    return rc < 0 ? fail(err, *before) : 0;
}

#define ADD_AT_ONCE 256u

/* Series that are there, from slot `from` on, into the new file. */
static int add_some(struct series_log *l, struct index *x, uint32_t from, struct err *err)
{
    pthread_mutex_lock(&x->lock);
    for (uint32_t slot = from; slot < x->slots && slot < from + ADD_AT_ONCE; slot++) {
        if (index_series(x, slot)->ref != 0)
            series_log_add(l, x, slot);
    }
    int rc = series_log_flush(l, err);
    pthread_mutex_unlock(&x->lock);
    return rc;
}

static void add_sources(struct series_log *l, struct index *x)
{
    for (size_t i = 1; i < x->sources.n; i++)
        series_log_add_source(l, (uint32_t)i, str_of(x->sources.at[i]));
}

static int remove_until(struct series_log *l, uint32_t last, struct err *err)
{
    struct numbers files = {0};
    if (series_log__list(l->dir, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.n && files.at[i] <= last; i++) {
        char path[LOG_PATH_SIZE];
        series_log__path(l->dir, (uint32_t)files.at[i], path);
        unlink(path);
    }
    vec_done(&files);
    return 0;
}

int series_log_compact(struct series_log *l, struct index *x, struct err *err)
{
    uint32_t before = 0;
    pthread_mutex_lock(&x->lock);
    int rc = switch_file(l, &before, err);
    if (rc == 0)
        add_sources(l, x);
    pthread_mutex_unlock(&x->lock);
    for (uint32_t slot = 0; rc == 0 && slot < x->slots; slot += ADD_AT_ONCE)
        rc = add_some(l, x, slot, err);
    if (rc == 0)
        rc = series_log_sync(l, err);
    return rc < 0 ? -1 : remove_until(l, before, err);
}
