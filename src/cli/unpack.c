/* See unpack.h. What it reads may come from anywhere: names are checked by base/tar.c, and only those that a backup has are
 * taken; nothing is followed, nothing is overwritten. */
#include "cli/unpack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "base/tar.h"
#include "config/node.h"

#define CHUNK        ((size_t)128 << 10)
#define MANIFEST_MAX 65536
#define WINDOW_LOG   27

struct unpack {
    char *dir;
    uid_t uid;
    gid_t gid;
    ZSTD_DCtx *zstd;
    char *chunk;
    bool frame_done, end; /* end: the archive's last block was seen */
    unsigned char header[TAR_BLOCK];
    size_t header_n;
    struct tar_entry entry;
    uint64_t left;  /* of the entry's contents */
    size_t padding; /* behind them */
    int fd;
    struct buf manifest;
    struct unpacked got;
};

struct unpack *unpack_new(const char *dir, uid_t uid, gid_t gid)
{
    struct unpack *u = calloc(1, sizeof(*u));
    must(u && (u->dir = strdup(dir)) && (u->chunk = malloc(CHUNK)));
    u->uid = uid;
    u->gid = gid;
    u->fd = -1;
    u->zstd = ZSTD_createDCtx();
    must(u->zstd);
    ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
    buf_init(&u->manifest, MANIFEST_MAX);
    return u;
}

void unpack_free(struct unpack **up)
{
    struct unpack *u = *up;
    if (!u)
        return;
    fd_closep(&u->fd);
    ZSTD_freeDCtx(u->zstd);
    buf_done(&u->manifest);
    free(u->chunk);
    free(u->dir);
    free(u);
    *up = NULL;
}

/* --- entries --- */

static bool is_manifest(const struct unpack *u)
{
    return streq(u->entry.name, "backup.json");
}

static bool is_known(const struct tar_entry *e)
{
    static const char *const files[] = {"backup.json", "belfry.db", "secret.key"};
    for (size_t i = 0; i < array_len(files); i++)
        if (streq(e->name, files[i]))
            return !e->directory;
    return streq(e->name, "tsdb") ? e->directory : strncmp(e->name, "tsdb/", 5) == 0;
}

static int open_entry(struct unpack *u, struct err *err)
{
    char *path = path_join(u->dir, u->entry.name);
    int rc = 0;
    if (u->entry.directory) {
        rc = mkdir(path, 0700);
        if (rc == 0 && u->uid != (uid_t)-1)
            rc = chown(path, u->uid, u->gid);
    } else {
        u->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        rc = u->fd < 0 ? -1 : 0;
        if (rc == 0 && u->uid != (uid_t)-1)
            rc = fchown(u->fd, u->uid, u->gid);
    }
    if (rc != 0)
        err_sys(err, ERR_IO, "cannot create %s", path);
    free(path);
    return rc;
}

static int begin_entry(struct unpack *u, struct err *err)
{
    must(u->left == 0 && u->fd < 0); /* the one before is complete */
    if (!is_known(&u->entry))
        return err_set(err, ERR_INVALID, "the archive holds \"%.60s\": this is no backup of Belfry",
                       u->entry.name);
    if (u->got.files == 0 && !is_manifest(u))
        return err_set(err, ERR_INVALID, "the archive does not begin with backup.json");
    u->got.files++;
    u->left = u->entry.size;
    u->padding = tar_padding(u->entry.size);
    u->got.has_database |= streq(u->entry.name, "belfry.db");
    u->got.has_key |= streq(u->entry.name, "secret.key");
    u->got.has_series |= streq(u->entry.name, "tsdb");
    if (is_manifest(u))
        return u->left < MANIFEST_MAX ? 0 : err_set(err, ERR_TOO_LARGE, "backup.json is too large");
    return open_entry(u, err);
}

static void copy_field(const struct node *n, const char *key, char *out, size_t size)
{
    const struct node *field = node_get(n, key);
    if (field && field->kind == NODE_TEXT)
        snprintf(out, size, "%.*s", (int)field->text.n, field->text.p);
}

