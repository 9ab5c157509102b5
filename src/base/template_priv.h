/* What the parser (template.c) and the interpreter (template_run.c) share: the tree. */
#ifndef BASE_TEMPLATE_PRIV_H
#define BASE_TEMPLATE_PRIV_H

#include "base/template.h"

#define TEMPLATE_ARGS_MAX 4

struct place {
    int line, column;
};

enum texpr_kind { TEXPR_CONST, TEXPR_FIELD, TEXPR_CALL };
struct texpr {
    enum texpr_kind kind;
    struct place at;
    struct tvalue value; /* TEXPR_CONST */
    bool from_root;      /* TEXPR_FIELD: $ */
    struct str path;     /* "A.B", empty: the value itself */
    const struct template_function *func;
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

#endif
