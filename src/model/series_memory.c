/* Series in memory, found by label set through a hash and by metric name through a list a name. */
#include "model/series_memory.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

#define MEMORY_MAGIC 0x6d656d73 /* "mems" */

struct memory_series {
    struct labels labels;
    struct samples samples;
    struct memory_series *next_same_hash;
};

typedef vec_of(struct memory_series *) series_list;

struct series_memory {
    uint32_t magic;
    struct arena *arena;       /* series and their labels */
    series_list all;           /* in order of their first sample */
    struct map_u64 *by_labels; /* hash of the labels → chain of memory_series */
    struct map_str *by_metric; /* metric name → series_list */
    int64_t max_ms, tier_ms;
    uint64_t generation;
};

static void init(struct series_memory *m)
{
    m->arena = arena_new();
    m->by_labels = map_u64_new();
    m->by_metric = map_str_new();
    m->max_ms = INT64_MIN;
}

static void done(struct series_memory *m)
{
    vec_each (&m->all, it)
        samples_done(&(*it)->samples);
    const char *key;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(m->by_metric, &it, &key, &len, &value);) {
        series_list *list = value;
        vec_done(list);
    }
    map_str_free(m->by_metric);
    map_u64_free(m->by_labels);
    vec_done(&m->all);
    arena_free(m->arena);
}

struct series_memory *series_memory_new(void)
{
    struct series_memory *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->magic = MEMORY_MAGIC;
    init(m);
    return m;
}

void series_memory_free(struct series_memory *m)
{
    if (m == NULL)
        return;
    check_magic(m, MEMORY_MAGIC);
    done(m);
    m->magic = 0;
    free(m);
}

void series_memory_clear(struct series_memory *m)
{
    check_magic(m, MEMORY_MAGIC);
    done(m);
    init(m);
    m->generation++;
}

size_t series_memory_count(const struct series_memory *m)
{
    check_magic(m, MEMORY_MAGIC);
    return m->all.n;
}

int64_t series_memory_max_ms(const struct series_memory *m)
{
    check_magic(m, MEMORY_MAGIC);
    return m->max_ms;
}

void series_memory_set_tier(struct series_memory *m, int64_t tier_ms)
{
    check_magic(m, MEMORY_MAGIC);
    must(tier_ms >= 0);
    m->tier_ms = tier_ms;
}

/* --- writing --- */

static struct memory_series *create(struct series_memory *m, const struct labels *l, uint64_t hash)
{
    struct memory_series *s = arena_new_of(m->arena, struct memory_series);
    s->labels = labels_dup(m->arena, l);
    s->next_same_hash = map_u64_put(m->by_labels, hash, s);
    vec_push(&m->all, s);
    struct str metric = labels_metric(l);
    series_list *list = map_str_get(m->by_metric, metric.p, metric.n);
    if (list == NULL) {
        list = arena_new_of(m->arena, series_list);
        map_str_put(m->by_metric, metric.p, metric.n, list);
    }
    vec_push(list, s);
    return s;
}

static struct memory_series *find_or_create(struct series_memory *m, const struct labels *l)
{
    uint64_t hash = labels_hash(l);
    struct memory_series *s = map_u64_get(m->by_labels, hash);
    for (; s != NULL; s = s->next_same_hash) {
        if (labels_equal(&s->labels, l))
            return s;
    }
    return create(m, l, hash);
}

