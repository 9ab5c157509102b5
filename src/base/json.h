/* Streaming JSON writer into a buf, for hot paths and answers. Reading JSON is config/node.h.
 *
 * Commas and nesting are its work; misuse (a value without key in an object, unbalanced end) is a
 * must() failure. Strings are escaped per RFC 8259, invalid UTF-8 becomes U+FFFD. NaN/Inf → null. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
    struct buf *out;
    uint64_t has_item; /* bit per depth: a comma is due */
    uint64_t is_obj;   /* bit per depth */
    int depth;         /* < 63 */
    bool have_key;
};

struct json json_start(struct buf *out);
void json_obj(struct json *j);
void json_arr(struct json *j);
void json_end(struct json *j); /* closes the innermost object or array */
void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s); /* NULL → null */
void json_strn(struct json *j, const char *s, size_t n);
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_f64(struct json *j, double v);
void json_bool(struct json *j, bool v);
void json_nil(struct json *j); /* null; not json_null, which jansson exports */
void json_raw(struct json *j, const char *text, size_t n); /* already JSON */
void json_time(struct json *j, int64_t wall_ms);           /* RFC 3339; 0 → null */

/* key + value in one */
void json_kstr(struct json *j, const char *key, const char *s);
void json_kint(struct json *j, const char *key, int64_t v);
void json_kuint(struct json *j, const char *key, uint64_t v);
void json_kf64(struct json *j, const char *key, double v);
void json_kbool(struct json *j, const char *key, bool v);
void json_ktime(struct json *j, const char *key, int64_t wall_ms);
void json_kobj(struct json *j, const char *key);
void json_karr(struct json *j, const char *key);

/* Escaped string with quotes appended to out. */
void json_escape(struct buf *out, const char *s, size_t n);

#endif
