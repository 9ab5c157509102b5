/* What the parser (template.c), the interpreter (template_run.c) and the functions
 * (template_func.c) share. */
#ifndef NOTIFY_TEMPLATE_PRIV_H
#define NOTIFY_TEMPLATE_PRIV_H

#include "notify/template.h"

#define TEMPLATE_ARGS_MAX 4

struct place {
    int line, column;
};

struct trun {
    const struct template_env *env;
    struct buf *out;
    int steps, depth;
};

struct tfunc {
    const char *name;
    int min, max; /* arguments, the piped one included */
    int (*call)(struct trun *r, const struct tvalue *args, int n, struct tvalue *out,
                struct err *err);
};
const struct tfunc *template__func(struct str name);
const char *template__func_nearest(struct str name);

enum texpr_kind { TEXPR_CONST, TEXPR_FIELD, TEXPR_CALL };
struct texpr {
    enum texpr_kind kind;
    struct place at;
    struct tvalue value; /* TEXPR_CONST */
    bool from_root;      /* TEXPR_FIELD: $ */
    struct str path;     /* "A.B", empty: the value itself */
    const struct tfunc *func;
    struct texpr *args[TEMPLATE_ARGS_MAX];
    int n_args;
};

enum tnode_kind { TNODE_TEXT, TNODE_OUT, TNODE_IF, TNODE_RANGE };
struct tnode {
    enum tnode_kind kind;
    struct place at;
    struct str text;
    struct texpr *expr;
    struct tnode *body, *other; /* other: {{ else }} */
    struct tnode *next;
};

struct template
{
    struct tnode *first;
};

bool template__truth(const struct tvalue *v);
/* The value as unescaped text; numbers and times in their plain form. */
int template__text(struct trun *r, const struct tvalue *v, struct str *out, struct err *err);
/* The value as the dialect writes it: escaped unless safe. */
int template__written(struct trun *r, const struct tvalue *v, struct buf *out, struct err *err);

#endif
