/* Server-sent events: a hub hands events to the open streams that want them (WHATWG HTML, 9.2).
 *
 *     publisher ──inbox──► the hub's thread ──queues of pointers──► streams, read by MHD's threads
 *
 * A publisher only puts its message into the inbox. The hub's thread distributes: a message is written once and shared by
 * all streams that want it, so 5,000 of them cost a pointer each; what is about a subject (a result) is only looked up
 * among those who asked for the subject. A reader without bytes suspends its connection, and the thread resumes it.
 *
 * Locks, never both but in this order: the hub's (streams and who watches what), the inbox'. MHD's resume only sets a flag
 * and wakes the daemon, so it may be called under them. */
#include "io/sse_priv.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"

#define HUB_MAGIC 0x55e4b001u
#define INBOX_MAX \
    ((size_t)16 << 20) /* bytes that wait for the thread; more are dropped, streams end */
#define STREAMS_MAX 8192
#define PAUSE_NS \
    (10 * NS_PER_MS) /* between two distributions: what comes meanwhile shares its wake-ups */
#define STACK_SIZE ((size_t)256 << 10)
#define MARKS      4096 /* a power of two */

/* Who watches a subject. */
struct watch {
    vec_of(struct sse_stream *) streams;
};

struct sse_hub {
    uint32_t magic;
    pthread_mutex_t lock; /* guards everything but the inbox, and the streams */
    struct sse_stream *streams;
    struct map_u64 *watches; /* subject → struct watch */
    bool freed;              /* sse_hub_free was called; the last stream frees */

    pthread_mutex_t inbox_lock; /* guards what follows */
    pthread_cond_t arrived;
    struct message *first, **last;
    size_t inbox_bytes;
    uint64_t last_id;
    bool overflowed, stop, check;
    pthread_t thread;

    atomic_size_t n_streams, n_unbounded; /* unbounded: want every subject */
    atomic_uint marks[MARKS];             /* watchers of the subjects of one hash */
};

/* --- watching --- */

static atomic_uint *mark_of(struct sse_hub *h, uint64_t subject)
{
    return &h->marks[hash_u64(subject) & (MARKS - 1)];
}

static void watch_begin(struct sse_stream *s)
{
    struct sse_hub *h = s->hub;
    if (!s->want.by_subject) {
        atomic_fetch_add(&h->n_unbounded, 1);
        return;
    }
    for (size_t i = 0; i < s->want.n_subjects; i++) {
        struct watch *w = map_u64_get(h->watches, s->want.subjects[i]);
        if (w == NULL) {
            w = calloc(1, sizeof(*w));
            must(w != NULL);
            map_u64_put(h->watches, s->want.subjects[i], w);
        }
        vec_push(&w->streams, s);
        atomic_fetch_add(mark_of(h, s->want.subjects[i]), 1);
    }
}

static void watch_end_one(struct sse_hub *h, struct sse_stream *s, uint64_t subject)
{
    struct watch *w = map_u64_get(h->watches, subject);
    must(w != NULL);
    for (size_t i = 0; i < w->streams.n; i++) {
        if (w->streams.at[i] == s) {
            w->streams.at[i] = vec_pop(&w->streams);
            break;
        }
    }
    atomic_fetch_sub(mark_of(h, subject), 1);
    if (w->streams.n == 0) {
        map_u64_del(h->watches, subject);
        vec_done(&w->streams);
        free(w);
    }
}

static void watch_end(struct sse_stream *s)
{
    if (!s->want.by_subject) {
        atomic_fetch_sub(&s->hub->n_unbounded, 1);
        return;
    }
    for (size_t i = 0; i < s->want.n_subjects; i++) {
        watch_end_one(s->hub, s, s->want.subjects[i]);
    }
}

bool sse_wants(const struct sse_hub *hub, uint64_t subject)
{
    struct sse_hub *h = (struct sse_hub *)hub;
    check_magic(h, HUB_MAGIC);
    return atomic_load(&h->n_unbounded) > 0 || atomic_load(mark_of(h, subject)) > 0;
}

size_t sse_streams(const struct sse_hub *h)
{
    check_magic(h, HUB_MAGIC);
    return atomic_load(&((struct sse_hub *)h)->n_streams);
}

/* --- distributing: the hub's thread --- */

