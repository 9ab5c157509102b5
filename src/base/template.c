/* Parser of the template language (template.h): recursive descent over the source, one struct tnode a
 * piece, all in the caller's arena. */
#include "base/template.h"

#include <ctype.h>
#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

#define FUNCTIONS_MAX 100

struct parser {
    struct arena *arena;
    const struct template_function *functions;
    const char *source, *p, *end;
    int depth;
    bool trim_next; /* the last action ended in -}} */
    struct err *err;
};

/* What ended a list of nodes. */
enum ending { END_SOURCE, END_END, END_ELSE, END_ELSE_IF, END_ERROR };

static struct place place_of(const struct parser *ps, const char *at)
{
    struct place place = {1, 1};
    const char *line = ps->source;
    for (const char *c = ps->source; c < at; c++) {
        if (*c == '\n') {
            place.line++;
            line = c + 1;
        }
    }
    place.column += (int)utf8_count(line, (size_t)(at - line));
    return place;
}

static int fail(const struct parser *ps, const char *at, const char *what)
{
    struct place place = place_of(ps, at);
    err_set(ps->err, ERR_MALFORMED, "%s", what);
    return err_where(ps->err, "template", place.line, place.column);
}

static void skip_space(struct parser *ps)
{
    while (ps->p < ps->end && isspace((unsigned char)*ps->p))
        ps->p++;
}

static bool looking_at(const struct parser *ps, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(ps->end - ps->p) >= n && memcmp(ps->p, word, n) == 0;
}

