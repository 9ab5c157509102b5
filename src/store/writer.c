/* The writer thread: takes queued batches, several in one transaction, and does the housekeeping between them.
 *
 * Order is sacred: a batch carries ring cursors and states that the next one supersedes. So when one fails and is
 * worth retrying, everything queued behind it is handed back too, and whatever is still submitted before the loop
 * has learned of it (`poisoned`). The caller gets them in order and submits them again in order.
 *
 * A damaged file is replaced (store.c) and the batch executed on the new one. After an error of the disk the
 * connection is opened anew at the next attempt. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_priv.h"

#define GROUP_BATCHES  16
#define GROUP_BYTES    (8u << 20)
#define IDLE_NS        (10 * NS_PER_S)
#define SLICE_PAUSE_NS (3 * NS_PER_MS)
#define HOUSE_RETRY_NS (10 * NS_PER_S)

/* --- completions --- */

static void on_post(void *arg)
{
    struct mailbox *m = arg;
    must(m->posts == 1);
    if (!m->store) {
        free(m); /* the store was closed meanwhile */
        return;
    }
    store__deliver(m->store);
}

/* Under lock. */
static bool need_post(struct store *s)
{
    if (!s->opt.loop || s->mailbox->posts > 0)
        return false;
    s->mailbox->posts = 1;
    return true;
}

/* Tells the loop that there is news; without a loop (tests) this thread delivers. */
static void announce(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool post = need_post(s);
    pthread_mutex_unlock(&s->lock);
    if (post)
        loop_post(s->opt.loop, on_post, s->mailbox);
    else if (!s->opt.loop)
        store__deliver(s);
}

void store__deliver(struct store *s)
{
    check_magic(s, STORE_MAGIC);
    pthread_mutex_lock(&s->lock);
    struct batch *b = s->completed;
    s->completed = NULL;
    s->completed_end = &s->completed;
    s->poisoned = false;
    s->mailbox->posts = 0;
    bool news = s->health_news;
    struct err health = s->health_err;
    s->health_news = false;
    pthread_mutex_unlock(&s->lock);

    if (news && s->opt.on_health)
        s->opt.on_health(s->opt.arg, health.code == ERR_OK ? NULL : &health);
    while (b) {
        struct batch *next = b->next;
        struct err err = b->err;
        bool failed = b->failed, back = b->hand_back;
        void (*done)(void *, struct batch *, const struct err *) = b->done;
        void *arg = b->arg;
        b->next = NULL;
        if (!back || !done) {
            batch_free(b);
            b = NULL;
        }
        if (done)
            done(arg, b, failed ? &err : NULL);
        b = next;
    }
}

/* Under lock. err NULL: committed. */
static void complete(struct store *s, struct batch *b, const struct err *err)
{
    b->next = NULL;
    b->failed = err != NULL;
    b->hand_back = err && (err_code_retry(err->code) || err->code == ERR_DAMAGED);
    b->err = err ? *err : (struct err){0};
    *s->completed_end = b;
    s->completed_end = &b->next;
}

