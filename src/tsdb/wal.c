/* The log that grows (wal.h). One appender writes; any thread syncs.
 *
 * A segment that ended is synced and closed by the next sync, before the newest one. */
#include "tsdb/wal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tsdb/numbered.h"

#define PATH_SIZE 4096

struct wal {
    char *dir;
    int fd;
    _Atomic uint64_t segment, offset; /* where the next record goes */
    _Atomic uint64_t oldest;
    pthread_mutex_t lock; /* what follows, and fd of ended */
    vec_of(int) ended;    /* segments to sync and close */
    uint64_t synced_segment, synced_offset;
    uint64_t syncs, failures;
    bool syncing;
    pthread_cond_t sync_done;
};

static void path_of(const char *dir, uint64_t segment, char *path)
{
    int n = snprintf(path, PATH_SIZE, "%s/%08" PRIu64 ".wal", dir, segment);
    must(n > 0 && n < PATH_SIZE);
}

static int fail(struct err *err, const char *what, uint64_t segment)
{
    return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
                   "cannot %s WAL segment %" PRIu64, what, segment);
}

/* A new file with its head; its descriptor. */
static int begin_segment(const char *dir, uint64_t segment, struct err *err)
{
    char path[PATH_SIZE];
    path_of(dir, segment, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail(err, "begin", segment);
    struct {
        uint32_t magic, zero;
        uint64_t number;
    } head = {WAL_SEGMENT_MAGIC, 0, segment};
    if (numbered_write(fd, &head, sizeof(head), 0) == 0)
        return fd;
    fail(err, "begin", segment);
    close(fd);
    unlink(path);
    return -1;
}

int wal_list(const char *dir, struct numbers *out, struct err *err)
{
    return numbered_list(dir, ".wal", out, err);
}

struct wal *wal_open(const char *dir, struct err *err)
{
    struct numbers old = {0};
    if (fs_mkdirs(dir, 0750, err) < 0 || wal_list(dir, &old, err) < 0)
        return NULL;
    uint64_t segment = old.n > 0 ? old.at[old.n - 1] + 1 : 1;
    uint64_t oldest = old.n > 0 ? old.at[0] : segment;
    vec_done(&old);
    int fd = begin_segment(dir, segment, err);
    if (fd < 0)
        return NULL;
    struct wal *w = calloc(1, sizeof(*w));
    must(w != NULL);
    w->dir = strdup(dir);
    must(w->dir != NULL);
    w->fd = fd;
    w->segment = segment;
    w->offset = WAL_SEGMENT_HEAD;
    w->oldest = oldest;
    w->synced_segment = segment;
    w->synced_offset = WAL_SEGMENT_HEAD;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->sync_done, NULL);
    return w;
}

void wal_close(struct wal *w)
{
    if (!w)
        return;
    vec_each (&w->ended, fd)
        close(*fd);
    vec_done(&w->ended);
    close(w->fd);
    pthread_cond_destroy(&w->sync_done);
    pthread_mutex_destroy(&w->lock);
    free(w->dir);
    free(w);
}

int wal_write(struct wal *w, const void *records, size_t n, struct err *err)
{
    must(n >= WAL_RECORD_HEAD);
    if (w->offset > WAL_SEGMENT_HEAD && w->offset + n > WAL_SEGMENT_BYTES) {
        uint64_t ignored;
        if (wal_rotate(w, &ignored, err) < 0)
            return -1;
    }
    if (numbered_write(w->fd, records, n, w->offset) < 0) {
        fail(err, "append to", w->segment);
        if (ftruncate(w->fd, (off_t)w->offset) < 0) /* the next write begins there all the same */
            w->failures++;
        return -1;
    }
    atomic_store_explicit(&w->offset, w->offset + n, memory_order_release);
    return 0;
}

