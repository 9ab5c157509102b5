/* See backup.h. */
#include "core/backup.h"

#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/tar.h"
#include "base/vec.h"

#define MAGIC       0xbe1fbac0u
#define PIECE       ((size_t)256 << 10)
#define CHUNK       65536
#define LEVEL       3
#define SPARE_BYTES (UINT64_C(64) << 20)

struct member {
    char *path; /* NULL: its contents are `text` */
    struct tar_entry entry;
};

struct backup {
    uint32_t magic;
    int lock_fd, fd; /* fd: of the file at hand; -1 */
    char *tmp;       /* DATA/backup.tmp */
    char *series;    /* directory of the series' snapshot; NULL */
    struct buf manifest;
    vec_of(struct member) members;
    size_t at;
    uint64_t left, bytes; /* left: of the file at hand */
    ZSTD_CCtx *zstd;
    bool ended;
};

/* --- what goes in --- */

static struct member *add(struct backup *b, const char *path, const char *name)
{
    struct member m = {.path = path ? strdup(path) : NULL};
    must(strlen(name) <= TAR_NAME_MAX);
    buf_puts(&BUF_FIXED(m.entry.name), name);
    m.entry.mode = 0600;
    m.entry.mtime_s = clock_wall_ms() / 1000;
    vec_push(&b->members, m);
    return &b->members.at[b->members.n - 1];
}

static int add_file(struct backup *b, const char *path, const char *name, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_sys(err, ERR_IO, "cannot back up %s", path);
    struct member *m = add(b, path, name);
    m->entry.size = (uint64_t)st.st_size;
    m->entry.mtime_s = st.st_mtime;
    b->bytes += m->entry.size;
    return 0;
}

static int add_one(struct backup *b, const FTSENT *e, size_t root_len, struct err *err)
{
    char name[TAR_NAME_MAX + 1];
    struct buf text = BUF_FIXED(name);
    buf_printf(&text, "tsdb%s", e->fts_path + root_len);
    if (text.failed)
        return err_set(err, ERR_TOO_LARGE, "cannot back up %s: its name is too long", e->fts_path);
    if (e->fts_info == FTS_D)
        add(b, NULL, name)->entry.directory = true;
    if (e->fts_info == FTS_F)
        return add_file(b, e->fts_path, name, err);
    return 0;
}

static int add_tree(struct backup *b, char *root, struct err *err)
{
    char *const roots[] = {root, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int rc = walk ? 0 : err_sys(err, ERR_IO, "cannot read %s", root);
    size_t n = strlen(root);
    for (FTSENT *e; rc == 0 && (e = fts_read(walk));)
        rc = add_one(b, e, n, err);
    if (walk)
        fts_close(walk);
    return rc;
}

static void put_manifest(struct backup *b, const struct backup_options *opt)
{
    struct json j = json_start(&b->manifest);
    json_obj(&j);
    json_kint(&j, "format", BACKUP_FORMAT);
    json_kstr(&j, "belfry", BELFRY_VERSION);
    json_ktime(&j, "created_at", clock_wall_ms());
    json_kstr(&j, "key_id", opt->key_id);
    json_kbool(&j, "with_key", opt->with_key);
    json_kbool(&j, "metrics", opt->tsdb != NULL);
    json_end(&j);
    add(b, NULL, "backup.json")->entry.size = b->manifest.len;
}

/* --- the copies --- */

static int room_for(const char *data_dir, const char *db, struct err *err)
{
    struct stat st;
    uint64_t unused;
    if (stat(db, &st) != 0)
        return err_sys(err, ERR_IO, "cannot read %s", db);
    if (fs_free_bytes(data_dir, &unused, err) != 0)
        return -1;
    if (unused > (uint64_t)st.st_size + SPARE_BYTES)
        return 0;
    return err_set(err, ERR_FULL,
                   "cannot copy the database: it has %lld MiB, and %s has %llu MiB left",
                   (long long)(st.st_size >> 20), data_dir, (unsigned long long)(unused >> 20));
}

static int copy_database(struct backup *b, const struct backup_options *opt, struct err *err)
{
    char *db = path_join(opt->data_dir, "belfry.db"), *copy = path_join(b->tmp, "belfry.db");
    int rc = fs_mkdirs(b->tmp, 0700, err);
    if (rc == 0)
        rc = room_for(opt->data_dir, db, err);
    if (rc == 0)
        rc = store_backup(opt->store, copy, opt->stop, opt->arg, err);
    if (rc == 0)
        rc = add_file(b, copy, "belfry.db", err);
    free(db);
    free(copy);
    return rc;
}

static int copy_key(struct backup *b, const struct backup_options *opt, struct err *err)
{
    char *path = path_join(opt->data_dir, "secret.key");
    int rc = add_file(b, path, "secret.key", err);
    free(path);
    return rc;
}

static int copy_series(struct backup *b, const struct backup_options *opt, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const char *name = NULL;
    if (tsdb_snapshot(opt->tsdb, true, a, &name, err) < 0)
        return -1;
    b->series = strdup(arena_printf(a, "%s/tsdb/snapshots/%s", opt->data_dir, name));
    must(b->series);
    return add_tree(b, b->series, err);
}

static int take_lock(struct backup *b, const char *data_dir, struct err *err)
{
    char *path = path_join(data_dir, "run/backup.lock");
    struct err fault = {0};
    b->lock_fd = fs_lock_pidfile(path, NULL, &fault);
    free(path);
    if (b->lock_fd >= 0)
        return 0;
    if (fault.code == ERR_CONFLICT)
        return err_set(err, ERR_BUSY, "another backup is being made; try again when it is done");
    *err = fault;
    return -1;
}

static int make_copies(struct backup *b, const struct backup_options *opt, struct err *err)
{
    if (take_lock(b, opt->data_dir, err) != 0)
        return -1;
    b->tmp = path_join(opt->data_dir, "backup.tmp");
    put_manifest(b, opt);
    if (fs_remove_tree(b->tmp, err) != 0 || copy_database(b, opt, err) != 0)
        return -1;
    if (opt->with_key && copy_key(b, opt, err) != 0)
        return -1;
    return opt->tsdb ? copy_series(b, opt, err) : 0;
}

struct backup *backup_begin(const struct backup_options *opt, struct err *err)
{
    must(opt->data_dir && opt->store && opt->key_id && err);
    struct backup *b = calloc(1, sizeof(*b));
    must(b);
    b->magic = MAGIC;
    b->lock_fd = b->fd = -1;
    buf_init(&b->manifest, 65536);
    b->zstd = ZSTD_createCCtx();
    must(b->zstd);
    ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_checksumFlag, 1);
    if (make_copies(b, opt, err) == 0)
        return b;
    backup_end(b);
    return NULL;
}

