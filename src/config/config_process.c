/* `processes:` of belfry.yaml: the section with its units resolved (process.h), their health probes checked by the probers,
 * their channels by name, and what is worth a warning. Runs while a file is loaded. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "config/process_priv.h"

/* The monitor of units is the section's or, by the seed's name, proxy.monitor. */
static void take_monitor(struct loader *l)
{
    const struct node *proxy = node_get(node_get(l->root, "proxy"), "monitor"),
                      *own = node_get(node_get(l->root, "processes"), "monitor");
    if (proxy == NULL || proxy->kind == NODE_NULL)
        return;
    if (own != NULL && own->kind != NODE_NULL)
        problem_add(l->problems, proxy, "proxy.monitor",
                    "is another name of processes.monitor, which stands in %s:%u; want one of them",
                    own->file, own->key_line);
    l->cfg->processes.monitor = l->raw.proxy.monitor;
}

static void keep_files(struct loader *l, struct node *n, const char **from, const char **to)
{
    if (n->file != NULL && n->file != *from) {
        *from = n->file;
        *to = arena_strdup(l->arena, n->file);
    }
    if (n->file != NULL)
        n->file = *to;
    if (n->kind == NODE_LIST || n->kind == NODE_MAP)
        for (struct node *c = n->first; c != NULL; c = c->next)
            keep_files(l, c, from, to);
}

void loader_keep_files(struct loader *l, struct node *n)
{
    const char *from = NULL, *to = NULL;
    keep_files(l, n, &from, &to);
}

/* --- one unit ------------------------------------------------------------------------------------
 */

static void check_channels(struct loader *l, const struct str_list *names, const struct node *map,
                           const char *path)
{
    const struct node *at = node_get(map, "channels");
    const uint32_t *indices;
    uint32_t n;
    if (at != NULL && at->kind != NODE_NULL)
        loader_channel_names(l, names, at, arena_printf(l->tree, "%s.channels", path), &indices,
                             &n);
}

/* A health probe is checked as the target that it would be. */
static bool check_health(struct loader *l, const struct process_unit *u)
{
    const struct process_config *c = u->config;
    const char *path = arena_printf(l->tree, "%s.health", u->path);
    struct process_health h = {0};
    if (c->health == NULL)
        return true;
    if (!options_bind(process_health_options, c->health, &h, l->tree, l->problems, path))
        return false;
    struct raw_target raw = {.url = h.url, .type = h.type, .config = h.config, .expect = h.expect};
    struct config_target t = {.at = c->health, .url = h.url};
    t.config = loader_document(l, &raw, c->health, path);
    t.spec = (struct target){.name = c->id,
                             .type = h.type,
                             .enabled = true,
                             .interval_ms = c->monitor.check_interval_ms,
                             .timeout_ms = c->monitor.health_timeout_ms,
                             .connect_timeout_ms = c->monitor.health_timeout_ms,
                             .attempts = 1,
                             .threshold = (int32_t)c->monitor.health_failures};
    return t.config != NULL && loader_check_target(l, &t, path);
}

static void load_unit(struct loader *l, const struct node *node, size_t index)
{
    const char *path = arena_printf(l->arena, "processes.units[%zu]", index);
    uint32_t n = 0;
    const struct process_unit *made =
        process_resolve(&l->cfg->processes, node, l->arena, l->problems, path, &n);
    bool good = made != NULL;
    if (!good)
        made = process_stand_in(node, l->arena, path, &n);
    else
        check_channels(l, &made[0].config->channels, node, path);
    for (uint32_t i = 0; good && i < n; i++)
        good = check_health(l, &made[i]);
    if (l->units.n + n > PROCESS_UNITS_MAX)
        problem_add(l->problems, node, path, "got more than %d units with their replicas",
                    PROCESS_UNITS_MAX);
    for (uint32_t i = 0; made != NULL && i < n && l->units.n < PROCESS_UNITS_MAX; i++)
        vec_push(&l->units, made[i]);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static void add_user(const char **users, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (streq(users[i], name))
            return;
    if (name[0] != '\0')
        users[(*n)++] = name;
}

static void list_users(struct loader *l)
{
    struct config *cfg = l->cfg;
    const struct str_list *more = &cfg->processes.users;
    struct str_list *all = &cfg->process_users;
    all->at = arena_array_of(l->arena, const char *, cfg->n_units + more->n + 1);
    for (uint32_t i = 0; i < cfg->n_units; i++)
        if (cfg->units[i].replica <= 1)
            add_user(all->at, &all->n, cfg->units[i].config->user);
    for (size_t i = 0; i < more->n; i++)
        add_user(all->at, &all->n, more->at[i]);
}

static void warn_machine(void *arg, const struct node *at, const char *field, const char *text)
{
    loader_warn(arg, at, field, text);
}

static void warn(struct loader *l)
{
    const struct config *cfg = l->cfg;
    bool watched = false;
    for (uint32_t i = 0; i < cfg->n_units; i++)
        watched |= cfg->units[i].config->monitor.enable;
    const struct node *section = node_get(l->root, "processes");
    const struct node *monitor = node_get(section, "monitor");
    if (cfg->n_units > 0 && !watched)
        loader_warn(l, monitor != NULL ? monitor : section, "processes.monitor.enable",
                    "is false, the default: programs that die are not restarted");
    if (!l->in->alone)
        process_warn_machine(cfg->units, cfg->n_units, l->tree, warn_machine, l);
}

static void load_units(struct loader *l, struct node *list)
{
    loader_keep_files(l, list);
    size_t index = 0;
    for (const struct node *c = list->first; c != NULL; c = c->next)
        load_unit(l, c, index++);
    if (l->units.n > 0)
        l->cfg->units = arena_memdup(l->arena, l->units.at, l->units.n * sizeof(*l->units.at));
    l->cfg->n_units = (uint32_t)l->units.n;
    process_check_all(l->cfg->units, l->cfg->n_units, l->arena, l->problems);
}

void loader_processes(struct loader *l)
{
    struct config *cfg = l->cfg;
    cfg->processes = l->raw.processes;
    take_monitor(l);
    check_channels(l, &cfg->processes.channels, node_get(l->root, "processes"), "processes");
    /* Bound a moment ago into our own arena: it is ours to write to. */
    struct node *list = (struct node *)cfg->processes.units;
    if (list != NULL && list->kind != NODE_LIST)
        problem_add(l->problems, list, "processes.units", "got %s; want a list of maps",
                    node_kind_name(list));
    if (list == NULL || list->kind != NODE_LIST)
        list = node_list(l->arena);
    cfg->processes.units = list;
    load_units(l, list);
    must(cfg->n_units <= PROCESS_UNITS_MAX);
    list_users(l);
    warn(l);
}
