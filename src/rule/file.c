/* Rule files (rule.h): groups, and what is common to all keys. Strict as Prometheus: what it does not know is a problem; everything
 * that is wrong is told at once, with its place. Any thread; blocking when it reads files. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "rule/rule.h"
#include "rule/rule_priv.h"

#define RULES_MAX 1000000

bool rule__problem(struct rule_reader *r, const struct node *at, const char *field, const char *fmt,
                   ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    problem_add(r->problems, at, field, "%.*s", (int)utf8_whole(text, strlen(text)), text);
    return false;
}

bool rule__check_keys(struct rule_reader *r, const struct node *map, const char *const *known,
                      size_t n, const char *path)
{
    bool ok = true;
    for (const struct node *c = map->first; c != NULL; c = c->next) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= str_eqz(c->key, known[i]);
        if (found)
            continue;
        const char *near = str_nearest(c->key.p, known, n);
        struct node at = *c;
        at.line = c->key_line;
        at.column = c->key_column;
        ok = rule__problem(r, &at, path, "unknown key \"%.60s\"%s%s%s", c->key.p,
                           near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                           near != NULL ? "\"?" : "");
    }
    return ok;
}

static const char *sub(struct rule_reader *r, const char *path, const char *key)
{
    return arena_printf(r->arena, "%s.%.60s", path, key);
}

bool rule__text(struct rule_reader *r, const struct node *map, const char *key, const char *path,
                struct str *out, bool *ok)
{
    const struct node *n = node_get(map, key);
    if (n == NULL || n->kind == NODE_NULL)
        return false;
    if (n->kind != NODE_TEXT) {
        *ok = rule__problem(r, n, sub(r, path, key), "got %s; want text", node_kind_name(n));
        return false;
    }
    *out = n->text;
    return true;
}

/* Prometheus wants a unit ("5m"; "0" alone is fine). */
bool rule__duration(struct rule_reader *r, const struct node *map, const char *key,
                    const char *path, int64_t *ms)
{
    struct str text;
    bool ok = true;
    if (!rule__text(r, map, key, path, &text, &ok))
        return ok;
    struct err err;
    const struct node *at = node_get(map, key);
    int64_t v;
    bool unit = text.n > 0 && (text.p[text.n - 1] < '0' || text.p[text.n - 1] > '9');
    if ((unit || str_eqz(text, "0")) && duration_parse(text, &v, &err) == 0) {
        *ms = v;
        return true;
    }
    return rule__problem(r, at, sub(r, path, key),
                         "got \"%.40s\"; want a duration such as 30s, 5m or 1h30m", text.p);
}

static bool read_limit(struct rule_reader *r, const struct node *map, const char *path,
                       uint32_t *out)
{
    struct str text;
    bool ok = true;
    if (!rule__text(r, map, "limit", path, &text, &ok))
        return ok;
    int64_t v;
    if (str_to_i64(text, &v, NULL) != 0 || v > UINT32_MAX)
        return rule__problem(r, node_get(map, "limit"), sub(r, path, "limit"),
                             "got \"%.40s\"; want a whole number", text.p);
    *out = v > 0 ? (uint32_t)v : 0;
    return true;
}

/* ---- labels and annotations ---- */

