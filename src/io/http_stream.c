/* Answers that are made while they are sent (struct http_stream). Each has one piece in memory, which MHD's thread sends; when the
 * client has taken all of it the connection is suspended and a worker makes the next one:
 *
 *     SENDING --piece taken--> MAKING        (on_pull: suspended, a worker is asked)
 *     MAKING --made--> SENDING               (on_worker, then resumed)
 *     SENDING --last piece taken--> ended    (on_pull: end of stream)
 *     SENDING, MAKING --broken, server stops, client too slow--> cut
 *
 * MHD neither reads nor frees a suspended connection, so the piece belongs to MHD's thread in SENDING and to the worker in
 * MAKING, without a lock. A client that left is noticed when MHD writes to it: then MHD frees the response, on_free. One that takes
 * nothing is MHD's to end (the connection's timeout); one that takes too little is ended here. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/http_server_priv.h"

#define STREAM_MAGIC 0x57e4a901u
#define BLOCK_SIZE   ((size_t)16 << 10) /* of MHD's own buffer */
#define PIECE_MAX \
    ((size_t)256 << 20) /* what one series may take: pieces are HTTP_PIECE as a rule */

struct body_stream {
    uint32_t magic;
    struct http__streams *all;
    struct MHD_Connection *conn;
    struct http_stream st;
    struct worker_job job;
    struct buf piece;
    size_t taken; /* of the piece */
    enum http_more more;
    bool making;
    uint64_t sent;      /* bytes of the pieces that were taken as a whole */
    int64_t offered_ns; /* when the piece was there for the client to take */
    int64_t waited_ns;  /* for the client, in all */
};

static void make_piece(struct body_stream *b)
{
    must(b->making && b->more == HTTP_MORE);
    buf_clear(&b->piece);
    b->taken = 0;
    b->more = atomic_load(b->all->stopping) ? HTTP_BROKEN : b->st.next(b->st.ctx, &b->piece);
    if (b->piece.failed) {
        b->more = HTTP_BROKEN;
    }
    must(b->more != HTTP_MORE || b->piece.len > 0);
    b->offered_ns = clock_mono_ns();
    b->making = false;
}

static void on_worker(struct worker_job *job)
{
    struct body_stream *b = container_of(job, struct body_stream, job);
    check_magic(b, STREAM_MAGIC);
    struct MHD_Connection *conn = b->conn;
    make_piece(b);
    MHD_resume_connection(conn); /* b is MHD's thread's again */
}

/* Has the client taken so little that it is not to hold memory any longer? */
static bool too_slow(const struct body_stream *b)
{
    return b->waited_ns > b->all->grace_ns &&
           b->sent / b->all->min_rate < (uint64_t)(b->waited_ns / NS_PER_S);
}

/* The client has all of the piece: has the next one made. What MHD is to be told. */
static ssize_t go_on(struct body_stream *b)
{
    b->sent += b->piece.len;
    b->waited_ns += clock_mono_ns() - b->offered_ns;
    if (too_slow(b)) {
        atomic_fetch_add(&b->all->cut, 1);
        b->more = HTTP_BROKEN;
    }
    if (b->more != HTTP_MORE || atomic_load(b->all->stopping)) {
        return b->more == HTTP_LAST ? MHD_CONTENT_READER_END_OF_STREAM
                                    : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    b->making = true;
    if (b->all->workers == NULL) {
        make_piece(b);
        return 0;
    }
    MHD_suspend_connection(b->conn); /* before a worker can resume it */
    if (!workers_continue(b->all->workers, &b->job)) {
        b->more = HTTP_BROKEN;
        b->making = false;
        buf_clear(&b->piece);
        b->taken = 0;
        MHD_resume_connection(b->conn);
    }
    return 0;
}

/* MHD wants bytes. Runs on the connection's MHD thread. */
static ssize_t on_pull(void *arg, uint64_t pos, char *out, size_t max)
{
    struct body_stream *b = arg;
    (void)pos;
    check_magic(b, STREAM_MAGIC);
    must(!b->making);
    if (b->taken == b->piece.len) {
        ssize_t rc = go_on(b);
        if (rc != 0 || b->all->workers != NULL) {
            return rc;
        }
    }
    size_t left = b->piece.len - b->taken, n = left < max ? left : max;
    if (n > 0) {
        memcpy(out, b->piece.data + b->taken, n);
        b->taken += n;
    }
    return (ssize_t)n;
}

static void on_free(void *arg)
{
    struct body_stream *b = arg;
    check_magic(b, STREAM_MAGIC);
    must(!b->making);
    b->st.done(b->st.ctx);
    buf_done(&b->piece);
    atomic_fetch_sub(&b->all->now, 1);
    b->magic = 0;
    free(b);
}

struct MHD_Response *http__stream_open(struct http__streams *all, struct MHD_Connection *conn,
                                       struct buf *first, const struct http_stream *st)
{
    must(st->next != NULL && st->done != NULL && all->min_rate > 0);
    struct body_stream *b = calloc(1, sizeof(*b));
    must(b != NULL);
    *b = (struct body_stream){.magic = STREAM_MAGIC,
                              .all = all,
                              .conn = conn,
                              .st = *st,
                              .job.run = on_worker,
                              .piece = *first,
                              .more = HTTP_MORE,
                              .offered_ns = clock_mono_ns()};
    b->piece.max = PIECE_MAX;
    buf_init(first, first->max);
    atomic_fetch_add(&all->now, 1);
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_pull, b, on_free);
    must(r != NULL);
    return r;
}
