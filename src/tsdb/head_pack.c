/* head.h: how samples of a series become chunks. Called with the shard of the series locked, by the appender and by whoever cuts.
 *
 *   push ─► tail ─(16 samples, or the block ends)─► open chunk ─(128 samples, or the block ends)─► head file
 *   insert ─► tail (when it is within it) or late buffer ─(32 samples, or a cut)─► late chunks, a block's samples each */
#include <stdlib.h>

#include "tsdb/head.h"
#include "tsdb/head_file.h"

#define BYTES_MAX ((size_t)1 << 20)

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t r = t % step;
    return t - (r < 0 ? r + step : r);
}

void packer_init(struct packer *p, struct head *h)
{
    *p = (struct packer){.head = h, .block_lo = 0, .block_hi = 0};
    buf_init(&p->bytes, BYTES_MAX);
}

void packer_done(struct packer *p)
{
    samples_done(&p->samples);
    buf_done(&p->bytes);
}

/* Are both in the same block? Mostly both are in that of the last question. */
static bool same_block(struct packer *p, int64_t a, int64_t b)
{
    if (b < p->block_lo || b >= p->block_hi) {
        p->block_lo = floor_to(b, p->head->block_ms);
        p->block_hi = p->block_lo + p->head->block_ms;
    }
    return a >= p->block_lo && a < p->block_hi;
}

static bool in_file(const struct head_chunk *c)
{
    return !(c->flags & (HEAD_OPEN | HEAD_MEMORY));
}

static struct head_chunk *open_chunk(const struct series *s)
{
    struct head_chunks *k = s->chunks;
    return k && k->n > 0 && (k->at[k->n - 1].flags & HEAD_OPEN) ? &k->at[k->n - 1] : NULL;
}

static void need_chunks(struct series *s)
{
    struct head_chunks *k = s->chunks;
    if (k && k->n < k->cap)
        return;
    uint32_t cap = k ? k->cap + (k->cap < 8 ? 2 : k->cap / 2) : 1;
    k = realloc(k, sizeof(*k) + cap * sizeof(k->at[0]));
    must(k != NULL);
    if (!s->chunks) {
        k->late = NULL;
        k->n = 0;
    }
    k->cap = cap;
    s->chunks = k;
}

/* Before the open chunk, which stays the last. */
void head_add_chunk(struct series *s, const struct head_chunk *c)
{
    need_chunks(s);
    struct head_chunks *k = s->chunks;
    uint32_t i = k->n++;
    if (i > 0 && (k->at[i - 1].flags & HEAD_OPEN)) {
        must(!(c->flags & HEAD_OPEN));
        k->at[i] = k->at[i - 1];
        i--;
    }
    k->at[i] = *c;
}

static void *keep_bytes(const struct buf *b)
{
    void *p = malloc(b->len);
    must(p != NULL && !b->failed);
    memcpy(p, b->data, b->len);
    return p;
}

/* Moves a chunk's bytes from memory to a head file; if the disk is full they wait. */
static bool store(struct head *h, struct head_chunk *c)
{
    void *bytes = (void *)(uintptr_t)c->at;
    uint64_t at;
    c->flags = (c->flags & ~HEAD_OPEN) | HEAD_MEMORY;
    if (head_files_put(h->files, bytes, c->len, &at, NULL) < 0)
        return false;
    free(bytes);
    c->at = at;
    c->flags &= ~HEAD_MEMORY;
    return true;
}

/* Encodes samples [from, to) of p->samples into p->bytes and describes them; the bytes are still p's. */
static struct head_chunk encode(struct packer *p, uint32_t from, uint32_t to)
{
    const struct samples *s = &p->samples;
    must(from < to && to <= s->n);
    buf_clear(&p->bytes);
    chunk_encode(s->t + from, s->v + from, to - from, &p->bytes);
    must(!p->bytes.failed && p->bytes.len < (1u << 24));
    return (struct head_chunk){.min_ms = s->t[from],
                               .span_ms = (uint32_t)(s->t[to - 1] - s->t[from]),
                               .len = (uint32_t)p->bytes.len};
}

/* A series' first chunk is sealed earlier, each at its own time, so that series that began together do not stay in step. */
static bool is_enough(const struct series *s, uint32_t n)
{
    return n >= OPEN_SAMPLES || (s->chunks->n == 1 && n >= TAIL_MAX * (1 + (s->hash & 7)));
}

static void add_tail(struct samples *to, const struct series *s)
{
    for (uint32_t i = 0; i < s->n_tail; i++)
        samples_add(to, s->tail_ms + s->t[i], s->v[i]);
}

