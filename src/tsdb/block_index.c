/* The index of a block, read. Everything is used where it is mapped; a page's checksum is looked at when it is first used.
 *
 *   pages of all sections, then the directories of the sections, then the table of contents
 *   directory  a page: u64 offset, u32 length, u32 CRC-32C, u32 key
 *   contents   a section of enum block_section: u64 offset of its directory, u32 pages, u32 CRC-32C of the directory;
 *              i64 min_ms, max_ms, tier_ms, u32 level, u64 stamp, late, series, samples, chunks, i64 slab_ms, u64 bytes of the chunks,
 *              u8 spans; u32 INDEX_MAGIC, u32 CRC-32C of the contents so far
 *
 *   SYMBOLS  64 strings in order: u8 (how many, less 1) << 1 | wide; where each ends (u16, wide: u32); their bytes. key: number of the first
 *   NAMES*   a name: varint symbol, values, first page in VALUES; posting list of all that have it
 *   SHAPES*  a set of names: varint n, then n varints: numbers of names
 *   SERIES   64 series: varint (0: shape as before, else 1 + shape) << 1 | has a span; varint a 64 labels: which differ from
 *            the last value of that name in this page; for each that does: zigzag varint distance of the symbol (the first: of
 *            symbol + 1); the span: u8 first, u8 last, in 255ths of the block
 *   VALUES*  values of one name: varint distance of the symbol from the one before (the first: from key), posting list
 *   LISTS*   posting lists of more than 128 bytes. key: the form
 *   NONE     empty; hashes of label sets in blocks of before 2026-11-21, which nobody reads
 *   CHUNKS   no pages: the directory has u32 slab, first series, last series, chunks, i64 first and last sample,
 *            u64 offset, u32 length, u32 CRC-32C, a page of the file of chunks (block_page.c)
 *   posting list: varint numbers << 2 | form, then its bytes (block_postings.c), or POSTING_ELSEWHERE: varint page of LISTS
 *
 * Pages of sections with * begin with u32 size and are compressed by zstd when that makes them shorter. */
#include "tsdb/block_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"

enum { NOT_SEEN, SOUND, DAMAGED };
#define NAMES_MAX (1u << 24)

void block__fault(struct block *b, const char *what, uint64_t at, struct err *why)
{
    atomic_fetch_add(&b->damaged, 1);
    log_error("part of a block is damaged; what it held is not answered",
              F_STR("block", b->meta.name), F_STR("part", what), F_INT("offset", at),
              F_STR("error", why ? why->msg : "checksum"));
}

static const char *const section_names[BLOCK_SECTIONS] = {
    [SECTION_SYMBOLS] = "strings", [SECTION_NAMES] = "label names",
    [SECTION_SHAPES] = "shapes",   [SECTION_SERIES] = "series",
    [SECTION_VALUES] = "values",   [SECTION_LISTS] = "posting lists",
    [SECTION_NONE] = "nothing",    [SECTION_CHUNKS] = "chunks",
};

static struct index_page directory_entry(const struct index_section *s, uint32_t k)
{
    struct cur c = CUR_INIT(s->directory + (size_t)k * INDEX_PAGE_BYTES, INDEX_PAGE_BYTES);
    struct index_page p = {.offset = cur_u64(&c)};
    p.len = cur_u32(&c);
    p.crc = cur_u32(&c);
    p.key = cur_u32(&c);
    return p;
}

static bool page_sound(struct block *b, const struct index_page *p)
{
    return p->offset <= b->index_size && p->len <= b->index_size - p->offset &&
           crc32c(0, b->index + p->offset, p->len) == p->crc;
}

bool block__page(struct block *b, enum block_section which, uint32_t k, struct cur *out,
                 uint32_t *key)
{
    struct index_section *s = &b->section[which];
    if (!s->directory || k >= s->n)
        return false;
    struct index_page p = directory_entry(s, k);
    uint8_t state = atomic_load_explicit(&s->state[k], memory_order_acquire);
    if (state == NOT_SEEN) {
        state = page_sound(b, &p) ? SOUND : DAMAGED;
        uint8_t seen = NOT_SEEN;
        if (atomic_compare_exchange_strong(&s->state[k], &seen, state) && state == DAMAGED)
            block__fault(b, section_names[which], p.offset, NULL);
    }
    if (state != SOUND)
        return false;
    *out = CUR_INIT(b->index + p.offset, p.len);
    if (key)
        *key = p.key;
    return true;
}

