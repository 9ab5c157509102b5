/* What a query may use: its error, its deadline and cancellation, its memory and samples. Called from every thread of a query. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "promql/eval_priv.h"

int query_fail_at(struct query *q, enum err_code code, const char *file, int line, const char *fmt,
                  ...)
{
    char msg[sizeof(q->err.msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&q->lock);
    if (!atomic_load(&q->failed)) {
        err_set_at(&q->err, code, 0, file, line, "%s", msg);
        atomic_store(&q->failed, true);
    }
    pthread_mutex_unlock(&q->lock);
    return -1;
}

int query_fail_err(struct query *q, const struct err *err)
{
    must(err->code != ERR_OK);
    pthread_mutex_lock(&q->lock);
    if (!atomic_load(&q->failed)) {
        q->err = *err;
        atomic_store(&q->failed, true);
    }
    pthread_mutex_unlock(&q->lock);
    return -1;
}

bool query_stopped(struct query *q, bool own)
{
    if (query_failed(q))
        return true;
    const struct promql_request *r = q->req;
    bool left = r->cancelled != NULL && atomic_load_explicit(r->cancelled, memory_order_relaxed);
    if (left || (own && r->gone != NULL && r->gone(r->gone_arg)))
        query_fail(q, ERR_CANCELLED, "query was canceled in expression evaluation");
    else if (clock_mono_ns() > q->deadline_ns)
        query_fail(q, ERR_TIMEOUT,
                   "query timed out in expression evaluation: took more than %lld ms (timeout)",
                   (long long)((q->deadline_ns - q->started_ns) / NS_PER_MS));
    return query_failed(q);
}

bool memory_take(struct memory_total *t, uint64_t most, uint64_t bytes)
{
    atomic_fetch_add(&t->held, bytes);
    if (!memory_is_short(t, most))
        return true;
    atomic_fetch_sub(&t->held, bytes);
    atomic_fetch_add(&t->refused, 1);
    return false;
}

/* `now` bytes are the query's own: as long as they are its part of what is kept for each, they are there. */
static int count_in_total(struct query *q, size_t bytes, uint64_t now)
{
    uint64_t most = q->limits.total_memory, each = q->limits.concurrency;
    if (now <= most / 4 / (each > 0 ? each : 1)) {
        atomic_fetch_add(&q->total->held, bytes);
        return 0;
    }
    if (memory_take(q->total, most, bytes))
        return 0;
    return query_fail(
        q, ERR_BUSY,
        "query would take too much memory together with those that run: got more than "
        "%llu bytes (limit total_memory); try again",
        (unsigned long long)most);
}

void query_uncount(struct query *q, size_t bytes)
{
    must(atomic_load(&q->memory) >= bytes && atomic_load(&q->total->held) >= bytes);
    atomic_fetch_sub(&q->memory, bytes);
    atomic_fetch_sub(&q->total->held, bytes);
}

int query_count_memory(struct query *q, size_t bytes)
{
    uint64_t now = atomic_fetch_add(&q->memory, bytes) + bytes;
    if (now > q->limits.max_memory) {
        atomic_fetch_sub(&q->memory, bytes);
        return query_fail(q, ERR_TOO_LARGE,
                          "query would take too much memory: got more than %llu bytes (limit "
                          "max_memory)",
                          (unsigned long long)q->limits.max_memory);
    }
    if (count_in_total(q, bytes, now) != 0) {
        atomic_fetch_sub(&q->memory, bytes);
        return -1;
    }
    unsigned long long peak = atomic_load(&q->memory_peak);
    while (peak < now && !atomic_compare_exchange_weak(&q->memory_peak, &peak, now)) {
    }
    return 0;
}

struct block *query_block(struct query *q, size_t bytes)
{
    if (query_count_memory(q, bytes) != 0)
        return NULL;
    struct block *b = calloc(1, sizeof(*b) + bytes);
    must(b != NULL);
    b->bytes = bytes;
    pthread_mutex_lock(&q->lock);
    b->next = q->blocks;
    if (b->next != NULL)
        b->next->prev = b;
    q->blocks = b;
    pthread_mutex_unlock(&q->lock);
    return b;
}

void query_unblock(struct query *q, struct block *b)
{
    if (b == NULL)
        return;
    pthread_mutex_lock(&q->lock);
    if (b->prev != NULL)
        b->prev->next = b->next;
    else
        q->blocks = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    pthread_mutex_unlock(&q->lock);
    query_uncount(q, b->bytes);
    free(b);
}

int query_count_samples(struct query *q, uint64_t n)
{
    if (atomic_fetch_add(&q->samples, n) + n <= q->limits.max_samples)
        return 0;
    return query_fail(q, ERR_TOO_LARGE,
                      "query processing would load too many samples into memory in query "
                      "execution: got more than %llu (limit max_samples)",
                      (unsigned long long)q->limits.max_samples);
}
