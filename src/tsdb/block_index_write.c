/* The index of a block, written (format: block_index.c). Label sets are kept as numbers of their pairs until all series are
 * known; then strings are sorted and everything is written in one pass a section. */
#include "tsdb/block_priv.h"

#include <stdlib.h>

#include "base/map.h"

struct pair {
    uint32_t name, value; /* numbers of strings, provisional until renumber() */
    uint32_t n;           /* series that have it */
};

struct index_builder {
    struct arena *arena; /* strings */
    struct map_str *string_of;
    vec_of(struct str) strings;
    struct map_u64 *pair_of;
    vec_of(struct pair) pairs;
    struct buf
        spool; /* a series: u8 labels, varint pair each (zigzag distance from the same place before), u8 first, u8 last */
    uint32_t last[LABELS_MAX], n_last;
    struct buf last_text; /* the last label set, to compare with */
    struct label_pair last_labels[LABELS_MAX];
    uint64_t total; /* labels of all series */
    uint32_t count; /* of series */
    bool spans;
    /* while it is written */
    uint32_t *number; /* of each string, sorted */
    uint32_t *order;  /* and back */
    uint32_t *by_pair, *start;
};

struct index_builder *index_builder_new(void)
{
    struct index_builder *ib = calloc(1, sizeof(*ib));
    must(ib);
    ib->arena = arena_new();
    ib->string_of = map_str_new();
    ib->pair_of = map_u64_new();
    buf_init(&ib->spool, SIZE_MAX / 2);
    buf_init(&ib->last_text, SIZE_MAX / 2);
    return ib;
}

void index_builder_free(struct index_builder *ib)
{
    if (!ib)
        return;
    arena_free(ib->arena);
    map_str_free(ib->string_of);
    map_u64_free(ib->pair_of);
    vec_done(&ib->strings);
    vec_done(&ib->pairs);
    buf_done(&ib->spool);
    buf_done(&ib->last_text);
    free(ib->number);
    free(ib->order);
    free(ib->by_pair);
    free(ib->start);
    free(ib);
}

uint32_t index_builder_count(const struct index_builder *ib)
{
    return ib->count;
}

static uint32_t string_number(struct index_builder *ib, struct str s)
{
    uintptr_t k = (uintptr_t)map_str_get(ib->string_of, s.p, s.n);
    if (k)
        return (uint32_t)k - 1;
    vec_push(&ib->strings, ((struct str){arena_strndup(ib->arena, s.p, s.n), s.n}));
    map_str_put(ib->string_of, s.p, s.n, (void *)(uintptr_t)ib->strings.n);
    return (uint32_t)ib->strings.n - 1;
}

static uint32_t pair_number(struct index_builder *ib, const struct label_pair *p)
{
    uint64_t key = (uint64_t)string_number(ib, p->name) << 32 | string_number(ib, p->value);
    uintptr_t k = (uintptr_t)map_u64_get(ib->pair_of, key);
    if (k == 0) {
        vec_push(&ib->pairs, ((struct pair){(uint32_t)(key >> 32), (uint32_t)key, 0}));
        k = ib->pairs.n;
        map_u64_put(ib->pair_of, key, (void *)k);
    }
    ib->pairs.at[k - 1].n++;
    return (uint32_t)k - 1;
}

static int check(struct index_builder *ib, const struct labels *l, struct err *err)
{
    struct labels last = {ib->last_labels, ib->n_last};
    if (l->n == 0 || l->n > LABELS_MAX)
        return err_set(err, ERR_INVALID, "cannot write a series of %u labels; want 1 to %d", l->n,
                       LABELS_MAX);
    if (ib->count > 0 && labels_compare(&last, l) >= 0)
        return err_set(err, ERR_CONFLICT, "cannot write a series that is not after the last one");
    if (ib->count >= UINT32_MAX / 2)
        return err_set(err, ERR_TOO_LARGE, "cannot write more series into one block");
    return 0;
}

/* The strings belong to the caller: those of the builder live on. */
static void remember(struct index_builder *ib, const struct labels *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        const struct pair *p = &ib->pairs.at[ib->last[i]];
        ib->last_labels[i] = (struct label_pair){ib->strings.at[p->name], ib->strings.at[p->value]};
    }
    ib->n_last = l->n;
}

