/* The ring of a watcher (ring.h): one producer, one consumer, in a file both map.
 *
 * File, little endian as the machine is (it never leaves the machine):
 *
 *      0  u32 magic "BRNG"   u32 version 1   u64 ring id   u64 size of the data area (2^n)
 *     24  u32 crc32c of bytes 0-23
 *     64  u64 head       bytes ever written (producer)      ┐
 *     72  u64 published  number of the last record          │ the producer's cache line
 *     80  u64 dropped    records there was no room for      │
 *     88  u64 boot       hash of the boot id (below)        ┘
 *    128  u64 tail       bytes ever freed (consumer)        ┐ the consumer's cache line
 *    136  u64 freed      number of the last freed record    ┘
 *    192  u32 sleeping   1: the consumer asks to be woken   (both)
 *   4096  the data area; position of offset x is x mod size
 *
 * Record, 8-byte aligned, never wraps:  u32 length  u32 crc32c  u64 seq  payload  0-7 bytes of padding
 * The crc covers length, seq and payload. A length of 0xffffffff means "the rest up to the end of
 * the area is unused"; only its 8 first bytes exist.
 *
 * Killed anywhere: a record becomes visible by the one store of head, after which it is complete; a
 * kill before leaves bytes that the successor overwrites. Numbers: the consumer stores freed before
 * tail, so a producer that starts finds the last number as the greater of freed and the last record
 * between tail and head. After a crash of the whole machine the file may be older than the cursors
 * that the store had synced; the producer then sees a foreign boot id and jumps ahead 2^32 numbers. */
#include "ipc/ring.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/must.h"
#include "base/rng.h"
#include "ipc/ipc_priv.h"

#define RING_MAGIC   0x474e5242u /* "BRNG" */
#define RING_VERSION 1u
#define HANDLE_MAGIC 0x52494e47u
#define HEADER_SIZE  4096u
#define MIN_SIZE     ((size_t)64 << 10)
#define MAX_SIZE     ((size_t)1 << 30)
#define WRAP         UINT32_MAX
#define BOOT_JUMP    ((uint64_t)1 << 32)
#define FORGET_STEP  ((uint64_t)256 << 10)

struct ring_file {
    uint32_t magic, version;
    uint64_t id, size;
    uint32_t crc;
    alignas(64) _Atomic uint64_t head;
    _Atomic uint64_t published, dropped, boot;
    alignas(64) _Atomic uint64_t tail;
    _Atomic uint64_t freed;
    alignas(64) _Atomic uint32_t sleeping;
};
_Static_assert(offsetof(struct ring_file, head) == 64, "format");
_Static_assert(offsetof(struct ring_file, tail) == 128, "format");
_Static_assert(offsetof(struct ring_file, sleeping) == 192, "format");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "the atomics are plain words in the file");

struct record {
    uint32_t length, crc;
    uint64_t seq;
};

struct ring {
    uint32_t magic;
    int fd;
    char *path;
    struct ring_file *file;
    uint8_t *data;
    uint64_t id, size, mask; /* copies: the mapping is not trusted after the check at opening */
    struct {
        bool ready; /* the fields below are known */
        uint64_t head, seq;
    } out;
    struct {
        uint64_t tail, at; /* freed up to, read up to */
        uint64_t seq;      /* last number read; 0: none yet */
        uint64_t freed;
        bool damaged;
    } in;
};

static uint64_t record_space(uint64_t length)
{
    return sizeof(struct record) + ((length + 7) & ~UINT64_C(7));
}

static uint32_t record_crc(const struct record *h, const void *payload, size_t n)
{
    uint32_t crc = crc32c(0, &h->length, sizeof(h->length));
    crc = crc32c(crc, &h->seq, sizeof(h->seq));
    return crc32c(crc, payload, n);
}

static uint32_t header_crc(const struct ring_file *f)
{
    return crc32c(0, f, offsetof(struct ring_file, crc));
}

/* --- opening ------------------------------------------------------------------------------- */

static int fill_new(int fd, const char *path, size_t size, struct err *err)
{
    if (ipc__allocate(fd, 0, (off_t)(HEADER_SIZE + size)) < 0)
        return err_sys(err, ERR_FULL, "cannot allocate %zu bytes for %s", size, path);
    struct ring_file f = {.magic = RING_MAGIC, .version = RING_VERSION, .size = size};
    f.id = rng_secure_u64();
    f.crc = header_crc(&f);
    atomic_init(&f.boot, ipc__boot_hash());
    if (pwrite(fd, &f, sizeof(f), 0) != (ssize_t)sizeof(f))
        return err_sys(err, ERR_IO, "cannot write %s", path);
    return 0;
}

