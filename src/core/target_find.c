/* Searching the index of targets: one pass over the cells says which fit and counts, then only those that fit get a key and
 * only the wanted part is put in order. On the thread that asks, under the read lock. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "core/target_find_priv.h"

static const struct {
    const char *name;
    enum index_sort sort;
} sorts[] = {
    {"id", INDEX_BY_ID},    {"name", INDEX_BY_NAME},    {"group", INDEX_BY_GROUP},
    {"worst", INDEX_WORST}, {"latency", INDEX_LATENCY}, {"since", INDEX_SINCE},
};

bool index_sort_parse(const char *text, enum index_sort *out)
{
    for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++)
        if (strcmp(sorts[i].name, text) == 0) {
            *out = sorts[i].sort;
            return true;
        }
    return false;
}

/* --- what is wanted --- */

static void take_words(struct finding *f)
{
    size_t n = f->q->q ? strlen(f->q->q) : 0;
    char *text = arena_alloc(f->arena, n + 1);
    index__fold(f->q->q ? f->q->q : "", n, text);
    text[n] = '\0';
    for (char *p = text; *p && f->n_words < INDEX_WORDS_MAX;) {
        p += strspn(p, " \t");
        size_t len = strcspn(p, " \t");
        if (len)
            f->words[f->n_words++] = (struct str){p, len};
        p += len;
    }
}

static void take_numbers(struct finding *f)
{
    const struct index_query *q = f->q;
    f->group = q->group ? index__number(&f->ix->groups, q->group) : UINT32_MAX;
    f->type = q->type ? index__number(&f->ix->types, q->type) : UINT32_MAX;
    f->label = UINT32_MAX;
    if (q->label && strchr(q->label, '='))
        f->label = index__number(&f->ix->labels, q->label);
    else if (q->label)
        f->label_name_n = strlen(q->label);
    if (!q->groups)
        return;
    bool *seen = calloc(f->ix->groups.at.n + 1, sizeof(*seen));
    must(seen);
    memset(seen, q->groups_hidden, f->ix->groups.at.n);
    for (const char *const *g = q->groups; *g; g++) {
        uint32_t number = index__number(&f->ix->groups, *g);
        if (number != UINT32_MAX)
            seen[number] = !q->groups_hidden;
    }
    f->seen = seen;
}

static bool label_fits(const struct finding *f, const struct cell *c)
{
    for (uint32_t i = 0; i < c->n_labels; i++) {
        const char *pair = f->ix->labels.at.at[c->labels[i]];
        if (f->label_name_n
                ? strncmp(pair, f->q->label, f->label_name_n) == 0 && pair[f->label_name_n] == '='
                : c->labels[i] == f->label)
            return true;
    }
    return false;
}

static bool said_has(const struct cell *c, struct str word)
{
    struct said *s = said_of(c);
    uint64_t copy[SAID_WORDS];
    if (!s)
        return false;
    for (size_t i = 0; i < SAID_WORDS; i++)
        copy[i] = live_get(s->at[i]);
    return memmem(copy, strnlen((const char *)copy, sizeof(copy)), word.p, word.n) != NULL;
}

/* Sixteen bytes that are compared at once; compilers have an instruction for it on each machine that has one. */
typedef unsigned char lanes __attribute__((vector_size(16)));

