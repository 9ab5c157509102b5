/* Suppression (suppress.h). Pure; called by the core's and the simulation's judge_env on the core's
 * main thread. */
#include "alert/suppress.h"

#include "base/must.h"

static bool holds(const struct id_list *list, uint64_t id)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i] == id)
            return true;
    return false;
}

/* Failing, or healthy again only since after the probe in question began. */
static bool was_failing(const struct target_state *st, int64_t checked_ms)
{
    if (st->status == TARGET_DISABLED)
        return false;
    return st->fail_count > 0 || (st->status == TARGET_HEALTHY && st->since_ms > checked_ms &&
                                  st->last_checked_ms >= st->since_ms);
}

bool suppress_own_network(const struct suppress_env *env, int64_t checked_ms)
{
    uint32_t watched = 0;
    for (uint32_t i = 0; i < env->references.n; i++) {
        const struct target_state *st = NULL;
        const struct target *t = env->find(env->arg, env->references.at[i], &st);
        if (t == NULL || !t->enabled)
            continue;
        must(st != NULL);
        watched++;
        if (!was_failing(st, checked_ms))
            return false;
    }
    return watched > 0;
}

/* Breadth-first walk over ancestors without repetition. */
struct walk {
    const struct suppress_env *env;
    uint64_t ids[SUPPRESS_ANCESTORS_MAX];
    size_t n;
};

static void walk_add(struct walk *w, const struct id_list *parents)
{
    for (uint32_t i = 0; i < parents->n && w->n < SUPPRESS_ANCESTORS_MAX; i++) {
        struct id_list seen = {w->ids, (uint32_t)w->n};
        if (!holds(&seen, parents->at[i]))
            w->ids[w->n++] = parents->at[i];
    }
}

static bool depends_on(const struct suppress_env *env, const struct target *child, uint64_t id)
{
    struct walk w = {.env = env};
    walk_add(&w, &child->depends_on);
    for (size_t i = 0; i < w.n; i++) {
        if (w.ids[i] == id)
            return true;
        const struct target_state *st = NULL;
        const struct target *t = env->find(env->arg, w.ids[i], &st);
        if (t != NULL)
            walk_add(&w, &t->depends_on);
    }
    return false;
}

static const struct target *failing_parent(const struct suppress_env *env, const struct target *t,
                                           int64_t checked_ms)
{
    struct walk w = {.env = env};
    walk_add(&w, &t->depends_on);
    for (size_t i = 0; i < w.n; i++) {
        const struct target_state *st = NULL;
        const struct target *p = env->find(env->arg, w.ids[i], &st);
        if (p == NULL || p->id == t->id)
            continue;
        must(st != NULL);
        if (p->enabled && was_failing(st, checked_ms) && !depends_on(env, p, t->id))
            return p;
        walk_add(&w, &p->depends_on);
    }
    return NULL;
}

/* A list of at most `room`; full when one more would be too many. */
struct holders {
    struct held *at;
    size_t n, room;
};

static bool add(struct holders *all, enum suppression why, const char *by, uint64_t id,
                int64_t until_ms)
{
    must(all->n < all->room);
    all->at[all->n++] = (struct held){why, by != NULL ? by : "", id, until_ms};
    return all->n == all->room;
}

/* The next three return true when the list is full. */
static bool add_windows(const struct suppress_env *env, const struct subject *s, int64_t now_ms,
                        struct holders *out)
{
    struct window_span span;
    for (size_t i = 0; i < env->n_windows; i++) {
        struct window *w = env->windows[i];
        if (!window_active(w, now_ms, &span) || !window_holds(w, s))
            continue;
        const struct maintenance *m = window_maintenance(w);
        int64_t until = span.ends_ms != WINDOW_OPEN ? span.ends_ms : 0;
        if (add(out, SUPPRESSED_MAINTENANCE, m->title, m->id, until))
            return true;
    }
    return false;
}

static bool add_silences(const struct suppress_env *env, const struct subject *s, int64_t now_ms,
                         struct holders *out)
{
    for (size_t i = 0; i < env->n_silences; i++) {
        const struct silence *one = env->silences[i];
        if (silence_holds(one, s, now_ms) &&
            add(out, SUPPRESSED_SILENCE, one->comment, one->id, one->ends_ms))
            return true;
    }
    return false;
}

static bool add_parent(const struct suppress_env *env, const struct subject *s, int64_t checked_ms,
                       struct holders *out)
{
    if (s->target->depends_on.n == 0)
        return false;
    const struct target *parent = failing_parent(env, s->target, checked_ms);
    return parent != NULL && add(out, SUPPRESSED_PARENT, parent->name, parent->id, 0);
}

static void find_holders(const struct suppress_env *env, const struct subject *s,
                         int64_t checked_ms, int64_t now_ms, struct holders *out)
{
    must(env->find != NULL && s->target != NULL);
    if (out->room == 0 || add_windows(env, s, now_ms, out) || add_silences(env, s, now_ms, out))
        return;
    if (suppress_own_network(env, checked_ms) && add(out, SUPPRESSED_OWN_NETWORK, "", 0, 0))
        return;
    add_parent(env, s, checked_ms, out);
}

enum suppression suppress_find(const struct suppress_env *env, const struct subject *s,
                               int64_t checked_ms, int64_t now_ms, struct held *by)
{
    struct held one = {SUPPRESSED_NONE, "", 0, 0};
    struct holders all = {&one, 0, 1};
    find_holders(env, s, checked_ms, now_ms, &all);
    if (by != NULL)
        *by = one;
    return one.why;
}

size_t suppress_all(const struct suppress_env *env, const struct subject *s, int64_t now_ms,
                    struct held *out, size_t room)
{
    struct holders all = {out, 0, room};
    find_holders(env, s, INT64_MAX, now_ms, &all);
    return all.n;
}
