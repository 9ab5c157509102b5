/* The lexer of PromQL: text to tokens, one at a time as the parser asks. What a character means depends on where it
 * stands, so it follows braces and brackets; its errors are those that Prometheus' users know.
 *
 * Any thread; holds nothing but its struct. */
#include "promql/parse_priv.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static const struct word {
    const char *text;
    enum token_kind kind;
    int value; /* of an operator or an aggregation */
} words[] = {
    {"and", TOKEN_OPERATOR, OP_AND},
    {"anchored", TOKEN_ANCHORED},
    {"atan2", TOKEN_OPERATOR, OP_ATAN2},
    {"avg", TOKEN_AGGREGATE, AGG_AVG},
    {"bool", TOKEN_BOOL},
    {"bottomk", TOKEN_AGGREGATE, AGG_BOTTOMK},
    {"by", TOKEN_BY},
    {"count", TOKEN_AGGREGATE, AGG_COUNT},
    {"count_values", TOKEN_AGGREGATE, AGG_COUNT_VALUES},
    {"fill", TOKEN_FILL},
    {"fill_left", TOKEN_FILL_LEFT},
    {"fill_right", TOKEN_FILL_RIGHT},
    {"group", TOKEN_AGGREGATE, AGG_GROUP},
    {"group_left", TOKEN_GROUP_LEFT},
    {"group_right", TOKEN_GROUP_RIGHT},
    {"ignoring", TOKEN_IGNORING},
    {"inf", TOKEN_NUMBER},
    {"limit_ratio", TOKEN_AGGREGATE, AGG_LIMIT_RATIO},
    {"limitk", TOKEN_AGGREGATE, AGG_LIMITK},
    {"max", TOKEN_AGGREGATE, AGG_MAX},
    {"min", TOKEN_AGGREGATE, AGG_MIN},
    {"nan", TOKEN_NUMBER},
    {"offset", TOKEN_OFFSET},
    {"on", TOKEN_ON},
    {"or", TOKEN_OPERATOR, OP_OR},
    {"quantile", TOKEN_AGGREGATE, AGG_QUANTILE},
    {"smoothed", TOKEN_SMOOTHED},
    {"stddev", TOKEN_AGGREGATE, AGG_STDDEV},
    {"stdvar", TOKEN_AGGREGATE, AGG_STDVAR},
    {"sum", TOKEN_AGGREGATE, AGG_SUM},
    {"topk", TOKEN_AGGREGATE, AGG_TOPK},
    {"unless", TOKEN_OPERATOR, OP_UNLESS},
    {"without", TOKEN_WITHOUT},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_alpha(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct lexer *l, uint32_t ahead)
{
    return l->text.n - l->at > ahead ? l->text.p[l->at + ahead] : '\0';
}

struct token lex_fail(struct lexer *l, uint32_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->bad, sizeof(l->bad), fmt, ap);
    va_end(ap);
    l->bad[utf8_whole(l->bad, strlen(l->bad))] = '\0';
    l->bad_at = at;
    return (struct token){.kind = TOKEN_BAD, .start = at, .end = at};
}

/* "unexpected character: '$'" */
static struct token fail_rune(struct lexer *l, const char *what, uint32_t at)
{
    uint32_t bytes;
    char shown[16];
    lex_quote_rune(shown, lex_rune(l->text, at, &bytes));
    return lex_fail(l, at, "%s: %s", what, shown);
}

/* The same of the character behind the one at `at`, which is where the error stands. */
static struct token fail_after(struct lexer *l, const char *what, uint32_t at)
{
    fail_rune(l, what, at + 1);
    l->bad_at = at;
    return (struct token){.kind = TOKEN_BAD, .start = at, .end = at};
}

static struct token take(struct lexer *l, enum token_kind kind, uint32_t n)
{
    must(l->text.n - l->at >= n);
    l->at += n;
    return (struct token){.kind = kind, .start = l->at - n, .end = l->at};
}

static struct token take_op(struct lexer *l, enum promql_op op, uint32_t n)
{
    struct token t = take(l, TOKEN_OPERATOR, n);
    t.op = op;
    return t;
}

