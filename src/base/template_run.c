/* Interpreter of the template language (template.h): walks the tree, counting steps and depth. */
#include "base/template.h"

#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

struct trun {
    const struct template_env *env;
    struct buf *out;
    int steps;
};

struct tvalue tv_text(const char *s)
{
    if (s == NULL)
        return (struct tvalue){.kind = TV_NULL};
    return (struct tvalue){.kind = TV_TEXT, .text = str_of(s)};
}

struct tvalue tv_int(int64_t v)
{
    return (struct tvalue){.kind = TV_INT, .num = v};
}

static int fail_at(struct err *err, struct place at)
{
    return err_where(err, "template", at.line, at.column);
}

static int step(struct trun *r, struct place at, struct err *err)
{
    if (++r->steps <= TEMPLATE_STEPS_MAX)
        return 0;
    err_set(err, ERR_TOO_LARGE, "template runs too long: over %d steps", TEMPLATE_STEPS_MAX);
    return fail_at(err, at);
}

bool template_truth(const struct tvalue *v)
{
    switch (v->kind) {
    case TV_NULL:
        return false;
    case TV_TEXT:
        return v->text.n > 0;
    case TV_INT:
    case TV_TIME:
    case TV_DURATION:
        return v->num != 0;
    case TV_BOOL:
        return v->flag;
    case TV_LIST:
        return v->list.n > 0;
    case TV_OBJECT:
        return true;
    }
    return false;
}

int template_text(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err)
{
    switch (v->kind) {
    case TV_NULL:
        *out = STR("");
        return 0;
    case TV_TEXT:
        *out = v->text;
        return 0;
    case TV_INT:
        *out = str_of(arena_printf(env->arena, "%lld", (long long)v->num));
        return 0;
    case TV_BOOL:
        *out = v->flag ? STR("true") : STR("false");
        return 0;
    case TV_TIME:
    case TV_DURATION:
        return env->style->moment(env, v, out, err);
    case TV_LIST:
    case TV_OBJECT:
        break;
    }
    return err_set(err, ERR_MALFORMED, "%s cannot be written as text; name one of its fields",
                   v->kind == TV_LIST ? "a list" : "an object");
}

int template_write(const struct template_env *env, const struct tvalue *v, struct buf *out,
                   struct err *err)
{
    struct str text;
    if (template_text(env, v, &text, err) != 0)
        return -1;
    if (v->kind == TV_TEXT && v->safe)
        buf_add(out, text.p, text.n);
    else
        env->style->escape(env, out, text);
    return 0;
}

int template_give(const struct template_env *env, struct buf *b, bool safe, struct tvalue *out,
                  struct err *err)
{
    if (b->failed) {
        buf_done(b);
        return err_set(err, ERR_TOO_LARGE, "the text is too long");
    }
    char *copy = arena_strndup(env->arena, b->data != NULL ? b->data : "", b->len);
    *out = (struct tvalue){.kind = TV_TEXT, .safe = safe, .text = {copy, b->len}};
    buf_done(b);
    return 0;
}

static int get_field(struct trun *r, const struct texpr *e, const struct tvalue *dot,
                     struct tvalue *out, struct err *err)
{
    struct tvalue v = e->from_root ? r->env->root : *dot;
    struct str rest = e->path, name;
    while (rest.n > 0 && str_next(&rest, '.', &name)) {
        if (v.kind == TV_NULL)
            break;
        struct tvalue next = {.kind = TV_NULL};
        if (v.kind != TV_OBJECT || !v.object.field(v.object.self, name, &next)) {
            err_set(err, ERR_MALFORMED, "there is no field .%.*s here", (int)name.n, name.p);
            return fail_at(err, e->at);
        }
        v = next;
    }
    *out = v;
    return 0;
}

static int eval(struct trun *r, const struct texpr *e, const struct tvalue *dot, struct tvalue *out,
                struct err *err)
{
    if (step(r, e->at, err) != 0)
        return -1;
    if (e->kind == TEXPR_CONST) {
        *out = e->value;
        return 0;
    }
    if (e->kind == TEXPR_FIELD)
        return get_field(r, e, dot, out, err);
    struct tvalue args[TEMPLATE_ARGS_MAX];
    must(e->n_args <= TEMPLATE_ARGS_MAX);
    for (int i = 0; i < e->n_args; i++)
        if (eval(r, e->args[i], dot, &args[i], err) != 0)
            return -1;
    if (e->func->call(r->env, args, e->n_args, out, err) == 0)
        return 0;
    err_prefix(err, "%s", e->func->name);
    return fail_at(err, e->at);
}

static int run_list(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err);

static int run_range(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                     struct err *err)
{
    struct tvalue v;
    if (eval(r, n->expr, dot, &v, err) != 0)
        return -1;
    if (v.kind == TV_NULL || (v.kind == TV_LIST && v.list.n == 0))
        return run_list(r, n->other, dot, err);
    if (v.kind != TV_LIST) {
        err_set(err, ERR_MALFORMED, "range wants a list, such as .Alerts");
        return fail_at(err, n->at);
    }
    for (size_t i = 0; i < v.list.n; i++)
        if (run_list(r, n->body, &v.list.at[i], err) != 0)
            return -1;
    return 0;
}

static int run_node(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err)
{
    struct tvalue v;
    switch (n->kind) {
    case TNODE_TEXT:
        r->env->style->literal(r->env, r->out, n->text);
        return 0;
    case TNODE_RANGE:
        return run_range(r, n, dot, err);
    case TNODE_IF:
        if (eval(r, n->expr, dot, &v, err) != 0)
            return -1;
        return run_list(r, template_truth(&v) ? n->body : n->other, dot, err);
    case TNODE_OUT:
        break;
    }
    if (eval(r, n->expr, dot, &v, err) != 0)
        return -1;
    if (template_write(r->env, &v, r->out, err) == 0)
        return 0;
    return fail_at(err, n->at);
}

static int run_list(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err)
{
    for (; n != NULL; n = n->next) {
        if (step(r, n->at, err) != 0 || run_node(r, n, dot, err) != 0)
            return -1;
        if (r->out->failed) {
            err_set(err, ERR_TOO_LARGE, "template writes over %zu bytes", r->out->max);
            return fail_at(err, n->at);
        }
    }
    return 0;
}

int template_run(const struct template *t, const struct template_env *env, struct buf *out,
                 struct err *err)
{
    must(env->style != NULL && env->arena != NULL);
    struct trun r = {.env = env, .out = out};
    return run_list(&r, t->first, &env->root, err);
}
