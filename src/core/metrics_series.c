/* See metrics_series.h. A metric is known by a hash of its name and labels; a target's are few and come in the same order
 * each time, so the slot where the last result had it is nearly always the right one. A metric that the next result does not
 * have gets a stale marker, and so do all when the target goes. */
#include "core/metrics_series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "model/result.h"

#define SLOTS_MAX 256 /* of a target: RESULT_METRICS_MAX and what is added here */
/* After so long without a sample the store may have forgotten a series; then it is asked for anew. */
#define IDLE_MS    INT64_C(1800000)
#define REFUSED_MS INT64_C(60000) /* one line a minute */
#define MAGIC      0x5e21e5b0u

struct slot {
    uint64_t hash;
    tsdb_ref ref;
};

/* Some of a target's slots. */
struct slot_set {
    uint64_t word[SLOTS_MAX / 64];
};
static_assert(RESULT_METRICS_MAX + 8 <= SLOTS_MAX, "a full result has a slot for each metric");

struct target_series {
    struct label *labels; /* one block with their texts */
    uint32_t n_labels, n_slots, cap_slots;
    uint64_t labels_hash;
    int64_t last_ms;
    struct slot_set stale; /* whose series ended */
    uint32_t renewed;
    struct slot *slots; /* at most SLOTS_MAX */
};

struct figure_series {
    tsdb_ref ref;
    uint64_t seen;
};

struct series_book {
    uint32_t magic;
    struct tsdb *db;
    char *instance;
    uint32_t source_probe, source_own;
    struct map_u64 *targets; /* id → target_series */
    struct map_u64 *figures; /* hash → figure_series */
    struct map_str *described;
    struct series_rows rows;
    struct labels_builder builder;
    struct arena *scratch;
    uint32_t renewed;
    uint64_t turn, refused;
    int64_t told_ms;
};

struct series_book *series_book_new(struct tsdb *db, const char *instance)
{
    struct series_book *b = calloc(1, sizeof(*b));
    must(b);
    b->magic = MAGIC;
    b->db = db;
    b->instance = strdup(instance);
    must(b->instance);
    b->source_probe = tsdb_source_id(db, "probe");
    b->source_own = tsdb_source_id(db, "belfry");
    b->targets = map_u64_new();
    b->figures = map_u64_new();
    b->described = map_str_new();
    b->scratch = arena_new();
    return b;
}

static void end_target(struct target_series *t)
{
    if (!t)
        return;
    free(t->labels);
    free(t->slots);
    free(t);
}

void series_book_free(struct series_book *b)
{
    if (!b)
        return;
    check_magic(b, MAGIC);
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(b->targets, &it, &key, &value);)
        end_target(value);
    for (size_t it = 0; map_u64_next(b->figures, &it, &key, &value);)
        free(value);
    map_u64_free(b->targets);
    map_u64_free(b->figures);
    map_str_free(b->described);
    labels_builder_done(&b->builder);
    arena_free(b->scratch);
    free(b->rows.at);
    free(b->instance);
    b->magic = 0;
    free(b);
}

struct series_rows *series_book_rows(struct series_book *b)
{
    return &b->rows;
}

uint64_t series_book_refused(const struct series_book *b)
{
    return b->refused;
}

void series_book_renew(struct series_book *b)
{
    b->renewed++;
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(b->figures, &it, &key, &value);) {
        map_u64_del(b->figures, key);
        free(value);
    }
}

static void add_row(struct series_book *b, tsdb_ref ref, int64_t t_ms, double v)
{
    must(ref != 0);
    if (b->rows.n == b->rows.cap)
        b->rows.at = vec_grow(b->rows.at, &b->rows.cap, sizeof(*b->rows.at));
    b->rows.at[b->rows.n++] = (struct tsdb_row){ref, t_ms, v};
}

/* --- which series it is --- */

static uint64_t hash_labels(const struct label *labels, uint32_t n, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++) {
        seed = hash_bytes(labels[i].name, strlen(labels[i].name), seed);
        seed = hash_bytes(labels[i].value, strlen(labels[i].value), seed);
    }
    return seed;
}

static void describe(struct series_book *b, const char *name, const char *type, const char *help)
{
    if (map_str_get(b->described, name, strlen(name)))
        return;
    map_str_put(b->described, name, strlen(name), b);
    struct metric_metadata m = {
        .metric = str_of(name), .type = metric_type_parse(str_of(type)), .help = str_of(help)};
    tsdb_set_metadata(b->db, &m);
}

static void set_labels(struct labels_builder *lb, const struct label *labels, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        labels_builder_set(lb, str_of(labels[i].name), str_of(labels[i].value));
}

static tsdb_ref refuse(struct series_book *b, const char *name, int64_t now_ms,
                       const struct err *err)
{
    b->refused++;
    if (now_ms - b->told_ms > REFUSED_MS) {
        b->told_ms = now_ms;
        log_warn("a series is refused; its samples are lost", F_STR("metric", name), F_ERR(err));
    }
    return 0;
}

