/* Inside blocks (block.h): the pages of chunks, the index, and what holds them. */
#ifndef TSDB_BLOCK_PRIV_H
#define TSDB_BLOCK_PRIV_H

#include <pthread.h>
#include <roaring/roaring.h>
#include <zstd.h>

#include "tsdb/block.h"
#include "tsdb/chunk_priv.h"

/* --- pages of chunks (block_page.c writes, block_page_read.c reads; the format stands there) --- */

enum page_column {
    PAGE_ENTRY, /* what stands where: ids, columns, times */
    PAGE_HEAD,
    PAGE_NUM,
    PAGE_WIDTH,
    PAGE_COLUMNS,
};
#define PAGE_BITS_TARGET  65536 /* a page is full at so many bytes of packed numbers … */
#define PAGE_ENTRIES_MAX  1024  /* … or chunks */
#define PAGE_CHUNK_MAX    1024  /* samples of a chunk in a block */
#define PAGE_RELATIVE_MAX 12    /* chunks that lean on one another in a row */
#define PAGE_BYTES_MAX    (UINT32_C(1) << 26)

/* A page in the directory of the index, 44 bytes there: all fields in this order. */
struct page_ref {
    uint32_t slab, first_id, last_id, entries;
    int64_t min_ms, max_ms; /* of samples, both inclusive */
    uint64_t offset;        /* in the file of chunks */
    uint32_t len, crc;
};
#define PAGE_REF_BYTES 48

struct page_times {
    uint32_t at, n; /* of page_builder.times */
};
struct page_builder {
    struct buf column[PAGE_COLUMNS], bits;
    struct page_ref ref;
    vec_of(int64_t) times; /* the times of the page, one after the other */
    vec_of(struct page_times) sets;
    uint32_t last_set;
    int64_t *x; /* of the last chunk, when the next may lean on it */
    uint32_t x_n, x_set, x_depth;
    uint8_t x_decimals;
    bool x_valid;
};
void page_builder_init(struct page_builder *p);
void page_builder_done(struct page_builder *p);
bool page_builder_full(const struct page_builder *p);
/* One chunk of 1 … PAGE_CHUNK_MAX samples; ids do not fall. */
void page_builder_add(struct page_builder *p, struct values_plan *plan, uint32_t id,
                      enum series_column column, const int64_t *t, const double *v, uint32_t n);
/* Appends the page's bytes to out and completes p->ref but for the offset. Then clear begins an empty one. */
void page_builder_finish(struct page_builder *p, ZSTD_CCtx *zstd, int level, struct buf *out);
void page_builder_clear(struct page_builder *p);

/* One chunk of an opened page. */
struct page_entry {
    uint32_t id, set;
    uint32_t head, num, width, bits; /* where it begins in each column */
    uint8_t column;
    bool relative;
};
struct page_set {
    uint32_t n, head, num, width, bits;
    int64_t *t; /* decoded when asked for */
};
/* A page that is opened: what block_read works on. Belongs to one thread at a time. */
struct page {
    uint32_t number;         /* UINT32_MAX: none */
    struct buf columns, raw; /* inflated; raw is not used when the bits are stored as they are */
    struct cur column[PAGE_COLUMNS], bits;
    vec_of(struct page_entry) entries;
    vec_of(struct page_set) sets;
    int64_t *x; /* of entry x_of */
    uint32_t x_of;
    uint32_t hint; /* the entry after the one read last */
};
void page_init(struct page *p);
void page_done(struct page *p);
/* Opens bytes whose checksum was looked at. DAMAGED, and p holds no page. */
int page_open(struct page *p, ZSTD_DCtx *zstd, uint32_t number, const void *bytes, size_t n,
              struct err *err);
/* Appends the samples of id in the column within [min_ms, max_ms]; base: how many out had before this block. */
int page_read(struct page *p, uint32_t id, enum series_column column, int64_t min_ms,
              int64_t max_ms, struct samples *out, uint32_t base, struct err *err);