int wal_rotate(struct wal *w, uint64_t *segment, struct err *err)
{
    int fd = begin_segment(w->dir, w->segment + 1, err);
    if (fd < 0)
        return -1;
    pthread_mutex_lock(&w->lock);
    vec_push(&w->ended, w->fd);
    w->fd = fd;
    w->segment++;
    w->offset = WAL_SEGMENT_HEAD;
    *segment = w->segment;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

struct sync {
    vec_of(int) ended;
    int fd;
    uint64_t segment, offset;
};

static int sync_files(struct sync *s, struct err *err)
{
    int rc = 0;
    vec_each (&s->ended, fd) {
        if (fdatasync(*fd) < 0)
            rc = fail(err, "sync", s->segment);
        close(*fd);
    }
    if (fdatasync(s->fd) < 0)
        rc = fail(err, "sync", s->segment);
    close(s->fd);
    return rc;
}

/* Takes what is to be synced; the newest descriptor is doubled, since the appender may end its segment meanwhile. */
static void begin_sync(struct wal *w, struct sync *s)
{
    s->ended.at = w->ended.at;
    s->ended.n = w->ended.n;
    s->ended.cap = w->ended.cap;
    w->ended.at = NULL;
    w->ended.n = w->ended.cap = 0;
    s->fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
    s->segment = w->segment;
    s->offset = w->offset;
    w->syncing = true;
}

static bool is_behind(const struct wal *w, uint64_t segment, uint64_t offset)
{
    return w->synced_segment < segment ||
           (w->synced_segment == segment && w->synced_offset < offset);
}

int wal_sync(struct wal *w, struct err *err)
{
    struct sync s = {0};
    pthread_mutex_lock(&w->lock);
    uint64_t segment = w->segment, offset = w->offset;
    while (w->syncing &&
           is_behind(w, segment, offset)) /* whoever comes meanwhile shares the next one */
        pthread_cond_wait(&w->sync_done, &w->lock);
    if (!is_behind(w, segment, offset)) {
        pthread_mutex_unlock(&w->lock);
        return 0;
    }
    begin_sync(w, &s);
    pthread_mutex_unlock(&w->lock);
    int rc = sync_files(&s, err);
    vec_done(&s.ended);
    pthread_mutex_lock(&w->lock);
    w->syncing = false;
    w->syncs++;
    w->failures += rc < 0;
    if (rc == 0) {
        w->synced_segment = s.segment;
        w->synced_offset = s.offset;
    }
    pthread_cond_broadcast(&w->sync_done);
    pthread_mutex_unlock(&w->lock);
    return rc;
}

bool wal_is_synced(struct wal *w)
{
    pthread_mutex_lock(&w->lock);
    bool synced = !is_behind(w, w->segment, w->offset) && w->ended.n == 0;
    pthread_mutex_unlock(&w->lock);
    return synced;
}

struct tsdb_place wal_end(struct wal *w)
{
    pthread_mutex_lock(&w->lock);
    struct tsdb_place p = {w->segment, w->offset};
    pthread_mutex_unlock(&w->lock);
    return p;
}

void wal_drop(struct wal *w, uint64_t before)
{
    must(before <= w->segment);
    for (uint64_t s = w->oldest; s < before; s++) {
        char path[PATH_SIZE];
        path_of(w->dir, s, path);
        unlink(path);
    }
    if (before > w->oldest)
        w->oldest = before;
}

uint64_t wal_oldest(struct wal *w)
{
    return w->oldest;
}

uint64_t wal_bytes(struct wal *w, uint64_t from_segment)
{
    uint64_t bytes = 0;
    for (uint64_t s = from_segment < w->oldest ? w->oldest : from_segment; s <= w->segment; s++) {
        char path[PATH_SIZE];
        struct stat st;
        path_of(w->dir, s, path);
        if (stat(path, &st) == 0)
            bytes += (uint64_t)st.st_size;
    }
    return bytes;
}

void wal_stats(struct wal *w, struct tsdb_stats *out)
{
    pthread_mutex_lock(&w->lock);
    out->wal_syncs = w->syncs;
    out->wal_failures = w->failures;
    out->wal_segments = w->segment - w->oldest + 1;
    pthread_mutex_unlock(&w->lock);
    out->wal_bytes = wal_bytes(w, 0);
}

int wal_cut(const char *dir, uint64_t segment, size_t sound, struct err *err)
{
    char path[PATH_SIZE];
    path_of(dir, segment, path);
    if (truncate(path, (off_t)(WAL_SEGMENT_HEAD + sound)) < 0)
        return fail(err, "cut", segment);
    return 0;
}

int wal_map_file(const char *path, size_t head, struct wal_map *out, struct err *err)
{
    *out = (struct wal_map){.p = (const uint8_t *)""};
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s", path);
    if (st.st_size <= (off_t)head)
        return 0;
    size_t size = (size_t)st.st_size;
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return err_sys(err, ERR_IO, "cannot map %s", path);
    madvise(base, size, MADV_SEQUENTIAL);
    *out = (struct wal_map){base, size, (const uint8_t *)base + head, size - head};
    return 0;
}

int wal_map(const char *dir, uint64_t segment, struct wal_map *out, struct err *err)
{
    char path[PATH_SIZE];
    path_of(dir, segment, path);
    return wal_map_file(path, WAL_SEGMENT_HEAD, out, err);
}

void wal_unmap(struct wal_map *m)
{
    if (m->base)
        munmap(m->base, m->size);
    *m = (struct wal_map){0};
}
