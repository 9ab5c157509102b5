/* What the index of targets holds. Written by the core's loop only; see target_index.h for who may read how. */
#include "core/target_index.h"

#include <stdlib.h>
#include <string.h>

#include "core/target_index_priv.h"

static const char *const shown_names[] = {
#define X(name, text) [SHOWN_##name] = text,
    SHOWN_STATES(X)
#undef X
};

const char *shown_state_name(enum shown_state s)
{
    must(s >= 0 && s < N_SHOWN);
    return shown_names[s];
}

enum shown_state shown_state_of(bool enabled, const struct index_live *live)
{
    if (!enabled || live->status == TARGET_DISABLED)
        return SHOWN_PAUSED;
    if (live->status == TARGET_MAINTENANCE)
        return SHOWN_MAINTENANCE;
    if (live->status == TARGET_UNHEALTHY)
        return SHOWN_DOWN;
    if (live->fail_count > 0 || (live->status == TARGET_HEALTHY && live->degraded))
        return SHOWN_DEGRADED;
    return live->status == TARGET_HEALTHY ? SHOWN_UP : SHOWN_UNKNOWN;
}

/* --- names --- */

static uint32_t name_take(struct names *n, const char *name, size_t len)
{
    size_t have = (size_t)(uintptr_t)map_str_get(n->numbers, name, len);
    if (have) {
        n->uses.at[have - 1]++;
        return (uint32_t)(have - 1);
    }
    char *copy = strndup(name, len);
    must(copy);
    uint32_t number = (uint32_t)n->at.n;
    if (n->room.n) {
        number = vec_pop(&n->room);
        n->at.at[number] = copy;
        n->uses.at[number] = 1;
    } else {
        vec_push(&n->at, copy);
        vec_push(&n->uses, 1);
    }
    map_str_put(n->numbers, name, len, (void *)(uintptr_t)(number + 1));
    return number;
}

static void name_drop(struct names *n, uint32_t number)
{
    must(number < n->at.n && n->uses.at[number] > 0);
    if (--n->uses.at[number] > 0)
        return;
    map_str_del(n->numbers, n->at.at[number], strlen(n->at.at[number]));
    free(n->at.at[number]);
    n->at.at[number] = NULL;
    vec_push(&n->room, number);
}

static void names_done(struct names *n)
{
    vec_each (&n->at, it)
        free(*it);
    vec_done(&n->at);
    vec_done(&n->uses);
    vec_done(&n->room);
    map_str_free(n->numbers);
}

uint32_t index__number(const struct names *n, const char *name)
{
    size_t have = (size_t)(uintptr_t)map_str_get(n->numbers, name, strlen(name));
    return have ? (uint32_t)(have - 1) : UINT32_MAX;
}

/* --- life --- */

static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;
    must(pthread_rwlockattr_init(&attr) == 0);
#ifdef __GLIBC__ /* the core's loop must not starve behind searches */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    must(pthread_rwlock_init(lock, &attr) == 0);
    pthread_rwlockattr_destroy(&attr);
}

struct target_index *target_index_new(void)
{
    struct target_index *ix = calloc(1, sizeof(*ix));
    must(ix);
    ix->magic = INDEX_MAGIC;
    init_lock(&ix->lock);
    must(pthread_mutex_init(&ix->order, NULL) == 0);
    ix->slots = map_u64_new();
    ix->groups.numbers = map_str_new();
    ix->types.numbers = map_str_new();
    ix->labels.numbers = map_str_new();
    return ix;
}

void target_index_free(struct target_index **ix)
{
    struct target_index *x = *ix;
    *ix = NULL;
    if (!x)
        return;
    check_magic(x, INDEX_MAGIC);
    vec_each (&x->cells, it) {
        free(it->labels);
        free(said_of(it));
    }
    vec_done(&x->cells);
    vec_done(&x->room);
    vec_done(&x->text);
    vec_done(&x->texts);
    vec_done(&x->by_name);
    vec_done(&x->fresh);
    vec_done(&x->place);
    names_done(&x->groups);
    names_done(&x->types);
    names_done(&x->labels);
    map_u64_free(x->slots);
    pthread_rwlock_destroy(&x->lock);
    pthread_mutex_destroy(&x->order);
    x->magic = 0;
    free(x);
}

