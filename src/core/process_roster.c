/* Which supervised programs there are to be: the units of the file, then those of the API, resolved and checked as a
 * whole, with what a person switched on or off. Made anew at each change; nothing here changes what runs. Main loop. */
#include "core/process_priv.h"

static void add_unit(struct roster *r, const struct process_unit *u, const struct node *doc)
{
    vec_push(&r->units, *u);
    vec_push(&r->documents, doc);
}

static void add_file(struct roster *r)
{
    const struct node *at = NULL, *doc = NULL;
    for (uint32_t i = 0; i < r->config->n_units; i++) {
        const struct process_unit *u = &r->config->units[i];
        if (u->at != at) /* replicas share theirs */
            doc = options_normalize(process_unit_options, u->at, r->arena);
        at = u->at;
        add_unit(r, u, doc);
    }
    r->n_file = r->units.n;
}

/* The warden refuses others too, by its own reading of the file; here the one who asks hears why. */
static bool may_run_as(const struct config *cfg, const char *user)
{
    bool may = !*user || streq(user, cfg->server.user);
    for (size_t i = 0; !may && i < cfg->process_users.n; i++)
        may = streq(user, cfg->process_users.at[i]);
    return may;
}

static bool add_document(struct roster *r, const struct node *doc, struct problems *p)
{
    uint32_t n = 0;
    const struct process_unit *units =
        process_resolve(&r->config->processes, doc, r->arena, p, "", &n);
    if (!units)
        return false;
    const char *user = units[0].config->user;
    if (!may_run_as(r->config, user)) {
        problem_add(p, node_get(doc, "user"), "user",
                    "got \"%s\"; want a user whom the configuration file names, in a unit or in "
                    "processes.users",
                    user);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        add_unit(r, &units[i], doc);
    return true;
}

static bool add_stored(struct roster *r, const char *id, const char *json)
{
    struct err err = {0};
    struct problems p;
    problems_init(&p, r->arena);
    const struct node *doc = node_from_json(r->arena, json, strlen(json), &err);
    bool good = doc && add_document(r, doc, &p);
    if (!good)
        log_error("a stored program cannot be run by this build", F_STR("unit", id),
                  F_STR("error", p.list.n ? p.list.at[0].message : err.msg));
    problems_done(&p);
    return good;
}

static bool check(struct roster *r, struct problems *p)
{
    return process_check_all(r->units.at, (uint32_t)r->units.n, r->arena, p);
}

/* The file took an id that the API had, or dropped what one of the API's needs: those that fit are run. */
static void take_what_fits(struct roster *r)
{
    size_t n = r->units.n;
    r->units.n = r->documents.n = r->n_file;
    for (size_t from = r->n_file, to; from < n; from = to) {
        size_t kept = r->units.n;
        for (to = from; to < n && r->documents.at[to] == r->documents.at[from]; to++) {
            r->units.at[r->units.n++] = r->units.at[to];
            r->documents.at[r->documents.n++] = r->documents.at[to];
        }
        struct problems p;
        problems_init(&p, r->arena);
        if (!check(r, &p)) {
            log_error("a program of the API is not run beside those of the configuration",
                      F_STR("unit", r->units.at[kept].config->id),
                      F_STR("error", p.list.n ? p.list.at[0].message : ""));
            r->units.n = r->documents.n = kept;
        }
        problems_done(&p);
    }
}

/* A person's switch goes into what the warden reads. */
static void apply_switch(struct core *c, struct roster *r, struct process_unit *u)
{
    bool says = u->config->monitor.enable && u->config->enabled;
    bool on = core__switched_unit(c, u->config->id, says);
    if (on == says)
        return;
    struct process_config *config = arena_memdup(r->arena, u->config, sizeof(*config));
    struct node *doc = node_copy(r->arena, u->doc);
    struct node *monitor = node_get(doc, "monitor");
    if (!monitor) {
        monitor = node_map(r->arena);
        node_put(doc, r->arena, "monitor", monitor);
    }
    config->enabled = on;
    node_put(doc, r->arena, "enabled", node_bool(r->arena, on));
    if (on) {
        config->monitor.enable = true;
        node_put(monitor, r->arena, "enable", node_bool(r->arena, true));
    }
    u->config = config;
    u->doc = doc;
}

static bool add_api(struct core *c, const struct roster_change *change, struct roster *r,
                    struct problems *p)
{
    const char *id;
    size_t len;
    void *json;
    bool fresh = change && change->doc;
    for (size_t it = 0; map_str_next(c->programs->api_docs, &it, &id, &len, &json);)
        if (!change || !str_eqz((struct str){id, len}, change->id))
            add_stored(r, id, json);
    return !fresh || add_document(r, change->doc, p);
}

bool core__roster_make(struct core *c, const struct roster_change *change, struct roster *out,
                       struct problems *p)
{
    *out = (struct roster){.arena = arena_new(), .config = config_ref(c->config)};
    add_file(out);
    bool good = add_api(c, change, out, p);
    struct problems all;
    problems_init(&all, out->arena);
    if (good && !check(out, change ? p : &all)) {
        good = !change;
        if (good)
            take_what_fits(out);
    }
    problems_done(&all);
    if (!good) {
        core__roster_done(out);
        return false;
    }
    vec_each (&out->units, u)
        apply_switch(c, out, u);
    return true;
}

void core__roster_done(struct roster *r)
{
    vec_done(&r->units);
    vec_done(&r->documents);
    arena_free(r->arena);
    config_unref(&r->config);
    r->arena = NULL;
}