int index_builder_add(struct index_builder *ib, const struct labels *l, struct err *err)
{
    if (check(ib, l, err) != 0)
        return -1;
    buf_put_u8(&ib->spool, (uint8_t)(l->n - 1));
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t k = pair_number(ib, &l->at[i]);
        put_varint(&ib->spool, zigzag((int64_t)k - (int64_t)ib->last[i]));
        ib->last[i] = k;
    }
    remember(ib, l);
    ib->total += l->n;
    buf_put_u8(&ib->spool, 0);
    buf_put_u8(&ib->spool, 255);
    ib->count++;
    return 0;
}

void index_builder_span(struct index_builder *ib, uint8_t first, uint8_t last)
{
    must(ib->spool.len >= 2 && first <= last);
    ib->spool.data[ib->spool.len - 2] = (char)first;
    ib->spool.data[ib->spool.len - 1] = (char)last;
    ib->spans |= first > 0 || last < 255;
}

/* --- walking the spool --- */

struct walk {
    struct cur in;
    uint32_t pair[LABELS_MAX], n;
    uint8_t first, last;
};

static struct walk walk_start(const struct index_builder *ib)
{
    return (struct walk){.in = CUR_INIT(ib->spool.data, ib->spool.len)};
}

static bool walk_next(struct walk *w)
{
    if (cur_left(&w->in) == 0)
        return false;
    w->n = (uint32_t)cur_u8(&w->in) + 1;
    for (uint32_t i = 0; i < w->n; i++)
        w->pair[i] = (uint32_t)((int64_t)w->pair[i] + unzigzag(cur_varint(&w->in)));
    w->first = cur_u8(&w->in);
    w->last = cur_u8(&w->in);
    must(!w->in.failed);
    return true;
}

/* --- sorting --- */

static int by_text(const void *a, const void *b, void *arg)
{
    const struct index_builder *ib = arg;
    struct str x = ib->strings.at[*(const uint32_t *)a], y = ib->strings.at[*(const uint32_t *)b];
    int c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return c ? c : (x.n > y.n) - (x.n < y.n);
}

static int by_number(const void *a, const void *b, void *arg)
{
    const struct index_builder *ib = arg;
    const struct pair *x = &ib->pairs.at[*(const uint32_t *)a],
                      *y = &ib->pairs.at[*(const uint32_t *)b];
    int c = (x->name > y->name) - (x->name < y->name);
    return c ? c : (x->value > y->value) - (x->value < y->value);
}

static uint32_t *array(size_t n)
{
    uint32_t *p = calloc(n + 1, sizeof(*p));
    must(p);
    return p;
}

static void renumber(struct index_builder *ib)
{
    uint32_t n = (uint32_t)ib->strings.n;
    ib->order = array(n);
    ib->number = array(n);
    for (uint32_t i = 0; i < n; i++)
        ib->order[i] = i;
    qsort_r(ib->order, n, sizeof(*ib->order), by_text, ib);
    for (uint32_t i = 0; i < n; i++)
        ib->number[ib->order[i]] = i;
    vec_each (&ib->pairs, p) {
        p->name = ib->number[p->name];
        p->value = ib->number[p->value];
    }
}

/* --- sections --- */

struct section {
    struct out_file *f;
    struct index_toc *toc;
    enum block_section which;
    struct buf directory, page;
    uint32_t n;
    ZSTD_CCtx *zstd; /* NULL: pages are stored as they are */
    int level;
};

static struct section section_start(struct out_file *f, struct index_toc *toc,
                                    enum block_section which, ZSTD_CCtx *zstd, int level)
{
    struct section s = {.f = f, .toc = toc, .which = which, .zstd = zstd, .level = level};
    buf_init(&s.directory, SIZE_MAX / 2);
    buf_init(&s.page, PAGE_BYTES_MAX);
    return s;
}

