/* Users and groups that the configuration file names (rights.h). */
#include "app/rights.h"

#include "base/str.h"

static void add_group(struct rights *r, const char *name, struct arena *a)
{
    if (!*name)
        return;
    vec_each (&r->groups, it)
        if (streq(*it, name))
            return;
    vec_push(&r->groups, arena_strdup(a, name));
}

void rights_collect(struct rights *r, const struct config *cfg, struct arena *a)
{
    *r = (struct rights){0};
    for (size_t i = 0; i < cfg->process_users.n; i++)
        vec_push(&r->users, arena_strdup(a, cfg->process_users.at[i]));
    for (uint32_t i = 0; i < cfg->n_units; i++) {
        const struct process_config *c = cfg->units[i].config;
        add_group(r, c->group, a);
        for (size_t k = 0; k < c->groups.n; k++)
            add_group(r, c->groups.at[k], a);
    }
    vec_push(&r->users, NULL);
    vec_push(&r->groups, NULL);
}

void rights_done(struct rights *r)
{
    vec_done(&r->users);
    vec_done(&r->groups);
}

bool rights_any(const struct rights *r)
{
    return r->users.n > 1 || r->groups.n > 1;
}
