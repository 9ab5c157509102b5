/* Answers of range queries that a dashboard asks again and again, each time a little later: what lies far enough back not to
 * change any more is kept and only the rest is evaluated. Internal to promql/.
 *
 * An entry belongs to a query text, step, lookback, source and place of the start within a step. It goes when the source's
 * generation changes (something old was deleted or came late), and the least recently used go when there are too many bytes. */
#ifndef PROMQL_CACHE_H
#define PROMQL_CACHE_H

#include <stdint.h>

struct promql_cache;
struct promql_result;
struct query;

struct promql_cache *promql_cache_new(uint64_t bytes);
void promql_cache_free(struct promql_cache *c); /* NULL is fine */
/* As result_make, but reuses and keeps. Any thread. */
int promql_cache_run(struct promql_cache *c, struct query *q, struct promql_result *r);
void promql_cache_stats(struct promql_cache *c, uint64_t *hits, uint64_t *misses, uint64_t *bytes);

#endif
