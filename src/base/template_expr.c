/* Parser of the template language's expressions (template.h): pipelines, calls, fields, variables and constants. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

#define FUNCTIONS_MAX 128

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool at_name(const struct tparser *ps)
{
    return ps->p < ps->end && is_name(*ps->p) && !isdigit((unsigned char)*ps->p);
}

static struct str read_name(struct tparser *ps)
{
    const char *from = ps->p;
    while (ps->p < ps->end && is_name(*ps->p))
        ps->p++;
    return (struct str){from, (size_t)(ps->p - from)};
}

static struct texpr *expr_new(struct tparser *ps, enum texpr_kind kind, const char *at)
{
    struct texpr *e = arena_new_of(ps->arena, struct texpr);
    e->kind = kind;
    e->at = template__place(ps, at);
    return e;
}

/* ---- constants ---- */

static void put_rune(char *text, size_t *n, uint32_t rune)
{
    char utf8[8];
    template__rune(utf8, rune);
    size_t len = rune == 0 ? 1 : strlen(utf8);
    for (size_t i = 0; i < len; i++)
        text[(*n)++] = utf8[i];
}

/* Up to `max` digits of the base. */
static uint32_t read_digits(struct tparser *ps, int base, int max)
{
    uint32_t v = 0;
    for (int i = 0; i < max && ps->p < ps->end; i++, ps->p++) {
        char c = *ps->p;
        int digit = isdigit((unsigned char)c)    ? c - '0'
                    : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                                 : 99;
        if (digit >= base)
            break;
        v = v * (uint32_t)base + (uint32_t)digit;
    }
    return v;
}

/* What follows a backslash. Never more bytes than were read. */
static void read_escape(struct tparser *ps, char *text, size_t *n)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    char c = *ps->p++;
    const char *simple = strchr(from, c);
    if (simple != NULL && c != '\0')
        text[(*n)++] = to[simple - from];
    else if (c == 'x')
        text[(*n)++] = (char)read_digits(ps, 16, 2);
    else if (c == 'u' || c == 'U')
        put_rune(text, n, read_digits(ps, 16, c == 'u' ? 4 : 8));
    else if (c >= '0' && c <= '7')
        ps->p--, text[(*n)++] = (char)read_digits(ps, 8, 3);
    else
        text[(*n)++] = c;
}

static int parse_string(struct tparser *ps, struct str *out)
{
    char quote = *ps->p;
    const char *from = ps->p++, *to = from + 1;
    for (; to < ps->end && *to != quote; to++)
        to += *to == '\\' && quote != '`' && to + 1 < ps->end;
    char *text = arena_alloc(ps->arena, (size_t)(to - from) + 1);
    size_t n = 0;
    while (ps->p < ps->end && *ps->p != quote) {
        char c = *ps->p++;
        if (c == '\\' && quote != '`' && ps->p < ps->end)
            read_escape(ps, text, &n);
        else
            text[n++] = c;
        must(n < (size_t)(ps->p - from));
    }
    if (ps->p == ps->end)
        return template__fail(ps, from, "this text has no closing quote");
    ps->p++;
    *out = (struct str){text, n};
    return 0;
}

/* 'c' is the character's number. */
static int parse_char(struct tparser *ps, struct tvalue *v)
{
    const char *at = ps->p;
    struct str s;
    if (parse_string(ps, &s) != 0)
        return -1;
    size_t n = utf8_char(s.p, s.n);
    if (n == 0 || n != s.n)
        return template__fail(ps, at, "want one character between these quotes");
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t rune = (unsigned char)s.p[0] & first[n];
    for (size_t i = 1; i < n; i++)
        rune = rune << 6 | ((unsigned char)s.p[i] & 63);
    *v = tv_int((int64_t)rune);
    return 0;
}