static void distribute(struct sse_hub *h, struct message *m)
{
    struct watch *w = m->subjects_only ? map_u64_get(h->watches, m->subject) : NULL;
    m->refs = 1;
    for (size_t i = 0; w != NULL && i < w->streams.n; i++) {
        sse__offer(w->streams.at[i], m);
    }
    bool all = !m->subjects_only || atomic_load(&h->n_unbounded) > 0;
    for (struct sse_stream *s = all ? h->streams : NULL; s != NULL; s = s->next) {
        if (!m->subjects_only || !s->want.by_subject) {
            sse__offer(s, m);
        }
    }
    sse__message_drop(m);
}

static void end_all(struct sse_hub *h)
{
    for (struct sse_stream *s = h->streams; s != NULL; s = s->next) {
        s->ended = true;
        sse__wake(s);
    }
}

/* Those whose guests may not stay any longer. What waits for them is not sent any more. */
static void end_unwelcome(struct sse_hub *h)
{
    for (struct sse_stream *s = h->streams; s != NULL; s = s->next) {
        if (!s->ended && s->want.may_stay != NULL && !s->want.may_stay(s->want.guest)) {
            s->ended = true;
            sse__queue_clear(s);
            sse__wake(s);
        }
    }
}

struct arrived {
    struct message *first;
    bool overflowed, check;
};

/* Everything that has arrived; false: nothing, and the hub ends. */
static bool take_inbox(struct sse_hub *h, struct arrived *out)
{
    pthread_mutex_lock(&h->inbox_lock);
    while (h->first == NULL && !h->check && !h->stop) {
        pthread_cond_wait(&h->arrived, &h->inbox_lock);
    }
    *out = (struct arrived){h->first, h->overflowed, h->check};
    h->overflowed = h->check = false;
    h->first = NULL;
    h->last = &h->first;
    h->inbox_bytes = 0;
    pthread_mutex_unlock(&h->inbox_lock);
    return out->first != NULL || out->check;
}

