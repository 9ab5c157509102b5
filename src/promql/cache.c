#include "promql/cache.h"

#include <stdlib.h>

#include "promql/eval_priv.h"

struct promql_cache {
    uint64_t bytes;
};
struct promql_cache *promql_cache_new(uint64_t bytes)
{
    struct promql_cache *c = calloc(1, sizeof(*c));
    must(c != NULL);
    return c;
}
void promql_cache_free(struct promql_cache *c)
{
    free(c);
}
int promql_cache_run(struct promql_cache *c, struct query *q, struct promql_result *r)
{
    return result_make(q, r);
}
void promql_cache_stats(struct promql_cache *c, uint64_t *hits, uint64_t *misses, uint64_t *bytes)
{
}
