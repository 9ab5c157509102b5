/* Epochs: what readers may still look at without a lock is freed when the last of them has left.
 *
 * A reader enters and leaves. Whoever takes something out of sight retires it: a function is called with it once every
 * reader that was in at that moment has left. Any thread; epoch_run calls the functions in the caller's thread. */
#ifndef TSDB_EPOCH_H
#define TSDB_EPOCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct epoch_reader {
    struct epoch_reader *prev, *next;
    uint64_t since;
};
struct retired {
    uint64_t at;
    void (*fn)(void *owner, void *thing, uint64_t number);
    void *owner, *thing;
    uint64_t number;
};
struct epoch {
    pthread_mutex_t lock;
    uint64_t now;
    struct epoch_reader readers;    /* ring, oldest first */
    vec_of(struct retired) retired; /* oldest first */
};

void epoch_init(struct epoch *e);
void epoch_done(struct epoch *e); /* nobody is in; runs what is left */
void epoch_enter(struct epoch *e, struct epoch_reader *r);
void epoch_leave(struct epoch *e, struct epoch_reader *r);
/* fn may take any lock: epoch_run calls it with none held. */
void epoch_retire(struct epoch *e, void (*fn)(void *owner, void *thing, uint64_t number),
                  void *owner, void *thing, uint64_t number);
void epoch_run(struct epoch *e); /* what is due */
/* A moment now, and whether all readers from before it have left. */
uint64_t epoch_mark(struct epoch *e);
bool epoch_passed(struct epoch *e, uint64_t mark);

#endif
