/* The syntax tree of PromQL (Prometheus 3): what the parser makes, and what the engine, the printer, completion and the rule
 * linter read. Immutable after promql_parse; lives in the caller's arena, as do its strings. */
#ifndef PROMQL_AST_H
#define PROMQL_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "model/matcher.h"

#define PROMQL_QUERY_MAX 1048576 /* bytes */
#define PROMQL_DEPTH_MAX 500     /* nesting */

enum promql_type { PROMQL_NONE, PROMQL_SCALAR, PROMQL_VECTOR, PROMQL_MATRIX, PROMQL_STRING };
const char *promql_type_name(enum promql_type t);  /* "vector": as results are named */
const char *promql_type_words(enum promql_type t); /* "instant vector": as messages name it */

enum promql_node_kind {
    NODE_NUMBER,
    NODE_STRING,
    NODE_SELECTOR, /* instant vector selector */
    NODE_RANGE,    /* selector[range] */
    NODE_SUBQUERY, /* expr[range:step] */
    NODE_CALL,
    NODE_AGGREGATE,
    NODE_BINARY,
    NODE_UNARY,
    NODE_PAREN,
    NODE_DURATION, /* within a duration expression only */
};

enum promql_op { /* PROMQL_OPS order: precedence in binary.c */
                 OP_ADD,
                 OP_SUB,
                 OP_MUL,
                 OP_DIV,
                 OP_MOD,
                 OP_POW,
                 OP_ATAN2,
                 OP_EQ,
                 OP_NE,
                 OP_LT,
                 OP_GT,
                 OP_LE,
                 OP_GE,
                 OP_AND,
                 OP_OR,
                 OP_UNLESS,
                 OP_TRIM_UPPER,
                 OP_TRIM_LOWER, /* </ and >/ of native histograms: parsed, not evaluated yet */
};
const char *promql_op_text(enum promql_op op);

enum promql_aggregate {
    AGG_SUM,
    AGG_AVG,
    AGG_COUNT,
    AGG_MIN,
    AGG_MAX,
    AGG_GROUP,
    AGG_STDDEV,
    AGG_STDVAR,
    AGG_TOPK,
    AGG_BOTTOMK,
    AGG_COUNT_VALUES,
    AGG_QUANTILE,
    AGG_LIMITK,
    AGG_LIMIT_RATIO, /* experimental */
};
const char *promql_aggregate_name(enum promql_aggregate a);

/* A span of time that may be an expression (experimental): `[5m * 2]`, `offset step()`, max(), min(), range(). */
struct promql_duration {
    int64_t ms; /* the literal; when expr is NULL */
    const struct promql_node
        *expr; /* number nodes (seconds), NODE_DURATION, unary, binary, paren */
};
enum promql_duration_fn { DURATION_STEP, DURATION_RANGE, DURATION_MIN, DURATION_MAX };

enum promql_at { AT_NONE, AT_TIME, AT_START, AT_END };
/* offset and @ of a selector or a subquery */
struct promql_when {
    struct promql_duration offset; /* negative is allowed */
    enum promql_at at;
    int64_t at_ms;
};

enum promql_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };

struct promql_function; /* promql/functions.h */

struct promql_node {
    enum promql_node_kind kind;
    enum promql_type type;
    uint32_t start, end; /* byte offsets in the query: [start, end) */
    uint16_t
        height; /* levels from here down, at most PROMQL_DEPTH_MAX: what recursion over it costs */
    bool is_duration; /* of a number: written as one, 5m */
    union {
        double number;
        struct str string;
        struct {
            struct str metric; /* the name before the braces; empty when there is none */
            const struct matcher *const *matchers; /* __name__ among them */
            size_t n_matchers;
            struct promql_when when;
            struct promql_duration range; /* NODE_RANGE */
            bool anchored, smoothed;      /* experimental */
        } selector;
        struct {
            const struct promql_node *expr;
            struct promql_duration range, step; /* step.ms 0 without expr: the default */
            struct promql_when when;
        } subquery;
        struct {
            const struct promql_function *fn;
            const struct promql_node *const *args;
            uint32_t n_args;
        } call;
        struct {
            enum promql_aggregate op;
            const struct promql_node *expr, *param; /* param NULL when it takes none */
            const struct str *labels;
            uint32_t n_labels;
            bool without;
        } aggregate;
        struct {
            enum promql_op op;
            const struct promql_node *left, *right;
            bool return_bool;
            bool on;             /* on(), else ignoring() */
            bool matching_given; /* on or ignoring was written */
            enum promql_card card;
            const struct str *labels, *include; /* of on/ignoring; of group_left/right */
            uint32_t n_labels, n_include;
            bool fill_left, fill_right; /* experimental fill modifiers */
            double fill_left_value, fill_right_value;
        } binary;
        struct {
            enum promql_op op; /* OP_ADD or OP_SUB */
            const struct promql_node *expr;
        } unary;
        const struct promql_node *paren;
        struct {
            enum promql_duration_fn fn;
            const struct promql_node *args[2];
        } duration;
    };
};

struct promql_parse_options {
    bool
        experimental; /* functions, aggregations, modifiers and durations that Prometheus hides behind flags */
};
/* NULL with *err: MALFORMED, at_line and at_column (1-based) and at_offset say where; the message is Prometheus' own wording where
 * users meet it ("parse error: unexpected …"), so that err_text gives its "1:5: parse error: …". Types are checked. The
 * compiled patterns of matchers are freed with the arena. */
const struct promql_node *promql_parse(struct arena *a, struct str query,
                                       const struct promql_parse_options *opt, struct err *err);
/* A selector alone, as match[] parameters and retention rules hold it: its matchers, at least one of which does not match the empty value
 * (unless empty_ok). */
int promql_parse_selector(struct arena *a, struct str text, bool empty_ok,
                          const struct matcher *const **matchers, size_t *n, struct err *err);
/* {a="b"} or name{…} of a rule test's series notation and of labels in messages. */
int promql_parse_labels(struct arena *a, struct str text, struct labels *out, struct err *err);

void promql_print(struct buf *out,
                  const struct promql_node *n); /* one line, as Prometheus writes it */
void promql_pretty(struct buf *out,
                   const struct promql_node *n); /* format_query: lines of at most 100 */
void promql_json(struct json *j, const struct promql_node *n); /* parse_query */

/* Calls fn for n and everything below it, n first; fn returns false to leave a branch out. */
void promql_walk(const struct promql_node *n, bool (*fn)(void *arg, const struct promql_node *n),
                 void *arg);

/* What a span is worth; the step and the range (end - start) of the query are for step() and range(). INVALID when an
 * expression divides by zero or leaves what a time can be. */
int promql_duration_ms(const struct promql_duration *d, int64_t step_ms, int64_t range_ms,
                       int64_t *ms, struct err *err);

/* 1-based line and column (in characters) of a byte offset. */
void promql_position(struct str query, size_t offset, int *line, int *column);

#endif
