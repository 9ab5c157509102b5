/* The table of channels, binding and preview (channel.h). Any thread; pure. */
#include "notify/channel.h"

#include <string.h>

#include "base/must.h"
#include "config/node.h"
#include "notify/channels.h"

const struct channel_ops *const *channel_table(void)
{
    static const struct channel_ops *const table[] = {
        &channel_wecom, &channel_dingtalk, &channel_feishu, &channel_slack,
        &channel_email, &channel_webhook,  &channel_exec,   NULL,
    };
    return table;
}

const struct channel_ops *channel_by_type(const char *type)
{
    for (const struct channel_ops *const *t = channel_table(); *t != NULL; t++)
        if (strcmp((*t)->type, type) == 0)
            return *t;
    return NULL;
}

static bool has_option(const struct channel_ops *ops, const char *name)
{
    for (const struct option *o = ops->options; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

/* {webhook_url, mention_all, …config_json} */
static struct node *document(const struct channel_ops *ops, const struct channel *c,
                             struct arena *a, struct problems *p)
{
    struct err err;
    const char *json = c->config_json != NULL && c->config_json[0] != '\0' ? c->config_json : "{}";
    struct node *doc = node_from_json(a, json, strlen(json), &err);
    if (doc == NULL || doc->kind != NODE_MAP) {
        problem_add(p, NULL, "config", "%s", doc == NULL ? err.msg : "want an object");
        return NULL;
    }
    doc = node_copy(a, doc);
    bool url = c->webhook_url != NULL && c->webhook_url[0] != '\0';
    if (url && has_option(ops, "webhook_url"))
        node_put(doc, a, "webhook_url", node_text(a, c->webhook_url));
    if (c->mention_all && has_option(ops, "mention_all"))
        node_put(doc, a, "mention_all", node_bool(a, true));
    return doc;
}

void *channel_bind(const struct channel_ops *ops, const struct channel *c, struct arena *a,
                   struct problems *p)
{
    must(ops->config_size >= sizeof(struct message_options));
    struct node *doc = document(ops, c, a, p);
    if (doc == NULL)
        return NULL;
    void *config = arena_alloc(a, ops->config_size);
    if (!options_bind(ops->options, doc, config, a, p, ""))
        return NULL;
    size_t before = p->list.n + p->dropped;
    if (ops->validate != NULL)
        ops->validate(config, a, p, "");
    return p->list.n + p->dropped == before ? config : NULL;
}

int notify_preview(const struct channel *c, const struct notification *note, struct arena *a,
                   struct buf *out, struct problems *p, struct err *err)
{
    const struct channel_ops *ops = channel_by_type(c->type);
    if (ops == NULL)
        return err_set(err, ERR_INVALID, "unknown channel type \"%.40s\"", c->type);
    void *config = channel_bind(ops, c, a, p);
    if (config == NULL)
        return err_set(err, ERR_INVALID, "the channel's options have %zu problem(s)",
                       p->list.n + p->dropped);
    struct send s = {
        .channel = c, .config = config, .note = note, .arena = a, .wall_ms = note->now_ms};
    err_clear(err);
    return ops->render(&s, out, err);
}
