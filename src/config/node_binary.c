/* The compact binary form of a tree, for watchers' assignments and the link (config/node.h).
 *
 *   node   = tag, content
 *   tag    = one byte: kind (enum node_kind) | 0x10 quoted | 0x20 true
 *   NULL, BOOL: no content        TEXT: length, bytes        INT: zigzag number
 *   F64: 8 bytes little endian    LIST: count, nodes         MAP: count, { length, key bytes, node
 * } length, count, number = LEB128, 7 bits a byte, low bits first, at most 10 bytes
 *
 * Places in the text are not kept: whoever decodes shows no positions. put_node writes, get_node
 * reads. */
#include <string.h>

#include "config/node_priv.h"

#define TAG_KIND   0x0f
#define TAG_QUOTED 0x10
#define TAG_TRUE   0x20

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_put_u8(out, (uint8_t)(v | 0x80));
    buf_put_u8(out, (uint8_t)v);
}

static void put_text(struct buf *out, struct str s)
{
    put_varint(out, s.n);
    buf_add(out, s.p, s.n);
}

static void put_node(const struct node *n, struct buf *out, int depth)
{
    must(depth <= NODE_DEPTH_MAX + 8); /* our own trees may wrap a document in a few more levels */
    uint8_t tag = (uint8_t)n->kind;
    if (n->kind == NODE_TEXT && n->quoted)
        tag |= TAG_QUOTED;
    if (n->kind == NODE_BOOL && n->flag)
        tag |= TAG_TRUE;
    buf_put_u8(out, tag);
    if (n->kind == NODE_TEXT) {
        put_text(out, n->text);
    } else if (n->kind == NODE_INT) {
        put_varint(out, ((uint64_t)n->num << 1) ^ (uint64_t)(n->num >> 63));
    } else if (n->kind == NODE_F64) {
        uint64_t bits;
        memcpy(&bits, &n->f64, sizeof(bits));
        buf_put_u64(out, bits);
    } else if (n->kind == NODE_LIST || n->kind == NODE_MAP) {
        put_varint(out, n->count);
        for (const struct node *c = n->first; c != NULL; c = c->next) {
            if (n->kind == NODE_MAP)
                put_text(out, c->key);
            put_node(c, out, depth + 1);
        }
    }
}

void node_encode(const struct node *n, struct buf *out)
{
    must(n != NULL);
    put_node(n, out, 1);
}

struct binary_reader {
    struct arena *arena;
    struct cur *in;
    size_t nodes;
    const char *why; /* first fault; NULL: none */
};

static void *fault(struct binary_reader *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    return NULL;
}

static uint64_t get_varint(struct binary_reader *r)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cur_u8(r->in);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (shift == 63 && byte > 1)
                break;
            return v;
        }
    }
    fault(r, "a number longer than 64 bits");
    return 0;
}

static struct str get_text(struct binary_reader *r)
{
    uint64_t n = get_varint(r);
    if (r->in->failed || r->why != NULL || n > cur_left(r->in)) {
        fault(r, "a text longer than the document");
        return (struct str){NULL, 0};
    }
    struct str s = node__text(r->arena, cur_bytes(r->in, n), n);
    if (s.p == NULL)
        fault(r, "more than the memory limit");
    return s;
}

static struct node *get_node(struct binary_reader *r, int depth);

static struct node *get_child(struct binary_reader *r, struct node *parent, struct key_index *keys,
                              int depth)
{
    struct str key = {0};
    if (parent->kind == NODE_MAP) {
        key = get_text(r);
        if (key.p == NULL)
            return NULL;
        if (key_index_find(keys, parent, key) != NULL)
            return fault(r, "a key twice in one map");
    }
    struct node *child = get_node(r, depth + 1);
    if (child == NULL)
        return NULL;
    if (parent->kind == NODE_LIST) {
        node_append(parent, child);
    } else {
        node_insert(parent, key, child);
        key_index_added(keys, child);
    }
    return child;
}

static struct node *get_children(struct binary_reader *r, struct node *parent, int depth)
{
    uint64_t count = get_varint(r);
    if (r->in->failed || r->why != NULL)
        return fault(r, "the end in the middle of a value");
    if (count > cur_left(r->in))
        return fault(r, "more values than bytes");
    struct key_index keys = {0};
    bool good = true;
    for (uint64_t i = 0; i < count && good; i++)
        good = get_child(r, parent, &keys, depth) != NULL;
    key_index_done(&keys);
    return good ? parent : NULL;
}

static struct node *get_node(struct binary_reader *r, int depth)
{
    uint8_t tag = cur_u8(r->in);
    if (r->in->failed)
        return fault(r, "the end in the middle of a value");
    if (depth > NODE_DEPTH_MAX + 8 || ++r->nodes > NODE_COUNT_MAX)
        return fault(r, "too many levels or values");
    if ((tag & TAG_KIND) > NODE_MAP || (tag & ~(TAG_KIND | TAG_QUOTED | TAG_TRUE)) != 0)
        return fault(r, "an unknown tag");
    struct node *n = node__new(r->arena, (enum node_kind)(tag & TAG_KIND));
    if (n == NULL)
        return fault(r, "more than the memory limit");
    if (n->kind == NODE_LIST || n->kind == NODE_MAP)
        return get_children(r, n, depth);
    if (n->kind == NODE_TEXT) {
        n->quoted = (tag & TAG_QUOTED) != 0;
        n->text = get_text(r);
    } else if (n->kind == NODE_INT) {
        uint64_t v = get_varint(r);
        n->num = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    } else if (n->kind == NODE_F64) {
        uint64_t bits = cur_u64(r->in);
        memcpy(&n->f64, &bits, sizeof(bits));
    } else if (n->kind == NODE_BOOL) {
        n->flag = (tag & TAG_TRUE) != 0;
    }
    if (r->in->failed)
        return fault(r, "the end in the middle of a value");
    return r->why == NULL ? n : NULL;
}

struct node *node_decode(struct arena *a, struct cur *in, struct err *err)
{
    struct binary_reader r = {.arena = a, .in = in};
    struct node *n = get_node(&r, 1);
    if (n == NULL) {
        must(r.why != NULL);
        err_set(err, ERR_DAMAGED, "cannot decode a configuration: got %s", r.why);
    }
    return n;
}
