/* The evaluator on any text, over fixed series: it ends within its limits, and where the slow evaluator (test/helpers/slow_promql.h)
 * can tell, both agree. The first two bytes choose the times, the rest is the query. */
#include <stdio.h>

#include "../helpers/slow_promql.h"
#include "../unit/promql/random_promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct promql_engine *engine;
    static struct series_memory *series;
    if (size < 3 || size > 400)
        return 0;
    if (engine == NULL) {
        struct promql_options o = PROMQL_OPTIONS;
        o.experimental = true;
        o.limits = (struct promql_limits){.max_samples = 500000,
                                          .max_series = 10000,
                                          .max_memory = 64 << 20,
                                          .timeout_ms = 5000,
                                          .max_points = 11000,
                                          .concurrency = 1,
                                          .threads = 1};
        engine = promql_engine_new(&o);
        series = series_memory_new();
        random_series(series, 1);
    }
    struct promql_request r = {
        .source = series_memory_source(series),
        .query = {(const char *)data + 2, size - 2},
        .range = (data[1] & 7) != 0,
        .start_ms = data[0] * 12345,
        .step_ms = 1 + data[1] * 1111,
        .no_cache = true,
    };
    r.end_ms = r.start_ms + (data[1] & 7) * r.step_ms;
    struct buf why = BUF_INIT(65536);
    bool compared;
    if (slow_compare(engine, &r, 200000, &why, &compared) != 0) {
        fprintf(stderr, "%.*s: %s\n", (int)(size - 2), (const char *)data + 2, why.data);
        must(!"the engine and the slow evaluator agree");
    }
    buf_done(&why);
    return 0;
}