/* Index of the first sample at or after t. */
static uint32_t lower_bound(const struct samples *s, int64_t t)
{
    uint32_t lo = 0, hi = s->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->t[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void series_memory_append(struct series_memory *m, const struct labels *l, int64_t t_ms, double v)
{
    check_magic(m, MEMORY_MAGIC);
    struct samples *s = &find_or_create(m, l)->samples;
    uint32_t at = s->n == 0 || s->t[s->n - 1] < t_ms ? s->n : lower_bound(s, t_ms);
    if (at < s->n)
        m->generation++;
    if (at == s->n || s->t[at] != t_ms) {
        samples_add(s, t_ms, v);
        memmove(s->t + at + 1, s->t + at, (s->n - 1 - at) * sizeof(*s->t));
        memmove(s->v + at + 1, s->v + at, (s->n - 1 - at) * sizeof(*s->v));
    }
    s->t[at] = t_ms;
    s->v[at] = v;
    if (t_ms > m->max_ms)
        m->max_ms = t_ms;
}

static int sink_append(void *self, const struct labels *l, int64_t t_ms, double v, struct err *err)
{
    series_memory_append(self, l, t_ms, v);
    return 0;
}

static int sink_flush(void *self, struct err *err)
{
    return 0;
}

struct sample_sink series_memory_sink(struct series_memory *m)
{
    static const struct sample_sink_ops ops = {.append = sink_append, .flush = sink_flush};
    check_magic(m, MEMORY_MAGIC);
    return (struct sample_sink){&ops, m};
}

/* --- reading --- */

struct memory_set {
    struct series_set set;
    struct memory_series **at;
};

static struct labels set_labels(struct series_set *set, uint32_t i, struct arena *a)
{
    must(i < set->n);
    return ((struct memory_set *)set)->at[i]->labels;
}

static struct str set_label(struct series_set *set, uint32_t i, struct str name)
{
    must(i < set->n);
    return labels_get(&((struct memory_set *)set)->at[i]->labels, name);
}

/* Figures of one step of a tier. */
struct step {
    double count, sum, min, max, last, increase;
};

static double step_column(const struct step *s, enum series_column column)
{
    switch (column) {
    case COLUMN_COUNT:
        return s->count;
    case COLUMN_SUM:
        return s->sum;
    case COLUMN_MIN:
        return s->min;
    case COLUMN_MAX:
        return s->max;
    case COLUMN_INCREASE:
        return s->increase;
    case COLUMN_RAW:
    case COLUMN_LAST:
        break;
    }
    return s->last;
}

static void step_add(struct step *s, double v, double previous)
{
    s->min = s->count == 0 || v < s->min ? v : s->min;
    s->max = s->count == 0 || v > s->max ? v : s->max;
    s->increase += v >= previous ? v - previous : v;
    s->count++;
    s->sum += v;
    s->last = v;
}

static int64_t step_end(int64_t t, int64_t tier)
{
    int64_t floor = t / tier * tier;
    return floor < t ? floor + tier : floor;
}

static void read_tier(const struct samples *s, int64_t tier, int64_t min_ms, int64_t max_ms,
                      enum series_column column, struct samples *out)
{
    uint32_t i = lower_bound(s, step_end(min_ms, tier) - tier + 1);
    double previous = i > 0 ? s->v[i - 1] : i < s->n ? s->v[i] : 0;
    while (i < s->n && step_end(s->t[i], tier) <= max_ms) {
        int64_t end = step_end(s->t[i], tier);
        struct step step = {0};
        for (; i < s->n && s->t[i] <= end; i++) {
            if (is_stale(s->v[i]))
                continue;
            step_add(&step, s->v[i], previous);
            previous = s->v[i];
        }
        if (step.count > 0)
            samples_add(out, end, step_column(&step, column));
    }
}

static int set_read(struct series_set *set, uint32_t i, int64_t min_ms, int64_t max_ms,
                    enum series_column column, struct samples *out, struct err *err)
{
    must(i < set->n);
    const struct samples *s = &((struct memory_set *)set)->at[i]->samples;
    if (set->tier_ms > 0) {
        read_tier(s, set->tier_ms, min_ms, max_ms, column, out);
        return 0;
    }
    uint32_t from = lower_bound(s, min_ms);
    uint32_t to = max_ms == INT64_MAX ? s->n : lower_bound(s, max_ms + 1);
    if (from >= to)
        return 0;
    samples_reserve(out, to - from);
    memcpy(out->t + out->n, s->t + from, (to - from) * sizeof(*s->t));
    memcpy(out->v + out->n, s->v + from, (to - from) * sizeof(*s->v));
    out->n += to - from;
    return 0;
}

static void set_free(struct series_set *set)
{
    free(((struct memory_set *)set)->at);
    free(set);
}

static const struct series_set_ops set_ops = {
    .labels = set_labels,
    .label = set_label,
    .read = set_read,
    .free = set_free,
};

static bool selected(const struct memory_series *s, const struct series_select *q)
{
    uint32_t at = lower_bound(&s->samples, q->min_ms);
    return at < s->samples.n && s->samples.t[at] <= q->max_ms &&
           matcher_test_all(q->matchers, q->n_matchers, &s->labels);
}

/* The series that a selection has to look at. */
static const series_list *candidates(const struct series_memory *m, const struct series_select *q)
{
    for (size_t i = 0; i < q->n_matchers; i++) {
        struct str value = matcher_value(q->matchers[i]);
        if (matcher_op(q->matchers[i]) == MATCH_EQ && value.n > 0 &&
            str_eqz(matcher_name(q->matchers[i]), LABEL_METRIC_NAME))
            return map_str_get(m->by_metric, value.p, value.n);
    }
    return &m->all;
}

static struct series_set *source_select(void *self, const struct series_select *q, struct err *err)
{
    struct series_memory *m = self;
    check_magic(m, MEMORY_MAGIC);
    const series_list *list = candidates(m, q);
    vec_of(struct memory_series *) found = {0};
    for (size_t i = 0; list != NULL && i < list->n; i++) {
        if (selected(list->at[i], q))
            vec_push(&found, list->at[i]);
    }
    if (q->limit > 0 && found.n > q->limit) {
        err_set(err, ERR_TOO_LARGE, "cannot select series: got %zu; want at most %u", found.n,
                q->limit);
        vec_done(&found);
        return NULL;
    }
    struct memory_set *set = calloc(1, sizeof(*set));
    must(set != NULL);
    set->set = (struct series_set){.ops = &set_ops, .n = (uint32_t)found.n};
    set->set.tier_ms = m->tier_ms > 0 && m->tier_ms <= q->tier_ms ? m->tier_ms : 0;
    set->at = found.at;
    return &set->set;
}

static int compare_str(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n ? memcmp(x->p, y->p, n) : 0;
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

typedef vec_of(struct str) str_list;

static void each_sorted(str_list *list, bool (*fn)(void *arg, struct str s), void *arg)
{
    if (list->n > 0)
        qsort(list->at, list->n, sizeof(*list->at), compare_str);
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0 && str_eq(list->at[i], list->at[i - 1]))
            continue;
        if (!fn(arg, list->at[i]))
            break;
    }
    vec_done(list);
}

static int source_names(void *self, const struct series_select *q,
                        bool (*fn)(void *arg, struct str name), void *arg, struct err *err)
{
    struct series_memory *m = self;
    str_list names = {0};
    vec_each (&m->all, it) {
        for (uint32_t i = 0; selected(*it, q) && i < (*it)->labels.n; i++)
            vec_push(&names, (*it)->labels.at[i].name);
    }
    each_sorted(&names, fn, arg);
    return 0;
}

static int source_values(void *self, struct str name, const struct series_select *q,
                         bool (*fn)(void *arg, struct str value), void *arg, struct err *err)
{
    struct series_memory *m = self;
    str_list values = {0};
    vec_each (&m->all, it) {
        struct str value = labels_get(&(*it)->labels, name);
        if (value.n > 0 && selected(*it, q))
            vec_push(&values, value);
    }
    each_sorted(&values, fn, arg);
    return 0;
}

static uint64_t source_generation(void *self)
{
    const struct series_memory *m = self;
    check_magic(m, MEMORY_MAGIC);
    return m->generation;
}

struct series_source series_memory_source(struct series_memory *m)
{
    static const struct series_source_ops ops = {
        .select = source_select,
        .label_names = source_names,
        .label_values = source_values,
        .generation = source_generation,
    };
    check_magic(m, MEMORY_MAGIC);
    return (struct series_source){&ops, m};
}
