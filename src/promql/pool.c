/* The engine's threads. A query's thread cuts its work into tiles and begins with them itself; threads of the pool that are idle
 * join, each with a worker of that query. Who takes which tile is chance; what comes out must not depend on it. */
#include <stdlib.h>

#include "promql/eval_priv.h"

#define POOL_THREADS_MAX 256

struct job {
    struct job *next;
    struct query *q;
    tile_fn *fn;
    void *arg;
    uint32_t n, tile;
    atomic_uint at;  /* the next series */
    uint32_t joined; /* workers handed out, the query's own included */
    uint32_t active; /* threads of the pool in it */
};

struct pool {
    pthread_mutex_t lock; /* guards all but the jobs' `at` */
    pthread_cond_t work, idle;
    struct job *jobs;
    pthread_t threads[POOL_THREADS_MAX];
    uint32_t n_threads;
    bool stop;
    struct promql_hooks hooks;
};

uint32_t tile_of(uint32_t steps)
{
    uint32_t tile = 32768 / (steps > 0 ? steps : 1);
    return tile < 64 ? 64 : tile > 4096 ? 4096 : tile;
}

/* What the tile added to the worker's samples and label sets. */
static void count_use(struct worker *w)
{
    size_t bytes = arena_used(w->arena);
    query_count_memory(w->q, bytes - w->arena_counted);
    w->arena_counted = bytes;
    query_count_samples(w->q, w->samples_read);
    w->samples_read = 0;
}

static void run_tiles(struct job *j, struct worker *w, bool own)
{
    while (!query_stopped(j->q, own)) {
        uint32_t from = atomic_fetch_add(&j->at, j->tile);
        if (from >= j->n)
            break;
        uint32_t to = j->n - from < j->tile ? j->n : from + j->tile;
        j->fn(j->arg, w, from, to);
        count_use(w);
    }
}

/* A job that wants a further thread. */
static struct job *open_job(struct pool *p)
{
    for (struct job *j = p->jobs; j != NULL; j = j->next) {
        if (j->joined < j->q->n_workers && atomic_load(&j->at) < j->n)
            return j;
    }
    return NULL;
}

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    if (p->hooks.begin != NULL)
        p->hooks.begin();
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct job *j = open_job(p);
        if (j == NULL) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        struct worker *w = &j->q->workers[j->joined++];
        j->active++;
        pthread_mutex_unlock(&p->lock);
        run_tiles(j, w, false);
        pthread_mutex_lock(&p->lock);
        if (--j->active == 0)
            pthread_cond_broadcast(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
    if (p->hooks.end != NULL)
        p->hooks.end();
    return NULL;
}

struct pool *pool_new(const struct promql_hooks *hooks)
{
    struct pool *p = calloc(1, sizeof(*p));
    must(p != NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->hooks = *hooks;
    return p;
}

void pool_set_threads(struct pool *p, uint32_t threads)
{
    pthread_mutex_lock(&p->lock);
    while (p->n_threads < threads && p->n_threads < POOL_THREADS_MAX) {
        if (pthread_create(&p->threads[p->n_threads], NULL, pool_thread, p) != 0)
            break; /* queries run on fewer */
        p->n_threads++;
    }
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    must(p->jobs == NULL);
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->idle);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Lets no further thread in and waits for those that are. */
static void close_job(struct pool *p, struct job *j)
{
    pthread_mutex_lock(&p->lock);
    struct job **at = &p->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    while (j->active > 0)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, struct query *q, uint32_t n, uint32_t tile, tile_fn *fn, void *arg)
{
    struct job j = {.q = q, .fn = fn, .arg = arg, .n = n, .tile = tile, .joined = 1};
    bool shared = n > tile && q->n_workers > 1 && p->n_threads > 0;
    if (shared) {
        pthread_mutex_lock(&p->lock);
        j.next = p->jobs;
        p->jobs = &j;
        uint32_t tiles = (n - 1) / tile;
        if (tiles == 1)
            pthread_cond_signal(&p->work);
        else
            pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    run_tiles(&j, &q->workers[0], true);
    if (shared)
        close_job(p, &j);
}

double *worker_column(struct worker *w, uint32_t slot, size_t n)
{
    if (slot >= w->n_columns) {
        size_t want = w->q->n_slots > slot ? w->q->n_slots : slot + 1;
        w->columns = realloc(w->columns, want * sizeof(*w->columns));
        must(w->columns != NULL);
        memset(w->columns + w->n_columns, 0, (want - w->n_columns) * sizeof(*w->columns));
        w->n_columns = want;
    }
    struct column_buffer *b = &w->columns[slot];
    if (b->cap < n) {
        free(b->at);
        b->at = malloc(n * sizeof(*b->at));
        must(b->at != NULL);
        b->cap = n;
    }
    return b->at;
}

struct samples *worker_samples(struct worker *w, uint32_t slot)
{
    while (w->samples.n <=
           slot) { /* pointers: a stream below may ask while one above holds its own */
        struct samples *s = calloc(1, sizeof(*s));
        must(s != NULL);
        vec_push(&w->samples, s);
    }
    w->samples.at[slot]->n = 0;
    return w->samples.at[slot];
}
