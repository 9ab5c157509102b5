/* The parser's own: tokens, the lexer and what the parse_*.c files share. */
#ifndef PROMQL_PARSE_PRIV_H
#define PROMQL_PARSE_PRIV_H

#include "promql/ast.h"

/* --- tokens (lex.c) --- */

enum token_kind {
    TOKEN_END,
    TOKEN_BAD, /* the lexer's error says why */
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_EQL, /* = */
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_NUMBER,
    TOKEN_DURATION,
    TOKEN_STRING,
    TOKEN_IDENTIFIER,
    TOKEN_METRIC, /* an identifier with a colon in it */
    TOKEN_AT,
    TOKEN_EQL_REGEX,
    TOKEN_NEQ_REGEX,
    TOKEN_OPERATOR,  /* op */
    TOKEN_AGGREGATE, /* aggregate */
    /* keywords */
    TOKEN_BOOL,
    TOKEN_BY,
    TOKEN_FILL,
    TOKEN_FILL_LEFT,
    TOKEN_FILL_RIGHT,
    TOKEN_GROUP_LEFT,
    TOKEN_GROUP_RIGHT,
    TOKEN_IGNORING,
    TOKEN_OFFSET,
    TOKEN_ON,
    TOKEN_WITHOUT,
    TOKEN_ANCHORED,
    TOKEN_SMOOTHED,
};

struct token {
    enum token_kind kind;
    union {
        enum promql_op op;
        enum promql_aggregate aggregate;
    };
    uint32_t start, end;
};

struct lexer {
    struct str text;
    uint32_t at; /* of the next byte */
    bool in_braces, in_brackets;
    bool got_colon, got_duration; /* within these brackets */
    int parens;
    uint32_t bad_at; /* of the first TOKEN_BAD */
    char bad[160];
};
/* Nothing follows TOKEN_END and TOKEN_BAD: they are given again. */
struct token lex_next(struct lexer *l);
/* lex_number.c: a number or a duration that begins at l->at; false when it is neither, l->at then behind what was read. */
bool lex_number(struct lexer *l, bool *is_duration);
/* lex_string.c: a quoted text that begins at l->at. */
struct token lex_string(struct lexer *l);
struct token lex_fail(struct lexer *l, uint32_t at, const char *fmt, ...) printf_like(3, 4);

/* The value of a TOKEN_STRING with its quotes, in the arena. The lexer has checked its escapes. */
struct str lex_unquote(struct arena *a, struct str quoted);
/* "text" as Go's %q writes it. */
void lex_quote(struct buf *out, struct str text);
/* A character as %q writes it, '$', and its bytes; the end of the text has none. */
uint32_t lex_rune(struct str text, uint32_t at, uint32_t *bytes);
void lex_quote_rune(char out[16], uint32_t rune);

/* The values of number and duration tokens: false with the words of what is wrong, and the unit that is none. */
bool lex_number_value(struct str text, double *out);
bool lex_duration_value(struct str text, double *seconds, const char **problem, struct str *unit);

/* --- the parser (parse.c) --- */

struct parser {
    struct arena *arena;
    struct lexer lexer;
    struct token token;  /* the next one */
    uint32_t last_end;   /* of the token before it */
    const char *context; /* that an unexpected token is named with: "aggregation"; NULL */
    int depth;
    bool experimental;
    struct err *err;
    bool failed; /* the first error stays */
};

void parse_advance(struct parser *p);
struct str parse_text(const struct parser *p, struct token t);
bool parse_is_word(const struct parser *p,
                   const char *word); /* is the token that word, in any case of letters? */
/* Both set the error, the first one only, and return NULL. */
void *parse_fail(struct parser *p, uint32_t at, const char *fmt, ...) printf_like(3, 4);
/* The token cannot stand there: "unexpected X in context, expected what". */
void *parse_unexpected(struct parser *p, const char *context, const char *expected);
const char *parse_quoted(struct parser *p, struct str text); /* in the arena, for messages */

/* A node that lies over the given ones (NULL is fine). NULL when it lies too deep. */
struct promql_node *parse_node(struct parser *p, enum promql_node_kind kind, uint32_t start,
                               const struct promql_node *a, const struct promql_node *b);
bool parse_nest(struct parser *p); /* before each recursion; parse_unnest after it */
void parse_unnest(struct parser *p);

struct promql_node *parse_expr(struct parser *p);
/* The sign before an expression: of a number it becomes part. expr NULL: so is the answer. */
struct promql_node *parse_signed(struct parser *p, uint32_t start, enum promql_op op,
                                 struct promql_node *expr);
/* number or duration; the token must be one */
struct promql_node *parse_number(struct parser *p);

/* parse_atom.c */
struct promql_node *parse_atom(struct parser *p);
struct promql_node *parse_selector_braces(struct parser *p, struct str metric, uint32_t start);
/* (a, "b") */
bool parse_grouping(struct parser *p, const struct str **labels, uint32_t *n);
/* parse_labels.c: {…}, the token is the left brace. */
bool parse_matchers(struct parser *p, struct str metric, struct promql_node *out);

/* parse_after.c: what follows an expression: brackets, offset, @, anchored, smoothed */
struct promql_node *parse_after(struct parser *p, struct promql_node *expr);

/* parse_duration.c */
bool parse_span(struct parser *p, const char *context, const char *expected,
                struct promql_duration *out); /* within brackets */
bool parse_offset(struct parser *p, struct promql_duration *out);

/* check.c: types. False with the error set. */
bool parse_check(struct parser *p, struct promql_node *root);

bool promql_op_is_set(enum promql_op op);
bool promql_op_is_comparison(enum promql_op op);
int promql_op_precedence(enum promql_op op);

#endif
