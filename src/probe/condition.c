/* See condition.h. Compiled in any process, judged in watchers; bodies are foreign bytes. */
#include "probe/condition.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/value.h"

#define PLACEHOLDERS(X)                                   \
    X(STATUS, "[STATUS]")                                 \
    X(RESPONSE_TIME, "[RESPONSE_TIME]")                   \
    X(IP, "[IP]")                                         \
    X(CONNECTED, "[CONNECTED]")                           \
    X(CERTIFICATE_EXPIRATION, "[CERTIFICATE_EXPIRATION]") \
    X(DOMAIN_EXPIRATION, "[DOMAIN_EXPIRATION]")           \
    X(DNS_RCODE, "[DNS_RCODE]")                           \
    X(BODY, "[BODY]")

enum placeholder {
#define X(name, text) AT_##name,
    PLACEHOLDERS(X)
#undef X
};

static const char *const placeholders[] = {
#define X(name, text) text,
    PLACEHOLDERS(X)
#undef X
};

enum operand_kind { LITERAL, PLACEHOLDER, LENGTH, HAS, PATTERN, ANY };

struct operand {
    enum operand_kind kind;
    const char *text; /* as written; of PATTERN the glob, of a literal the literal */
    enum placeholder at;
    const char *path; /* of [BODY]: a JSON path; "" is the body itself */
    const char **any; /* n_any */
    size_t n_any;
};

enum comparison { OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT };
static const char *const operators[] = {" == ", " != ", " <= ", " >= ", " < ", " > "};

struct condition {
    struct operand left, right;
    enum comparison op;
};

struct conditions {
    struct condition *at;
    size_t n;
};

/* --- reading --- */

static int read_placeholder(struct str s, struct arena *a, struct operand *o, struct err *err)
{
    for (size_t i = 0; i < array_len(placeholders); i++) {
        size_t n = strlen(placeholders[i]);
        if (s.n < n || strncasecmp(s.p, placeholders[i], n) != 0)
            continue;
        o->at = (enum placeholder)i;
        o->path = arena_strndup(a, s.p + n, s.n - n);
        if (o->path[0] && o->at != AT_BODY)
            return err_set(err, ERR_MALFORMED, "got \"%s\" behind %s; only [BODY] has a path",
                           o->path, placeholders[i]);
        return json_path_check(o->path, err);
    }
    return err_set(err, ERR_MALFORMED,
                   "unknown placeholder in \"%.*s\"; want [STATUS], [BODY], [RESPONSE_TIME], …",
                   (int)(s.n < 60 ? s.n : 60), s.p);
}

/* "name(inner)"; false when s is not that. */
static bool take_call(struct str s, const char *name, struct str *inner)
{
    size_t n = strlen(name);
    if (s.n < n + 2 || memcmp(s.p, name, n) != 0 || s.p[n] != '(' || s.p[s.n - 1] != ')')
        return false;
    *inner = (struct str){s.p + n + 1, s.n - n - 2};
    return true;
}

static int read_any(struct str inner, struct arena *a, struct operand *o, struct err *err)
{
    struct str one;
    o->any = arena_array_of(a, const char *, CONDITION_ANY_MAX);
    while (str_next(&inner, ',', &one)) {
        if (o->n_any == CONDITION_ANY_MAX)
            return err_set(err, ERR_TOO_LARGE, "more than %d values in any()", CONDITION_ANY_MAX);
        one = str_trim(one);
        if (one.n == 0)
            continue;
        o->any[o->n_any++] = arena_strndup(a, one.p, one.n);
    }
    return o->n_any ? 0 : err_set(err, ERR_MALFORMED, "any() without values");
}

static int read_operand(struct str s, struct arena *a, struct operand *o, struct err *err)
{
    struct str inner;
    s = str_trim(s);
    *o = (struct operand){.kind = LITERAL, .text = arena_strndup(a, s.p, s.n), .path = ""};
    if (s.n == 0)
        return err_set(err, ERR_MALFORMED, "nothing on one side");
    if (take_call(s, "pat", &inner)) {
        o->kind = PATTERN;
        o->text = arena_strndup(a, inner.p, inner.n);
        return 0;
    }
    if (take_call(s, "any", &inner)) {
        o->kind = ANY;
        return read_any(inner, a, o, err);
    }
    if (take_call(s, "len", &inner))
        o->kind = LENGTH;
    else if (take_call(s, "has", &inner))
        o->kind = HAS;
    else if (s.p[0] == '[') {
        o->kind = PLACEHOLDER;
        inner = s;
    }
    return o->kind == LITERAL ? 0 : read_placeholder(str_trim(inner), a, o, err);
}

