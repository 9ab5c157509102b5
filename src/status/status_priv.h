/* Inside of status/: the parts that hang together. */
#ifndef STATUS_STATUS_PRIV_H
#define STATUS_STATUS_PRIV_H

#include <pthread.h>

#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "status/status.h"

#define STATUS_MAGIC 0xbe1f57a7u

struct queue; /* queue.c: subscribers, and messages to them */

struct status {
    uint32_t magic;
    struct core *core;
    struct sse_hub *events;
    pthread_rwlock_t lock;               /* guards pages, incidents */
    vec_of(struct status_page *) pages;  /* by id */
    vec_of(struct incident *) incidents; /* by id */
    atomic_int hosts;                    /* enabled pages with a host of their own */
    struct cache *cache;
    pthread_mutex_t guard; /* guards tries, subscriptions, checking */
    struct limiter *tries, *subscriptions;
    int checking;
    /* the cache's thread */
    struct pasts *pasts;
    struct view *view; /* the last one, for the page's other languages and forms */
    int64_t view_ns;
    uint64_t view_generation;
    atomic_uint_fast64_t generation; /* of pages and incidents */
    atomic_uint_fast64_t mails_sent, hooks_sent, failed;
    /* the loop */
    struct queue *queue;
    struct timer tick;
    uint64_t ticks;
    bool stopping;
};

/* make.c: what the cache asks for. On its thread */
struct copy *status__make(void *status, const char *key);
void status__idle(void *status);

/* queue.c, on the loop */
struct queue *status__queue_new(struct status *s);
void status__queue_free(struct queue *q);
void status__queue_tick(struct status *s, int64_t now_ms);
void status__queue_stop(struct status *s);

/* auto.c: incidents out of alerts. On the loop */
void status__auto_tick(struct status *s, int64_t now_ms);

/* letter.c: what subscribers are told. In a; texts are complete */
struct letter_texts {
    const char *subject, *text, *html; /* of a mail */
    const char *json;                  /* of a webhook */
    const char *leave_url;             /* unsubscribing */
    const char *challenge;             /* a webhook must answer with it; NULL */
};
void status__confirm_letter(const struct status_page *p, const struct subscriber *sub,
                            const char *url, struct arena *a, struct letter_texts *out);
void status__update_letter(const struct status_page *p, const struct subscriber *sub,
                           const char *url, const struct incident *i,
                           const struct incident_update *u,
                           const char *(*name)(void *arg, uint64_t target), void *arg,
                           struct arena *a, struct letter_texts *out);

/* post.c: one message, on a fiber. 0: taken; *confirmed: the challenge came back. */
struct posting {
    struct core *core;
    const struct subscriber *sub;
    const struct letter_texts *texts;
    const struct channel *channel; /* for mails */
    const char *secret;            /* signs what goes to a webhook */
    uint64_t number;               /* the same for each attempt */
    bool allow_private;
    struct arena *arena;
};
int status__post(const struct posting *p, bool *confirmed, struct err *err);

#endif
