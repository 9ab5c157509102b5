/* Members of targets that are judged by others (type group), once all targets are known: names that the file does not have are
 * warned of, circles refused. Who the members are is looked up anew while Belfry runs (core/group.c, find_member, in the same
 * order), since the API makes targets too. Runs while a file is loaded. */
#include "base/must.h"
#include "base/str.h"
#include "config/config_priv.h"

#define NEAR_MAX 2000 /* names that a misspelt one is compared with */

/* What the file may have meant, or NULL. */
static const char *nearest(struct loader *l, const char *name)
{
    uint32_t n = l->cfg->n_targets < NEAR_MAX ? l->cfg->n_targets : NEAR_MAX;
    const char **names = arena_array_of(l->tree, const char *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        names[i] = l->cfg->targets[i].spec.name;
    return str_nearest(name, names, n);
}

static void warn_unknown(struct loader *l, const struct node *at)
{
    const char *near = nearest(l, at->text.p);
    loader_warn(l, at, "members",
                arena_printf(l->tree,
                             "the file has no target \"%s\"%s%s%s; until the API makes one, the "
                             "group counts it as missing",
                             at->text.p, near != NULL ? " (did you mean \"" : "",
                             near != NULL ? near : "", near != NULL ? "\"?)" : ""));
}

static bool is_id(const struct node *n)
{
    uint64_t id;
    return n->kind != NODE_TEXT || str_to_u64(n->text, &id, NULL) == 0;
}

static struct named find_members(struct loader *l, const struct group_work *groups,
                                 const struct group_work *own, const struct node *list)
{
    bool many = list->kind == NODE_LIST;
    uint32_t *at = arena_array_of(l->tree, uint32_t, (many ? list->count : 1) + 1), n = 0;
    for (const struct node *c = many ? list->first : list; c != NULL; c = many ? c->next : NULL) {
        if (c->kind == NODE_TEXT && (loader_find_target(l, groups, own, c->text.p, &at[n]) ||
                                     loader_find_target(l, groups, NULL, c->text.p, &at[n])))
            n++;
        else if (!is_id(c)) /* ids are known while Belfry runs */
            warn_unknown(l, c);
    }
    must(n <= (many ? list->count : 1));
    return (struct named){at, n};
}

static bool check_circle(struct loader *l, const struct named *members)
{
    int64_t in_circle = loader_find_circle(members, l->cfg->n_targets, l->tree);
    if (in_circle < 0)
        return true;
    const struct config_target *bad = &l->cfg->targets[in_circle];
    const struct node *at = l->hooks->members(l->hooks->ctx, bad);
    must(at != NULL && members[in_circle].n > 0);
    problem_add(l->problems, at, "members", "the group \"%s\" would be a member of itself",
                bad->spec.name);
    return false;
}

/* A round for each level; they end, since there is no circle. */
static void set_levels(struct loader *l, const struct named *members)
{
    struct config_target *t = l->cfg->targets;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < l->cfg->n_targets; i++)
            for (uint32_t k = 0; k < members[i].n; k++) {
                must(members[i].at[k] != i);
                if (t[members[i].at[k]].level < t[i].level)
                    continue;
                t[i].level = t[members[i].at[k]].level + 1;
                again = true;
            }
    }
}

void loader_members(struct loader *l, const struct group_work *groups)
{
    if (l->hooks->members == NULL)
        return;
    struct named *members = NULL;
    for (uint32_t i = 0; i < l->cfg->n_groups; i++) {
        const struct config_group *g = &l->cfg->groups[i];
        for (uint32_t k = g->first_target; k < g->first_target + g->n_targets; k++) {
            const struct node *list = l->hooks->members(l->hooks->ctx, &l->cfg->targets[k]);
            if (list == NULL)
                continue;
            if (members == NULL)
                members = arena_array_of(l->tree, struct named, l->cfg->n_targets + 1);
            members[k] = find_members(l, groups, &groups[i], list);
        }
    }
    if (members != NULL && check_circle(l, members))
        set_levels(l, members);
}
