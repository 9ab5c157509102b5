/* Between sse.c, the hub, and sse_stream.c, what waits for one stream. Everything under the hub's lock. */
#ifndef IO_SSE_PRIV_H
#define IO_SSE_PRIV_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/vec.h"
#include "io/http_server_priv.h"

#define SSE_STREAM_MAX ((size_t)256 << 10) /* bytes that wait for one stream */

/* What was published, as it is sent. Shared by the streams that it waits for. */
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

/* The text of an event, of any thread; event NULL: a comment, so that proxies see life. */
void sse__event_text(struct buf *b, uint64_t id, const char *event, const char *json, size_t n);
/* Any thread; refs is 0. */
struct message *sse__message_new(const struct buf *text, const struct sse_about *about,
                                 const char *event);
void sse__message_drop(struct message *m); /* the last reference frees */

/* Queues the message if the stream wants it and may see it, and wakes its reader. */
void sse__offer(struct sse_stream *s, struct message *m);
/* Queues it in any case; a full queue ends the stream. */
void sse__queue_put(struct sse_stream *s, struct message *m);
void sse__queue_clear(struct sse_stream *s);
/* Up to max of the bytes that wait; 0: none do. */
size_t sse__queue_take(struct sse_stream *s, char *out, size_t max);
void sse__wake(struct sse_stream *s);
void sse__stream_free(struct sse_stream *s); /* it is in no list any more */

#endif
