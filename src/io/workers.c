/* See workers.h. One lock guards everything; a worker holds it only to take its next job. Each thread has a slot,
 * which is joined when it is used again or at the stop. */
#include "io/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"

#define WORKERS_MAGIC 0x30e4be25u

/* 20 KiB is the most that the core's calls were seen to take. Sanitizers' frames are several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE ((size_t)2 << 20)
#else
#define STACK_SIZE ((size_t)256 << 10)
#endif

struct worker {
    struct workers *pool;
    pthread_t thread;
    bool used;  /* there is a thread, to be joined */
    bool ended; /* it takes no further job */
};

struct workers {
    uint32_t magic;
    struct workers_config cfg;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;
    struct worker_job *queue, **queue_end;
    size_t queued, threads, idle; /* idle: without a job, also while it starts */
    size_t continued;             /* those of the queue that its bound does not concern */
    uint64_t refused;
    bool stopping;
    struct worker *slots; /* cfg.limit of them */
};

struct workers *workers_new(const struct workers_config *cfg)
{
    must(cfg->limit > 0 && cfg->kept <= cfg->limit && cfg->idle_ms > 0);
    struct workers *w = calloc(1, sizeof(*w));
    must(w != NULL);
    w->magic = WORKERS_MAGIC;
    w->cfg = *cfg;
    w->queue_end = &w->queue;
    w->slots = calloc(cfg->limit, sizeof(*w->slots));
    must(w->slots != NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    must(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->work, &attr) == 0);
    pthread_condattr_destroy(&attr);
    return w;
}

/* --- a worker --- */

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Waits for work. False: this worker idled long enough, or the pool stops; it is to end. Under the lock. */
static bool await_job(struct workers *w)
{
    struct timespec until = in_ms(w->cfg.idle_ms);
    bool late = false;
    while (w->queue == NULL && !w->stopping) {
        bool spare = w->threads > w->cfg.kept;
        if (late && spare) {
            break;
        }
        late = (spare ? pthread_cond_timedwait(&w->work, &w->lock, &until)
                      : pthread_cond_wait(&w->work, &w->lock)) == ETIMEDOUT;
    }
    return w->queue != NULL;
}

static struct worker_job *take_job(struct workers *w)
{
    struct worker_job *job = w->queue;
    must(job != NULL && w->queued > 0 && w->idle > 0);
    w->queue = job->next;
    if (w->queue == NULL) {
        w->queue_end = &w->queue;
    }
    w->queued--;
    w->continued -= job->continues;
    w->idle--;
    return job;
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct workers *w = self->pool;
    check_magic(w, WORKERS_MAGIC);
    pthread_setname_np(pthread_self(), "worker");
    if (w->cfg.hooks.begin != NULL) {
        w->cfg.hooks.begin();
    }
    pthread_mutex_lock(&w->lock);
    while (await_job(w)) {
        struct worker_job *job = take_job(w);
        pthread_mutex_unlock(&w->lock);
        job->run(job);
        pthread_mutex_lock(&w->lock);
        w->idle++;
    }
    must(w->threads >= w->idle && w->idle > 0);
    w->threads--;
    w->idle--;
    self->ended = true;
    pthread_mutex_unlock(&w->lock);
    if (w->cfg.hooks.end != NULL) {
        w->cfg.hooks.end();
    }
    return NULL;
}

/* --- others --- */

static int create_thread(struct worker *slot)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    must(pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&slot->thread, &attr, worker_main, slot);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

/* Under the lock. That no thread can be had is no failure while there are others. */
static void start_one(struct workers *w)
{
    struct worker *slot = w->slots;
    while (slot->used && !slot->ended) {
        slot++;
    }
    must(slot < w->slots + w->cfg.limit);
    if (slot->used) {
        pthread_join(slot->thread, NULL); /* it is past its last lock: at once */
    }
    *slot = (struct worker){.pool = w};
    slot->used = create_thread(slot) == 0;
    w->threads += slot->used;
    w->idle += slot->used;
}

/* Is there room for a job that begins? What an idle worker will take at once needs none, and what goes on takes none: many
 * readers of long answers would have everybody else refused. */
static bool has_room(const struct workers *w)
{
    must(w->continued <= w->queued);
    size_t idle = w->idle > w->continued ? w->idle - w->continued : 0;
    return w->queued - w->continued < w->cfg.queue + idle;
}

static bool submit(struct workers *w, struct worker_job *job, bool continues)
{
    check_magic(w, WORKERS_MAGIC);
    must(job->run != NULL);
    job->next = NULL;
    job->continues = continues;
    pthread_mutex_lock(&w->lock);
    if (!w->stopping && w->queued >= w->idle && w->threads < w->cfg.limit) {
        start_one(w);
    }
    bool taken = !w->stopping && w->threads > 0 && (continues || has_room(w));
    if (taken) {
        *w->queue_end = job;
        w->queue_end = &job->next;
        w->queued++;
        w->continued += continues;
        pthread_cond_signal(&w->work);
    } else {
        w->refused++;
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}

bool workers_submit(struct workers *w, struct worker_job *job)
{
    return submit(w, job, false);
}

bool workers_continue(struct workers *w, struct worker_job *job)
{
    return submit(w, job, true);
}

void workers_stop(struct workers *w)
{
    check_magic(w, WORKERS_MAGIC);
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->cfg.limit; i++) {
        if (w->slots[i].used) {
            pthread_join(w->slots[i].thread, NULL);
            w->slots[i].used = false;
        }
    }
    must(w->threads == 0 && w->queue == NULL);
}

void workers_free(struct workers *w)
{
    if (w == NULL) {
        return;
    }
    check_magic(w, WORKERS_MAGIC);
    must(w->threads == 0);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w->slots);
    w->magic = 0;
    free(w);
}

struct workers_stats workers_stats(struct workers *w)
{
    check_magic(w, WORKERS_MAGIC);
    pthread_mutex_lock(&w->lock);
    struct workers_stats s = {
        .busy = w->threads - w->idle,
        .limit = w->cfg.limit,
        .queued = w->queued,
        .threads = w->threads,
        .refused = w->refused,
    };
    pthread_mutex_unlock(&w->lock);
    return s;
}
