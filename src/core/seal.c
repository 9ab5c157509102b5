/* See seal.h. On the loop. */
#include "core/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/seal.h"
#include "base/str.h"
#include "core/core_priv.h"
#include "core/declared.h"
#include "core/process_priv.h"

#define TEXT_MAX (8u << 20)

/* Documents have no option table: these keys hold secrets, whatever the kind and however deep. */
static bool key_is_secret(struct str key)
{
    static const struct str tail = STR("_secret");
    if (str_eqz(key, "totp") || str_eqz(key, "secret"))
        return true;
    return key.n > tail.n && memcmp(key.p + key.n - tail.n, tail.p, tail.n) == 0;
}

static bool may_hold_secrets(const char *json)
{
    return strstr(json, "secret\"") || strstr(json, "\"totp\"") || strstr(json, SEAL_PREFIX);
}

static const char *json_text(const struct node *n, struct arena *a)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    must(!out.failed);
    const char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

/* --- sealing --- */

struct sealing {
    struct core *core;
    const char *context;
    size_t sealed; /* how many were not yet */
};

static const char *sealed_text(struct sealing *s, struct str plain, struct arena *a)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    seal_put(s->core->seal, s->context, plain, &out);
    must(!out.failed);
    const char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    s->sealed++;
    return text;
}

static struct node *seal_one(void *arg, const struct node *secret, struct arena *a)
{
    struct sealing *s = arg;
    if (secret->kind != NODE_TEXT || seal_is_sealed(secret->text))
        return node_copy(a, secret);
    return node_text(a, sealed_text(s, secret->text, a));
}

static struct node *seal_keys(struct sealing *s, const struct node *n, struct arena *a)
{
    if (n->kind != NODE_MAP && n->kind != NODE_LIST)
        return node_copy(a, n);
    struct node *copy = n->kind == NODE_MAP ? node_map(a) : node_list(a);
    for (const struct node *i = n->first; i; i = i->next) {
        bool secret =
            n->kind == NODE_MAP && i->kind == NODE_TEXT && i->text.n > 0 && key_is_secret(i->key);
        struct node *child = secret ? seal_one(s, i, a) : seal_keys(s, i, a);
        if (n->kind == NODE_MAP)
            node_put(copy, a, i->key.p, child);
        else
            node_append(copy, child);
    }
    return copy;
}

static struct sealing sealing_of(struct core *c, const char *context)
{
    check_magic(c, CORE_MAGIC);
    must(c->seal);
    return (struct sealing){.core = c, .context = context};
}

/* A quick look: most of 100,000 targets have none. */
static bool names_secret(const struct option *o, const char *json)
{
    for (; o && o->name; o++)
        if ((o->secret && strstr(json, o->name)) || (o->sub && names_secret(o->sub, json)))
            return true;
    return false;
}

/* The document with its secrets sealed; the one given when it has none that is plain. */
static const char *seal_config(struct sealing *s, const struct option *options, const char *json,
                               struct arena *a)
{
    struct node *n =
        names_secret(options, json) ? node_from_json(a, json, strlen(json), NULL) : NULL;
    if (!n || n->kind != NODE_MAP)
        return json;
    size_t before = s->sealed;
    struct node *copy = options_secrets(options, n, seal_one, s, a);
    return s->sealed > before ? json_text(copy, a) : json;
}

static const struct option *options_of_target(const struct target *t)
{
    const struct prober_ops *ops = prober_by_type(t->type, NULL);
    return ops ? ops->options : NULL;
}

static struct target sealed_target(struct sealing *s, const struct target *t, struct arena *a)
{
    struct target out = *t;
    out.config_json = seal_config(s, options_of_target(t), t->config_json, a);
    return out;
}

static struct channel sealed_channel(struct sealing *s, const struct channel *ch, struct arena *a)
{
    const struct channel_ops *ops = channel_by_type(ch->type);
    struct channel out = *ch;
    struct str url = str_of(ch->webhook_url);
    out.config_json = seal_config(s, ops ? ops->options : NULL, ch->config_json, a);
    if (url.n > 0 && !seal_is_sealed(url) && channel_url_is_secret(ch->type))
        out.webhook_url = sealed_text(s, url, a);
    return out;
}

static const char *sealed_process(struct sealing *s, const char *json, struct arena *a)
{
    struct node *n = node_from_json(a, json, strlen(json), NULL);
    struct node *copy = n ? process_secrets(n, seal_one, s, a) : NULL;
    return s->sealed ? json_text(copy, a) : json;
}

static const char *sealed_document(struct sealing *s, const char *json, struct arena *a)
{
    struct node *n = may_hold_secrets(json) ? node_from_json(a, json, strlen(json), NULL) : NULL;
    struct node *copy = n ? seal_keys(s, n, a) : NULL;
    return s->sealed ? json_text(copy, a) : json;
}

void core__store_target(struct core *c, const struct target *t)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct sealing s = sealing_of(c, "target");
    const struct target out = sealed_target(&s, t, a);
    batch_target_put(core__batch(c), &out);
}