static uint32_t add_page(struct section *s, uint32_t key)
{
    struct buf out = BUF_INIT(SIZE_MAX / 2);
    if (s->zstd) { /* u32 size, then as zstd or stored, what is shorter */
        size_t bound = ZSTD_compressBound(s->page.len);
        buf_put_u32(&out, (uint32_t)s->page.len);
        must(buf_reserve(&out, bound));
        size_t n =
            ZSTD_compressCCtx(s->zstd, out.data + 4, bound, s->page.data, s->page.len, s->level);
        if (ZSTD_isError(n) || n >= s->page.len)
            buf_add(&out, s->page.data, s->page.len);
        else
            out.len += n;
    } else {
        buf_add(&out, s->page.data, s->page.len);
    }
    buf_put_u64(&s->directory, s->f->size);
    buf_put_u32(&s->directory, (uint32_t)out.len);
    buf_put_u32(&s->directory, crc32c(0, out.data, out.len));
    buf_put_u32(&s->directory, key);
    out_file_add(s->f, out.data, out.len);
    buf_done(&out);
    buf_clear(&s->page);
    return s->n++;
}

static void section_done(struct section *s)
{
    s->toc->section[s->which].offset = s->f->size;
    s->toc->section[s->which].n = s->n;
    s->toc->section[s->which].crc = crc32c(0, s->directory.data, s->directory.len);
    if (s->directory.len > 0)
        out_file_add(s->f, s->directory.data, s->directory.len);
    buf_done(&s->directory);
    buf_done(&s->page);
}

static void write_symbols(struct index_builder *ib, struct index_toc *toc, struct out_file *f)
{
    struct section s = section_start(f, toc, SECTION_SYMBOLS, NULL, 0);
    uint32_t n = (uint32_t)ib->strings.n;
    for (uint32_t from = 0; from < n; from += SYMBOLS_A_PAGE) {
        uint32_t to = n - from < SYMBOLS_A_PAGE ? n : from + SYMBOLS_A_PAGE;
        size_t total = 0;
        for (uint32_t i = from; i < to; i++)
            total += ib->strings.at[ib->order[i]].n;
        bool wide = total > UINT16_MAX;
        buf_put_u8(&s.page, (uint8_t)((to - from - 1) << 1 | wide));
        total = 0;
        for (uint32_t i = from; i < to; i++) { /* where each ends */
            total += ib->strings.at[ib->order[i]].n;
            if (wide)
                buf_put_u32(&s.page, (uint32_t)total);
            else
                buf_put_u16(&s.page, (uint16_t)total);
        }
        for (uint32_t i = from; i < to; i++)
            buf_add(&s.page, ib->strings.at[ib->order[i]].p, ib->strings.at[ib->order[i]].n);
        add_page(&s, from);
    }
    section_done(&s);
}

/* Numbers of the names, and which names the series have. */
struct shapes {
    uint32_t *name_of; /* of a string: 1 + number of the name */
    uint32_t n_names;
    struct map_str *shape_of;
    struct section section;
    uint32_t n;
};

static uint32_t shape_number(const struct index_builder *ib, struct shapes *sh,
                             const struct walk *w)
{
    struct buf key = BUF_INIT(1 << 16);
    put_varint(&key, w->n);
    for (uint32_t i = 0; i < w->n; i++)
        put_varint(&key, sh->name_of[ib->pairs.at[w->pair[i]].name] - 1);
    uintptr_t k = (uintptr_t)map_str_get(sh->shape_of, key.data, key.len);
    if (k == 0) {
        k = ++sh->n;
        buf_add(&sh->section.page, key.data, key.len);
        map_str_put(sh->shape_of, key.data, key.len, (void *)k);
    }
    buf_done(&key);
    return (uint32_t)k - 1;
}

static void put_series(const struct index_builder *ib, struct shapes *sh, const struct walk *w,
                       uint32_t *last, uint32_t *last_shape, struct buf *out)
{
    uint32_t shape = shape_number(ib, sh, w), differ = 0;
    uint64_t mask[LABELS_MAX / 64] = {0};
    bool span = w->first > 0 || w->last < 255;
    put_varint(out, (uint64_t)(shape == *last_shape ? 0 : shape + 1) << 1 | span);
    *last_shape = shape;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct pair *p = &ib->pairs.at[w->pair[i]];
        if (last[sh->name_of[p->name] - 1] == p->value + 1)
            continue;
        mask[i / 64] |= UINT64_C(1) << i % 64;
        differ++;
    }
    for (uint32_t i = 0; i < w->n; i += 64)
        put_varint(out, mask[i / 64]);
    for (uint32_t i = 0; i < w->n && differ > 0; i++) {
        const struct pair *p = &ib->pairs.at[w->pair[i]];
        uint32_t *before = &last[sh->name_of[p->name] - 1];
        if (mask[i / 64] >> i % 64 & 1)
            put_varint(out, zigzag((int64_t)p->value + 1 - *before));
        *before = p->value + 1;
    }
    if (span) {
        buf_put_u8(out, w->first);
        buf_put_u8(out, w->last);
    }
}

