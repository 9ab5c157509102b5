/* Roles, and what a principal may do where. Pure. */
#include "access/access.h"

#include <string.h>

#include "base/must.h"

static const char *const names[] = {"none", "viewer", "editor", "admin"};

const char *role_name(enum role r)
{
    must(r >= ROLE_NONE && r <= ROLE_ADMIN);
    return names[r];
}

bool role_parse(const char *text, enum role *out)
{
    for (int r = ROLE_NONE; r <= ROLE_ADMIN; r++)
        if (strcmp(text, names[r]) == 0) {
            *out = (enum role)r;
            return true;
        }
    return false;
}

enum role principal_role(const struct principal *p, const char *group)
{
    must(p && p->name);
    for (uint32_t i = 0; group && i < p->n_groups; i++)
        if (strcmp(p->groups[i].group, group) == 0)
            return p->groups[i].role;
    return p->role;
}

bool principal_sees_some(const struct principal *p, enum role least)
{
    bool some = p->role >= least;
    for (uint32_t i = 0; i < p->n_groups; i++)
        some = some || p->groups[i].role >= least;
    return some;
}

const char *principal_actor(const struct principal *p, struct arena *a)
{
    must(p && p->name && *p->name);
    if (p->kind == PRINCIPAL_AGENT)
        return arena_printf(a, "agent:%s", p->name);
    return p->kind == PRINCIPAL_TOKEN ? arena_printf(a, "token:%s", p->name)
                                      : arena_strdup(a, p->name);
}
