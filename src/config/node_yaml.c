/* YAML texts into the tree: libyaml's events straight into arena nodes (config/node.h). Used for
 * configuration files, in the core and in the commands; 100,000 targets are one such text.
 *
 * yaml_read pumps events; on_event sorts them; place puts a finished value into the map or list
 * that is open (frames). */
#include <yaml.h>

#include <string.h>

#include "base/vec.h"
#include "config/node_priv.h"

#define ANCHORS_MAX 1000 /* they are looked up by walking */

struct frame {
    struct node *node;
    struct str key; /* of the value that comes next, in a map; p NULL: a key comes next */
    uint32_t key_line, key_column;
    bool merge_next;    /* the key is a plain "<<" */
    struct node *merge; /* its value */
    struct key_index keys;
};

struct anchor {
    const char *name;
    const struct node *node;
};

struct yaml_reader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *text, *file;
    size_t size;
    struct frame frames[NODE_DEPTH_MAX];
    int depth;
    size_t nodes;
    struct node *root;
    int documents;
    vec_of(struct anchor) anchors;
    struct err *err;
};

static int fail(struct yaml_reader *r, enum err_code code, yaml_mark_t at, const char *why)
{
    err_set(r->err, code, "cannot read YAML: %s", why);
    return err_where(r->err, r->file != NULL ? r->file : "", (int)at.line + 1, (int)at.column + 1);
}

static int fail_key(struct yaml_reader *r, const struct frame *f, struct str key,
                    const struct node *first)
{
    err_set(r->err, ERR_MALFORMED, "the key \"%.*s\" stands twice in one map; first in line %u",
            (int)utf8_cut(key.p, key.n, 80), key.p, first->key_line);
    return err_where(r->err, r->file != NULL ? r->file : "", (int)f->key_line, (int)f->key_column);
}

/* What libyaml says, in one sentence, with its commonest riddle solved. */
static int fail_syntax(struct yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t at = p->problem_mark;
    size_t offset = at.index;
    if (p->error == YAML_READER_ERROR) {
        char why[120];
        snprintf(why, sizeof(why), "%s at byte %zu", p->problem, p->problem_offset);
        return fail(r, ERR_MALFORMED, p->mark, why);
    }
    if (offset < r->size && r->text[offset] == '\t')
        return fail(r, ERR_MALFORMED, at,
                    "got a tab; want spaces, since YAML does not indent with tabs");
    char why[240];
    const char *context = p->context != NULL ? p->context : "";
    snprintf(why, sizeof(why), "%s%s%s", p->problem != NULL ? p->problem : "out of memory",
             context[0] != '\0' ? " " : "", context);
    if (context[0] != '\0' && p->context_mark.line != at.line) {
        size_t n = strlen(why);
        snprintf(why + n, sizeof(why) - n, " that begins in line %zu", p->context_mark.line + 1);
    }
    return fail(r, ERR_MALFORMED, at, why);
}

static struct node *new_node(struct yaml_reader *r, enum node_kind kind, yaml_mark_t at)
{
    struct node *n = NULL;
    if (++r->nodes <= NODE_COUNT_MAX)
        n = node__new(r->arena, kind);
    if (n == NULL) {
        fail(r, ERR_TOO_LARGE, at, "got more values than the limit of 2 million");
        return NULL;
    }
    n->line = (uint32_t)at.line + 1;
    n->column = (uint32_t)at.column + 1;
    n->file = r->file;
    return n;
}

/* Puts a value where the document stands now. */
static int place(struct yaml_reader *r, struct node *n, yaml_mark_t at)
{
    if (r->depth == 0) {
        must(r->root == NULL);
        r->root = n;
        return 0;
    }
    must(r->depth <= NODE_DEPTH_MAX);
    struct frame *f = &r->frames[r->depth - 1];
    if (f->node->kind == NODE_LIST) {
        node_append(f->node, n);
        return 0;
    }
    if (f->key.p == NULL)
        return fail(r, ERR_MALFORMED, at, "got a map or list as a key; want text");
    struct node *first = key_index_find(&f->keys, f->node, f->key);
    if (first != NULL)
        return fail_key(r, f, f->key, first);
    node_insert(f->node, f->key, n);
    n->key_line = f->key_line;
    n->key_column = f->key_column;
    key_index_added(&f->keys, n);
    f->key.p = NULL;
    if (f->merge_next)
        f->merge = n;
    f->merge_next = false;
    return 0;
}

