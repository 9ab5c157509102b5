/* Searching the index of targets: one pass over the cells says which fit and counts, then only those that fit get a key and
 * only the wanted part is put in order. On the thread that asks, under the read lock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/target_index_priv.h"

#define LABELS_TOLD 200 /* a label that is different for each target is no filter */
#define WORD_MAX    256

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

/* Filters that have facets of their own: what each kind counts fits all others. */
enum { BY_STATE = 1, BY_GROUP = 2, BY_TYPE = 4, BY_LABEL = 8, BY_OTHER = 16 };

struct hit {
    uint64_t hi, lo; /* ascending */
    uint32_t slot;
};

struct finding {
    struct target_index *ix;
    const struct index_query *q;
    struct arena *arena;
    struct index_answer *out;
    struct str words[INDEX_WORDS_MAX]; /* folded */
    size_t n_words;
    uint32_t group, type, label; /* numbers */
    size_t label_name_n;         /* of a label that is wanted with any value; 0: not */
    const bool *seen;            /* group number → may be seen; NULL: all */
    struct hit *hits;
    size_t n, room;
    uint32_t *types, *labels, *group_names; /* counts by number */
    struct index_group *groups;             /* by number; targets 0: none fits */
    uint32_t *group_order;                  /* number → place */
};

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

