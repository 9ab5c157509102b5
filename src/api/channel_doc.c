/* A channel as the API takes it. Its own options live in config, except webhook_url and mention_all, which stand at the
 * top (the seed's shape); both places are accepted. */
#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"
#include "notify/channel.h"

struct channel_doc {
    const char *name, *type, *webhook_url;
    bool enabled, mention_all;
    const struct node *config;
};

const struct option channel_doc_options[] = {
    {"name", OPT_STRING, offsetof(struct channel_doc, name), .required = true, .min = 1, .max = 200,
     .help = {"Unique name.", "唯一名称。"}},
    {"type", OPT_STRING, offsetof(struct channel_doc, type), .required = true, .max = 40,
     .help = {"Channel type, see /api/v1/channels/types.",
              "渠道类型，见 /api/v1/channels/types。"}},
    {"webhook_url", OPT_STRING, offsetof(struct channel_doc, webhook_url), .max = 2048,
     .secret = true, .help = {"The robot's or webhook's address.", "机器人或 Webhook 地址。"}},
    {"enabled", OPT_BOOL, offsetof(struct channel_doc, enabled), .def = "true",
     .help = {"Switched on.", "是否启用。"}},
    {"mention_all", OPT_BOOL, offsetof(struct channel_doc, mention_all), .def = "false",
     .help = {"Mention everybody.", "@所有人。"}},
    {"config", OPT_NODE, offsetof(struct channel_doc, config),
     .help = {"The channel's own options.", "渠道自身的选项。"}},
    OPTION_END,
};

static const char *const read_only[] = {"id",         "source",     "pending",
                                        "created_at", "updated_at", "last_error"};

static struct node *settable(struct call *k, const struct node *doc)
{
    struct node *out = node_map(k->arena);
    for (const struct node *n = doc->first; n; n = n->next) {
        bool skip = n->kind == NODE_NULL;
        for (size_t i = 0; i < array_len(read_only); i++)
            skip = skip || str_eqz(n->key, read_only[i]);
        if (!skip)
            node_put(out, k->arena, arena_strndup(k->arena, n->key.p, n->key.n),
                     node_copy(k->arena, n));
    }
    return out;
}

/* What a PATCH does not name comes from the stored channel. */
static void fill_from(struct call *k, struct node *doc, const struct channel *old)
{
    struct arena *a = k->arena;
    if (!node_get(doc, "name"))
        node_put(doc, a, "name", node_text(a, old->name));
    if (!node_get(doc, "type"))
        node_put(doc, a, "type", node_text(a, old->type));
    if (!node_get(doc, "webhook_url"))
        node_put(doc, a, "webhook_url", node_text(a, old->webhook_url));
    if (!node_get(doc, "enabled"))
        node_put(doc, a, "enabled", node_bool(a, old->enabled));
    if (!node_get(doc, "mention_all"))
        node_put(doc, a, "mention_all", node_bool(a, old->mention_all));
    if (!node_get(doc, "config"))
        node_put(doc, a, "config",
                 node_from_json(a, old->config_json, strlen(old->config_json), NULL));
}

static const char *config_text(struct call *k, const struct channel_ops *ops,
                               const struct channel_doc *d, const struct channel *old)
{
    struct node *config = d->config ? node_copy(k->arena, d->config) : node_map(k->arena);
    if (old) {
        struct node *stored =
            node_from_json(k->arena, old->config_json, strlen(old->config_json), NULL);
        config = options_unmask(ops->options, config, stored, k->arena);
    }
    struct buf text = BUF_INIT(65536);
    struct json j = json_start(&text);
    node_to_json(options_normalize(ops->options, config, k->arena), &j);
    const char *copy = text.failed ? NULL : arena_strndup(k->arena, text.data, text.len);
    buf_done(&text);
    if (!copy)
        problem_add(&k->problems, NULL, "config", "larger than 64 KiB");
    return copy;
}

static bool config_is_map(struct call *k, const struct channel_doc *d)
{
    if (!d->config || d->config->kind == NODE_MAP)
        return true;
    problem_add(&k->problems, NULL, "config", "got %s; want an object", node_kind_name(d->config));
    return false;
}

int channel_from_doc(struct call *k, const struct node *doc, const struct channel *old,
                     struct channel *out)
{
    struct channel_doc d = {0};
    struct node *whole = settable(k, doc);
    if (old && strcmp(k->req->method, "PATCH") == 0)
        fill_from(k, whole, old);
    options_bind(channel_doc_options, whole, &d, k->arena, &k->problems, "");
    const struct channel_ops *ops = d.type ? channel_by_type(d.type) : NULL;
    if (d.type && !ops)
        problem_add(&k->problems, NULL, "type", "no channel of type \"%.40s\"", d.type);
    if (!ops || !config_is_map(k, &d) || k->problems.list.n)
        return -1;
    must(ops && d.name); /* else there was a problem */
    const char *url = d.webhook_url ? d.webhook_url : "";
    if (old && strcmp(url, SECRET_MASK) == 0)
        url = old->webhook_url;
    *out = (struct channel){
        .id = old ? old->id : 0,
        .name = d.name,
        .type = ops->type,
        .webhook_url = url,
        .config_json = config_text(k, ops, &d, old),
        .enabled = d.enabled,
        .mention_all = d.mention_all,
    };
    return k->problems.list.n ? -1 : 0;
}
