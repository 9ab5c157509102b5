/* Regular expressions in RE2's syntax, linear in the text's length: for patterns and texts that strangers bring.
 *
 * The library is RE2 (regex_re2.cc, the only C++ of the house: a shim of one screen, because no C library in Debian has both
 * that syntax, which Go and so Prometheus share, and a bound on time). A regex is immutable; any thread may match. */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REGEX_PATTERN_MAX 65536
#define REGEX_GROUPS_MAX  32

enum regex_flag {
    REGEX_ANCHORED = 1, /* the whole text must match */
    REGEX_DOT_ALL = 2,  /* . matches a newline */
};

struct regex;
/* MALFORMED with RE2's words when the pattern cannot be parsed or needs more than 8 MiB as a program. */
struct regex *regex_new(struct str pattern, unsigned flags, struct err *err);
void regex_free(struct regex *re); /* NULL is fine */

bool regex_match(const struct regex *re, struct str text);
/* The leftmost match that begins at `from` or later, with its groups: group[0] is the whole, p NULL for a group that took
 * no part. n ≤ REGEX_GROUPS_MAX. */
bool regex_find(const struct regex *re, struct str text, size_t from, struct str *group, size_t n);
size_t regex_groups(const struct regex *re); /* without the whole */
/* Number of the group called name; -1: none. */
int regex_group(const struct regex *re, struct str name);
/* Appends the text that replaces `group` by a template with $1, ${1}, $name, ${name}, $$ (Go's Regexp.Expand: the longest
 * name is taken, unknown ones are empty). */
void regex_expand(const struct regex *re, struct str template_, const struct str *group, size_t n,
                  struct buf *out);

#ifdef __cplusplus
}
#endif

#endif
