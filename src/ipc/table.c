/* The table of records (table.h).
 *
 * File, little endian as the machine is (it never leaves the machine):
 *
 *      0  u32 magic "BTAB"   u32 format 1   u32 version   u32 record size   u32 max slots   u32 0
 *     24  u64 hash of the boot id           u32 crc32c of bytes 0-31
 *     64  u32 slots in use, at most: no slot behind these was ever used
 *     72  u64 generation: another number, other keys may be there
 *    128  the slots
 *
 * Slot (R: record size, up to the next multiple of 8):
 *
 *      0  u32 used   u32 0   u64 count of shows
 *     16  char key[128]             ┐ the writer's, in place
 *    144  record                    ┘
 *  144+R  char key[128], record     ┐ shown: the one of number (shows mod 2) is what readers take, while the writer
 *  272+2R char key[128], record     ┘ prepares the other. An empty key: nothing.
 *
 * A reader that finds the same count before and after its copy has a whole one: the writer never touches the current
 * one. Words are stored with release and loaded with acquire, so that whoever sees a word of the next but one copy sees
 * the count of the next, too. Killed anywhere, the current copy stays whole. */
#include "ipc/table.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "ipc/ipc_priv.h"

#define TABLE_MAGIC  0x42415442u /* "BTAB" */
#define TABLE_FORMAT 1u
#define HANDLE_MAGIC 0x5441424cu
#define SLOTS_AT     ((size_t)128)
#define KEY_SIZE     (TABLE_KEY_MAX + 1)
#define RECORD_MAX   ((size_t)64 << 10)
#define SLOTS_MAX    ((uint32_t)1 << 20)
#define GROW_STEP    ((size_t)32 << 10)
#define READ_TRIES   100000

struct table_file {
    uint32_t magic, format, version, record_size, max_slots, zero;
    uint64_t boot;
    uint32_t crc;
    alignas(64) _Atomic uint32_t slots;
    _Atomic uint64_t generation;
};
_Static_assert(offsetof(struct table_file, crc) == 32, "format");
_Static_assert(offsetof(struct table_file, slots) == 64, "format");
_Static_assert(offsetof(struct table_file, generation) == 72, "format");
_Static_assert(sizeof(struct table_file) <= SLOTS_AT, "format");

struct slot {
    uint32_t used, zero;
    _Atomic uint64_t shows;
    char key[KEY_SIZE];
};
_Static_assert(sizeof(struct slot) == 144, "format");

struct table {
    uint32_t magic;
    int fd;
    bool writer;
    char *path;
    size_t record_size, rounded, stride, mapped;
    uint32_t max_slots;
    struct table_file *file;
    size_t length;         /* bytes that the file has; nothing behind them is touched */
    uint32_t maybe_free;   /* writer: no slot before this one is free */
    bool indexed;          /* reader: `index` is filled, as of */
    uint64_t generation;   /* … this one */
    struct map_str *index; /* key → struct slot */
    uint64_t *copy;        /* a shown key and record */
};

/* --- places in the file --------------------------------------------------------------------- */

static size_t slot_offset(const struct table *t, uint32_t i)
{
    must(i <= t->max_slots);
    return SLOTS_AT + (size_t)i * t->stride;
}

static struct slot *slot_at(const struct table *t, uint32_t i)
{
    must(slot_offset(t, i + 1) <= t->length);
    return (struct slot *)((uint8_t *)t->file + slot_offset(t, i));
}

static void *live_of(struct slot *s)
{
    return s + 1;
}

static struct slot *slot_of(const struct table *t, const void *record)
{
    size_t at = (size_t)((const uint8_t *)record - (const uint8_t *)t->file) - sizeof(struct slot);
    must(at >= SLOTS_AT && at < t->length && (at - SLOTS_AT) % t->stride == 0);
    return (struct slot *)((uint8_t *)t->file + at);
}

static size_t shown_words(const struct table *t)
{
    return (KEY_SIZE + t->rounded) / sizeof(uint64_t);
}

static _Atomic uint64_t *shown_of(const struct table *t, struct slot *s, uint64_t shows)
{
    uint8_t *first = (uint8_t *)live_of(s) + t->rounded;
    return (_Atomic uint64_t *)(void *)(first + (shows & 1) * (KEY_SIZE + t->rounded));
}

