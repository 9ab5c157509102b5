/* Assignment files (assign.h): written by the core, mapped and read entry by entry by a watcher.
 *
 * File, little endian:
 *      0  u32 magic "BASN"  u32 version 1  u64 generation  u32 count  u32 crc32c of everything behind
 *     24  count times: u32 length, entry
 * Entry:
 *      u64 id  u64 spec hash  u8 flags (1 fresh, 2 inverted, 4 one address)  u64 interval_ms  u64 timeout_ms  u64 connect_timeout_ms
 *      u32 attempts  u32 burst.times  u64 burst.delta_ms  u64 burst.min_success (IEEE bits)
 *      u64 burst.max_mean_ms  str type  str name  str config (node_encode)
 * where str is u32 length and bytes. Also the payload of a link's TRY message. */
#include "ipc/assign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/must.h"

#define FILE_MAGIC   0x4e534142u /* "BASN" */
#define FILE_VERSION 1u
#define HEADER_SIZE  24u
#define MAX_FILE     ((size_t)1 << 30)
#define MAX_ENTRY    ((size_t)4 << 20)
#define FLAG_FRESH   1u
#define FLAG_INVERT  2u
#define FLAG_ONE     4u
#define WRITER_MAGIC 0x41535752u
#define READER_MAGIC 0x41535244u
#define MAX_INTERVAL (INT64_C(366) * 86400 * 1000)
#define MAX_ATTEMPTS 1000
#define MAX_BURST    100000

/* --- one entry ------------------------------------------------------------------------------ */

void assign_encode(const struct target *t, struct str config, uint64_t spec_hash, bool fresh,
                   struct buf *out)
{
    uint64_t bits;
    memcpy(&bits, &t->burst.min_success, sizeof(bits));
    buf_put_u64(out, t->id);
    buf_put_u64(out, spec_hash);
    buf_put_u8(out, (uint8_t)((fresh ? FLAG_FRESH : 0) | (t->invert ? FLAG_INVERT : 0) |
                              (t->one_address ? FLAG_ONE : 0)));
    buf_put_u64(out, (uint64_t)t->interval_ms);
    buf_put_u64(out, (uint64_t)t->timeout_ms);
    buf_put_u64(out, (uint64_t)t->connect_timeout_ms);
    buf_put_u32(out, (uint32_t)t->attempts);
    buf_put_u32(out, (uint32_t)t->burst.times);
    buf_put_u64(out, (uint64_t)t->burst.delta_ms);
    buf_put_u64(out, bits);
    buf_put_u64(out, (uint64_t)t->burst.max_mean_ms);
    buf_put_str(out, t->type, strlen(t->type));
    buf_put_str(out, t->name, strlen(t->name));
    if (config.n > MAX_ENTRY)
        out->failed = true;
    buf_put_str(out, config.p, config.n);
}

static struct str take_str(struct cur *c)
{
    struct str s = {0};
    s.p = cur_str(c, &s.n);
    return s;
}

static bool in_range(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}

static int check_entry(const struct assign_entry *e, struct err *err)
{
    if (!in_range(e->interval_ms, 1, MAX_INTERVAL) || !in_range(e->timeout_ms, 1, MAX_INTERVAL) ||
        !in_range(e->connect_timeout_ms, 0, MAX_INTERVAL))
        return err_set(err, ERR_DAMAGED, "assignment of target %llu has an impossible time",
                       (unsigned long long)e->id);
    if (!in_range(e->attempts, 0, MAX_ATTEMPTS) || !in_range(e->burst.times, 0, MAX_BURST) ||
        !in_range(e->burst.delta_ms, 0, MAX_INTERVAL) ||
        !in_range(e->burst.max_mean_ms, 0, MAX_INTERVAL) ||
        !(e->burst.min_success >= 0 && e->burst.min_success <= 1))
        return err_set(err, ERR_DAMAGED, "assignment of target %llu has an impossible count",
                       (unsigned long long)e->id);
    if (e->type.n == 0 || e->type.n > 64 || e->name.n > 1024)
        return err_set(err, ERR_DAMAGED, "assignment of target %llu has an impossible name",
                       (unsigned long long)e->id);
    return 0;
}