/* Makes the file under a name of its own and links it to its place, so that it is there whole or not
 * at all, and so that of two who create it at once one wins. */
static int create_file(const char *path, size_t size, struct err *err)
{
    cleanup(buf_done) struct buf tmp = BUF_INIT(4096);
    buf_printf(&tmp, "%s.new.%ld", path, (long)getpid());
    if (tmp.failed)
        return err_set(err, ERR_TOO_LARGE, "cannot create %s: the path is too long", path);
    unlink(tmp.data);
    cleanup(fd_closep) int fd = open(tmp.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot create %s", tmp.data);
    int rc = fill_new(fd, path, size, err);
    if (rc == 0 && link(tmp.data, path) < 0 && errno != EEXIST)
        rc = err_sys(err, ERR_IO, "cannot create %s", path);
    unlink(tmp.data);
    return rc;
}

static int check_header(const struct ring_file *f, off_t length, const char *path, struct err *err)
{
    if (f->magic != RING_MAGIC || f->crc != header_crc(f))
        return err_set(err, ERR_DAMAGED, "ring %s is damaged: its header fails its check", path);
    if (f->version != RING_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "ring %s has version %u; want %u", path, f->version,
                       RING_VERSION);
    if (f->size < MIN_SIZE || f->size > MAX_SIZE || (f->size & (f->size - 1)) != 0 ||
        (uint64_t)length != HEADER_SIZE + f->size)
        return err_set(err, ERR_DAMAGED, "ring %s is damaged: got %lld bytes for a size of %llu",
                       path, (long long)length, (unsigned long long)f->size);
    return 0;
}

/* True when [from, to) can be what a ring of this size holds. */
static bool offsets_valid(const struct ring *r, uint64_t from, uint64_t to)
{
    return to >= from && to - from <= r->size && ((from | to) & 7) == 0;
}

static int map_file(struct ring *r, struct err *err)
{
    struct stat st;
    if (fstat(r->fd, &st) < 0)
        return err_sys(err, ERR_IO, "cannot stat %s", r->path);
    if (st.st_size < (off_t)HEADER_SIZE)
        return err_set(err, ERR_DAMAGED, "ring %s is damaged: it has only %lld bytes", r->path,
                       (long long)st.st_size);
    struct ring_file *f =
        mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (f == MAP_FAILED)
        return err_sys(err, ERR_IO, "cannot map %s", r->path);
    if (check_header(f, st.st_size, r->path, err) < 0) {
        munmap(f, (size_t)st.st_size);
        return -1;
    }
    r->file = f;
    r->data = (uint8_t *)f + HEADER_SIZE;
    r->id = f->id;
    r->size = f->size;
    r->mask = r->size - 1;
    return 0;
}

/* The next power of two within the bounds: offsets are taken modulo the size by masking. */
size_t ring_good_size(size_t wanted)
{
    size_t size = MIN_SIZE;
    while (size < wanted && size < MAX_SIZE)
        size *= 2;
    return size;
}

struct ring *ring_open(const char *path, size_t size, struct err *err)
{
    size = ring_good_size(size);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        if (create_file(path, size, err) < 0)
            return NULL;
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot open ring %s", path);
        return NULL;
    }
    struct ring *r = calloc(1, sizeof(*r));
    must(r != NULL);
    r->magic = HANDLE_MAGIC;
    r->fd = fd;
    r->path = strdup(path);
    must(r->path != NULL);
    if (map_file(r, err) < 0) {
        ring_close(&r);
        return NULL;
    }
    r->in.freed = atomic_load_explicit(&r->file->freed, memory_order_acquire);
    r->in.tail = r->in.at = atomic_load_explicit(&r->file->tail, memory_order_acquire);
    return r;
}

void ring_close(struct ring **rp)
{
    struct ring *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    check_magic(r, HANDLE_MAGIC);
    if (r->file)
        munmap(r->file, HEADER_SIZE + r->size);
    close(r->fd);
    free(r->path);
    r->magic = 0;
    free(r);
}

uint64_t ring_id(const struct ring *r)
{
    check_magic(r, HANDLE_MAGIC);
    return r->id;
}