bool block__inflate(struct block *b, enum block_section which, uint32_t k, struct buf *room,
                    struct cur *out, uint32_t *key)
{
    struct cur in;
    if (!block__page(b, which, k, &in, key))
        return false;
    uint32_t size = cur_u32(&in);
    size_t len = cur_left(&in);
    *out = in;
    if (in.failed || size > PAGE_BYTES_MAX || len > size)
        return false;
    if (len == size)
        return true;
    buf_clear(room);
    if (!buf_reserve(room, size) || ZSTD_decompress(room->data, size, in.p, len) != size)
        return false;
    *out = CUR_INIT(room->data, size);
    return true;
}

/* --- opening --- */

static int map_file(const struct block *b, const char *name, const uint8_t **at, size_t *size,
                    struct err *err)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", b->path, name);
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_sys(err, errno == ENOENT ? ERR_DAMAGED : ERR_IO, "cannot open %s", path);
    if (st.st_size == 0)
        return err_set(err, ERR_DAMAGED, "cannot open %s: it is empty", path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_sys(err, ERR_IO, "cannot map %s", path);
    *at = p;
    *size = (size_t)st.st_size;
    return 0;
}

static int read_contents(struct block *b, struct index_toc *toc, struct err *err)
{
    if (b->index_size < INDEX_TOC_BYTES)
        return err_set(err, ERR_DAMAGED, "cannot open block %s: its index is cut", b->meta.name);
    const uint8_t *p = b->index + b->index_size - INDEX_TOC_BYTES;
    struct cur c = CUR_INIT(p, INDEX_TOC_BYTES);
    for (int i = 0; i < BLOCK_SECTIONS; i++) {
        toc->section[i].offset = cur_u64(&c);
        toc->section[i].n = cur_u32(&c);
        toc->section[i].crc = cur_u32(&c);
    }
    struct block_meta *m = &b->meta;
    m->min_ms = (int64_t)cur_u64(&c);
    m->max_ms = (int64_t)cur_u64(&c);
    m->tier_ms = (int64_t)cur_u64(&c);
    m->level = cur_u32(&c);
    m->stamp = cur_u64(&c);
    m->late = cur_u64(&c);
    m->series = cur_u64(&c);
    m->samples = cur_u64(&c);
    m->chunks = cur_u64(&c);
    toc->slab_ms = (int64_t)cur_u64(&c);
    toc->chunk_bytes = cur_u64(&c);
    b->spans = cur_u8(&c) != 0;
    uint32_t magic = cur_u32(&c), crc = cur_u32(&c);
    must(!c.failed && c.p == c.end);
    if (magic != INDEX_MAGIC || crc != crc32c(0, p, INDEX_TOC_BYTES - 4))
        return err_set(err, ERR_DAMAGED, "cannot open block %s: the end of its index is damaged",
                       m->name);
    if (m->min_ms >= m->max_ms || toc->slab_ms <= 0 || m->series == 0 ||
        m->series > UINT32_MAX / 2 || (m->max_ms - m->min_ms - 1) / toc->slab_ms >= 65536)
        return err_set(err, ERR_DAMAGED, "cannot open block %s: its figures are impossible",
                       m->name);
    return 0;
}

static void open_section(struct block *b, const struct index_toc *toc, enum block_section which)
{
    struct index_section *s = &b->section[which];
    uint64_t offset = toc->section[which].offset, n = toc->section[which].n;
    size_t bytes = n * (which == SECTION_CHUNKS ? PAGE_REF_BYTES : INDEX_PAGE_BYTES);
    if (offset > b->index_size || bytes > b->index_size - offset ||
        crc32c(0, b->index + offset, bytes) != toc->section[which].crc) {
        block__fault(b, section_names[which], offset, NULL);
        return;
    }
    s->directory = b->index + offset;
    s->n = (uint32_t)n;
    s->state = calloc(n + 1, sizeof(*s->state));
    must(s->state);
}

