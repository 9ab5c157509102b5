/* Label matchers: = != =~ !~, with the shortcuts that spare the regular expression.
 *
 * Regular expressions are RE2's, anchored at both ends, and . matches newlines, as in Prometheus 3. A label that a series
 * does not have has the empty value. Immutable; any thread. */
#ifndef MODEL_MATCHER_H
#define MODEL_MATCHER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "model/labels.h"

enum matcher_op { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE };
const char *matcher_op_text(enum matcher_op op); /* "=~" */
bool matcher_op_parse(const char *text, enum matcher_op *out);

struct matcher;
/* Copies name and value. MALFORMED: the expression cannot be parsed. */
struct matcher *matcher_new(enum matcher_op op, struct str name, struct str value, struct err *err);
void matcher_free(struct matcher *m); /* NULL is fine */

enum matcher_op matcher_op(const struct matcher *m);
struct str matcher_name(const struct matcher *m);
struct str matcher_value(const struct matcher *m);

bool matcher_test(const struct matcher *m, struct str value);
bool matcher_test_all(const struct matcher *const *m, size_t n, const struct labels *l);
bool matcher_empty(const struct matcher *m); /* does it match the empty value? */
bool matcher_any(const struct matcher *m);   /* it matches every value, the empty one too: ".*" */
bool matcher_some(
    const struct matcher *m); /* it matches exactly the values that are not empty: ".+", != "" */

/* What the index can do instead of testing every value. For = and =~ of a plain alternation ("a|b|c", "x(a|b)"): the
 * values it matches, sorted; *n 0 and NULL when it is not such a one. != and !~ answer what they exclude. */
const struct str *matcher_set(const struct matcher *m, size_t *n);
/* Every value that =~ matches begins so ("" when nothing is known). */
struct str matcher_prefix(const struct matcher *m);

/* name="value" as PromQL writes it */
void matcher_format(struct buf *out, const struct matcher *m);

#endif
