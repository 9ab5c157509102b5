/* Documents by their option table: in JSON types (what the store and the API keep), with secrets
 * masked (what answers show), and unmasked again (what comes back from a form). All of them copy
 * (config/option.h). */
#include "config/option_priv.h"

static const struct option *option_of(const struct option *table, struct str key)
{
    for (; table != NULL && table->name != NULL; table++)
        if (str_eqz(key, table->name))
            return table;
    return NULL;
}

/* What is done to one value; NULL leaves the key out. `old` is the earlier document's value, or
 * NULL. */
struct rewriting;
typedef struct node *rewrite_fn(const struct rewriting *r, const struct option *o,
                                const struct node *n, const struct node *old);

struct rewriting {
    struct arena *arena;
    rewrite_fn *fn;
    secret_fn *secret; /* of options_secrets */
    void *arg;
};

static struct node *shell(const struct node *n, struct arena *a)
{
    struct node *copy = n->kind == NODE_MAP ? node_map(a) : node_list(a);
    copy->line = n->line;
    copy->column = n->column;
    copy->file = n->file;
    return copy;
}

static void add_child(struct node *parent, const struct node *from, struct node *child,
                      struct arena *a)
{
    must(parent != child);
    if (child == NULL)
        return;
    child->key_line = from->key_line;
    child->key_column = from->key_column;
    if (parent->kind == NODE_MAP)
        node_put(parent, a, from->key.p, child);
    else
        node_append(parent, child);
}

static const struct node *same_child(const struct node *old, const struct node *parent,
                                     const struct node *child, size_t index)
{
    if (old == NULL || old->kind != parent->kind)
        return NULL;
    if (parent->kind == NODE_MAP)
        return node_get(old, child->key.p);
    const struct node *c = old->first;
    while (c != NULL && index-- > 0)
        c = c->next;
    return c;
}

/* Copies a map by its table; `whole` is the option that all values belong to when there is no
 * table. */
static struct node *rewrite(const struct option *table, const struct option *whole,
                            const struct node *n, const struct node *old, const struct rewriting *r)
{
    struct arena *a = r->arena;
    struct node *copy = shell(n, a);
    size_t index = 0;
    for (const struct node *c = n->first; c != NULL; c = c->next, index++) {
        const struct option *o = whole != NULL ? whole : option_of(table, c->key);
        const struct node *was = same_child(old, n, c, index);
        bool parent = c->kind == NODE_MAP || c->kind == NODE_LIST;
        struct node *child;
        if (o == NULL)
            child = node_copy(a, c);
        else if (o->type == OPT_SECTION && c->kind == NODE_MAP)
            child = rewrite(o->sub, NULL, c, was, r);
        else if (o->type == OPT_SECTIONS && parent)
            child = c->kind == NODE_LIST ? rewrite(NULL, o, c, was, r)
                                         : rewrite(o->sub, NULL, c, was, r);
        else if (parent && o->type != OPT_NODE)
            child = rewrite(NULL, o, c, was, r);
        else
            child = r->fn(r, o, c, was);
        add_child(copy, c, child, a);
    }
    return copy;
}

static struct node *rewrite_document(const struct option *table, const struct node *n,
                                     const struct node *old, const struct rewriting *r)
{
    must(table != NULL);
    if (n == NULL)
        return node_map(r->arena);
    return n->kind == NODE_MAP ? rewrite(table, NULL, n, old, r) : node_copy(r->arena, n);
}

/* --- types ---------------------------------------------------------------------------------------
 */

static struct node *typed(const struct rewriting *r, const struct option *o, const struct node *n,
                          const struct node *old)
{
    struct node *copy = node_copy(r->arena, n);
    bool number = o->type == OPT_INT || o->type == OPT_RANGES;
    if (n->kind != NODE_TEXT && n->kind != NODE_F64)
        return copy;
    if (number && scalar_i64(n, &copy->num)) {
        copy->kind = NODE_INT;
    } else if (o->type == OPT_F64 && scalar_f64(n, &copy->f64)) {
        copy->kind = NODE_F64;
    } else if (o->type == OPT_BOOL && scalar_bool(n, &copy->flag)) {
        copy->kind = NODE_BOOL;
    } else if (n->kind == NODE_TEXT) {
        copy->quoted = true;
    }
    return copy;
}

struct node *options_normalize(const struct option *table, const struct node *node, struct arena *a)
{
    return rewrite_document(table, node, NULL, &(struct rewriting){.arena = a, .fn = typed});
}

/* --- secrets -------------------------------------------------------------------------------------
 */

static bool is_secret(const struct option *o, const struct node *n)
{
    bool empty = n->kind == NODE_NULL || (n->kind == NODE_TEXT && n->text.n == 0);
    return o->secret && !empty;
}

static struct node *masked(const struct rewriting *r, const struct option *o, const struct node *n,
                           const struct node *old)
{
    return is_secret(o, n) ? node_text(r->arena, SECRET_MASK) : node_copy(r->arena, n);
}

struct node *options_mask(const struct option *table, const struct node *node, struct arena *a)
{
    return rewrite_document(table, node, NULL, &(struct rewriting){.arena = a, .fn = masked});
}

static struct node *unmasked(const struct rewriting *r, const struct option *o,
                             const struct node *n, const struct node *old)
{
    if (!o->secret || n->kind != NODE_TEXT || !str_eqz(n->text, SECRET_MASK))
        return node_copy(r->arena, n);
    return old != NULL ? node_copy(r->arena, old) : NULL;
}

struct node *options_unmask(const struct option *table, const struct node *fresh,
                            const struct node *old, struct arena *a)
{
    return rewrite_document(table, fresh, old, &(struct rewriting){.arena = a, .fn = unmasked});
}

static struct node *told(const struct rewriting *r, const struct option *o, const struct node *n,
                         const struct node *old)
{
    return is_secret(o, n) ? r->secret(r->arg, n, r->arena) : node_copy(r->arena, n);
}

struct node *options_secrets(const struct option *table, const struct node *node, secret_fn *fn,
                             void *arg, struct arena *a)
{
    must(fn != NULL);
    return rewrite_document(table, node, NULL,
                            &(struct rewriting){.arena = a, .fn = told, .secret = fn, .arg = arg});
}
