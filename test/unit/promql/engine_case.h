/* Queries over a few series written down as text, and their answers as text: for the engine's tests. Times in seconds. */
#ifndef ENGINE_CASE_H
#define ENGINE_CASE_H

#include "model/series_memory.h"
#include "promql/promql.h"

/* Lines `name{labels} v v _ stale v`, a sample every step_s from 0 on. */
void case_load(struct series_memory *m, int64_t step_s, const char *text);

/* The answer: a line a series, "_" where there is no value; then lines `W text` and `I text`; or `ERROR CODE: text`. */
struct case_query {
    const char *query;
    int64_t start_s, end_s, step_s; /* step 0: at start_s */
    bool cached;
    int64_t tier_ms;
};
const char *case_run(struct promql_engine *e, struct series_memory *m, const struct case_query *q,
                     struct buf *out);

struct case_row {
    const char *query, *want;
};
/* Each at time at_s; assert_string_equal. */
void case_rows(struct promql_engine *e, struct series_memory *m, int64_t at_s,
               const struct case_row *rows, size_t n);

#endif
