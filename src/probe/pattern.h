/* Regular expressions over what targets answer: PCRE2 with limits on matching work, so that neither a
 * pattern nor an answer can hold a watcher up. Compiled into an arena. */
#ifndef PROBE_PATTERN_H
#define PROBE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/option.h"

#define PATTERN_MATCH_LIMIT 200000 /* steps of PCRE2's matcher */
#define PATTERN_GO          "(*RE2)" /* what follows is read as Go and Prometheus read it (base/regex.h) */

struct pattern;

/* err->at_offset: byte of the pattern that is wrong. */
struct pattern *pattern_compile(const char *text, struct arena *a, struct err *err);
/* 1 matches, 0 does not, -1: the limit was passed (err TOO_LARGE). */
int pattern_match(const struct pattern *p, const char *subject, size_t n, struct err *err);
/* The same; *found borrows the text of the first group that took part, or the whole match. */
int pattern_find(const struct pattern *p, const char *subject, size_t n, struct str *found,
                 struct err *err);
/* Compiles a text of the option path.name, NULL when there is none; a fault becomes a problem there (and NULL, or a NULL in the list). */
struct pattern *pattern_compile_option(const char *text, struct arena *a, struct problems *p,
                                       const char *path, const char *name);
struct pattern **pattern_compile_list(const struct str_list *list, struct arena *a,
                                      struct problems *p, const char *path, const char *name);
const char *pattern_text(const struct pattern *p); /* without PATTERN_GO */
/* Appends the template with $1 and ${1} as the groups of the leftmost match; without a match they are empty. */
void pattern_expand(const struct pattern *p, struct str text, struct str template_,
                    struct buf *out);

#endif
