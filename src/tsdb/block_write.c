/* Writing a block (block.h): samples into pages, a builder for each slab of time, the index at the end. Memory: the open pages
 * and the index; never the block. */
#include "tsdb/block_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

#define SLAB_MS    INT64_C(7200000)
#define SLABS_MAX  16
#define SLAB_STEPS 256

struct block_writer {
    char dir[3500], tmp[3600]; /* of all blocks; NAME.tmp */
    struct index_toc toc;
    struct index_builder *index;
    struct out_file chunks;
    struct page_builder *slabs;
    uint32_t n_slabs;
    vec_of(struct page_ref) refs;
    struct values_plan plan;
    struct buf page;
    ZSTD_CCtx *zstd;
    int level; /* of compression */
    int64_t first_ms, last_ms;
    bool any; /* the series begun has samples */
};

/* How a block's time is cut. Readers compute the same from the meta. */
static int64_t slab_of(const struct block_meta *m)
{
    int64_t slab = (m->max_ms - m->min_ms + SLABS_MAX - 1) / SLABS_MAX;
    if (slab < SLAB_MS)
        slab = SLAB_MS;
    return slab < SLAB_STEPS * m->tier_ms ? SLAB_STEPS * m->tier_ms : slab;
}

static void free_writer(struct block_writer *w)
{
    for (uint32_t i = 0; i < w->n_slabs; i++)
        page_builder_done(&w->slabs[i]);
    free(w->slabs);
    vec_done(&w->refs);
    values_plan_done(&w->plan);
    buf_done(&w->page);
    ZSTD_freeCCtx(w->zstd);
    index_builder_free(w->index);
    free(w);
}

