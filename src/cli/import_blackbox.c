/* blackbox_exporter's modules, and the jobs of a prometheus.yml that probe by them, as groups of targets: a job is a group, each
 * of its targets (import_blackbox_job.h) a target, probed as its module says. Without prometheus.yml there are no targets to take: what is
 * written then lets /probe answer with the modules. Pure but for the files that are read. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/import_blackbox_job.h"
#include "cli/import_doc.h"
#include "probe/blackbox.h"
#include "probe/pattern.h"
#include "probe/prober.h"

#define FILE_MAX_BYTES (16u << 20)
#define FILES_MAX      500
#define FILE_MARK      "content of " /* what bb_translate puts where a file would be read */

static const char head[] =
    "# Imported from blackbox_exporter. Look through it, then: belfry apply -f FILE, or take it "
    "as belfry.yaml.\n"
    "# A Prometheus that asks blackbox_exporter may ask Belfry's /probe instead: "
    "server.blackbox_file names the modules.\n";

struct bbox {
    struct arena *arena;
    struct problems *problems;
    struct import_doc doc;
    struct bb_modules *modules;
    const struct node *global; /* of prometheus.yml; NULL */
};

/* One scrape job that probes. */
struct job {
    struct bbox *b;
    const char *name;
    int64_t interval_ms, timeout_ms;
};

static int64_t duration_at(const struct bbox *b, const struct node *job, const char *key,
                           int64_t absent)
{
    const char *text = job_text(job, key);
    int64_t ms;
    if (!text)
        text = job_text(b->global, key);
    return text && duration_parse(str_of(text), &ms, NULL) == 0 && ms > 0 ? ms : absent;
}

/* --- a target's document --- */

/* What is the prober's own default, or Belfry's better one, need not be said. */
static bool is_needless(const struct option *table, const struct node *n)
{
    static const char *const dropped[][2] = {{"cookies", "true"},
                                             {"expiry_warning", "0"},
                                             {"max_body_action", "skip"},
                                             {"ip_version", "prefer_6"}};
    const struct option *o = table;
    while (o && o->name && !str_eqz(n->key, o->name))
        o++;
    const char *def = o && o->name ? o->def : NULL;
    char number[32];
    snprintf(number, sizeof(number), "%lld", n->kind == NODE_INT ? (long long)n->num : 0);
    const char *text = n->kind == NODE_TEXT   ? n->text.p
                       : n->kind == NODE_BOOL ? (n->flag ? "true" : "false")
                       : n->kind == NODE_INT  ? number
                                              : NULL;
    for (size_t i = 0; text && i < array_len(dropped); i++)
        if (str_eqz(n->key, dropped[i][0]) && streq(text, dropped[i][1]))
            return true;
    return text ? streq(text, def ? def : "") : !n->first;
}

static const struct option *below(const struct option *table, struct str key)
{
    for (const struct option *o = table; o && o->name; o++)
        if (str_eqz(key, o->name))
            return o->sub;
    return NULL;
}

static struct node *plain(struct bbox *b, const struct node *n, const struct option *table)
{
    struct arena *a = b->arena;
    if (n->kind == NODE_TEXT && str_starts(n->text, STR(PATTERN_GO)))
        return node_text(a, n->text.p + strlen(PATTERN_GO));
    if (n->kind != NODE_MAP && n->kind != NODE_LIST)
        return node_copy(a, n);
    struct node *out = n->kind == NODE_MAP ? node_map(a) : node_list(a);
    for (const struct node *c = n->first; c; c = c->next) {
        struct node *copy = plain(b, c, n->kind == NODE_MAP ? below(table, c->key) : table);
        if (n->kind == NODE_LIST) {
            node_append(out, copy);
            continue;
        }
        copy->key = c->key;
        if (!is_needless(table, copy))
            node_put(out, a, c->key.p, copy);
    }
    return out;
}

static void tell_files(struct bbox *b, const struct node *n, const char *name)
{
    if (n->kind == NODE_TEXT && str_starts(n->text, STR(FILE_MARK)))
        problem_add(b->problems, n, name, "\"%s\": put that there yourself", n->text.p);
    if (n->kind == NODE_MAP || n->kind == NODE_LIST)
        for (const struct node *c = n->first; c; c = c->next)
            tell_files(b, c, name);
}