static void write_series(struct index_builder *ib, struct shapes *sh, struct index_toc *toc,
                         struct out_file *f)
{
    struct section s = section_start(f, toc, SECTION_SERIES, NULL, 0);
    uint32_t *last = array(sh->n_names), shape = UINT32_MAX, id = 0;
    for (struct walk w = walk_start(ib); walk_next(&w);) {
        if (id % SERIES_A_PAGE == 0 && id > 0)
            add_page(&s, id - SERIES_A_PAGE);
        if (id % SERIES_A_PAGE == 0) {
            memset(last, 0, sh->n_names * sizeof(*last));
            shape = UINT32_MAX;
        }
        put_series(ib, sh, &w, last, &shape, &s.page);
        id++;
    }
    add_page(&s, (id - 1) / SERIES_A_PAGE * SERIES_A_PAGE);
    free(last);
    section_done(&s);
}

/* The series of each pair, one pair after the other. */
static void collect(struct index_builder *ib)
{
    uint32_t id = 0, at = 0;
    ib->by_pair = array(ib->total);
    ib->start = array(ib->pairs.n);
    must(ib->total < UINT32_MAX);
    for (uint32_t k = 0; k < ib->pairs.n; k++) {
        ib->start[k] = at;
        at += ib->pairs.at[k].n;
        ib->pairs.at[k].n = 0;
    }
    for (struct walk w = walk_start(ib); walk_next(&w); id++) {
        for (uint32_t i = 0; i < w.n; i++)
            ib->by_pair[ib->start[w.pair[i]] + ib->pairs.at[w.pair[i]].n++] = id;
    }
}

/* varint numbers << 2 | form, then the list, or the page of SECTION_LISTS where it is. */
static void put_posting(const uint32_t *ids, uint32_t n, struct section *lists, struct buf *out)
{
    enum posting_form form = posting_write(ids, n, &lists->page);
    if (lists->page.len <= 128) {
        put_varint(out, (uint64_t)n << 2 | form);
        buf_add(out, lists->page.data, lists->page.len);
        buf_clear(&lists->page);
        return;
    }
    put_varint(out, (uint64_t)n << 2 | POSTING_ELSEWHERE);
    put_varint(out, (uint64_t)add_page(lists, form));
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* All series that have one of the pairs order[from … to). */
static void put_having(struct index_builder *ib, const uint32_t *order, uint32_t from, uint32_t to,
                       struct section *lists, struct buf *out)
{
    uint32_t n = 0, count = 0;
    for (uint32_t i = from; i < to; i++)
        count += ib->pairs.at[order[i]].n;
    uint32_t *ids = array(count);
    for (uint32_t i = from; i < to; i++) {
        const struct pair *p = &ib->pairs.at[order[i]];
        memcpy(ids + n, ib->by_pair + ib->start[order[i]], p->n * sizeof(*ids));
        n += p->n;
    }
    qsort(ids, n, sizeof(*ids), by_id);
    put_posting(ids, n, lists, out);
    free(ids);
}

/* The values of one name into pages; its entry into names. */
static void put_name(struct index_builder *ib, const uint32_t *order, uint32_t from, uint32_t to,
                     struct section *values, struct section *lists, struct buf *names)
{
    uint32_t first_page = values->n, key = 0, before = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct pair *p = &ib->pairs.at[order[i]];
        if (values->page.len == 0)
            key = before = p->value;
        put_varint(&values->page, p->value - before);
        put_posting(ib->by_pair + ib->start[order[i]], p->n, lists, &values->page);
        before = p->value;
        if ((i - from) % VALUES_A_PAGE == VALUES_A_PAGE - 1 || i + 1 == to)
            add_page(values, key);
    }
    put_varint(names, ib->pairs.at[order[from]].name);
    put_varint(names, to - from);
    put_varint(names, first_page);
    put_having(ib, order, from, to, lists, names);
}

