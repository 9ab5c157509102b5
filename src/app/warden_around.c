/* What a user's program finds around itself: the user and groups that it may run as, its environment, its cgroup. Called
 * when data/run/programs is read; the warden's one thread.
 *
 * Rights: under server.user the core is that user, so what it writes must not make the warden start something as anybody
 * it likes. Users and groups are taken that the configuration file named when the warden read it, at its start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/warden_programs.h"
#include "base/str.h"

/* --- whom it may run as --------------------------------------------------------------------- */

/* By its name, as mostly, or by another name or the number of the same user: looking users up takes a tenth of a
 * millisecond each, and there may be a thousand units. */
static bool may_be_user(const char *const *names, const char *name, uid_t uid)
{
    struct spawn_user u;
    for (const char *const *it = names; it && *it; it++)
        if (streq(*it, name))
            return true;
    for (const char *const *it = names; it && *it; it++)
        if (spawn_user_find(*it, &u, NULL) == 0 && u.uid == uid)
            return true;
    return false;
}

static bool may_become_others(void)
{
    spawn_raise();
    bool root = geteuid() == 0;
    spawn_unraise();
    return root;
}

/* What its user has anyway, or what the configuration file itself named. */
static bool group_allowed(const struct warden *w, const struct process_config *c,
                          const struct spawn_user *own, gid_t gid)
{
    if (gid == own->gid)
        return true;
    for (uint32_t i = 0; i < own->n_groups; i++)
        if (own->groups[i] == gid)
            return true;
    for (const char *const *name = w->cfg->program_groups; name && *name; name++) {
        struct spawn_user_names names = {.user = c->user, .group = *name};
        struct spawn_user u;
        if (spawn_user_resolve(&names, &u, NULL) == 0 && u.gid == gid)
            return true;
    }
    return false;
}

static int check_groups(const struct warden *w, const struct process_config *c,
                        const struct spawn_user *u, struct err *err)
{
    struct spawn_user_names names = {.user = c->user};
    struct spawn_user own;
    if (!*c->group && c->groups.n == 0)
        return 0;
    if (spawn_user_resolve(&names, &own, err) < 0)
        return -1;
    bool good = group_allowed(w, c, &own, u->gid);
    for (uint32_t i = 0; good && i < u->n_groups; i++)
        good = group_allowed(w, c, &own, u->groups[i]);
    if (good)
        return 0;
    return err_set(err, ERR_DENIED,
                   "cannot give it a group that its user does not have: only units of the "
                   "configuration file may name such groups, known at Belfry's start");
}

/* With no group named. Of a thousand units in a list most have the same few users, and each look asks several databases. */
static int find_plain_user(struct programs *p, const char *name, struct spawn_user *out,
                           struct err *err)
{
    const struct spawn_user *known = map_str_get(p->users, name, strlen(name));
    struct spawn_user_names names = {.user = name};
    if (known) {
        *out = *known;
        return 0;
    }
    if (spawn_user_resolve(&names, out, err) < 0)
        return -1;
    struct spawn_user *kept = malloc(sizeof(*kept));
    must(kept);
    *kept = *out;
    map_str_put(p->users, name, strlen(name), kept);
    return 0;
}

void programs_forget_users(struct programs *p)
{
    const char *name;
    size_t it = 0, n;
    void *user;
    while (map_str_next(p->users, &it, &name, &n, &user))
        free(user);
    map_str_free(p->users);
    p->users = map_str_new();
}

static int find_user(struct programs *p, const struct process_config *c, struct spawn_user *out,
                     struct err *err)
{
    struct spawn_user_names names = {
        .user = c->user, .group = c->group, .groups = c->groups.at, .n_groups = c->groups.n};
    if (!*c->group && c->groups.n == 0)
        return find_plain_user(p, c->user, out, err);
    return spawn_user_resolve(&names, out, err);
}

int program_user(struct programs *p, const struct process_config *c, struct spawn_user *out,
                 struct err *err)
{
    const struct warden *w = p->w;
    if (find_user(p, c, out, err) < 0)
        return -1;
    if (out->uid != getuid() && !may_become_others())
        return err_set(err, ERR_DENIED, "cannot run as %s: Belfry was not started by root",
                       c->user);
    if (out->uid != getuid() && !may_be_user(w->cfg->program_users, c->user, out->uid))
        return err_set(err, ERR_DENIED,
                       "cannot run as %s: neither a unit of the configuration file nor "
                       "processes.users named it when Belfry started; see belfry upgrade",
                       c->user);
    return check_groups(w, c, out, err);
}

