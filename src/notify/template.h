/* The template language of all messages: a small subset of Go's text/template (docs/templates.md).
 *
 *   text {{ .Field }} {{ .Labels.env | default "?" }} {{- trims white space -}}, comments as in Go
 *   {{ if PIPE }} … {{ else if PIPE }} … {{ else }} … {{ end }}
 *   {{ range PIPE }} … {{ else }} … {{ end }}      inside, `.` is the element and `$` the whole
 *   PIPE is  value | function argument… | function …   with the value as each function's last argument, as in Go.
 *   Values: .A.B  $.A  "text"  `text`  12  true  false  (PIPE)
 *
 * Functions: t ZH EN [N], default D, truncate N, duration, time [ZONE], upper, lower, trim, first N, len, bold, link URL,
 * color NAME, raw, json, urlquery, eq ne lt le gt ge, not, and, or. Every value that is written is escaped
 * for the channel's dialect, unless it came from bold, link, color or raw.
 *
 * Templates are an operator's text, values are strangers'. Limits: source 64 KiB, nesting 32, 100,000 steps, output by the buffer.
 * Errors carry line and column (err->at_line, at_column). Any thread; no state. */
#ifndef NOTIFY_TEMPLATE_H
#define NOTIFY_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "notify/dialect.h"

#define TEMPLATE_SOURCE_MAX 65536
#define TEMPLATE_DEPTH_MAX  32
#define TEMPLATE_STEPS_MAX  100000

enum tvalue_kind { TV_NULL, TV_TEXT, TV_INT, TV_BOOL, TV_TIME, TV_DURATION, TV_LIST, TV_OBJECT };

struct tvalue;
/* Something with fields. A missing field: return false. */
struct tobject {
    bool (*field)(const void *self, struct str name, struct tvalue *out);
    const void *self;
};
struct tvalue {
    enum tvalue_kind kind;
    bool safe; /* TV_TEXT in the dialect's own notation: not escaped again */
    union {
        struct str text;
        int64_t num; /* TV_INT; TV_TIME wall ms; TV_DURATION ms */
        bool flag;
        struct tobject object;
        struct {
            const struct tvalue *at;
            size_t n;
        } list;
    };
};

enum language { LANG_ZH, LANG_EN, LANG_BOTH };

struct template_env {
    const struct dialect *dialect;
    enum language lang;
    const char *zone; /* of `time` without argument: see zone_offset; NULL: local */
    struct tvalue root;
    struct arena *arena;
};

struct template;
/* Parsed once, lives in `a`; borrows the source text. */
struct template *template_parse(struct arena *a, const char *source, struct err *err);
int template_run(const struct template *t, const struct template_env *env, struct buf *out,
                 struct err *err);

struct tvalue tv_text(const char *s); /* NULL: TV_NULL */
struct tvalue tv_int(int64_t v);

/* Offset of a zone at a moment, in seconds: "local", "UTC", "+08:00", "Europe/Berlin" and other zones
 * of base/zone.h. MALFORMED otherwise. */
int zone_offset(const char *zone, int64_t wall_ms, int *seconds, struct err *err);
/* "2026-11-20 16:00:00" */
#define ZONE_TIME_SIZE 64
int zone_time(const char *zone, int64_t wall_ms, char *buf, struct err *err);
/* "3m20s", "3分20秒", whole seconds from one second on. */
void duration_words(struct buf *out, int64_t ms, enum language lang);

#endif
