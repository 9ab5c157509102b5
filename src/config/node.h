/* Documents: YAML and JSON read into one tree that remembers where everything stood.
 *
 * YAML plain scalars stay text ("untyped": `no` is the text "no"); the option table of whoever
 * reads them gives them type. JSON keeps its types. A tree lives in the arena it was read into and
 * is immutable once handed out. Every text and key is NUL-terminated (and may hold further NULs).
 * YAML's `key:`, `~` and `null` are NODE_NULL; anchors, aliases and `<<` merges are resolved
 * (copies count against the limits). Limits: depth 64, 2 million nodes, 64 MiB of text. Pure
 * functions on the caller's arena: any thread. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define NODE_DEPTH_MAX 64
#define NODE_COUNT_MAX 2000000
#define NODE_TEXT_MAX  (64u << 20)

enum node_kind { NODE_NULL, NODE_TEXT, NODE_INT, NODE_F64, NODE_BOOL, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind : 8;
    bool quoted : 1; /* NODE_TEXT: was quoted in YAML, or a JSON string */
    uint32_t line;   /* 1-based; 0: not from a text */
    uint32_t column; /* 1-based, characters */
    uint32_t count;  /* children */
    uint32_t key_line, key_column;
    const char *file; /* of the text, for includes; NULL for JSON */
    union {
        struct str text;
        int64_t num;
        double f64;
        bool flag;
        struct node *last; /* of a list or map: node_append's place to work; others need not look */
    };
    /* Children of a list or map, in order. */
    struct node *first;
    struct node *next; /* sibling */
    struct str key;    /* when the parent is a map */
};

/* Parses a whole text. err names file:line:column. A duplicate key is an error. */
struct node *node_from_yaml(struct arena *a, const char *text, size_t n, const char *file,
                            struct err *err);
struct node *node_from_json(struct arena *a, const char *text, size_t n, struct err *err);

struct node *node_get(const struct node *map, const char *key); /* NULL when absent or not a map */
const char *node_kind_name(const struct node *n); /* "a map", "text", "a number" … */

/* Building. */
struct node *node_map(struct arena *a);
struct node *node_list(struct arena *a);
struct node *node_text(struct arena *a, const char *s);
struct node *node_int(struct arena *a, int64_t v);
struct node *node_bool(struct arena *a, bool v);
/* Replaces. */
void node_put(struct node *map, struct arena *a, const char *key, struct node *value);
void node_append(struct node *list, struct node *value);
/* For readers: the key is absent so far, NUL-terminated, and borrowed. */
void node_insert(struct node *map, struct str key, struct node *value);
struct node *node_copy(struct arena *a, const struct node *n);

/* JSON text. An unquoted YAML scalar is written as text too: give it type with options_normalize
 * first. */
void node_to_json(const struct node *n, struct json *j);
/* YAML text for people, block style. And one text as a YAML scalar, quoted where it must be. */
void node_to_yaml(const struct node *n, struct buf *out);
void yaml_put_text(struct buf *out, struct str s);
/* Whether YAML takes the character of n bytes at p as it stands, and not for the end of a line. */
bool yaml_is_printable(const char *p, size_t n);

/* Compact binary form for assignments (DESIGN.md): tag, length, content; decode checks all. */
void node_encode(const struct node *n, struct buf *out);
struct node *node_decode(struct arena *a, struct cur *in, struct err *err);

#endif
