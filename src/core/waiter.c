/* Mutex and condition of one hand-over; see waiter.h. Guards only its own fields and calls no one. */
#include "core/waiter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    int refs;
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

int waiter_wait(struct waiter *w, int64_t timeout_ms, struct buf *out, struct err *err)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->lock);
    int rc = 0;
    while (!w->done && rc == 0)
        rc = pthread_cond_timedwait(&w->finished, &w->lock, &until);
    if (!w->done) {
        pthread_mutex_unlock(&w->lock);
        return err_set(err, ERR_TIMEOUT, "no answer within %lld ms", (long long)timeout_ms);
    }
    bool failed = w->failed;
    if (failed && err)
        *err = w->err;
    if (!failed && out)
        buf_add(out, w->answer.data ? w->answer.data : "", w->answer.len);
    pthread_mutex_unlock(&w->lock);
    return failed ? -1 : 0;
}