/* --- a file being written (block_file.c) --- */

/* Appends through a buffer, with a sticky error. */
struct out_file {
    int fd;
    char path[4096];
    struct buf pending;
    uint64_t size; /* pending included */
    struct err err;
    bool failed;
};
int out_file_open(struct out_file *f, const char *dir, const char *name, struct err *err);
void out_file_add(struct out_file *f, const void *p, size_t n);
/* Writes what is pending and syncs; closes in every case. */
int out_file_finish(struct out_file *f, struct err *err);
void out_file_abort(struct out_file *f);
int sync_dir(const char *path, struct err *err);
/* Removes a directory and the files in it; what is missing is fine. */
void remove_block_dir(const char *path);

/* --- the index (block_index.c tells the format) --- */

enum block_section {
    SECTION_SYMBOLS, /* strings, sorted */
    SECTION_NAMES,   /* one page: label names and where their values are */
    SECTION_SHAPES,  /* one page: which names series have */
    SECTION_SERIES,
    SECTION_VALUES, /* of a name, each with its posting list */
    SECTION_LISTS,  /* posting lists too long for there */
    SECTION_NONE,
    SECTION_CHUNKS, /* no pages: the directory of the file of chunks */
    BLOCK_SECTIONS,
};
#define SYMBOLS_A_PAGE 64
#define SERIES_A_PAGE  64
#define VALUES_A_PAGE  256
#define LABELS_MAX     256 /* of a series, in a block */

struct index_page { /* 20 bytes in a directory, fields in this order */
    uint64_t offset;
    uint32_t len, crc, key; /* key: number of the first series or symbol in it */
};
#define INDEX_PAGE_BYTES 20
#define INDEX_MAGIC      UINT32_C(0x31584942) /* "BIX1" */

struct index_toc { /* at the end of the index */
    struct {
        uint64_t offset; /* of the directory */
        uint32_t n, crc;
    } section[BLOCK_SECTIONS];
    struct block_meta meta;
    int64_t slab_ms;
    uint64_t chunk_bytes;
    bool spans; /* some series do not last the whole block */
};
#define INDEX_TOC_BYTES (BLOCK_SECTIONS * 16 + 3 * 8 + 4 + 5 * 8 + 8 + 8 + 1 + 8)

/* Makes an index; series come in order. */
struct index_builder;
struct index_builder *index_builder_new(void);
void index_builder_free(struct index_builder *ib); /* NULL is fine */
/* CONFLICT when l is not after the last one. */
int index_builder_add(struct index_builder *ib, const struct labels *l, struct err *err);
/* The series added last had samples from first to last, in 255ths of the block, rounded outwards. */
void index_builder_span(struct index_builder *ib, uint8_t first, uint8_t last);
uint32_t index_builder_count(const struct index_builder *ib);
/* Writes all sections and the table of contents; chunks: what its directory will be. */
void index_builder_write(struct index_builder *ib, struct index_toc *toc, const struct buf *chunks,
                         uint32_t n_chunks, ZSTD_CCtx *zstd, int level, struct out_file *f);

/* Posting lists as bytes (block_postings.c): ids rising. The form that is smaller is chosen. */
enum posting_form { POSTING_GAPS, POSTING_RUNS, POSTING_ELSEWHERE };
enum posting_form posting_write(const uint32_t *ids, uint32_t n, struct buf *out);
/* Adds n numbers, all below limit, to out. -1: damaged. */
int posting_read(struct cur *in, enum posting_form form, uint32_t n, uint32_t limit,
                 roaring_bitmap_t *out);
void posting_skip(struct cur *in, enum posting_form form, uint32_t n);

/* --- an open block --- */

#define BLOCK_MAGIC 0xb10c5eedu

struct index_section {
    const uint8_t *directory; /* NULL: it is damaged, and no page of it is read */
    uint32_t n;
    _Atomic uint8_t *state; /* of each page: not looked at, sound, damaged */
};