/* Slots that both the header and the file's length vouch for. */
static uint32_t slots_there(struct table *t)
{
    uint32_t n = atomic_load_explicit(&t->file->slots, memory_order_acquire);
    if (n > t->max_slots)
        n = t->max_slots;
    struct stat st;
    if (slot_offset(t, n) > t->length && fstat(t->fd, &st) == 0)
        t->length = (size_t)st.st_size < t->mapped ? (size_t)st.st_size : t->mapped;
    while (n > 0 && slot_offset(t, n) > t->length)
        n = (uint32_t)((t->length - SLOTS_AT) / t->stride);
    return n;
}

/* --- shown copies --------------------------------------------------------------------------- */

static void show(struct table *t, struct slot *s, const char *key, const void *record)
{
    uint64_t shows = atomic_load_explicit(&s->shows, memory_order_relaxed);
    _Atomic uint64_t *to = shown_of(t, s, shows + 1);
    memset(t->copy, 0, shown_words(t) * sizeof(uint64_t));
    memcpy(t->copy, key, strlen(key));
    if (record)
        memcpy((uint8_t *)t->copy + KEY_SIZE, record, t->record_size);
    for (size_t i = 0; i < shown_words(t); i++)
        atomic_store_explicit(&to[i], t->copy[i], memory_order_release);
    atomic_store_explicit(&s->shows, shows + 1, memory_order_release);
}

/* Takes the current copy into t->copy; false when there is none. */
static bool take_shown(struct table *t, struct slot *s)
{
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint64_t shows = atomic_load_explicit(&s->shows, memory_order_acquire);
        _Atomic uint64_t *from = shown_of(t, s, shows);
        for (size_t i = 0; i < shown_words(t); i++)
            t->copy[i] = atomic_load_explicit(&from[i], memory_order_acquire);
        if (atomic_load_explicit(&s->shows, memory_order_relaxed) != shows)
            continue;
        ((char *)t->copy)[KEY_SIZE - 1] = '\0';
        return *(char *)t->copy != '\0';
    }
    return false;
}

static void bump_generation(struct table *t)
{
    atomic_fetch_add_explicit(&t->file->generation, 1, memory_order_release);
}

/* --- opening -------------------------------------------------------------------------------- */

static uint32_t header_crc(const struct table_file *f)
{
    return crc32c(0, f, offsetof(struct table_file, crc));
}

static bool header_good(const struct table_file *f)
{
    return f->magic == TABLE_MAGIC && f->format == TABLE_FORMAT && f->crc == header_crc(f) &&
           f->max_slots > 0 && f->max_slots <= SLOTS_MAX && f->record_size > 0 &&
           f->record_size <= RECORD_MAX;
}

static bool fits(const struct table_file *f, uint32_t version, size_t record_size)
{
    return f->version == version && f->record_size == record_size;
}

static int read_header(int fd, struct table_file *f)
{
    return pread(fd, f, sizeof(*f), 0) == (ssize_t)sizeof(*f) && header_good(f) ? 0 : -1;
}

/* An empty table under a name of its own, put in the old one's place: whoever has that one open keeps it. */
static int create_file(const char *path, const struct table_file *f, struct err *err)
{
    char *tmp;
    must(asprintf(&tmp, "%s.new", path) > 0);
    cleanup(fd_closep) int fd =
        open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = 0;
    if (fd < 0 || ipc__allocate(fd, 0, (off_t)SLOTS_AT) < 0 ||
        pwrite(fd, f, sizeof(*f), 0) != (ssize_t)sizeof(*f) || rename(tmp, path) < 0) {
        rc = err_sys(err, ERR_IO, "cannot create the table %s", path);
        unlink(tmp);
    }
    free(tmp);
    return rc;
}

