/* The groups of belfry.yaml: names, what they give to their targets, their targets files. Two
 * passes: the first reads every group and targets file and counts, so that all targets lie in one
 * array; the second fills it (config_target.c). Runs while a file is loaded. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "config/config_priv.h"

struct target_lines {
    struct str text;
    const char *file;
};

struct group_input {
    struct raw_group raw;
    struct target_lines *files;
    size_t n_files;
    const struct node *node;
    bool good;
};

/* A group's name is also a directory's and a process's. */
static const char *name_fault(const char *name)
{
    if (name[0] == '.' || name[0] == ' ' || name[strlen(name) - 1] == ' ')
        return "want no dot or space at the start and no space at the end";
    for (const char *c = name; *c != '\0'; c++)
        if (*c == '/' || *c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7f)
            return "want no slash and no control character";
    return streq(name, "watchdog") ? "want another one, since logs/watchdog is Belfry's own" : NULL;
}

static bool check_name(struct loader *l, struct group_input *all, size_t n, const char *path)
{
    const struct group_input *g = &all[n];
    const struct node *at = node_get(g->node, "name");
    const char *fault = name_fault(g->raw.name);
    if (fault != NULL) {
        problem_add(l->problems, at, path, "got the name \"%s\"; %s", g->raw.name, fault);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!streq(all[i].raw.name, g->raw.name))
            continue;
        problem_add(l->problems, at, path, "the name \"%s\" is taken by the group in %s:%u",
                    g->raw.name, all[i].node->file, all[i].node->line);
        return false;
    }
    return true;
}

static size_t count_lines(struct str s)
{
    size_t n = 1;
    for (const char *p = s.p; (p = memchr(p, '\n', (size_t)(s.p + s.n - p))) != NULL; p++)
        n++;
    return n;
}

static bool read_lines(struct loader *l, const char *path, const struct node *at, const char *field,
                       struct target_lines *out)
{
    struct buf text = BUF_INIT(TARGETS_FILE_MAX);
    struct err err = {0};
    bool good = fs_read(path, &text, &err) == 0;
    if (!good) {
        problem_add(l->problems, at, field, "targets_file: %s", err.msg);
    } else {
        char real[PATH_MAX];
        loader_used(l, realpath(path, real) != NULL ? real : path);
        *out = (struct target_lines){node__text(l->tree, text.data, text.len),
                                     arena_strdup(l->tree, path)};
    }
    buf_done(&text);
    return good;
}

static size_t read_files(struct loader *l, struct group_input *g, const char *path)
{
    const struct str_list *names = &g->raw.targets_file;
    const struct node *at = node_get(g->node, "targets_file");
    size_t lines = 0;
    if (names->n > 0 && l->in->alone) {
        problem_add(l->problems, at, path, "targets_file: cannot read files here");
        return 0;
    }
    g->files = arena_array_of(l->tree, struct target_lines, names->n + 1);
    for (size_t i = 0; i < names->n; i++) {
        struct target_lines *file = &g->files[g->n_files];
        if (!read_lines(l, loader_path(l, at, names->at[i], l->tree), at, path, file))
            continue;
        lines += count_lines(file->text);
        g->n_files++;
    }
    return lines;
}

/* Returns how many targets it may have. */
static size_t read_group(struct loader *l, struct group_input *all, size_t index,
                         const struct node *node)
{
    char path[64];
    snprintf(path, sizeof(path), "groups[%zu]", index);
    struct group_input *g = &all[index];
    struct option_path here = {NULL, path, 0};
    g->node = node;
    g->raw.timing.resend_ms = RESEND_INHERITED;
    g->good =
        options__bind_in_place(config_group_options(), node, &g->raw, l->tree, l->problems, &here);
    if (g->raw.name != NULL)
        g->good &= check_name(l, all, index, path);
    size_t count = read_files(l, g, path);
    const struct node *targets = g->raw.targets;
    if (targets == NULL)
        return count;
    if (targets->kind == NODE_LIST)
        return count + targets->count;
    problem_add(l->problems, targets, path, "targets: got %s; want a list of maps",
                node_kind_name(targets));
    g->raw.targets = NULL;
    g->good = false;
    return count;
}