/* The first operator in their order, as Gatus looks for them. */
static int read_condition(const char *text, struct arena *a, struct condition *c, struct err *err)
{
    for (size_t i = 0; i < array_len(operators); i++) {
        const char *at = strstr(text, operators[i]);
        if (!at)
            continue;
        c->op = (enum comparison)i;
        struct str left = {text, (size_t)(at - text)}, right = str_of(at + strlen(operators[i]));
        if (read_operand(left, a, &c->left, err) != 0 ||
            read_operand(right, a, &c->right, err) != 0)
            return -1;
        bool functions = c->left.kind >= PATTERN || c->right.kind >= PATTERN;
        if (functions && c->op > OP_NE)
            return err_set(err, ERR_INVALID, "pat() and any() go with == and != alone");
        if (c->left.kind >= PATTERN && c->right.kind >= PATTERN)
            return err_set(err, ERR_INVALID, "pat() or any() on both sides; want a value on one");
        return 0;
    }
    return err_set(err, ERR_MALFORMED, "no operator; want ==, !=, <, <=, > or >= between spaces");
}

struct conditions *conditions_compile(const struct str_list *texts, struct arena *a,
                                      struct problems *p, const char *path)
{
    char field[200];
    if (texts->n == 0)
        return NULL;
    struct conditions *c = arena_new_of(a, struct conditions);
    *c = (struct conditions){.at = arena_array_of(a, struct condition, texts->n), .n = texts->n};
    for (size_t i = 0; i < texts->n; i++) {
        struct err err = {0};
        snprintf(field, sizeof(field), "%s%sexpect.conditions[%zu]", path, *path ? "." : "", i);
        if (read_condition(texts->at[i], a, &c->at[i], &err) != 0)
            problem_add(p, NULL, field, "%s (in \"%.100s\")", err.msg, texts->at[i]);
    }
    return c;
}

bool conditions_name(const struct conditions *c, const char *placeholder)
{
    for (size_t i = 0; c && i < c->n; i++) {
        const struct operand *sides[] = {&c->at[i].left, &c->at[i].right};
        for (size_t k = 0; k < array_len(sides); k++) {
            bool names = sides[k]->kind != LITERAL && sides[k]->kind < PATTERN;
            if (names && streq(placeholders[sides[k]->at], placeholder))
                return true;
        }
    }
    return false;
}

/* --- judging --- */

struct condition_facts condition_facts_of(const struct result *r)
{
    struct condition_facts f = {
        .connected = r->address && r->address[0],
        .response_ms = r->latency_us / 1000,
        .ip = r->address ? r->address : "",
        .body = {"", 0},
    };
    for (int i = 0; i < r->n_metrics; i++) {
        int64_t left_ms = (int64_t)(r->metrics[i].num * 1000) - r->checked_ms;
        if (streq(r->metrics[i].name, "probe_ssl_earliest_cert_expiry"))
            f.certificate_left_ms = left_ms;
        else if (streq(r->metrics[i].name, "probe_domain_expiry_timestamp_seconds"))
            f.domain_left_ms = left_ms;
    }
    return f;
}

/* What one judgement needs; the body's document is read once, when a path asks for it. */
struct judge {
    const struct condition_facts *facts;
    struct arena *arena;
    const struct node *body;
    bool body_read;
};

static const struct node *body_at(struct judge *j, const char *path)
{
    if (!j->body_read) {
        j->body = node_from_json(j->arena, j->facts->body.p, j->facts->body.n, NULL);
        j->body_read = true;
    }
    return j->body ? json_at(j->body, path, j->arena, NULL) : NULL;
}

static const char *number(struct judge *j, int64_t n)
{
    return arena_printf(j->arena, "%lld", (long long)n);
}

/* NULL: nothing there. */
static const char *placeholder_text(struct judge *j, const struct operand *o)
{
    const struct condition_facts *f = j->facts;
    switch (o->at) {
    case AT_STATUS:
        return number(j, f->status);
    case AT_RESPONSE_TIME:
        return number(j, f->response_ms);
    case AT_IP:
        return f->ip;
    case AT_CONNECTED:
        return f->connected ? "true" : "false";
    case AT_CERTIFICATE_EXPIRATION:
        return number(j, f->certificate_left_ms);
    case AT_DOMAIN_EXPIRATION:
        return number(j, f->domain_left_ms);
    case AT_DNS_RCODE:
        return f->dns_rcode;
    case AT_BODY:
        break;
    }
    if (!o->path[0])
        return arena_strndup(j->arena, f->body.p, f->body.n);
    const struct node *n = body_at(j, o->path);
    return n ? json_value_text(n, j->arena) : NULL;
}

static const char *length_text(struct judge *j, const struct operand *o)
{
    const struct node *n = o->at == AT_BODY ? body_at(j, o->path) : NULL;
    if (n && n->kind == NODE_LIST)
        return number(j, n->count);
    const char *text = placeholder_text(j, o);
    return text ? number(j, (int64_t)strlen(text)) : NULL;
}

static const char *operand_text(struct judge *j, const struct operand *o)
{
    must(o->kind < PATTERN);
    switch (o->kind) {
    case PLACEHOLDER:
        return placeholder_text(j, o);
    case LENGTH:
        return length_text(j, o);
    case HAS:
        return placeholder_text(j, o) ? "true" : "false";
    default:
        return o->text;
    }
}