/* Go's number: 12, -0x1f, 0b11, 1_000, 1.5e3. */
static int parse_number(struct tparser *ps, struct tvalue *v)
{
    const char *from = ps->p;
    char text[64];
    size_t n = 0;
    bool hex = false, is_float = false, fits = true;
    for (; ps->p < ps->end; ps->p++) {
        char c = *ps->p;
        bool sign = (c == '+' || c == '-') &&
                    (n == 0 || (is_float && strchr(hex ? "pP" : "eE", text[n - 1]) != NULL));
        if (!sign && !isalnum((unsigned char)c) && c != '.' && c != '_')
            break;
        hex |= c == 'x' || c == 'X';
        is_float |= c == '.' || (!hex && (c == 'e' || c == 'E')) || c == 'p' || c == 'P';
        fits &= n + 1 < sizeof(text);
        if (c != '_' && fits)
            text[n++] = c;
    }
    text[n] = '\0';
    char *end = text;
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    errno = 0;
    if (fits && isdigit((unsigned char)digits[0]) && !is_float) {
        bool special = digits[0] == '0' && strchr("bBoO", digits[1]) != NULL && digits[1] != '\0';
        int base = !special ? 0 : tolower((unsigned char)digits[1]) == 'b' ? 2 : 8;
        long long whole = strtoll(special ? digits + 2 : text, &end, base);
        *v = tv_int(special && text[0] == '-' ? -whole : whole);
    } else if (fits && (isdigit((unsigned char)digits[0]) || digits[0] == '.')) {
        *v = tv_float(strtod(text, &end));
    }
    if (end == text || *end != '\0' || (errno != 0 && v->kind == TV_INT))
        return template__fail(ps, from, "not a number");
    return 0;
}

/* ---- fields ---- */

/* .A.B from a dot on; may be the dot alone. */
static int parse_path(struct tparser *ps, struct str *path, bool alone)
{
    const char *from = ps->p + 1;
    *path = (struct str){from, 0};
    while (ps->p < ps->end && *ps->p == '.') {
        const char *dot = ps->p++;
        struct str name = read_name(ps);
        if (name.n == 0 && (dot + 1 != from || !alone))
            return template__fail(ps, dot, "a field name is missing after the dot");
    }
    if (ps->p > from)
        path->n = (size_t)(ps->p - from);
    return 0;
}

static int slot_of(const struct tparser *ps, struct str name)
{
    for (int i = ps->n_vars - 1; i > 0; i--)
        if (str_eq(ps->vars[i], name))
            return i;
    return name.n == 0 ? 0 : -1;
}

static int parse_var(struct tparser *ps, struct texpr *e)
{
    const char *at = ps->p++;
    struct str name = read_name(ps);
    e->kind = TEXPR_VAR;
    e->slot = slot_of(ps, name);
    if (e->slot < 0)
        return template__fail(
            ps, at,
            arena_printf(ps->arena, "there is no variable $%.*s here", (int)name.n, name.p));
    if (ps->p < ps->end && *ps->p == '.')
        return parse_path(ps, &e->path, false);
    return 0;
}

/* ---- operands ---- */

static struct texpr *parse_pipe(struct tparser *ps);
static struct texpr *parse_call(struct tparser *ps, struct texpr *piped, bool args);

static struct texpr *parse_parens(struct tparser *ps)
{
    const char *at = ps->p++;
    struct texpr *e = parse_pipe(ps);
    if (e == NULL)
        return NULL;
    template__skip_space(ps);
    if (ps->p == ps->end || *ps->p != ')') {
        template__fail(ps, at, "this parenthesis is not closed");
        return NULL;
    }
    ps->p++;
    if (ps->p == ps->end || *ps->p != '.')
        return e;
    struct texpr *chain = expr_new(ps, TEXPR_CHAIN, ps->p);
    chain->base = e;
    return parse_path(ps, &chain->path, false) == 0 ? chain : NULL;
}

static bool parse_word(struct tparser *ps, struct tvalue *v)
{
    if (template__take_word(ps, "true"))
        *v = tv_bool(true);
    else if (template__take_word(ps, "false"))
        *v = tv_bool(false);
    else if (template__take_word(ps, "nil"))
        *v = (struct tvalue){.kind = TV_NULL};
    else
        return false;
    return true;
}

static bool at_number(const struct tparser *ps)
{
    char c = *ps->p;
    if (isdigit((unsigned char)c) || c == '-' || c == '+')
        return true;
    return c == '.' && ps->p + 1 < ps->end && isdigit((unsigned char)ps->p[1]);
}

