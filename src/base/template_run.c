/* Interpreter of the template language (template.h): walks the tree, counting steps and depth. */
#include <string.h>

#include "base/must.h"
#include "base/template.h"
#include "base/template_priv.h"

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct trun {
    const struct template *template;
    const struct template_env *env;
    struct buf *out;
    struct tvalue *vars; /* of the template that runs; 0 is $ */
    struct tvalue *frames[TEMPLATE_DEPTH_MAX];
    int steps, depth;
    size_t used; /* of the arena, before */
    enum flow flow;
};

static int fail_at(struct err *err, struct place at)
{
    return err_where(err, "template", at.line, at.column);
}

static int step(struct trun *r, struct place at, struct err *err)
{
    bool memory = arena_used(r->env->arena) - r->used <= TEMPLATE_MEMORY_MAX;
    if (++r->steps <= TEMPLATE_STEPS_MAX && memory)
        return 0;
    if (memory)
        err_set(err, ERR_TOO_LARGE, "template runs too long: over %d steps", TEMPLATE_STEPS_MAX);
    else
        err_set(err, ERR_TOO_LARGE, "template makes over %d bytes of text", TEMPLATE_MEMORY_MAX);
    return fail_at(err, at);
}

/* ---- values of expressions ---- */

/* One part of a path, without arguments. NOT_FOUND: there is none of that name. */
static int one_field(struct trun *r, const struct tvalue *v, struct str name, struct tvalue *out,
                     struct err *err)
{
    *out = (struct tvalue){.kind = TV_NULL};
    if (v->kind == TV_NULL)
        return 0;
    if (v->kind == TV_MAP) {
        *out = template_map_get(v, name);
        return 0;
    }
    if (v->kind == TV_OBJECT && v->object.field(v->object.self, name, out))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "there is no field .%.*s here", (int)name.n, name.p);
}

/* The same, or a method. */
static int one_part(struct trun *r, const struct tvalue *v, struct str name,
                    const struct tvalue *args, int n_args, struct tvalue *out, struct err *err)
{
    const struct template_style *style = r->env->style;
    if (n_args == 0 && one_field(r, v, name, out, err) == 0)
        return 0;
    if (style->method == NULL)
        return -1;
    struct err why = {0};
    if (style->method(r->env, v, name, args, n_args, out, &why) == 0)
        return 0;
    if (why.code == ERR_NOT_FOUND && n_args == 0)
        return -1;
    if (why.code == ERR_NOT_FOUND)
        return err_set(err, ERR_MALFORMED, ".%.*s has arguments but is no function", (int)name.n,
                       name.p);
    *err = why;
    return -1;
}

static int eval(struct trun *r, const struct texpr *e, const struct tvalue *dot, struct tvalue *out,
                struct err *err);

static int eval_path(struct trun *r, const struct texpr *e, struct tvalue v,
                     const struct tvalue *dot, struct tvalue *out, struct err *err)
{
    struct tvalue args[TEMPLATE_ARGS_MAX];
    must(e->n_args <= TEMPLATE_ARGS_MAX);
    for (int i = 0; i < e->n_args; i++)
        if (eval(r, e->args[i], dot, &args[i], err) != 0)
            return -1;
    struct str rest = e->path, name;
    while (rest.n > 0 && str_next(&rest, '.', &name)) {
        struct tvalue next;
        if (one_part(r, &v, name, args, rest.n == 0 ? e->n_args : 0, &next, err) != 0) {
            if (err != NULL && err->code == ERR_NOT_FOUND)
                err->code = ERR_MALFORMED;
            return fail_at(err, e->at);
        }
        v = next;
    }
    *out = v;
    return 0;
}

/* and, or: the first argument that decides, or the last. */
static int eval_until(struct trun *r, const struct texpr *e, bool truth, const struct tvalue *dot,
                      struct tvalue *out, struct err *err)
{
    for (int i = 0; i < e->n_args; i++) {
        if (eval(r, e->args[i], dot, out, err) != 0)
            return -1;
        if (template_truth(out) == truth)
            break;
    }
    return 0;
}

static int eval_call(struct trun *r, const struct texpr *e, const struct tvalue *dot,
                     struct tvalue *out, struct err *err)
{
    if (template__is_and(e->func) || template__is_or(e->func))
        return eval_until(r, e, template__is_or(e->func), dot, out, err);
    struct tvalue args[TEMPLATE_ARGS_MAX];
    must(e->n_args <= TEMPLATE_ARGS_MAX);
    for (int i = 0; i < e->n_args; i++)
        if (eval(r, e->args[i], dot, &args[i], err) != 0)
            return -1;
    *out = (struct tvalue){.kind = TV_NULL};
    if (e->func->call(r->env, args, e->n_args, out, err) == 0)
        return 0;
    err_prefix(err, "%s", e->func->name);
    return fail_at(err, e->at);
}

static int eval(struct trun *r, const struct texpr *e, const struct tvalue *dot, struct tvalue *out,
                struct err *err)
{
    if (step(r, e->at, err) != 0)
        return -1;
    struct tvalue base;
    switch (e->kind) {
    case TEXPR_CONST:
        *out = e->value;
        return 0;
    case TEXPR_DOT:
        return eval_path(r, e, *dot, dot, out, err);
    case TEXPR_VAR:
        return eval_path(r, e, r->vars[e->slot], dot, out, err);
    case TEXPR_CHAIN:
        return eval(r, e->base, dot, &base, err) == 0 ? eval_path(r, e, base, dot, out, err) : -1;
    case TEXPR_CALL:
        break;
    }
    return eval_call(r, e, dot, out, err);
}

/* ---- nodes ---- */

static int run_list(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err);