bool ring_stale(const struct ring *r)
{
    check_magic(r, HANDLE_MAGIC);
    struct stat ours, there;
    if (fstat(r->fd, &ours) < 0 || stat(r->path, &there) < 0)
        return true;
    return ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

/* --- reading a record, for both sides ------------------------------------------------------- */

/* Looks at what stands at offset `at` of the written range [at, end): 1 a whole record in *h (payload
 * unchecked), 0 a wrap marker, -1 impossible. *next is the offset behind it. */
static int look(const struct ring *r, uint64_t at, uint64_t end, struct record *h, uint64_t *next)
{
    uint64_t pos = at & r->mask;
    uint64_t left = r->size - pos;
    must((at & 7) == 0 && at < end && left >= 8);
    memcpy(&h->length, r->data + pos, sizeof(h->length));
    if (h->length == WRAP) {
        *next = at + left;
        return pos != 0 && *next < end ? 0 : -1; /* a marker is always followed by a record */
    }
    if (left < sizeof(*h) || h->length > r->size / 4)
        return -1;
    memcpy(h, r->data + pos, sizeof(*h));
    uint64_t space = record_space(h->length);
    if (h->length > r->size / 4 || space > left || space > end - at)
        return -1;
    *next = at + space;
    return 1;
}

/* Both sides walk through the whole area time and again, but need only what lies between tail and head: what a side
 * has passed leaves its memory, not the file. From offset `from`, already forgotten up to there, to `to`. */
static void forget(const struct ring *r, uint64_t from, uint64_t to)
{
    must(from <= to);
    if (r->size < 4 * FORGET_STEP || to - from > r->size)
        return;
    for (uint64_t step = from / FORGET_STEP; step < to / FORGET_STEP; step++)
        madvise(r->data + (step * FORGET_STEP & r->mask), FORGET_STEP, MADV_DONTNEED);
}

/* --- the producer --------------------------------------------------------------------------- */

int ring_claim(struct ring *r, struct err *err)
{
    check_magic(r, HANDLE_MAGIC);
    if (flock(r->fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_BUSY, "ring %s has a producer already", r->path);
    return err_sys(err, ERR_IO, "cannot lock ring %s", r->path);
}

/* Number of the last record ever published; false when the ring is damaged. */
static bool last_number(const struct ring *r, uint64_t head, uint64_t *seq)
{
    uint64_t at = atomic_load_explicit(&r->file->tail, memory_order_acquire);
    *seq = atomic_load_explicit(&r->file->freed, memory_order_acquire);
    if (!offsets_valid(r, at, head))
        return false;
    while (at < head) {
        struct record h;
        int kind = look(r, at, head, &h, &at);
        if (kind < 0)
            return false;
        if (kind == 1 && h.seq > *seq)
            *seq = h.seq;
    }
    return true;
}

/* Learns where the predecessor stopped. False while the ring is damaged: the core sets it aside. */
static bool producer_ready(struct ring *r)
{
    if (r->out.ready)
        return true;
    uint64_t head = atomic_load_explicit(&r->file->head, memory_order_acquire);
    uint64_t seq = 0;
    if (!last_number(r, head, &seq))
        return false;
    uint64_t boot = ipc__boot_hash();
    if (atomic_load(&r->file->boot) != boot) {
        seq += BOOT_JUMP;
        atomic_store(&r->file->boot, boot);
    }
    atomic_store_explicit(&r->file->published, seq, memory_order_relaxed);
    r->out.head = head;
    r->out.seq = seq;
    r->out.ready = true;
    return true;
}

static bool count_dropped(struct ring *r)
{
    atomic_fetch_add_explicit(&r->file->dropped, 1, memory_order_relaxed);
    return false;
}

static void write_record(struct ring *r, uint64_t at, uint64_t seq, const void *p, size_t n)
{
    struct record h = {.length = (uint32_t)n, .seq = seq};
    h.crc = record_crc(&h, p, n);
    uint8_t *to = r->data + (at & r->mask);
    memcpy(to, &h, sizeof(h));
    if (n > 0)
        memcpy(to + sizeof(h), p, n);
}

bool ring_publish(struct ring *r, const void *p, size_t n, uint64_t *seq, bool *wake)
{
    check_magic(r, HANDLE_MAGIC);
    must(n <= r->size / 4);
    *wake = false;
    if (!producer_ready(r))
        return count_dropped(r);
    uint64_t tail = atomic_load_explicit(&r->file->tail, memory_order_acquire);
    uint64_t head = r->out.head;
    uint64_t space = record_space(n);
    uint64_t left = r->size - (head & r->mask);
    uint64_t skip = space > left ? left : 0;
    if (!offsets_valid(r, tail, head) || skip + space > r->size - (head - tail))
        return count_dropped(r);
    if (skip > 0)
        memcpy(r->data + (head & r->mask), &(uint32_t){WRAP}, sizeof(uint32_t));
    write_record(r, head + skip, r->out.seq + 1, p, n);
    r->out.seq++;
    r->out.head = head + skip + space;
    forget(r, head, r->out.head);
    /* Sequentially consistent with ring_sleep: either we see `sleeping`, or the consumer sees head. */
    atomic_store_explicit(&r->file->head, r->out.head, memory_order_seq_cst);
    atomic_store_explicit(&r->file->published, r->out.seq, memory_order_relaxed);
    if (atomic_load_explicit(&r->file->sleeping, memory_order_seq_cst) != 0)
        *wake = atomic_exchange_explicit(&r->file->sleeping, 0, memory_order_seq_cst) != 0;
    if (seq)
        *seq = r->out.seq;
    return true;
}

/* --- the consumer --------------------------------------------------------------------------- */

static int damaged(struct ring *r, const char *what, struct err *err)
{
    r->in.damaged = true;
    return err_set(err, ERR_DAMAGED, "ring %s is damaged at offset %llu: %s", r->path,
                   (unsigned long long)r->in.at, what);
}

int ring_next(struct ring *r, const void **p, size_t *n, uint64_t *seq, struct err *err)
{
    check_magic(r, HANDLE_MAGIC);
    if (r->in.damaged)
        return damaged(r, "it was found damaged before", err);
    uint64_t head = atomic_load_explicit(&r->file->head, memory_order_acquire);
    if (!offsets_valid(r, r->in.tail, head) || r->in.at > head)
        return damaged(r, "head and tail do not fit", err);
    struct record h;
    uint64_t at = r->in.at, next = at;
    int kind = 0;
    while (kind == 0) {
        at = next;
        if (at == head)
            return 0;
        kind = look(r, at, head, &h, &next);
    }
    if (kind < 0)
        return damaged(r, "a record has an impossible length", err);
    const void *payload = r->data + (at & r->mask) + sizeof(h);
    if (record_crc(&h, payload, h.length) != h.crc)
        return damaged(r, "a record fails its check", err);
    if (h.seq <= r->in.seq || h.seq == 0)
        return damaged(r, "a record's number is not above its predecessor's", err);
    r->in.at = next;
    r->in.seq = h.seq;
    *p = payload;
    *n = h.length;
    *seq = h.seq;
    return 1;
}

void ring_free_upto(struct ring *r, uint64_t seq)
{
    check_magic(r, HANDLE_MAGIC);
    uint64_t tail = r->in.tail, last = 0;
    must(tail <= r->in.at);
    while (tail < r->in.at) {
        struct record h;
        uint64_t next;
        int kind = look(r, tail, r->in.at, &h, &next);
        if (kind < 0) {
            r->in.damaged = true; /* was whole when we read it; the next ring_next says so */
            break;
        }
        if (kind == 1 && h.seq > seq)
            break;
        if (kind == 1)
            last = h.seq;
        tail = next;
    }
    if (last == 0)
        return;
    if (last > r->in.freed)
        r->in.freed = last;
    forget(r, r->in.tail, tail);
    r->in.tail = tail;
    atomic_store_explicit(&r->file->freed, r->in.freed, memory_order_release);
    atomic_store_explicit(&r->file->tail, tail, memory_order_release);
}

void ring_rewind(struct ring *r)
{
    check_magic(r, HANDLE_MAGIC);
    r->in.at = r->in.tail;
    r->in.seq = 0;
}

bool ring_sleep(struct ring *r)
{
    check_magic(r, HANDLE_MAGIC);
    atomic_store_explicit(&r->file->sleeping, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&r->file->head, memory_order_seq_cst) == r->in.at)
        return false;
    atomic_store_explicit(&r->file->sleeping, 0, memory_order_seq_cst);
    return true;
}

struct ring_stats ring_stats(const struct ring *r)
{
    check_magic(r, HANDLE_MAGIC);
    uint64_t tail = atomic_load_explicit(&r->file->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&r->file->head, memory_order_acquire);
    return (struct ring_stats){
        .size = r->size,
        .used = offsets_valid(r, tail, head) ? head - tail : 0,
        .published = atomic_load_explicit(&r->file->published, memory_order_relaxed),
        .dropped = atomic_load_explicit(&r->file->dropped, memory_order_relaxed),
    };
}