static struct page_ref read_ref(struct cur *c)
{
    struct page_ref r = {.slab = cur_u32(c)};
    r.first_id = cur_u32(c);
    r.last_id = cur_u32(c);
    r.entries = cur_u32(c);
    r.min_ms = (int64_t)cur_u64(c);
    r.max_ms = (int64_t)cur_u64(c);
    r.offset = cur_u64(c);
    r.len = cur_u32(c);
    r.crc = cur_u32(c);
    return r;
}

/* Where the pages of each slab begin. */
static int open_pages(struct block *b, const struct index_toc *toc, struct err *err)
{
    struct index_section *s = &b->section[SECTION_CHUNKS];
    struct cur c = CUR_INIT(s->directory, (size_t)s->n * PAGE_REF_BYTES);
    b->slab_ms = toc->slab_ms;
    b->n_slabs = (uint32_t)((b->meta.max_ms - b->meta.min_ms - 1) / toc->slab_ms + 1);
    b->slab_start = calloc(b->n_slabs + 1, sizeof(*b->slab_start));
    b->pages = calloc((size_t)s->n + 1, sizeof(*b->pages));
    b->page_state = s->state;
    b->hashes = calloc(b->meta.series + 1, sizeof(*b->hashes));
    b->checks = calloc(b->meta.series + 1, sizeof(*b->checks));
    must(b->slab_start && b->pages && b->hashes && b->checks);
    b->n_pages = s->n;
    for (uint32_t i = 0; i < s->n; i++) {
        struct page_ref *r = &b->pages[i];
        *r = read_ref(&c);
        if (r->slab >= b->n_slabs || r->first_id > r->last_id || r->last_id >= b->meta.series ||
            (i > 0 &&
             (r->slab < r[-1].slab || (r->slab == r[-1].slab && r->first_id < r[-1].last_id))))
            return err_set(err, ERR_DAMAGED, "cannot open block %s: its pages are out of order",
                           b->meta.name);
        b->slab_start[r->slab + 1] = i + 1;
    }
    for (uint32_t k = 1; k <= b->n_slabs; k++) {
        if (b->slab_start[k] < b->slab_start[k - 1])
            b->slab_start[k] = b->slab_start[k - 1];
    }
    return 0;
}

static bool open_names(struct block *b)
{
    struct cur c;
    vec_of(struct block_name) names = {0};
    buf_init(&b->names_text, PAGE_BYTES_MAX);
    if (!block__inflate(b, SECTION_NAMES, 0, &b->names_text, &c, NULL))
        return false;
    while (cur_left(&c) > 0 && !c.failed && names.n < NAMES_MAX) {
        struct block_name *name = vec_add(&names);
        name->symbol = (uint32_t)cur_varint(&c);
        name->values = (uint32_t)cur_varint(&c);
        name->first_page = (uint32_t)cur_varint(&c);
        name->having = cur_varint(&c);
        name->list = c;
        if ((name->having & 3) == POSTING_ELSEWHERE)
            cur_varint(&c);
        else
            posting_skip(&c, name->having & 3, (uint32_t)(name->having >> 2));
        name->text = block__symbol(b, name->symbol);
    }
    b->names = names.at;
    b->n_names = (uint32_t)names.n;
    return !c.failed;
}

static bool open_shapes(struct block *b)
{
    struct buf room = BUF_INIT(PAGE_BYTES_MAX);
    struct cur c;
    vec_of(uint32_t) shapes = {0}, names = {0};
    bool ok = block__inflate(b, SECTION_SHAPES, 0, &room, &c, NULL);
    while (ok && cur_left(&c) > 0) {
        uint64_t n = cur_varint(&c);
        vec_push(&shapes, (uint32_t)names.n);
        vec_push(&names, (uint32_t)n);
        ok = n <= LABELS_MAX;
        for (uint64_t i = 0; ok && i < n; i++) {
            uint64_t name = cur_varint(&c);
            ok = !c.failed && name < b->n_names;
            vec_push(&names, (uint32_t)name);
        }
    }
    b->n_shapes = (uint32_t)shapes.n;
    b->shapes = shapes.at;
    b->shape_names = names.at;
    buf_done(&room);
    return ok;
}

