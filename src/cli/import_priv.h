/* What the importers share: reading files leniently, lists of URLs, writing YAML values. For
 * import_*.c only. */
#ifndef CLI_IMPORT_PRIV_H
#define CLI_IMPORT_PRIV_H

#include "base/map.h"
#include "base/vec.h"
#include "cli/import.h"

/* The file's text with broken UTF-8 repaired, in `a`; text.p NULL when it is not there. */
struct import_file import_read(const char *path, struct arena *a);

/* A text as a YAML scalar: "$" doubled so that the environment leaves it alone, control characters
 * but line ends dropped. */
void import_put_text(struct buf *out, struct str s);
/* Whether it may be the value of an option of one line. */
#define IMPORT_LINE_MAX 1000
bool import_is_line(struct str s);
/* As a comment's content: one line, no control characters. */
void import_put_comment(struct buf *out, struct str s);

/* Calls add for each URL of a text with one a line; "name url", "url,name" and # comments are
 * understood, a missing scheme becomes http://. Doubles and what is no URL are told in p and left
 * out. */
struct import_target {
    struct str name; /* empty: none given */
    const char *url;
};
typedef vec_of(struct import_target) import_targets;
void import_lines(const struct import_file *f, struct map_str *seen, struct arena *a,
                  import_targets *out, struct problems *p);
/* One of them; place is told with a problem. */
void import_one(struct str name, struct str url, const struct node *at, struct map_str *seen,
                struct arena *a, import_targets *out, struct problems *p);

/* The promise of every importer: what was written loads. */
int import_check(const struct buf *yaml, struct err *err);

#endif
