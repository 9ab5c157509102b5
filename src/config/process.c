/* From a unit's document to the units that run (config/process.h): bound by the table, filled up with what the section says,
 * checked, made once for each replica. Pure but for the time zone files that a schedule names; any process. */
#include "config/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/process_priv.h"

/* --- documents -----------------------------------------------------------------------------------
 */

static const struct node *present(const struct node *map, const char *key)
{
    const struct node *n = map != NULL ? node_get(map, key) : NULL;
    return n != NULL && n->kind != NODE_NULL ? n : NULL;
}

const struct node *process_given(const struct process_draft *d, const char *key)
{
    return present(d->doc, key);
}

bool process_fault(const struct process_draft *d, const char *key, const char *fmt, ...)
{
    const struct node *at = process_given(d, key);
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(d->arena, fmt, ap);
    va_end(ap);
    const char *field =
        arena_printf(d->arena, "%s%s%s", d->path, d->path[0] != '\0' ? "." : "", key);
    problem_add(d->problems, at != NULL ? at : d->doc, field, "%s", text);
    return false;
}

/* What stands for "not given" where 0 has a meaning: values without a default keep it. */
static struct process_config *blank_config(struct arena *a)
{
    struct process_config *c = arena_new_of(a, struct process_config);
    *c = (struct process_config){
        .priority = {.nice = PROCESS_AS_BELFRY, .oom_score = PROCESS_AS_BELFRY},
        .monitor = {.check_interval_ms = PROCESS_NOT_GIVEN,
                    .restart_cooldown_ms = PROCESS_NOT_GIVEN,
                    .max_restarts = PROCESS_NOT_GIVEN,
                    .health_timeout_ms = PROCESS_NOT_GIVEN,
                    .health_failures = PROCESS_NOT_GIVEN}};
    return c;
}

static bool same_node(const struct node *x, const struct node *y)
{
    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case NODE_NULL:
        return true;
    case NODE_TEXT:
        return str_eq(x->text, y->text);
    case NODE_INT:
        return x->num == y->num;
    case NODE_F64:
        return x->f64 == y->f64;
    case NODE_BOOL:
        return x->flag == y->flag;
    case NODE_LIST:
    case NODE_MAP:
        break;
    }
    if (x->count != y->count)
        return false;
    const struct node *b = y->first;
    for (const struct node *c = x->first; c != NULL; c = c->next, b = b->next)
        if (!str_eq(c->key, b->key) || !same_node(c, b))
            return false;
    return true;
}

/* What of `full` is not as in `usual`: a thousand units are read at each start of the warden. */
static struct node *unusual(const struct node *full, const struct node *usual, struct arena *a)
{
    struct node *map = node_map(a);
    for (const struct node *c = full->first; c != NULL; c = c->next) {
        const struct node *d = node_get(usual, c->key.p);
        if (d != NULL && same_node(c, d))
            continue;
        bool section = d != NULL && d->kind == NODE_MAP && c->kind == NODE_MAP;
        node_put(map, a, c->key.p, section ? unusual(c, d, a) : node_copy(a, c));
    }
    return map;
}

static struct process_config *default_config(struct arena *a)
{
    struct process_config *c = blank_config(a);
    struct bind quiet = {.arena = a, .in_place = true};
    option_bind_map(&quiet, process_unit_options, NULL, c, NULL, false);
    return c;
}

/* All defaults but the monitor's, which has none of its own and is written whole. */
static const struct node *usual_document(struct arena *a)
{
    struct process_config *c = default_config(a);
    c->monitor = (struct process_monitor){0};
    struct node *doc = options_document(process_unit_options, c, a);
    node_put(doc, a, "monitor", node_list(a));
    return doc;
}

const struct node *process_document(const struct process_config *c, struct arena *a)
{
    struct arena *scratch = arena_new();
    const struct node *doc =
        unusual(options_document(process_unit_options, c, scratch), usual_document(scratch), a);
    arena_free(scratch);
    return doc;
}

