/* Compression of the rotated files of one folder. A file is written to NAME.zst.tmp, synced, renamed to NAME.zst, then NAME is
 * removed: a kill at any point leaves a .tmp, which is made anew, or both, of which the plain one is removed. Runs in the
 * compressor's thread (compress.c); shares with the main thread only the names of files. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "output/compress_priv.h"

#define LEVEL     1 /* logs shrink tenfold already; higher levels cost many times the CPU */
#define FILE_MODE 0640

/* --- memory: only while there is work --- */

void output__packer_begin(struct packer *w)
{
    if (w->zstd)
        return;
    w->in_size = ZSTD_CStreamInSize();
    w->out_size = ZSTD_CStreamOutSize();
    w->in = malloc(w->in_size);
    w->out = malloc(w->out_size);
    w->zstd = ZSTD_createCCtx();
    must(w->in && w->out && w->zstd);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
}

void output__packer_end(struct packer *w)
{
    ZSTD_freeCCtx(w->zstd);
    free(w->in);
    free(w->out);
    w->zstd = NULL;
    w->in = w->out = NULL;
}

/* --- one file --- */

static int write_all(int fd, const char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t rc = write(fd, p + at, n - at);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return -1;
        at += (size_t)rc;
    }
    return 0;
}

/* One block of input; last ends the frame. */
static int feed(struct packer *w, int to, size_t n, bool last)
{
    ZSTD_inBuffer in = {w->in, n, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {w->out, w->out_size, 0};
        left = ZSTD_compressStream2(w->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left) || write_all(to, w->out, out.pos) < 0)
            return -1;
    } while (last ? left > 0 : in.pos < in.size);
    return 0;
}

static int squeeze(struct packer *w, int from, int to)
{
    struct stat st;
    ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
    if (fstat(from, &st) < 0)
        return -1;
    for (;;) {
        ssize_t n = read(from, w->in, w->in_size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || atomic_load_explicit(w->stop, memory_order_relaxed) ||
            feed(w, to, (size_t)n, n == 0) < 0)
            return -1;
        if (n == 0)
            break;
    }
    struct timespec times[2] = {st.st_mtim, st.st_mtim};
    return fchmod(to, FILE_MODE) < 0 || futimens(to, times) < 0 || fsync(to) < 0 ? -1 : 0;
}

static int make_packed(struct packer *w, const char *plain, const char *tmp)
{
    cleanup(fd_closep) int from = open(plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    cleanup(fd_closep) int to =
        from < 0 ? -1 : open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return to < 0 ? -1 : squeeze(w, from, to);
}

/* The compressed one takes the plain one's place, unless that was removed meanwhile. */
static bool replace(struct packer *w, const char *plain, const char *tmp, const char *packed)
{
    pthread_mutex_lock(w->names);
    bool done = fs_exists(plain) && rename(tmp, packed) == 0;
    if (done)
        unlink(plain);
    pthread_mutex_unlock(w->names);
    return done;
}

char *output__rotated_path(const char *dir, const struct rotated *r, const char *suffix)
{
    char name[ROTATED_NAME_SIZE], *path;
    output__rotated_name(name, r, false);
    must(asprintf(&path, "%s/%s%s", dir, name, suffix) > 0);
    return path;
}

static bool compress_file(struct packer *w, const char *dir, const struct rotated *r)
{
    char *plain = output__rotated_path(dir, r, ""), *packed = output__rotated_path(dir, r, ".zst");
    char *tmp = output__rotated_path(dir, r, ".zst.tmp");
    bool done = make_packed(w, plain, tmp) == 0 && replace(w, plain, tmp, packed);
    if (!done)
        unlink(tmp);
    done = done || !fs_exists(plain); /* deleted: nothing left to do */
    free(plain);
    free(packed);
    free(tmp);
    return done;
}

/* --- one folder --- */

static bool rested(const struct packer *w, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return false;
    int64_t age =
        clock_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / NS_PER_MS;
    return age < 0 || age >= w->after_ms; /* the clock may have been set back */
}

/* 1 nothing left to do with it, 0 too young, -1 it failed. */
static int look_at(struct packer *w, const char *dir, const struct rotated *r)
{
    char *plain = output__rotated_path(dir, r, ""), *tmp = output__rotated_path(dir, r, ".zst.tmp");
    int rc = 1;
    unlink(tmp); /* of a killed predecessor: nobody else makes them */
    if (r->plain && r->packed)
        unlink(plain);
    else if (r->plain)
        rc = !rested(w, plain) ? 0 : compress_file(w, dir, r) ? 1 : -1;
    free(plain);
    free(tmp);
    return rc;
}

size_t output__pack_folder(struct packer *w, const char *dir, bool *failed)
{
    rotated_list l = {0};
    size_t left = 0;
    output__rotated_list(dir, &l, NULL);
    for (size_t i = 0; i < l.n && !atomic_load_explicit(w->stop, memory_order_relaxed); i++) {
        int rc = look_at(w, dir, &l.at[i]);
        left += rc <= 0;
        *failed |= rc < 0;
    }
    vec_done(&l);
    return left;
}
