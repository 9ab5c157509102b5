/* See import_blackbox_job.h.
 *
 *   static_configs ─┐
 *   file_sd_configs ┴─► labels (__address__, __param_…, job, its own) ──relabel_configs──► __param_target, __param_module, labels */
#include "cli/import_blackbox_job.h"

#include <fnmatch.h>
#include <string.h>

#include "base/str.h"
#include "config/option.h"
#include "wire/relabel.h"

const char *job_text(const struct node *map, const char *key)
{
    const struct node *n = map && map->kind == NODE_MAP ? node_get(map, key) : NULL;
    if (n && n->kind == NODE_LIST)
        n = n->first;
    return n && n->kind == NODE_TEXT && n->text.n ? n->text.p : NULL;
}

bool job_probes(const struct node *job)
{
    return streq(job_text(job, "metrics_path"), "/probe");
}

static const struct node *list_at(const struct node *map, const char *key)
{
    const struct node *n = map && map->kind == NODE_MAP ? node_get(map, key) : NULL;
    return n && n->kind == NODE_LIST ? n->first : NULL;
}

/* --- labels and rules --- */

struct rules {
    struct section_list list;
};
static const struct option rules_options[] = {
    {"relabel_configs", OPT_SECTIONS, offsetof(struct rules, list), .sub = relabel_options,
     .sub_size = sizeof(struct relabel_config), .max = 1000},
    OPTION_END,
};

/* NULL: there are none, or they are wrong, which was told. */
static struct relabel *rules_of(const struct job_reader *r, const struct node *job,
                                const char *name)
{
    const struct node *list = node_get(job, "relabel_configs");
    struct rules bound = {0};
    if (!list || list->kind != NODE_LIST)
        return NULL;
    struct node *map = node_map(r->arena), *copy = node_copy(r->arena, list);
    node_put(map, r->arena, "relabel_configs", copy);
    if (!options_bind(rules_options, map, &bound, r->arena, r->problems, name))
        return NULL;
    return relabel_new(bound.list.at, bound.list.n, copy, r->problems, name);
}

static void set(struct labels_builder *b, const char *name, const char *value)
{
    if (value)
        labels_builder_set(b, str_of(name), str_of(value));
}

static void set_all(const struct job_reader *r, struct labels_builder *b, const char *prefix,
                    const struct node *map)
{
    for (const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL; n; n = n->next)
        set(b, arena_printf(r->arena, "%s%s", prefix, n->key.p), job_text(map, n->key.p));
}

static const char *get(const struct labels_builder *b, const char *name, struct arena *a)
{
    for (size_t i = 0; i < b->n; i++)
        if (str_eqz(b->at[i].name, name) && b->at[i].value.n)
            return arena_strndup(a, b->at[i].value.p, b->at[i].value.n);
    return NULL;
}

/* --- targets --- */

struct walk {
    const struct job_reader *r;
    const struct node *job;
    const char *name;
    const struct relabel *relabel; /* NULL: no rules */
    size_t n;
};

static void add_target(struct walk *w, const struct node *at, const struct node *own)
{
    struct labels_builder b = {0};
    struct arena *a = w->r->arena;
    const char *address = at->kind == NODE_TEXT ? at->text.p : "";
    set(&b, "__scheme__", "http");
    set(&b, "__scheme__", job_text(w->job, "scheme"));
    set(&b, "__metrics_path__", "/probe");
    set(&b, "job", job_text(w->job, "job_name"));
    set_all(w->r, &b, "__param_", node_get(w->job, "params"));
    set_all(w->r, &b, "", own);
    set(&b, "__address__", address);
    w->n++;
    if (w->relabel && !relabel_apply(w->relabel, &b, a)) {
        problem_add(w->r->problems, at, w->name, "%s: relabel_configs drop it; left out", address);
    } else {
        struct job_target t = {address,
                               get(&b, "__param_target", a),
                               get(&b, "__param_module", a),
                               get(&b, "__param_hostname", a),
                               at,
                               &b};
        if (!t.target)
            t.target = address;
        w->r->on_target(w->r->arg, &t);
    }
    labels_builder_done(&b);
}

/* [{targets: […], labels: {…}}, …], of static_configs and of a file alike. */
static void add_groups(struct walk *w, const struct node *first)
{
    for (const struct node *g = first; g; g = g->next)
        for (const struct node *t = list_at(g, "targets"); t; t = t->next)
            add_target(w, t, node_get(g, "labels"));
}

/* --- file_sd_configs --- */

static const char *whole_name(const char *beside, const char *name, struct arena *a)
{
    const char *slash = strrchr(beside, '/');
    if (name[0] == '/' || !slash)
        return name;
    return arena_printf(a, "%.*s/%s", (int)(slash - beside), beside, name);
}

static void add_file(struct walk *w, const struct import_file *f)
{
    struct err err = {0};
    const struct node *root =
        f->text.p ? node_from_yaml(w->r->arena, f->text.p, f->text.n, f->name, &err) : NULL;
    if (!f->text.p)
        problem_add(w->r->problems, NULL, w->name, "file_sd_configs: %s cannot be read", f->name);
    else if (!root)
        problem_add_err(w->r->problems, &err, w->name);
    else if (root->kind != NODE_LIST && root->kind != NODE_NULL)
        problem_add(w->r->problems, root, w->name, "%s: got %s; want a list of targets", f->name,
                    node_kind_name(root));
    else
        add_groups(w, root->first);
}

static void add_pattern(struct walk *w, const struct node *at)
{
    const char *pattern = at->kind == NODE_TEXT ? at->text.p : "";
    const char *whole = whole_name(w->r->path, pattern, w->r->arena);
    size_t found = 0, before = w->n;
    for (size_t i = 0; i < w->r->n_files; i++)
        if (fnmatch(whole, w->r->files[i].name, FNM_PATHNAME | FNM_PERIOD) == 0) {
            add_file(w, &w->r->files[i]);
            found++;
        }
    if (!found)
        problem_add(w->r->problems, at, w->name, "file_sd_configs: there is no file %s", whole);
    else
        problem_add(w->r->problems, at, w->name,
                    "file_sd_configs: %s has %zu targets now; what becomes of the file later is "
                    "not followed",
                    whole, w->n - before);
}

void job_each_target(const struct job_reader *r, const struct node *job, const char *name)
{
    struct relabel *relabel = rules_of(r, job, name);
    struct walk w = {r, job, name, relabel, 0};
    must(r->on_target && r->path);
    add_groups(&w, list_at(job, "static_configs"));
    for (const struct node *c = list_at(job, "file_sd_configs"); c; c = c->next)
        for (const struct node *f = list_at(c, "files"); f; f = f->next)
            add_pattern(&w, f);
    relabel_free(relabel);
}

size_t job_patterns(struct str prometheus, const char *path, struct arena *a,
                    const char *out[JOB_PATTERNS_MAX])
{
    size_t n = 0;
    const struct node *root = node_from_yaml(a, prometheus.p, prometheus.n, path, NULL);
    for (const struct node *j = list_at(root, "scrape_configs"); j; j = j->next) {
        if (!job_probes(j))
            continue;
        for (const struct node *c = list_at(j, "file_sd_configs"); c; c = c->next)
            for (const struct node *f = list_at(c, "files"); f && n < JOB_PATTERNS_MAX; f = f->next)
                if (f->kind == NODE_TEXT)
                    out[n++] = whole_name(path, f->text.p, a);
    }
    return n;
}
