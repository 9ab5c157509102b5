/* Server-sent events: a hub hands every event to every open stream (WHATWG HTML, 9.2).
 *
 * sse_publish may run on any thread; each stream's reader runs on its MHD thread. A reader without
 * bytes suspends its connection, and publishing resumes it. Lock: the hub's, held briefly; MHD's resume
 * only sets a flag and wakes the daemon, so it may be called under it.
 *
 * Every 15 s of silence a comment line is owed so that proxies keep the connection and a dead client is
 * noticed: sse_publish with a NULL event sends it (the core's timer calls that). */
#include <stdatomic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/http_server_priv.h"

#define HUB_MAGIC   0x55e4b001u
#define STREAM_MAX  ((size_t)256 << 10)
#define STREAMS_MAX 256

struct sse_stream {
    struct sse_hub *hub;
    struct sse_stream *next, *prev;
    struct MHD_Connection *conn;
    const atomic_bool *stopping; /* the server's */
    struct buf pending;
    bool suspended;
    bool ended; /* its buffer was full, or the server stops: the reader answers end of stream */
};

struct sse_hub {
    uint32_t magic;
    pthread_mutex_t lock; /* guards everything below and the streams */
    struct sse_stream *streams;
    size_t n_streams;
    uint64_t last_id;
    bool freed; /* sse_hub_free was called; the last stream frees */
};

struct sse_hub *sse_hub_new(void)
{
    struct sse_hub *h = calloc(1, sizeof(*h));
    must(h != NULL);
    h->magic = HUB_MAGIC;
    must(pthread_mutex_init(&h->lock, NULL) == 0);
    return h;
}

static void hub_destroy(struct sse_hub *h)
{
    must(h->n_streams == 0);
    pthread_mutex_destroy(&h->lock);
    h->magic = 0;
    free(h);
}

static void wake(struct sse_stream *s)
{
    if (s->suspended) {
        s->suspended = false;
        MHD_resume_connection(s->conn);
    }
}

void sse__end_all(struct sse_hub *h)
{
    check_magic(h, HUB_MAGIC);
    pthread_mutex_lock(&h->lock);
    for (struct sse_stream *s = h->streams; s != NULL; s = s->next) {
        s->ended = true;
        wake(s);
    }
    pthread_mutex_unlock(&h->lock);
}

void sse_hub_free(struct sse_hub *h)
{
    if (h == NULL) {
        return;
    }
    sse__end_all(h);
    pthread_mutex_lock(&h->lock);
    h->freed = true;
    bool last = h->n_streams == 0;
    pthread_mutex_unlock(&h->lock);
    if (last) {
        hub_destroy(h);
    }
}

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

void sse_publish(struct sse_hub *h, const char *event, const char *json, size_t n)
{
    check_magic(h, HUB_MAGIC);
    struct buf text = BUF_INIT(STREAM_MAX);
    pthread_mutex_lock(&h->lock);
    uint64_t id = event != NULL ? ++h->last_id : h->last_id;
    if (h->streams != NULL) {
        append_event(&text, id, event, json, n);
    }
    for (struct sse_stream *s = h->streams; s != NULL; s = s->next) {
        if (s->ended) {
            continue;
        }
        buf_add(&s->pending, text.data, text.len);
        s->ended = s->pending.failed || text.failed;
        wake(s);
    }
    pthread_mutex_unlock(&h->lock);
    buf_done(&text);
}

size_t sse_streams(const struct sse_hub *hub)
{
    struct sse_hub *h = (struct sse_hub *)hub; /* the lock is not part of its constness */
    check_magic(h, HUB_MAGIC);
    pthread_mutex_lock(&h->lock);
    size_t n = h->n_streams;
    pthread_mutex_unlock(&h->lock);
    return n;
}

/* MHD wants bytes. Runs on the connection's MHD thread. */
static ssize_t on_read(void *arg, uint64_t pos, char *out, size_t max)
{
    struct sse_stream *s = arg;
    ssize_t give = 0;
    (void)pos;
    pthread_mutex_lock(&s->hub->lock);
    if (s->pending.len > 0 && !s->pending.failed) {
        give = (ssize_t)(s->pending.len < max ? s->pending.len : max);
        memcpy(out, s->pending.data, (size_t)give);
        buf_drop_front(&s->pending, (size_t)give);
    } else if (s->ended || atomic_load(s->stopping)) {
        give = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->suspended = true;
        MHD_suspend_connection(s->conn);
    }
    pthread_mutex_unlock(&s->hub->lock);
    return give;
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
    must(h->n_streams > 0);
    h->n_streams--;
    bool last = h->freed && h->n_streams == 0;
    pthread_mutex_unlock(&h->lock);
    buf_done(&s->pending);
    free(s);
    if (last) {
        hub_destroy(h);
    }
}

struct MHD_Response *sse__open(struct sse_hub *h, struct MHD_Connection *conn, uint64_t last_id,
                               const atomic_bool *stopping)
{
    check_magic(h, HUB_MAGIC);
    struct sse_stream *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->hub = h;
    s->conn = conn;
    s->stopping = stopping;
    buf_init(&s->pending, STREAM_MAX);
    buf_puts(&s->pending, "retry: 1000\n\n");
    pthread_mutex_lock(&h->lock);
    bool full = h->n_streams >= STREAMS_MAX || h->freed;
    if (!full) {
        if (last_id != 0 && last_id < h->last_id) { /* events were missed: read afresh */
            append_event(&s->pending, h->last_id, "reset", "{}", 2);
        }
        s->next = h->streams;
        if (s->next != NULL) {
            s->next->prev = s;
        }
        h->streams = s;
        h->n_streams++;
    }
    pthread_mutex_unlock(&h->lock);
    if (full) {
        buf_done(&s->pending);
        free(s);
        return NULL;
    }
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_read, s, on_free);
    must(r != NULL);
    return r;
}