struct block_name {
    struct str text;
    uint32_t symbol, values, first_page;
    uint64_t having; /* as put_posting wrote it: numbers << 2 | form … */
    struct cur list; /* … and what follows */
};

/* Reading label sets one after the other. */
struct label_cursor {
    uint32_t next; /* the series that `in` stands at; UINT32_MAX: nowhere */
    struct cur in;
    uint32_t shape;
    uint32_t *last;    /* of each name: 1 + symbol of its value */
    struct str *text;  /* that value, if … */
    uint32_t *text_of; /* … this is its 1 + symbol */
    uint8_t first_span, last_span;
};

/* What one thread reads with; kept by the block while nobody does. */
struct block_cursor {
    uint32_t at; /* the series that was asked for last */
    struct label_cursor labels;
    ZSTD_DCtx *zstd;
    struct page **slabs; /* the page last read of each slab; NULL */
};
#define BLOCK_CURSORS 8

struct tombstones { /* immutable; sorted by id */
    struct tombstones *older;
    uint32_t n;
    struct tombstone {
        uint32_t id;
        int64_t min_ms, max_ms;
    } at[];
};

struct block {
    uint32_t magic;
    _Atomic uint32_t refs;
    _Atomic bool doomed;
    char path[4096];
    struct block_meta meta;
    int64_t slab_ms;
    uint32_t n_slabs, n_shapes, n_names;
    bool spans;
    const uint8_t *index, *chunks; /* mapped */
    size_t index_size, chunks_size;
    struct index_section section[BLOCK_SECTIONS];
    struct block_name *names; /* n_names, in order */
    struct buf names_text;    /* the section, inflated */
    uint32_t *shapes;         /* where each begins in shape_names: n, then names */
    uint32_t *shape_names;
    struct page_ref *pages; /* by slab, then by series */
    uint32_t n_pages, *slab_start;
    _Atomic uint8_t *page_state;
    _Atomic uint64_t *hashes; /* of each series, when … */
    _Atomic uint32_t *checks; /* … this is not 0 (block_identity) */
    _Atomic uint64_t damaged;
    _Atomic(struct tombstones *) tombstones;
    pthread_mutex_t lock; /* of the cursors, and of who deletes */
    struct block_cursor *cursors[BLOCK_CURSORS];
    uint32_t n_cursors;
};

/* Counts a fault of this block and logs it; once a page. */
void block__fault(struct block *b, const char *what, uint64_t at, struct err *why);
/* Maps and checks what must be there; on failure block_unref frees it. */
int block__index_open(struct block *b, struct err *err);
void block__index_close(struct block *b);
/* A page of a section, its checksum looked at; false when it is damaged. */
bool block__page(struct block *b, enum block_section s, uint32_t k, struct cur *out, uint32_t *key);
/* The same of pages that are compressed; room holds what was inflated. */
bool block__inflate(struct block *b, enum block_section s, uint32_t k, struct buf *room,
                    struct cur *out, uint32_t *key);
struct str block__symbol(struct block *b, uint32_t symbol);  /* empty when it is damaged */
uint32_t block__lower_symbol(struct block *b, struct str s); /* the first that is not before s */
bool block__find_symbol(struct block *b, struct str s, uint32_t *symbol);
const struct block_name *block__find_name(struct block *b, struct str name);
struct block_cursor *block__take_cursor(struct block *b, uint32_t id);
void block__give_cursor(struct block *b, struct block_cursor *c);
void block__free_cursors(struct block *b);
/* Moves to the series; false when it cannot be read. */
bool block__seek(struct block *b, struct label_cursor *c, uint32_t id);
int block__tombstones_open(struct block *b, struct err *err);
void block__tombstones_close(struct block *b);
/* Takes out of s, from sample `from` on, what is deleted of the series. */
void block__take_deleted(struct block *b, uint32_t id, struct samples *s, uint32_t from);

#endif