/* --- text --- */

void index__fold(const char *text, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
}

static void text_add(struct target_index *ix, const char *text, char end)
{
    size_t n = strlen(text), room = ix->text.n + n + 1;
    if (room > ix->text.cap) {
        size_t cap = ix->text.cap ? ix->text.cap : 4096;
        while (cap < room)
            cap *= 2;
        ix->text.at = realloc(ix->text.at, cap);
        must(ix->text.at && room < UINT32_MAX);
        ix->text.cap = cap;
    }
    index__fold(text, n, ix->text.at + ix->text.n);
    ix->text.n += n;
    ix->text.at[ix->text.n++] = end;
}

/* When most of the text belongs to names of earlier: a new one, in the order of the cells. */
static void text_compact(struct target_index *ix)
{
    if (ix->text_lost < 65536 || ix->text_lost < ix->text.n / 2)
        return;
    char *fresh = malloc(ix->text.n);
    size_t n = 0;
    must(fresh);
    ix->texts.n = 0;
    vec_each (&ix->cells, it) {
        if (!it->id)
            continue;
        memcpy(fresh + n, ix->text.at + it->text_at, it->text_n);
        it->text_at = (uint32_t)n;
        vec_push(&ix->texts, ((struct text_place){(uint32_t)n, (uint32_t)(it - ix->cells.at)}));
        n += it->text_n;
    }
    must(n + ix->text_lost == ix->text.n);
    ix->text.cap = ix->text.n;
    free(ix->text.at);
    ix->text.at = fresh;
    ix->text.n = n;
    ix->text_lost = 0;
}

static void cell_describe(struct target_index *ix, struct cell *c, const struct target *t,
                          const char *address)
{
    c->text_at = (uint32_t)ix->text.n;
    vec_push(&ix->texts, ((struct text_place){c->text_at, (uint32_t)(c - ix->cells.at)}));
    text_add(ix, t->name, '\0');
    c->name_n = (uint32_t)(ix->text.n - c->text_at - 1);
    text_add(ix, t->group, ' ');
    text_add(ix, t->type, ' ');
    text_add(ix, address ? address : "", ' ');
    for (uint32_t i = 0; i < t->n_labels; i++) {
        text_add(ix, t->labels[i].name, '=');
        text_add(ix, t->labels[i].value, ' ');
    }
    c->text_n = (uint32_t)(ix->text.n - c->text_at);
}

/* --- cells --- */

static uint32_t label_number(struct target_index *ix, const struct label *l)
{
    size_t n = strlen(l->name) + 1 + strlen(l->value);
    char small[256], *pair = n < sizeof(small) ? small : malloc(n + 1);
    must(pair);
    memcpy(pair, l->name, strlen(l->name));
    pair[strlen(l->name)] = '=';
    memcpy(pair + strlen(l->name) + 1, l->value, strlen(l->value));
    uint32_t number = name_take(&ix->labels, pair, n);
    if (pair != small)
        free(pair);
    return number;
}

static void cell_name(struct target_index *ix, struct cell *c, const struct target *t)
{
    c->group = name_take(&ix->groups, t->group, strlen(t->group));
    c->type = name_take(&ix->types, t->type, strlen(t->type));
    c->n_labels = (uint16_t)(t->n_labels < UINT16_MAX ? t->n_labels : UINT16_MAX);
    c->labels = c->n_labels ? calloc(c->n_labels, sizeof(*c->labels)) : NULL;
    must(c->labels || !c->n_labels);
    for (uint32_t i = 0; i < c->n_labels; i++)
        c->labels[i] = label_number(ix, &t->labels[i]);
}

/* Of all names; what is live stays. */
static void cell_clear(struct target_index *ix, struct cell *c)
{
    name_drop(&ix->groups, c->group);
    name_drop(&ix->types, c->type);
    for (uint32_t i = 0; i < c->n_labels; i++)
        name_drop(&ix->labels, c->labels[i]);
    free(c->labels);
    c->labels = NULL;
    c->n_labels = 0;
    ix->text_lost += c->text_n;
}