/* --- environment ---------------------------------------------------------------------------- */

static struct environ_pair *copy_pairs(const struct pair_list *l)
{
    struct environ_pair *pairs = calloc(l->n + 1, sizeof(*pairs));
    must(pairs);
    for (size_t i = 0; i < l->n; i++) {
        pairs[i] = (struct environ_pair){strdup(l->at[i].key), strdup(l->at[i].value)};
        must(pairs[i].name && pairs[i].value);
    }
    return pairs;
}

static void keep_pairs(struct program *g, const struct process_config *c)
{
    for (size_t i = 0; i < g->n_pairs; i++) {
        free((char *)g->pairs[i].name);
        free((char *)g->pairs[i].value);
    }
    free(g->pairs);
    free(g->environment_file);
    g->pairs = NULL;
    g->environment_file = NULL;
    g->n_pairs = 0;
    if (!c || !*c->environment_file)
        return;
    g->environment_file = strdup(c->environment_file);
    must(g->environment_file);
    g->pairs = copy_pairs(&c->environment);
    g->n_pairs = c->environment.n;
}

void program_forget_environment(struct program *g)
{
    keep_pairs(g, NULL);
}

int program_environment(struct program *g, const struct process_config *c, struct arena *a,
                        struct spawn *s, struct err *err)
{
    struct environ_pair *pairs = arena_array_of(a, struct environ_pair, c->environment.n + 1);
    for (size_t i = 0; i < c->environment.n; i++)
        pairs[i] = (struct environ_pair){c->environment.at[i].key, c->environment.at[i].value};
    const char *address = NULL;
    if (program_open_notify(g, c, a, &address, err) < 0)
        return -1;
    struct environ_spec e = {.clean = c->clean_environment,
                             .user = s->user,
                             .pairs = pairs,
                             .n_pairs = c->environment.n,
                             .unit = g->id,
                             .instance = g->owner->w->run_dir,
                             .notify_socket = address,
                             .watchdog_us = g->watchdog_us};
    char **built = environ_build(&e, err);
    if (!built)
        return -1;
    size_t n = 0;
    while (built[n])
        n++;
    const char **env = arena_array_of(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        env[i] = arena_strdup(a, built[i]);
    env[n] = NULL;
    free(built);
    s->env = env;
    keep_pairs(g, c);
    return 0;
}

/* --- cgroup --------------------------------------------------------------------------------- */

static struct cgroup_base *cgroups(struct programs *p)
{
    struct err err = {0};
    if (p->cgroups_tried)
        return p->cgroups;
    p->cgroups_tried = true;
    char instance[40];
    const char *run_dir = p->w->run_dir;
    snprintf(instance, sizeof(instance), "belfry-%016llx",
             (unsigned long long)hash_bytes(run_dir, strlen(run_dir), 0));
    p->cgroups = cgroup_open(NULL, instance, &err);
    if (p->cgroups)
        log_info("programs run in cgroups of their own");
    else
        log_info("programs have no cgroups here; their memory is bounded by watching it",
                 F_STR("reason", err.msg));
    return p->cgroups;
}

bool program_cgroup(struct program *g, const struct process_config *c, struct arena *a,
                    struct spawn *s)
{
    struct cgroup_base *b = cgroups(g->owner);
    struct cgroup_limits l = {.memory_max = (uint64_t)c->limits.memory,
                              .memory_high = (uint64_t)c->limits.memory_high,
                              .cpu_max = c->limits.cpu,
                              .pids_max = (uint32_t)c->limits.tasks};
    const char *missing = NULL;
    char *path = NULL;
    struct err err = {0};
    if (!b)
        return false;
    int rc = cgroup_unit(b, g->id, &l, &path, &missing, &err);
    if (rc < 0)
        log_warn("a program has no cgroup", F_STR("unit", g->id), F_ERR(&err));
    else if (missing)
        log_warn("a program's limits are not all in force: the cgroup has no such controller",
                 F_STR("unit", g->id), F_STR("controller", missing));
    if (rc == 0)
        s->cgroup = arena_strdup(a, path);
    free(path);
    return rc == 0 && cgroup_has(b, "memory");
}