/* Bytes of the open chunk to samples; they were made by this process or checked when they were loaded. */
static void add_open(struct head *h, struct samples *to, const struct head_chunk *c)
{
    if (chunk_decode((const void *)(uintptr_t)c->at, c->len, to, NULL) < 0)
        h->damaged++;
}

/* The tail goes into the open chunk. `all`: and that one is sealed in any case. */
static void pack(struct packer *p, struct series *s, bool all)
{
    struct head_chunk *open = open_chunk(s);
    p->samples.n = 0;
    if (open)
        add_open(p->head, &p->samples, open);
    add_tail(&p->samples, s);
    s->n_tail = 0;
    if (p->samples.n == 0)
        return;
    struct head_chunk c = encode(p, 0, p->samples.n);
    c.at = (uintptr_t)keep_bytes(&p->bytes);
    c.flags = HEAD_OPEN;
    if (open) {
        p->head->chunk_bytes -= open->len;
        free((void *)(uintptr_t)open->at);
        *open = c;
    } else {
        head_add_chunk(s, &c);
        p->head->chunks++;
    }
    p->head->chunk_bytes += c.len;
    if (all || is_enough(s, p->samples.n))
        store(p->head, open_chunk(s));
}

void head_push(struct packer *p, struct series *s, int64_t t, double v)
{
    if (s->n_tail == 0) {
        const struct head_chunk *open = open_chunk(s);
        if (open && !same_block(p, open->min_ms, t))
            pack(p, s, true);
    } else if (!same_block(p, s->tail_ms, t)) {
        pack(p, s, true);
    } else if (s->n_tail == TAIL_MAX || t - s->tail_ms > UINT32_MAX) {
        pack(p, s, false);
    }
    if (s->n_tail == 0)
        s->tail_ms = t;
    s->t[s->n_tail] = (uint32_t)(t - s->tail_ms);
    s->v[s->n_tail++] = v;
}

/* --- out of order --- */

static void insert_tail(struct series *s, int64_t t, double v)
{
    uint32_t i = s->n_tail;
    for (; i > 0 && s->tail_ms + s->t[i - 1] > t; i--) {
        s->t[i] = s->t[i - 1];
        s->v[i] = s->v[i - 1];
    }
    s->t[i] = (uint32_t)(t - s->tail_ms);
    s->v[i] = v;
    s->n_tail++;
}

static void insert_late(struct late *l, int64_t t, double v)
{
    uint32_t i = l->n++;
    for (; i > 0 && l->t[i - 1] > t; i--) {
        l->t[i] = l->t[i - 1];
        l->v[i] = l->v[i - 1];
    }
    l->t[i] = t;
    l->v[i] = v;
}

/* Late samples before `end` become chunks, one a block. */
static void pack_late(struct packer *p, struct series *s, int64_t end)
{
    struct late *l = s->chunks ? s->chunks->late : NULL;
    uint32_t n = 0, from = 0;
    p->samples.n = 0;
    for (; l && n < l->n && l->t[n] < end; n++)
        samples_add(&p->samples, l->t[n], l->v[n]);
    for (uint32_t i = 1; i <= n; i++) {
        if (i < n && same_block(p, p->samples.t[from], p->samples.t[i]))
            continue;
        struct head_chunk c = encode(p, from, i);
        c.at = (uintptr_t)keep_bytes(&p->bytes);
        c.flags = HEAD_LATE;
        p->head->chunks++;
        p->head->chunk_bytes += c.len;
        store(p->head, &c);
        head_add_chunk(s, &c);
        from = i;
    }
    if (n == 0)
        return;
    memmove(l->t, l->t + n, (l->n - n) * sizeof(l->t[0]));
    memmove(l->v, l->v + n, (l->n - n) * sizeof(l->v[0]));
    l->n -= n;
}

void head_set_late(struct series *s, const struct late *l)
{
    if (!s->chunks)
        need_chunks(s);
    must(s->chunks->late == NULL);
    s->chunks->late = malloc(sizeof(*l));
    must(s->chunks->late != NULL);
    *s->chunks->late = *l;
}

void head_insert(struct packer *p, struct series *s, int64_t t, double v)
{
    if (s->n_tail > 0 && s->n_tail < TAIL_MAX && t > s->tail_ms) {
        insert_tail(s, t, v);
        return;
    }
    if (!s->chunks)
        need_chunks(s);
    if (s->chunks->late && s->chunks->late->n == LATE_MAX)
        pack_late(p, s, INT64_MAX);
    if (!s->chunks->late) {
        s->chunks->late = calloc(1, sizeof(struct late));
        must(s->chunks->late != NULL);
    }
    insert_late(s->chunks->late, t, v);
}

/* --- looking and removing --- */

