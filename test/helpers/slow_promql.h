/* A PromQL evaluator that is slow and obviously right: one step at a time, one sample at a time, whole label sets, nothing shared
 * with the engine but the tree, the functions of single values and those of one window. For comparing with the engine. */
#ifndef HELPERS_SLOW_PROMQL_H
#define HELPERS_SLOW_PROMQL_H

#include "base/vec.h"
#include "model/series.h"
#include "promql/functions.h"
#include "promql/promql.h"

enum slow_status {
    SLOW_OK,
    SLOW_FAILED,  /* the query is an error */
    SLOW_UNKNOWN, /* this evaluator does not know what it asks for */
};
struct slow_point {
    struct labels labels;
    double v;
};
typedef vec_of(struct slow_point) slow_vector;
struct slow_value {
    enum promql_type type;
    double scalar;
    struct str string;
    slow_vector vector;
};
struct slow {
    struct arena *arena; /* everything but vectors */
    struct series_source source;
    int64_t start_ms, end_ms, lookback_ms, interval_ms;
    uint64_t budget; /* work left: past it SLOW_UNKNOWN */
    const char *why;
};
/* n at time t; vectors lie in the arena. */
enum slow_status slow_eval(struct slow *s, const struct promql_node *n, int64_t t,
                           struct slow_value *out);

void slow_push(struct slow *s, slow_vector *v, struct slow_point p);
/* slow_promql_vector.c */
enum slow_status slow_binary(struct slow *s, const struct promql_node *n, struct slow_value *l,
                             struct slow_value *r, struct slow_value *out);
enum slow_status slow_aggregate(struct slow *s, const struct promql_node *n, double param,
                                slow_vector *in, slow_vector *out);
struct labels slow_without(struct slow *s, const struct labels *l, const struct str *names,
                           uint32_t n, bool keep, bool drop_name);
bool slow_unique(const slow_vector *v);

/* Runs the query on the engine and here and compares. 0: they agree, or this evaluator cannot tell; 1: they differ, and why says
 * how. compared: did it tell? budget: of work, 3,000,000 is about a second; past it it cannot tell. */
int slow_compare(struct promql_engine *e, const struct promql_request *r, uint64_t budget,
                 struct buf *why, bool *compared);

#endif