/* --- one unit ------------------------------------------------------------------------------------
 */

static void inherit_number(int64_t *value, int64_t from)
{
    if (*value == PROCESS_NOT_GIVEN)
        *value = from;
}

static void inherit(struct process_draft *d, const struct process_section *s)
{
    struct process_config *c = d->config;
    struct process_monitor *m = &c->monitor;
    const struct process_monitor *from = &s->monitor;
    if (present(process_given(d, "monitor"), "enable") == NULL)
        m->enable = from->enable;
    inherit_number(&m->check_interval_ms, from->check_interval_ms);
    inherit_number(&m->restart_cooldown_ms, from->restart_cooldown_ms);
    inherit_number(&m->max_restarts, from->max_restarts);
    inherit_number(&m->health_timeout_ms, from->health_timeout_ms);
    inherit_number(&m->health_failures, from->health_failures);
    if (c->channels.at == NULL)
        c->channels = s->channels;
}

/* A timeout that is written down must fit the interval; one that is only inherited shrinks to it. */
static bool fit_timeout(struct process_draft *d)
{
    struct process_monitor *m = &d->config->monitor;
    char got[DURATION_SIZE], want[DURATION_SIZE];
    if (m->check_interval_ms <= 0 || m->health_timeout_ms <= m->check_interval_ms)
        return true;
    if (present(process_given(d, "monitor"), "health_timeout") != NULL)
        return process_fault(d, "monitor",
                             "health_timeout: got %s; want at most check_interval, %s",
                             duration_format(m->health_timeout_ms, got),
                             duration_format(m->check_interval_ms, want));
    m->health_timeout_ms = m->check_interval_ms;
    return true;
}

/* What follows from other values when it is not given itself. */
static void imply(struct process_draft *d)
{
    struct process_config *c = d->config;
    bool job = c->schedule[0] != '\0';
    if (job && process_given(d, "kind") == NULL)
        c->kind = PROCESS_ONESHOT;
    if (job && process_given(d, "autostart") == NULL)
        c->autostart = false;
    if (c->kind == PROCESS_ONESHOT && process_given(d, "restart") == NULL)
        c->restart = PROCESS_RESTART_NEVER;
    if (c->adopt.systemd[0] != '\0' && c->command.n == 0) {
        const char **argv = arena_array_of(d->arena, const char *, 4);
        argv[0] = "systemctl";
        argv[1] = "restart";
        argv[2] = c->adopt.systemd;
        c->command = (struct str_list){argv, 3};
    }
}

/* One text instead of a list is divided into words. */
static bool split(struct process_draft *d, const char *key, struct str_list *list)
{
    const struct node *n = process_given(d, key);
    if (n == NULL || n->kind == NODE_LIST || (d->config->shell && streq(key, "command")))
        return true;
    must(list->n == 1);
    struct err err = {0};
    const struct str_list *words = process_words(list->at[0], d->arena, &err);
    if (words == NULL)
        return process_fault(d, key, "%s", err.msg);
    *list = *words;
    return true;
}

struct process_config *process_bind(const struct process_section *section, const struct node *doc,
                                    struct arena *a, struct problems *p, const char *path)
{
    must(doc != NULL && path != NULL);
    struct process_config *c = blank_config(a);
    struct process_draft d = {.doc = doc, .path = path, .arena = a, .problems = p, .config = c};
    if (!options_bind(process_unit_options, doc, c, a, p, path))
        return NULL;
    bool good = split(&d, "command", &c->command);
    good &= split(&d, "pre_start", &c->pre_start);
    good &= split(&d, "post_stop", &c->post_stop);
    imply(&d);
    if (section != NULL)
        inherit(&d, section);
    good &= fit_timeout(&d);
    good &= process_check(&d);
    return good ? c : NULL;
}

/* --- replicas ------------------------------------------------------------------------------------
 */

