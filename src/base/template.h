/* The template language of messages and of alert rules: Go's text/template (docs/templates.md).
 *
 *   text {{ .Field }} {{ .Labels.env | default "?" }} {{- trims white space -}}, comments as in Go
 *   {{ if PIPE }} … {{ else if PIPE }} … {{ else }} … {{ end }}          {{ with PIPE }} … {{ else }} … {{ end }}
 *   {{ range PIPE }} … {{ else }} … {{ end }}   of lists and maps; inside, `.` is the element and `$` the whole;
 *   {{ range $index, $value := PIPE }}, {{ break }}, {{ continue }}
 *   {{ $name := PIPE }} {{ $name = PIPE }}      visible until the end of the block
 *   {{ define "name" }} … {{ end }}  {{ template "name" PIPE }}  {{ block "name" PIPE }} … {{ end }}
 *   PIPE is  value | function argument… | function …   with the value as each function's last argument.
 *   Values: .A.B  $.A  $name.A  (PIPE).A  "text"  `text`  'c'  12  0x1f  1.5e3  true  false  nil
 *
 * Functions of the language itself, as Go has them: and or not (the first two stop early), eq ne lt le gt ge (eq of several; text,
 * whole numbers and floats do not compare with each other), print printf println, index slice len, html js urlquery.
 * Those of the caller's style are found before them. How values are escaped and how times read is the style's, too.
 *
 * Templates are an operator's text, values are strangers'. Limits: source 64 KiB, nesting 32, 100,000 steps, 64 MiB, output by the buffer.
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

#define TEMPLATE_MEMORY_MAX (64 << 20) /* of one run */
#define TEMPLATE_ARGS_MAX   16
#define TEMPLATE_VARS_MAX   64         /* at once, in one template */
#define TEMPLATE_TEXT_MAX   (1u << 20) /* of one value that a function makes */

enum tvalue_kind {
    TV_NULL,
    TV_TEXT,
    TV_INT,
    TV_FLOAT,
    TV_BOOL,
    TV_TIME,
    TV_DURATION,
    TV_LIST,
    TV_MAP,
    TV_OBJECT
};

struct tvalue;
/* Something with fields. A missing field: return false. */
struct tobject {
    bool (*field)(const void *self, struct str name, struct tvalue *out);
    const void *self;
};
struct tvalue {
    enum tvalue_kind kind;
    bool safe;  /* TV_TEXT in the style's own notation: not escaped again */
    bool texts; /* TV_MAP: of texts, so that what is missing is "" */
    union {
        struct str text;
        double f64;
        int64_t num; /* TV_INT; TV_TIME wall ms; TV_DURATION ms */
        bool flag;
        struct tobject object;
        struct {
            const struct tvalue *at;
            size_t n;
        } list;
        struct {
            const struct tpair *at; /* sorted by key */
            size_t n;
        } map;
    };
};
struct tpair {
    struct str key;
    struct tvalue value;
};
struct tvalue tv_text(const char *s); /* NULL: TV_NULL */
struct tvalue tv_str(struct str s);
struct tvalue tv_int(int64_t v);
struct tvalue tv_float(double v);
struct tvalue tv_bool(bool v);

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
    const char *const
        *vars;           /* names without $ that templates find set, ended by NULL; NULL: none */
    const char *nothing; /* how TV_NULL is written; NULL: "" */
    /* value.name arguments…, where value is a time or an object: one of its methods. NULL: there are none. NOT_FOUND: no such method. */
    int (*method)(const struct template_env *env, const struct tvalue *v, struct str name,
                  const struct tvalue *args, int n, struct tvalue *out, struct err *err);
    /* TV_TIME and TV_DURATION as text. */
    int (*moment)(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err);
};
struct template_env {
    const struct template_style *style;
    const void *self; /* the caller's: for its functions */
    struct tvalue root;
    const struct tvalue *vars; /* one for each of style->vars */
    struct arena *arena;
};

struct template;
/* Parsed once, lives in `a`; borrows the source text. Immutable: any thread may run it. */
struct template *template_parse(struct arena *a, const char *source,
                                const struct template_style *style, struct err *err);
/* env->style is the one it was parsed with. */
int template_run(const struct template *t, const struct template_env *env, struct buf *out,
                 struct err *err);

/* --- for functions --- */
bool template_truth(const struct tvalue *v);
/* "a number", "text" …, for messages. */
const char *template_kind(const struct tvalue *v);
/* A map's value; what is missing is "" or TV_NULL. */
struct tvalue template_map_get(const struct tvalue *map, struct str key);
/* The value as unescaped text; numbers and times in their plain form. */
int template_text(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err);
/* The value as the style writes it: escaped unless safe. */
int template_write(const struct template_env *env, const struct tvalue *v, struct buf *out,
                   struct err *err);
/* Hands over what a function wrote, and ends b. TOO_LARGE when it failed. */
int template_give(const struct template_env *env, struct buf *b, bool safe, struct tvalue *out,
                  struct err *err);

/* Go's fmt.Sprintf: values that a verb does not fit are written as %!d(string=x). */
int template_printf(const struct template_env *env, struct str format, const struct tvalue *args,
                    int n, struct buf *out, struct err *err);
/* A float as Go's strconv writes it: verb e f g, precision -1: the shortest that reads back the same. */
void template_float(struct buf *out, double v, char verb, int precision);

#endif
