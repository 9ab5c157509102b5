/* Reading a series of the head (head.h): under the shard's lock only what may change is copied; chunks are decoded after it.
 *
 * Mostly the parts follow each other in time and are appended as they come. Where they overlap (samples out of order), runs are
 * merged. */
#include <stdlib.h>

#include "tsdb/head.h"
#include "tsdb/head_file.h"

#define VIEW_CHUNKS 24
#define VIEW_BYTES  4096

/* What the lock guards, copied. `at` of chunks in memory is an offset into bytes. */
struct view {
    struct head_chunk *chunks;
    uint32_t n, cap;
    uint8_t *bytes;
    uint32_t used, size;
    struct late late;
    int64_t tail_ms;
    uint32_t n_tail;
    uint32_t t[TAIL_MAX];
    double v[TAIL_MAX];
    struct head_chunk few[VIEW_CHUNKS];
    uint8_t little[VIEW_BYTES];
};

static bool is_wanted(const struct head_chunk *c, int64_t min_ms, int64_t max_ms, uint8_t flags)
{
    return c->min_ms <= max_ms && c->min_ms + c->span_ms >= min_ms && (c->flags & flags) == flags;
}

static void need_room(struct view *w, uint32_t chunks, uint32_t bytes)
{
    if (w->n + chunks > w->cap) {
        w->cap = (w->n + chunks) * 2;
        struct head_chunk *more = malloc(w->cap * sizeof(*more));
        must(more != NULL);
        memcpy(more, w->chunks, w->n * sizeof(*more));
        if (w->chunks != w->few)
            free(w->chunks);
        w->chunks = more;
    }
    if (w->used + bytes > w->size) {
        w->size = (w->used + bytes) * 2;
        uint8_t *more = malloc(w->size);
        must(more != NULL);
        memcpy(more, w->bytes, w->used);
        if (w->bytes != w->little)
            free(w->bytes);
        w->bytes = more;
    }
}

static void view_chunk(struct view *w, const struct head_chunk *c)
{
    bool memory = c->flags & (HEAD_OPEN | HEAD_MEMORY);
    need_room(w, 1, memory ? c->len : 0);
    struct head_chunk *copy = &w->chunks[w->n++];
    *copy = *c;
    if (!memory)
        return;
    memcpy(w->bytes + w->used, (const void *)(uintptr_t)c->at, c->len);
    copy->at = w->used;
    w->used += c->len;
}

static void view_tail(struct view *w, const struct series *s)
{
    w->tail_ms = s->tail_ms;
    w->n_tail = s->n_tail;
    memcpy(w->t, s->t, s->n_tail * sizeof(s->t[0]));
    memcpy(w->v, s->v, s->n_tail * sizeof(s->v[0]));
}

static void view_take(struct view *w, const struct series *s, int64_t min_ms, int64_t max_ms,
                      uint8_t flags)
{
    w->chunks = w->few;
    w->cap = VIEW_CHUNKS;
    w->bytes = w->little;
    w->size = VIEW_BYTES;
    w->n = w->used = w->late.n = w->n_tail = 0;
    const struct head_chunks *k = s->chunks;
    bool tail_alone = s->n_tail > 0 && min_ms >= s->tail_ms;
    for (uint32_t i = 0; k && i < k->n; i++) {
        if (is_wanted(&k->at[i], min_ms, max_ms, flags) &&
            (!tail_alone || (k->at[i].flags & HEAD_LATE)))
            view_chunk(w, &k->at[i]);
    }
    if (flags)
        return;
    if (k && k->late)
        w->late = *k->late;
    if (s->n_tail > 0 && s->tail_ms <= max_ms)
        view_tail(w, s);
}

static void view_done(struct view *w)
{
    if (w->chunks != w->few)
        free(w->chunks);
    if (w->bytes != w->little)
        free(w->bytes);
}

/* Samples [mid, n) of s, a run of their own, go among [from, mid). */
static void merge_run(struct samples *s, uint32_t from, uint32_t mid)
{
    while (from < mid && s->t[from] < s->t[mid])
        from++;
    uint32_t old = mid - from, i = 0, j = mid, n = from;
    int64_t *t = malloc(old * sizeof(*t) + 1);
    double *v = malloc(old * sizeof(*v) + 1);
    must(t != NULL && v != NULL);
    memcpy(t, s->t + from, old * sizeof(*t));
    memcpy(v, s->v + from, old * sizeof(*v));
    while (i < old || j < s->n) {
        bool first = j >= s->n || (i < old && t[i] <= s->t[j]);
        if (first && j < s->n && t[i] == s->t[j])
            j++; /* what came first stays */
        s->t[n] = first ? t[i] : s->t[j];
        s->v[n++] = first ? v[i] : s->v[j];
        i += first;
        j += !first;
    }
    s->n = n;
    free(t);
    free(v);
}