/* url, type and expect stand beside config, as people write them. */
static struct node *document(struct bbox *b, const struct bb_probe *probe, const char *name)
{
    struct arena *a = b->arena;
    struct node *t = node_map(a), *config = node_map(a);
    const struct prober_ops *ops = prober_by_type(probe->type, NULL);
    struct node *all = plain(b, probe->config, ops ? ops->options : NULL);
    const struct node *most = node_get(probe->config, "max_body_action");
    bool bounded = most && !str_eqz(most->text, "skip");
    import_doc_put(&b->doc, t, "name", name);
    if (!node_get(all, "url"))
        import_doc_put(&b->doc, t, "type", probe->type);
    for (struct node *n = all->first, *next; n; n = next) {
        next = n->next;
        bool beside = str_eqz(n->key, "url") || str_eqz(n->key, "expect");
        if (!str_eqz(n->key, "max_body") || bounded)
            node_put(beside ? t : config, a, n->key.p, node_copy(a, n));
    }
    if (config->first)
        node_put(t, a, "config", config);
    tell_files(b, t, name);
    return t;
}

/* --- a job's targets --- */

static void add_labels(struct bbox *b, struct node *t, const struct labels_builder *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        const struct label_pair *l = &labels->at[i];
        bool told = str_starts(l->name, STR("__")) || str_eqz(l->name, "job") ||
                    str_eqz(l->name, "instance"); /* the group's name, and the target's */
        const char *key = arena_strndup(b->arena, l->name.p, l->name.n);
        const char *name = told ? NULL : import_doc_label(b->arena, key);
        if (name && l->value.n)
            import_doc_put(&b->doc, import_doc_section(&b->doc, t, "labels"), name,
                           arena_strndup(b->arena, l->value.p, l->value.n));
    }
}

/* How Prometheus calls it. */
static const char *name_of(const struct bbox *b, const struct job_target *t)
{
    const char *name = t->target;
    for (size_t i = 0; i < t->labels->n; i++)
        if (str_eqz(t->labels->at[i].name, "instance") && t->labels->at[i].value.n)
            name = arena_strndup(b->arena, t->labels->at[i].value.p, t->labels->at[i].value.n);
    return import_doc_line(b->arena, name, 250, "target");
}

static void add_target(void *arg, const struct job_target *t)
{
    const struct job *j = arg;
    struct bbox *b = j->b;
    struct err err = {0};
    struct bb_probe probe;
    const char *module = t->module ? t->module : BB_DEFAULT_MODULE;
    const struct bb_module *m = bb_module(b->modules, module);
    if (!m) {
        problem_add(b->problems, t->at, j->name, "%s: there is no good module \"%s\"; left out",
                    t->address, module);
        return;
    }
    if (bb_translate(m, t->target, t->hostname, false, b->arena, &probe, &err) == 0) {
        struct node *target = document(b, &probe, name_of(b, t));
        int64_t ms = bb_timeout_ms(m, (double)j->timeout_ms / 1000);
        if (ms > 0)
            import_doc_ms(&b->doc, target, "timeout", ms);
        add_labels(b, target, t->labels);
        if (import_doc_target(&b->doc, j->name, target, &err))
            return;
    }
    problem_add(b->problems, t->at, j->name, "%s: %s; left out", t->address, err.msg);
}

static bool is_known(struct str key)
{
    static const char *const known[] = {"job_name",        "metrics_path",    "params",
                                        "scrape_interval", "scrape_timeout",  "scheme",
                                        "static_configs",  "relabel_configs", "file_sd_configs"};
    for (size_t i = 0; i < array_len(known); i++)
        if (str_eqz(key, known[i]))
            return true;
    return false;
}

static void tell_unknown(const struct bbox *b, const char *job, const struct node *n)
{
    if (str_ends(n->key, STR("_sd_configs")))
        problem_add(b->problems, n, job,
                    "%s: what it finds is not taken; let this job ask Belfry's /probe instead, or "
                    "have file_sd_configs in its place",
                    n->key.p);
    else
        problem_add(b->problems, n, job, "%s is not taken", n->key.p);
}

static void add_job(struct bbox *b, const struct job_reader *reader, const struct node *n)
{
    if (!job_probes(n))
        return;
    const char *name = job_text(n, "job_name");
    struct job j = {.b = b, .name = import_doc_group_name(b->arena, name ? name : "", "blackbox")};
    j.interval_ms = duration_at(b, n, "scrape_interval", 60000);
    j.timeout_ms = duration_at(b, n, "scrape_timeout", 10000);
    import_doc_ms(&b->doc, import_doc_group(&b->doc, j.name), "interval", j.interval_ms);
    for (const struct node *c = n->first; c; c = c->next)
        if (!is_known(c->key))
            tell_unknown(b, j.name, c);
    struct job_reader r = *reader;
    r.arg = &j;
    job_each_target(&r, n, j.name);
}

