/* See value.h. Runs in watchers; validation in the core too. */
#include "probe/value.h"

#include <string.h>

#include "base/str.h"

const char *const value_ops[] = {
#define X(name, text) text,
    VALUE_OPS(X)
#undef X
        NULL,
};

void value_check_validate(struct value_check *c, const char *what, struct arena *a,
                          struct problems *p, const char *path)
{
    must(c->op >= 0 && c->op <= VALUE_EXISTS);
    if (c->op == VALUE_MATCHES && c->value)
        c->pattern = pattern_compile_option(c->value, a, p, path, "value");
    if (c->op != VALUE_EXISTS && !c->value)
        problem_add(p, NULL, path, "%s has no value; want one, or op: exists", what);
}

bool value_check_holds(const struct value_check *c, const char *got)
{
    double x, y;
    if (c->op == VALUE_EXISTS) /* may have no value */
        return true;
    must(got != NULL && c->value != NULL && (c->pattern || c->op != VALUE_MATCHES));
    bool numbers =
        str_to_f64(str_of(got), &x, NULL) == 0 && str_to_f64(str_of(c->value), &y, NULL) == 0;
    int order = numbers ? (x > y) - (x < y) : strcmp(got, c->value);
    switch ((enum value_op)c->op) {
    case VALUE_EQ:
        return order == 0;
    case VALUE_NE:
        return order != 0;
    case VALUE_LT:
        return numbers && order < 0;
    case VALUE_LE:
        return numbers && order <= 0;
    case VALUE_GT:
        return numbers && order > 0;
    case VALUE_GE:
        return numbers && order >= 0;
    case VALUE_CONTAINS:
        return strstr(got, c->value) != NULL;
    case VALUE_MATCHES:
        return pattern_match(c->pattern, got, strlen(got), NULL) > 0;
    case VALUE_EXISTS:
        break;
    }
    return false;
}

/* --- JSON paths --- */

/* One step of a path. */
struct step {
    enum { STEP_NAME, STEP_INDEX, STEP_LENGTH } kind;
    struct str name;
    int64_t index; /* negative: from the end */
};

static int bad_path(struct err *err, struct str at)
{
    return err_set(err, ERR_MALFORMED, "not a JSON path: got \"%.*s\"; want $.name[0][\"name\"]",
                   (int)(at.n < 40 ? at.n : 40), at.p);
}

static void skip(struct str *s, size_t n)
{
    must(n <= s->n);
    *s = (struct str){s->p + n, s->n - n};
}

/* [3], [-1], ["a name"], ['a name'] */
static int take_bracket(struct str *s, struct step *step, struct err *err)
{
    struct str at = *s;
    skip(s, 1);
    char quote = s->n && (*s->p == '"' || *s->p == '\'') ? *s->p : '\0';
    const char *close = memchr(s->p + (quote != 0), quote ? quote : ']', s->n - (quote != 0));
    if (!close)
        return bad_path(err, at);
    struct str inner = {s->p + (quote != 0), (size_t)(close - s->p) - (quote != 0)};
    skip(s, (size_t)(close - s->p) + 1);
    if (!quote) {
        *step = (struct step){.kind = STEP_INDEX};
        return str_to_i64(inner, &step->index, NULL) == 0 ? 0 : bad_path(err, at);
    }
    if (s->n == 0 || *s->p != ']')
        return bad_path(err, at);
    skip(s, 1);
    *step = (struct step){.kind = STEP_NAME, .name = inner};
    return 0;
}

/* The next step of *s, which is not empty; *s moves behind it. */
static int take_step(struct str *s, struct step *step, struct err *err)
{
    struct str at = *s;
    size_t n = 0;
    must(s->n > 0);
    if (*s->p == '[')
        return take_bracket(s, step, err);
    if (*s->p == '.')
        skip(s, 1);
    while (n < s->n && s->p[n] != '.' && s->p[n] != '[')
        n++;
    *step = (struct step){.kind = STEP_NAME, .name = {s->p, n}};
    skip(s, n);
    if (n == 0)
        return bad_path(err, at);
    if (s->n == 0 && str_eqz(step->name, "length()"))
        step->kind = STEP_LENGTH;
    return 0;
}

static struct str path_of(const char *path)
{
    struct str s = str_of(path);
    if (s.n && *s.p == '$')
        skip(&s, 1);
    return s;
}

int json_path_check(const char *path, struct err *err)
{
    struct step step;
    for (struct str s = path_of(path); s.n;)
        if (take_step(&s, &step, err) != 0)
            return -1;
    return 0;
}

static const struct node *element(const struct node *n, int64_t index)
{
    if (n->kind != NODE_LIST)
        return NULL;
    index += index < 0 ? (int64_t)n->count : 0;
    if (index < 0 || index >= (int64_t)n->count)
        return NULL;
    n = n->first;
    while (index-- > 0)
        n = n->next;
    return n;
}

static const struct node *member(const struct node *n, struct str name)
{
    if (n->kind != NODE_MAP)
        return NULL;
    for (const struct node *c = n->first; c; c = c->next)
        if (str_eq(c->key, name))
            return c;
    return NULL;
}

static const struct node *length_of(const struct node *n, struct arena *a)
{
    if (n->kind == NODE_TEXT)
        return node_int(a, (int64_t)n->text.n);
    return n->kind == NODE_LIST || n->kind == NODE_MAP ? node_int(a, n->count) : NULL;
}

const struct node *json_at(const struct node *root, const char *path, struct arena *a,
                           struct err *err)
{
    struct step step;
    const struct node *n = root;
    if (json_path_check(path, err) != 0)
        return NULL;
    for (struct str s = path_of(path); s.n && n;) {
        must(take_step(&s, &step, NULL) == 0);
        n = step.kind == STEP_INDEX  ? element(n, step.index)
            : step.kind == STEP_NAME ? member(n, step.name)
                                     : length_of(n, a);
    }
    return n;
}

const char *json_value_text(const struct node *n, struct arena *a)
{
    if (n->kind == NODE_TEXT)
        return arena_strndup(a, n->text.p, n->text.n);
    struct buf out = BUF_INIT(4096);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}