void samples_settle(struct samples *s, uint32_t from, uint32_t mid)
{
    if (mid > from && mid < s->n && s->t[mid] <= s->t[mid - 1])
        merge_run(s, from, mid);
}

static int decode_chunk(struct head *h, const struct view *w, const struct head_chunk *c,
                        int64_t min_ms, int64_t max_ms, struct samples *out, struct err *err)
{
    bool memory = c->flags & (HEAD_OPEN | HEAD_MEMORY);
    const void *bytes = memory ? w->bytes + c->at : head_files_get(h->files, c->at, c->len, err);
    if (!bytes)
        return -1;
    if (c->min_ms >= min_ms && c->min_ms + c->span_ms <= max_ms)
        return chunk_decode(bytes, c->len, out, err);
    return chunk_decode_range(bytes, c->len, min_ms, max_ms, out, err);
}

static void decode_rest(const struct view *w, int64_t min_ms, int64_t max_ms, uint32_t from,
                        struct samples *out)
{
    uint32_t mid = out->n;
    for (uint32_t i = 0; i < w->n_tail; i++) {
        int64_t t = w->tail_ms + w->t[i];
        if (t >= min_ms && t <= max_ms)
            samples_add(out, t, w->v[i]);
    }
    samples_settle(out, from, mid);
    mid = out->n;
    for (uint32_t i = 0; i < w->late.n; i++) {
        if (w->late.t[i] >= min_ms && w->late.t[i] <= max_ms)
            samples_add(out, w->late.t[i], w->late.v[i]);
    }
    samples_settle(out, from, mid);
}

int head_read(struct head *h, struct series *s, uint32_t slot, int64_t min_ms, int64_t max_ms,
              uint8_t only_flags, struct samples *out, struct err *err)
{
    struct view w;
    pthread_mutex_lock(head_shard(h, slot));
    view_take(&w, s, min_ms, max_ms, only_flags);
    pthread_mutex_unlock(head_shard(h, slot));
    uint32_t from = out->n;
    int rc = 0;
    for (uint32_t i = 0; i < w.n; i++) {
        uint32_t mid = out->n;
        if (decode_chunk(h, &w, &w.chunks[i], min_ms, max_ms, out, err) < 0) {
            h->damaged++;
            out->n = mid;
            rc = -1;
        }
        samples_settle(out, from, mid);
    }
    decode_rest(&w, min_ms, max_ms, from, out);
    view_done(&w);
    return rc;
}

bool head_overlaps(const struct series *s, int64_t min_ms, int64_t max_ms)
{
    if (s->n_tail > 0 && s->tail_ms <= max_ms && s->tail_ms + s->t[s->n_tail - 1] >= min_ms)
        return true;
    const struct head_chunks *k = s->chunks;
    const struct late *l = k ? k->late : NULL;
    for (uint32_t i = k ? k->n : 0; i-- > 0;) {
        if (is_wanted(&k->at[i], min_ms, max_ms, 0))
            return true;
    }
    return l && l->n > 0 && l->t[0] <= max_ms && l->t[l->n - 1] >= min_ms;
}

/* The tail alone knows the answer when its newest sample is asked for: 1 or 0; -1: it does not. */
static int last_of_tail(const struct series *s, int64_t min_ms, int64_t max_ms, int64_t *t,
                        double *v)
{
    if (s->n_tail == 0)
        return head_is_empty(s) ? 0 : -1;
    int64_t newest = s->tail_ms + s->t[s->n_tail - 1];
    if (newest > max_ms)
        return -1;
    *t = newest;
    *v = s->v[s->n_tail - 1];
    return newest >= min_ms;
}

int head_last(struct head *h, struct series *s, uint32_t slot, int64_t min_ms, int64_t max_ms,
              int64_t *t, double *v, struct err *err)
{
    pthread_mutex_lock(head_shard(h, slot));
    int rc = last_of_tail(s, min_ms, max_ms, t, v);
    pthread_mutex_unlock(head_shard(h, slot));
    if (rc >= 0)
        return rc;
    struct samples found = {0};
    rc = head_read(h, s, slot, min_ms, max_ms, 0, &found, err);
    if (found.n > 0) {
        *t = found.t[found.n - 1];
        *v = found.v[found.n - 1];
        rc = 1;
    }
    samples_done(&found);
    return rc;
}