static struct cell *cell_of(const struct target_index *ix, uint64_t id)
{
    size_t slot = (size_t)(uintptr_t)map_u64_get(ix->slots, id);
    must(slot <= ix->cells.n);
    return slot ? &ix->cells.at[slot - 1] : NULL;
}

static struct cell *cell_new(struct target_index *ix, uint64_t id)
{
    uint32_t slot = (uint32_t)ix->cells.n;
    if (ix->room.n)
        slot = vec_pop(&ix->room);
    else
        (void)vec_add(&ix->cells);
    struct cell *c = &ix->cells.at[slot];
    must(c->id == 0);
    c->id = id;
    live_set(c->shown, SHOWN_UNKNOWN);
    live_set(c->status, TARGET_UNKNOWN);
    live_set(c->degraded, false);
    live_set(c->latency_us, 0);
    live_set(c->since_ms, 0);
    map_u64_put(ix->slots, id, (void *)(uintptr_t)(slot + 1));
    return c;
}

static void renamed(struct target_index *ix, struct cell *c)
{
    ix->order_stale = true;
    if (c->fresh)
        return;
    c->fresh = true;
    vec_push(&ix->fresh, (uint32_t)(c - ix->cells.at));
}

static bool same_name(const struct target_index *ix, const struct cell *c, const char *name)
{
    size_t n = strlen(name);
    if (n != c->name_n)
        return false;
    const char *have = ix->text.at + c->text_at;
    for (size_t i = 0; i < n; i++) {
        char folded;
        index__fold(name + i, 1, &folded);
        if (folded != have[i])
            return false;
    }
    return true;
}

void target_index_put(struct target_index *ix, const struct target *t, const char *address)
{
    check_magic(ix, INDEX_MAGIC);
    must(t->id != 0);
    pthread_rwlock_wrlock(&ix->lock);
    struct cell *c = cell_of(ix, t->id);
    bool moved = !c || !same_name(ix, c, t->name);
    if (c)
        cell_clear(ix, c);
    else
        c = cell_new(ix, t->id);
    c->file = t->source == SOURCE_FILE;
    c->enabled = t->enabled;
    cell_name(ix, c, t);
    cell_describe(ix, c, t, address);
    if (moved)
        renamed(ix, c);
    text_compact(ix);
    pthread_rwlock_unlock(&ix->lock);
}

void target_index_del(struct target_index *ix, uint64_t id)
{
    check_magic(ix, INDEX_MAGIC);
    pthread_rwlock_wrlock(&ix->lock);
    struct cell *c = cell_of(ix, id);
    if (c) {
        cell_clear(ix, c);
        renamed(ix, c);
        c->id = 0;
        free(said_of(c));
        atomic_store(&c->said, NULL);
        vec_push(&ix->room, (uint32_t)(c - ix->cells.at));
        map_u64_del(ix->slots, id);
        text_compact(ix);
    }
    pthread_rwlock_unlock(&ix->lock);
}

/* --- what is live: the loop alone, without the lock --- */

static void say(struct cell *c, const char *message)
{
    struct said *s = said_of(c);
    if (!s && !*message)
        return;
    if (!s) {
        s = calloc(1, sizeof(*s));
        must(s);
    }
    char folded[sizeof(s->at)] = {0};
    size_t n = strlen(message);
    index__fold(message, n < sizeof(folded) - 1 ? n : sizeof(folded) - 1, folded);
    for (size_t i = 0; i < SAID_WORDS; i++) {
        uint64_t word;
        memcpy(&word, folded + i * sizeof(word), sizeof(word));
        live_set(s->at[i], word);
    }
    atomic_store_explicit(&c->said, s, memory_order_release);
}

void target_index_live(struct target_index *ix, uint64_t id, const struct index_live *live,
                       const char *message)
{
    check_magic(ix, INDEX_MAGIC);
    struct cell *c = cell_of(ix, id); /* only the loop changes where it is */
    if (!c)
        return;
    enum shown_state shown = shown_state_of(c->enabled, live);
    bool well = shown == SHOWN_UP || shown == SHOWN_PAUSED;
    int64_t us = live->latency_us < 0 ? 0 : live->latency_us;
    live_set(c->shown, (uint8_t)shown);
    live_set(c->status, (uint8_t)live->status);
    live_set(c->degraded, live->degraded);
    live_set(c->latency_us, us < UINT32_MAX ? (uint32_t)us : UINT32_MAX);
    live_set(c->since_ms, live->since_ms);
    if (!well || said_of(c))
        say(c, well || !message ? "" : message);
}

