/* What goes to the writer of series (metrics_writer.h), and the rings that wait for it. Main loop. */
#include "base/clock.h"
#include "core/metrics_priv.h"
#include "core/places.h"

static struct core_target view_of(const struct entry *e)
{
    return (struct core_target){.target = e->target, .instance = e->instance};
}

static struct metrics_state state_of(const struct target_state *st)
{
    return (struct metrics_state){.up = st->status != TARGET_UNHEALTHY,
                                  .degraded = st->degraded,
                                  .fail_count = (uint32_t)st->fail_count};
}

void core__metrics_result(struct core *c, struct entry *e, const void *record, size_t n)
{
    if (!c->metrics)
        return;
    struct metrics_writer *w = c->metrics->writer;
    if (!e->series_told) {
        struct arena *a cleanup(arena_freep) = arena_new();
        struct core_target view = view_of(e);
        uint32_t n_labels = 0;
        const struct label *labels = core_target_labels(&view, a, &n_labels);
        metrics_writer_target(w, e->target->id, labels, n_labels, clock_wall_ms());
        e->series_told = true;
    }
    struct metrics_state st = state_of(&e->state);
    metrics_writer_result(w, e->target->id, &st, record, n);
}

const struct label *core_place_labels(const struct core_target *t, const char *location,
                                      struct arena *a, uint32_t *n)
{
    const struct label *of = core_target_labels(t, a, n);
    must(*location);
    struct label *all = arena_array_of(a, struct label, *n + 1);
    uint32_t at = 0;
    while (at < *n && !streq(of[at].name, "location"))
        at++;
    memcpy(all, of, *n * sizeof(*of));
    all[at] = (struct label){"location", location};
    *n += at == *n;
    return all;
}

void core__metrics_place(struct core *c, struct entry *e, const struct metrics_place *at,
                         const void *record, size_t n)
{
    if (!c->metrics)
        return;
    struct metrics_writer *w = c->metrics->writer;
    if (!*at->told) {
        struct arena *a cleanup(arena_freep) = arena_new();
        struct core_target view = view_of(e);
        uint32_t n_labels = 0;
        const struct label *labels = core_place_labels(&view, at->name, a, &n_labels);
        metrics_writer_target(w, at->key, labels, n_labels, clock_wall_ms());
        *at->told = true;
    }
    struct metrics_state st = state_of(at->state);
    metrics_writer_result(w, at->key, &st, record, n);
}

void core__metrics_place_gone(struct core *c, uint64_t key)
{
    if (c->metrics && !c->closing)
        metrics_writer_forget(c->metrics->writer, key, clock_wall_ms());
}

void core__metrics_target_changed(struct core *c, struct entry *e)
{
    if (!e->target->enabled)
        core__metrics_target_gone(c, e);
    e->series_told = false;
}

void core__metrics_target_gone(struct core *c, struct entry *e)
{
    if (c->metrics && e->series_told && !c->closing)
        metrics_writer_forget(c->metrics->writer, e->target->id, clock_wall_ms());
    e->series_told = false;
}

uint64_t core__metrics_seal(struct core *c)
{
    return c->metrics ? metrics_writer_seal(c->metrics->writer) : 0;
}

/* While the store has trouble rings do not wait: they must not grow full of what was judged long ago. */
bool core__metrics_settled(struct core *c, uint64_t number)
{
    struct metrics *m = c->metrics;
    return !m || metrics_writer_done(m->writer) >= number ||
           metrics_writer_trouble(m->writer, NULL);
}

void core__metrics_free_ring(struct core *c, struct ring_tap *t, uint64_t seq, uint64_t number)
{
    must(t->ring);
    if (core__metrics_settled(c, number))
        ring_free_upto(t->ring, seq);
    else
        vec_push(&c->metrics->waits, ((struct ring_wait){t, ring_id(t->ring), seq, number}));
}

static bool is_crowded(const struct ring *r)
{
    struct ring_stats st = ring_stats(r);
    return st.used > st.size / 2;
}

void core__metrics_free_rings(struct core *c)
{
    struct metrics *m = c->metrics;
    size_t kept = 0;
    for (size_t i = 0; m && i < m->waits.n; i++) {
        struct ring_wait *w = &m->waits.at[i];
        bool same = w->tap->ring && ring_id(w->tap->ring) == w->ring_id;
        if (same && !core__metrics_settled(c, w->number) && !is_crowded(w->tap->ring))
            m->waits.at[kept++] = *w;
        else if (same)
            ring_free_upto(w->tap->ring, w->seq);
    }
    if (m)
        m->waits.n = kept;
}

bool core__metrics_idle(struct core *c)
{
    bool done = core__metrics_settled(c, core__metrics_seal(c));
    core__metrics_free_rings(c);
    return done && (!c->metrics || c->metrics->waits.n == 0);
}

void core__metrics_forget_ring(struct core *c, const struct ring_tap *t)
{
    struct metrics *m = c->metrics;
    for (size_t i = 0; m && i < m->waits.n;)
        if (m->waits.at[i].tap == t)
            m->waits.at[i] = vec_pop(&m->waits);
        else
            i++;
}