static void make_name(struct block_meta *m)
{
    if (m->stamp == 0) {
        struct timespec now;
        must(clock_gettime(CLOCK_REALTIME, &now) == 0);
        m->stamp = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
    if (!*m->name)
        snprintf(m->name, sizeof(m->name), "%013lld-%016llx-%013lld-%lld-%u", (long long)m->min_ms,
                 (unsigned long long)m->stamp, (long long)m->max_ms, (long long)m->tier_ms,
                 m->level);
}

static int make_dir(struct block_writer *w, const char *blocks_dir, struct err *err)
{
    if ((size_t)snprintf(w->dir, sizeof(w->dir), "%s", blocks_dir) >= sizeof(w->dir))
        return err_set(err, ERR_INVALID, "cannot write a block: the path is too long");
    snprintf(w->tmp, sizeof(w->tmp), "%s/%s.tmp", blocks_dir, w->toc.meta.name);
    if (fs_mkdirs(blocks_dir, 0750, err) != 0)
        return -1;
    remove_block_dir(w->tmp);
    if (mkdir(w->tmp, 0750) != 0)
        return err_sys(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot create %s", w->tmp);
    return 0;
}

struct block_writer *block_writer_new(const char *blocks_dir, const struct block_meta *meta,
                                      struct err *err)
{
    must(meta->min_ms < meta->max_ms && meta->tier_ms >= 0);
    struct block_writer *w = calloc(1, sizeof(*w));
    must(w);
    w->toc.meta = *meta;
    make_name(&w->toc.meta);
    w->toc.slab_ms = slab_of(meta);
    w->toc.meta.series = w->toc.meta.samples = w->toc.meta.chunks = w->toc.meta.bytes = 0;
    w->index = index_builder_new();
    w->n_slabs = (uint32_t)((meta->max_ms - meta->min_ms + w->toc.slab_ms - 1) / w->toc.slab_ms);
    must(w->n_slabs >= 1 && w->n_slabs <= SLABS_MAX);
    w->slabs = calloc(w->n_slabs, sizeof(*w->slabs));
    w->zstd = ZSTD_createCCtx();
    must(w->slabs && w->zstd);
    for (uint32_t i = 0; i < w->n_slabs; i++) {
        page_builder_init(&w->slabs[i]);
        w->slabs[i].ref.slab = i;
    }
    values_plan_init(&w->plan, PAGE_CHUNK_MAX);
    w->plan.tight = true;
    buf_init(&w->page, PAGE_BYTES_MAX);
    w->level = meta->level > 1 || meta->tier_ms > 0 ? 6 : 1;
    w->chunks.fd = -1;
    if (make_dir(w, blocks_dir, err) == 0 && out_file_open(&w->chunks, w->tmp, "chunks", err) == 0)
        return w;
    block_writer_abort(w);
    return NULL;
}

void block_writer_abort(struct block_writer *w)
{
    if (!w)
        return;
    out_file_abort(&w->chunks);
    remove_block_dir(w->tmp);
    free_writer(w);
}

static void end_series(struct block_writer *w)
{
    const struct block_meta *m = &w->toc.meta;
    int64_t span = m->max_ms - m->min_ms;
    if (!w->any)
        return;
    /* 255ths: the first rounded down, the last up */
    uint8_t first = (uint8_t)((double)(w->first_ms - m->min_ms) / (double)span * 254);
    double last = (double)(w->last_ms - m->min_ms) / (double)span * 254 + 1;
    /* at the edges it is the block's own span: what is scraped begins a step late */
    index_builder_span(w->index, first < 6 ? 0 : first, last > 249 ? 255 : (uint8_t)last + 1);
    w->any = false;
}

int block_writer_series(struct block_writer *w, const struct labels *l, struct err *err)
{
    end_series(w);
    return index_builder_add(w->index, l, err);
}

static void write_page(struct block_writer *w, struct page_builder *b)
{
    if (b->ref.entries == 0)
        return;
    buf_clear(&w->page);
    page_builder_finish(b, w->zstd, w->level, &w->page);
    b->ref.offset = w->chunks.size;
    out_file_add(&w->chunks, w->page.data, w->page.len);
    vec_push(&w->refs, b->ref);
    page_builder_clear(b);
}

/* Samples of one slab, in chunks of about equal length. */
static void add_run(struct block_writer *w, struct page_builder *b, enum series_column column,
                    const int64_t *t, const double *v, uint32_t n)
{
    uint32_t pieces = (n + PAGE_CHUNK_MAX - 1) / PAGE_CHUNK_MAX, each = (n + pieces - 1) / pieces;
    for (uint32_t at = 0; at < n; at += each) {
        if (page_builder_full(b))
            write_page(w, b);
        page_builder_add(b, &w->plan, index_builder_count(w->index) - 1, column, t + at, v + at,
                         n - at < each ? n - at : each);
        w->toc.meta.chunks++;
    }
}

static int check_samples(const struct block_writer *w, const struct samples *s, struct err *err)
{
    const struct block_meta *m = &w->toc.meta;
    must(index_builder_count(w->index) > 0);
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->t[i] < m->min_ms || s->t[i] >= m->max_ms || (i > 0 && s->t[i] <= s->t[i - 1]))
            return err_set(err, ERR_INVALID,
                           "cannot write a sample at %lld: it is not within the block or not after "
                           "the one before",
                           (long long)s->t[i]);
    }
    return 0;
}

