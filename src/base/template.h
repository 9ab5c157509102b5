/* The template language of messages and of alert rules: a subset of Go's text/template (docs/templates.md).
 *
 *   text {{ .Field }} {{ .Labels.env | default "?" }} {{- trims white space -}}, comments as in Go
 *   {{ if PIPE }} … {{ else if PIPE }} … {{ else }} … {{ end }}
 *   {{ range PIPE }} … {{ else }} … {{ end }}      inside, `.` is the element and `$` the whole
 *   PIPE is  value | function argument… | function …   with the value as each function's last argument, as in Go.
 *   Values: .A.B  $.A  "text"  `text`  12  true  false  (PIPE)
 *
 * Which functions there are, how values are escaped and how times read is the caller's: struct template_style.
 *
 * Templates are an operator's text, values are strangers'. Limits: source 64 KiB, nesting 32, 100,000 steps, output by the buffer.
 * Errors carry line and column (err->at_line, at_column). Any thread; no state. */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

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
    bool safe; /* TV_TEXT in the style's own notation: not escaped again */
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
struct tvalue tv_text(const char *s); /* NULL: TV_NULL */
struct tvalue tv_int(int64_t v);

struct template_env;
struct template_function {
    const char *name;
    int min, max; /* arguments, the piped one included */
    /* Results live in env->arena. */
    int (*call)(const struct template_env *env, const struct tvalue *args, int n,
                struct tvalue *out, struct err *err);
};

/* What a caller's templates are like. Constant. */
struct template_style {
    const struct template_function *functions; /* ended by name NULL */
    /* Appends a value's text, made harmless; and the template's own text. */
    void (*escape)(const struct template_env *env, struct buf *out, struct str s);
    void (*literal)(const struct template_env *env, struct buf *out, struct str s);
    /* TV_TIME and TV_DURATION as text. */
    int (*moment)(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err);
};
struct template_env {
    const struct template_style *style;
    const void *self; /* the caller's: for its functions */
    struct tvalue root;
    struct arena *arena;
};

struct template;
/* Parsed once, lives in `a`; borrows the source text. */
struct template *template_parse(struct arena *a, const char *source,
                                const struct template_style *style, struct err *err);
/* env->style is the one it was parsed with. */
int template_run(const struct template *t, const struct template_env *env, struct buf *out,
                 struct err *err);

/* --- for functions --- */
bool template_truth(const struct tvalue *v);
/* The value as unescaped text; numbers and times in their plain form. */
int template_text(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err);
/* The value as the style writes it: escaped unless safe. */
int template_write(const struct template_env *env, const struct tvalue *v, struct buf *out,
                   struct err *err);
/* Hands over what a function wrote, and ends b. TOO_LARGE when it failed. */
int template_give(const struct template_env *env, struct buf *b, bool safe, struct tvalue *out,
                  struct err *err);

#endif