static void skip_space(struct lexer *l)
{
    while (l->at < l->text.n) {
        if (is_space(l->text.p[l->at])) {
            l->at++;
        } else if (l->text.p[l->at] == '#') {
            while (l->at < l->text.n && l->text.p[l->at] != '\n')
                l->at++;
        } else {
            return;
        }
    }
}

static uint32_t word_length(const struct lexer *l, bool colons)
{
    uint32_t n = 0;
    while (l->at + n < l->text.n) {
        char c = l->text.p[l->at + n];
        if (!is_alpha(c) && !is_digit(c) && !(colons && c == ':'))
            break;
        n++;
    }
    return n;
}

static struct token take_word(struct lexer *l)
{
    struct str text = {l->text.p + l->at, word_length(l, true)};
    bool colon = memchr(text.p, ':', text.n) != NULL;
    for (size_t i = 0; i < array_len(words); i++) {
        if (strlen(words[i].text) != text.n || strncasecmp(words[i].text, text.p, text.n) != 0)
            continue;
        struct token t = take(l, words[i].kind, (uint32_t)text.n);
        if (t.kind == TOKEN_OPERATOR)
            t.op = (enum promql_op)words[i].value;
        else if (t.kind == TOKEN_AGGREGATE)
            t.aggregate = (enum promql_aggregate)words[i].value;
        return t;
    }
    return take(l, colon ? TOKEN_METRIC : TOKEN_IDENTIFIER, (uint32_t)text.n);
}

static struct token take_number(struct lexer *l)
{
    uint32_t start = l->at;
    bool is_duration;
    if (lex_number(l, &is_duration)) {
        l->got_duration = true;
        return (struct token){
            .kind = is_duration ? TOKEN_DURATION : TOKEN_NUMBER, .start = start, .end = l->at};
    }
    char shown[128];
    struct buf text = BUF_FIXED(shown);
    lex_quote(&text, (struct str){l->text.p + start, l->at - start});
    return lex_fail(l, start, "bad number or duration syntax: %s", text.len ? text.data : "");
}

static struct token take_paren(struct lexer *l, char c)
{
    if (c == '(') {
        l->parens++;
        return take(l, TOKEN_LEFT_PAREN, 1);
    }
    if (--l->parens < 0)
        return lex_fail(l, l->at + 1, "unexpected right parenthesis ')'");
    return take(l, TOKEN_RIGHT_PAREN, 1);
}

static struct token take_comparison(struct lexer *l, char c)
{
    char next = peek(l, 1);
    switch (c) {
    case '=':
        if (next == '=')
            return take_op(l, OP_EQ, 2);
        if (next == '~')
            return fail_after(l, "unexpected character after '='", l->at);
        return take(l, TOKEN_EQL, 1);
    case '!':
        if (next == '=')
            return take_op(l, OP_NE, 2);
        return fail_after(l, "unexpected character after '!'", l->at);
    case '<':
        return next == '='   ? take_op(l, OP_LE, 2)
               : next == '/' ? take_op(l, OP_TRIM_UPPER, 2)
                             : take_op(l, OP_LT, 1);
    default:
        return next == '='   ? take_op(l, OP_GE, 2)
               : next == '/' ? take_op(l, OP_TRIM_LOWER, 2)
                             : take_op(l, OP_GT, 1);
    }
}

static bool take_arithmetic(struct lexer *l, char c, struct token *out)
{
    static const char signs[] = "+-*/%^";
    const char *found = memchr(signs, c, sizeof(signs) - 1);
    if (found)
        *out = take_op(l, (enum promql_op)(OP_ADD + (found - signs)), 1);
    return found != NULL;
}