static lanes lanes_at(const char *p)
{
    lanes v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Of the places in p that the lanes of `half` mark, the first at which the word stands. */
static const char *first_of(struct str word, const char *p, const uint64_t half[2])
{
    for (size_t i = 0; i < 2; i++)
        for (uint64_t left = le64toh(half[i]); left;) {
            int byte = __builtin_ctzll(left) / 8;
            const char *at = p + i * 8 + byte;
            if (memcmp(at, word.p, word.n) == 0)
                return at;
            left &= ~(UINT64_C(0xff) << (byte * 8));
        }
    return NULL;
}

/* Where the word occurs first; NULL: nowhere. Looks for its first and last byte at their distance, which memmem() does not, and has
 * nothing to prepare: it is called anew behind each of 100,000 names. */
static const char *find_word(struct str word, const char *p, const char *end)
{
    const size_t last = word.n - 1;
    const lanes zero = {0}, first_byte = zero + (unsigned char)word.p[0],
                last_byte = zero + (unsigned char)word.p[last];
    for (; (size_t)(end - p) >= last + sizeof(lanes); p += sizeof(lanes)) {
        lanes both = (lanes)((lanes_at(p) == first_byte) & (lanes_at(p + last) == last_byte));
        uint64_t half[2];
        memcpy(half, &both, sizeof(half));
        const char *at = half[0] | half[1] ? first_of(word, p, half) : NULL;
        if (at)
            return at;
    }
    return memmem(p, (size_t)(end - p), word.p, word.n);
}

/* Notes whose texts have a word, in one pass over the texts of all: a search in each costs more than to find it. No word reaches
 * from one text into the next, for a text ends with a blank. */
static void scan_texts(struct finding *f, size_t w)
{
    const struct target_index *ix = f->ix;
    const char *text = ix->text.at, *end = text + ix->text.n, *p = text;
    size_t at = 0;
    must(f->words[w].n > 0 && (ix->texts.n > 0 || p == end));
    while (p < end && (p = find_word(f->words[w], p, end)) != NULL) {
        while (at + 1 < ix->texts.n && text + ix->texts.at[at + 1].at <= p)
            at++;
        const struct text_place *t = &ix->texts.at[at];
        if (ix->cells.at[t->slot].text_at == t->at) /* else it is of an earlier name */
            f->scanned[t->slot] |= (uint16_t)(1u << w);
        p = at + 1 < ix->texts.n ? text + ix->texts.at[at + 1].at : end;
    }
}

static void scan_words(struct finding *f)
{
    if (f->n_words == 0 || f->q->ids)
        return;
    f->scanned = calloc(f->ix->cells.n + 1, sizeof(*f->scanned));
    must(f->scanned);
    for (size_t i = 0; i < f->n_words; i++)
        scan_texts(f, i);
}

static bool words_fit(const struct finding *f, const struct cell *c)
{
    const char *text = f->ix->text.at + c->text_at;
    uint16_t has = f->scanned ? f->scanned[c - f->ix->cells.at] : 0;
    for (size_t i = 0; i < f->n_words; i++) {
        const struct str *w = &f->words[i];
        if (!(has & 1u << i) && (f->scanned || !memmem(text, c->text_n, w->p, w->n)) &&
            !said_has(c, *w))
            return false;
    }
    return true;
}

static bool status_fits(const struct index_query *q, const struct cell *c)
{
    uint8_t status = live_get(c->status);
    if (q->degraded && status == TARGET_HEALTHY && live_get(c->degraded))
        return true;
    return (q->statuses & (1u << status)) != 0;
}

static bool others_fit(const struct finding *f, const struct cell *c)
{
    const struct index_query *q = f->q;
    if (q->source && strcmp(q->source, c->file ? "file" : "api") != 0)
        return false;
    if (q->enabled && (strcmp(q->enabled, "true") == 0) != c->enabled)
        return false;
    if ((q->statuses || q->degraded) && !status_fits(q, c))
        return false;
    return !f->n_words || words_fit(f, c);
}

/* Bits of the filters that it does not fit. */
static unsigned misses(const struct finding *f, const struct cell *c, enum shown_state shown)
{
    const struct index_query *q = f->q;
    unsigned out = 0;
    if (q->states && !(q->states & (1u << shown)))
        out |= BY_STATE;
    if (q->group && c->group != f->group)
        out |= BY_GROUP;
    if (q->type && c->type != f->type)
        out |= BY_TYPE;
    if (q->label && !label_fits(f, c))
        out |= BY_LABEL;
    bool several = (out & (out - 1)) != 0; /* then it counts for nothing */
    if ((q->facets ? several : out != 0) || !others_fit(f, c))
        out |= BY_OTHER;
    return out;
}

/* --- looking --- */

static void add_hit(struct finding *f, uint32_t slot, enum shown_state shown)
{
    if (f->n == f->room) {
        f->room = f->room ? f->room * 2 : 1024;
        f->hits = realloc(f->hits, f->room * sizeof(*f->hits));
        must(f->hits);
    }
    f->hits[f->n++] = (struct hit){.hi = shown, .slot = slot};
}

static void look_at(struct finding *f, uint32_t slot)
{
    const struct cell *c = &f->ix->cells.at[slot];
    if (!c->id || (f->seen && !f->seen[c->group]))
        return;
    enum shown_state shown = live_get(c->shown);
    f->out->all[shown]++;
    unsigned missed = misses(f, c, shown);
    if (f->types && !(missed & BY_OTHER))
        index__count(f, c, shown, missed);
    if (missed)
        return;
    if (f->groups)
        index__count_group(f, c, shown);
    add_hit(f, slot, shown);
}

static void look_at_all(struct finding *f)
{
    const struct index_query *q = f->q;
    if (!q->ids) {
        for (uint32_t i = 0; i < f->ix->cells.n; i++)
            look_at(f, i);
        return;
    }
    for (size_t i = 0; i < q->n_ids; i++) {
        size_t slot = (size_t)(uintptr_t)map_u64_get(f->ix->slots, q->ids[i]);
        if (slot)
            look_at(f, (uint32_t)(slot - 1));
    }
}

/* --- order --- */

static uint64_t primary(const struct finding *f, const struct cell *c, enum shown_state shown)
{
    switch (f->q->sort) {
    case INDEX_WORST:
        return shown;
    case INDEX_LATENCY:
        return UINT32_MAX - live_get(c->latency_us);
    case INDEX_SINCE:
        return (uint64_t)(INT64_MAX - live_get(c->since_ms));
    case INDEX_BY_ID:
        return c->id;
    case INDEX_BY_GROUP:
    case INDEX_BY_NAME:
        break;
    }
    return 0;
}

/* Of groups one after the other only those matter that the wanted part reaches into: the others' hits are forgotten before they get
 * keys and an order. */
static void forget_far_groups(struct finding *f)
{
    const struct index_group *groups = f->out->groups;
    const uint64_t limit = f->q->limit, room = UINT64_MAX - f->q->offset;
    uint64_t end = f->q->offset + (limit < room ? limit : room), sum = 0;
    size_t first = 0, n = 0;
    while (first < f->out->n_groups && sum + groups[first].targets <= f->q->offset)
        sum += groups[first++].targets;
    size_t last = first;
    f->forgotten = sum;
    while (last < f->out->n_groups && sum < end)
        sum += groups[last++].targets;
    for (size_t i = 0; i < f->n; i++) {
        uint32_t place = f->group_order[f->ix->cells.at[f->hits[i].slot].group];
        if (place >= first && place < last)
            f->hits[n++] = f->hits[i];
    }
    must(n <= f->n && f->forgotten + n <= f->n);
    f->n = n;
}

/* hi and lo of each: most significant the group when wanted, then what the order is about, then the name. */
static void give_keys(struct finding *f)
{
    bool grouped = f->q->grouped || f->q->sort == INDEX_BY_GROUP;
    for (size_t i = 0; i < f->n; i++) {
        struct hit *h = &f->hits[i];
        const struct cell *c = &f->ix->cells.at[h->slot];
        uint64_t first = primary(f, c, (enum shown_state)h->hi), place = f->ix->place.at[h->slot];
        h->hi = first;
        h->lo = place;
        if (!grouped)
            continue;
        if (f->q->sort == INDEX_SINCE) /* 48 bits of milliseconds last for 8,900 years */
            first &= (UINT64_C(1) << 40) - 1;
        must(first < UINT64_C(1) << 40 || f->q->sort == INDEX_BY_ID);
        h->hi = (uint64_t)f->group_order[c->group] << 40 | (first & ((UINT64_C(1) << 40) - 1));
    }
}

static int by_key(const void *a, const void *b)
{
    return before(a, b) ? -1 : before(b, a);
}

static void swap(struct hit *a, struct hit *b)
{
    struct hit t = *a;
    *a = *b;
    *b = t;
}

/* Moves the `k` least of [lo, hi) to its front (Hoare's selection, the middle of three as pivot). */
static void select_least(struct hit *h, size_t lo, size_t hi, size_t k)
{
    while (hi - lo > 16 && k > lo && k < hi) {
        struct hit *a = &h[lo], *m = &h[lo + (hi - lo) / 2], *z = &h[hi - 1];
        if (before(m, a))
            swap(m, a);
        if (before(z, m))
            swap(z, m);
        if (before(m, a))
            swap(m, a);
        struct hit pivot = *m;
        size_t i = lo, j = hi - 1;
        for (;;) {
            while (before(&h[i], &pivot))
                i++;
            while (before(&pivot, &h[j]))
                j--;
            if (i >= j)
                break;
            swap(&h[i++], &h[j--]);
        }
        if (k <= i)
            hi = i;
        else
            lo = i;
    }
    if (k > lo && k < hi)
        qsort(h + lo, hi - lo, sizeof(*h), by_key);
}

static void tell(struct finding *f)
{
    const struct index_query *q = f->q;
    must(f->forgotten <= q->offset);
    uint64_t offset = q->offset - f->forgotten;
    size_t from = offset < f->n ? (size_t)offset : f->n;
    size_t to = q->limit < f->n - from ? from + (size_t)q->limit : f->n;
    select_least(f->hits, 0, f->n, to);
    select_least(f->hits, 0, to, from);
    if (to > from) /* hits may be NULL else */
        qsort(f->hits + from, to - from, sizeof(*f->hits), by_key);
    f->out->n = to - from;
    f->out->ids = arena_array_of(f->arena, uint64_t, f->out->n + 1);
    for (size_t i = from; i < to; i++)
        f->out->ids[i - from] = f->ix->cells.at[f->hits[i].slot].id;
    if (to < f->n && to > from && !q->grouped)
        f->out->next = index__cursor_text(f, &f->hits[to - 1]);
}

static void finding_done(struct finding *f)
{
    free(f->hits);
    free(f->groups);
    free(f->group_order);
    free(f->types);
    free(f->labels);
    free(f->group_names);
    free(f->scanned);
    free((bool *)f->seen);
}

static int find(struct finding *f, struct err *err)
{
    take_words(f);
    take_numbers(f);
    index__counts_begin(f);
    scan_words(f);
    look_at_all(f);
    f->out->total = f->n;
    if (f->groups)
        index__order_groups(f);
    if (f->q->grouped)
        forget_far_groups(f);
    give_keys(f);
    if (index__skip_told(f, err) != 0)
        return -1;
    tell(f);
    if (f->q->facets)
        index__put_facets(f);
    return 0;
}

int target_index_find(struct target_index *ix, const struct index_query *q, struct arena *a,
                      struct index_answer *out, struct err *err)
{
    check_magic(ix, INDEX_MAGIC);
    must(!q->grouped || !q->cursor);
    *out = (struct index_answer){0};
    struct finding f = {.ix = ix, .q = q, .arena = a, .out = out};
    pthread_rwlock_rdlock(&ix->lock);
    index__mend_order(ix);
    int rc = find(&f, err);
    pthread_rwlock_unlock(&ix->lock);
    finding_done(&f);
    return rc;
}
