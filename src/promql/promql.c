/* The engine: takes requests, lets so many in at once, runs each on its caller's thread and on threads of its own, and keeps
 * count. */
#include "promql/promql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "promql/cache.h"
#include "promql/eval_priv.h"

#define ENGINE_MAGIC 0x70716c65 /* "pqle" */
#define GATE_POLL_MS 50         /* a waiting client that has left is noticed so soon */
#define THREADS_MAX  64

struct promql_engine {
    uint32_t magic;
    struct promql_options opt;
    struct pool *pool;
    struct promql_cache *cache; /* NULL: none */
    pthread_mutex_t lock;       /* guards what follows */
    pthread_cond_t left;        /* a query has ended */
    struct promql_limits limits;
    uint32_t running, waiting;
    struct query *queries; /* those that run */
    struct promql_stats stats;
    struct memory_total total;
};

static uint32_t thread_count(const struct promql_limits *l)
{
    long n = l->threads > 0 ? (long)l->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (uint32_t)n;
}

struct promql_engine *promql_engine_new(const struct promql_options *opt)
{
    must(opt != NULL && opt->lookback_ms > 0);
    struct promql_engine *e = calloc(1, sizeof(*e));
    must(e != NULL);
    e->magic = ENGINE_MAGIC;
    e->opt = *opt;
    if (e->opt.now_ms == NULL)
        e->opt.now_ms = clock_wall_ms;
    e->limits = opt->limits;
    e->pool = pool_new(&opt->hooks);
    pool_set_threads(e->pool, thread_count(&e->limits) - 1);
    if (opt->cache_bytes > 0)
        e->cache = promql_cache_new(opt->cache_bytes);
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->left, &attr);
    pthread_condattr_destroy(&attr);
    return e;
}

void promql_engine_free(struct promql_engine *e)
{
    if (e == NULL)
        return;
    check_magic(e, ENGINE_MAGIC);
    must(e->running == 0 && e->waiting == 0);
    pool_free(e->pool);
    promql_cache_free(e->cache);
    pthread_cond_destroy(&e->left);
    pthread_mutex_destroy(&e->lock);
    e->magic = 0;
    free(e);
}

