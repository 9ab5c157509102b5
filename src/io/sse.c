/* Server-sent events: a hub hands events to the open streams that want them (WHATWG HTML, 9.2).
 *
 *     publisher ──inbox──► the hub's thread ──queues of pointers──► streams, read by MHD's threads
 *
 * A publisher only puts its message into the inbox. The hub's thread distributes: a message is written once and shared by
 * all streams that want it, so 5,000 of them cost a pointer each; what is about a subject (a result) is only looked up
 * among those who asked for the subject. A reader without bytes suspends its connection, and the thread resumes it.
 *
 * Locks, never both but in this order: the hub's (streams and who watches what), the inbox'. MHD's resume only sets a flag
 * and wakes the daemon, so it may be called under them.
 *
 * Every 15 s of silence a comment line is owed so that proxies keep the connection and a dead client is
 * noticed: sse_publish with a NULL event sends it (the core's timer calls that). */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "io/http_server_priv.h"

#define HUB_MAGIC  0x55e4b001u
#define STREAM_MAX ((size_t)256 << 10) /* bytes that wait for one stream */
#define INBOX_MAX \
    ((size_t)16 << 20) /* bytes that wait for the thread; more are dropped, streams end */
#define STREAMS_MAX 8192
#define PAUSE_NS \
    (10 * NS_PER_MS) /* between two distributions: what comes meanwhile shares its wake-ups */
#define STACK_SIZE ((size_t)256 << 10)
#define MARKS      4096 /* a power of two */

/* What was published, as it is sent. Shared; `refs` under the hub's lock. */
struct message {
    struct message *next; /* in the inbox */
    size_t refs;
    uint64_t subject;
    bool subjects_only; /* for those who watch the subject, or everything */
    char kind[24], group[104];
    bool grouped;
    size_t len;
    char text[];
};

struct sse_stream {
    struct sse_hub *hub;
    struct sse_stream *next, *prev;
    struct MHD_Connection *conn;
    const atomic_bool *stopping; /* the server's */
    struct sse_filter want;      /* its lists are owned */
    vec_of(struct message *) queue;
    size_t at;     /* of queue: the first that is not sent */
    size_t sent;   /* bytes of that one */
    size_t queued; /* bytes in all */
    bool suspended;
    bool ended; /* its buffer was full, or the server stops: the reader answers end of stream */
};

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
    bool overflowed, stop;
    pthread_t thread;

    atomic_size_t n_streams, n_unbounded; /* unbounded: want every subject */
    atomic_uint marks[MARKS];             /* watchers of the subjects of one hash */
};

/* --- messages --- */

static void append_event(struct buf *b, uint64_t id, const char *event, const char *json, size_t n)
{
    if (event == NULL) {
        buf_puts(b, ":\n\n");
        return;
    }
    buf_puts(b, "id: ");
    buf_add_u64(b, id);
    buf_puts(b, "\nevent: ");
    buf_puts(b, event);
    while (n > 0) { /* a line end in the data starts another data line */
        const char *nl = memchr(json, '\n', n);
        size_t part = nl != NULL ? (size_t)(nl - json) : n;
        buf_puts(b, "\ndata: ");
        buf_add(b, json, part);
        part += nl != NULL;
        json += part;
        n -= part;
    }
    buf_puts(b, "\n\n");
}

static struct message *message_of(const struct buf *text, const struct sse_about *about,
                                  const char *event)
{
    struct message *m = calloc(1, sizeof(*m) + text->len + 1);
    must(m != NULL);
    memcpy(m->text, text->data, text->len);
    m->len = text->len;
    m->subject = about->subject;
    m->subjects_only = about->subjects_only;
    m->grouped = about->group != NULL;
    snprintf(m->kind, sizeof(m->kind), "%s", event != NULL ? event : "");
    snprintf(m->group, sizeof(m->group), "%s", m->grouped ? about->group : "");
    return m;
}

static void message_drop(struct message *m)
{
    must(m->refs > 0);
    if (--m->refs == 0) {
        free(m);
    }
}

/* --- streams --- */

static void wake(struct sse_stream *s)
{
    if (s->suspended) {
        s->suspended = false;
        MHD_resume_connection(s->conn);
    }
}

static void queue_clear(struct sse_stream *s)
{
    for (size_t i = s->at; i < s->queue.n; i++) {
        message_drop(s->queue.at[i]);
    }
    vec_done(&s->queue);
    s->at = s->sent = s->queued = 0;
}

