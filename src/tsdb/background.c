/* background.h. The keeper and the merger run at low priority. */
#include "tsdb/background.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "tsdb/tsdb_priv.h"

#define KEEP_EVERY_MS  INT64_C(1000)
#define MERGE_EVERY_MS INT64_C(5000)
#define RETRY_MS       INT64_C(10000) /* after a failure */

struct background {
    struct tsdb *db;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping, woken;
    pthread_t syncer, keeper, merger;
};

/* Waits so long, less when it is to stop or (may_wake) was woken. False: stop. */
static bool pause_ms(struct background *b, int64_t ms, bool may_wake)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * NS_PER_MS;
    until.tv_sec += (time_t)(ms / 1000 + ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    pthread_mutex_lock(&b->lock);
    int rc = 0;
    while (!b->stopping && !(may_wake && b->woken) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&b->wake, &b->lock, &until);
    if (may_wake)
        b->woken = false;
    bool go_on = !b->stopping;
    pthread_mutex_unlock(&b->lock);
    return go_on;
}

static void lower_priority(void)
{
#ifdef __linux__
    setpriority(PRIO_PROCESS, 0, 10); /* of this thread alone; elsewhere it would be the process */
#endif
}

static void *sync_loop(void *arg)
{
    struct background *b = arg;
    struct tsdb *db = b->db;
    bool failing = false;
    int64_t every = db->opt.wal_sync_ms > 0 ? db->opt.wal_sync_ms : 1000;
    while (pause_ms(b, failing ? RETRY_MS : every, false)) {
        struct err err;
        bool failed = tsdb_sync(db, &err) < 0;
        if (failed && !failing)
            log_error("metrics store: cannot sync; what comes in may be lost with the power",
                      F_ERR(&err));
        if (failed) { /* what the system still holds may be gone: the memory is written anew */
            db->snapshot_wanted = true;
            background_wake(db);
        }
        failing = failed;
    }
    return NULL;
}

static void *keep_loop(void *arg)
{
    struct background *b = arg;
    bool failing = false;
    lower_priority();
    while (pause_ms(b, failing ? RETRY_MS : KEEP_EVERY_MS, !failing)) {
        struct err err;
        bool failed = tsdb__keep(b->db, false, &err) < 0;
        if (failed && !failing)
            log_error(
                "metrics store: housekeeping failed; it is tried again, samples stay in the WAL",
                F_ERR(&err));
        failing = failed;
    }
    return NULL;
}

static void *merge_loop(void *arg)
{
    struct background *b = arg;
    bool failing = false;
    int did = 0;
    lower_priority();
    while (pause_ms(b, failing ? RETRY_MS : did > 0 ? 10 : MERGE_EVERY_MS, false)) {
        struct err err;
        did = tsdb__merge(b->db, false, &err);
        if (did < 0 && !failing)
            log_error("metrics store: blocks cannot be merged; it is tried again", F_ERR(&err));
        failing = did < 0;
    }
    return NULL;
}

void background_start(struct tsdb *db)
{
    struct background *b = calloc(1, sizeof(*b));
    must(b != NULL);
    b->db = db;
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->wake, &attr);
    pthread_condattr_destroy(&attr);
    db->background = b;
    must(pthread_create(&b->syncer, NULL, sync_loop, b) == 0);
    must(pthread_create(&b->keeper, NULL, keep_loop, b) == 0);
    must(pthread_create(&b->merger, NULL, merge_loop, b) == 0);
}

void background_stop(struct tsdb *db)
{
    struct background *b = db->background;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    db->merge_stop = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->syncer, NULL);
    pthread_join(b->keeper, NULL);
    pthread_join(b->merger, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    db->background = NULL;
    db->merge_stop = false;
    free(b);
}

void background_wake(struct tsdb *db)
{
    struct background *b = db->background;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}