int assign_decode(struct str bytes, struct assign_entry *out, struct err *err)
{
    struct cur c = CUR_INIT(bytes.p, bytes.n);
    struct assign_entry e = {.id = cur_u64(&c), .spec_hash = cur_u64(&c)};
    uint8_t flags = cur_u8(&c);
    e.fresh = (flags & FLAG_FRESH) != 0;
    e.invert = (flags & FLAG_INVERT) != 0;
    e.one_address = (flags & FLAG_ONE) != 0;
    e.interval_ms = (int64_t)cur_u64(&c);
    e.timeout_ms = (int64_t)cur_u64(&c);
    e.connect_timeout_ms = (int64_t)cur_u64(&c);
    e.attempts = (int32_t)cur_u32(&c);
    e.burst.times = (int32_t)cur_u32(&c);
    e.burst.delta_ms = (int64_t)cur_u64(&c);
    uint64_t bits = cur_u64(&c);
    memcpy(&e.burst.min_success, &bits, sizeof(bits));
    e.burst.max_mean_ms = (int64_t)cur_u64(&c);
    e.type = take_str(&c);
    e.name = take_str(&c);
    e.config = take_str(&c);
    if (c.failed || cur_left(&c) != 0)
        return err_set(err, ERR_DAMAGED,
                       "cannot read assignment entry: got %zu bytes that do not fit", bytes.n);
    if (check_entry(&e, err) < 0)
        return -1;
    *out = e;
    return 0;
}

struct node *assign_config(const struct assign_entry *e, struct arena *a, struct err *err)
{
    struct cur c = CUR_INIT(e->config.p, e->config.n);
    return node_decode(a, &c, err);
}

/* --- writing a file ------------------------------------------------------------------------- */

struct assign_writer {
    uint32_t magic;
    uint32_t count;
    uint64_t generation;
    struct buf out; /* header's room, then entries */
};

struct assign_writer *assign_writer_new(uint64_t generation)
{
    struct assign_writer *w = calloc(1, sizeof(*w));
    must(w != NULL);
    w->magic = WRITER_MAGIC;
    w->generation = generation;
    buf_init(&w->out, MAX_FILE);
    buf_add(&w->out, (const char[HEADER_SIZE]){0}, HEADER_SIZE);
    return w;
}

void assign_write(struct assign_writer *w, const struct target *t, struct str config,
                  uint64_t spec_hash, bool fresh)
{
    check_magic(w, WRITER_MAGIC);
    size_t at = w->out.len;
    buf_put_u32(&w->out, 0);
    assign_encode(t, config, spec_hash, fresh, &w->out);
    if (w->out.failed)
        return;
    uint32_t length = (uint32_t)(w->out.len - at - 4);
    memcpy(w->out.data + at, &length, sizeof(length));
    w->count++;
}

/* Fills in the head that assign_writer_new left room for. */
static int finish(struct assign_writer *w, const char *what, struct err *err)
{
    if (w->out.failed)
        return err_set(err, ERR_TOO_LARGE, "cannot write %s: more than %zu bytes", what, MAX_FILE);
    cleanup(buf_done) struct buf head = BUF_INIT(HEADER_SIZE);
    buf_put_u32(&head, FILE_MAGIC);
    buf_put_u32(&head, FILE_VERSION);
    buf_put_u64(&head, w->generation);
    buf_put_u32(&head, w->count);
    buf_put_u32(&head, crc32c(0, w->out.data + HEADER_SIZE, w->out.len - HEADER_SIZE));
    must(!head.failed && head.len == HEADER_SIZE);
    memcpy(w->out.data, head.data, HEADER_SIZE);
    return 0;
}

void assign_writer_free(struct assign_writer **wp)
{
    struct assign_writer *w = *wp;
    *wp = NULL;
    if (!w)
        return;
    check_magic(w, WRITER_MAGIC);
    buf_done(&w->out);
    w->magic = 0;
    free(w);
}

