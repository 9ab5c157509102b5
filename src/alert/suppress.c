/* Suppression (suppress.h). Pure; called by the core's and the simulation's judge_env on the core's
 * main thread. */
#include "alert/suppress.h"

#include <string.h>

#include "base/must.h"

static bool holds(const struct id_list *list, uint64_t id)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i] == id)
            return true;
    return false;
}

bool maintenance_covers(const struct maintenance *m, const struct target *t, int64_t now_ms)
{
    if (now_ms < m->starts_ms || (m->ends_ms != 0 && now_ms >= m->ends_ms))
        return false;
    if (holds(&m->targets, t->id))
        return true;
    for (uint32_t i = 0; i < m->n_groups; i++)
        if (strcmp(m->groups[i], t->group) == 0)
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

enum suppression suppress_find(const struct suppress_env *env, const struct target *t,
                               int64_t checked_ms, int64_t now_ms, const char **by)
{
    must(env->find != NULL);
    const char *ignored;
    by = by != NULL ? by : &ignored;
    *by = "";
    for (size_t i = 0; i < env->n_windows; i++) {
        if (maintenance_covers(env->windows[i], t, now_ms)) {
            *by = env->windows[i]->title;
            return SUPPRESSED_MAINTENANCE;
        }
    }
    if (suppress_own_network(env, checked_ms))
        return SUPPRESSED_OWN_NETWORK;
    if (t->depends_on.n == 0)
        return SUPPRESSED_NONE;
    const struct target *parent = failing_parent(env, t, checked_ms);
    if (parent == NULL)
        return SUPPRESSED_NONE;
    *by = parent->name;
    return SUPPRESSED_PARENT;
}