/* --- order of names --- */

static size_t digits(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

/* Two runs of digits: as numbers. */
static int compare_digits(struct str a, size_t an, struct str b, size_t bn)
{
    while (an > 1 && *a.p == '0') {
        a.p++;
        an--;
    }
    while (bn > 1 && *b.p == '0') {
        b.p++;
        bn--;
    }
    if (an != bn)
        return an < bn ? -1 : 1;
    return memcmp(a.p, b.p, an);
}

int index__compare_names(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        size_t an = digits(a, i), bn = digits(b, k);
        if (an && bn) {
            int d = compare_digits((struct str){a.p + i, an}, an, (struct str){b.p + k, bn}, bn);
            if (d)
                return d;
            i += an;
            k += bn;
        } else if (a.p[i] != b.p[k]) {
            return (unsigned char)a.p[i] < (unsigned char)b.p[k] ? -1 : 1;
        } else {
            i++;
            k++;
        }
    }
    return (i < a.n) - (k < b.n);
}

static struct str name_of(const struct target_index *ix, uint32_t slot)
{
    const struct cell *c = &ix->cells.at[slot];
    return (struct str){ix->text.at + c->text_at, c->name_n};
}

int index__compare(const struct target_index *ix, uint32_t a, uint32_t b)
{
    int d = index__compare_names(name_of(ix, a), name_of(ix, b));
    uint64_t x = ix->cells.at[a].id, y = ix->cells.at[b].id;
    return d ? d : (x > y) - (x < y);
}

static int by_name(const void *a, const void *b, void *arg)
{
    return index__compare(arg, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* The fresh ones that are targets, in order; their marks are taken off. */
static size_t sort_fresh(struct target_index *ix)
{
    size_t n = 0;
    vec_each (&ix->fresh, it)
        if (ix->cells.at[*it].id)
            ix->fresh.at[n++] = *it;
    if (n)
        qsort_r(ix->fresh.at, n, sizeof(uint32_t), by_name, ix);
    return n;
}

/* by_name without those that are marked fresh. */
static void drop_fresh(struct target_index *ix)
{
    size_t n = 0;
    vec_each (&ix->by_name, it)
        if (!ix->cells.at[*it].fresh)
            ix->by_name.at[n++] = *it;
    ix->by_name.n = n;
    vec_each (&ix->fresh, it)
        ix->cells.at[*it].fresh = false;
}

/* From behind, so that everything is moved once. Few fresh ones are searched for, not compared with all. */
static void merge_fresh(struct target_index *ix, size_t n)
{
    size_t old = ix->by_name.n, end = old + n;
    while (ix->by_name.n < end)
        vec_push(&ix->by_name, 0);
    uint32_t *at = ix->by_name.at;
    for (size_t k = n; k > 0; k--) {
        uint32_t slot = ix->fresh.at[k - 1];
        size_t lo = 0, hi = old;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (index__compare(ix, at[mid], slot) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        memmove(&at[lo + k], &at[lo], (old - lo) * sizeof(*at));
        at[lo + k - 1] = slot;
        old = lo;
    }
}

void index__mend_order(struct target_index *ix)
{
    pthread_mutex_lock(&ix->order);
    if (ix->order_stale) {
        drop_fresh(ix);
        merge_fresh(ix, sort_fresh(ix));
        ix->fresh.n = 0;
        while (ix->place.n < ix->cells.n)
            vec_push(&ix->place, 0);
        for (uint32_t i = 0; i < ix->by_name.n; i++)
            ix->place.at[ix->by_name.at[i]] = i;
        must(ix->by_name.n == map_u64_count(ix->slots));
        ix->order_stale = false;
    }
    pthread_mutex_unlock(&ix->order);
}
