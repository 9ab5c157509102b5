/* Mutex and condition of one hand-over; see waiter.h. Guards only its own fields and calls no one. */
#include "core/waiter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define LOOK_NS (200 * NS_PER_MS)

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    int refs;
    bool (*ended)(const void *arg); /* or NULL; with its argument the waiting thread's */
    const void *arg;
    bool done;
    bool failed;
    struct err err;
    struct buf answer;
};

struct waiter *waiter_new(void)
{
    struct waiter *w = calloc(1, sizeof(*w));
    must(w);
    pthread_condattr_t attr;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->finished, &attr);
    pthread_condattr_destroy(&attr);
    w->refs = 1;
    buf_init(&w->answer, 1 << 20);
    return w;
}

struct waiter *waiter_ref(struct waiter *w)
{
    if (!w)
        return NULL;
    pthread_mutex_lock(&w->lock);
    must(w->refs > 0);
    w->refs++;
    pthread_mutex_unlock(&w->lock);
    return w;
}

void waiter_unref(struct waiter *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    int left = --w->refs;
    must(left >= 0);
    pthread_mutex_unlock(&w->lock);
    if (left > 0)
        return;
    pthread_cond_destroy(&w->finished);
    pthread_mutex_destroy(&w->lock);
    buf_done(&w->answer);
    free(w);
}

void waiter_finish(struct waiter *w, const struct err *err, const void *p, size_t n)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    must(!w->done);
    w->done = true;
    w->failed = err != NULL;
    if (err)
        w->err = *err;
    if (p)
        buf_add(&w->answer, p, n);
    pthread_cond_broadcast(&w->finished);
    pthread_mutex_unlock(&w->lock);
}

void waiter_unless(struct waiter *w, bool (*ended)(const void *arg), const void *arg)
{
    must(ended && !w->ended);
    w->ended = ended;
    w->arg = arg;
}

static struct timespec until(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* Under the lock, which is released while w->ended is asked. */
static int sleep_until(struct waiter *w, int64_t end)
{
    int64_t look = w->ended ? clock_mono_ns() + LOOK_NS : end;
    struct timespec t = until(look < end ? look : end);
    int rc = pthread_cond_timedwait(&w->finished, &w->lock, &t);
    if (rc != ETIMEDOUT || w->done)
        return 0;
    if (look >= end)
        return ERR_TIMEOUT;
    pthread_mutex_unlock(&w->lock);
    bool ended = w->ended(w->arg);
    pthread_mutex_lock(&w->lock);
    return ended ? ERR_CANCELLED : 0;
}

int waiter_wait(struct waiter *w, int64_t timeout_ms, struct buf *out, struct err *err)
{
    int64_t end = clock_mono_ns() + timeout_ms * NS_PER_MS;
    int given_up = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->done && given_up == 0)
        given_up = sleep_until(w, end);
    bool done = w->done, failed = w->failed;
    if (done && failed && err)
        *err = w->err;
    if (done && !failed && out)
        buf_add(out, w->answer.data ? w->answer.data : "", w->answer.len);
    pthread_mutex_unlock(&w->lock);
    if (!done && given_up == ERR_CANCELLED)
        return err_set(err, ERR_CANCELLED, "nobody waits for the answer any more");
    if (!done)
        return err_set(err, ERR_TIMEOUT, "no answer within %lld ms", (long long)timeout_ms);
    return failed ? -1 : 0;
}