/* "https://… # why" → the URL; empty for a comment. */
static struct str line_url(struct str line)
{
    line = str_trim(line);
    if (line.n > 0 && line.p[0] == '#')
        line.n = 0;
    for (size_t i = 1; i < line.n; i++)
        if (line.p[i] == '#' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            line.n = i;
    return str_trim(line);
}

static void load_lines(struct loader *l, struct group_work *work, const struct target_lines *file)
{
    struct str rest = file->text, line;
    if (str_starts(rest, STR("\xef\xbb\xbf")))
        rest = (struct str){rest.p + 3, rest.n - 3};
    uint32_t number = 0;
    while (str_next(&rest, '\n', &line)) {
        struct str url = line_url(line);
        number++;
        if (url.n > 0)
            loader_target_line(l, work, url, file->file, number);
    }
}

static void load_group(struct loader *l, const struct group_input *in, size_t index,
                       struct group_work *work, const struct inherited *defaults)
{
    struct config_group *g = &l->cfg->groups[index];
    char path[64];
    snprintf(path, sizeof(path), "groups[%zu]", index);
    *work =
        (struct group_work){.index = (uint32_t)index, .base = *defaults, .names = map_str_new()};
    timing_apply(l, &in->raw.timing, in->node, path, l->arena, &work->base);
    struct node *at = arena_new_of(l->arena, struct node);
    *at = (struct node){.file =
                            in->node->file != NULL ? arena_strdup(l->arena, in->node->file) : NULL,
                        .line = in->node->line,
                        .column = in->node->column};
    *g = (struct config_group){
        .name = arena_strdup(l->arena, in->raw.name != NULL ? in->raw.name : "?"),
        .first_target = l->cfg->n_targets,
        .at = at};
    size_t i = 0;
    for (const struct node *c = in->raw.targets != NULL ? in->raw.targets->first : NULL; c != NULL;
         c = c->next)
        loader_target(l, work, c, i++);
    for (size_t f = 0; f < in->n_files; f++)
        load_lines(l, work, &in->files[f]);
    must(l->cfg->n_targets >= g->first_target);
    g->n_targets = l->cfg->n_targets - g->first_target;
    /* The targets share these until they are dropped; the group keeps copies. */
    struct label *labels = arena_array_of(l->arena, struct label, work->base.n_labels + 1);
    for (uint32_t k = 0; k < work->base.n_labels; k++)
        labels[k] = (struct label){arena_strdup(l->arena, work->base.labels[k].name),
                                   arena_strdup(l->arena, work->base.labels[k].value)};
    g->labels = labels;
    g->n_labels = work->base.n_labels;
}

void loader_groups(struct loader *l, const struct inherited *defaults)
{
    const struct node *list = node_get(l->root, "groups");
    size_t n = list != NULL && list->kind == NODE_LIST ? list->count : 0, total = 0, i = 0;
    if (list != NULL && list->kind != NODE_LIST && list->kind != NODE_NULL)
        problem_add(l->problems, list, "groups", "got %s; want a list of maps",
                    node_kind_name(list));
    struct group_input *inputs = arena_array_of(l->tree, struct group_input, n + 1);
    for (const struct node *c = n > 0 ? list->first : NULL; c != NULL; c = c->next)
        total += read_group(l, inputs, i++, c);
    if (total > TARGETS_MAX) {
        problem_add(l->problems, list, "groups", "got more than %d targets", TARGETS_MAX);
        return;
    }
    l->cfg->groups = arena_array_of(l->arena, struct config_group, n + 1);
    l->cfg->targets = arena_array_of(l->tree, struct config_target, total + 1);
    struct group_work *work = arena_array_of(l->tree, struct group_work, n + 1);
    for (i = 0; i < n; i++, l->cfg->n_groups++)
        load_group(l, &inputs[i], i, &work[i], defaults);
    must(l->cfg->n_targets <= total);
    loader_parents(l, work);
    for (i = 0; i < n; i++)
        map_str_free(work[i].names);
}
