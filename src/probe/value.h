/* A value that a target gave, found and compared: JSON values, results of queries, SNMP objects. Numbers compare as
 * numbers when both sides are, texts byte by byte. */
#ifndef PROBE_VALUE_H
#define PROBE_VALUE_H

#include "config/option.h"
#include "probe/pattern.h"

#define VALUE_OPS(X)        \
    X(EQ, "==")             \
    X(NE, "!=")             \
    X(LT, "<")              \
    X(LE, "<=")             \
    X(GT, ">")              \
    X(GE, ">=")             \
    X(CONTAINS, "contains") \
    X(MATCHES, "matches")   \
    X(EXISTS, "exists")
enum value_op {
#define X(name, text) VALUE_##name,
    VALUE_OPS(X)
#undef X
};
extern const char *const value_ops[]; /* by enum value_op, NULL-terminated: choices of an option */

struct value_check {
    int op;                  /* enum value_op */
    const char *value;       /* wanted; NULL with EXISTS */
    struct pattern *pattern; /* compiled by value_check_validate */
};

/* what: how messages name it, "json check of $.state". Faults become problems at path. */
void value_check_validate(struct value_check *c, const char *what, struct arena *a,
                          struct problems *p, const char *path);
bool value_check_holds(const struct value_check *c, const char *got);

/* The value at a JSON path; NULL when there is none, or with err MALFORMED for a path that cannot be read.
 *     $.data.items[0].state   data["a key"].n   list[-1]   items.length()
 * `length()`, at the end alone, is the number of elements of a list or map, of bytes of a text; it lives in a. */
const struct node *json_at(const struct node *root, const char *path, struct arena *a,
                           struct err *err);
/* Whether a path can be read. */
int json_path_check(const char *path, struct err *err);
/* A text as it is, anything else as JSON. */
const char *json_value_text(const struct node *n, struct arena *a);

#endif
