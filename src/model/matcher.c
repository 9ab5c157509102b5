/* Matchers: the regular expression is looked at once, so that most tests need none.
 *
 * A pattern is read as literal pieces and groups of alternatives: "a|b|c", "x(?:a|b)y", "pre.*". What that small reader
 * understands becomes a set or a prefix; everything else is RE2's. */
#include "model/matcher.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/regex.h"
#include "base/vec.h"

#define SET_MAX 256 /* literals that a pattern may stand for */

struct matcher {
    enum matcher_op op;
    struct str name, value; /* malloc'ed with the matcher */
    struct regex *re;       /* NULL when not needed */
    struct str *set;        /* sorted */
    size_t n_set;
    struct str prefix;
    bool any, some, empty;
    struct arena *arena;
};

const char *matcher_op_text(enum matcher_op op)
{
    static const char *const text[] = {"=", "!=", "=~", "!~"};
    must((size_t)op < array_len(text));
    return text[op];
}

bool matcher_op_parse(const char *text, enum matcher_op *out)
{
    for (enum matcher_op op = MATCH_EQ; op <= MATCH_NRE; op++)
        if (strcmp(text, matcher_op_text(op)) == 0) {
            *out = op;
            return true;
        }
    return false;
}

/* --- reading a pattern --- */

static bool is_meta(char c)
{
    return char_in(c, "\\.+*?()|[]{}^$");
}

/* A run of plain characters at *p, escapes of punctuation resolved, into out. A character that a quantifier follows is left. */
static bool read_literal(const char **p, const char *end, struct buf *out)
{
    while (*p < end) {
        const char *at = *p;
        char c = *at++;
        if (c == '\\') {
            if (at == end || !is_meta(*at))
                return false; /* \d, \pN, \x41 … */
            c = *at++;
        } else if (is_meta(c)) {
            return true;
        }
        if (at < end && char_in(*at, "*+?{"))
            return false;
        buf_putc(out, c);
        *p = at;
    }
    return true;
}

struct literals {
    struct arena *arena;
    struct str *at;
    size_t n, cap;
};

static void add_literal(struct literals *l, struct str prefix, const struct buf *b)
{
    char *text = arena_alloc(l->arena, prefix.n + b->len + 1);
    if (prefix.n)
        memcpy(text, prefix.p, prefix.n);
    if (b->len)
        memcpy(text + prefix.n, b->data, b->len);
    vec_push(l, ((struct str){text, prefix.n + b->len}));
}

/* "a|b|c" up to the end or to a ')'; each literal gets the prefix. */
static bool read_alternatives(const char **p, const char *end, struct str prefix,
                              struct literals *out)
{
    for (;;) {
        struct buf b = BUF_INIT(REGEX_PATTERN_MAX);
        bool good = read_literal(p, end, &b) && out->n < SET_MAX;
        if (good)
            add_literal(out, prefix, &b);
        buf_done(&b);
        if (!good)
            return false;
        if (*p == end || **p != '|')
            return *p == end || **p == ')';
        (*p)++;
    }
}

/* literal [ "(" ["?:"] alternatives ")" ], or alternatives alone: the whole pattern, or false. */
static bool read_set(struct str pattern, struct literals *out)
{
    const char *p = pattern.p, *end = pattern.p + pattern.n;
    if (read_alternatives(&p, end, STR(""), out) && p == end)
        return true;
    if (out->n > 1 || p == end || *p != '(')
        return false;
    struct buf head = BUF_INIT(REGEX_PATTERN_MAX);
    p = pattern.p;
    bool good = read_literal(&p, end, &head) && p < end && *p == '(';
    p += good;
    if (good && end - p > 1 && p[0] == '?' && p[1] == ':')
        p += 2;
    out->n = 0;
    good = good && read_alternatives(&p, end, (struct str){head.data, head.len}, out) &&
           end - p == 1 && *p == ')';
    buf_done(&head);
    return good;
}

static int compare_str(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n ? memcmp(x->p, y->p, n) : 0;
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void take_set(struct matcher *m, struct literals *l)
{
    qsort(l->at, l->n, sizeof(*l->at), compare_str);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (n == 0 || !str_eq(l->at[n - 1], l->at[i]))
            l->at[n++] = l->at[i];
    }
    m->set = arena_memdup(m->arena, l->at, n * sizeof(*l->at));
    m->n_set = n;
}