int block_writer_samples(struct block_writer *w, enum series_column column, const struct samples *s,
                         struct err *err)
{
    if (s->n == 0)
        return 0;
    if (check_samples(w, s, err) != 0)
        return -1;
    for (uint32_t from = 0, to; from < s->n; from = to) {
        uint32_t slab = (uint32_t)((s->t[from] - w->toc.meta.min_ms) / w->toc.slab_ms);
        int64_t end = w->toc.meta.min_ms + (int64_t)(slab + 1) * w->toc.slab_ms;
        for (to = from + 1; to < s->n && s->t[to] < end;)
            to++;
        must(slab < w->n_slabs);
        add_run(w, &w->slabs[slab], column, s->t + from, s->v + from, to - from);
    }
    if (!w->any || s->t[0] < w->first_ms)
        w->first_ms = s->t[0];
    if (!w->any || s->t[s->n - 1] > w->last_ms)
        w->last_ms = s->t[s->n - 1];
    w->any = true;
    w->toc.meta.samples += s->n;
    if (w->chunks.failed) {
        if (err)
            *err = w->chunks.err;
        return -1;
    }
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct page_ref *x = a, *y = b;
    if (x->slab != y->slab)
        return x->slab < y->slab ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void put_refs(struct block_writer *w, struct buf *out)
{
    if (w->refs.n > 1)
        qsort(w->refs.at, w->refs.n, sizeof(*w->refs.at), by_place);
    vec_each (&w->refs, r) {
        buf_put_u32(out, r->slab);
        buf_put_u32(out, r->first_id);
        buf_put_u32(out, r->last_id);
        buf_put_u32(out, r->entries);
        buf_put_u64(out, (uint64_t)r->min_ms);
        buf_put_u64(out, (uint64_t)r->max_ms);
        buf_put_u64(out, r->offset);
        buf_put_u32(out, r->len);
        buf_put_u32(out, r->crc);
    }
}

static int write_index(struct block_writer *w, struct err *err)
{
    struct out_file f;
    struct buf refs = BUF_INIT(SIZE_MAX / 2);
    if (out_file_open(&f, w->tmp, "index", err) != 0) {
        out_file_abort(&f);
        return -1;
    }
    put_refs(w, &refs);
    index_builder_write(w->index, &w->toc, &refs, (uint32_t)w->refs.n, w->zstd, w->level, &f);
    buf_done(&refs);
    w->toc.meta.bytes = w->toc.chunk_bytes + f.size;
    return out_file_finish(&f, err);
}

static int write_meta(struct block_writer *w, struct err *err)
{
    struct out_file f;
    struct buf out = BUF_INIT(1 << 16);
    const struct block_meta *m = &w->toc.meta;
    buf_printf(&out,
               "{\"name\":\"%s\",\"min_ms\":%lld,\"max_ms\":%lld,\"tier_ms\":%lld,\"level\":%u,"
               "\"series\":%llu,\"samples\":%llu,\"chunks\":%llu}\n",
               m->name, (long long)m->min_ms, (long long)m->max_ms, (long long)m->tier_ms, m->level,
               (unsigned long long)m->series, (unsigned long long)m->samples,
               (unsigned long long)m->chunks);
    int rc = out_file_open(&f, w->tmp, "meta.json", err);
    if (rc == 0) {
        out_file_add(&f, out.data, out.len);
        rc = out_file_finish(&f, err);
    } else {
        out_file_abort(&f);
    }
    w->toc.meta.bytes += out.len;
    buf_done(&out);
    return rc;
}

static int rename_into_place(struct block_writer *w, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", w->dir, w->toc.meta.name);
    if (sync_dir(w->tmp, err) != 0)
        return -1;
    if (rename(w->tmp, path) != 0)
        return err_sys(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot rename %s", w->tmp);
    if (sync_dir(w->dir, err) == 0)
        return 0;
    remove_block_dir(path);
    return -1;
}

static int complete(struct block_writer *w, struct err *err)
{
    for (uint32_t i = 0; i < w->n_slabs; i++)
        write_page(w, &w->slabs[i]);
    w->toc.chunk_bytes = w->chunks.size;
    w->toc.meta.series = index_builder_count(w->index);
    int rc = out_file_finish(&w->chunks, err);
    return rc == 0 && write_index(w, err) == 0 && write_meta(w, err) == 0
               ? rename_into_place(w, err)
               : -1;
}

int block_writer_finish(struct block_writer *w, struct block_meta *out, struct err *err)
{
    end_series(w);
    if (index_builder_count(w->index) == 0) {
        *out = w->toc.meta;
        out->name[0] = '\0';
        block_writer_abort(w);
        return 0;
    }
    if (complete(w, err) != 0) {
        block_writer_abort(w);
        return -1;
    }
    *out = w->toc.meta;
    free_writer(w);
    return 0;
}
