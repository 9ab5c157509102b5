/* One target of belfry.yaml: its keys by their table over what the group gives, then the prober's
 * own check (config_hooks.check_target). Called 100,000 times in a row, so texts stay where the
 * document has them and paths are written only when something is wrong. Runs while a file is
 * loaded. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config_priv.h"

#define PATH_SIZE 96

static const char *target_path(const struct group_work *g, size_t index, char *buf)
{
    snprintf(buf, PATH_SIZE, "groups[%u].targets[%zu]", g->index, index);
    return buf;
}

/* A child for a second map: its own shell around the same content. */
static void adopt(struct loader *l, struct node *map, const char *key, const struct node *child)
{
    struct node *shell = arena_new_of(l->tree, struct node);
    *shell = *child;
    shell->next = NULL;
    node_insert(map, str_of(key), shell);
}

static bool is_map_or_absent(struct loader *l, const struct node *n, const char *name,
                             const char *path)
{
    if (n == NULL || n->kind == NODE_MAP)
        return true;
    problem_add(l->problems, n, path, "%s: got %s; want a map", name, node_kind_name(n));
    return false;
}

const struct node *loader_document(struct loader *l, const struct raw_target *raw,
                                   const struct node *node, const char *path)
{
    if (!is_map_or_absent(l, raw->config, "config", path) ||
        !is_map_or_absent(l, raw->expect, "expect", path))
        return NULL;
    if (raw->url == NULL && raw->expect == NULL && raw->config != NULL)
        return raw->config;
    struct node *doc = node_map(l->tree);
    doc->file = node->file;
    doc->line = node->line;
    doc->column = node->column;
    if (raw->url != NULL)
        adopt(l, doc, "url", node_get(node, "url"));
    for (const struct node *c = raw->config != NULL ? raw->config->first : NULL; c != NULL;
         c = c->next) {
        bool twice = (raw->url != NULL && str_eqz(c->key, "url")) ||
                     (raw->expect != NULL && str_eqz(c->key, "expect"));
        if (twice) {
            problem_add(l->problems, c, path, "config.%s: stands beside config already", c->key.p);
            return NULL;
        }
        adopt(l, doc, c->key.p, c);
    }
    if (raw->expect != NULL)
        adopt(l, doc, "expect", raw->expect);
    return doc;
}

static bool apply_burst(struct loader *l, const struct raw_burst *raw, const struct node *at,
                        const char *path, struct target *t)
{
    if (at == NULL || at->kind == NODE_NULL)
        return true;
    t->burst = (struct burst){.times = (int32_t)raw->times,
                              .delta_ms = raw->delta_ms,
                              .min_success = raw->min_success,
                              .max_mean_ms = raw->max_mean_ms};
    int64_t spread = (raw->times - 1) * raw->delta_ms;
    if (spread < t->interval_ms)
        return true;
    char got[DURATION_SIZE], want[DURATION_SIZE];
    problem_add(l->problems, at, path,
                "burst: got %d requests over %s; want them within the interval %s", t->burst.times,
                duration_format(spread, got), duration_format(t->interval_ms, want));
    return false;
}

static void apply_inherited(struct config_target *t, const struct inherited *in)
{
    t->spec.interval_ms = in->timing.interval_ms;
    t->spec.timeout_ms = in->timing.timeout_ms;
    t->spec.connect_timeout_ms = in->timing.connect_timeout_ms;
    t->spec.attempts = (int32_t)in->timing.attempts;
    t->spec.threshold = (int32_t)in->timing.threshold;
    t->spec.success_threshold = (int32_t)in->timing.success_threshold;
    t->spec.resend_interval_ms = in->timing.resend_ms;
    t->spec.locations =
        (struct name_list){in->timing.locations.at, (uint32_t)in->timing.locations.n};
    t->spec.location_quorum = (int32_t)in->timing.location_quorum;
    t->spec.labels =
        (struct label *)in->labels; /* never written through: model/target.h lacks the const */
    t->spec.n_labels = in->n_labels;
    t->channels = in->channels;
    t->n_channels = in->n_channels;
}

static bool name_taken(struct loader *l, struct group_work *g, const char *name,
                       const struct node *at, const char *path)
{
    void *value = (void *)(uintptr_t)(l->cfg->n_targets + 1);
    void *had = map_str_put(g->names, name, strlen(name), value);
    if (had == NULL)
        return false;
    map_str_put(g->names, name, strlen(name), had);
    const struct config_target *first = &l->cfg->targets[(uintptr_t)had - 1];
    problem_add(l->problems, at, path, "the name \"%s\" is taken by the target in %s:%u", name,
                first->at->file != NULL ? first->at->file : "", first->at->line);
    return true;
}

