/* The snapshot's life: loading in its order, references, freeing (config/config.h). The single
 * steps are config_read.c, config_channel.c, config_group.c. Any process; a snapshot is immutable
 * once loaded. */
#include "config/config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config_priv.h"

/* --- server, store, directories ------------------------------------------------------------------
 */

static const struct node *setting(const struct loader *l, const char *section, const char *key)
{
    const struct node *n = node_get(l->root, section);
    return key != NULL && node_get(n, key) != NULL ? node_get(n, key) : n;
}

static void check_store(struct loader *l)
{
    struct str store = str_of(l->raw.store);
    const struct node *at = setting(l, "store", NULL);
    if (str_eqz(store, "sqlite"))
        return;
    if (str_starts(store, STR("postgresql://")) || str_starts(store, STR("postgres://")))
        problem_add(l->problems, at, "store", "PostgreSQL is not built in yet; want sqlite");
    else
        problem_add(l->problems, at, "store", "want sqlite or postgresql://user@host/db");
}

static const char *absolute(struct loader *l, const char *path)
{
    if (path[0] == '/')
        return path;
    if (l->cfg->dir[0] == '/')
        return arena_printf(l->arena, "%s/%s", streq(l->cfg->dir, "/") ? "" : l->cfg->dir, path);
    char *here = getcwd(NULL, 0);
    const char *text = arena_printf(l->arena, "%s/%s", here != NULL ? here : "", path);
    free(here);
    return text;
}

static void check_restart(struct loader *l)
{
    const struct config_restart *r = &l->cfg->restart;
    char got[DURATION_SIZE], want[DURATION_SIZE];
    if (r->delay_max_ms < r->delay_ms)
        problem_add(l->problems, setting(l, "restart", "delay_max"), "restart.delay_max",
                    "got %s; want at least the delay %s", duration_format(r->delay_max_ms, got),
                    duration_format(r->delay_ms, want));
}

/* --- the main table ------------------------------------------------------------------------------
 */

void loader_warn(struct loader *l, const struct node *at, const char *field, const char *text)
{
    struct problem one = {.field = field, .message = text};
    struct buf line = BUF_INIT(4096);
    if (at != NULL) {
        one.file = at->file;
        one.line = at->line;
        one.column = at->column;
    }
    problem_text(&one, &line);
    vec_push(&l->warnings, arena_strdup(l->arena, line.data));
    buf_done(&line);
}

static void warn_later(struct loader *l, const struct node *child)
{
    struct node key = {.file = child->file, .line = child->key_line, .column = child->key_column};
    loader_warn(l, &key, child->key.p, "not used yet by this version");
}

static bool is_later(struct str key)
{
    for (const struct option *o = config_file_options(); o->name != NULL; o++)
        if (o->offset >= offsetof(struct raw_file, later) && str_eqz(key, o->name))
            return true;
    return false;
}

/* The document without what is read apart from it, so that binding copies only what the snapshot
 * keeps. */
static struct node *main_part(struct loader *l)
{
    struct node *part = node_map(l->tree);
    part->file = l->root->file;
    part->line = l->root->line;
    part->column = l->root->column;
    for (const struct node *c = l->root->first; c != NULL; c = c->next) {
        if (is_later(c->key) && c->kind != NODE_NULL)
            warn_later(l, c);
        if (is_later(c->key) || str_eqz(c->key, "groups") || str_eqz(c->key, "channels"))
            continue;
        struct node *shell = arena_new_of(l->tree, struct node);
        *shell = *c;
        node_insert(part, c->key, shell);
    }
    return part;
}

static void bind_main(struct loader *l)
{
    options_bind(config_file_options(), main_part(l), &l->raw, l->arena, l->problems, "");
    struct config *c = l->cfg;
    c->server = l->raw.server;
    c->log = l->raw.log;
    c->results = l->raw.results;
    c->limits = l->raw.limits;
    c->restart = l->raw.restart;
    c->data_dir = absolute(l, l->raw.data_dir);
    c->log.dir = absolute(l, l->raw.log.dir);
    if (c->server.tls.cert_file[0] != '\0')
        c->server.tls.cert_file = absolute(l, c->server.tls.cert_file);
    if (c->server.tls.key_file[0] != '\0')
        c->server.tls.key_file = absolute(l, c->server.tls.key_file);
    loader_server(l);
    if (c->server.blackbox_file[0] != '\0') {
        c->server.blackbox_file = absolute(l, c->server.blackbox_file);
        loader_blackbox(l, setting(l, "server", "blackbox_file"));
    }
    c->access = l->raw.access;
    if (c->access.oidc.ca_file[0] != '\0')
        c->access.oidc.ca_file = absolute(l, c->access.oidc.ca_file);
    loader_access(l, setting(l, "access", "oidc"), setting(l, "access", "proxy"));
    loader_locations(l, setting(l, "locations", NULL));
    check_store(l);
    check_restart(l);
}

