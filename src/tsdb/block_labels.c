/* Label sets of a block's series, and the cursors that reading goes on with. A cursor belongs to one thread while it is taken;
 * the block keeps a few, and each remembers where it was, so that series asked for in order cost one step each. */
#include "tsdb/block_priv.h"

#include <stdlib.h>

#include "base/map.h"
#include "tsdb/labels_check.h"

/* --- cursors --- */

static struct block_cursor *cursor_new(struct block *b)
{
    struct block_cursor *c = calloc(1, sizeof(*c));
    must(c);
    c->labels.next = UINT32_MAX;
    c->labels.last = calloc(b->n_names + 1, sizeof(*c->labels.last));
    c->labels.text = calloc(b->n_names + 1, sizeof(*c->labels.text));
    c->labels.text_of = calloc(b->n_names + 1, sizeof(*c->labels.text_of));
    c->slabs = calloc(b->n_slabs, sizeof(struct page *));
    c->zstd = ZSTD_createDCtx();
    must(c->labels.last && c->labels.text && c->labels.text_of && c->slabs && c->zstd);
    return c;
}

static void cursor_free(struct block *b, struct block_cursor *c)
{
    for (uint32_t i = 0; i < b->n_slabs; i++) {
        if (c->slabs[i])
            page_done(c->slabs[i]);
        free(c->slabs[i]);
    }
    free(c->slabs);
    free(c->labels.last);
    free(c->labels.text);
    free(c->labels.text_of);
    ZSTD_freeDCtx(c->zstd);
    free(c);
}

/* The cursor that stands nearest before the series. */
struct block_cursor *block__take_cursor(struct block *b, uint32_t id)
{
    pthread_mutex_lock(&b->lock);
    uint32_t best = UINT32_MAX, distance = UINT32_MAX;
    for (uint32_t i = 0; i < b->n_cursors; i++) {
        uint32_t d = id - b->cursors[i]->at; /* wraps: those beyond are far */
        if (best == UINT32_MAX || d < distance) {
            best = i;
            distance = d;
        }
    }
    struct block_cursor *c = NULL;
    if (best != UINT32_MAX) {
        c = b->cursors[best];
        b->cursors[best] = b->cursors[--b->n_cursors];
    }
    pthread_mutex_unlock(&b->lock);
    if (!c)
        c = cursor_new(b);
    c->at = id;
    return c;
}

void block__give_cursor(struct block *b, struct block_cursor *c)
{
    pthread_mutex_lock(&b->lock);
    bool room = b->n_cursors < BLOCK_CURSORS;
    if (room)
        b->cursors[b->n_cursors++] = c;
    pthread_mutex_unlock(&b->lock);
    if (!room)
        cursor_free(b, c);
}

void block__free_cursors(struct block *b)
{
    struct block_cursor *gone[BLOCK_CURSORS];
    pthread_mutex_lock(&b->lock);
    uint32_t n = b->n_cursors;
    memcpy(gone, b->cursors, n * sizeof(struct block_cursor *));
    b->n_cursors = 0;
    pthread_mutex_unlock(&b->lock);
    for (uint32_t i = 0; i < n; i++)
        cursor_free(b, gone[i]);
}

/* --- label sets --- */

static const uint32_t *shape_of(const struct block *b, uint32_t shape)
{
    return b->shape_names + b->shapes[shape];
}

static bool next_series(struct block *b, struct label_cursor *c)
{
    uint64_t head = cur_varint(&c->in), mask[LABELS_MAX / 64] = {0};
    if (head >> 1)
        c->shape = (uint32_t)((head >> 1) - 1);
    if (c->in.failed || c->shape >= b->n_shapes)
        return false;
    const uint32_t *names = shape_of(b, c->shape);
    uint32_t n = *names++;
    for (uint32_t i = 0; i < n; i += 64)
        mask[i / 64] = cur_varint(&c->in);
    for (uint32_t i = 0; i < n; i += 64) {
        for (uint64_t m = mask[i / 64]; m; m &= m - 1) {
            uint32_t k = i + (uint32_t)__builtin_ctzll(m);
            int64_t d = unzigzag(cur_varint(&c->in));
            if (k >= n)
                return false;
            c->last[names[k]] = (uint32_t)((uint64_t)c->last[names[k]] + (uint64_t)d);
        }
    }
    c->first_span = head & 1 ? cur_u8(&c->in) : 0;
    c->last_span = head & 1 ? cur_u8(&c->in) : 255;
    c->next++;
    return !c->in.failed;
}