/* The scheme, for when no prober is there to ask. */
static const char *scheme(struct loader *l, const char *url)
{
    const char *colon = strchr(url, ':');
    return arena_strndup(l->tree, url, colon != NULL ? (size_t)(colon - url) : strlen(url));
}

bool loader_check_target(struct loader *l, struct config_target *t, const char *path)
{
    char config_path[PATH_SIZE + 8];
    if (l->hooks->check_target == NULL) {
        if (t->spec.type == NULL)
            t->spec.type = scheme(l, t->url);
        return true;
    }
    snprintf(config_path, sizeof(config_path), "%s%sconfig", path, path[0] != '\0' ? "." : "");
    size_t before = l->problems->list.n;
    const struct node *doc = t->config;
    bool good = l->hooks->check_target(l->hooks->ctx, t, l->tree, l->problems, config_path);
    place_problems(l->problems, before, doc, t->at, config_path);
    must(!good || t->spec.type != NULL);
    return good;
}

/* Takes the next place in the array. A faulty target takes one too: the load fails as a whole, but
 * whoever depends on it shall not be told that it does not exist. */
static void keep(struct loader *l, struct group_work *g, struct config_target *t, bool good,
                 const char *path)
{
    const struct node *name = node_get(t->at, "name");
    if (name_taken(l, g, t->spec.name, name != NULL ? name : t->at, path))
        return;
    if (good)
        loader_check_target(l, t, path);
    must(l->cfg->n_targets < TARGETS_MAX);
    must(t->spec.interval_ms > 0 && t->spec.threshold > 0 && t->spec.attempts > 0);
    t->spec.group = l->cfg->groups[g->index].name;
    t->spec.source = SOURCE_FILE;
    l->cfg->targets[l->cfg->n_targets++] = *t;
}

static bool is_complete(struct loader *l, const struct raw_target *raw, const struct node *node,
                        const char *path)
{
    if (raw->url == NULL && raw->type == NULL) {
        problem_add(l->problems, node, path, "got neither url nor type; want one of them");
        return false;
    }
    if (raw->url == NULL && raw->name == NULL) {
        problem_add(l->problems, node, path, "name: required, but missing");
        return false;
    }
    return true;
}

void loader_target(struct loader *l, struct group_work *g, const struct node *node, size_t index)
{
    char path[PATH_SIZE];
    target_path(g, index, path);
    struct option_path here = {NULL, path, 0};
    struct raw_target raw = {.timing.resend_ms = RESEND_INHERITED};
    bool good =
        options__bind_in_place(config_target_options(), node, &raw, l->tree, l->problems, &here);
    if (good)
        good = is_complete(l, &raw, node, path);
    struct inherited base = g->base;
    struct config_target t = {.at = node, .url = raw.url};
    good &= timing_apply(l, &raw.timing, node, path, l->tree, &base);
    if (raw.timing.location_quorum > 0 && base.timing.locations.n == 0) {
        problem_add(l->problems, node_get(node, "location_quorum"), path,
                    "location_quorum: got %lld without locations; want locations, too",
                    (long long)raw.timing.location_quorum);
        good = false;
    }
    apply_inherited(&t, &base);
    t.spec.name = raw.name != NULL ? raw.name : raw.url;
    t.spec.type = raw.type;
    t.spec.enabled = raw.enabled;
    t.spec.invert = raw.invert;
    good &= apply_burst(l, &raw.burst, node_get(node, "burst"), path, &t.spec);
    t.config = loader_document(l, &raw, node, path);
    if (t.spec.name != NULL)
        keep(l, g, &t, good && t.config != NULL, path);
}

void loader_target_line(struct loader *l, struct group_work *g, struct str url, const char *file,
                        uint32_t line)
{
    struct node *text = arena_new_of(l->tree, struct node), *doc = node_map(l->tree);
    *text = (struct node){.kind = NODE_TEXT,
                          .text = node__text(l->tree, url.p, url.n),
                          .file = file,
                          .line = line,
                          .column = 1};
    doc->file = file;
    doc->line = line;
    doc->column = 1;
    if (url.n > 4096 || !utf8_valid(url.p, url.n) || memchr(url.p, '\0', url.n) != NULL ||
        memchr(url.p, ':', url.n) == NULL) {
        problem_add(l->problems, text, "", "got \"%.*s\"; want a URL in each line",
                    (int)utf8_cut(url.p, url.n, 60), url.p);
        return;
    }
    node_insert(doc, STR("url"), text);
    struct config_target t = {.at = text, .url = text->text.p, .config = doc};
    apply_inherited(&t, &g->base);
    t.spec.name = text->text.p;
    t.spec.enabled = true;
    keep(l, g, &t, true, "");
}