/* The table's own defaults are what `defaults` is put over. */
static struct inherited built_in(struct loader *l)
{
    struct raw_file blank = {0};
    struct problems none;
    problems_init(&none, l->tree);
    options_bind(config_file_options(), NULL, &blank, l->tree, &none, "");
    must(none.list.n == 0);
    problems_done(&none);
    return (struct inherited){.timing = blank.defaults};
}

static void load_lists(struct loader *l)
{
    struct inherited defaults = built_in(l);
    struct raw_timing given = {.resend_ms = l->raw.defaults.resend_ms,
                               .locations = l->raw.defaults.locations,
                               .location_quorum = l->raw.defaults.location_quorum,
                               .channels = l->raw.defaults.channels,
                               .labels = l->raw.defaults.labels};
    const struct node *map = node_get(l->root, "defaults");
    const struct raw_timing *all = &l->raw.defaults;
    given.interval_ms = node_get(map, "interval") != NULL ? all->interval_ms : 0;
    given.timeout_ms = node_get(map, "timeout") != NULL ? all->timeout_ms : 0;
    given.connect_timeout_ms =
        node_get(map, "connect_timeout") != NULL ? all->connect_timeout_ms : 0;
    given.attempts = all->attempts;
    given.threshold = all->threshold;
    given.success_threshold = all->success_threshold;
    loader_channels(l);
    timing_apply(l, &given, map, "defaults", l->arena, &defaults);
    loader_groups(l, &defaults);
    loader_locations_named(l);
    loader_processes(l);
    loader_metrics(l);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static struct str_list keep_list(struct arena *a, const char **at, size_t n)
{
    struct str_list list = {arena_array_of(a, const char *, n + 1), n};
    if (n > 0)
        memcpy(list.at, at, n * sizeof(*at));
    return list;
}

struct config *config_load(const struct config_input *in, const struct config_hooks *hooks,
                           struct problems *p)
{
    static const struct config_hooks no_hooks = {0};
    must(in != NULL && in->path != NULL && p != NULL);
    size_t before = p->list.n + p->dropped;
    struct arena *arena = arena_new();
    struct config_owner *owner = arena_new_of(arena, struct config_owner);
    *owner = (struct config_owner){
        .magic = CONFIG_MAGIC, .refs = 1, .arena = arena, .targets = arena_new()};
    struct loader l = {.owner = owner,
                       .cfg = &owner->shared,
                       .arena = arena,
                       .tree = owner->targets,
                       .in = in,
                       .hooks = hooks != NULL ? hooks : &no_hooks,
                       .problems = p};
    if (loader_read(&l)) {
        bind_main(&l);
        load_lists(&l);
        map_str_free(l.channel_names);
    }
    l.cfg->files = keep_list(arena, l.files.at, l.files.n);
    l.cfg->warnings = keep_list(arena, l.warnings.at, l.warnings.n);
    vec_done(&l.files);
    vec_done(&l.warnings);
    vec_done(&l.units);
    struct config *c = l.cfg;
    if (p->list.n + p->dropped > before)
        config_unref(&c);
    return c;
}

static struct config_owner *owner_of(struct config *c)
{
    struct config_owner *owner = (struct config_owner *)c;
    check_magic(owner, CONFIG_MAGIC);
    must(__atomic_load_n(&owner->refs, __ATOMIC_RELAXED) > 0);
    return owner;
}

struct config *config_ref(struct config *c)
{
    __atomic_add_fetch(&owner_of(c)->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void config_drop_targets(struct config *c)
{
    struct config_owner *owner = owner_of(c);
    must(__atomic_load_n(&owner->refs, __ATOMIC_RELAXED) == 1);
    c->targets = NULL;
    arena_free(owner->targets);
    owner->targets = NULL;
}

void config_unref(struct config **c)
{
    if (*c == NULL)
        return;
    struct config_owner *owner = owner_of(*c);
    *c = NULL;
    if (__atomic_sub_fetch(&owner->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    owner->magic = 0;
    arena_free(owner->targets);
    arena_free(owner->arena);
}