static int name_anchor(struct yaml_reader *r, const yaml_char_t *name, const struct node *n,
                       yaml_mark_t at)
{
    if (name == NULL)
        return 0;
    if (r->anchors.n == ANCHORS_MAX)
        return fail(r, ERR_TOO_LARGE, at, "got more than 1000 anchors");
    struct anchor a = {arena_strdup(r->arena, (const char *)name), n};
    vec_push(&r->anchors, a);
    return 0;
}

static int open_frame(struct yaml_reader *r, const yaml_event_t *e, enum node_kind kind,
                      const yaml_char_t *anchor)
{
    struct node *n = new_node(r, kind, e->start_mark);
    if (n == NULL || place(r, n, e->start_mark) < 0)
        return -1;
    if (r->depth == NODE_DEPTH_MAX)
        return fail(r, ERR_TOO_LARGE, e->start_mark, "got more than 64 levels");
    r->frames[r->depth++] = (struct frame){.node = n};
    return name_anchor(r, anchor, n, e->start_mark);
}

/* Takes the children of `from` that `map` does not have yet; both were read for this place alone.
 */
static void merge_map(struct frame *f, struct node *from)
{
    struct node *next;
    for (struct node *c = from->first; c != NULL; c = next) {
        next = c->next;
        if (key_index_find(&f->keys, f->node, c->key) != NULL)
            continue;
        node_insert(f->node, c->key, c);
        key_index_added(&f->keys, c);
    }
}

static void unlink_merge(struct node *map, const struct node *merge)
{
    struct node *before = NULL;
    for (struct node *c = map->first; c != merge; c = c->next)
        before = c;
    *(before != NULL ? &before->next : &map->first) = merge->next;
    if (map->last == merge)
        map->last = before;
    map->count--;
}

static int close_frame(struct yaml_reader *r, const yaml_event_t *e)
{
    must(r->depth > 0);
    struct frame *f = &r->frames[--r->depth];
    int rc = 0;
    struct node *merge = f->merge;
    if (merge != NULL)
        unlink_merge(f->node, merge);
    if (merge != NULL && merge->kind == NODE_MAP) {
        merge_map(f, merge);
    } else if (merge != NULL && merge->kind == NODE_LIST) {
        for (struct node *m = merge->first; m != NULL && rc == 0; m = m->next)
            if (m->kind == NODE_MAP)
                merge_map(f, m);
            else
                rc = fail(r, ERR_MALFORMED, e->end_mark,
                          "got something else than maps under \"<<\"");
    } else if (merge != NULL) {
        rc = fail(r, ERR_MALFORMED, e->end_mark, "got something else than a map under \"<<\"");
    }
    key_index_done(&f->keys);
    return rc;
}

static bool is_null(struct str s)
{
    return s.n == 0 || str_eqz(s, "~") || str_eqz(s, "null") || str_eqz(s, "Null") ||
           str_eqz(s, "NULL");
}