static void *hub_main(void *arg)
{
    struct sse_hub *h = arg;
    struct arrived in;
    while (take_inbox(h, &in)) {
        pthread_mutex_lock(&h->lock);
        if (in.overflowed) { /* what was lost cannot be told; they read afresh */
            end_all(h);
        }
        if (in.check) {
            end_unwelcome(h);
        }
        for (struct message *m = in.first, *next; m != NULL; m = next) {
            next = m->next;
            distribute(h, m);
        }
        pthread_mutex_unlock(&h->lock);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return NULL;
}

/* --- publishing: any thread --- */

void sse_publish_about(struct sse_hub *h, const struct sse_about *about, const char *event,
                       const char *json, size_t n)
{
    check_magic(h, HUB_MAGIC);
    struct buf text = BUF_INIT(SSE_STREAM_MAX);
    pthread_mutex_lock(&h->inbox_lock);
    uint64_t id = event != NULL ? ++h->last_id : h->last_id;
    if (sse_streams(h) > 0) {
        sse__event_text(&text, id, event, json, n);
    }
    bool fits = !text.failed && h->inbox_bytes + text.len <= INBOX_MAX;
    h->overflowed = h->overflowed || !fits;
    if (text.len > 0 && fits) {
        struct message *m = sse__message_new(&text, about, event);
        *h->last = m;
        h->last = &m->next;
        h->inbox_bytes += m->len;
        pthread_cond_signal(&h->arrived);
    }
    pthread_mutex_unlock(&h->inbox_lock);
    buf_done(&text);
}

void sse_publish(struct sse_hub *h, const char *event, const char *json, size_t n)
{
    sse_publish_about(h, &(struct sse_about){0}, event, json, n);
}

static void signal_thread(struct sse_hub *h, bool *what)
{
    pthread_mutex_lock(&h->inbox_lock);
    *what = true;
    pthread_cond_signal(&h->arrived);
    pthread_mutex_unlock(&h->inbox_lock);
}

void sse_check(struct sse_hub *h)
{
    check_magic(h, HUB_MAGIC);
    if (sse_streams(h) > 0) {
        signal_thread(h, &h->check);
    }
}

/* --- reading: MHD's threads --- */

/* MHD wants bytes. Runs on the connection's MHD thread. */
static ssize_t on_read(void *arg, uint64_t pos, char *out, size_t max)
{
    struct sse_stream *s = arg;
    (void)pos;
    pthread_mutex_lock(&s->hub->lock);
    ssize_t give = (ssize_t)sse__queue_take(s, out, max);
    if (give == 0 && (s->ended || atomic_load(s->stopping))) {
        give = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (give == 0) {
        s->suspended = true;
        MHD_suspend_connection(s->conn);
    }
    pthread_mutex_unlock(&s->hub->lock);
    return give;
}

static void hub_destroy(struct sse_hub *h)
{
    must(atomic_load(&h->n_streams) == 0 && map_u64_count(h->watches) == 0);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->inbox_lock);
    pthread_cond_destroy(&h->arrived);
    map_u64_free(h->watches);
    h->magic = 0;
    free(h);
}

static void on_free(void *arg)
{
    struct sse_stream *s = arg;
    struct sse_hub *h = s->hub;
    pthread_mutex_lock(&h->lock);
    *(s->prev != NULL ? &s->prev->next : &h->streams) = s->next;
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
    watch_end(s);
    sse__stream_free(s);
    bool last = atomic_fetch_sub(&h->n_streams, 1) == 1 && h->freed;
    pthread_mutex_unlock(&h->lock);
    if (last) {
        hub_destroy(h);
    }
}

/* A message of the stream's own. */
static void tell(struct sse_stream *s, const struct buf *text)
{
    struct message *m = sse__message_new(text, &(struct sse_about){0}, NULL);
    m->refs = 1;
    sse__queue_put(s, m);
    sse__message_drop(m);
}

/* The first words: how long to wait before coming back, and whether something was missed meanwhile. */
static void greet(struct sse_stream *s, uint64_t last_id)
{
    struct sse_hub *h = s->hub;
    struct buf text = BUF_INIT(256);
    pthread_mutex_lock(&h->inbox_lock);
    uint64_t now = h->last_id;
    pthread_mutex_unlock(&h->inbox_lock);
    buf_puts(&text, "retry: 1000\n\n");
    if (last_id != 0 && last_id < now) { /* read afresh */
        sse__event_text(&text, now, "reset", "{}", 2);
    }
    tell(s, &text);
    buf_done(&text);
}

struct MHD_Response *sse__open(struct sse_hub *h, struct MHD_Connection *conn,
                               struct sse_filter *want, uint64_t last_id,
                               const atomic_bool *stopping)
{
    check_magic(h, HUB_MAGIC);
    struct sse_stream *s = calloc(1, sizeof(*s));
    must(s != NULL);
    *s = (struct sse_stream){.hub = h, .conn = conn, .stopping = stopping, .want = *want};
    *want = (struct sse_filter){0};
    pthread_mutex_lock(&h->lock);
    bool full = atomic_load(&h->n_streams) >= STREAMS_MAX || h->freed;
    if (!full) {
        greet(s, last_id);
        watch_begin(s);
        s->next = h->streams;
        if (s->next != NULL) {
            s->next->prev = s;
        }
        h->streams = s;
        atomic_fetch_add(&h->n_streams, 1);
    }
    pthread_mutex_unlock(&h->lock);
    if (full) {
        sse__stream_free(s);
        return NULL;
    }
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, on_read, s, on_free);
    must(r != NULL);
    return r;
}

void sse__end_all(struct sse_hub *h)
{
    check_magic(h, HUB_MAGIC);
    pthread_mutex_lock(&h->lock);
    end_all(h);
    pthread_mutex_unlock(&h->lock);
}

/* --- life --- */

static void start_thread(struct sse_hub *h)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    must(pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    must(pthread_create(&h->thread, &attr, hub_main, h) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

struct sse_hub *sse_hub_new(void)
{
    struct sse_hub *h = calloc(1, sizeof(*h));
    must(h != NULL);
    h->magic = HUB_MAGIC;
    h->last = &h->first;
    h->watches = map_u64_new();
    must(pthread_mutex_init(&h->lock, NULL) == 0);
    must(pthread_mutex_init(&h->inbox_lock, NULL) == 0);
    must(pthread_cond_init(&h->arrived, NULL) == 0);
    start_thread(h);
    return h;
}

static void stop_thread(struct sse_hub *h)
{
    signal_thread(h, &h->stop);
    must(pthread_join(h->thread, NULL) == 0);
}

void sse_hub_free(struct sse_hub *h)
{
    if (h == NULL) {
        return;
    }
    stop_thread(h);
    sse__end_all(h);
    pthread_mutex_lock(&h->lock);
    h->freed = true;
    bool last = atomic_load(&h->n_streams) == 0;
    pthread_mutex_unlock(&h->lock);
    if (last) {
        hub_destroy(h);
    }
}
