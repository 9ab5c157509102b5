/* Option tables: each prober, channel and configuration section is described once. The YAML reader
 * with its messages, API validation, OpenAPI, the page's forms, --help and docs/configuration.md
 * all come from the table (STYLE.md 16).
 *
 *   struct tcp_config { const char *host; int64_t port; bool tls; };
 *   static const struct option tcp_options[] = {
 *       {"host", OPT_STRING, offsetof(struct tcp_config, host), .required = true},
 *       {"port", OPT_INT, offsetof(struct tcp_config, port), .min = 1, .max = 65535},
 *       {"tls", OPT_BOOL, offsetof(struct tcp_config, tls), .def = "false"},
 *       OPTION_END};
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/vec.h"
#include "config/node.h"

/* X(NAME, "name in schemas", C type at the offset) */
#define OPTION_TYPES(X)                                                                           \
    X(STRING, "string", const char *)                                                             \
    X(TEXT, "text", const char *) /* may have several lines */                                    \
    X(INT, "int", int64_t)                                                                        \
    X(F64, "float", double)                                                                       \
    X(BOOL, "bool", bool)                                                                         \
    X(DURATION, "duration", int64_t) /* ms */                                                     \
    X(SIZE, "size", int64_t)         /* bytes: 10GB, 64KiB, 500MB; a bare K, M, G, T is binary */ \
    X(ENUM, "enum", int)             /* index into choices */                                     \
    X(LIST, "list", struct str_list) /* of strings; one string is a list of one */                \
    X(RANGES, "ranges", struct range_list)       /* [200-299, 304, 2xx] */                        \
    X(MAP, "map", struct pair_list)              /* string → string, order kept */              \
    X(SECTION, "section", struct)                /* a nested struct in place; see `sub` */        \
    X(SECTIONS, "sections", struct section_list) /* list of nested structs */                     \
    X(NODE, "any", const struct node *)          /* the tree as it stands */

enum option_type {
#define X(name, text, ctype) OPT_##name,
    OPTION_TYPES(X)
#undef X
};

struct str_list {
    const char **at;
    size_t n;
};
struct range_list {
    struct range {
        int64_t from, to;
    } * at;
    size_t n;
};
struct pair_list {
    struct pair {
        const char *key, *value;
    } * at;
    size_t n;
};
struct section_list {
    void *at; /* array of `sub_size` structs */
    size_t n;
};

struct text2 {
    const char *en, *zh;
};

struct option {
    const char *name; /* NULL ends the table */
    enum option_type type;
    size_t offset;
    const char *def;  /* default as text, as a user would write it; NULL: zero/empty/absent */
    double min, max;  /* bounds of numbers (ms for durations, bytes for sizes), of lengths for
                         strings and lists; both 0: none */
    const char *unit; /* "ms", "bytes", "%" for display */
    bool required;
    bool secret;                /* write-only: masked in answers and logs */
    bool advanced;              /* folded away in the form */
    const char *const *choices; /* OPT_ENUM (and suggestions for OPT_STRING); NULL-terminated */
    const struct option *sub;   /* OPT_SECTION, OPT_SECTIONS */
    size_t sub_size;            /* OPT_SECTIONS: size of one */
    struct text2 help;
    const char *example;
};
#define OPTION_END \
    {              \
        0          \
    }

#define SECRET_MASK "********"

/* What is wrong with a document, all of it. */
struct problem {
    const char *field; /* "config.port", "groups[2].targets[0].url" */
    const char *file;
    uint32_t line, column; /* 0: unknown */
    const char *message;   /* got …; want … */
};
struct problems {
    struct arena *arena; /* messages live here */
    vec_of(struct problem) list;
    size_t limit; /* 0: 100; more are counted in `dropped` */
    size_t dropped;
};
void problems_init(struct problems *p, struct arena *a);
void problems_done(struct problems *p);
/* at may be NULL. */
void problem_add(struct problems *p, const struct node *at, const char *field, const char *fmt, ...)
    printf_like(4, 5);
/* Takes message and place of *err. */
void problem_add_err(struct problems *p, const struct err *err, const char *field);
/* "belfry.yaml:12:7: groups[0].timeout: got …", without the newline. */
void problem_text(const struct problem *one, struct buf *out);
/* All of them, a line each, sorted by place. */
void problems_text(struct problems *p, struct buf *out);
/* The same to stderr, for commands. */
void problems_print(struct problems *p);

/* Binds a map to the struct at `out` (zeroed by the caller, allocations in `a`): defaults first,
 * then values; unknown keys (nearest known key named), wrong types, bounds and missing required
 * options are added to `p` with field paths under `path`. Returns true when this call added no
 * problem. node may be NULL (all defaults). An explicit null is as if the key were absent. An
 * absent section gets its defaults without its required options being missed. Numbers, bools,
 * durations may be given as text. */
bool options_bind(const struct option *table, const struct node *node, void *out, struct arena *a,
                  struct problems *p, const char *path);

/* A copy of `node` with every value in its JSON type (numbers as numbers, durations in text as
 * given), unknown keys kept. What the store and the API keep. */
struct node *options_normalize(const struct option *table, const struct node *node,
                               struct arena *a);

/* A bound struct as the document that binds to the same, secrets as they are; what is absent is left
 * out. */
struct node *options_document(const struct option *table, const void *bound, struct arena *a);

/* A copy with secrets replaced by SECRET_MASK; and back: masks in `fresh` replaced by the values of
 * `old`. */
struct node *options_mask(const struct option *table, const struct node *node, struct arena *a);
struct node *options_unmask(const struct option *table, const struct node *fresh,
                            const struct node *old, struct arena *a);

/* A copy in which each secret value that is there is what fn makes of it. */
typedef struct node *secret_fn(void *arg, const struct node *secret, struct arena *a);
struct node *options_secrets(const struct option *table, const struct node *node, secret_fn *fn,
                             void *arg, struct arena *a);

/* The table as JSON array for the page's forms:
 * [{"name","type","default","min","max","unit","required",
 * "choices","secret","advanced","help":{"en","zh"},"example","options":[…]}]. */
void options_form(const struct option *table, struct json *j);
/* The table as a JSON Schema object (OpenAPI 3.1). */
void options_schema(const struct option *table, struct json *j);
/* The table as Markdown rows for docs/configuration.md (zh: configuration.zh-CN.md), nested names as
 * "expect.status". */
void options_doc(const struct option *table, struct buf *out, const char *prefix, bool zh);

bool range_has(const struct range_list *r, int64_t v); /* an empty list has nothing */

#endif
