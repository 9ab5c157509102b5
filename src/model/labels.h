/* Label sets of series: what names a series, everywhere between the parsers, the store, PromQL and rules.
 *
 * A label set is sorted by name (bytes), has no name twice and no empty value; names and values are UTF-8 and may
 * contain any character. It is a view: strings are borrowed from whoever made it. Any thread. */
#ifndef MODEL_LABELS_H
#define MODEL_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

#define LABEL_METRIC_NAME "__name__"

struct label_pair {
    struct str name, value;
};
struct labels {
    const struct label_pair *at;
    uint32_t n;
};

struct str labels_get(const struct labels *l, struct str name); /* empty when absent */
struct str labels_metric(const struct labels *l);               /* the value of __name__ */
/* As Prometheus sorts series: label by label, name before value, the shorter set first. */
int labels_compare(const struct labels *a, const struct labels *b);
bool labels_equal(const struct labels *a, const struct labels *b);
/* The same for equal sets on every machine and in every version: files hold it. */
uint64_t labels_hash(const struct labels *l);
struct labels labels_dup(struct arena *a, const struct labels *l); /* deep */
/* {a="b", c="d"}, name{…}, or {"utf-8 name", …}: as PromQL reads it. */
void labels_format(struct buf *out, const struct labels *l);

/* A set being made. Add in any order, then finish. */
struct labels_builder {
    struct label_pair *at;
    size_t n, cap;
};
void labels_builder_done(struct labels_builder *b);
static inline void labels_builder_clear(struct labels_builder *b)
{
    b->n = 0;
}
void labels_builder_add(struct labels_builder *b, struct str name, struct str value);
void labels_builder_set(struct labels_builder *b, struct str name, struct str value); /* replaces */
void labels_builder_del(struct labels_builder *b, struct str name);
void labels_builder_from(struct labels_builder *b, const struct labels *l); /* replaces all */
/* Sorts, drops empty values. CONFLICT when a name stands twice (with different or equal values), as Prometheus. The view
 * borrows the builder's array until the next call. */
int labels_builder_finish(struct labels_builder *b, struct labels *out, struct err *err);

/* Of classic names, [a-zA-Z_:][a-zA-Z0-9_:]* and without the colons for labels; others need quotes. */
bool metric_name_classic(struct str s);
bool label_name_classic(struct str s);

#endif
