/* head_file.h: a table of files by number, the newest of which grows. */
#include "tsdb/head_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "tsdb/epoch.h"
#include "tsdb/numbered.h"

#define FILES       4096u
#define FILE_BYTES  ((uint64_t)32 << 20)
#define FILE_HEADER 8u
#define FILE_MAGIC  0x31434842u /* "BHC1" */
#define PATH_SIZE   4096

struct head_file {
    uint32_t number;
    int fd; /* -1: not written any more */
    const uint8_t *map;
    _Atomic uint64_t size;
    _Atomic uint64_t live; /* chunks that are needed */
    bool unsynced;
};
struct head_files {
    char *dir;
    struct epoch *epoch;
    pthread_mutex_t lock;      /* everything but what is atomic */
    struct head_file *growing; /* NULL: none yet */
    uint32_t next_number;
    _Atomic(struct head_file *) table[FILES]; /* by number modulo FILES */
};

static void path_of(const struct head_files *f, uint32_t number, char *path)
{
    int n = snprintf(path, PATH_SIZE, "%s/%08u.chunks", f->dir, number);
    must(n > 0 && n < PATH_SIZE);
}

static struct head_file *file_of(struct head_files *f, uint64_t at)
{
    uint32_t number = (uint32_t)(at >> 32);
    struct head_file *file = atomic_load_explicit(&f->table[number % FILES], memory_order_acquire);
    return file && file->number == number ? file : NULL;
}

static void free_file(struct head_file *file)
{
    munmap((void *)file->map, FILE_BYTES);
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

static struct head_file *map_file(int fd, uint32_t number, uint64_t size, struct err *err)
{
    void *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        err_sys(err, ERR_IO, "cannot map head file %u", number);
        return NULL;
    }
    struct head_file *file = calloc(1, sizeof(*file));
    must(file != NULL);
    *file = (struct head_file){.number = number, .fd = -1, .map = map, .size = size};
    return file;
}

/* One that is there from before. A file without its header counts as empty and is swept away. */
static int open_old(struct head_files *f, uint32_t number, struct err *err)
{
    char path[PATH_SIZE];
    path_of(f, number, path);
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, ERR_IO, "cannot open %s", path);
    uint64_t size = (uint64_t)st.st_size < FILE_BYTES ? (uint64_t)st.st_size : FILE_BYTES;
    if (f->table[number % FILES])
        return err_set(err, ERR_IO, "cannot open %s: too many head files", path);
    struct head_file *file = map_file(fd, number, size, err);
    if (!file)
        return -1;
    atomic_store(&f->table[number % FILES], file);
    if (number >= f->next_number)
        f->next_number = number + 1;
    return 0;
}

static int open_all(struct head_files *f, struct err *err)
{
    DIR *d = opendir(f->dir);
    if (!d)
        return err_sys(err, ERR_IO, "cannot read %s", f->dir);
    int rc = 0;
    for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
        uint32_t number;
        char tail;
        if (sscanf(e->d_name, "%8u.chunk%c", &number, &tail) == 2 && tail == 's' &&
            strlen(e->d_name) == 15)
            rc = open_old(f, number, err);
    }
    closedir(d);
    return rc;
}

struct head_files *head_files_open(const char *dir, struct epoch *e, struct err *err)
{
    if (fs_mkdirs(dir, 0750, err) < 0)
        return NULL;
    struct head_files *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->dir = strdup(dir);
    must(f->dir != NULL);
    f->epoch = e;
    f->next_number = 1;
    pthread_mutex_init(&f->lock, NULL);
    if (open_all(f, err) == 0)
        return f;
    head_files_close(f);
    return NULL;
}

void head_files_close(struct head_files *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; i < FILES; i++) {
        if (f->table[i])
            free_file(f->table[i]);
    }
    pthread_mutex_destroy(&f->lock);
    free(f->dir);
    free(f);
}

/* The checksum and the bytes with one call, mostly. */
static int write_chunk(int fd, const void *bytes, uint32_t n, uint64_t at)
{
    uint32_t crc = crc32c(0, bytes, n);
    uint8_t small[2048];
    if (n > sizeof(small) - 4)
        return numbered_write(fd, &crc, 4, at) < 0 ? -1 : numbered_write(fd, bytes, n, at + 4);
    memcpy(small, &crc, 4);
    memcpy(small + 4, bytes, n);
    return numbered_write(fd, small, 4 + n, at);
}

static int fail(struct err *err, uint32_t number)
{
    return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO,
                   "cannot write head file %u", number);
}