static void write_postings(struct index_builder *ib, struct index_toc *toc, ZSTD_CCtx *zstd,
                           int level, struct out_file *f)
{
    struct section values = section_start(f, toc, SECTION_VALUES, zstd, level);
    struct section lists = section_start(f, toc, SECTION_LISTS, zstd, level);
    struct section names = section_start(f, toc, SECTION_NAMES, zstd, level);
    uint32_t n = (uint32_t)ib->pairs.n, *order = array(n);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof(*order), by_number, ib);
    for (uint32_t from = 0, to; from < n; from = to) {
        uint32_t name = ib->pairs.at[order[from]].name;
        for (to = from + 1; to < n && ib->pairs.at[order[to]].name == name;)
            to++;
        put_name(ib, order, from, to, &values, &lists, &names.page);
    }
    add_page(&names, 0);
    free(order);
    section_done(&values);
    section_done(&lists);
    section_done(&names);
}

/* Names are numbered in their order. */
static void number_names(const struct index_builder *ib, struct shapes *sh)
{
    uint32_t n = (uint32_t)ib->strings.n;
    sh->name_of = array(n);
    vec_each (&ib->pairs, p)
        sh->name_of[p->name] = 1;
    for (uint32_t i = 0; i < n; i++) {
        if (sh->name_of[i])
            sh->name_of[i] = ++sh->n_names;
    }
}

static void write_toc(const struct index_toc *toc, struct out_file *f)
{
    struct buf out = BUF_INIT(4096);
    for (int i = 0; i < BLOCK_SECTIONS; i++) {
        buf_put_u64(&out, toc->section[i].offset);
        buf_put_u32(&out, toc->section[i].n);
        buf_put_u32(&out, toc->section[i].crc);
    }
    const struct block_meta *m = &toc->meta;
    buf_put_u64(&out, (uint64_t)m->min_ms);
    buf_put_u64(&out, (uint64_t)m->max_ms);
    buf_put_u64(&out, (uint64_t)m->tier_ms);
    buf_put_u32(&out, m->level);
    buf_put_u64(&out, m->stamp);
    buf_put_u64(&out, m->late);
    buf_put_u64(&out, m->series);
    buf_put_u64(&out, m->samples);
    buf_put_u64(&out, m->chunks);
    buf_put_u64(&out, (uint64_t)toc->slab_ms);
    buf_put_u64(&out, toc->chunk_bytes);
    buf_put_u8(&out, toc->spans);
    buf_put_u32(&out, INDEX_MAGIC);
    buf_put_u32(&out, crc32c(0, out.data, out.len));
    must(out.len == INDEX_TOC_BYTES);
    out_file_add(f, out.data, out.len);
    buf_done(&out);
}

void index_builder_write(struct index_builder *ib, struct index_toc *toc, const struct buf *chunks,
                         uint32_t n_chunks, ZSTD_CCtx *zstd, int level, struct out_file *f)
{
    must(ib->count > 0 && chunks->len == (size_t)n_chunks * PAGE_REF_BYTES);
    struct shapes sh = {.shape_of = map_str_new(),
                        .section = section_start(f, toc, SECTION_SHAPES, zstd, level)};
    renumber(ib);
    number_names(ib, &sh);
    toc->spans = ib->spans;
    write_symbols(ib, toc, f);
    write_series(ib, &sh, toc, f);
    add_page(&sh.section, 0);
    section_done(&sh.section);
    struct section none = section_start(f, toc, SECTION_NONE, NULL, 0);
    section_done(&none);
    collect(ib);
    write_postings(ib, toc, zstd, level, f);
    struct section directory = section_start(f, toc, SECTION_CHUNKS, NULL, 0);
    buf_add(&directory.directory, chunks->data, chunks->len);
    directory.n = n_chunks;
    section_done(&directory);
    write_toc(toc, f);
    map_str_free(sh.shape_of);
    free(sh.name_of);
}
