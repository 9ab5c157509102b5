/* The queue of messages to subscribers, shared by what keeps its documents (queue_docs.c) and what sends (queue.c). The loop's
 * thread. */
#ifndef STATUS_QUEUE_PRIV_H
#define STATUS_QUEUE_PRIV_H

#include "base/vec.h"
#include "status/status_priv.h"

struct message {
    uint64_t id, page, incident, update;
    int64_t next_ms;
    int32_t attempts;
    vec_of(uint64_t) to;
    size_t at;    /* of this round: next in `to` */
    size_t away;  /* under way */
    size_t taken; /* since it was written down */
    bool round;
};

struct queue {
    struct status *status;
    vec_of(struct subscriber *) subs;  /* by id */
    vec_of(struct message *) messages; /* by id */
    size_t away;
    bool own; /* a document changes by our own hand */
    vec_of(struct fiber *) fibers;
};

/* --- subscribers --- */
void status__on_sub(void *arg, const struct core_document *d);         /* arg: the queue */
struct subscriber *status__sub_of(const struct queue *q, uint64_t id); /* NULL: gone */
int status__sub_save(struct queue *q, const struct subscriber *s, uint64_t *id, struct waiter *w,
                     struct err *err);
void status__sub_free(struct subscriber *s);

/* --- messages --- */
/* Only read at the start: afterwards memory is ahead of the documents. */
void status__on_message(void *arg, const struct core_document *d);      /* arg: the queue */
struct message *status__message_of(const struct queue *q, uint64_t id); /* NULL: done */
int status__message_save(struct queue *q, struct message *m, struct err *err);
/* Takes over what m holds; 0: it is kept. */
int status__message_add(struct queue *q, struct message *m);
void status__message_drop(struct queue *q, struct message *m); /* nothing of it is under way */
void status__message_free(struct message *m);

#endif
