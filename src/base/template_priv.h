/* What the parser (template.c, template_expr.c), the interpreter (template_run.c) and the language's own functions
 * (template_builtin.c, template_printf.c) share: the tree. */
#ifndef BASE_TEMPLATE_PRIV_H
#define BASE_TEMPLATE_PRIV_H

#include "base/template.h"

struct place {
    int line, column;
};

enum texpr_kind {
    TEXPR_CONST,
    TEXPR_DOT,   /* .A.B */
    TEXPR_VAR,   /* $x.A */
    TEXPR_CHAIN, /* (base).A */
    TEXPR_CALL,
};
struct texpr {
    enum texpr_kind kind;
    struct place at;
    struct tvalue value; /* TEXPR_CONST */
    int slot;            /* TEXPR_VAR */
    const struct texpr *base;
    struct str path; /* "A.B", empty: the value itself */
    const struct template_function *func;
    const struct texpr **args; /* of func, or of the path's last part */
    int n_args;
};

/* The slots that a pipeline declares or assigns; 0 of them: none. */
struct tdeclare {
    int n;
    int slot[2];
};

enum tnode_kind {
    TNODE_TEXT,
    TNODE_OUT,
    TNODE_IF,
    TNODE_WITH,
    TNODE_RANGE,
    TNODE_TEMPLATE,
    TNODE_BREAK,
    TNODE_CONTINUE,
};
struct tnode {
    enum tnode_kind kind;
    struct place at;
    struct str text; /* TNODE_TEXT; the name of TNODE_TEMPLATE */
    struct texpr *expr;
    struct tdeclare declare;
    struct tnode *body, *other; /* other: {{ else }} */
    struct tnode *next;
};

/* {{ define }}, and the whole with name "". */
struct tbody {
    struct str name;
    struct tnode *first;
    int n_slots; /* slot 0 is $ */
    struct tbody *next;
};
struct template
{
    struct tbody main;
    struct tbody *defined;
    int n_vars; /* of the style: slots 1 … */
};

#define TEMPLATE_PATH_DEPTH_MAX 32

struct tparser {
    struct arena *arena;
    const struct template_style *style;
    struct template *template;
    struct tbody *body; /* that is being read */
    const char *source, *p, *end;
    int depth, ranges;
    struct str vars[TEMPLATE_VARS_MAX]; /* names by slot */
    int n_vars;
    bool trim_next; /* the last action ended in -}} */
    struct err *err;
};
struct place template__place(const struct tparser *ps, const char *at);
int template__fail(const struct tparser *ps, const char *at, const char *what);
void template__skip_space(struct tparser *ps);
bool template__looking_at(const struct tparser *ps, const char *word);
bool template__at_close(const struct tparser *ps);
bool template__take_word(struct tparser *ps, const char *word);
/* A pipeline with an optional `$x :=`; two: `$i, $x :=` as range has it. */
struct texpr *template__pipeline(struct tparser *ps, bool two, struct tdeclare *declare);
/* "name" as {{ template }} wants it. */
int template__name(struct tparser *ps, struct str *out);

extern const struct template_function template__builtins[];
/* These two look at an argument only when those before it ask for it. */
bool template__is_and(const struct template_function *f);
bool template__is_or(const struct template_function *f);

/* A character as UTF-8, ended by NUL. */
void template__rune(char out[8], int64_t rune);
/* Go's fmt.Sprint or Sprintln. */
int template__sprint(const struct template_env *env, const struct tvalue *args, int n, bool line,
                     struct buf *out, struct err *err);

#endif