/* The metric's own labels win over those of what it belongs to. 0: refused. */
static tsdb_ref make_series(struct series_book *b, uint32_t source, const char *name,
                            const struct label *of, uint32_t n_of, const struct label *own,
                            uint32_t n_own, int64_t now_ms)
{
    struct labels labels;
    struct err err = {0};
    labels_builder_clear(&b->builder);
    set_labels(&b->builder, of, n_of);
    set_labels(&b->builder, own, n_own);
    labels_builder_set(&b->builder, STR(LABEL_METRIC_NAME), str_of(name));
    if (labels_builder_finish(&b->builder, &labels, &err) != 0)
        return refuse(b, name, now_ms, &err);
    tsdb_ref ref = tsdb_series(b->db, source, &labels, &err);
    return ref ? ref : refuse(b, name, now_ms, &err);
}

static bool set_has(const struct slot_set *s, uint32_t i)
{
    must(i < SLOTS_MAX);
    return s->word[i / 64] >> (i % 64) & 1;
}

static void set_put(struct slot_set *s, uint32_t i, bool in)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    must(i < SLOTS_MAX);
    s->word[i / 64] = in ? s->word[i / 64] | bit : s->word[i / 64] & ~bit;
}

static struct slot *first_of(struct target_series *t, const struct slot_set *s)
{
    for (uint32_t w = 0; w < array_len(s->word); w++)
        if (s->word[w])
            return &t->slots[w * 64 + (uint32_t)__builtin_ctzll(s->word[w])];
    return NULL;
}

static struct slot *new_slot(struct target_series *t)
{
    if (t->n_slots == SLOTS_MAX)
        return first_of(t, &t->stale);
    if (t->n_slots == t->cap_slots) {
        t->cap_slots += 8;
        t->slots = realloc(t->slots, t->cap_slots * sizeof(*t->slots));
        must(t->slots && t->cap_slots <= SLOTS_MAX);
    }
    return &t->slots[t->n_slots++];
}

/* A slot of this hash, or one to be made: free, or of a series that ended. NULL: all are in use. */
static struct slot *find_slot(struct target_series *t, uint64_t hash, uint32_t hint)
{
    if (hint < t->n_slots && t->slots[hint].hash == hash)
        return &t->slots[hint];
    for (uint32_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].hash == hash)
            return &t->slots[i];
    struct slot *s = new_slot(t);
    if (s)
        *s = (struct slot){hash, 0};
    return s;
}

/* One metric of a target: its row. Its slot is put into *seen. */
static void add_metric(struct series_book *b, struct target_series *t, const struct metric *m,
                       uint32_t hint, int64_t t_ms, struct slot_set *seen)
{
    uint64_t hash =
        hash_labels(m->labels, m->n_labels, hash_bytes(m->name, strlen(m->name), m->n_labels));
    struct slot *s = find_slot(t, hash, hint);
    if (!s) {
        b->refused++;
        return;
    }
    uint32_t i = (uint32_t)(s - t->slots);
    if (s->ref == 0 || set_has(&t->stale, i)) {
        describe(b, m->name, "gauge", probe_metric_help(m->name));
        s->ref = make_series(b, b->source_probe, m->name, t->labels, t->n_labels, m->labels,
                             m->n_labels, t_ms);
    }
    set_put(&t->stale, i, false);
    set_put(seen, i, true);
    if (s->ref)
        add_row(b, s->ref, t_ms, m->num);
}

/* --- targets --- */

/* All that are not seen and have not ended yet. */
static void end_slots(struct series_book *b, struct target_series *t, const struct slot_set *seen,
                      int64_t t_ms)
{
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (set_has(seen, i) || set_has(&t->stale, i))
            continue;
        set_put(&t->stale, i, true);
        if (t->slots[i].ref)
            add_row(b, t->slots[i].ref, t_ms, f64_from_bits(STALE_NAN_BITS));
    }
}

/* Not before its last sample, or the marker would be out of order. */
static void end_all(struct series_book *b, struct target_series *t, int64_t now_ms)
{
    if (t->last_ms > 0)
        end_slots(b, t, &(struct slot_set){0}, now_ms > t->last_ms ? now_ms : t->last_ms + 1);
    t->n_slots = 0;
    t->stale = (struct slot_set){0};
}

static struct label *copy_labels(const struct label *labels, uint32_t n)
{
    size_t size = n * sizeof(*labels);
    for (uint32_t i = 0; i < n; i++)
        size += strlen(labels[i].name) + strlen(labels[i].value) + 2;
    struct label *all = malloc(size + 1);
    must(all);
    char *text = (char *)(all + n);
    for (uint32_t i = 0; i < n; i++) {
        all[i].name = text;
        text = stpcpy(text, labels[i].name) + 1;
        all[i].value = text;
        text = stpcpy(text, labels[i].value) + 1;
    }
    must((size_t)(text - (char *)all) == size);
    return all;
}