/* files: prometheus.yml, then what its file_sd_configs name. */
static int add_jobs(struct bbox *b, const struct import_file *files, size_t n, struct err *err)
{
    const struct node *root =
        node_from_yaml(b->arena, files[0].text.p, files[0].text.n, files[0].name, err);
    if (!root)
        return -1;
    bool map = root->kind == NODE_MAP;
    struct job_reader r = {.arena = b->arena,
                           .problems = b->problems,
                           .path = files[0].name,
                           .files = files + 1,
                           .n_files = n - 1,
                           .on_target = add_target};
    b->global = map ? node_get(root, "global") : NULL;
    const struct node *jobs = map ? node_get(root, "scrape_configs") : NULL;
    const struct node *others = map ? node_get(root, "scrape_config_files") : NULL;
    if (others)
        problem_add(b->problems, others, "scrape_config_files", "these files are not read");
    for (const struct node *j = jobs && jobs->kind == NODE_LIST ? jobs->first : NULL; j;
         j = j->next)
        if (j->kind == NODE_MAP)
            add_job(b, &r, j);
    return 0;
}

/* --- the whole --- */

static bool tell_module(void *arg, const char *name, const struct bb_module *m)
{
    struct buf *out = arg;
    buf_puts(out, "#   ");
    import_put_comment(out, str_of(name));
    buf_printf(out, " (%s)\n", bb_module_prober(m));
    return true;
}

static int write_modules(struct bbox *b, const char *path, struct buf *yaml, struct err *err)
{
    buf_puts(yaml, head);
    buf_puts(yaml, "# Modules, for /probe?module=…&target=…; targets come with a prometheus.yml as "
                   "second argument:\n");
    bb_each(b->modules, tell_module, yaml);
    buf_puts(yaml, "server:\n  blackbox_file: ");
    import_put_text(yaml, str_of(path));
    buf_putc(yaml, '\n');
    return yaml->failed ? err_set(err, ERR_TOO_LARGE, "there are too many modules") : 0;
}

int import_blackbox_texts(const struct import_file *files, size_t n, struct buf *yaml,
                          struct problems *p, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct bbox b = {.arena = a, .problems = p};
    must(n >= 1);
    b.modules = bb_read_good(files[0].text, files[0].name, p);
    if (!b.modules)
        return err_set(err, ERR_INVALID, "%s cannot be read; want blackbox_exporter's modules",
                       files[0].name);
    import_doc_init(&b.doc, a, p, true);
    int rc =
        n == 1 ? write_modules(&b, files[0].name, yaml, err) : add_jobs(&b, files + 1, n - 1, err);
    if (rc == 0 && n > 1)
        rc = import_doc_write(&b.doc, head, yaml, err);
    import_doc_done(&b.doc);
    bb_unref(&b.modules);
    return rc;
}

/* --- files --- */

struct reading {
    struct arena *arena;
    struct import_file at[FILES_MAX];
    size_t n;
};

static int read_file(struct reading *r, const char *path, const char *name, struct err *err)
{
    struct buf text = BUF_INIT(FILE_MAX_BYTES);
    struct import_file *f = &r->at[r->n];
    int rc = fs_read_regular(path, &text, err);
    must(r->n < FILES_MAX);
    r->n++;
    f->name = arena_strdup(r->arena, name);
    if (rc == 0)
        f->text =
            (struct str){arena_strndup(r->arena, text.data ? text.data : "", text.len), text.len};
    buf_done(&text);
    return rc;
}

static int read_given(struct reading *r, const char *path, struct err *err)
{
    char *whole = realpath(path, NULL);
    int rc = read_file(r, path, whole ? whole : path, err);
    free(whole);
    return rc;
}

static bool is_read(const struct reading *r, const char *name)
{
    for (size_t i = 2; i < r->n; i++)
        if (streq(r->at[i].name, name))
            return true;
    return false;
}

/* One that cannot be read stays without a text; job_each_target tells of it. */
static void read_matches(struct reading *r, const char *pattern)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && r->n < FILES_MAX; i++)
            if (!is_read(r, found.gl_pathv[i]))
                read_file(r, found.gl_pathv[i], found.gl_pathv[i], NULL);
    globfree(&found);
}

int import_blackbox(char *const *paths, size_t n, struct buf *yaml, struct problems *p,
                    struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct reading *r = arena_new_of(a, struct reading);
    const char **patterns = arena_array_of(a, const char *, JOB_PATTERNS_MAX);
    r->arena = a;
    if (n > 2)
        return err_set(err, ERR_INVALID, "want blackbox.yml and at most one prometheus.yml");
    for (size_t i = 0; i < n; i++)
        if (read_given(r, paths[i], err) != 0)
            return -1;
    size_t n_patterns = n == 2 ? job_patterns(r->at[1].text, r->at[1].name, a, patterns) : 0;
    for (size_t i = 0; i < n_patterns; i++)
        read_matches(r, patterns[i]);
    return import_blackbox_texts(r->at, r->n, yaml, p, err);
}
