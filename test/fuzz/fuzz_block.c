/* Blocks whose bytes were changed behind their checksums' back: the input is a page of chunks, or says which bytes of a sound index
 * to change before its checksums are made right again. Then everything is asked, and nothing may crash. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "tsdb/block_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_page(const uint8_t *data, size_t size)
{
    struct page p;
    struct samples out = {0};
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    page_init(&p);
    if (page_open(&p, zstd, 0, data, size, NULL) == 0) {
        for (uint32_t id = 0; id < 8; id++)
            page_read(&p, id, COLUMN_RAW, INT64_MIN, INT64_MAX, &out, out.n, NULL);
        vec_each (&p.entries, e) {
            out.n = 0;
            page_read(&p, e->id, (enum series_column)e->column, -1000, 1000, &out, 0, NULL);
        }
    }
    page_done(&p);
    samples_done(&out);
    ZSTD_freeDCtx(zstd);
}

static void write_block(const char *dir)
{
    struct block_meta meta = {.name = "b", .max_ms = 3600000, .level = 1}, out;
    struct block_writer *w = block_writer_new(dir, &meta, NULL);
    must(w);
    for (int i = 0; i < 200; i++) {
        char name[16], value[16];
        snprintf(name, sizeof(name), "m%03d", i / 5);
        snprintf(value, sizeof(value), "%d", i % 5);
        struct label_pair l[] = {{STR("__name__"), str_of(name)},
                                 {i % 2 ? STR("a") : STR("b"), str_of(value)},
                                 {STR("job"), STR("x")}};
        int64_t t[] = {i * 10, 2000000 + i};
        double v[] = {i / 10.0, i};
        if (block_writer_series(w, &(struct labels){l, 3}, NULL) == 0)
            must(block_writer_samples(w, COLUMN_RAW, &(struct samples){t, v, 2, 2}, NULL) == 0);
    }
    must(block_writer_finish(w, &out, NULL) == 0);
}

/* Makes the checksums of a section's pages, of its directory and of the contents what the bytes are. */
static void mend(uint8_t *index, size_t size)
{
    uint8_t *toc = index + size - INDEX_TOC_BYTES;
    for (int s = 0; s < BLOCK_SECTIONS; s++) {
        uint64_t offset;
        uint32_t n, crc;
        memcpy(&offset, toc + 16 * s, 8);
        memcpy(&n, toc + 16 * s + 8, 4);
        size_t bytes = (size_t)n * (s == SECTION_CHUNKS ? PAGE_REF_BYTES : INDEX_PAGE_BYTES);
        if (offset > size || bytes > size - offset)
            continue;
        for (uint32_t k = 0; s != SECTION_CHUNKS && k < n; k++) {
            uint8_t *d = index + offset + (size_t)k * INDEX_PAGE_BYTES;
            uint64_t at;
            uint32_t len;
            memcpy(&at, d, 8);
            memcpy(&len, d + 8, 4);
            crc = at <= size && len <= size - at ? crc32c(0, index + at, len) : 0;
            memcpy(d + 12, &crc, 4);
        }
        crc = crc32c(0, index + offset, bytes);
        memcpy(toc + 16 * s + 12, &crc, 4);
    }
    uint32_t crc = crc32c(0, toc, INDEX_TOC_BYTES - 4);
    memcpy(toc + INDEX_TOC_BYTES - 4, &crc, 4);
}

static bool see(void *arg, struct str s)
{
    *(size_t *)arg += s.n;
    return true;
}

static void ask(struct block *b)
{
    struct arena *a = arena_new();
    struct matcher *m[] = {matcher_new(MATCH_RE, STR("a"), STR("[1-3]"), NULL),
                           matcher_new(MATCH_NE, STR("b"), STR("2"), NULL)};
    struct samples out = {0};
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        uint32_t *ids, count;
        if (block_select(b, (const struct matcher *const *)&m[i], 1, &ids, &count, NULL) == 0)
            free(ids);
        matcher_free(m[i]);
    }
    block_label_names(b, see, &n);
    block_label_values(b, STR("__name__"), see, &n);
    for (uint32_t id = 0; id < block_series_count(b) && id < 300; id++) {
        block_labels(b, id, a);
        block_identity(b, id, 1);
        block_has(b, id, 0, 1000);
        out.n = 0;
        block_read(b, id, 0, INT64_MAX, COLUMN_RAW, &out, NULL);
    }
    samples_done(&out);
    arena_free(a);
}

/* A sound block, made once. */
static struct {
    char dir[32];
    struct buf index;
} sound;

static void remove_sound(void)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/b", sound.dir);
    remove_block_dir(path);
    rmdir(sound.dir);
    buf_done(&sound.index);
}

static void as_index(const uint8_t *data, size_t size)
{
    char path[64];
    struct buf index = BUF_INIT(1 << 24);
    if (!*sound.dir) {
        snprintf(sound.dir, sizeof(sound.dir), "/tmp/fuzz-block-XXXXXX");
        must(mkdtemp(sound.dir));
        atexit(remove_sound);
        write_block(sound.dir);
        buf_init(&sound.index, 1 << 24);
        snprintf(path, sizeof(path), "%s/b/index", sound.dir);
        must(fs_read(path, &sound.index, NULL) == 0);
    }
    buf_add(&index, sound.index.data, sound.index.len);
    for (; size >= 3; data += 3, size -= 3)
        index.data[(data[0] | (size_t)data[1] << 8) % index.len] = (char)data[2];
    mend((uint8_t *)index.data, index.len);
    snprintf(path, sizeof(path), "%s/b/index", sound.dir);
    must(fs_write_atomic(path, index.data, index.len, 0600, false, NULL) == 0);
    struct block *b = block_open(sound.dir, "b", NULL);
    if (b)
        ask(b);
    block_unref(b);
    buf_done(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_config quiet = {.level = LOG_ERROR, .file = "/dev/null"};
    log_open(&quiet, NULL);
    if (size > 0 && data[0] & 1)
        as_index(data + 1, size - 1);
    else if (size > 0)
        as_page(data + 1, size - 1);
    return 0;
}
