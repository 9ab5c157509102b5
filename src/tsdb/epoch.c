/* epoch.h: readers in a ring by age, retired things in a list by age. */
#include "tsdb/epoch.h"

#include <string.h>

#include "base/must.h"

void epoch_init(struct epoch *e)
{
    *e = (struct epoch){.now = 1};
    pthread_mutex_init(&e->lock, NULL);
    e->readers.prev = e->readers.next = &e->readers;
}

void epoch_done(struct epoch *e)
{
    must(e->readers.next == &e->readers);
    epoch_run(e);
    must(e->retired.n == 0);
    vec_done(&e->retired);
    pthread_mutex_destroy(&e->lock);
}

void epoch_enter(struct epoch *e, struct epoch_reader *r)
{
    pthread_mutex_lock(&e->lock);
    r->since = e->now;
    r->next = &e->readers;
    r->prev = e->readers.prev;
    r->prev->next = r;
    e->readers.prev = r;
    pthread_mutex_unlock(&e->lock);
}

void epoch_leave(struct epoch *e, struct epoch_reader *r)
{
    pthread_mutex_lock(&e->lock);
    must(r->next->prev == r && r->prev->next == r);
    r->prev->next = r->next;
    r->next->prev = r->prev;
    r->prev = r->next = NULL;
    pthread_mutex_unlock(&e->lock);
}

/* Every reader that is in entered after this number was given out. */
static bool has_passed(const struct epoch *e, uint64_t at)
{
    return e->readers.next == &e->readers || e->readers.next->since > at;
}

uint64_t epoch_mark(struct epoch *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t at = e->now++;
    pthread_mutex_unlock(&e->lock);
    return at;
}

bool epoch_passed(struct epoch *e, uint64_t mark)
{
    pthread_mutex_lock(&e->lock);
    bool passed = has_passed(e, mark);
    pthread_mutex_unlock(&e->lock);
    return passed;
}

void epoch_retire(struct epoch *e, void (*fn)(void *owner, void *thing, uint64_t number),
                  void *owner, void *thing, uint64_t number)
{
    must(fn != NULL);
    pthread_mutex_lock(&e->lock);
    vec_push(&e->retired, ((struct retired){e->now++, fn, owner, thing, number}));
    pthread_mutex_unlock(&e->lock);
}

#define RUN_AT_ONCE 256

/* Moves what is due out of the list. */
static size_t take_due(struct epoch *e, struct retired *due)
{
    pthread_mutex_lock(&e->lock);
    size_t n = 0;
    while (n < RUN_AT_ONCE && n < e->retired.n && has_passed(e, e->retired.at[n].at)) {
        due[n] = e->retired.at[n];
        n++;
    }
    e->retired.n -= n;
    if (n > 0)
        memmove(e->retired.at, e->retired.at + n, e->retired.n * sizeof(*due));
    pthread_mutex_unlock(&e->lock);
    return n;
}

void epoch_run(struct epoch *e)
{
    struct retired due[RUN_AT_ONCE];
    for (size_t n; (n = take_due(e, due)) > 0;) {
        for (size_t i = 0; i < n; i++)
            due[i].fn(due[i].owner, due[i].thing, due[i].number);
    }
}
