/* Who belongs to which tree (tree_priv.h). Pure but for the source it is given; runs wherever trees
 * are asked for.
 *
 * A tree with a cgroup is its main process and what is in there: what was moved out (a login of an
 * sshd) is another's. Any other is, in this order: its main process, that one's session, their
 * descendants, bearers of the cookie, their descendants. A process number alone proves nothing: it
 * may have been used again, so main and session count only while the number's present holder, if
 * there is one, is that very process. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "proc/tree_priv.h"

struct marking {
    const struct tree *trees;
    const struct proc_list *list;
    const struct tree_source *source;
    uint32_t *owner;
    struct map_u64 *mains; /* pid → tree + 1 */
    struct map_str *cookies;
    bool *closed;    /* for each tree: it is known by its cgroup */
    uint64_t oldest; /* what started before cannot bear a cookie that counts */
    uint32_t tree;   /* the one whose cgroup is being read */
};

static void *boxed(size_t index)
{
    return (void *)(uintptr_t)(index + 1);
}

static uint32_t unboxed(const void *box)
{
    return box ? (uint32_t)((uintptr_t)box - 1) : TREE_NONE;
}

static void in_cgroup(void *to, pid_t pid)
{
    struct marking *m = to;
    const struct proc_stat *s = proc__list_find(m->list, pid);
    if (s && pid != m->source->self)
        m->owner[s - m->list->all.at] = m->tree;
}

static void begin(struct marking *m, size_t n)
{
    m->oldest = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct tree *t = &m->trees[i];
        m->tree = (uint32_t)i;
        if (t->main.pid > 0)
            map_u64_put(m->mains, (uint64_t)t->main.pid, boxed(i));
        m->closed[i] = t->cgroup && m->source->cgroup(m->source->arg, t->cgroup, in_cgroup, m);
        if (m->closed[i] || !t->cookie)
            continue;
        map_str_put(m->cookies, t->cookie, strlen(t->cookie), boxed(i));
        if (t->main.start_time < m->oldest)
            m->oldest = t->main.start_time; /* 0: not known */
    }
}

/* The holder of the number is the tree's main process: it has its start time, or lives no more. */
static bool main_holds(const struct marking *m, const struct tree *t)
{
    const struct proc_stat *holder = proc__list_find(m->list, t->main.pid);
    return !holder || t->main.start_time == 0 || holder->start_time == t->main.start_time;
}

/* The tree whose main process has, or had, this number. */
static uint32_t tree_of_main(const struct marking *m, pid_t pid)
{
    uint32_t tree = pid > 0 ? unboxed(map_u64_get(m->mains, (uint64_t)pid)) : TREE_NONE;
    return tree != TREE_NONE && main_holds(m, &m->trees[tree]) ? tree : TREE_NONE;
}

static uint32_t by_session(const struct marking *m, const struct proc_stat *s)
{
    uint32_t tree = tree_of_main(m, s->pid);
    if (tree != TREE_NONE)
        return tree;
    tree = tree_of_main(m, s->session);
    if (tree == TREE_NONE || m->closed[tree] || s->start_time < m->trees[tree].main.start_time)
        return TREE_NONE;
    return tree;
}

static uint32_t by_cookie(const struct marking *m, const struct proc_stat *s)
{
    char unit[TREE_COOKIE_SIZE], instance[TREE_COOKIE_SIZE];
    if (map_str_count(m->cookies) == 0 || s->start_time < m->oldest || proc__dead(s) ||
        !m->source->cookie(m->source->arg, s->pid, unit, instance))
        return TREE_NONE;
    uint32_t tree = unboxed(map_str_get(m->cookies, unit, strlen(unit)));
    if (tree == TREE_NONE)
        return TREE_NONE;
    const char *want = m->trees[tree].instance;
    return !want || strcmp(want, instance) == 0 ? tree : TREE_NONE;
}

/* The tree of the nearest ancestor that has one. Bounded: a parent's number that was read a moment
 * earlier may be anyone's by now. */
static uint32_t by_descent(const struct marking *m, const struct proc_stat *s)
{
    enum { DEEPEST = 4096 };
    for (int depth = 0; s && depth < DEEPEST; depth++) {
        if (s->pid == m->source->self || s->pid == 1)
            return TREE_NONE;
        uint32_t tree = m->owner[s - m->list->all.at];
        if (tree != TREE_NONE)
            return m->closed[tree] ? TREE_NONE : tree;
        const struct proc_stat *parent = proc__list_find(m->list, s->ppid);
        s = parent && parent->start_time <= s->start_time ? parent : NULL;
    }
    return TREE_NONE;
}

/* What has no tree yet is asked about. */
static void mark_by(struct marking *m,
                    uint32_t (*rule)(const struct marking *m, const struct proc_stat *s))
{
    for (size_t i = 0; i < m->list->all.n; i++) {
        const struct proc_stat *s = &m->list->all.at[i];
        if (m->owner[i] == TREE_NONE && s->pid != m->source->self)
            m->owner[i] = rule(m, s);
    }
}

void tree__mark(const struct tree *trees, size_t n, const struct proc_list *list,
                const struct tree_source *source, uint32_t *owner)
{
    struct marking m = {
        trees, list, source, owner, map_u64_new(), map_str_new(), calloc(n + 1, sizeof(bool)),
        0,     0};
    must(m.closed != NULL);
    for (size_t i = 0; i < list->all.n; i++)
        owner[i] = TREE_NONE;
    begin(&m, n);
    mark_by(&m, by_session);
    mark_by(&m, by_descent);
    mark_by(&m, by_cookie);
    mark_by(&m, by_descent);
    map_u64_free(m.mains);
    map_str_free(m.cookies);
    free(m.closed);
}