static int begin_file(struct head_files *f, struct err *err)
{
    uint32_t number = f->next_number;
    if (f->table[number % FILES])
        return err_set(err, ERR_FULL, "cannot begin head file %u: there are %u already", number,
                       FILES);
    char path[PATH_SIZE];
    path_of(f, number, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail(err, number);
    f->next_number++; /* a number is never used twice */
    uint32_t header[2] = {FILE_MAGIC, number};
    struct head_file *file = NULL;
    if (numbered_write(fd, header, sizeof(header), 0) < 0)
        fail(err, number);
    else
        file = map_file(fd, number, FILE_HEADER, err);
    if (!file) {
        close(fd);
        unlink(path);
        return -1;
    }
    file->fd = fd;
    f->growing = file;
    atomic_store_explicit(&f->table[number % FILES], file, memory_order_release);
    return 0;
}

static int put_locked(struct head_files *f, const void *bytes, uint32_t n, uint64_t *at,
                      struct err *err)
{
    struct head_file *g = f->growing;
    if ((!g || g->size + 4 + n > FILE_BYTES) && begin_file(f, err) < 0)
        return -1;
    g = f->growing;
    if (write_chunk(g->fd, bytes, n, g->size) < 0)
        return fail(err, g->number);
    *at = (uint64_t)g->number << 32 | (g->size + 4);
    g->live++;
    g->unsynced = true;
    atomic_store_explicit(&g->size, g->size + 4 + n, memory_order_release);
    return 0;
}

int head_files_put(struct head_files *f, const void *bytes, uint32_t n, uint64_t *at,
                   struct err *err)
{
    pthread_mutex_lock(&f->lock);
    int rc = put_locked(f, bytes, n, at, err);
    pthread_mutex_unlock(&f->lock);
    return rc;
}

static bool lies_within(const struct head_file *file, uint64_t at, uint32_t n)
{
    uint64_t offset = at & UINT32_MAX;
    return offset >= FILE_HEADER + 4 && offset + n <= file->size;
}

const void *head_files_get(struct head_files *f, uint64_t at, uint32_t n, struct err *err)
{
    const struct head_file *file = file_of(f, at);
    uint32_t crc;
    if (file && lies_within(file, at, n)) {
        const uint8_t *p = file->map + (at & UINT32_MAX);
        memcpy(&crc, p - 4, 4);
        if (crc32c(0, p, n) == crc)
            return p;
    }
    err_set(err, ERR_DAMAGED, "cannot read a chunk at %llu of head file %llu: its checksum fails",
            (unsigned long long)(at & UINT32_MAX), (unsigned long long)(at >> 32));
    return NULL;
}

bool head_files_claim(struct head_files *f, uint64_t at, uint32_t n)
{
    struct head_file *file = file_of(f, at);
    if (!file || !lies_within(file, at, n))
        return false;
    file->live++;
    return true;
}

void head_files_drop(struct head_files *f, uint64_t at)
{
    struct head_file *file = file_of(f, at);
    must(file != NULL && file->live > 0);
    file->live--;
}

static int sync_file(struct head_file *file, struct err *err)
{
    if (fdatasync(file->fd) < 0)
        return fail(err, file->number);
    return 0;
}

/* Files that grow no more are closed once they are on the disk. */
int head_files_sync(struct head_files *f, struct err *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < FILES; i++) {
        pthread_mutex_lock(&f->lock);
        struct head_file *file = f->table[i];
        bool needed = file && file->fd >= 0 && file->unsynced, grown = file && file != f->growing;
        if (needed)
            file->unsynced = false;
        pthread_mutex_unlock(&f->lock);
        if (needed && sync_file(file, err) < 0) {
            pthread_mutex_lock(&f->lock);
            file->unsynced = true;
            pthread_mutex_unlock(&f->lock);
            rc = -1;
        } else if (grown && file->fd >= 0) {
            close(file->fd);
            file->fd = -1;
        }
    }
    return rc;
}

static void free_retired(void *owner, void *thing, uint64_t number)
{
    (void)owner;
    free_file(thing);
}

/* The names go at once; the mappings when the last reader has left. */
void head_files_sweep(struct head_files *f)
{
    for (uint32_t i = 0; i < FILES; i++) {
        pthread_mutex_lock(&f->lock);
        struct head_file *file = f->table[i];
        bool dead = file && file != f->growing && file->live == 0;
        if (dead)
            f->table[i] = NULL;
        pthread_mutex_unlock(&f->lock);
        if (dead) {
            char path[PATH_SIZE];
            path_of(f, file->number, path);
            unlink(path);
            epoch_retire(f->epoch, free_retired, f, file, 0);
        } else if (file) {
            madvise((void *)file->map, FILE_BYTES, MADV_DONTNEED);
        }
    }
}

uint64_t head_files_bytes(struct head_files *f)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&f->lock);
    for (uint32_t i = 0; i < FILES; i++)
        bytes += f->table[i] ? f->table[i]->size : 0;
    pthread_mutex_unlock(&f->lock);
    return bytes;
}
