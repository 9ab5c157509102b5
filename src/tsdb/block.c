/* Blocks as they are opened, counted and read (block.h). Index: block_index.c, label sets: block_labels.c, matchers:
 * block_select.c, pages: block_page_read.c, deletions: block_delete.c. Any thread. */
#include "tsdb/block_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"

struct block *block_open(const char *blocks_dir, const char *name, struct err *err)
{
    struct block *b = calloc(1, sizeof(*b));
    must(b);
    b->magic = BLOCK_MAGIC;
    atomic_init(&b->refs, 1);
    pthread_mutex_init(&b->lock, NULL);
    int n = snprintf(b->path, sizeof(b->path), "%s/%s", blocks_dir, name);
    int m = snprintf(b->meta.name, sizeof(b->meta.name), "%s", name);
    if (n < 0 || (size_t)n >= sizeof(b->path) || m < 0 || (size_t)m >= sizeof(b->meta.name))
        err_set(err, ERR_INVALID, "cannot open block %.100s: its name is too long", name);
    else if (block__index_open(b, err) == 0 && block__tombstones_open(b, err) == 0)
        return b;
    block_unref(b);
    return NULL;
}

struct block *block_ref(struct block *b)
{
    check_magic(b, BLOCK_MAGIC);
    must(atomic_fetch_add(&b->refs, 1) > 0);
    return b;
}

/* Out of sight first: a removal that is cut short leaves NAME.tmp, which a start sweeps away. */
static void remove_files(const struct block *b)
{
    char gone[4200];
    snprintf(gone, sizeof(gone), "%s.tmp", b->path);
    remove_block_dir(gone);
    remove_block_dir(rename(b->path, gone) == 0 ? gone : b->path);
}

void block_unref(struct block *b)
{
    if (!b)
        return;
    check_magic(b, BLOCK_MAGIC);
    uint32_t before = atomic_load(&b->refs);
    /* the last reader frees what readers kept, while the block cannot vanish yet */
    if (before == 2)
        block__free_cursors(b);
    before = atomic_fetch_sub(&b->refs, 1);
    must(before > 0);
    if (before > 1)
        return;
    block__free_cursors(b);
    block__index_close(b);
    block__tombstones_close(b);
    if (atomic_load(&b->doomed))
        remove_files(b);
    pthread_mutex_destroy(&b->lock);
    b->magic = 0;
    free(b);
}

void block_doom(struct block *b)
{
    check_magic(b, BLOCK_MAGIC);
    atomic_store(&b->doomed, true);
}

const struct block_meta *block_meta(const struct block *b)
{
    check_magic(b, BLOCK_MAGIC);
    return &b->meta;
}

const char *block_path(const struct block *b)
{
    return b->path;
}

uint64_t block_damaged(const struct block *b)
{
    return atomic_load(&((struct block *)b)->damaged);
}

uint32_t block_series_count(const struct block *b)
{
    return (uint32_t)b->meta.series;
}

/* --- samples --- */

enum { NOT_SEEN, SOUND, DAMAGED };

static bool page_bytes(const struct block *b, const struct page_ref *r)
{
    return r->offset <= b->chunks_size && r->len <= b->chunks_size - r->offset;
}

/* Is the page's checksum right? Looked at once. */
static bool page_sound(struct block *b, uint32_t number)
{
    const struct page_ref *r = &b->pages[number];
    uint8_t state = atomic_load_explicit(&b->page_state[number], memory_order_acquire);
    if (state != NOT_SEEN)
        return state == SOUND;
    state =
        page_bytes(b, r) && crc32c(0, b->chunks + r->offset, r->len) == r->crc ? SOUND : DAMAGED;
    uint8_t seen = NOT_SEEN;
    if (atomic_compare_exchange_strong(&b->page_state[number], &seen, state) && state == DAMAGED)
        block__fault(b, "chunks", r->offset, NULL);
    return state == SOUND;
}

static int lost(struct block *b, const struct page_ref *r, struct err *err)
{
    return err_set(err, ERR_DAMAGED,
                   "cannot read samples of block %s: a page of chunks at %llu is damaged",
                   b->meta.name, (unsigned long long)r->offset);
}

/* The page, opened in the cursor. */
static struct page *open_page(struct block *b, struct block_cursor *c, uint32_t number,
                              struct err *err)
{
    const struct page_ref *r = &b->pages[number];
    struct page **slot = &c->slabs[r->slab];
    if (*slot && (*slot)->number == number)
        return *slot;
    if (!page_sound(b, number)) {
        lost(b, r, err);
        return NULL;
    }
    if (!*slot) {
        *slot = malloc(sizeof(**slot));
        must(*slot);
        page_init(*slot);
    }
    struct err why = {0};
    if (page_open(*slot, c->zstd, number, b->chunks + r->offset, r->len, &why) == 0)
        return *slot;
    uint8_t sound = SOUND;
    if (atomic_compare_exchange_strong(&b->page_state[number], &sound, DAMAGED))
        block__fault(b, "chunks", r->offset, &why);
    lost(b, r, err);
    return NULL;
}