static void take_prefix(struct matcher *m)
{
    struct buf b = BUF_INIT(REGEX_PATTERN_MAX);
    const char *p = m->value.p, *end = p + m->value.n;
    read_literal(&p, end, &b);
    if (!memchr(m->value.p, '|', m->value.n) && b.len > 0) /* "ab|c" does not begin with ab */
        m->prefix = (struct str){arena_strndup(m->arena, b.data, b.len), b.len};
    buf_done(&b);
}

static int learn(struct matcher *m, struct err *err)
{
    m->re = regex_new(m->value, REGEX_ANCHORED | REGEX_DOT_ALL, err);
    if (!m->re)
        return -1;
    m->any = str_eqz(m->value, ".*") || str_eqz(m->value, "(.*)");
    m->some = str_eqz(m->value, ".+") || str_eqz(m->value, "(.+)");
    struct literals l = {.arena = m->arena};
    if (read_set(m->value, &l))
        take_set(m, &l);
    else
        take_prefix(m);
    free(l.at);
    return 0;
}

struct matcher *matcher_new(enum matcher_op op, struct str name, struct str value, struct err *err)
{
    struct arena *a = arena_new_sized(256);
    struct matcher *m = arena_new_of(a, struct matcher);
    m->arena = a;
    m->op = op;
    m->name = (struct str){arena_strndup(a, name.p, name.n), name.n};
    m->value = (struct str){arena_strndup(a, value.p, value.n), value.n};
    if (op == MATCH_EQ || op == MATCH_NE) {
        m->set = arena_memdup(a, &m->value, sizeof(m->value));
        m->n_set = 1;
        m->some = op == MATCH_NE && value.n == 0;
    } else if (learn(m, err) < 0) {
        matcher_free(m);
        return NULL;
    }
    if (op == MATCH_NRE)
        m->any = m->some = false;
    m->empty = matcher_test(m, STR(""));
    return m;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    regex_free(m->re);
    arena_free(m->arena);
}

enum matcher_op matcher_op(const struct matcher *m)
{
    return m->op;
}

struct str matcher_name(const struct matcher *m)
{
    return m->name;
}

struct str matcher_value(const struct matcher *m)
{
    return m->value;
}

static bool in_set(const struct matcher *m, struct str value)
{
    if (m->n_set == 1)
        return str_eq(m->set[0], value);
    return bsearch(&value, m->set, m->n_set, sizeof(*m->set), compare_str) != NULL;
}

static bool is_matched(const struct matcher *m, struct str value)
{
    if (m->set)
        return in_set(m, value);
    if (m->any)
        return true;
    if (m->some)
        return value.n > 0;
    return str_starts(value, m->prefix) && regex_match(m->re, value);
}

bool matcher_test(const struct matcher *m, struct str value)
{
    bool negative = m->op == MATCH_NE || m->op == MATCH_NRE;
    if (m->op == MATCH_NE)
        return !str_eq(m->value, value);
    return is_matched(m, value) != negative;
}

bool matcher_test_all(const struct matcher *const *m, size_t n, const struct labels *l)
{
    for (size_t i = 0; i < n; i++) {
        if (!matcher_test(m[i], labels_get(l, m[i]->name)))
            return false;
    }
    return true;
}

bool matcher_empty(const struct matcher *m)
{
    return m->empty;
}

bool matcher_any(const struct matcher *m)
{
    return m->any;
}

bool matcher_some(const struct matcher *m)
{
    return m->some;
}

const struct str *matcher_set(const struct matcher *m, size_t *n)
{
    *n = m->n_set;
    return m->set;
}

struct str matcher_prefix(const struct matcher *m)
{
    return m->op == MATCH_RE ? m->prefix : STR("");
}

void matcher_format(struct buf *out, const struct matcher *m)
{
    if (label_name_classic(m->name))
        buf_add(out, m->name.p, m->name.n);
    else
        json_escape(out, m->name.p, m->name.n);
    buf_puts(out, matcher_op_text(m->op));
    json_escape(out, m->value.p, m->value.n);
}