static bool words_fit(const struct finding *f, const struct cell *c)
{
    const char *text = f->ix->text.at + c->text_at;
    for (size_t i = 0; i < f->n_words; i++)
        if (!memmem(text, c->text_n, f->words[i].p, f->words[i].n) && !said_has(c, f->words[i]))
            return false;
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

/* --- counting --- */

static void count_group(struct finding *f, uint32_t slot, enum shown_state shown)
{
    const struct cell *c = &f->ix->cells.at[slot];
    struct index_group *g = &f->groups[c->group];
    g->targets++;
    g->by_state[shown]++;
    if (shown <= SHOWN_DEGRADED && (g->worst_id == 0 || shown < g->worst)) {
        g->worst_id = c->id;
        g->worst = shown;
    }
}

static void count(struct finding *f, uint32_t slot, enum shown_state shown, unsigned missed)
{
    const struct cell *c = &f->ix->cells.at[slot];
    must(f->group_names && f->types && (c->n_labels == 0 || f->labels));
    if ((missed & ~(unsigned)BY_STATE) == 0)
        f->out->by_state[shown]++;
    if ((missed & ~(unsigned)BY_GROUP) == 0)
        f->group_names[c->group]++;
    if ((missed & ~(unsigned)BY_TYPE) == 0)
        f->types[c->type]++;
    if ((missed & ~(unsigned)BY_LABEL) == 0)
        for (uint32_t i = 0; i < c->n_labels; i++)
            f->labels[c->labels[i]]++;
}

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
    if (f->q->facets && !(missed & BY_OTHER))
        count(f, slot, shown, missed);
    if (missed)
        return;
    if (f->groups)
        count_group(f, slot, shown);
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

/* --- groups --- */

struct group_place {
    const struct finding *f;
    uint32_t number;
};

/* Only trouble moves a group up; otherwise groups keep their places and the eye its map. */
static int by_trouble(const void *a, const void *b)
{
    const struct group_place *x = a, *y = b;
    const struct index_group *g = &x->f->groups[x->number], *h = &y->f->groups[y->number];
    int rank_g = g->worst_id ? (int)g->worst : N_SHOWN,
        rank_h = h->worst_id ? (int)h->worst : N_SHOWN;
    if (x->f->q->sort != INDEX_BY_NAME && rank_g != rank_h)
        return rank_g < rank_h ? -1 : 1;
    return index__compare_names(str_of(x->f->ix->groups.at.at[x->number]),
                                str_of(y->f->ix->groups.at.at[y->number]));
}

static int by_group_name(const void *a, const void *b)
{
    const struct group_place *x = a, *y = b;
    return index__compare_names(str_of(x->f->ix->groups.at.at[x->number]),
                                str_of(y->f->ix->groups.at.at[y->number]));
}

/* Puts the groups in order: for the keys, and for the answer. */
static void order_groups(struct finding *f, int (*compare)(const void *, const void *))
{
    size_t n = 0, all = f->ix->groups.at.n;
    struct group_place *at = malloc((all + 1) * sizeof(*at));
    f->group_order = calloc(all + 1, sizeof(uint32_t));
    must(at && f->group_order);
    for (uint32_t i = 0; i < all; i++)
        if (f->groups[i].targets)
            at[n++] = (struct group_place){f, i};
    qsort(at, n, sizeof(*at), compare);
    f->out->groups = arena_array_of(f->arena, struct index_group, n + 1);
    f->out->n_groups = n;
    for (uint32_t i = 0; i < n; i++) {
        struct index_group *g = &f->out->groups[i];
        f->group_order[at[i].number] = i;
        *g = f->groups[at[i].number];
        g->name = arena_strdup(f->arena, f->ix->groups.at.at[at[i].number]);
    }
    free(at);
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

static inline bool before(const struct hit *a, const struct hit *b)
{
    return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
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

/* --- cursors: "primary:id:group:name" of the last one told --- */

struct cursor {
    uint64_t primary, id;
    const char *group, *name;
};

static const char *cursor_text(struct finding *f, const struct hit *h)
{
    const struct cell *c = &f->ix->cells.at[h->slot];
    struct buf out = BUF_INIT(8192);
    bool by_group = f->q->sort == INDEX_BY_GROUP;
    if (f->q->sort == INDEX_BY_ID) {
        buf_add_u64(&out, c->id);
    } else {
        buf_printf(&out, "%" PRIu64 ":%" PRIu64 ":", by_group ? 0 : h->hi, c->id);
        url_encode(&out, by_group ? str_of(f->ix->groups.at.at[c->group]) : STR(""));
        buf_puts(&out, ":");
        url_encode(&out, (struct str){f->ix->text.at + c->text_at, c->name_n});
    }
    const char *text = arena_strndup(f->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static int decode_part(struct finding *f, struct str part, const char **out, struct err *err)
{
    struct buf text = BUF_INIT(4096);
    int rc = url_decode(&text, part, err);
    if (rc == 0)
        *out = arena_strndup(f->arena, text.data ? text.data : "", text.len);
    buf_done(&text);
    return rc;
}

static int cursor_parse(struct finding *f, struct cursor *out, struct err *err)
{
    struct str rest = str_of(f->q->cursor), part;
    *out = (struct cursor){.group = "", .name = ""};
    bool good = str_next(&rest, ':', &part) && str_to_u64(part, &out->primary, NULL) == 0;
    if (good && f->q->sort == INDEX_BY_ID) {
        out->id = out->primary;
        return 0;
    }
    good = good && str_next(&rest, ':', &part) && str_to_u64(part, &out->id, NULL) == 0 &&
           str_next(&rest, ':', &part) && decode_part(f, part, &out->group, NULL) == 0 &&
           str_next(&rest, ':', &part) && decode_part(f, part, &out->name, NULL) == 0;
    return good ? 0 : err_set(err, ERR_MALFORMED, "the cursor is none of this order");
}

/* How many of by_name come before or at (name, id). */
static uint64_t place_after(const struct finding *f, const struct cursor *c)
{
    const struct target_index *ix = f->ix;
    size_t lo = 0, hi = ix->by_name.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct cell *m = &ix->cells.at[ix->by_name.at[mid]];
        int d = index__compare_names((struct str){ix->text.at + m->text_at, m->name_n},
                                     str_of(c->name));
        if (d < 0 || (d == 0 && m->id <= c->id))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Of the groups in the answer: how many have a name before this one; *at: it is there itself. */
static uint64_t group_after(const struct finding *f, const char *name, bool *at)
{
    uint64_t n = 0;
    *at = false;
    for (size_t i = 0; i < f->out->n_groups; i++) {
        int d = index__compare_names(str_of(f->out->groups[i].name), str_of(name));
        n += d < 0;
        *at = *at || d == 0;
    }
    return n;
}

/* Forgets what an earlier page told. */
static int skip_told(struct finding *f, struct err *err)
{
    struct cursor c;
    if (!f->q->cursor || !*f->q->cursor)
        return 0;
    if (cursor_parse(f, &c, err) != 0)
        return -1;
    struct hit from = {.hi = c.primary, .lo = place_after(f, &c)}; /* the first that is told */
    if (f->q->sort == INDEX_BY_ID)
        from = (struct hit){.hi = c.id + 1, .lo = 0};
    if (f->q->sort == INDEX_BY_GROUP) {
        bool there;
        from.hi = group_after(f, c.group, &there) << 40;
        from.lo = there ? from.lo : 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (!before(&f->hits[i], &from))
            f->hits[n++] = f->hits[i];
    f->n = n;
    return 0;
}

static void tell(struct finding *f)
{
    const struct index_query *q = f->q;
    size_t from = q->offset < f->n ? (size_t)q->offset : f->n;
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
        f->out->next = cursor_text(f, &f->hits[to - 1]);
}

/* --- facets --- */

static int by_frequency(const void *a, const void *b)
{
    const struct index_count *x = a, *y = b;
    if (x->targets != y->targets)
        return x->targets > y->targets ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_count_name(const void *a, const void *b)
{
    const struct index_count *x = a, *y = b;
    return index__compare_names(str_of(x->name), str_of(y->name));
}

static struct index_count *counts(struct finding *f, const struct names *names, const uint32_t *by,
                                  size_t most, size_t *n)
{
    size_t have = 0;
    for (size_t i = 0; i < names->at.n; i++)
        have += by[i] > 0;
    struct index_count *all = malloc((have + 1) * sizeof(*all));
    must(all);
    have = 0;
    for (size_t i = 0; i < names->at.n; i++)
        if (by[i])
            all[have++] = (struct index_count){names->at.at[i], by[i]};
    if (have > most)
        qsort(all, have, sizeof(*all), by_frequency);
    *n = have < most ? have : most;
    qsort(all, *n, sizeof(*all), by_count_name);
    struct index_count *out = arena_array_of(f->arena, struct index_count, *n + 1);
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct index_count){arena_strdup(f->arena, all[i].name), all[i].targets};
    free(all);
    return out;
}

static void put_facets(struct finding *f)
{
    struct index_answer *out = f->out;
    out->group_names = counts(f, &f->ix->groups, f->group_names, SIZE_MAX, &out->n_group_names);
    out->types = counts(f, &f->ix->types, f->types, SIZE_MAX, &out->n_types);
    out->labels = counts(f, &f->ix->labels, f->labels, LABELS_TOLD, &out->n_labels);
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    must(p);
    return p;
}

static void make_room(struct finding *f)
{
    const struct target_index *ix = f->ix;
    if (f->q->facets || f->q->grouped || f->q->sort == INDEX_BY_GROUP)
        f->groups = zeroed(ix->groups.at.n, sizeof(*f->groups));
    if (!f->q->facets)
        return;
    f->types = zeroed(ix->types.at.n, sizeof(uint32_t));
    f->labels = zeroed(ix->labels.at.n, sizeof(uint32_t));
    f->group_names = zeroed(ix->groups.at.n, sizeof(uint32_t));
}

static void finding_done(struct finding *f)
{
    free(f->hits);
    free(f->groups);
    free(f->group_order);
    free(f->types);
    free(f->labels);
    free(f->group_names);
    free((bool *)f->seen);
}

static int find(struct finding *f, struct err *err)
{
    take_words(f);
    take_numbers(f);
    make_room(f);
    look_at_all(f);
    f->out->total = f->n;
    if (f->groups)
        order_groups(f,
                     f->q->sort == INDEX_BY_GROUP && !f->q->grouped ? by_group_name : by_trouble);
    give_keys(f);
    if (skip_told(f, err) != 0)
        return -1;
    tell(f);
    if (f->q->facets)
        put_facets(f);
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