static int by_name(const void *a, const void *b)
{
    const struct rule_text *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int c = n > 0 ? memcmp(x->name.p, y->name.p, n) : 0;
    return c != 0 ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static bool read_text(struct rule_reader *r, const struct node *n, const char *path, bool template,
                      struct rule_text *out)
{
    const char *field = sub(r, path, n->key.p);
    *out = (struct rule_text){.name = n->key, .text = ""};
    if (n->key.n == 0 || !utf8_valid(n->key.p, n->key.n) || strlen(n->key.p) != n->key.n)
        return rule__problem(r, n, path, "invalid name: \"%.60s\"", n->key.p);
    if (n->kind == NODE_NULL)
        return true;
    if (n->kind != NODE_TEXT)
        return rule__problem(r, n, field, "got %s; want text", node_kind_name(n));
    if (strlen(n->text.p) != n->text.n)
        return rule__problem(r, n, field, "a NUL stands in this text");
    out->text = n->text.p;
    if (!template || strstr(n->text.p, "{{") == NULL)
        return true;
    struct err err;
    out->template = template_parse(r->arena, out->text, &rule_style, &err);
    if (out->template != NULL)
        return true;
    return rule__problem(r, n, field, "template, line %d, column %d: %s", err.at_line,
                         err.at_column, err.msg);
}

static bool has_name(const struct rule_text *at, uint32_t n, struct str name)
{
    for (uint32_t i = 0; i < n; i++)
        if (str_eq(at[i].name, name))
            return true;
    return false;
}

bool rule__texts(struct rule_reader *r, const struct node *map, const char *path, bool templates,
                 const struct rule_text *under, uint32_t n_under, const struct rule_text **out,
                 uint32_t *n)
{
    *n = 0;
    if (map != NULL && map->kind == NODE_NULL)
        map = NULL;
    if (map != NULL && map->kind != NODE_MAP)
        return rule__problem(r, map, path, "got %s; want a map of names and texts",
                             node_kind_name(map));
    uint32_t count = map != NULL ? map->count : 0;
    struct rule_text *at = arena_array_of(r->arena, struct rule_text, count + n_under + 1);
    bool ok = true;
    for (const struct node *c = map != NULL ? map->first : NULL; c != NULL; c = c->next)
        ok &= read_text(r, c, path, templates, &at[(*n)++]);
    for (uint32_t i = 0; i < n_under; i++)
        if (!has_name(at, count, under[i].name))
            at[(*n)++] = under[i];
    must(*n <= count + n_under);
    qsort(at, *n, sizeof(*at), by_name);
    *out = at;
    return ok;
}

/* ---- groups ---- */

static bool read_rules(struct rule_reader *r, const struct node *n, const char *path,
                       struct rule_group *g, const struct rule_text *labels, uint32_t n_labels)
{
    const struct node *list = node_get(n, "rules");
    if (list == NULL || list->kind == NODE_NULL)
        return true;
    if (list->kind != NODE_LIST)
        return rule__problem(r, list, sub(r, path, "rules"), "got %s; want a list of rules",
                             node_kind_name(list));
    struct rule *rules = arena_array_of(r->arena, struct rule, list->count + 1);
    bool ok = true;
    for (const struct node *c = list->first; c != NULL; c = c->next) {
        const char *field = arena_printf(r->arena, "%s.rules[%u]", path, g->n_rules);
        ok &= rule__read_rule(r, c, field, g, labels, n_labels, &rules[g->n_rules]);
        g->n_rules++;
    }
    g->rules = rules;
    return ok;
}

static bool read_group(struct rule_reader *r, const struct node *n, const char *path,
                       struct rule_group *g)
{
    static const char *const known[] = {"name",         "interval", "limit",
                                        "query_offset", "labels",   "rules"};
    *g = (struct rule_group){.file = r->file,
                             .name = "",
                             .interval_ms = r->defaults->interval_ms,
                             .query_offset_ms = r->defaults->query_offset_ms,
                             .at = {n->line, n->column}};
    if (n->kind != NODE_MAP)
        return rule__problem(r, n, path, "got %s; want a group with name and rules",
                             node_kind_name(n));
    bool ok = rule__check_keys(r, n, known, array_len(known), path);
    struct str name = STR("");
    rule__text(r, n, "name", path, &name, &ok);
    g->name = arena_strndup(r->arena, name.p, name.n);
    if (name.n == 0)
        ok = rule__problem(r, n, sub(r, path, "name"), "a group needs a name");
    ok &= rule__duration(r, n, "interval", path, &g->interval_ms);
    ok &= rule__duration(r, n, "query_offset", path, &g->query_offset_ms);
    ok &= read_limit(r, n, path, &g->limit);
    if (g->interval_ms == 0)
        g->interval_ms = r->defaults->interval_ms != 0 ? r->defaults->interval_ms : 60000;
    const struct rule_text *labels = NULL;
    uint32_t n_labels = 0;
    ok &= rule__texts(r, node_get(n, "labels"), sub(r, path, "labels"), false, NULL, 0, &labels,
                      &n_labels);
    return read_rules(r, n, path, g, labels, n_labels) && ok;
}

static bool check_names(struct rule_reader *r, const struct node *list,
                        const struct rule_group *groups, uint32_t n)
{
    bool ok = true;
    const struct node *c = list->first;
    for (uint32_t i = 0; i < n; i++, c = c->next)
        for (uint32_t k = 0; k < i; k++)
            if (groups[i].name[0] != '\0' && streq(groups[i].name, groups[k].name)) {
                ok =
                    rule__problem(r, c, arena_printf(r->arena, "groups[%u].name", i),
                                  "the group \"%.60s\" stands twice in this file, first in line %u",
                                  groups[i].name, groups[k].at.line);
                break;
            }
    return ok;
}

/* Groups of one file; *groups NULL with *n 0 for a file without any. */
static bool read_file(struct rule_reader *r, struct rule_group **groups, uint32_t *n)
{
    static const char *const known[] = {"groups"};
    struct err err;
    *n = 0;
    *groups = NULL;
    const struct node *root = node_from_yaml(r->arena, r->text.p, r->text.n, r->file, &err);
    if (root == NULL) {
        problem_add_err(r->problems, &err, "");
        return false;
    }
    if (root->kind == NODE_NULL)
        return true;
    if (root->kind != NODE_MAP)
        return rule__problem(r, root, "",
                             "got %s; want a rule file: groups:", node_kind_name(root));
    bool ok = rule__check_keys(r, root, known, 1, "rule file");
    const struct node *list = node_get(root, "groups");
    if (list == NULL || list->kind == NODE_NULL)
        return ok;
    if (list->kind != NODE_LIST)
        return rule__problem(r, list, "groups", "got %s; want a list of groups",
                             node_kind_name(list));
    *groups = arena_array_of(r->arena, struct rule_group, list->count + 1);
    for (const struct node *c = list->first; c != NULL; c = c->next, (*n)++)
        ok &= read_group(r, c, arena_printf(r->arena, "groups[%u]", *n), &(*groups)[*n]);
    return check_names(r, list, *groups, *n) && ok;
}

/* ---- the set ---- */

struct rule_set *rule_set_parse(const struct rule_source *sources, size_t n,
                                const struct rule_defaults *d, struct problems *p)
{
    struct arena *a = arena_new();
    struct rule_set *s = arena_new_of(a, struct rule_set);
    s->arena = a;
    atomic_init(&s->refs, 1);
    vec_of(struct rule_group) all = {0};
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        struct rule_reader r = {
            .arena = a,
            .defaults = d,
            .problems = p,
            .file = arena_strdup(a, sources[i].file),
            .text = {arena_strndup(a, sources[i].text.p, sources[i].text.n), sources[i].text.n}};
        struct rule_group *groups;
        uint32_t count;
        ok &= read_file(&r, &groups, &count);
        for (uint32_t k = 0; k < count; k++) {
            vec_push(&all, groups[k]);
            s->n_rules += groups[k].n_rules;
        }
    }
    must(all.n <= UINT32_MAX);
    s->n_groups = (uint32_t)all.n;
    s->groups = all.n > 0 ? arena_memdup(a, all.at, all.n * sizeof(*all.at)) : NULL;
    vec_done(&all);
    if (!ok)
        rule_set_unref(&s);
    return s;
}

struct rule_set *rule_set_load(const char *const *paths, size_t n, const struct rule_defaults *d,
                               struct problems *p)
{
    struct rule_source *sources = calloc(n + 1, sizeof(*sources));
    must(sources != NULL);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        struct buf text = BUF_INIT(RULE_FILE_MAX);
        struct err err;
        if (fs_read_regular(paths[i], &text, &err) != 0) {
            problem_add_err(p, &err, paths[i]);
            ok = false;
        }
        sources[i].file = paths[i];
        sources[i].text = (struct str){text.data != NULL ? text.data : strdup(""), text.len};
    }
    struct rule_set *s = ok ? rule_set_parse(sources, n, d, p) : NULL;
    for (size_t i = 0; i < n; i++)
        free((char *)sources[i].text.p);
    free(sources);
    return s;
}

struct rule_set *rule_set_ref(struct rule_set *s)
{
    unsigned before = s != NULL ? atomic_fetch_add(&s->refs, 1) : 1;
    must(before > 0);
    return s;
}

void rule_set_unref(struct rule_set **s)
{
    if (*s != NULL && atomic_fetch_sub(&(*s)->refs, 1) == 1)
        arena_free((*s)->arena);
    *s = NULL;
}