static const void *chunk_bytes(struct head *h, const struct head_chunk *c)
{
    return in_file(c) ? head_files_get(h->files, c->at, c->len, NULL)
                      : (const void *)(uintptr_t)c->at;
}

static bool find_in_chunk(struct head *h, const struct head_chunk *c, int64_t t, double *v)
{
    struct samples found = {0};
    const void *bytes = chunk_bytes(h, c);
    if (bytes)
        chunk_decode_range(bytes, c->len, t, t, &found, NULL);
    bool is_there = found.n > 0;
    if (is_there)
        *v = found.v[0];
    samples_done(&found);
    return is_there;
}

bool head_find(struct head *h, struct series *s, int64_t t, double *v)
{
    for (uint32_t i = 0; i < s->n_tail; i++) {
        if (s->tail_ms + s->t[i] == t) {
            *v = s->v[i];
            return true;
        }
    }
    const struct head_chunks *k = s->chunks;
    for (uint32_t i = 0; k && k->late && i < k->late->n; i++) {
        if (k->late->t[i] == t) {
            *v = k->late->v[i];
            return true;
        }
    }
    for (uint32_t i = 0; k && i < k->n; i++) {
        const struct head_chunk *c = &k->at[i];
        if (t >= c->min_ms && t <= c->min_ms + c->span_ms && find_in_chunk(h, c, t, v))
            return true;
    }
    return false;
}

bool head_freeze(struct packer *p, struct series *s, int64_t begin, int64_t end)
{
    const struct head_chunk *open = open_chunk(s);
    if ((s->n_tail > 0 && s->tail_ms < end) || (open && open->min_ms < end))
        pack(p, s, true);
    pack_late(p, s, end);
    bool any = false;
    for (uint32_t i = 0; s->chunks && i < s->chunks->n; i++) {
        struct head_chunk *c = &s->chunks->at[i];
        if (c->min_ms >= begin && c->min_ms < end) {
            c->flags |= HEAD_CUT;
            any = true;
        }
    }
    return any;
}

void head_unmark(struct series *s)
{
    for (uint32_t i = 0; s->chunks && i < s->chunks->n; i++)
        s->chunks->at[i].flags &= ~HEAD_CUT;
}

static void free_chunk(struct head *h, struct head_chunk *c)
{
    h->chunks--;
    h->chunk_bytes -= c->len;
    if (in_file(c))
        head_files_drop(h->files, c->at);
    else
        free((void *)(uintptr_t)c->at);
}

/* An array without chunks goes; one that is much too large shrinks. */
static void trim(struct series *s)
{
    struct head_chunks *k = s->chunks;
    if (k->late && k->late->n == 0) {
        free(k->late);
        k->late = NULL;
    }
    if (k->n == 0 && !k->late) {
        free(k);
        s->chunks = NULL;
    } else if (k->cap > k->n + 2) {
        k->cap = k->n + 1;
        s->chunks = realloc(k, sizeof(*k) + k->cap * sizeof(k->at[0]));
        must(s->chunks != NULL);
    }
}

void head_drop(struct head *h, struct series *s, uint8_t flags)
{
    struct head_chunks *k = s->chunks;
    if (!k)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if ((k->at[i].flags & flags) == flags)
            free_chunk(h, &k->at[i]);
        else
            k->at[kept++] = k->at[i];
    }
    k->n = kept;
    trim(s);
}

void head_clear(struct head *h, struct series *s)
{
    s->n_tail = 0;
    if (s->chunks && s->chunks->late)
        s->chunks->late->n = 0;
    head_drop(h, s, 0);
}

void head_replace(struct packer *p, struct series *s, const struct samples *with)
{
    head_clear(p->head, s);
    for (uint32_t i = 0; i < with->n; i++)
        head_push(p, s, with->t[i], with->v[i]);
}

bool head_flush(struct head *h, struct series *s)
{
    for (uint32_t i = 0; s->chunks && i < s->chunks->n; i++) {
        struct head_chunk *c = &s->chunks->at[i];
        if ((c->flags & HEAD_MEMORY) && !store(h, c))
            return false;
    }
    return true;
}

bool head_is_empty(const struct series *s)
{
    return s->n_tail == 0 && s->chunks == NULL;
}

int64_t head_oldest(const struct series *s)
{
    int64_t oldest = s->n_tail > 0 ? s->tail_ms : INT64_MAX;
    const struct head_chunks *k = s->chunks;
    if (k && k->late && k->late->n > 0 && k->late->t[0] < oldest)
        oldest = k->late->t[0];
    for (uint32_t i = 0; k && i < k->n; i++) {
        if (k->at[i].min_ms < oldest)
            oldest = k->at[i].min_ms;
    }
    return oldest == INT64_MAX ? NO_TIME : oldest;
}