static struct texpr *parse_operand(struct tparser *ps)
{
    const char *at = ps->p;
    char c = *at;
    if (c == '(')
        return parse_parens(ps);
    struct texpr *e = expr_new(ps, TEXPR_CONST, at);
    int rc = 0;
    if (at_number(ps)) {
        rc = parse_number(ps, &e->value);
    } else if (c == '.') {
        e->kind = TEXPR_DOT;
        rc = parse_path(ps, &e->path, true);
    } else if (c == '$') {
        rc = parse_var(ps, e);
    } else if (c == '"' || c == '`') {
        e->value.kind = TV_TEXT;
        rc = parse_string(ps, &e->value.text);
    } else if (c == '\'') {
        rc = parse_char(ps, &e->value);
    } else if (!parse_word(ps, &e->value)) {
        if (at_name(ps))
            return parse_call(ps, NULL, false);
        rc = template__fail(ps, at, "expected a field, a text, a number or a function");
    }
    return rc == 0 ? e : NULL;
}

/* ---- calls ---- */

static int add_arg(struct tparser *ps, struct texpr *call, const struct texpr *arg)
{
    if (call->n_args == TEMPLATE_ARGS_MAX) {
        err_set(ps->err, ERR_MALFORMED, "too many arguments");
        return err_where(ps->err, "template", call->at.line, call->at.column);
    }
    if (call->args == NULL)
        call->args = arena_alloc(ps->arena, sizeof(*call->args) * TEMPLATE_ARGS_MAX);
    call->args[call->n_args++] = arg;
    return 0;
}

static int check_args(struct tparser *ps, const struct texpr *call)
{
    const struct template_function *f = call->func;
    if (call->n_args >= f->min && call->n_args <= f->max)
        return 0;
    err_set(ps->err, ERR_MALFORMED, "%s takes %d to %d arguments, got %d", f->name, f->min, f->max,
            call->n_args);
    return err_where(ps->err, "template", call->at.line, call->at.column);
}

static const struct template_function *function_in(const struct template_function *f,
                                                   struct str name)
{
    for (; f != NULL && f->name != NULL; f++)
        if (str_eqz(name, f->name))
            return f;
    return NULL;
}

static size_t function_names(const struct template_function *f, const char **names, size_t n)
{
    for (; f != NULL && f->name != NULL; f++) {
        must(n < FUNCTIONS_MAX);
        names[n++] = f->name;
    }
    return n;
}

static const struct template_function *find_function(struct tparser *ps, struct str name,
                                                     const char *at)
{
    const struct template_function *f = function_in(ps->style->functions, name);
    if (f == NULL)
        f = function_in(template__builtins, name);
    if (f != NULL)
        return f;
    const char *names[FUNCTIONS_MAX];
    size_t n = function_names(ps->style->functions, names, 0);
    n = function_names(template__builtins, names, n);
    const char *near =
        str_nearest(arena_strndup(ps->arena, name.p, name.n < 32 ? name.n : 32), names, n);
    template__fail(ps, at,
                   arena_printf(ps->arena, "unknown function %.*s%s%s%s", (int)name.n, name.p,
                                near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                                near != NULL ? "?" : ""));
    return NULL;
}

/* Whether another argument may begin here. */
static bool more_args(struct tparser *ps)
{
    const char *before = ps->p;
    template__skip_space(ps);
    if (ps->p == ps->end || *ps->p == '|' || *ps->p == ')' || template__at_close(ps))
        return false;
    return ps->p > before;
}

static int parse_args(struct tparser *ps, struct texpr *call)
{
    while (more_args(ps)) {
        struct texpr *arg = parse_operand(ps);
        if (arg == NULL || add_arg(ps, call, arg) != 0)
            return -1;
    }
    return 0;
}

/* A function with its arguments, the piped value last. */
static struct texpr *parse_call(struct tparser *ps, struct texpr *piped, bool args)
{
    const char *at = ps->p;
    struct str name = read_name(ps);
    struct texpr *call = expr_new(ps, TEXPR_CALL, at);
    call->func = find_function(ps, name, at);
    if (call->func == NULL || (args && parse_args(ps, call) != 0))
        return NULL;
    if (piped != NULL && add_arg(ps, call, piped) != 0)
        return NULL;
    return check_args(ps, call) == 0 ? call : NULL;
}

