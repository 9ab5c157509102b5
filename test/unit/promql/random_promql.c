/* Helper of the comparison with the slow evaluator, in tests and fuzzing: random series, random queries. */
#include "random_promql.h"

#include <math.h>
#include <stdio.h>

#define PICK(r, list) (list)[rng_below((r), array_len(list))]

static void random_values(struct series_memory *m, struct rng *r, const struct labels *l,
                          bool counter)
{
    int64_t t = (int64_t)rng_below(r, 20000), spacing = 10000 + 5000 * (int64_t)rng_below(r, 6);
    double v = (double)rng_below(r, 20);
    while (t < 3600000) {
        uint64_t luck = rng_below(r, 200);
        double x = luck == 0 ? NAN : luck == 1 ? f64_from_bits(STALE_NAN_BITS) : v;
        series_memory_append(m, l, t, x);
        if (luck < 6)
            t += (int64_t)rng_below(r, 600000); /* a gap */
        t += spacing + (int64_t)rng_below(r, 500);
        v = counter ? v + (double)rng_below(r, 5)
                    : (double)rng_below(r, 40) - 20 + 0.25 * (double)rng_below(r, 4);
        if (counter && luck > 195)
            v = 0;
    }
}

void random_series(struct series_memory *m, uint64_t seed)
{
    static const char *const metrics[] = {"a_total", "b", "c"};
    static const char *const xs[] = {"1", "2", "3"};
    static const char *const ys[] = {"p", "q"};
    struct rng r;
    rng_seed(&r, seed);
    for (size_t i = 0; i < array_len(metrics); i++) {
        for (size_t x = 0; x < array_len(xs); x++) {
            for (size_t y = 0; y < array_len(ys); y++) {
                struct label_pair at[] = {{STR("__name__"), str_of(metrics[i])},
                                          {STR("x"), str_of(xs[x])},
                                          {STR("y"), str_of(ys[y])}};
                struct labels l = {at, i == 2 && y == 1 ? 2 : 3};
                if (rng_below(&r, 8) != 0 && (i < 2 || y == 0))
                    random_values(m, &r, &l, i == 0);
            }
        }
    }
}

static void selector(struct buf *out, struct rng *r)
{
    static const char *const text[] = {
        "a_total",       "b",         "c",         "b{x=\"1\"}", "a_total{y!=\"p\"}",
        "b{x=~\"1|2\"}", "{x=\"2\"}", "c{z=\"\"}", "nothing"};
    buf_puts(out, PICK(r, text));
}

static void when(struct buf *out, struct rng *r)
{
    static const char *const text[] = {" offset 1m", " offset -90s", " @ 1800",
                                       " @ start()", " @ end()",     " @ 900 offset 30s"};
    if (rng_below(r, 4) == 0)
        buf_puts(out, PICK(r, text));
}

static void range_call(struct buf *out, struct rng *r, int depth)
{
    static const char *const names[] = {"rate",
                                        "increase",
                                        "delta",
                                        "irate",
                                        "idelta",
                                        "sum_over_time",
                                        "avg_over_time",
                                        "count_over_time",
                                        "min_over_time",
                                        "max_over_time",
                                        "last_over_time",
                                        "stddev_over_time",
                                        "changes",
                                        "resets",
                                        "deriv",
                                        "present_over_time",
                                        "stdvar_over_time"};
    static const char *const ranges[] = {"30s", "1m", "3m", "5m", "17m", "1ms", "1h"};
    static const char *const steps[] = {"", "30s", "1m", "47s", "5m"};
    buf_printf(out, "%s(", PICK(r, names));
    if (depth > 0 && rng_below(r, 3) == 0) {
        buf_putc(out, '(');
        random_query(out, r, depth - 1);
        buf_printf(out, ")[%s:%s]", PICK(r, ranges), PICK(r, steps));
    } else {
        selector(out, r);
        buf_printf(out, "[%s]", PICK(r, ranges));
    }
    when(out, r);
    buf_putc(out, ')');
}