void promql_engine_set_limits(struct promql_engine *e, const struct promql_limits *l)
{
    check_magic(e, ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    e->limits = *l;
    pthread_cond_broadcast(&e->left);
    pthread_mutex_unlock(&e->lock);
    pool_set_threads(e->pool, thread_count(l) - 1);
}

/* --- the gate --- */

static void wait_a_little(struct promql_engine *e)
{
    int64_t until = clock_mono_ns() + GATE_POLL_MS * NS_PER_MS;
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    pthread_cond_timedwait(&e->left, &e->lock, &ts);
}

/* Must whoever comes wait? Results that are still being sent may hold memory, too: without a query that runs nothing is waited for. */
static bool gate_closed(struct promql_engine *e)
{
    return e->running >= e->limits.concurrency ||
           (e->running > 0 && memory_is_short(&e->total, e->limits.total_memory));
}

/* Waits until fewer than `concurrency` run and there is memory. */
static int enter(struct promql_engine *e, struct query *q)
{
    pthread_mutex_lock(&e->lock);
    e->waiting++;
    while (gate_closed(e) && !query_failed(q)) {
        wait_a_little(e);
        uint32_t running = e->running;
        const char *limit = running >= e->limits.concurrency ? "concurrency" : "total_memory";
        pthread_mutex_unlock(&e->lock);
        if (clock_mono_ns() > q->deadline_ns)
            query_fail(q, ERR_TIMEOUT, "query timed out in query queue: %u run already (limit %s)",
                       running, limit);
        query_stopped(q, true);
        pthread_mutex_lock(&e->lock);
    }
    e->waiting--;
    bool in = !query_failed(q);
    if (in) {
        e->running++;
        q->next = e->queries;
        e->queries = q;
    }
    pthread_mutex_unlock(&e->lock);
    return in ? 0 : -1;
}

static void leave(struct promql_engine *e, struct query *q)
{
    pthread_mutex_lock(&e->lock);
    struct query **at = &e->queries;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    e->running--;
    pthread_cond_signal(&e->left);
    pthread_mutex_unlock(&e->lock);
}

/* --- a query --- */

static void query_open(struct query *q, struct promql_engine *e, const struct promql_request *r)
{
    *q = (struct query){.magic = QUERY_MAGIC, .engine = e, .req = r, .text = r->query};
    pthread_mutex_init(&q->lock, NULL);
    q->total = &e->total;
    q->delayed = e->opt.delayed_name_removal;
    q->lookback_ms = r->lookback_ms > 0 ? r->lookback_ms : e->opt.lookback_ms;
    q->default_interval_ms = e->opt.default_interval_ms;
    pthread_mutex_lock(&e->lock);
    q->limits = e->limits;
    pthread_mutex_unlock(&e->lock);
    q->arena = arena_new();
    q->n_workers = thread_count(&q->limits);
    q->workers = arena_array_of(q->arena, struct worker, q->n_workers);
    for (uint32_t i = 0; i < q->n_workers; i++)
        q->workers[i] = (struct worker){.q = q, .arena = arena_new_sized(64)};
    q->pool = e->pool;
    q->started_ns = clock_mono_ns();
    q->started_ms = e->opt.now_ms();
    int64_t timeout = q->limits.timeout_ms;
    if (r->timeout_ms > 0 && r->timeout_ms < timeout)
        timeout = r->timeout_ms;
    q->deadline_ns = q->started_ns + timeout * NS_PER_MS;
    q->span = (struct span){r->start_ms, r->range ? r->step_ms : 1, 1};
    q->end_ms = r->range ? r->end_ms : r->start_ms;
}

static void worker_done(struct worker *w)
{
    vec_each (&w->samples, it) {
        samples_done(*it);
        free(*it);
    }
    vec_done(&w->samples);
    for (size_t i = 0; i < w->n_columns; i++)
        free(w->columns[i].at);
    free(w->columns);
    arena_free(w->arena);
}

static void query_close(struct query *q)
{
    for (struct selection *s = q->selections; s != NULL; s = s->next)
        s->set->ops->free(s->set);
    while (q->blocks != NULL)
        query_unblock(q, q->blocks);
    for (uint32_t i = 0; i < q->n_workers; i++)
        worker_done(&q->workers[i]);
    vec_each (&q->notes, it)
        free(it->text);
    vec_done(&q->notes);
    stats_free(q);
    query_uncount(q, atomic_load(&q->memory));
    pthread_mutex_destroy(&q->lock);
    q->magic = 0;
    arena_free(q->arena);
}

void query_tiles(struct query *q, uint32_t n, uint32_t tile, tile_fn *fn, void *arg)
{
    pool_run(q->pool, q, n, tile, fn, arg);
}

/* 11000 as "11,000" */
static const char *grouped(uint32_t n, char buf[32])
{
    if (n < 1000)
        snprintf(buf, 32, "%" PRIu32, n);
    else
        snprintf(buf, 32, "%" PRIu32 ",%03" PRIu32, n / 1000, n % 1000);
    return buf;
}

static int check_range(struct query *q)
{
    const struct promql_request *r = q->req;
    char most[32];
    if (r->step_ms <= 0)
        return query_fail(q, ERR_MALFORMED,
                          "zero or negative query resolution step widths are not accepted. Try a "
                          "positive integer");
    if (r->end_ms < r->start_ms)
        return query_fail(q, ERR_MALFORMED, "end timestamp must not be before start time");
    if (q->ast->type != PROMQL_SCALAR && q->ast->type != PROMQL_VECTOR)
        return query_fail(q, ERR_MALFORMED,
                          "invalid expression type \"%s\" for range query, must be Scalar or "
                          "instant Vector",
                          promql_type_words(q->ast->type));
    uint64_t steps = ((uint64_t)r->end_ms - (uint64_t)r->start_ms) / (uint64_t)r->step_ms + 1;
    if (steps > q->limits.max_points)
        return query_fail(q, ERR_TOO_LARGE,
                          "exceeded maximum resolution of %s points per timeseries. Try "
                          "decreasing the query resolution (?step=XX)",
                          grouped(q->limits.max_points, most));
    q->span.steps = (uint32_t)steps;
    return 0;
}

static int evaluate(struct query *q, struct promql_result *r)
{
    if (q->req->range && check_range(q) != 0)
        return -1;
    if (q->req->stats)
        stats_open(q);
    r->start_ms = q->span.start_ms;
    r->step_ms = q->span.step_ms;
    r->steps = q->span.steps;
    r->ast = q->ast;
    return q->use_cache ? promql_cache_run(q->cache, q, r) : result_make(q, r);
}

static void fill_figures(struct query *q, struct promql_result *r)
{
    notes_result(q, r);
    stats_result(q, r);
    r->samples_read = atomic_load(&q->samples);
    r->samples_peak = atomic_load(&q->memory_peak) / sizeof(double);
    r->series_selected = q->series;
}

static void count_end(struct promql_engine *e, const struct query *q, int rc, bool slow)
{
    pthread_mutex_lock(&e->lock);
    e->stats.queries++;
    e->stats.failed += rc != 0;
    e->stats.cancelled += rc != 0 && q->err.code == ERR_CANCELLED;
    e->stats.timed_out += rc != 0 && q->err.code == ERR_TIMEOUT;
    e->stats.limited += rc != 0 && q->err.code == ERR_TOO_LARGE;
    e->stats.slow += slow;
    e->stats.samples += atomic_load(&q->samples);
    pthread_mutex_unlock(&e->lock);
}

static void log_slow(const struct query *q, int64_t took_ms)
{
    char text[1000];
    size_t n = utf8_cut(q->text.p, q->text.n, sizeof(text) - 1);
    memcpy(text, q->text.p, n);
    text[n] = '\0';
    log_warn("a query was slow", F_STR("query", text), F_INT("ms", took_ms),
             F_INT("start_ms", q->req->start_ms), F_INT("end_ms", q->end_ms),
             F_INT("step_ms", q->req->range ? q->req->step_ms : 0), F_INT("series", q->series),
             F_INT("samples", atomic_load(&q->samples)));
}

/* Runs the tree `ast` into r, which has its arena. */
static int run(struct promql_engine *e, const struct promql_request *req,
               const struct promql_node *ast, bool cached, struct promql_result *r, struct err *err)
{
    struct query q;
    query_open(&q, e, req);
    q.ast = ast;
    q.cache = e->cache;
    q.recent_ms = e->opt.recent_ms;
    q.use_cache = cached && e->cache != NULL && req->range && !req->no_cache && !req->stats;
    int rc = enter(e, &q);
    int64_t began = clock_mono_ns();
    r->wait_ns = began - q.started_ns;
    if (rc == 0) {
        rc = evaluate(&q, r);
        if (rc == 0)
            rc = result_keep(&q, r);
        leave(e, &q);
    }
    r->eval_ns = clock_mono_ns() - began;
    if (query_failed(&q)) {
        promql_release(e, r->held);
        rc = -1;
    }
    int64_t took_ms = (r->eval_ns + r->wait_ns) / NS_PER_MS;
    bool slow = e->opt.slow_ms > 0 && took_ms >= e->opt.slow_ms;
    if (slow)
        log_slow(&q, took_ms);
    count_end(e, &q, rc, slow);
    if (rc == 0)
        fill_figures(&q, r);
    else if (err != NULL)
        *err = q.err;
    query_close(&q);
    return rc;
}

int promql_run(struct promql_engine *e, const struct promql_request *req,
               struct promql_result **out, struct err *err)
{
    check_magic(e, ENGINE_MAGIC);
    struct arena *a = arena_new();
    struct promql_result *r = arena_new_of(a, struct promql_result);
    r->arena = a;
    r->engine = e;
    int64_t began = clock_mono_ns();
    struct promql_parse_options opt = {.experimental = e->opt.experimental};
    const struct promql_node *ast = promql_parse(a, req->query, &opt, err);
    r->parse_ns = clock_mono_ns() - began;
    if (ast == NULL || run(e, req, ast, true, r, err) != 0) {
        arena_free(a);
        return -1;
    }
    *out = r;
    return 0;
}

int promql_run_parsed(struct promql_engine *e, const struct promql_request *req,
                      const struct promql_node *ast, struct promql_result **out, struct err *err)
{
    check_magic(e, ENGINE_MAGIC);
    must(ast != NULL);
    struct arena *a = arena_new();
    struct promql_result *r = arena_new_of(a, struct promql_result);
    r->arena = a;
    r->engine = e;
    if (run(e, req, ast, false, r, err) != 0) {
        arena_free(a);
        return -1;
    }
    *out = r;
    return 0;
}

void promql_result_free(struct promql_result *r)
{
    if (r == NULL)
        return;
    if (r->held > 0) /* a backtest makes results of its own, which no engine holds */
        promql_release(r->engine, r->held);
    arena_free(r->arena);
}

int promql_hold(struct promql_engine *e, uint64_t bytes, struct err *err)
{
    check_magic(e, ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    uint64_t most = e->limits.total_memory;
    pthread_mutex_unlock(&e->lock);
    if (memory_take(&e->total, most, bytes))
        return 0;
    return err_set(err, ERR_BUSY,
                   "the answer would take too much memory together with all queries: "
                   "got more than %llu bytes (limit total_memory); try again",
                   (unsigned long long)most);
}

void promql_release(struct promql_engine *e, uint64_t bytes)
{
    check_magic(e, ENGINE_MAGIC);
    must(atomic_load(&e->total.held) >= bytes);
    atomic_fetch_sub(&e->total.held, bytes);
}

void promql_get_stats(struct promql_engine *e, struct promql_stats *out)
{
    check_magic(e, ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    *out = e->stats;
    out->running = e->running;
    out->waiting = e->waiting;
    out->memory = atomic_load(&e->total.held);
    out->memory_refused = atomic_load(&e->total.refused);
    pthread_mutex_unlock(&e->lock);
    if (e->cache != NULL)
        promql_cache_stats(e->cache, &out->cache_hits, &out->cache_misses, &out->cache_bytes);
}

void promql_each_running(struct promql_engine *e,
                         void (*fn)(void *arg, struct str query, int64_t started_ms), void *arg)
{
    check_magic(e, ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    for (const struct query *q = e->queries; q != NULL; q = q->next)
        fn(arg, q->text, q->started_ms);
    pthread_mutex_unlock(&e->lock);
}