/* The first page of the slab that may hold the series. */
static uint32_t first_page(const struct block *b, uint32_t slab, uint32_t id)
{
    uint32_t lo = b->slab_start[slab], hi = b->slab_start[slab + 1];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->pages[mid].last_id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct reading {
    struct block_cursor *cursor;
    uint32_t id;
    int64_t min_ms, max_ms;
    enum series_column column;
    struct samples *out;
    uint32_t base; /* of this block: what out had before may be of any time */
};

static int read_slab(struct block *b, const struct reading *r, uint32_t slab, struct err *err)
{
    int rc = 0;
    uint32_t end = b->slab_start[slab + 1];
    for (uint32_t k = first_page(b, slab, r->id); k < end && b->pages[k].first_id <= r->id; k++) {
        if (b->pages[k].max_ms < r->min_ms || b->pages[k].min_ms > r->max_ms)
            continue;
        struct page *p = open_page(b, r->cursor, k, err);
        if (!p || page_read(p, r->id, r->column, r->min_ms, r->max_ms, r->out, r->base, err) != 0)
            rc = -1;
    }
    return rc;
}

int block_read(struct block *b, uint32_t id, int64_t min_ms, int64_t max_ms,
               enum series_column column, struct samples *out, struct err *err)
{
    check_magic(b, BLOCK_MAGIC);
    must(id < b->meta.series);
    if (min_ms < b->meta.min_ms)
        min_ms = b->meta.min_ms;
    if (max_ms >= b->meta.max_ms)
        max_ms = b->meta.max_ms - 1;
    if (min_ms > max_ms)
        return 0;
    int rc = 0;
    uint32_t from = out->n;
    struct reading r = {block__take_cursor(b, id), id, min_ms, max_ms, column, out, from};
    uint32_t last = (uint32_t)((max_ms - b->meta.min_ms) / b->slab_ms);
    for (uint32_t s = (uint32_t)((min_ms - b->meta.min_ms) / b->slab_ms); s <= last; s++) {
        if (read_slab(b, &r, s, err) != 0)
            rc = -1;
    }
    block__give_cursor(b, r.cursor);
    block__take_deleted(b, id, out, from);
    return rc;
}

/* --- verifying, removing, linking --- */

int block_verify(struct block *b, uint64_t *bad, struct err *err)
{
    check_magic(b, BLOCK_MAGIC);
    *bad = 0;
    for (uint32_t k = 0; k < b->n_pages; k++) {
        const struct page_ref *r = &b->pages[k];
        *bad += !page_bytes(b, r) || crc32c(0, b->chunks + r->offset, r->len) != r->crc;
    }
    for (int s = 0; s < SECTION_CHUNKS; s++) {
        *bad += !b->section[s].directory;
        for (uint32_t k = 0; k < b->section[s].n; k++) {
            struct cur c;
            *bad += !block__page(b, (enum block_section)s, k, &c, NULL);
        }
    }
    return *bad ? err_set(err, ERR_DAMAGED,
                          "cannot vouch for block %s: %llu of its pages are damaged", b->meta.name,
                          (unsigned long long)*bad)
                : 0;
}

int block_sweep(const char *blocks_dir, struct err *err)
{
    DIR *d = opendir(blocks_dir);
    if (!d)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "cannot read %s", blocks_dir);
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        if (!str_ends(str_of(e->d_name), STR(".tmp")))
            continue;
        snprintf(path, sizeof(path), "%s/%s", blocks_dir, e->d_name);
        remove_block_dir(path);
    }
    closedir(d);
    return 0;
}

static int link_file(const struct block *b, const char *dir, const char *name, bool must_be,
                     struct err *err)
{
    char from[4200], to[4200];
    snprintf(from, sizeof(from), "%s/%s", b->path, name);
    snprintf(to, sizeof(to), "%s/%s", dir, name);
    if (link(from, to) == 0 || (!must_be && errno == ENOENT))
        return 0;
    return err_sys(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot link %s to %s", from, to);
}

int block_link(struct block *b, const char *dir, struct err *err)
{
    check_magic(b, BLOCK_MAGIC);
    char tmp[4096], path[4096];
    if ((size_t)snprintf(tmp, sizeof(tmp), "%s/%s.tmp", dir, b->meta.name) >= sizeof(tmp))
        return err_set(err, ERR_INVALID, "cannot link block %s: the path is too long",
                       b->meta.name);
    snprintf(path, sizeof(path), "%s/%s", dir, b->meta.name);
    remove_block_dir(tmp);
    if (mkdir(tmp, 0750) != 0)
        return err_sys(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot create %s", tmp);
    pthread_mutex_lock(&b->lock); /* deletions are replaced meanwhile, or not */
    int rc = link_file(b, tmp, "chunks", true, err) == 0 &&
                     link_file(b, tmp, "index", true, err) == 0 &&
                     link_file(b, tmp, "meta.json", false, err) == 0 &&
                     link_file(b, tmp, "deleted", false, err) == 0
                 ? 0
                 : -1;
    pthread_mutex_unlock(&b->lock);
    if (rc == 0 &&
        (sync_dir(tmp, err) != 0 ||
         (rename(tmp, path) != 0 && err_sys(err, ERR_IO, "cannot rename %s", tmp) != 0) ||
         sync_dir(dir, err) != 0))
        rc = -1;
    if (rc != 0)
        remove_block_dir(tmp);
    return rc;
}