static void declare(struct trun *r, const struct tnode *n, struct tvalue v)
{
    if (n->declare.n == 1)
        r->vars[n->declare.slot[0]] = v;
}

/* One turn of a range: sets $x, or $i and $x. False: leave it. */
static int range_turn(struct trun *r, const struct tnode *n, struct tvalue key,
                      const struct tvalue *v, struct err *err)
{
    declare(r, n, *v);
    if (n->declare.n == 2) {
        r->vars[n->declare.slot[0]] = key;
        r->vars[n->declare.slot[1]] = *v;
    }
    if (step(r, n->at, err) != 0 || run_list(r, n->body, v, err) != 0)
        return -1;
    if (r->flow == FLOW_CONTINUE)
        r->flow = FLOW_ON;
    return 0;
}

static int run_range(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                     struct err *err)
{
    struct tvalue v;
    if (eval(r, n->expr, dot, &v, err) != 0)
        return -1;
    bool list = v.kind == TV_LIST, map = v.kind == TV_MAP;
    size_t count = list ? v.list.n : map ? v.map.n : 0;
    if (count == 0 && (list || map || v.kind == TV_NULL))
        return run_list(r, n->other, dot, err);
    if (!list && !map) {
        err_set(err, ERR_MALFORMED, "range wants a list, such as .Alerts");
        return fail_at(err, n->at);
    }
    for (size_t i = 0; i < count && r->flow == FLOW_ON; i++) {
        struct tvalue key = list ? tv_int((int64_t)i) : tv_str(v.map.at[i].key);
        if (range_turn(r, n, key, list ? &v.list.at[i] : &v.map.at[i].value, err) != 0)
            return -1;
    }
    r->flow = FLOW_ON;
    return 0;
}

static const struct tbody *find_body(const struct trun *r, struct str name)
{
    for (const struct tbody *b = r->template->defined; b != NULL; b = b->next)
        if (str_eq(b->name, name))
            return b;
    return NULL;
}

/* Runs a body with variables of its own. */
static int run_body(struct trun *r, const struct tbody *b, const struct tvalue *dot,
                    struct err *err)
{
    must(r->depth < TEMPLATE_DEPTH_MAX && b->n_slots <= TEMPLATE_VARS_MAX);
    struct tvalue *outer = r->vars;
    if (r->frames[r->depth] == NULL)
        r->frames[r->depth] = arena_alloc(r->env->arena, sizeof(struct tvalue) * TEMPLATE_VARS_MAX);
    r->vars = r->frames[r->depth++];
    r->vars[0] = *dot;
    if (b == &r->template->main)
        for (int i = 0; i < r->template->n_vars; i++)
            r->vars[i + 1] = r->env->vars[i];
    int rc = run_list(r, b->first, dot, err);
    r->vars = outer;
    r->depth--;
    return rc;
}

static int run_template(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                        struct err *err)
{
    const struct tbody *b = find_body(r, n->text);
    struct tvalue arg = {.kind = TV_NULL};
    if (b == NULL) {
        err_set(err, ERR_MALFORMED, "no template \"%.*s\" was defined", (int)n->text.n, n->text.p);
        return fail_at(err, n->at);
    }
    if (r->depth == TEMPLATE_DEPTH_MAX) {
        err_set(err, ERR_TOO_LARGE, "templates call each other over %d deep", TEMPLATE_DEPTH_MAX);
        return fail_at(err, n->at);
    }
    if (n->expr != NULL && eval(r, n->expr, dot, &arg, err) != 0)
        return -1;
    declare(r, n, arg);
    return run_body(r, b, &arg, err);
}

static int run_if(struct trun *r, const struct tnode *n, const struct tvalue *dot, struct err *err)
{
    struct tvalue v;
    if (eval(r, n->expr, dot, &v, err) != 0)
        return -1;
    declare(r, n, v);
    if (!template_truth(&v))
        return run_list(r, n->other, dot, err);
    return run_list(r, n->body, n->kind == TNODE_WITH ? &v : dot, err);
}

static int run_out(struct trun *r, const struct tnode *n, const struct tvalue *dot, struct err *err)
{
    struct tvalue v;
    if (eval(r, n->expr, dot, &v, err) != 0)
        return -1;
    declare(r, n, v);
    if (n->declare.n > 0 || template_write(r->env, &v, r->out, err) == 0)
        return 0;
    return fail_at(err, n->at);
}

static int run_node(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err)
{
    switch (n->kind) {
    case TNODE_TEXT:
        r->env->style->literal(r->env, r->out, n->text);
        return 0;
    case TNODE_OUT:
        return run_out(r, n, dot, err);
    case TNODE_IF:
    case TNODE_WITH:
        return run_if(r, n, dot, err);
    case TNODE_RANGE:
        return run_range(r, n, dot, err);
    case TNODE_TEMPLATE:
        return run_template(r, n, dot, err);
    case TNODE_BREAK:
        r->flow = FLOW_BREAK;
        return 0;
    case TNODE_CONTINUE:
        r->flow = FLOW_CONTINUE;
        return 0;
    }
    return 0;
}

static int run_list(struct trun *r, const struct tnode *n, const struct tvalue *dot,
                    struct err *err)
{
    for (; n != NULL && r->flow == FLOW_ON; n = n->next) {
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
    must(env->style != NULL && env->arena != NULL && (t->n_vars == 0 || env->vars != NULL));
    struct err ignored;
    struct trun r = {.template = t, .env = env, .out = out, .used = arena_used(env->arena)};
    int rc = run_body(&r, &t->main, &env->root, err != NULL ? err : &ignored);
    must(r.depth == 0 && (rc != 0 || r.flow == FLOW_ON));
    return rc;
}