static struct table *map(int fd, const char *path, const struct table_file *f, bool writer,
                         struct err *err)
{
    size_t rounded = ((size_t)f->record_size + 7) & ~(size_t)7;
    struct table *t = calloc(1, sizeof(*t));
    must(t && rounded > 0 && rounded <= RECORD_MAX);
    *t = (struct table){.magic = HANDLE_MAGIC,
                        .fd = fd,
                        .writer = writer,
                        .path = strdup(path),
                        .record_size = f->record_size,
                        .rounded = rounded,
                        .stride = sizeof(struct slot) + rounded + 2 * (KEY_SIZE + rounded),
                        .max_slots = f->max_slots,
                        .index = map_str_new()};
    t->mapped = SLOTS_AT + (size_t)t->max_slots * t->stride;
    t->copy = malloc(KEY_SIZE + rounded);
    must(t->path && t->index && t->copy);
    void *p = mmap(NULL, t->mapped, PROT_READ | (writer ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    struct stat st;
    if (p == MAP_FAILED || fstat(fd, &st) < 0) {
        err_sys(err, ERR_IO, "cannot map the table %s", path);
        table_close(&t);
        return NULL;
    }
    t->file = p;
    t->length = (size_t)st.st_size < t->mapped ? (size_t)st.st_size : t->mapped;
    return t;
}

void table_close(struct table **tp)
{
    struct table *t = *tp;
    *tp = NULL;
    if (!t)
        return;
    check_magic(t, HANDLE_MAGIC);
    if (t->file)
        munmap(t->file, t->mapped);
    close(t->fd);
    map_str_free(t->index);
    free(t->path);
    free(t->copy);
    t->magic = 0;
    free(t);
}

/* --- writer --------------------------------------------------------------------------------- */

/* A key as a killed predecessor may have left it: whole, or not yet used. */
static bool key_is_whole(const struct slot *s)
{
    return s->key[0] != '\0' && memchr(s->key, '\0', KEY_SIZE) != NULL;
}

/* What the predecessor had; what it was killed over while dropping or making it is put right, and in a damaged file what
 * is shown under another slot's key. */
static void take_over(struct table *t)
{
    uint32_t n = slots_there(t);
    for (uint32_t i = 0; i < n; i++) {
        struct slot *s = slot_at(t, i);
        size_t key = key_is_whole(s) ? strlen(s->key) : 0;
        bool good = s->used && key > 0 && !map_str_get(t->index, s->key, key);
        if (good)
            map_str_put(t->index, s->key, key, s);
        else
            s->used = 0;
        if (take_shown(t, s) && (!good || strcmp((char *)t->copy, s->key) != 0))
            show(t, s, "", NULL);
    }
    bump_generation(t);
}

static struct table_file header_of(const struct table_spec *spec)
{
    struct table_file f = {.magic = TABLE_MAGIC,
                           .format = TABLE_FORMAT,
                           .version = spec->version,
                           .record_size = (uint32_t)spec->record_size,
                           .max_slots = spec->max_slots,
                           .boot = ipc__boot_hash()};
    f.crc = header_crc(&f);
    return f;
}

static struct table *open_writer(const char *path, const struct table_file *f, struct err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot open the table %s", path);
        return NULL;
    }
    struct table *t = map(fd, path, f, true, err);
    if (t)
        take_over(t);
    return t;
}

/* Other versions' records, as far as all versions agree. */
static void carry_over(struct table *from, struct table *to, size_t stable)
{
    const char *key;
    for (uint32_t it = 0; table_next(from, &it, &key, NULL);) {
        const void *old = table_record(from, key, NULL);
        void *record = table_record(to, key, NULL);
        if (record) {
            memcpy(record, old, stable);
            table_show(to, record);
        }
    }
}

struct table *table_create(const char *path, const struct table_spec *spec, struct err *err)
{
    must(spec->record_size > 0 && spec->record_size <= RECORD_MAX);
    must(spec->stable <= spec->record_size && spec->max_slots > 0 && spec->max_slots <= SLOTS_MAX);
    struct table_file f = {0}, want = header_of(spec);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool there = fd >= 0 && read_header(fd, &f) == 0 && f.boot == want.boot;
    fd_closep(&fd);
    if (there && f.crc == want.crc)
        return open_writer(path, &want, err);
    struct table *old = there && f.record_size >= spec->stable ? open_writer(path, &f, NULL) : NULL;
    struct table *t = create_file(path, &want, err) < 0 ? NULL : open_writer(path, &want, err);
    if (old && t)
        carry_over(old, t, spec->stable);
    table_close(&old);
    return t;
}

/* Makes sure that slot i lies in the file, on disk space of its own. */
static bool has_room(struct table *t, uint32_t i)
{
    size_t end = slot_offset(t, i + 1);
    if (end <= t->length)
        return true;
    size_t wanted = (end + GROW_STEP - 1) / GROW_STEP * GROW_STEP;
    if (wanted > t->mapped)
        wanted = t->mapped;
    if (ipc__allocate(t->fd, (off_t)t->length, (off_t)wanted) < 0)
        return false;
    t->length = wanted;
    return true;
}

static struct slot *free_slot(struct table *t)
{
    uint32_t n = slots_there(t), i = t->maybe_free;
    while (i < n && slot_at(t, i)->used)
        i++;
    t->maybe_free = i;
    if (i == t->max_slots || !has_room(t, i))
        return NULL;
    if (i == n)
        atomic_store_explicit(&t->file->slots, n + 1, memory_order_release);
    return slot_at(t, i);
}

void *table_record(struct table *t, const char *key, bool *is_new)
{
    check_magic(t, HANDLE_MAGIC);
    size_t n = strlen(key);
    must(t->writer && n > 0 && n <= TABLE_KEY_MAX);
    struct slot *s = map_str_get(t->index, key, n);
    if (is_new)
        *is_new = s == NULL;
    if (s)
        return live_of(s);
    s = free_slot(t);
    if (!s)
        return NULL;
    if (take_shown(t, s)) /* of a damaged file */
        show(t, s, "", NULL);
    memset(live_of(s), 0, t->rounded);
    memset(s->key, 0, KEY_SIZE);
    memcpy(s->key, key, n);
    atomic_signal_fence(memory_order_seq_cst); /* a kill between leaves an unused slot */
    s->used = 1;
    map_str_put(t->index, key, n, s);
    return live_of(s);
}

void table_show(struct table *t, const void *record)
{
    check_magic(t, HANDLE_MAGIC);
    struct slot *s = slot_of(t, record);
    must(t->writer && s->used);
    bool was_there = take_shown(t, s);
    show(t, s, s->key, record);
    if (!was_there)
        bump_generation(t);
}

bool table_owns(const struct table *t, const void *record)
{
    check_magic(t, HANDLE_MAGIC);
    const uint8_t *p = record, *file = (const uint8_t *)t->file;
    return p >= file && p < file + t->mapped;
}

void table_drop(struct table *t, const char *key)
{
    check_magic(t, HANDLE_MAGIC);
    must(t->writer);
    struct slot *s = map_str_del(t->index, key, strlen(key));
    if (!s)
        return;
    s->used = 0;
    atomic_signal_fence(memory_order_seq_cst); /* a kill between is put right by the successor */
    show(t, s, "", NULL);
    bump_generation(t);
    uint32_t i = (uint32_t)(((uint8_t *)s - (uint8_t *)t->file - SLOTS_AT) / t->stride);
    if (i < t->maybe_free)
        t->maybe_free = i;
}

/* --- reader --------------------------------------------------------------------------------- */

struct table *table_open(const char *path, uint32_t version, size_t record_size, struct err *err)
{
    must(record_size > 0 && record_size <= RECORD_MAX);
    struct table_file f;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open the table %s", path);
        return NULL;
    }
    bool good = read_header(fd, &f) == 0;
    if (!good)
        err_set(err, ERR_DAMAGED, "the table %s is damaged: its header fails its check", path);
    else if (!fits(&f, version, record_size))
        err_set(err, ERR_CONFLICT,
                "the table %s has records of version %u and %u bytes; want %u and %zu", path,
                f.version, f.record_size, version, record_size);
    if (!good || !fits(&f, version, record_size)) {
        close(fd);
        return NULL;
    }
    return map(fd, path, &f, false, err);
}

