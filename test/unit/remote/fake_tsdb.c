/* A store in memory (fake_tsdb.h). */
#include "fake_tsdb.h"

#include <stdlib.h>

struct tsdb_tail {
    struct tsdb *db;
    size_t at;
};

struct tsdb *fake_tsdb_new(void)
{
    struct tsdb *db = calloc(1, sizeof(*db));
    must(db != NULL);
    pthread_mutex_init(&db->lock, NULL);
    db->arena = arena_new();
    db->by_labels = map_str_new();
    db->aliases = map_str_new();
    return db;
}

void fake_tsdb_free(struct tsdb *db)
{
    vec_each (&db->series, s) {
        buf_done(&(*s)->text);
        samples_done(&(*s)->samples);
    }
    vec_done(&db->series);
    vec_done(&db->log);
    vec_done(&db->metadata);
    map_str_free(db->by_labels);
    map_str_free(db->aliases);
    arena_free(db->arena);
    pthread_mutex_destroy(&db->lock);
    free(db);
}

void fake_tsdb_dump(struct tsdb *db, struct buf *out)
{
    vec_each (&db->series, s) {
        buf_add(out, (*s)->text.data, (*s)->text.len);
        for (uint32_t i = 0; i < (*s)->samples.n; i++)
            buf_printf(out, " %lld:%g", (long long)(*s)->samples.t[i], (*s)->samples.v[i]);
        buf_putc(out, '\n');
    }
}

tsdb_ref tsdb_series(struct tsdb *db, uint32_t source, const struct labels *l, struct err *err)
{
    struct buf text = BUF_INIT(1 << 20);
    labels_format(&text, l);
    db->parsed++;
    struct fake_series *s = map_str_get(db->by_labels, text.data, text.len);
    if (!s && db->max_series > 0 && db->series.n >= db->max_series) {
        buf_done(&text);
        err_set(err, ERR_TOO_LARGE, "cannot make a series: there are enough");
        return 0;
    }
    if (!s) {
        s = arena_new_of(db->arena, struct fake_series);
        s->labels = labels_dup(db->arena, l);
        s->text = text;
        map_str_put(db->by_labels, text.data, text.len, s);
        vec_push(&db->series, s);
        return db->series.n;
    }
    buf_done(&text);
    for (size_t i = 0; i < db->series.n; i++) {
        if (db->series.at[i] == s)
            return i + 1;
    }
    must(!"found");
}

tsdb_ref tsdb_by_alias(struct tsdb *db, uint32_t source, const void *key, size_t n)
{
    tsdb_ref ref = (tsdb_ref)(uintptr_t)map_str_get(db->aliases, key, n);
    db->by_alias_hits += ref != 0;
    return ref;
}

void tsdb_by_aliases(struct tsdb *db, uint32_t source, const struct str *keys, size_t n,
                     tsdb_ref *refs)
{
    for (size_t i = 0; i < n; i++)
        refs[i] = tsdb_by_alias(db, source, keys[i].p, keys[i].n);
}

void tsdb_alias(struct tsdb *db, uint32_t source, const void *key, size_t n, tsdb_ref ref)
{
    map_str_put(db->aliases, key, n, (void *)(uintptr_t)ref);
}

uint32_t tsdb_source_id(struct tsdb *db, const char *name)
{
    return 1;
}

static enum tsdb_verdict append_row(struct tsdb *db, const struct tsdb_row *row)
{
    if (db->gone_once > 0) {
        db->gone_once--;
        return TSDB_GONE;
    }
    must(row->ref > 0 && row->ref <= db->series.n);
    struct samples *s = &db->series.at[row->ref - 1]->samples;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->t[i] == row->t_ms)
            return f64_bits(s->v[i]) == f64_bits(row->v) ? TSDB_SAME : TSDB_DUPLICATE;
    }
    if (s->n > 0 && row->t_ms < s->t[s->n - 1])
        return TSDB_OUT_OF_ORDER;
    samples_add(s, row->t_ms, row->v);
    vec_push(&db->log, *row);
    return TSDB_TAKEN;
}

int tsdb_append(struct tsdb *db, const struct tsdb_row *rows, size_t n, uint8_t *verdict,
                struct err *err)
{
    if (db->full)
        return err_set(err, ERR_FULL, "cannot append: the disk is full");
    pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < n; i++) {
        enum tsdb_verdict v = append_row(db, &rows[i]);
        if (verdict)
            verdict[i] = (uint8_t)v;
    }
    pthread_mutex_unlock(&db->lock);
    return 0;
}

void tsdb_set_metadata(struct tsdb *db, const struct metric_metadata *m)
{
    struct metric_metadata copy = *m;
    copy.metric.p = arena_strndup(db->arena, m->metric.p, m->metric.n);
    copy.help.p = arena_strndup(db->arena, m->help.n ? m->help.p : "", m->help.n);
    copy.unit.p = arena_strndup(db->arena, m->unit.n ? m->unit.p : "", m->unit.n);
    vec_push(&db->metadata, copy);
}

void tsdb_each_metadata(struct tsdb *db, struct str metric,
                        bool (*fn)(void *arg, const struct metric_metadata *m), void *arg)
{
    for (size_t i = 0; i < db->metadata.n && fn(arg, &db->metadata.at[i]); i++)
        ;
}

/* --- the tail: the log by position; a segment is 1000 rows --- */

#define SEGMENT 1000

struct tsdb_tail *tsdb_tail_open(struct tsdb *db, struct tsdb_place from, uint64_t keep_bytes)
{
    struct tsdb_tail *t = calloc(1, sizeof(*t));
    must(t != NULL);
    t->db = db;
    t->at = from.segment * SEGMENT + from.offset;
    return t;
}

void tsdb_tail_free(struct tsdb_tail *t)
{
    free(t);
}

size_t tsdb_tail_next(struct tsdb_tail *t, struct tsdb_row *rows, size_t max,
                      struct tsdb_place *place, struct err *err)
{
    size_t n = 0;
    pthread_mutex_lock(&t->db->lock);
    while (n < max && t->at < t->db->log.n)
        rows[n++] = t->db->log.at[t->at++];
    pthread_mutex_unlock(&t->db->lock);
    *place = (struct tsdb_place){t->at / SEGMENT, t->at % SEGMENT};
    return n;
}

void tsdb_tail_done(struct tsdb_tail *t, struct tsdb_place place)
{
    t->db->done = place;
}

bool tsdb_ref_labels(struct tsdb *db, tsdb_ref ref, struct arena *a, struct labels *out)
{
    pthread_mutex_lock(&db->lock);
    bool known = ref > 0 && ref <= db->series.n;
    if (known)
        *out = labels_dup(a, &db->series.at[ref - 1]->labels);
    pthread_mutex_unlock(&db->lock);
    return known;
}