static bool finish_unit(struct process_unit *u, const struct process_section *section,
                        const struct node *doc, struct arena *a, struct problems *p)
{
    struct process_config *c = process_bind(section, doc, a, p, u->path);
    if (c == NULL)
        return false;
    c->replicas = 1;
    u->config = c;
    u->doc = process_document(c, a);
    return true;
}

/* The document of replica `number`, on its own: one of one. */
static const struct node *replica_doc(const struct node *doc, uint32_t number, struct arena *a)
{
    struct node *own = node_copy(a, doc);
    process_number(own, number, a);
    node_put(own, a, "replicas", node_int(a, 1));
    return own;
}

static const char *kept_path(const char *path, struct arena *a)
{
    return path != NULL ? arena_strdup(a, path) : "";
}

/* id and replicas alone, before anything else: they say how often the rest is read. False: a problem was added. */
static bool count_replicas(const struct node *doc, struct arena *a, struct problems *p,
                           const char *path, const char **id, uint32_t *count)
{
    struct process_config *c = blank_config(a);
    struct process_draft d = {.doc = doc, .path = path, .arena = a, .problems = p, .config = c};
    if (!options_bind(process_unit_options, doc, c, a, p, path)) {
        process_check_values(&d); /* all that is wrong is told at once */
        return false;
    }
    bool several = process_given(&d, "replicas") != NULL, numbered = strstr(c->id, "%i") != NULL;
    *id = c->id;
    *count = numbered ? (uint32_t)c->replicas : 0;
    if (numbered && !several)
        return process_fault(&d, "id", "got \"%s\" with %%i, but no replicas; want both or neither",
                             c->id);
    if (!numbered && c->replicas > 1)
        return process_fault(&d, "id", "got \"%s\" for %lld replicas; want a name with %%i in it",
                             c->id, (long long)c->replicas);
    if (numbered && c->schedule[0] != '\0')
        return process_fault(&d, "replicas", "a job (schedule) has no replicas");
    return true;
}

const struct process_unit *process_resolve(const struct process_section *section,
                                           const struct node *doc, struct arena *a,
                                           struct problems *p, const char *path, uint32_t *n)
{
    must(section != NULL && doc != NULL && n != NULL);
    const char *id;
    uint32_t count;
    path = kept_path(path, a);
    if (!count_replicas(doc, a, p, path, &id, &count))
        return NULL;
    uint32_t n_units = count > 0 ? count : 1;
    must(n_units <= PROCESS_REPLICAS_MAX);
    struct process_unit *units = arena_array_of(a, struct process_unit, n_units);
    for (uint32_t i = 0; i < n_units; i++) {
        units[i] = (struct process_unit){
            .at = doc, .path = path, .template_id = id, .replica = count > 0 ? i + 1 : 0};
        const struct node *own = count > 0 ? replica_doc(doc, i + 1, a) : doc;
        if (!finish_unit(&units[i], section, own, a, p))
            return NULL; /* one replica's problems are enough */
    }
    *n = n_units;
    return units;
}

/* --- stand-ins -----------------------------------------------------------------------------------
 */

const struct process_unit *process_stand_in(const struct node *doc, struct arena *a,
                                            const char *path, uint32_t *n)
{
    const struct node *id = present(doc, "id"), *replicas = present(doc, "replicas");
    int64_t count = 1;
    if (id == NULL || id->kind != NODE_TEXT)
        return NULL;
    bool several = strstr(id->text.p, "%i") != NULL;
    if (!several || replicas == NULL || !scalar_i64(replicas, &count) || count < 1 ||
        count > PROCESS_REPLICAS_MAX)
        count = 1;
    struct process_unit *units = arena_array_of(a, struct process_unit, count);
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        struct node *name = node_copy(a, id);
        struct process_config *c = default_config(a);
        if (several)
            process_number(name, i + 1, a);
        c->id = name->text.p;
        units[i] = (struct process_unit){.config = c,
                                         .at = doc,
                                         .path = path,
                                         .template_id = id->text.p,
                                         .replica = several ? i + 1 : 0};
    }
    *n = (uint32_t)count;
    return units;
}