static void queue_put(struct sse_stream *s, struct message *m)
{
    if (s->queued + m->len > STREAM_MAX) {
        s->ended = true;
        return;
    }
    if (s->at > 64 && s->at * 2 > s->queue.n) { /* what was sent makes room */
        memmove(s->queue.at, s->queue.at + s->at, (s->queue.n - s->at) * sizeof(*s->queue.at));
        s->queue.n -= s->at;
        s->at = 0;
    }
    vec_push(&s->queue, m);
    m->refs++;
    s->queued += m->len;
}

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n) {
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool may_see(const struct sse_filter *f, const struct message *m)
{
    if (f->groups == NULL || m->kind[0] == '\0') {
        return true;
    }
    if (!m->grouped) { /* of no group: whoever is limited to groups does not see it */
        return f->groups_hidden || strcmp(m->kind, "config") == 0;
    }
    for (char **g = f->groups; *g != NULL; g++) {
        if (strcmp(*g, m->group) == 0) {
            return !f->groups_hidden;
        }
    }
    return f->groups_hidden;
}

static void offer(struct sse_stream *s, struct message *m)
{
    bool wanted = m->kind[0] == '\0' || s->want.kinds == NULL || in_list(s->want.kinds, m->kind);
    if (s->ended || !wanted || !may_see(&s->want, m)) {
        return;
    }
    queue_put(s, m);
    wake(s);
}

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
        offer(w->streams.at[i], m);
    }
    bool all = !m->subjects_only || atomic_load(&h->n_unbounded) > 0;
    for (struct sse_stream *s = all ? h->streams : NULL; s != NULL; s = s->next) {
        if (!m->subjects_only || !s->want.by_subject) {
            offer(s, m);
        }
    }
    message_drop(m);
}

static void end_all(struct sse_hub *h)
{
    for (struct sse_stream *s = h->streams; s != NULL; s = s->next) {
        s->ended = true;
        wake(s);
    }
}

/* Everything that has arrived; NULL: the hub ends. */
static struct message *take_inbox(struct sse_hub *h, bool *overflowed)
{
    pthread_mutex_lock(&h->inbox_lock);
    while (h->first == NULL && !h->stop) {
        pthread_cond_wait(&h->arrived, &h->inbox_lock);
    }
    struct message *all = h->first;
    *overflowed = h->overflowed;
    h->overflowed = false;
    h->first = NULL;
    h->last = &h->first;
    h->inbox_bytes = 0;
    pthread_mutex_unlock(&h->inbox_lock);
    return all;
}

static void *hub_main(void *arg)
{
    struct sse_hub *h = arg;
    bool overflowed;
    for (struct message *m; (m = take_inbox(h, &overflowed)) != NULL;) {
        pthread_mutex_lock(&h->lock);
        if (overflowed) { /* what was lost cannot be told; they read afresh */
            end_all(h);
        }
        while (m != NULL) {
            struct message *next = m->next;
            distribute(h, m);
            m = next;
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
    struct buf text = BUF_INIT(STREAM_MAX);
    pthread_mutex_lock(&h->inbox_lock);
    uint64_t id = event != NULL ? ++h->last_id : h->last_id;
    if (sse_streams(h) > 0) {
        append_event(&text, id, event, json, n);
    }
    bool fits = !text.failed && h->inbox_bytes + text.len <= INBOX_MAX;
    h->overflowed = h->overflowed || !fits;
    if (text.len > 0 && fits) {
        struct message *m = message_of(&text, about, event);
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

/* --- reading: MHD's threads --- */

static size_t give_bytes(struct sse_stream *s, char *out, size_t max)
{
    size_t given = 0;
    while (given < max && s->at < s->queue.n) {
        struct message *m = s->queue.at[s->at];
        size_t part = m->len - s->sent < max - given ? m->len - s->sent : max - given;
        memcpy(out + given, m->text + s->sent, part);
        given += part;
        s->sent += part;
        s->queued -= part;
        if (s->sent == m->len) {
            message_drop(m);
            s->at++;
            s->sent = 0;
        }
    }
    if (s->at == s->queue.n) {
        s->at = s->queue.n = 0;
    }
    return given;
}

/* MHD wants bytes. Runs on the connection's MHD thread. */
static ssize_t on_read(void *arg, uint64_t pos, char *out, size_t max)
{
    struct sse_stream *s = arg;
    (void)pos;
    pthread_mutex_lock(&s->hub->lock);
    ssize_t give = (ssize_t)give_bytes(s, out, max);
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

static void filter_done(struct sse_filter *f)
{
    for (char **g = f->groups; g != NULL && *g != NULL; g++) {
        free(*g);
    }
    free(f->groups);
    free(f->subjects);
    free(f->kinds);
    *f = (struct sse_filter){0};
}

static void stream_free(struct sse_stream *s)
{
    queue_clear(s);
    filter_done(&s->want);
    free(s);
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
    stream_free(s);
    bool last = atomic_fetch_sub(&h->n_streams, 1) == 1 && h->freed;
    pthread_mutex_unlock(&h->lock);
    if (last) {
        hub_destroy(h);
    }
}

/* A message of the stream's own. */
static void tell(struct sse_stream *s, const struct buf *text)
{
    struct message *m = message_of(text, &(struct sse_about){0}, NULL);
    m->refs = 1;
    queue_put(s, m);
    message_drop(m);
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
        append_event(&text, now, "reset", "{}", 2);
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
        stream_free(s);
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
    pthread_mutex_lock(&h->inbox_lock);
    h->stop = true;
    pthread_cond_signal(&h->arrived);
    pthread_mutex_unlock(&h->inbox_lock);
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