static bool at_close(const struct parser *ps)
{
    return looking_at(ps, "}}") || looking_at(ps, "-}}");
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct str read_name(struct parser *ps)
{
    const char *from = ps->p;
    while (ps->p < ps->end && is_name(*ps->p))
        ps->p++;
    return (struct str){from, (size_t)(ps->p - from)};
}

/* Consumes word if it stands here as a whole. */
static bool take_word(struct parser *ps, const char *word)
{
    size_t n = strlen(word);
    if (!looking_at(ps, word) || (ps->p + n < ps->end && is_name(ps->p[n])))
        return false;
    ps->p += n;
    return true;
}

static struct texpr *expr_new(struct parser *ps, enum texpr_kind kind, const char *at)
{
    struct texpr *e = arena_new_of(ps->arena, struct texpr);
    e->kind = kind;
    e->at = place_of(ps, at);
    return e;
}

static int parse_string(struct parser *ps, struct texpr *e)
{
    char quote = *ps->p;
    const char *from = ps->p++;
    char *text = arena_alloc(ps->arena, (size_t)(ps->end - ps->p) + 1);
    size_t n = 0;
    while (ps->p < ps->end && *ps->p != quote) {
        char c = *ps->p++;
        if (c == '\\' && quote == '"' && ps->p < ps->end) {
            c = *ps->p++;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        text[n++] = c;
    }
    if (ps->p == ps->end)
        return fail(ps, from, "this text has no closing quote");
    ps->p++;
    e->value = (struct tvalue){.kind = TV_TEXT, .text = {text, n}};
    return 0;
}

static int parse_number(struct parser *ps, struct texpr *e)
{
    const char *from = ps->p;
    if (*ps->p == '-')
        ps->p++;
    struct str digits = read_name(ps);
    int64_t v;
    if (digits.n == 0 || str_to_i64((struct str){from, (size_t)(ps->p - from)}, &v, NULL) != 0)
        return fail(ps, from, "not a whole number");
    e->value = tv_int(v);
    return 0;
}

/* .A.B after an optional $ */
static int parse_path(struct parser *ps, struct texpr *e)
{
    if (*ps->p == '$') {
        e->from_root = true;
        ps->p++;
    }
    const char *from = ps->p + 1;
    e->path = (struct str){from, 0};
    while (ps->p < ps->end && *ps->p == '.') {
        const char *dot = ps->p++;
        struct str name = read_name(ps);
        if (name.n == 0 && (dot + 1 != from || e->from_root))
            return fail(ps, dot, "a field name is missing after the dot");
    }
    if (ps->p > from)
        e->path.n = (size_t)(ps->p - from);
    return 0;
}

static struct texpr *parse_pipe(struct parser *ps);

static struct texpr *parse_operand(struct parser *ps)
{
    const char *at = ps->p;
    char c = *at;
    struct texpr *e = expr_new(ps, TEXPR_CONST, at);
    int rc = 0;
    if (c == '.' || c == '$') {
        e->kind = TEXPR_FIELD;
        rc = parse_path(ps, e);
    } else if (c == '"' || c == '`') {
        rc = parse_string(ps, e);
    } else if (isdigit((unsigned char)c) || c == '-') {
        rc = parse_number(ps, e);
    } else if (take_word(ps, "true")) {
        e->value = (struct tvalue){.kind = TV_BOOL, .flag = true};
    } else if (take_word(ps, "false")) {
        e->value = (struct tvalue){.kind = TV_BOOL};
    } else if (c == '(') {
        ps->p++;
        if ((e = parse_pipe(ps)) == NULL)
            return NULL;
        if (ps->p == ps->end || *ps->p != ')')
            rc = fail(ps, at, "this parenthesis is not closed");
        else
            ps->p++;
    } else {
        rc = fail(ps, at, "expected a field, a text, a number or a function");
    }
    return rc == 0 ? e : NULL;
}

static int add_arg(struct parser *ps, struct texpr *call, struct texpr *arg)
{
    if (call->n_args == TEMPLATE_ARGS_MAX) {
        err_set(ps->err, ERR_MALFORMED, "too many arguments");
        return err_where(ps->err, "template", call->at.line, call->at.column);
    }
    call->args[call->n_args++] = arg;
    return 0;
}

static int check_args(struct parser *ps, const struct texpr *call)
{
    const struct template_function *f = call->func;
    if (call->n_args >= f->min && call->n_args <= f->max)
        return 0;
    err_set(ps->err, ERR_MALFORMED, "%s takes %d to %d arguments, got %d", f->name, f->min, f->max,
            call->n_args);
    return err_where(ps->err, "template", call->at.line, call->at.column);
}

static const struct template_function *function_of(const struct parser *ps, struct str name)
{
    for (const struct template_function *f = ps->functions; f->name != NULL; f++)
        if (str_eqz(name, f->name))
            return f;
    return NULL;
}

static const char *function_near(const struct parser *ps, struct str name)
{
    const char *names[FUNCTIONS_MAX];
    size_t n = 0;
    for (const struct template_function *f = ps->functions; f->name != NULL; f++) {
        must(n < FUNCTIONS_MAX);
        names[n++] = f->name;
    }
    return str_nearest(arena_strndup(ps->arena, name.p, name.n < 32 ? name.n : 32), names, n);
}

/* A function with its arguments, the piped value last. */
static struct texpr *parse_call(struct parser *ps, struct texpr *piped)
{
    const char *at = ps->p;
    struct str name = read_name(ps);
    struct texpr *call = expr_new(ps, TEXPR_CALL, at);
    call->func = function_of(ps, name);
    if (call->func == NULL) {
        const char *near = function_near(ps, name);
        fail(ps, at,
             arena_printf(ps->arena, "unknown function %.*s%s%s%s", (int)name.n, name.p,
                          near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                          near != NULL ? "?" : ""));
        return NULL;
    }
    for (skip_space(ps); ps->p < ps->end && *ps->p != '|' && *ps->p != ')' && !at_close(ps);
         skip_space(ps)) {
        struct texpr *arg = parse_operand(ps);
        if (arg == NULL || add_arg(ps, call, arg) != 0)
            return NULL;
    }
    if (piped != NULL && add_arg(ps, call, piped) != 0)
        return NULL;
    return check_args(ps, call) == 0 ? call : NULL;
}

static struct texpr *parse_command(struct parser *ps, struct texpr *piped)
{
    skip_space(ps);
    if (ps->p == ps->end || at_close(ps)) {
        fail(ps, ps->p, "expected a value");
        return NULL;
    }
    bool word =
        isalpha((unsigned char)*ps->p) && !looking_at(ps, "true") && !looking_at(ps, "false");
    if (word)
        return parse_call(ps, piped);
    if (piped != NULL) {
        fail(ps, ps->p, "only a function can follow |");
        return NULL;
    }
    return parse_operand(ps);
}

static struct texpr *parse_pipe(struct parser *ps)
{
    if (++ps->depth > TEMPLATE_DEPTH_MAX) {
        fail(ps, ps->p, "nested too deeply");
        return NULL;
    }
    struct texpr *e = parse_command(ps, NULL);
    for (int stages = 0; e != NULL; stages++) {
        skip_space(ps);
        if (ps->p == ps->end || *ps->p != '|')
            break;
        if (stages == TEMPLATE_DEPTH_MAX) {
            fail(ps, ps->p, "too many functions in a row");
            return NULL;
        }
        ps->p++;
        e = parse_command(ps, e);
    }
    ps->depth--;
    return e;
}

/* The closing }} of the action opened at `open`. */
static int close_action(struct parser *ps, const char *open)
{
    skip_space(ps);
    ps->trim_next = looking_at(ps, "-}}");
    if (!at_close(ps))
        return ps->p == ps->end ? fail(ps, open, "this {{ has no }}")
                                : fail(ps, ps->p, "expected | or }}");
    ps->p += ps->trim_next ? 3 : 2;
    return 0;
}

static struct tnode *node_new(struct parser *ps, enum tnode_kind kind, const char *at)
{
    struct tnode *n = arena_new_of(ps->arena, struct tnode);
    n->kind = kind;
    n->at = place_of(ps, at);
    return n;
}

/* Text up to the next {{ (or the end), trimmed as the actions around it ask. NULL when nothing is left. */
static struct tnode *parse_text(struct parser *ps)
{
    const char *from = ps->p;
    const char *open = memmem(from, (size_t)(ps->end - from), "{{", 2);
    const char *to = open != NULL ? open : ps->end;
    ps->p = to;
    if (ps->trim_next)
        while (from < to && isspace((unsigned char)*from))
            from++;
    ps->trim_next = false;
    if (open != NULL && ps->end - open >= 4 && open[2] == '-' && isspace((unsigned char)open[3]))
        while (to > from && isspace((unsigned char)to[-1]))
            to--;
    if (to == from)
        return NULL;
    struct tnode *n = node_new(ps, TNODE_TEXT, from);
    n->text = (struct str){from, (size_t)(to - from)};
    return n;
}

static enum ending parse_list(struct parser *ps, struct tnode **list, const char *opened_by);

static int parse_block(struct parser *ps, struct tnode *n, const char *open);

/* {{ else }} and {{ else if }} of a block whose first list ended with one. */
static int parse_else(struct parser *ps, struct tnode *n, enum ending how, const char *open)
{
    if (how == END_ELSE_IF) {
        if (n->kind != TNODE_IF)
            return fail(ps, open, "range knows no else if");
        n->other = node_new(ps, TNODE_IF, ps->p);
        return parse_block(ps, n->other, open);
    }
    how = parse_list(ps, &n->other, open);
    if (how == END_END || how == END_ERROR)
        return how == END_END ? 0 : -1;
    return fail(ps, open, "a second else");
}

/* From the condition of an if or range to its end. */
static int parse_block(struct parser *ps, struct tnode *n, const char *open)
{
    if (++ps->depth > TEMPLATE_DEPTH_MAX)
        return fail(ps, open, "nested too deeply");
    n->expr = parse_pipe(ps);
    if (n->expr == NULL || close_action(ps, open) != 0)
        return -1;
    enum ending how = parse_list(ps, &n->body, open);
    int rc = how == END_ERROR ? -1 : 0;
    if (how == END_ELSE || how == END_ELSE_IF)
        rc = parse_else(ps, n, how, open);
    ps->depth--;
    return rc;
}

static int skip_comment(struct parser *ps, const char *open)
{
    const char *to = memmem(ps->p, (size_t)(ps->end - ps->p), "*/", 2);
    if (to == NULL)
        return fail(ps, open, "this comment has no */");
    ps->p = to + 2;
    return close_action(ps, open);
}

/* An action that ends a list; END_SOURCE: it is none. */
static enum ending parse_ending(struct parser *ps, const char *open)
{
    if (take_word(ps, "end"))
        return close_action(ps, open) == 0 ? END_END : END_ERROR;
    if (!take_word(ps, "else"))
        return END_SOURCE;
    skip_space(ps);
    if (take_word(ps, "if"))
        return END_ELSE_IF;
    return close_action(ps, open) == 0 ? END_ELSE : END_ERROR;
}

/* An action that yields a node; *node stays NULL for a comment. */
static int parse_action(struct parser *ps, const char *open, struct tnode **node)
{
    if (looking_at(ps, "/*"))
        return skip_comment(ps, open);
    bool is_if = take_word(ps, "if");
    bool is_range = !is_if && take_word(ps, "range");
    *node = node_new(ps, is_if ? TNODE_IF : is_range ? TNODE_RANGE : TNODE_OUT, open);
    if (is_if || is_range)
        return parse_block(ps, *node, open);
    (*node)->expr = parse_pipe(ps);
    return (*node)->expr != NULL ? close_action(ps, open) : -1;
}

static enum ending parse_list(struct parser *ps, struct tnode **list, const char *opened_by)
{
    struct tnode **tail = list;
    for (;;) {
        struct tnode *n = parse_text(ps);
        if (n != NULL) {
            *tail = n;
            tail = &n->next;
        }
        if (ps->p == ps->end)
            break;
        const char *open = ps->p;
        ps->p += 2;
        if (looking_at(ps, "-") && ps->p + 1 < ps->end && isspace((unsigned char)ps->p[1]))
            ps->p++;
        skip_space(ps);
        enum ending how = parse_ending(ps, open);
        if (how != END_SOURCE && opened_by == NULL && how != END_ERROR)
            return fail(ps, open, "there is no if or range to end here"), END_ERROR;
        if (how != END_SOURCE)
            return how;
        n = NULL;
        if (parse_action(ps, open, &n) != 0)
            return END_ERROR;
        if (n != NULL) {
            *tail = n;
            tail = &n->next;
        }
    }
    if (opened_by == NULL)
        return END_SOURCE;
    fail(ps, opened_by, "this block has no {{ end }}");
    return END_ERROR;
}

struct template *template_parse(struct arena *a, const char *source,
                                const struct template_style *style, struct err *err)
{
    size_t n = strlen(source);
    if (n > TEMPLATE_SOURCE_MAX) {
        err_set(err, ERR_TOO_LARGE, "template of %zu bytes; at most %d", n, TEMPLATE_SOURCE_MAX);
        return NULL;
    }
    struct err ignored;
    struct parser ps = {.arena = a,
                        .functions = style->functions,
                        .source = source,
                        .p = source,
                        .end = source + n,
                        .err = err != NULL ? err : &ignored};
    struct template *t = arena_new_of(a, struct template);
    if (parse_list(&ps, &t->first, NULL) == END_ERROR)
        return NULL;
    must(ps.p == ps.end && ps.depth == 0);
    return t;
}