static int read_manifest(struct unpack *u, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const char *text = u->manifest.data ? u->manifest.data : "";
    struct node *n = node_from_json(a, text, u->manifest.len, err);
    const struct node *format = n ? node_get(n, "format") : NULL;
    if (!n)
        return err_prefix(err, "backup.json");
    if (!format || format->kind != NODE_INT || format->num != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "backup.json: got another format; this Belfry knows 1");
    copy_field(n, "belfry", u->got.written_by, sizeof(u->got.written_by));
    copy_field(n, "created_at", u->got.created_at, sizeof(u->got.created_at));
    copy_field(n, "key_id", u->got.key_id, sizeof(u->got.key_id));
    return 0;
}

static int end_entry(struct unpack *u, struct err *err)
{
    u->header_n = 0;
    if (is_manifest(u))
        return read_manifest(u, err);
    if (u->fd >= 0 && fsync(u->fd) != 0)
        return err_sys(err, ERR_IO, "cannot write %s", u->entry.name);
    fd_closep(&u->fd);
    u->fd = -1;
    return 0;
}

static int put(struct unpack *u, const char *p, size_t n, struct err *err)
{
    if (is_manifest(u)) {
        buf_add(&u->manifest, p, n);
        return 0;
    }
    while (n > 0) {
        ssize_t w = write(u->fd, p, n);
        if (w < 0 && errno != EINTR)
            return err_sys(err, ERR_IO, "cannot write %s", u->entry.name);
        p += w > 0 ? w : 0;
        n -= w > 0 ? (size_t)w : 0;
    }
    return 0;
}

/* --- the archive --- */

static int take_header(struct unpack *u, struct err *err)
{
    bool end = false;
    if (tar_parse_header(u->header, &u->entry, &end, err) != 0)
        return -1;
    u->end = end;
    if (end)
        return 0;
    if (begin_entry(u, err) != 0)
        return -1;
    return u->left == 0 ? end_entry(u, err) : 0;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

static int take_some(struct unpack *u, const char **p, size_t *n, struct err *err)
{
    must(*n > 0);
    size_t take;
    if (u->left > 0) {
        take = least(u->left, *n);
        if (put(u, *p, take, err) != 0)
            return -1;
        u->left -= take;
        u->got.bytes += take;
        if (u->left == 0 && end_entry(u, err) != 0)
            return -1;
    } else if (u->padding > 0) {
        take = least(u->padding, *n);
        u->padding -= take;
    } else {
        must(u->header_n < TAR_BLOCK);
        take = least(TAR_BLOCK - u->header_n, *n);
        memcpy(u->header + u->header_n, *p, take);
        u->header_n += take;
        if (u->header_n == TAR_BLOCK && take_header(u, err) != 0)
            return -1;
    }
    *p += take;
    *n -= take;
    return 0;
}

static int take_plain(struct unpack *u, const char *p, size_t n, struct err *err)
{
    while (n > 0 && !u->end) /* behind the end there are only zeros */
        if (take_some(u, &p, &n, err) != 0)
            return -1;
    return 0;
}

int unpack_feed(struct unpack *u, const void *p, size_t n, struct err *err)
{
    must(p || n == 0);
    ZSTD_inBuffer in = {p, n, 0};
    for (;;) {
        ZSTD_outBuffer out = {u->chunk, CHUNK, 0};
        if (u->frame_done && in.pos < in.size)
            return err_set(err, ERR_DAMAGED, "something stands behind the end of the archive");
        size_t rest = ZSTD_decompressStream(u->zstd, &out, &in);
        if (ZSTD_isError(rest))
            return err_set(err, ERR_DAMAGED, "the archive is damaged: %s", ZSTD_getErrorName(rest));
        u->frame_done = rest == 0;
        if (take_plain(u, u->chunk, out.pos, err) != 0)
            return -1;
        if (in.pos == in.size && out.pos < CHUNK)
            return 0;
    }
}

int unpack_end(struct unpack *u, struct unpacked *out, struct err *err)
{
    if (!u->frame_done || !u->end)
        return err_set(err, ERR_DAMAGED, "the archive is cut off: its end is missing");
    if (!u->got.has_database)
        return err_set(err, ERR_INVALID, "the archive holds no belfry.db");
    *out = u->got;
    return 0;
}
