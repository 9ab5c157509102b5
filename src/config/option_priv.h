/* What the option_*.c files share: paths that cost nothing until an error is told, the parser of
 * each type, and their table. For this folder only (config.c uses options__bind_in_place). */
#ifndef CONFIG_OPTION_PRIV_H
#define CONFIG_OPTION_PRIV_H

#include "config/option.h"

/* A field's place, as a chain on the stack: "groups" ← [2] ← "url". name NULL: an index. */
struct option_path {
    const struct option_path *up;
    const char *name;
    size_t index;
};
/* "groups[2].url" into buf; returns buf. */
#define OPTION_PATH_SIZE 256
const char *option_path_text(const struct option_path *path, char *buf);

struct bind {
    struct arena *arena;
    struct problems *problems; /* NULL while a table's own default is read: a fault is ours then */
    bool in_place;             /* texts and trees may be borrowed from the document */
};

/* Adds a problem; "PATH: " is the field. Returns false. */
bool bind_fail(struct bind *b, const struct option_path *path, const struct node *at,
               const char *fmt, ...) printf_like(4, 5);
/* The value as an error message shows it: 'abc' cut to a readable length, or only its kind when it
 * is secret. */
#define OPTION_GOT_SIZE 100
const char *option_got(const struct option *o, const struct node *n, char *buf);

/* Parses the value n (not NODE_NULL) of the option's type into `at`. False: a problem was added. */
bool option_parse(struct bind *b, const struct option_path *path, const struct option *o,
                  const struct node *n, void *at);
/* The option's default into `at` (which is zeroed). */
void option_default(struct bind *b, const struct option *o, void *at);

/* Binds a map; required says whether missing required options are problems. */
bool option_bind_map(struct bind *b, const struct option *table, const struct node *node, void *out,
                     const struct option_path *path, bool required);

/* Scalars of a type out of a node; false leaves *out. Used by option_parse and options_normalize.
 */
bool scalar_i64(const struct node *n, int64_t *out);
bool scalar_f64(const struct node *n, double *out);
bool scalar_bool(const struct node *n, bool *out);
bool size_parse(struct str s, int64_t *bytes);
#define SIZE_TEXT 40
const char *size_format(int64_t bytes, char *buf); /* "10GB"; reads back the same */
/* A bound as a user would write it: "30s", "10GB", "65535". */
const char *option_bound_text(const struct option *o, double v, char *buf);
bool option_has_min(const struct option *o);
bool option_has_max(const struct option *o);
const char *option_type_name(enum option_type t);

/* As options_bind, but texts and trees are borrowed from `node`, which must outlive `out`; the path
 * is a chain. */
bool options__bind_in_place(const struct option *table, const struct node *node, void *out,
                            struct arena *a, struct problems *p, const struct option_path *path);

/* A bound struct as a document, secrets masked; what is absent is left out. */
struct node *options_show(const struct option *table, const void *bound, struct arena *a);

#endif
