/* See reload_news.h. On the loop. */
#include "core/reload_news.h"

#include "base/str.h"

#include "core/audit.h"
#include "core/core_priv.h"

static const char *const kinds[NEWS_KINDS] = {"targets", "channels"};
static const char *const changes[NEWS_CHANGES] = {"added", "changed", "removed"};

void core__news_add(struct news *n, enum news_kind kind, enum news_change change, const char *group,
                    const char *name)
{
    must(kind < NEWS_KINDS && change < NEWS_CHANGES && name);
    struct news_list *l = &n->of[kind][change];
    if (l->n < NEWS_NAMES)
        l->names[l->n] =
            group ? arena_printf(n->arena, "%s/%s", group, name) : arena_strdup(n->arena, name);
    l->n++;
}

/* --- settings --- */

static const char *text_of(const struct news *n, const struct node *value)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    node_to_json(value, &j);
    const char *text = arena_strndup(n->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static void note_setting(struct news *n, const char *path, const struct node *before,
                         const struct node *after)
{
    must(before || after);
    if (n->n_settings < NEWS_SETTINGS)
        n->settings[n->n_settings] = (struct news_setting){path, before, after};
    n->n_settings++;
}

/* As deep as both are maps; path "" is the whole. */
static void compare(struct news *n, const char *path, const struct node *before,
                    const struct node *after)
{
    if (before->kind != NODE_MAP || after->kind != NODE_MAP) {
        if (!streq(text_of(n, before), text_of(n, after)))
            note_setting(n, path, before, after);
        return;
    }
    for (const struct node *k = before->first; k; k = k->next) {
        const struct node *now = node_get(after, k->key.p);
        const char *at = arena_printf(n->arena, "%s%s%s", path, *path ? "." : "", k->key.p);
        if (now)
            compare(n, at, k, now);
        else
            note_setting(n, at, k, NULL);
    }
    for (const struct node *k = after->first; k; k = k->next)
        if (!node_get(before, k->key.p))
            note_setting(n, arena_printf(n->arena, "%s%s%s", path, *path ? "." : "", k->key.p),
                         NULL, k);
}

void core__news_settings(struct news *n, const struct node *before, const struct node *after)
{
    must(before->kind == NODE_MAP && after->kind == NODE_MAP && n->n_settings == 0);
    compare(n, "", before, after);
}

static void put_value(struct json *j, const char *key, const struct node *value)
{
    json_key(j, key);
    if (value)
        node_to_json(value, j);
    else
        json_nil(j);
}

static void put_settings(struct json *j, const struct news *n)
{
    if (n->n_settings == 0)
        return;
    json_kobj(j, "settings");
    json_kuint(j, "count", n->n_settings);
    json_karr(j, "changed");
    for (size_t i = 0; i < n->n_settings && i < NEWS_SETTINGS; i++) {
        json_obj(j);
        json_kstr(j, "path", n->settings[i].path);
        put_value(j, "before", n->settings[i].before);
        put_value(j, "after", n->settings[i].after);
        json_end(j);
    }
    json_end(j);
    json_end(j);
}

/* --- names --- */

static void put_list(struct json *j, const char *key, const struct news_list *l)
{
    if (l->n == 0)
        return;
    json_kobj(j, key);
    json_kuint(j, "count", l->n);
    json_karr(j, "names");
    for (size_t i = 0; i < l->n && i < NEWS_NAMES; i++)
        json_str(j, l->names[i]);
    json_end(j);
    json_end(j);
}

static size_t count(const struct news *n, enum news_kind kind)
{
    size_t sum = 0;
    for (int i = 0; i < NEWS_CHANGES; i++)
        sum += n->of[kind][i].n;
    return sum;
}

void core__news_audit(struct core *c, const struct news *n, bool asked)
{
    if (!asked && count(n, NEWS_TARGET) + count(n, NEWS_CHANNEL) == 0)
        return;
    struct buf text = BUF_INIT(1 << 20);
    struct json j = json_start(&text);
    json_obj(&j);
    for (int k = 0; k < NEWS_KINDS; k++) {
        if (count(n, (enum news_kind)k) == 0)
            continue;
        json_kobj(&j, kinds[k]);
        for (int i = 0; i < NEWS_CHANGES; i++)
            put_list(&j, changes[i], &n->of[k][i]);
        json_end(&j);
    }
    put_settings(&j, n);
    json_end(&j);
    core_audit(c, &(struct audit_entry){.origin = c->actor ? NULL : "file",
                                        .action = "reload",
                                        .kind = "configuration",
                                        .object = c->config_path,
                                        .after = text.failed ? NULL : text.data});
    buf_done(&text);
}