/* Where each key stands, as long as the generation lasts. */
static void read_index(struct table *t)
{
    uint64_t generation = atomic_load_explicit(&t->file->generation, memory_order_acquire);
    if (t->indexed && generation == t->generation)
        return;
    t->indexed = true;
    map_str_free(t->index);
    t->index = map_str_new();
    must(t->index);
    t->generation = generation;
    uint32_t n = slots_there(t);
    for (uint32_t i = 0; i < n; i++)
        if (take_shown(t, slot_at(t, i)))
            map_str_put(t->index, (char *)t->copy, strlen((char *)t->copy), slot_at(t, i));
}

bool table_read(struct table *t, const char *key, void *out)
{
    check_magic(t, HANDLE_MAGIC);
    must(!t->writer);
    read_index(t);
    struct slot *s = map_str_get(t->index, key, strlen(key));
    if (!s || !take_shown(t, s) || strcmp((char *)t->copy, key) != 0)
        return false;
    memcpy(out, (uint8_t *)t->copy + KEY_SIZE, t->record_size);
    return true;
}

/* --- both ----------------------------------------------------------------------------------- */

bool table_next(struct table *t, uint32_t *it, const char **key, void *out)
{
    check_magic(t, HANDLE_MAGIC);
    for (uint32_t n = slots_there(t); *it < n;) {
        struct slot *s = slot_at(t, (*it)++);
        bool there = t->writer ? s->used != 0 : take_shown(t, s);
        if (!there)
            continue;
        *key = t->writer ? s->key : (const char *)t->copy;
        if (out)
            memcpy(out, t->writer ? live_of(s) : (uint8_t *)t->copy + KEY_SIZE, t->record_size);
        return true;
    }
    return false;
}