void core__store_channel(struct core *c, const struct channel *ch)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct sealing s = sealing_of(c, "channel");
    const struct channel out = sealed_channel(&s, ch, a);
    batch_channel_put(core__batch(c), &out);
}

void core__store_process(struct core *c, const char *unit, const char *doc_json)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct sealing s = sealing_of(c, "process");
    batch_process_put(core__batch(c), unit, sealed_process(&s, doc_json, a), clock_wall_ms());
}

void core__store_document(struct core *c, uint64_t id, const char *kind, const char *json)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct sealing s = sealing_of(c, "document");
    batch_document_put(core__batch(c), id, kind, sealed_document(&s, json, a), clock_wall_ms());
}

/* --- opening --- */

struct opening {
    struct core *core;
    const char *context;
    struct arena *arena;
    size_t opened, old, locked;
};

/* NULL: it stays as it is. */
static const char *open_text(struct opening *o, struct str sealed)
{
    struct buf plain = BUF_INIT(TEXT_MAX);
    struct err err = {0};
    bool old = false;
    const char *text = NULL;
    if (seal_take(o->core->seal, o->context, sealed, &plain, &old, &err) == 0) {
        text = arena_strndup(o->arena, plain.data ? plain.data : "", plain.len);
        o->opened++;
        o->old += old;
    } else {
        o->locked++;
        o->core->sealed_away++;
    }
    buf_done(&plain);
    return text;
}

static void open_tree(struct opening *o, struct node *n)
{
    bool parent = n->kind == NODE_MAP || n->kind == NODE_LIST;
    for (struct node *i = parent ? n->first : NULL; i; i = i->next)
        open_tree(o, i);
    if (n->kind != NODE_TEXT || !seal_is_sealed(n->text))
        return;
    const char *text = open_text(o, n->text);
    if (text)
        n->text = str_of(text);
}

static const char *open_json(struct opening *o, const char *json)
{
    struct node *n =
        strstr(json, SEAL_PREFIX) ? node_from_json(o->arena, json, strlen(json), NULL) : NULL;
    if (!n)
        return json;
    open_tree(o, n);
    return o->opened ? json_text(n, o->arena) : json;
}

/* Whether a row must be written again: `plain` secrets in it, or some of an older key. */
static bool again(struct opening *o, const struct sealing *s)
{
    bool must_write = o->old > 0 || s->sealed > 0;
    o->core->sealed_anew += must_write;
    return must_write;
}

struct target core__unseal_target(struct core *c, const struct target *t, struct arena *a)
{
    struct opening o = {c, "target", a, 0, 0, 0};
    struct sealing s = sealing_of(c, "target");
    struct target out = *t;
    sealed_target(&s, t, a); /* counts what is plain in the row */
    out.config_json = open_json(&o, t->config_json);
    if (again(&o, &s))
        core__store_target(c, &out);
    return out;
}

struct channel core__unseal_channel(struct core *c, const struct channel *ch, struct arena *a)
{
    struct opening o = {c, "channel", a, 0, 0, 0};
    struct sealing s = sealing_of(c, "channel");
    struct channel out = *ch;
    sealed_channel(&s, ch, a);
    out.config_json = open_json(&o, ch->config_json);
    struct str url = str_of(ch->webhook_url);
    const char *plain = seal_is_sealed(url) ? open_text(&o, url) : NULL;
    if (plain)
        out.webhook_url = plain;
    if (again(&o, &s))
        core__store_channel(c, &out);
    return out;
}

const char *core__unseal_process(struct core *c, const char *unit, const char *doc_json,
                                 struct arena *a)
{
    struct opening o = {c, "process", a, 0, 0, 0};
    struct sealing s = sealing_of(c, "process");
    sealed_process(&s, doc_json, a);
    const char *plain = open_json(&o, doc_json);
    if (again(&o, &s))
        core__store_process(c, unit, plain);
    return plain;
}

const char *core__unseal_document(struct core *c, uint64_t id, const char *kind, const char *json,
                                  struct arena *a)
{
    struct opening o = {c, "document", a, 0, 0, 0};
    struct sealing s = sealing_of(c, "document");
    sealed_document(&s, json, a);
    const char *plain = open_json(&o, json);
    if (again(&o, &s))
        core__store_document(c, id, kind, plain);
    return plain;
}

/* --- all again --- */

size_t core__seal_all(struct core *c)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    size_t rows = 0;
    const char *id;
    size_t len;
    void *json;
    for (size_t i = 0; i < c->order.n; i++, arena_reset(a)) {
        struct sealing s = sealing_of(c, "target");
        const struct target out = sealed_target(&s, c->order.at[i]->target, a);
        if (s.sealed > 0)
            batch_target_put(core__batch(c), &out);
        rows += s.sealed > 0;
    }
    vec_each (&c->channel_order, it)
        core__store_channel(c, (*it)->channel);
    for (size_t it = 0; map_str_next(c->programs->api_docs, &it, &id, &len, &json);)
        core__store_process(c, id, json);
    return rows + c->channel_order.n + map_str_count(c->programs->api_docs) +
           core__documents_again(c);
}