int block__index_open(struct block *b, struct err *err)
{
    struct index_toc toc = {0};
    if (map_file(b, "index", &b->index, &b->index_size, err) != 0 ||
        read_contents(b, &toc, err) != 0 ||
        map_file(b, "chunks", &b->chunks, &b->chunks_size, err) != 0)
        return -1;
    for (int i = 0; i < BLOCK_SECTIONS; i++)
        open_section(b, &toc, (enum block_section)i);
    b->meta.bytes = b->index_size + b->chunks_size;
    if (b->section[SECTION_SERIES].n != (b->meta.series + SERIES_A_PAGE - 1) / SERIES_A_PAGE ||
        !b->section[SECTION_SERIES].directory || !b->section[SECTION_CHUNKS].directory ||
        !b->section[SECTION_SYMBOLS].directory || !open_names(b) || !open_shapes(b))
        return err_set(err, ERR_DAMAGED, "cannot open block %s: its index is damaged",
                       b->meta.name);
    return open_pages(b, &toc, err);
}

void block__index_close(struct block *b)
{
    for (int i = 0; i < BLOCK_SECTIONS; i++)
        free((void *)b->section[i].state);
    free(b->names);
    free(b->shapes);
    free(b->shape_names);
    free(b->pages);
    free(b->slab_start);
    free((void *)b->hashes);
    free((void *)b->checks);
    buf_done(&b->names_text);
    if (b->index)
        munmap((void *)b->index, b->index_size);
    if (b->chunks)
        munmap((void *)b->chunks, b->chunks_size);
}

/* --- strings --- */

struct str block__symbol(struct block *b, uint32_t symbol)
{
    struct str none = {"", 0};
    struct cur c;
    uint32_t ends[2] = {0, 0};
    if (!block__page(b, SECTION_SYMBOLS, symbol / SYMBOLS_A_PAGE, &c, NULL))
        return none;
    uint8_t head = cur_u8(&c);
    uint32_t k = symbol % SYMBOLS_A_PAGE, size = head & 1 ? 4 : 2, count = (head >> 1) + 1u;
    if (k >= count || cur_left(&c) < (size_t)count * size)
        return none;
    if (k > 0)
        memcpy(&ends[0], c.p + (size_t)(k - 1) * size, size);
    memcpy(&ends[1], c.p + (size_t)k * size, size);
    if (ends[0] > ends[1] || ends[1] > cur_left(&c) - (size_t)count * size)
        return none;
    return (struct str){(const char *)c.p + (size_t)count * size + ends[0], ends[1] - ends[0]};
}

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

uint32_t block__lower_symbol(struct block *b, struct str s)
{
    uint32_t lo = 0, hi = b->section[SECTION_SYMBOLS].n * SYMBOLS_A_PAGE;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct str at = block__symbol(b, mid);
        bool before = (at.n > 0 || mid == 0) && compare(at, s) < 0; /* else beyond the last */
        lo = before ? mid + 1 : lo;
        hi = before ? hi : mid;
    }
    return lo;
}

bool block__find_symbol(struct block *b, struct str s, uint32_t *symbol)
{
    uint32_t at = block__lower_symbol(b, s);
    if (at >= b->section[SECTION_SYMBOLS].n * SYMBOLS_A_PAGE ||
        compare(block__symbol(b, at), s) != 0)
        return false;
    *symbol = at;
    return true;
}

const struct block_name *block__find_name(struct block *b, struct str name)
{
    for (uint32_t lo = 0, hi = b->n_names; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare(b->names[mid].text, name);
        if (c == 0)
            return &b->names[mid];
        lo = c < 0 ? mid + 1 : lo;
        hi = c < 0 ? hi : mid;
    }
    return NULL;
}
