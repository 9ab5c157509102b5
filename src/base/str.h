/* String helpers on borrowed bytes: slices, UTF-8, numbers, encodings. No state. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* A borrowed run of bytes, not NUL-terminated. */
struct str {
    const char *p;
    size_t n;
};
#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})

struct str str_of(const char *s); /* NULL gives an empty one */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                                           /* ASCII white space */
bool str_cut(struct str s, char sep, struct str *before, struct str *after); /* at the first sep */
/* Iterates over `sep`-separated parts: while (str_next(&rest, ',', &part)). "" has one, empty part. */
bool str_next(struct str *rest, char sep, struct str *part);
/* Is word one of the sep-separated parts, as it stands? */
bool str_lists(struct str list, char sep, const char *word);
bool str_contains(struct str s, struct str needle);
/* Is c one of the characters of set? */
static inline bool char_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool streq(const char *a, const char *b); /* NULL equals only NULL */

/* Whole-text decimal number parsing, without white space, hex, inf or nan; anything else is an error
 * with code MALFORMED. */
int str_to_i64(struct str s, int64_t *out, struct err *err);
int str_to_u64(struct str s, uint64_t *out, struct err *err);
int str_to_f64(struct str s, double *out, struct err *err);

/* UTF-8. Length of the longest prefix of at most `max` bytes that does not cut a character. */
size_t utf8_cut(const char *s, size_t n, size_t max);
bool utf8_valid(const char *s, size_t n);
/* Bytes of the valid character that s begins with (1-4), 0 when it begins with none or is cut. */
size_t utf8_char(const char *s, size_t n);
/* n without a character at the end that is cut: for text that snprintf truncated. */
size_t utf8_whole(const char *s, size_t n);
size_t utf8_count(const char *s, size_t n); /* characters (invalid bytes count one each) */
/* Appends s with invalid bytes replaced by U+FFFD, so that JSON and SQLite accept it. */
void utf8_clean(struct buf *out, const char *s, size_t n);

/* Name nearest to `got` by edit distance (≤ 1/2 of its length), or NULL: "did you mean". */
const char *str_nearest(const char *got, const char *const *names, size_t n);

/* The decoders take foreign text: they append the whole result, or nothing with MALFORMED (err's
 * at_offset says where) or TOO_LARGE. base64 is RFC 4648 section 4, with padding and without white
 * space; '+' in a URL is a plus. Decoded bytes may contain NUL. */
void hex_encode(struct buf *out, const void *p, size_t n);
void base64_encode(struct buf *out, const void *p, size_t n);
int base64_decode(struct buf *out, struct str s, struct err *err);
void url_encode(struct buf *out, struct str s); /* RFC 3986 unreserved kept */
int url_decode(struct buf *out, struct str s, struct err *err);

#endif