static int on_key(struct yaml_reader *r, struct frame *f, const yaml_event_t *e)
{
    f->key = node__text(r->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
    if (f->key.p == NULL)
        return fail(r, ERR_TOO_LARGE, e->start_mark, "got more text than the memory limit");
    if (memchr(f->key.p, '\0', f->key.n) != NULL)
        return fail(r, ERR_MALFORMED, e->start_mark, "got a NUL character in a key");
    f->merge_next = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && str_eqz(f->key, "<<");
    f->key_line = (uint32_t)e->start_mark.line + 1;
    f->key_column = (uint32_t)e->start_mark.column + 1;
    return 0;
}

static int on_scalar(struct yaml_reader *r, const yaml_event_t *e)
{
    struct frame *f = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
    if (f != NULL && f->node->kind == NODE_MAP && f->key.p == NULL)
        return on_key(r, f, e);
    struct str raw = {(const char *)e->data.scalar.value, e->data.scalar.length};
    const char *tag = (const char *)e->data.scalar.tag;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !streq(tag, YAML_STR_TAG);
    struct node *n = new_node(r, plain && is_null(raw) ? NODE_NULL : NODE_TEXT, e->start_mark);
    if (n == NULL)
        return -1;
    if (n->kind == NODE_TEXT) {
        n->quoted = !plain;
        n->text = node__text(r->arena, raw.p, raw.n);
        if (n->text.p == NULL)
            return fail(r, ERR_TOO_LARGE, e->start_mark, "got more text than the memory limit");
    }
    if (name_anchor(r, e->data.scalar.anchor, n, e->start_mark) < 0)
        return -1;
    return place(r, n, e->start_mark);
}

/* Adds up the values in n and below; returns their levels. */
static int measure(const struct node *n, size_t *count)
{
    int below = 0;
    bool parent = n->kind == NODE_LIST || n->kind == NODE_MAP;
    for (const struct node *c = parent ? n->first : NULL; c != NULL; c = c->next) {
        int levels = measure(c, count);
        below = levels > below ? levels : below;
    }
    *count += 1;
    return below + 1;
}

/* True when n is a map or list that is not complete yet: an alias inside its own anchor. */
static bool is_open(const struct yaml_reader *r, const struct node *n)
{
    for (int i = 0; i < r->depth; i++)
        if (r->frames[i].node == n)
            return true;
    return false;
}

static int on_alias(struct yaml_reader *r, const yaml_event_t *e)
{
    const struct node *n = NULL;
    vec_each (&r->anchors, a)
        if (streq(a->name, (const char *)e->data.alias.anchor))
            n = a->node; /* the last of that name counts */
    if (n == NULL)
        return fail(r, ERR_MALFORMED, e->start_mark,
                    "got an alias to an anchor that was not defined");
    if (is_open(r, n))
        return fail(r, ERR_MALFORMED, e->start_mark, "got an alias inside of what it stands for");
    if (r->depth + measure(n, &r->nodes) > NODE_DEPTH_MAX || r->nodes > NODE_COUNT_MAX)
        return fail(r, ERR_TOO_LARGE, e->start_mark,
                    "got aliases that add up to more than 64 levels or 2 million values");
    return place(r, node_copy(r->arena, n), e->start_mark);
}

static int on_event(struct yaml_reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->documents++ > 0)
            return fail(r, ERR_MALFORMED, e->start_mark, "got a second document; want one");
        return 0;
    case YAML_SCALAR_EVENT:
        return on_scalar(r, e);
    case YAML_ALIAS_EVENT:
        return on_alias(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_frame(r, e, NODE_LIST, e->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return open_frame(r, e, NODE_MAP, e->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_frame(r, e);
    default:
        return 0;
    }
}

static int yaml_read(struct yaml_reader *r)
{
    for (;;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&r->parser, &e))
            return fail_syntax(r);
        bool end = e.type == YAML_STREAM_END_EVENT;
        int rc = on_event(r, &e);
        yaml_event_delete(&e);
        if (rc < 0 || end)
            return rc;
    }
}

struct node *node_from_yaml(struct arena *a, const char *text, size_t n, const char *file,
                            struct err *err)
{
    must(text != NULL || n == 0);
    struct yaml_reader r = {.arena = a, .text = text, .size = n, .err = err};
    r.file = file != NULL ? arena_strdup(a, file) : NULL;
    if (n > NODE_TEXT_MAX) {
        fail(&r, ERR_TOO_LARGE, (yaml_mark_t){0}, "got more than the limit of 64 MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        fail(&r, ERR_INTERNAL, (yaml_mark_t){0}, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(n > 0 ? text : ""), n);
    int rc = yaml_read(&r);
    while (r.depth > 0)
        key_index_done(&r.frames[--r.depth].keys);
    vec_done(&r.anchors);
    yaml_parser_delete(&r.parser);
    if (rc < 0)
        return NULL;
    return r.root != NULL ? r.root : new_node(&r, NODE_NULL, (yaml_mark_t){0});
}