int assign_writer_commit(struct assign_writer **w, const char *path, struct err *err)
{
    check_magic(*w, WRITER_MAGIC);
    int rc = finish(*w, path, err);
    if (rc == 0)
        rc = fs_write_atomic(path, (*w)->out.data, (*w)->out.len, 0600, false, err);
    assign_writer_free(w);
    return rc;
}

uint64_t assign_writer_seal(struct assign_writer *w)
{
    check_magic(w, WRITER_MAGIC);
    size_t n = w->out.failed ? 0 : w->out.len - HEADER_SIZE;
    w->generation = hash_bytes(n ? w->out.data + HEADER_SIZE : "", n, FILE_VERSION) >> 1;
    if (w->generation == 0)
        w->generation = 1;
    return w->generation;
}

int assign_writer_take(struct assign_writer **w, struct buf *out, struct err *err)
{
    check_magic(*w, WRITER_MAGIC);
    int rc = finish(*w, "an assignment", err);
    if (rc == 0)
        buf_add(out, (*w)->out.data, (*w)->out.len);
    if (rc == 0 && out->failed)
        rc = err_set(err, ERR_TOO_LARGE, "the assignment has %zu bytes", (*w)->out.len);
    assign_writer_free(w);
    return rc;
}

/* --- reading a file ------------------------------------------------------------------------- */

struct assign_file {
    uint32_t magic;
    uint32_t count;
    uint64_t generation;
    void *map;
    size_t size;
    struct cur at;
};

static int check_file(struct assign_file *f, const char *path, struct err *err)
{
    f->at = CUR_INIT(f->map, f->size);
    uint32_t magic = cur_u32(&f->at), version = cur_u32(&f->at);
    f->generation = cur_u64(&f->at);
    f->count = cur_u32(&f->at);
    uint32_t crc = cur_u32(&f->at);
    if (f->at.failed || magic != FILE_MAGIC)
        return err_set(err, ERR_DAMAGED, "%s is not an assignment file", path);
    if (version != FILE_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "%s has version %u; want %u", path, version,
                       FILE_VERSION);
    if (crc32c(0, f->at.p, cur_left(&f->at)) != crc)
        return err_set(err, ERR_DAMAGED, "assignment %s fails its check", path);
    return 0;
}

struct assign_file *assign_open(const char *path, struct err *err)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open assignment %s", path);
        return NULL;
    }
    if (st.st_size < (off_t)HEADER_SIZE || (uint64_t)st.st_size > MAX_FILE) {
        err_set(err, ERR_DAMAGED, "assignment %s has an impossible size of %lld bytes", path,
                (long long)st.st_size);
        return NULL;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err_sys(err, ERR_IO, "cannot map assignment %s", path);
        return NULL;
    }
    struct assign_file *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->magic = READER_MAGIC;
    f->map = map;
    f->size = (size_t)st.st_size;
    if (check_file(f, path, err) < 0)
        assign_close(&f);
    return f;
}

uint64_t assign_generation(const struct assign_file *f)
{
    check_magic(f, READER_MAGIC);
    return f->generation;
}

uint32_t assign_count(const struct assign_file *f)
{
    check_magic(f, READER_MAGIC);
    return f->count;
}

bool assign_next(struct assign_file *f, struct assign_entry *out, struct err *err)
{
    check_magic(f, READER_MAGIC);
    if (err)
        err_clear(err);
    if (cur_left(&f->at) == 0)
        return false;
    struct str bytes = take_str(&f->at);
    if (f->at.failed) {
        err_set(err, ERR_DAMAGED, "cannot read assignment: an entry is cut");
        return false;
    }
    return assign_decode(bytes, out, err) == 0;
}

void assign_close(struct assign_file **fp)
{
    struct assign_file *f = *fp;
    *fp = NULL;
    if (!f)
        return;
    check_magic(f, READER_MAGIC);
    munmap(f->map, f->size);
    f->magic = 0;
    free(f);
}