void backup_end(struct backup *b)
{
    struct err err = {0};
    if (!b)
        return;
    check_magic(b, MAGIC);
    fd_closep(&b->fd);
    if ((b->tmp && fs_remove_tree(b->tmp, &err) != 0) ||
        (b->series && fs_remove_tree(b->series, &err) != 0))
        log_warn("the copies of a backup stay on the disk", F_ERR(&err));
    vec_each (&b->members, m)
        free(m->path);
    vec_done(&b->members);
    buf_done(&b->manifest);
    ZSTD_freeCCtx(b->zstd);
    free(b->tmp);
    free(b->series);
    fd_closep(&b->lock_fd);
    b->magic = 0;
    free(b);
}

uint64_t backup_bytes(const struct backup *b)
{
    check_magic(b, MAGIC);
    return b->bytes;
}

/* --- going out --- */

static int compress(struct backup *b, const void *p, size_t n, ZSTD_EndDirective end,
                    struct buf *out, struct err *err)
{
    ZSTD_inBuffer in = {p, n, 0};
    for (;;) {
        if (!buf_reserve(out, CHUNK))
            return err_set(err, ERR_TOO_LARGE, "a piece of the backup is too large");
        ZSTD_outBuffer to = {out->data + out->len, CHUNK, 0};
        size_t rest = ZSTD_compressStream2(b->zstd, &to, &in, end);
        if (ZSTD_isError(rest))
            return err_set(err, ERR_INTERNAL, "cannot compress: %s", ZSTD_getErrorName(rest));
        out->len += to.pos;
        out->data[out->len] = '\0';
        if (end == ZSTD_e_end ? rest == 0 : in.pos == in.size)
            return 0;
    }
}

static int put_block(struct backup *b, const struct buf *block, struct buf *out, struct err *err)
{
    must(!block->failed);
    return compress(b, block->data, block->len, ZSTD_e_continue, out, err);
}

static int begin_member(struct backup *b, const struct member *m, struct buf *out, struct err *err)
{
    cleanup(buf_done) struct buf block = BUF_INIT(8 * TAR_BLOCK + 65536);
    if (tar_put_header(&block, &m->entry) != 0)
        return err_set(err, ERR_TOO_LARGE, "the name %s does not fit into the archive",
                       m->entry.name);
    if (!m->path && m->entry.size > 0) { /* the manifest */
        buf_add(&block, b->manifest.data, b->manifest.len);
        for (size_t i = tar_padding(m->entry.size); i > 0; i--)
            buf_putc(&block, '\0');
    }
    b->left = m->path ? m->entry.size : 0;
    b->at += m->path == NULL;
    if (m->path && (b->fd = open(m->path, O_RDONLY | O_CLOEXEC)) < 0)
        return err_sys(err, ERR_IO, "cannot back up %s", m->path);
    return put_block(b, &block, out, err);
}

static int end_member(struct backup *b, const struct member *m, struct buf *out, struct err *err)
{
    static const char zeros[TAR_BLOCK];
    fd_closep(&b->fd);
    b->fd = -1;
    b->at++;
    return compress(b, zeros, tar_padding(m->entry.size), ZSTD_e_continue, out, err);
}

static int put_contents(struct backup *b, const struct member *m, struct buf *out, struct err *err)
{
    char chunk[CHUNK];
    ssize_t n = read(b->fd, chunk, b->left < CHUNK ? (size_t)b->left : CHUNK);
    if (n < 0)
        return err_sys(err, ERR_IO, "cannot back up %s", m->path);
    if (n == 0)
        return err_set(err, ERR_IO, "cannot back up %s: it became shorter meanwhile", m->path);
    b->left -= (uint64_t)n;
    return compress(b, chunk, (size_t)n, ZSTD_e_continue, out, err);
}

static int put_end(struct backup *b, struct buf *out, struct err *err)
{
    cleanup(buf_done) struct buf block = BUF_INIT(8 * TAR_BLOCK);
    tar_put_end(&block);
    b->ended = true;
    return compress(b, block.data, block.len, ZSTD_e_end, out, err);
}

static int step(struct backup *b, struct buf *out, struct err *err)
{
    if (b->at == b->members.n)
        return put_end(b, out, err);
    const struct member *m = &b->members.at[b->at];
    if (b->fd < 0)
        return begin_member(b, m, out, err);
    return b->left > 0 ? put_contents(b, m, out, err) : end_member(b, m, out, err);
}

int backup_next(struct backup *b, struct buf *out, bool *last, struct err *err)
{
    check_magic(b, MAGIC);
    must(!b->ended);
    size_t before = out->len;
    while (!b->ended && out->len - before < PIECE)
        if (step(b, out, err) != 0)
            return -1;
    *last = b->ended;
    return 0;
}