/* Whether the class at s, behind "[", has c; *end is its "]". */
static bool class_has(const char *s, char c, const char **end)
{
    bool negated = *s == '^', hit = false;
    for (s += negated; *s != ']'; s++) {
        char from = *s, to = s[1] == '-' && s[2] != ']' ? s[2] : from;
        hit = hit || (c >= from && c <= to);
        s += to != from ? 2 : 0;
    }
    *end = s;
    return hit != negated;
}

/* One element of a glob against c; *p moves behind it. */
static bool glob_one(const char **p, char c)
{
    const char *s = *p, *end = s;
    bool hit;
    if (*s == '[' && strchr(s, ']'))
        hit = class_has(s + 1, c, &end);
    else if (*s == '\\' && s[1])
        hit = *(end = s + 1) == c;
    else
        hit = *s == '?' || *s == c;
    *p = end + 1;
    return hit;
}

/* Go's filepath.Match after every "/" is left out of both. Goes back to the last star alone: no pattern is slow. */
static bool glob(const char *p, const char *s)
{
    const char *star = NULL, *resume = NULL;
    while (*s || *p) {
        if (*p == '/' || *s == '/') {
            p += *p == '/';
            s += *s == '/';
        } else if (*p == '*') {
            star = ++p;
            resume = s;
        } else if (*s && *p && glob_one(&p, *s)) {
            s++;
        } else if (star && *resume) {
            p = star;
            s = ++resume;
        } else {
            return false;
        }
    }
    return true;
}

static bool as_integer(const char *s, int64_t *out)
{
    char *end;
    bool hex = s[0] == '0' && (s[1] | 0x20) == 'x';
    if (!hex)
        return str_to_i64(str_of(s), out, NULL) == 0;
    *out = strtoll(s, &end, 16);
    return end != s + 2 && *end == '\0';
}

static bool equal(const char *a, const char *b)
{
    int64_t x, y;
    return as_integer(a, &x) && as_integer(b, &y) ? x == y : streq(a, b);
}

/* A number, or a duration in ms; anything else is 0. */
static double magnitude(const char *s)
{
    double v;
    int64_t n;
    if (as_integer(s, &n))
        return (double)n;
    if (str_to_f64(str_of(s), &v, NULL) == 0)
        return v;
    return duration_parse(str_of(s), &n, NULL) == 0 ? (double)n : 0;
}

static bool same(const struct operand *function, const char *value)
{
    if (function->kind == PATTERN)
        return glob(function->text, value);
    for (size_t i = 0; i < function->n_any; i++)
        if (equal(function->any[i], value))
            return true;
    return false;
}

static bool compare(enum comparison op, const char *a, const char *b)
{
    double x = magnitude(a), y = magnitude(b);
    switch (op) {
    case OP_EQ:
        return equal(a, b);
    case OP_NE:
        return !equal(a, b);
    case OP_LE:
        return x <= y;
    case OP_GE:
        return x >= y;
    case OP_LT:
        return x < y;
    case OP_GT:
        break;
    }
    return x > y;
}

/* The value beside its placeholder: "[STATUS] (500)". */
static const char *shown(struct judge *j, const struct operand *o, const char *value)
{
    if (o->kind == PATTERN)
        return arena_printf(j->arena, "pat(%s)", o->text);
    if (o->kind == LITERAL || o->kind == ANY)
        return o->text;
    return arena_printf(j->arena, "%s (%.80s)", o->text, value ? value : "nothing there");
}

static bool holds(struct judge *j, const struct condition *c, struct result *r)
{
    const char *left = c->left.kind < PATTERN ? operand_text(j, &c->left) : NULL;
    const char *right = c->right.kind < PATTERN ? operand_text(j, &c->right) : NULL;
    bool good;
    if (c->left.kind >= PATTERN)
        good = right && same(&c->left, right) == (c->op == OP_EQ);
    else if (c->right.kind >= PATTERN)
        good = left && same(&c->right, left) == (c->op == OP_EQ);
    else
        good = left && right && compare(c->op, left, right);
    if (!good)
        result_fail(r, "condition does not hold: %s%s%s", shown(j, &c->left, left),
                    operators[c->op], shown(j, &c->right, right));
    return good;
}

void conditions_judge(const struct conditions *c, const struct condition_facts *facts,
                      struct result *r)
{
    struct judge j = {.facts = facts, .arena = r->arena};
    must(facts->body.p != NULL || facts->body.n == 0);
    for (size_t i = 0; c && i < c->n; i++)
        if (!holds(&j, &c->at[i], r))
            return;
}

void conditions_judge_good(const struct conditions *c, const struct condition_facts *facts,
                           struct result *r)
{
    if (r->success)
        conditions_judge(c, facts, r);
}

void conditions_judge_result(const struct conditions *c, struct result *r)
{
    struct condition_facts facts = condition_facts_of(r);
    conditions_judge_good(c, &facts, r);
}