/* A value; a method's arguments may follow where the style has methods. */
static struct texpr *parse_value(struct tparser *ps, struct texpr *piped)
{
    const char *at = ps->p;
    struct texpr *e = parse_operand(ps);
    if (e == NULL)
        return NULL;
    bool method = ps->style->method != NULL && e->path.n > 0;
    if (piped != NULL && !method) {
        template__fail(ps, at, "only a function can follow |");
        return NULL;
    }
    if (method && parse_args(ps, e) != 0)
        return NULL;
    return piped == NULL || add_arg(ps, e, piped) == 0 ? e : NULL;
}

static struct texpr *parse_command(struct tparser *ps, struct texpr *piped)
{
    template__skip_space(ps);
    if (ps->p == ps->end || template__at_close(ps)) {
        template__fail(ps, ps->p, "expected a value");
        return NULL;
    }
    const char *at = ps->p;
    struct tvalue word;
    bool call = at_name(ps) && !parse_word(ps, &word);
    ps->p = at;
    return call ? parse_call(ps, piped, true) : parse_value(ps, piped);
}

static struct texpr *parse_pipe(struct tparser *ps)
{
    if (++ps->depth > TEMPLATE_DEPTH_MAX) {
        template__fail(ps, ps->p, "nested too deeply");
        return NULL;
    }
    struct texpr *e = parse_command(ps, NULL);
    for (int stages = 0; e != NULL; stages++) {
        template__skip_space(ps);
        if (ps->p == ps->end || *ps->p != '|')
            break;
        if (stages == TEMPLATE_DEPTH_MAX) {
            template__fail(ps, ps->p, "too many functions in a row");
            return NULL;
        }
        ps->p++;
        e = parse_command(ps, e);
    }
    ps->depth--;
    return e;
}

/* ---- declarations ---- */

/* "$a, $b :=" at p: how many names there are; 0: this is no declaration, nothing was consumed. */
static int read_targets(struct tparser *ps, struct str names[2], bool *assign)
{
    const char *from = ps->p;
    int n = 0;
    while (n < 2 && ps->p < ps->end && *ps->p == '$') {
        ps->p++;
        names[n++] = read_name(ps);
        template__skip_space(ps);
        if (ps->p == ps->end || *ps->p != ',')
            break;
        ps->p++;
        template__skip_space(ps);
    }
    *assign = ps->p < ps->end && *ps->p == '=';
    if (n > 0 && (*assign || template__looking_at(ps, ":="))) {
        ps->p += *assign ? 1 : 2;
        return n;
    }
    ps->p = from;
    return 0;
}

static int declare_var(struct tparser *ps, const char *at, struct str name, bool assign, int *slot)
{
    if (name.n == 0)
        return template__fail(ps, at, "$ itself cannot be set");
    if (assign) {
        *slot = slot_of(ps, name);
        return *slot > 0 ? 0
                         : template__fail(ps, at, "this variable was not declared with := before");
    }
    if (ps->n_vars == TEMPLATE_VARS_MAX)
        return template__fail(ps, at, "too many variables");
    *slot = ps->n_vars;
    ps->vars[ps->n_vars++] = name;
    if (ps->body->n_slots < ps->n_vars)
        ps->body->n_slots = ps->n_vars;
    return 0;
}

struct texpr *template__pipeline(struct tparser *ps, bool two, struct tdeclare *declare)
{
    template__skip_space(ps);
    const char *at = ps->p;
    struct str names[2];
    bool assign = false;
    int n = read_targets(ps, names, &assign);
    if (n > 1 && !two) {
        template__fail(ps, at, "only range sets two variables");
        return NULL;
    }
    struct texpr *e = parse_pipe(ps); /* it does not see what it declares */
    if (e == NULL)
        return NULL;
    declare->n = n;
    for (int i = 0; i < n; i++)
        if (declare_var(ps, at, names[i], assign, &declare->slot[i]) != 0)
            return NULL;
    return e;
}

int template__name(struct tparser *ps, struct str *out)
{
    template__skip_space(ps);
    if (ps->p == ps->end || (*ps->p != '"' && *ps->p != '`'))
        return template__fail(ps, ps->p, "expected a template's name in quotes");
    return parse_string(ps, out);
}
