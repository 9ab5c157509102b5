/* What the store's tests share: a store in a directory of its own, without a loop (completions come on the writer
 * thread), and a way to wait for a batch. */
#ifndef STORE_HELPER_H
#define STORE_HELPER_H

#include <pthread.h>
#include <sqlite3.h>

#include "../../helpers/sql.h"
#include "store/store.h"

struct fixture {
    char dir[64], path[96];
    struct store *store;
    struct store_options opt;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done, failed;           /* batches */
    struct err last;            /* of the last failure */
    struct batch *returned[64]; /* handed back, in order */
    int n_returned;
    int sick, well;        /* on_health calls */
    enum err_code illness; /* of the last one */
};

void fixture_init(struct fixture *f);
void fixture_open(struct fixture *f); /* asserts success */
void fixture_close(struct fixture *f);
void fixture_done(struct fixture *f); /* closes, removes the directory */

/* Submits; fixture_run also waits and asserts success. */
void fixture_submit(struct fixture *f, struct batch *b);
void fixture_run(struct fixture *f, struct batch *b);
void fixture_wait(struct fixture *f, int answers); /* until that many batches were answered */

/* A plain result; arena a keeps it. */
struct result plain_result(struct arena *a, uint64_t target, int64_t at_ms, bool success);

#endif
