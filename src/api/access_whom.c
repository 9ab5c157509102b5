/* See access_whom.h. */
#include "api/access_whom.h"

#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"

static const char *group_in_core(void *core, uint64_t target_id)
{
    struct core_target t;
    return core_target_get(core, target_id, &t) ? t.target->group : NULL;
}

struct whom whom_of_maintenance(const struct maintenance *m, struct core *core)
{
    return (struct whom){.targets = m->targets.at,
                         .n_targets = m->targets.n,
                         .groups = m->groups,
                         .n_groups = m->n_groups,
                         .matchers = m->matchers,
                         .n_matchers = m->n_matchers,
                         .group_of = group_in_core,
                         .arg = core};
}

struct whom whom_of_silence(const struct core_silence *s)
{
    return (struct whom){.matchers = s->matchers, .n_matchers = s->n_matchers};
}

bool whom_anybody(const struct principal *p, enum role least)
{
    bool all = p->role >= least;
    for (uint32_t i = 0; i < p->n_groups; i++)
        all = all && p->groups[i].role >= least;
    return all;
}

static bool has_role(const struct principal *p, enum role least, struct str group)
{
    for (uint32_t i = 0; i < p->n_groups; i++)
        if (str_eqz(group, p->groups[i].group))
            return p->groups[i].role >= least;
    return p->role >= least;
}

static struct matcher *group_matcher(const struct label_match *m)
{
    if (strcmp(m->name, "group") != 0)
        return NULL;
    return matcher_new(m->op, STR("group"), str_of(m->value), NULL);
}

/* Of a matcher that names its groups: how many of them there are (0: it does not name them), and in how many p has the role. */
static size_t named_groups(const struct principal *p, enum role least, const struct label_match *m,
                           size_t *good)
{
    size_t n = 0;
    struct matcher *ready = group_matcher(m);
    *good = 0;
    if (ready && (m->op == MATCH_EQ || m->op == MATCH_RE)) {
        const struct str *names = matcher_set(ready, &n);
        for (size_t i = 0; i < n; i++)
            *good += has_role(p, least, names[i]);
    }
    matcher_free(ready);
    must(*good <= n);
    return n;
}

static bool matchers_within(const struct principal *p, enum role least, const struct whom *w)
{
    size_t good;
    for (uint32_t i = 0; i < w->n_matchers; i++) {
        size_t n = named_groups(p, least, &w->matchers[i], &good);
        if (n > 0 && good == n)
            return true;
    }
    return w->n_matchers == 0;
}

bool whom_within(const struct principal *p, enum role least, const struct whom *w, bool strict)
{
    must(w->n_targets == 0 || w->group_of);
    if (whom_anybody(p, least))
        return true;
    for (size_t i = 0; i < w->n_targets; i++) {
        const char *group = w->group_of(w->arg, w->targets[i]);
        if (group ? principal_role(p, group) < least : strict)
            return false;
    }
    for (uint32_t i = 0; i < w->n_groups; i++)
        if (principal_role(p, w->groups[i]) < least)
            return false;
    return matchers_within(p, least, w);
}

/* Whether all matchers of the label "group" take this one. */
static bool matchers_take(const struct whom *w, const char *group)
{
    bool take = true;
    for (uint32_t i = 0; take && i < w->n_matchers; i++) {
        struct matcher *m = group_matcher(&w->matchers[i]);
        take = !m || matcher_test(m, str_of(group));
        matcher_free(m);
    }
    return take;
}

/* Do they name only groups in which p has not the role? Of one who has it in all others, that is all that can be known. */
static bool matchers_elsewhere(const struct principal *p, enum role least, const struct whom *w)
{
    size_t good;
    for (uint32_t i = 0; i < w->n_matchers; i++)
        if (named_groups(p, least, &w->matchers[i], &good) > 0 && good == 0)
            return true;
    return false;
}

static bool matchers_touch(const struct principal *p, enum role least, const struct whom *w)
{
    if (w->n_matchers == 0)
        return false;
    if (p->role >= least)
        return !matchers_elsewhere(p, least, w);
    for (uint32_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].role >= least && matchers_take(w, p->groups[i].group))
            return true;
    return false;
}

bool whom_touches(const struct principal *p, enum role least, const struct whom *w)
{
    must(w->n_targets == 0 || w->group_of);
    if (whom_anybody(p, least))
        return true;
    for (size_t i = 0; i < w->n_targets; i++) {
        const char *group = w->group_of(w->arg, w->targets[i]);
        if (group && principal_role(p, group) >= least)
            return true;
    }
    for (uint32_t i = 0; i < w->n_groups; i++)
        if (principal_role(p, w->groups[i]) >= least)
            return true;
    return matchers_touch(p, least, w);
}

int call_may_whom(struct call *k, const struct whom *w, bool old, struct err *err)
{
    must(k->who);
    if (whom_within(k->who, ROLE_EDITOR, w, !old))
        return 0;
    return err_set(err, ERR_DENIED,
                   "this is about more than the groups in which \"%s\" has the role editor; want "
                   "such groups, targets of theirs, or among the matchers group=\"…\" with one",
                   k->who->name);
}