void series_book_target(struct series_book *b, uint64_t id, const struct label *labels, uint32_t n,
                        int64_t now_ms)
{
    check_magic(b, MAGIC);
    struct target_series *t = map_u64_get(b->targets, id);
    uint64_t hash = hash_labels(labels, n, n);
    if (t && t->labels_hash == hash)
        return;
    if (t) {
        end_all(b, t, now_ms);
    } else {
        t = calloc(1, sizeof(*t));
        must(t);
        t->renewed = b->renewed;
        map_u64_put(b->targets, id, t);
    }
    free(t->labels);
    t->labels = copy_labels(labels, n);
    t->n_labels = n;
    t->labels_hash = hash;
}

void series_book_forget(struct series_book *b, uint64_t id, int64_t now_ms)
{
    check_magic(b, MAGIC);
    struct target_series *t = map_u64_del(b->targets, id);
    if (t)
        end_all(b, t, now_ms);
    end_target(t);
}

static void add_state(struct series_book *b, struct target_series *t, uint32_t at,
                      const struct metrics_state *st, int64_t t_ms, struct slot_set *seen)
{
    const struct metric rows[] = {
        {.name = "belfry_target_up", .num = st->up},
        {.name = "belfry_target_degraded", .num = st->degraded},
        {.name = "belfry_target_fail_count", .num = st->fail_count},
    };
    for (uint32_t i = 0; i < array_len(rows); i++)
        add_metric(b, t, &rows[i], at + i, t_ms, seen);
}

static bool has(const struct result *r, const char *name)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (streq(r->metrics[i].name, name))
            return true;
    return false;
}

/* What graphs and uptime live from is there even when the prober left no room for it. */
static void add_basics(struct series_book *b, struct target_series *t, const struct result *r,
                       struct slot_set *seen)
{
    const struct metric success = {.name = "probe_success", .num = r->success},
                        took = {.name = "probe_duration_seconds",
                                .num = (double)r->latency_us / 1e6};
    if (!has(r, success.name))
        add_metric(b, t, &success, SLOTS_MAX, r->checked_ms, seen);
    if (!has(r, took.name))
        add_metric(b, t, &took, SLOTS_MAX, r->checked_ms, seen);
}

void series_book_result(struct series_book *b, uint64_t id, const struct metrics_state *st,
                        const void *record, size_t n)
{
    check_magic(b, MAGIC);
    struct target_series *t = map_u64_get(b->targets, id);
    struct result *r = arena_new_of(b->scratch, struct result);
    if (!t || result_decode(record, n, b->scratch, r, NULL) != 0) {
        arena_reset(b->scratch);
        return; /* it was removed meanwhile */
    }
    if (t->renewed != b->renewed || r->checked_ms - t->last_ms > IDLE_MS) {
        for (uint32_t i = 0; i < t->n_slots; i++)
            t->slots[i].ref = 0;
        t->renewed = b->renewed;
    }
    struct slot_set seen = {0};
    uint32_t at = 0;
    for (int i = 0; i < r->n_metrics; i++)
        if (!r->metrics[i].is_text)
            add_metric(b, t, &r->metrics[i], at++, r->checked_ms, &seen);
    add_state(b, t, at, st, r->checked_ms, &seen);
    add_basics(b, t, r, &seen);
    if (r->checked_ms > t->last_ms) {
        t->last_ms = r->checked_ms;
        end_slots(b, t, &seen, r->checked_ms);
    }
    arena_reset(b->scratch);
}

/* --- Belfry's own figures --- */

static struct figure_series *figure_of(struct series_book *b, const struct figure *r,
                                       int64_t now_ms)
{
    uint64_t hash =
        hash_labels(r->labels, r->n_labels, hash_bytes(r->name, strlen(r->name), r->n_labels));
    struct figure_series *f = map_u64_get(b->figures, hash);
    if (f)
        return f;
    const struct label own[] = {{"job", "belfry"}, {"instance", b->instance}};
    describe(b, r->name, r->type, r->help);
    tsdb_ref ref =
        make_series(b, b->source_own, r->name, r->labels, r->n_labels, own, array_len(own), now_ms);
    if (!ref)
        return NULL;
    f = calloc(1, sizeof(*f));
    must(f);
    f->ref = ref;
    map_u64_put(b->figures, hash, f);
    return f;
}

void series_book_figures(struct series_book *b, const struct figures *f, int64_t now_ms)
{
    check_magic(b, MAGIC);
    b->turn++;
    for (size_t i = 0; i < f->rows.n; i++) {
        struct figure_series *s = figure_of(b, &f->rows.at[i], now_ms);
        if (!s)
            continue;
        s->seen = b->turn;
        add_row(b, s->ref, now_ms, f->rows.at[i].value);
    }
    uint64_t hash;
    void *value;
    for (size_t it = 0; map_u64_next(b->figures, &it, &hash, &value);) {
        struct figure_series *s = value;
        if (s->seen == b->turn)
            continue;
        add_row(b, s->ref, now_ms, f64_from_bits(STALE_NAN_BITS));
        map_u64_del(b->figures, hash);
        free(s);
    }
}
