/* See reload_news.h. On the loop. */
#include "core/reload_news.h"

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
    json_end(&j);
    core_audit(c, &(struct audit_entry){.origin = c->actor ? NULL : "file",
                                        .action = "reload",
                                        .kind = "configuration",
                                        .object = c->config_path,
                                        .after = text.failed ? NULL : text.data});
    buf_done(&text);
}
