/* Limits: each error names the limit and its value; the gate lets so many in; who leaves is not waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine_case.h"

#include <pthread.h>

static struct series_memory *series;

static int setup(void **state)
{
    series = series_memory_new();
    for (int i = 0; i < 500; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        struct label_pair at[] = {{STR("__name__"), STR("m")}, {STR("i"), str_of(text)}};
        struct labels l = {at, 2};
        for (int t = 0; t < 100; t++)
            series_memory_append(series, &l, t * 15000, t);
    }
    return 0;
}

static int teardown(void **state)
{
    series_memory_free(series);
    return 0;
}

static void named(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    struct promql_engine *e = promql_engine_new(&o);
    struct promql_limits low = o.limits;
    struct buf out = BUF_INIT(1 << 22);
    struct case_query q = {.query = "rate(m[5m])", .start_s = 300, .end_s = 1200, .step_s = 15};
    low.max_samples = 1000;
    promql_engine_set_limits(e, &low);
    assert_string_equal(
        case_run(e, series, &q, &out),
        "ERROR TOO_LARGE: query processing would load too many samples into memory in query execution: got more than 1000 (limit max_samples)\n");
    low = o.limits;
    low.max_series = 499;
    promql_engine_set_limits(e, &low);
    assert_string_equal(
        case_run(e, series, &q, &out),
        "ERROR TOO_LARGE: query selects too many series: got more than 499 (limit max_series)\n");
    low = o.limits;
    low.max_memory = 100000;
    promql_engine_set_limits(e, &low);
    assert_string_equal(
        case_run(e, series, &q, &out),
        "ERROR TOO_LARGE: query would take too much memory: got more than 100000 bytes (limit max_memory)\n");
    q.query = "sum(rate(m[5m]))"; /* folds as it goes: fits */
    case_run(e, series, &q, &out);
    assert_true(out.data[0] == '{');
    low = o.limits;
    promql_engine_set_limits(e, &low);
    q.end_s = 1000000;
    q.step_s = 1;
    assert_string_equal(
        case_run(e, series, &q, &out),
        "ERROR TOO_LARGE: exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)\n");
    q = (struct case_query){.query = "sum_over_time(m[1y:1ms])"};
    case_run(e, series, &q, &out);
    assert_true(str_starts((struct str){out.data, out.len},
                           STR("ERROR TOO_LARGE: subquery has too many steps")));
    low.max_memory = 100 << 20;
    promql_engine_set_limits(e, &low);
    q.query = "sum_over_time(vector(1)[1y:1s])";
    case_run(e, series, &q, &out);
    assert_non_null(strstr(out.data, "(limit max_memory)"));
    struct promql_stats s;
    promql_get_stats(e, &s);
    assert_int_equal(s.limited, 6);
    buf_done(&out);
    promql_engine_free(e);
}

static struct promql_request request(const char *query)
{
    return (struct promql_request){
        .source = series_memory_source(series), .query = str_of(query), .start_ms = 1000000};
}

/* A tree without its text: annotations have no place. */
static void parsed(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    struct promql_engine *e = promql_engine_new(&o);
    struct arena *a = arena_new();
    struct promql_parse_options opt = {0};
    const struct promql_node *n = promql_parse(a, STR("sum(rate(m[5m]))"), &opt, NULL);
    struct promql_request q = request("");
    struct promql_result *r;
    assert_int_equal(promql_run_parsed(e, &q, n, &r, NULL), 0);
    assert_int_equal(r->n_series, 1);
    assert_int_equal(r->n_infos, 1);
    assert_true(str_ends(str_of(r->infos[0]), STR("_bucket: \"m\"")));
    promql_result_free(r);
    arena_free(a);
    promql_engine_free(e);
}

static bool yes(void *arg)
{
    return true;
}

