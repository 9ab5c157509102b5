/* From where targets are probed: `locations` and `location_quorum` of defaults, group and target, each put over what is
 * inherited. Who may speak for a location is config_location.c's. Runs while a file is loaded. */
#include <string.h>

#include "config/config_priv.h"

static bool check_name(struct loader *l, const char *name, const struct node *at, const char *field)
{
    const char *fault = location_name_fault(name);
    if (fault == NULL)
        return true;
    problem_add(l->problems, at, field, "locations: got the name \"%.100s\"; %s", name, fault);
    return false;
}

static bool check_names(struct loader *l, const struct str_list *names, const struct node *at,
                        const char *field)
{
    bool good = true;
    for (size_t i = 0; i < names->n; i++) {
        good &= check_name(l, names->at[i], at, field);
        for (size_t k = 0; k < i; k++) {
            if (!streq(names->at[i], names->at[k]))
                continue;
            problem_add(l->problems, at, field, "locations: \"%s\" is named twice", names->at[i]);
            good = false;
        }
    }
    return good;
}

bool location_apply(struct loader *l, const struct raw_timing *given, const struct node *map,
                    const char *field, struct raw_timing *io)
{
    bool good = true;
    if (given->locations.at != NULL) {
        good = check_names(l, &given->locations, node_get(map, "locations"), field);
        io->locations = given->locations;
    }
    if (given->location_quorum > 0)
        io->location_quorum = given->location_quorum;
    int64_t most = (int64_t)io->locations.n;
    if (most == 0 || io->location_quorum <= most)
        return good;
    if (given->location_quorum > 0) {
        problem_add(l->problems, node_get(map, "location_quorum"), field,
                    "location_quorum: got %lld; want 1 to %lld, for there are %lld locations",
                    (long long)io->location_quorum, (long long)most, (long long)most);
        return false;
    }
    io->location_quorum = most; /* only inherited: it shrinks, as a timeout does */
    return good;
}

/* --- names --- */

static bool is_declared(const struct loader *l, const char *name)
{
    const struct config_location *rows = l->cfg->locations.at;
    for (size_t i = 0; i < l->cfg->locations.n; i++)
        if (streq(rows[i].name, name))
            return true;
    return streq(name, LOCATION_LOCAL);
}

static void warn_undeclared(struct loader *l, const struct config_target *t, const char *name)
{
    loader_warn(
        l, t->at, "locations",
        arena_printf(l->tree,
                     "no row of the file's `locations` is called \"%s\"; the target \"%s\" is "
                     "unknown there until an agent with a token of that name connects",
                     name, t->spec.name));
}

void loader_locations_named(struct loader *l)
{
    struct map_str *told = map_str_new();
    for (uint32_t i = 0; i < l->cfg->n_targets; i++) {
        const struct config_target *t = &l->cfg->targets[i];
        for (uint32_t k = 0; k < t->spec.locations.n; k++) {
            const char *name = t->spec.locations.at[k];
            if (!is_declared(l, name) && map_str_put(told, name, strlen(name), told) == NULL)
                warn_undeclared(l, t, name);
        }
    }
    map_str_free(told);
}
