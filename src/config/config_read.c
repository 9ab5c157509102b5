/* From files to one tree: the main file, its includes (patterns, nested up to 8 deep), the
 * environment. Lists of included files are appended (groups, channels, processes.units …), everything
 * else may stand in one file only. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "config/config_priv.h"

static const char *const verbatim[] = {"scrape_configs", "rule_files", "alerting", "remote_write"};

static bool is_verbatim(struct str key)
{
    for (size_t i = 0; i < array_len(verbatim); i++)
        if (str_eqz(key, verbatim[i]))
            return true;
    return false;
}

const char *loader_path(struct loader *l, const struct node *at, const char *path, struct arena *a)
{
    must(path != NULL);
    const char *file = at != NULL && at->file != NULL ? at->file : l->in->path;
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || slash == NULL)
        return arena_strdup(a, path);
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

void loader_used(struct loader *l, const char *path)
{
    vec_push(&l->files, arena_strdup(l->arena, path));
}

static bool was_read(const struct loader *l, const char *path)
{
    for (size_t i = 0; i < l->files.n; i++)
        if (streq(l->files.at[i], path))
            return true;
    return false;
}

/* The tree of one text, environment expanded; NULL: a problem was added. */
static struct node *parse(struct loader *l, const char *text, size_t n, const char *path)
{
    struct err err = {0};
    struct node *root = node_from_yaml(l->tree, text, n, path, &err);
    if (root == NULL) {
        problem_add_err(l->problems, &err, "");
        return NULL;
    }
    if (root->kind == NODE_NULL) {
        root->kind = NODE_MAP; /* an empty file is an empty map */
    } else if (root->kind != NODE_MAP) {
        problem_add(l->problems, root, "", "got %s; want a map", node_kind_name(root));
        return NULL;
    }
    for (struct node *c = root->first; c != NULL; c = c->next)
        if (!is_verbatim(c->key) && !l->in->literal)
            expand_environment(c, l->tree, l->problems);
    return root;
}

static struct node *parse_file(struct loader *l, const char *path, const struct node *at)
{
    struct buf text = BUF_INIT(NODE_TEXT_MAX);
    struct err err = {0};
    struct node *root = NULL;
    if (fs_read(path, &text, &err) < 0)
        problem_add(l->problems, at, at != NULL ? "include" : "", "%s", err.msg);
    else
        root = parse(l, text.data, text.len, path);
    buf_done(&text);
    return root;
}

static void append_items(struct node *have, struct node *more)
{
    struct node *next;
    for (struct node *item = more->first; item != NULL; item = next) {
        next = item->next;
        node_append(have, item);
    }
}

/* Adds the keys of one map to another: lists grow, `processes` is added to key by key, everything
 * else stands in one file only. path is the map's, "" for the whole file. */
static void merge(struct loader *l, struct node *into, struct node *from, const char *path)
{
    struct node *next;
    for (struct node *c = from->first; c != NULL; c = next) {
        next = c->next;
        struct node *have = node_get(into, c->key.p);
        if (path[0] == '\0' && str_eqz(c->key, "include"))
            continue; /* followed already */
        const char *field =
            arena_printf(l->tree, "%s%s%s", path, path[0] != '\0' ? "." : "", c->key.p);
        if (have == NULL) {
            node_insert(into, c->key, c);
        } else if (have->kind == NODE_LIST && c->kind == NODE_LIST) {
            append_items(have, c);
        } else if (have->kind == NODE_MAP && c->kind == NODE_MAP && streq(field, "processes")) {
            merge(l, have, c, field);
        } else {
            struct node at = {.file = c->file, .line = c->key_line, .column = c->key_column};
            problem_add(l->problems, &at, field, "stands already in %s:%u", have->file,
                        have->key_line);
        }
    }
}

static void include_all(struct loader *l, struct node *root, struct node *file, int depth);

static void include_file(struct loader *l, struct node *root, const char *path,
                         const struct node *at, int depth)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        problem_add(l->problems, at, "include", "cannot open \"%s\": %s", path, strerror(errno));
        return;
    }
    if (was_read(l, real))
        return; /* a pattern that matches twice, or a circle */
    loader_used(l, real);
    struct node *file = parse_file(l, path, at);
    if (file == NULL)
        return;
    include_all(l, root, file, depth + 1);
    merge(l, root, file, "");
}

static void include_pattern(struct loader *l, struct node *root, const struct node *at, int depth)
{
    if (at->kind != NODE_TEXT) {
        problem_add(l->problems, at, "include", "got %s; want text", node_kind_name(at));
        return;
    }
    const char *pattern = loader_path(l, at, at->text.p, l->tree);
    glob_t found = {0};
    int rc = glob(pattern, 0, NULL, &found);
    if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[") == NULL)
        problem_add(l->problems, at, "include", "cannot open \"%s\": no such file", pattern);
    else if (rc != 0 && rc != GLOB_NOMATCH)
        problem_add(l->problems, at, "include", "cannot read \"%s\"", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++)
        include_file(l, root, found.gl_pathv[i], at, depth);
    globfree(&found);
}

/* Reads what `file` includes and takes the key out of it. */
static void include_all(struct loader *l, struct node *root, struct node *file, int depth)
{
    struct node *list = node_get(file, "include");
    if (list == NULL || list->kind == NODE_NULL)
        return;
    struct node shell = *list;
    list->kind = NODE_NULL;
    list->first = NULL;
    if (l->in->alone) {
        problem_add(l->problems, &shell, "include", "cannot include files here");
    } else if (depth >= INCLUDE_DEPTH_MAX) {
        problem_add(l->problems, &shell, "include", "got more than %d levels of files",
                    INCLUDE_DEPTH_MAX);
    } else if (shell.kind == NODE_LIST) {
        for (const struct node *c = shell.first; c != NULL; c = c->next)
            include_pattern(l, root, c, depth);
    } else {
        include_pattern(l, root, &shell, depth);
    }
}

/* cfg->path and cfg->dir. */
static bool find_main(struct loader *l)
{
    char real[PATH_MAX];
    const char *path = l->in->path;
    must(path != NULL);
    if (realpath(path, real) != NULL) {
        path = real;
    } else if (l->in->text == NULL) {
        problem_add(l->problems, &(struct node){.file = path}, "", "cannot open: %s",
                    strerror(errno));
        return false;
    }
    l->cfg->path = arena_strdup(l->arena, path);
    const char *slash = strrchr(path, '/');
    l->cfg->dir = slash == NULL
                      ? "."
                      : arena_strndup(l->arena, path, slash == path ? 1 : (size_t)(slash - path));
    return true;
}

bool loader_read(struct loader *l)
{
    if (!find_main(l))
        return false;
    loader_used(l, l->cfg->path);
    struct node *root = l->in->text != NULL ? parse(l, l->in->text, l->in->size, l->in->path)
                                            : parse_file(l, l->in->path, NULL);
    if (root == NULL)
        return false;
    include_all(l, root, root, 0);
    l->root = root;
    return true;
}