/* Within { }: names, texts and the operators of matchers. */
static struct token next_in_braces(struct lexer *l)
{
    uint32_t start = l->at;
    if (l->at == l->text.n)
        return lex_fail(l, start, "unexpected end of input inside braces");
    char c = l->text.p[l->at], next = peek(l, 1);
    if (is_alpha(c))
        return take(l, TOKEN_IDENTIFIER, word_length(l, false));
    switch (c) {
    case ',':
        return take(l, TOKEN_COMMA, 1);
    case '"':
    case '\'':
    case '`':
        return lex_string(l);
    case '=':
        return next == '~' ? take(l, TOKEN_EQL_REGEX, 2) : take(l, TOKEN_EQL, 1);
    case '!':
        if (next == '~')
            return take(l, TOKEN_NEQ_REGEX, 2);
        if (next == '=')
            return take_op(l, OP_NE, 2);
        return fail_after(l, "unexpected character after '!' inside braces", start);
    case '{':
        return lex_fail(l, start, "unexpected left brace '{'");
    case '}':
        l->in_braces = false;
        return take(l, TOKEN_RIGHT_BRACE, 1);
    default:
        return fail_rune(l, "unexpected character inside braces", start);
    }
}

static struct token take_colon(struct lexer *l)
{
    if (!l->got_duration)
        return lex_fail(l, l->at + 1, "unexpected colon before duration in duration expression");
    if (l->got_colon)
        return lex_fail(l, l->at + 1, "unexpected repeated colon in duration expression");
    l->got_colon = true;
    return take(l, TOKEN_COLON, 1);
}

/* Within [ ]: durations and what they are reckoned with. */
static struct token next_in_brackets(struct lexer *l)
{
    static const char *const names[] = {"step", "range", "min_of", "max_of"};
    struct token t;
    if (l->at == l->text.n)
        return lex_fail(l, l->at, "unexpected end of input in duration expression");
    char c = l->text.p[l->at];
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        return take_number(l);
    if (take_arithmetic(l, c, &t))
        return t;
    uint32_t n = word_length(l, false);
    for (size_t i = 0; i < array_len(names); i++) {
        if (n == strlen(names[i]) && strncasecmp(names[i], l->text.p + l->at, n) == 0) {
            l->got_duration = true;
            return take(l, TOKEN_IDENTIFIER, n);
        }
    }
    switch (c) {
    case ']':
        l->in_brackets = false;
        return take(l, TOKEN_RIGHT_BRACKET, 1);
    case ':':
        return take_colon(l);
    case ',':
        return take(l, TOKEN_COMMA, 1);
    case '(':
    case ')':
        return take_paren(l, c);
    default:
        return fail_rune(l, "unexpected character in duration expression", l->at);
    }
}

static struct token next_plain(struct lexer *l)
{
    struct token t;
    char c = l->text.p[l->at];
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        return take_number(l);
    if (is_alpha(c) || c == ':')
        return take_word(l);
    if (take_arithmetic(l, c, &t))
        return t;
    switch (c) {
    case ',':
        return take(l, TOKEN_COMMA, 1);
    case '=':
    case '!':
    case '<':
    case '>':
        return take_comparison(l, c);
    case '"':
    case '\'':
    case '`':
        return lex_string(l);
    case '(':
    case ')':
        return take_paren(l, c);
    case '{':
        l->in_braces = true;
        return take(l, TOKEN_LEFT_BRACE, 1);
    case '[':
        l->in_brackets = true;
        l->got_colon = l->got_duration = false;
        return take(l, TOKEN_LEFT_BRACKET, 1);
    case ']':
        return lex_fail(l, l->at, "unexpected right bracket ']'");
    case '@':
        return take(l, TOKEN_AT, 1);
    default:
        return fail_rune(l, "unexpected character", l->at);
    }
}

struct token lex_next(struct lexer *l)
{
    must(l->at <= l->text.n);
    if (l->bad[0])
        return (struct token){.kind = TOKEN_BAD, .start = l->bad_at, .end = l->bad_at};
    skip_space(l);
    if (l->in_braces)
        return next_in_braces(l);
    if (l->in_brackets)
        return next_in_brackets(l);
    if (l->at < l->text.n)
        return next_plain(l);
    if (l->parens > 0)
        return lex_fail(l, l->at, "unclosed left parenthesis");
    return (struct token){.kind = TOKEN_END, .start = l->at, .end = l->at};
}