static void set_health(struct store *s, const struct err *err)
{
    enum err_code code = err ? err->code : ERR_OK;
    pthread_mutex_lock(&s->lock);
    bool news = code != s->health;
    if (news) {
        s->health = code;
        s->health_err = err ? *err : (struct err){0};
        s->health_news = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (news && err)
        log_error("results and alerts cannot be stored now; they wait in memory", F_ERR(err));
    else if (news)
        log_info("the store works again");
}

/* --- submission --- */

static void queue_forget(struct store *s, const struct batch *b)
{
    must(s->stats.queued_batches > 0 && s->stats.queued_bytes >= b->ops.len);
    s->stats.queued_batches--;
    s->stats.queued_bytes -= b->ops.len;
}

void store_submit(struct store *s, struct batch *b,
                  void (*done)(void *arg, struct batch *b, const struct err *err), void *arg)
{
    check_magic(s, STORE_MAGIC);
    check_magic(b, BATCH_MAGIC);
    must(b->next == NULL && !b->ops.failed);
    b->done = done;
    b->arg = arg;
    bool post = false;
    pthread_mutex_lock(&s->lock);
    must(!s->stop);
    if (s->poisoned) {
        complete(s, b, &s->health_err);
        post = need_post(s);
    } else {
        *s->queue_end = b;
        s->queue_end = &b->next;
        s->stats.queued_batches++;
        s->stats.queued_bytes += b->ops.len;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    if (post)
        loop_post(s->opt.loop, on_post, s->mailbox);
}

/* --- execution --- */

struct group {
    struct batch *at[GROUP_BATCHES];
    size_t n;
};

static int begin(struct store *s, struct err *err)
{
    if (!s->db && store__open_all(s, err) < 0)
        return -1;
    return store__exec(s->db, err, "BEGIN IMMEDIATE");
}

static void forget_transaction(struct store *s)
{
    if (s->db)
        store__rollback(s->db);
    if (s->hot.pending)
        store__hot_rollback(&s->hot);
    map_u64_free(s->written); /* it believes what was rolled back */
    s->written = map_u64_new();
}

/* A reader at work keeps some of the log; it is written over later. */
static void scrub(struct store *s, struct batch *const *at, size_t n)
{
    bool wanted = false;
    for (size_t i = 0; i < n; i++)
        wanted = wanted || at[i]->scrub;
    if (wanted)
        store__exec(s->db, NULL, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static int attempt(struct store *s, struct batch *const *at, size_t n, struct err *err)
{
    int64_t start = clock_mono_ns();
    uint64_t rows = 0;
    if (begin(s, err) < 0)
        goto fail;
    for (size_t i = 0; i < n; i++) {
        if (store__exec_batch(s, at[i], err) < 0)
            goto fail;
        rows += at[i]->n_ops;
    }
    if (store__exec(s->db, err, "COMMIT") < 0)
        goto fail;
    store__hot_commit(&s->hot);
    scrub(s, at, n);
    pthread_mutex_lock(&s->lock);
    s->stats.batches += n;
    s->stats.rows += rows;
    s->stats.last_commit_ns = clock_mono_ns() - start;
    pthread_mutex_unlock(&s->lock);
    return 0;
fail:
    forget_transaction(s);
    return -1;
}

/* As attempt, with a damaged file replaced once. */
static int attempt_or_replace(struct store *s, struct batch *const *at, size_t n, struct err *err)
{
    if (attempt(s, at, n, err) == 0) {
        set_health(s, NULL);
        return 0;
    }
    if (err->code == ERR_DAMAGED) {
        set_health(s, err);
        announce(s);
        if (store__replace(s, err) == 0 && attempt(s, at, n, err) == 0)
            return 0;
    }
    set_health(s, err);
    if (err->code == ERR_IO)
        store__close_all(s);
    return -1;
}

static void fail_in_order(struct store *s, struct batch *const *at, size_t n, const struct err *err)
{
    pthread_mutex_lock(&s->lock);
    s->stats.failures++;
    for (size_t i = 0; i < n; i++)
        complete(s, at[i], err);
    if (err_code_retry(err->code) || err->code == ERR_DAMAGED) {
        s->poisoned = s->opt.loop != NULL;
        s->health_err = *err;
        while (s->queue) {
            struct batch *b = s->queue;
            s->queue = b->next;
            queue_forget(s, b);
            complete(s, b, err);
        }
        s->queue_end = &s->queue;
    }
    pthread_mutex_unlock(&s->lock);
}

static void run_group(struct store *s, struct group *g)
{
    struct err err = {0};
    int failed = attempt_or_replace(s, g->at, g->n, &err);
    if (failed && g->n > 1 && !err_code_retry(err.code) && err.code != ERR_DAMAGED) {
        /* One of them holds something impossible: the others must not suffer. */
        for (size_t i = 0; i < g->n; i++)
            run_group(s, &(struct group){{g->at[i]}, 1});
        return;
    }
    if (failed) {
        fail_in_order(s, g->at, g->n, &err);
        return;
    }
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < g->n; i++)
        complete(s, g->at[i], NULL);
    pthread_mutex_unlock(&s->lock);
}

/* Waits for work; an empty group when the time is over or the store stops. */
static struct group take_group(struct store *s, int64_t wait_ns, bool *stop)
{
    struct group g = {.n = 0};
    size_t bytes = 0;
    pthread_mutex_lock(&s->lock);
    if (!s->queue && !s->stop && wait_ns > 0) {
        int64_t until = clock_mono_ns() + wait_ns;
        struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
        pthread_cond_timedwait(&s->wake, &s->lock, &ts);
    }
    while (s->queue && g.n < GROUP_BATCHES && bytes < GROUP_BYTES) {
        struct batch *b = s->queue;
        s->queue = b->next;
        b->next = NULL;
        queue_forget(s, b);
        bytes += b->ops.len;
        g.at[g.n++] = b;
    }
    if (!s->queue)
        s->queue_end = &s->queue;
    *stop = s->stop && g.n == 0;
    pthread_mutex_unlock(&s->lock);
    return g;
}

/* One slice. Returns how long the thread may sleep. */
static int64_t keep_house(struct store *s)
{
    int64_t now = clock_mono_ns(), wall = clock_wall_ms();
    if (!s->db || now < s->housekeeping_after_ns)
        return IDLE_NS;
    struct err err = {0};
    int rc = store__merge_slice(s, wall, &err);
    if (rc == 0)
        rc = store__prune_slice(s, wall, &err);
    if (rc >= 0)
        return rc > 0 ? SLICE_PAUSE_NS : IDLE_NS;
    log_warn("old results cannot be moved or removed now; trying again in 10 s", F_ERR(&err));
    s->housekeeping_after_ns = now + HOUSE_RETRY_NS;
    if (err.code == ERR_DAMAGED) {
        set_health(s, &err);
        announce(s);
        store__replace(s, &err);
    }
    return HOUSE_RETRY_NS;
}

void *store__writer_main(void *arg)
{
    struct store *s = arg;
    check_magic(s, STORE_MAGIC);
    pthread_setname_np(pthread_self(), "store");
    if (s->opt.hooks.begin)
        s->opt.hooks.begin();
    int64_t wait = 0;
    for (;;) {
        bool stop;
        struct group g = take_group(s, wait, &stop);
        if (stop)
            break;
        if (g.n > 0) {
            run_group(s, &g);
            announce(s);
        }
        wait = keep_house(s);
    }
    if (s->opt.hooks.end)
        s->opt.hooks.end();
    return NULL;
}
