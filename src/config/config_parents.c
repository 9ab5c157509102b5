/* Names of targets that other parts of the file use: depends_on and own_network.reference_targets.
 * Done when all targets are known, since a parent may stand below its child. Runs while a file is
 * loaded. */
#include <string.h>

#include "base/must.h"
#include "config/config_priv.h"

static bool find_in(const struct group_work *g, const char *name, uint32_t *index)
{
    must(g != NULL);
    void *found = map_str_get(g->names, name, strlen(name));
    if (found == NULL)
        return false;
    *index = (uint32_t)(uintptr_t)found - 1;
    must(g->names != NULL);
    return true;
}

bool loader_find_target(const struct loader *l, const struct group_work *groups,
                        const struct group_work *own, const char *name, uint32_t *index)
{
    if (own != NULL && find_in(own, name, index))
        return true;
    const char *slash = strchr(name, '/');
    for (uint32_t i = 0; i < l->cfg->n_groups && slash != NULL; i++) {
        struct str group = {name, (size_t)(slash - name)};
        if (str_eqz(group, l->cfg->groups[i].name) && find_in(&groups[i], slash + 1, index))
            return true;
    }
    for (uint32_t i = 0; i < l->cfg->n_groups && own == NULL; i++)
        if (find_in(&groups[i], name, index))
            return true;
    return false;
}

static uint32_t find_all(struct loader *l, const struct group_work *groups,
                         const struct group_work *own, const struct node *list, const char *field,
                         const uint32_t **out, struct arena *a)
{
    uint32_t n = 0, count = list->kind == NODE_LIST ? list->count : 1;
    uint32_t *indices = arena_array_of(a, uint32_t, count + 1);
    for (const struct node *c = list->kind == NODE_LIST ? list->first : list; c != NULL;
         c = c->next) {
        if (c->kind != NODE_TEXT) /* the option table spoke already */
            continue;
        if (loader_find_target(l, groups, own, c->text.p, &indices[n]))
            n++;
        else
            problem_add(l->problems, c, field, "there is no target \"%s\"%s", c->text.p,
                        own != NULL ? " in this group; another group's is GROUP/NAME" : "");
        if (list->kind != NODE_LIST)
            break;
    }
    *out = indices;
    return n;
}

/* Walks from start; each target is entered once in all. Depth-first with the stack in `stack`. */
static int64_t circle_from(const struct named *of, uint32_t n, uint32_t start, uint8_t *state,
                           uint32_t *stack, uint32_t *next)
{
    size_t depth = 0;
    stack[depth++] = start;
    state[start] = 1;
    next[start] = 0;
    while (depth > 0) {
        uint32_t t = stack[depth - 1];
        must(t < n && depth <= n);
        must(state[t] == 1);
        if (next[t] == of[t].n) {
            state[t] = 2;
            depth--;
            continue;
        }
        uint32_t to = of[t].at[next[t]++];
        if (state[to] == 1)
            return to;
        if (state[to] == 0) {
            state[to] = 1;
            next[to] = 0;
            stack[depth++] = to;
        }
    }
    return -1;
}

int64_t loader_find_circle(const struct named *of, uint32_t n, struct arena *a)
{
    uint8_t *state = arena_array_of(a, uint8_t, n + 1); /* 0 new, 1 on the stack, 2 done */
    uint32_t *stack = arena_array_of(a, uint32_t, n + 1);
    uint32_t *next = arena_array_of(a, uint32_t, n + 1);
    for (uint32_t t = 0; t < n; t++) {
        int64_t in_circle =
            state[t] == 0 && of[t].n > 0 ? circle_from(of, n, t, state, stack, next) : -1;
        if (in_circle >= 0)
            return in_circle;
    }
    return -1;
}

static void check_circles(struct loader *l)
{
    const struct config *cfg = l->cfg;
    struct named *parents = arena_array_of(l->tree, struct named, cfg->n_targets + 1);
    for (uint32_t t = 0; t < cfg->n_targets; t++)
        parents[t] = (struct named){cfg->targets[t].parents, cfg->targets[t].n_parents};
    int64_t in_circle = loader_find_circle(parents, cfg->n_targets, l->tree);
    if (in_circle < 0)
        return;
    const struct config_target *bad = &cfg->targets[in_circle];
    problem_add(l->problems, node_get(bad->at, "depends_on"), "depends_on",
                "the target \"%s\" depends on itself in a circle", bad->spec.name);
}

void loader_parents(struct loader *l, struct group_work *groups)
{
    bool any = false;
    for (uint32_t i = 0; i < l->cfg->n_groups; i++) {
        const struct config_group *g = &l->cfg->groups[i];
        for (uint32_t k = g->first_target; k < g->first_target + g->n_targets; k++) {
            struct config_target *t = &l->cfg->targets[k];
            const struct node *list = node_get(t->at, "depends_on");
            if (list == NULL || list->kind == NODE_NULL)
                continue;
            t->n_parents =
                find_all(l, groups, &groups[i], list, "depends_on", &t->parents, l->tree);
            any = true;
        }
    }
    if (any)
        check_circles(l);
    loader_members(l, groups);
    const struct node *references = node_get(node_get(l->root, "own_network"), "reference_targets");
    if (references != NULL && references->kind != NODE_NULL)
        l->cfg->n_reference_targets =
            find_all(l, groups, NULL, references, "own_network.reference_targets",
                     &l->cfg->reference_targets, l->arena);
}