static void left(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    struct promql_engine *e = promql_engine_new(&o);
    struct promql_result *r;
    struct err err;
    atomic_bool cancelled = true;
    struct promql_request q = request("sum(m)");
    q.cancelled = &cancelled;
    assert_int_equal(promql_run(e, &q, &r, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    q.cancelled = NULL;
    q.gone = yes;
    assert_int_equal(promql_run(e, &q, &r, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    struct promql_stats s;
    promql_get_stats(e, &s);
    assert_int_equal(s.cancelled, 2);
    assert_int_equal(s.running, 0);
    promql_engine_free(e);
}

/* Memory of all queries and results: what is held counts until it is freed, and a small query has its part. */
static void total(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.cache_bytes = 0;
    o.limits.total_memory = 1 << 20;
    o.limits.concurrency = 2; /* 128 KiB are kept for each */
    struct promql_engine *e = promql_engine_new(&o);
    struct promql_result *r = NULL, *small = NULL;
    struct promql_stats s;
    struct err err = {0};
    struct promql_request q = request("m");
    q.range = true;
    q.start_ms = 0;
    q.end_ms = 1400000;
    q.step_ms = 15000;
    assert_int_equal(promql_run(e, &q, &r, &err), -1); /* 500 series of 94 steps, and their copy */
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.msg, "got more than 1048576 bytes (limit total_memory)"));
    promql_get_stats(e, &s);
    assert_int_equal(s.memory, 0);
    assert_int_equal(s.memory_refused, 1);
    o.limits.total_memory = 4 << 20;
    promql_engine_set_limits(e, &o.limits);
    assert_int_equal(promql_run(e, &q, &r, &err), 0);
    promql_get_stats(e, &s);
    assert_true(s.memory > 500 * 94 * sizeof(double) && s.memory == r->held);
    assert_int_equal(promql_hold(e, 2 << 20, &err), 0);
    assert_int_equal(promql_hold(e, 1 << 20, &err), -1);
    q = request("m{i=\"1\"}");
    assert_int_equal(promql_run(e, &q, &small, &err), 0);
    promql_result_free(small);
    promql_release(e, 2 << 20);
    promql_result_free(r);
    promql_get_stats(e, &s);
    assert_int_equal(s.memory, 0);
    assert_int_equal(s.memory_refused, 2);
    promql_engine_free(e);
}

/* --- a source that holds queries until it is told --- */

struct slow_source {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside;
    bool open;
};

static struct series_set *slow_select(void *self, const struct series_select *q, struct err *err)
{
    struct slow_source *s = self;
    pthread_mutex_lock(&s->lock);
    s->inside++;
    pthread_cond_broadcast(&s->changed);
    while (!s->open)
        pthread_cond_wait(&s->changed, &s->lock);
    s->inside--;
    pthread_mutex_unlock(&s->lock);
    struct series_source real = series_memory_source(series);
    return real.ops->select(real.self, q, err);
}

static const struct series_source_ops slow_ops = {.select = slow_select};

struct caller {
    struct promql_engine *e;
    struct slow_source *s;
    int64_t timeout_ms;
    int rc;
    struct err err;
};

static void *call(void *arg)
{
    struct caller *c = arg;
    struct promql_result *r = NULL;
    struct promql_request q = request("count(m)");
    q.source = (struct series_source){&slow_ops, c->s};
    q.timeout_ms = c->timeout_ms;
    c->rc = promql_run(c->e, &q, &r, &c->err);
    promql_result_free(r);
    return NULL;
}

static void count_one(void *arg, struct str query, int64_t started_ms)
{
    assert_true(str_eqz(query, "count(m)"));
    ++*(int *)arg;
}

static void gate(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.limits.concurrency = 2;
    struct promql_engine *e = promql_engine_new(&o);
    struct slow_source s = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};
    struct caller c[3] = {{.e = e, .s = &s}, {.e = e, .s = &s}, {.e = e, .s = &s, .timeout_ms = 1}};
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, call, &c[i]), 0);
    pthread_mutex_lock(&s.lock);
    while (s.inside < 2)
        pthread_cond_wait(&s.changed, &s.lock);
    pthread_mutex_unlock(&s.lock);
    int running = 0;
    promql_each_running(e, count_one, &running);
    assert_int_equal(running, 2);
    call(&c[2]); /* no place, and its time is short */
    assert_int_equal(c[2].rc, -1);
    assert_int_equal(c[2].err.code, ERR_TIMEOUT);
    assert_non_null(strstr(c[2].err.msg, "(limit concurrency)"));
    pthread_mutex_lock(&s.lock);
    s.open = true;
    pthread_cond_broadcast(&s.changed);
    pthread_mutex_unlock(&s.lock);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(c[i].rc, 0);
    }
    promql_engine_free(e);
}

/* Threads of the engine begin and end with the hooks. */
static atomic_int begun, ended;
static void begin(void)
{
    atomic_fetch_add(&begun, 1);
}
static void end(void)
{
    atomic_fetch_add(&ended, 1);
}

static void hooks(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.limits.threads = 4;
    o.hooks = (struct promql_hooks){begin, end};
    promql_engine_free(promql_engine_new(&o));
    assert_int_equal(atomic_load(&begun), 3);
    assert_int_equal(atomic_load(&ended), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(total), cmocka_unit_test(named), cmocka_unit_test(parsed),
        cmocka_unit_test(left),  cmocka_unit_test(gate),  cmocka_unit_test(hooks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