static void value_call(struct buf *out, struct rng *r, int depth)
{
    static const char *const names[] = {"abs",  "ceil", "floor",     "sgn",    "sqrt", "exp",
                                        "hour", "sort", "timestamp", "minute", "deg",  "round"};
    static const char *const scalars[] = {"clamp(", "clamp_max(", "clamp_min(", "round("};
    uint64_t kind = rng_below(r, 4);
    if (kind == 0) {
        size_t i = rng_below(r, array_len(scalars));
        buf_puts(out, scalars[i]);
        random_query(out, r, depth - 1);
        buf_puts(out, i == 0 ? ", -3, 7)" : ", 5)");
    } else if (kind == 1) {
        buf_puts(out, rng_below(r, 2) ? "vector(scalar(" : "vector(time() - scalar(");
        random_query(out, r, depth - 1);
        buf_puts(out, "))");
    } else {
        buf_printf(out, "%s(", PICK(r, names));
        random_query(out, r, depth - 1);
        buf_putc(out, ')');
    }
}

static void aggregate(struct buf *out, struct rng *r, int depth)
{
    static const char *const names[] = {"sum", "avg",   "count",  "min",
                                        "max", "group", "stddev", "stdvar"};
    static const char *const params[] = {"topk(2, ", "bottomk(1, ", "quantile(0.3, ", "topk(3, ",
                                         "quantile(0.9, "};
    static const char *const by[] = {
        "", " by (x)", " without (x)", " by (y, x)", " without (y)", " by (nix)", " by (__name__)"};
    bool param = rng_below(r, 3) == 0;
    buf_puts(out, param ? PICK(r, params) : PICK(r, names));
    if (!param)
        buf_putc(out, '(');
    random_query(out, r, depth - 1);
    buf_puts(out, ")");
    buf_puts(out, PICK(r, by));
}

static void binary(struct buf *out, struct rng *r, int depth)
{
    static const char *const ops[] = {"+", "-", "*",  "/",  "%",      "^",       "==",   "!=",
                                      ">", "<", ">=", "<=", "> bool", "== bool", "atan2"};
    static const char *const sets[] = {"and", "or", "unless"};
    static const char *const match[] = {"",           "",       " on (x)",      " ignoring (y)",
                                        " on (x, y)", " on ()", " ignoring (x)"};
    static const char *const group[] = {"", "", " group_left ()", " group_right ()",
                                        " group_left (y)"};
    uint64_t kind = rng_below(r, 4);
    buf_putc(out, '(');
    if (kind == 0)
        buf_printf(out, "%d %s ", (int)rng_below(r, 9) - 3, PICK(r, ops));
    random_query(out, r, depth - 1);
    if (kind == 1)
        buf_printf(out, " %s %d", PICK(r, ops), (int)rng_below(r, 9) - 3);
    if (kind == 2) {
        buf_printf(out, " %s%s ", PICK(r, sets), PICK(r, match));
        random_query(out, r, depth - 1);
    }
    if (kind == 3) {
        const char *m = PICK(r, match);
        buf_printf(out, " %s%s%s ", PICK(r, ops), m, m[0] ? PICK(r, group) : "");
        random_query(out, r, depth - 1);
    }
    buf_putc(out, ')');
}

void random_query(struct buf *out, struct rng *r, int depth)
{
    uint64_t kind = depth <= 0 ? rng_below(r, 2) : rng_below(r, 10);
    if (kind == 0) {
        selector(out, r);
        when(out, r);
    } else if (kind <= 3) {
        range_call(out, r, depth);
    } else if (kind <= 4) {
        value_call(out, r, depth);
    } else if (kind <= 6) {
        aggregate(out, r, depth);
    } else if (kind <= 8) {
        binary(out, r, depth);
    } else {
        buf_putc(out, '-');
        random_query(out, r, depth - 1);
    }
}