bool block__seek(struct block *b, struct label_cursor *c, uint32_t id)
{
    must(id < b->meta.series);
    if (c->next == id + 1) /* it is there */
        return true;
    bool ahead = c->next != UINT32_MAX && c->next <= id && c->next % SERIES_A_PAGE != 0 &&
                 c->next / SERIES_A_PAGE == id / SERIES_A_PAGE;
    if (!ahead) {
        c->next = UINT32_MAX;
        if (!block__page(b, SECTION_SERIES, id / SERIES_A_PAGE, &c->in, NULL))
            return false;
        c->next = id / SERIES_A_PAGE * SERIES_A_PAGE;
        c->shape = UINT32_MAX;
        memset(c->last, 0, b->n_names * sizeof(*c->last));
    }
    while (c->next <= id) {
        if (!next_series(b, c)) {
            c->next = UINT32_MAX;
            return false;
        }
    }
    return true;
}

/* The value of a name in the series that the cursor stands at. Most are those of the series before. */
static struct str value_of(struct block *b, struct label_cursor *c, uint32_t name)
{
    if (c->text_of[name] != c->last[name]) {
        c->text[name] = block__symbol(b, c->last[name] - 1);
        c->text_of[name] = c->last[name];
    }
    return c->text[name];
}

struct labels block_labels(struct block *b, uint32_t id, struct arena *a)
{
    struct block_cursor *c = block__take_cursor(b, id);
    struct labels out = {0};
    if (block__seek(b, &c->labels, id)) {
        const uint32_t *names = shape_of(b, c->labels.shape);
        uint32_t n = *names++;
        struct label_pair *at = arena_array_of(a, struct label_pair, n);
        for (uint32_t i = 0; i < n; i++)
            at[i] = (struct label_pair){b->names[names[i]].text, value_of(b, &c->labels, names[i])};
        out = (struct labels){at, n};
    }
    block__give_cursor(b, c);
    return out;
}

struct str block_label(struct block *b, uint32_t id, struct str name)
{
    const struct block_name *wanted = block__find_name(b, name);
    struct str out = {"", 0};
    if (!wanted)
        return out;
    struct block_cursor *c = block__take_cursor(b, id);
    uint32_t number = (uint32_t)(wanted - b->names);
    if (block__seek(b, &c->labels, id)) {
        const uint32_t *names = shape_of(b, c->labels.shape);
        uint32_t n = *names++;
        for (uint32_t i = 0; i < n; i++) {
            if (names[i] == number)
                out = value_of(b, &c->labels, number);
        }
    }
    block__give_cursor(b, c);
    return out;
}

/* Of the series that the cursor stands at. */
static struct block_identity identity_of(struct block *b, struct label_cursor *c, uint64_t secret)
{
    struct label_pair at[LABELS_MAX];
    const uint32_t *names = shape_of(b, c->shape);
    uint32_t n = *names++;
    uint64_t h = secret;
    for (uint32_t i = 0; i < n; i++) {
        at[i] = (struct label_pair){b->names[names[i]].text, value_of(b, c, names[i])};
        h = labels_check_add(h, at[i].name, at[i].value);
    }
    return (struct block_identity){labels_hash(&(struct labels){at, n}), labels_check_end(h)};
}

static struct block_identity compute_identity(struct block *b, uint32_t id, uint64_t secret)
{
    struct block_cursor *c = block__take_cursor(b, id);
    struct block_identity out;
    if (block__seek(b, &c->labels, id)) {
        out = identity_of(b, &c->labels, secret);
    } else {
        out.hash = hash_bytes(&id, sizeof(id), secret + (uintptr_t)b);
        out.check = labels_check_end(out.hash + 1);
    }
    block__give_cursor(b, c);
    return out;
}

struct block_identity block_identity(struct block *b, uint32_t id, uint64_t secret)
{
    must(id < b->meta.series);
    struct block_identity known = {.check =
                                       atomic_load_explicit(&b->checks[id], memory_order_acquire)};
    if (known.check) {
        known.hash = atomic_load_explicit(&b->hashes[id], memory_order_relaxed);
        return known;
    }
    known = compute_identity(b, id, secret); /* who computes it too finds the same */
    atomic_store_explicit(&b->hashes[id], known.hash, memory_order_relaxed);
    atomic_store_explicit(&b->checks[id], known.check, memory_order_release);
    return known;
}

bool block_has(struct block *b, uint32_t id, int64_t min_ms, int64_t max_ms)
{
    const struct block_meta *m = &b->meta;
    if (max_ms < m->min_ms || min_ms >= m->max_ms)
        return false;
    if (!b->spans)
        return true;
    struct block_cursor *c = block__take_cursor(b, id);
    bool has = true;
    if (block__seek(b, &c->labels, id)) {
        double unit = (double)(m->max_ms - m->min_ms) / 254;
        double from = (double)m->min_ms + unit * c->labels.first_span;
        double to = (double)m->min_ms + unit * c->labels.last_span;
        has = (double)max_ms >= from && (double)min_ms <= to;
    }
    block__give_cursor(b, c);
    return has;
}

int block_label_names(struct block *b, bool (*fn)(void *arg, struct str s), void *arg)
{
    for (uint32_t i = 0; i < b->n_names && fn(arg, b->names[i].text);)
        i++;
    return 0;
}
