/* Between http_server.c, http_bind.c, http_stream.c and sse.c. */
#ifndef IO_HTTP_SERVER_PRIV_H
#define IO_HTTP_SERVER_PRIV_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "io/http_server.h"

/* A listening socket, or -1. Without a port any free one is taken: *port says which. */
int http__bind_tcp(const struct http_server_config *cfg, uint16_t *port, struct err *err);
int http__bind_unix(const char *path, struct err *err); /* 0600 */

/* Makes the response of an event stream on this connection; the hub owns the stream's state until
 * libmicrohttpd closes it. NULL when the hub is full or closing. Once *stopping is set no stream suspends
 * itself any more: MHD must not be stopped with suspended connections. */
struct MHD_Response *sse__open(struct sse_hub *h, struct MHD_Connection *conn, uint64_t last_id,
                               const atomic_bool *stopping);
/* The response of a streamed body; takes `first`, which is empty then, and st. Without workers pieces are made on MHD's thread. */
struct http__streams {
    struct workers *workers; /* or NULL */
    const atomic_bool *stopping;
    int64_t grace_ns;
    size_t min_rate;
    atomic_uint_fast64_t now, cut;
};
struct MHD_Response *http__stream_open(struct http__streams *all, struct MHD_Connection *conn,
                                       struct buf *first, const struct http_stream *st);

/* Ends every stream: each is resumed and answers end of stream. */
void sse__end_all(struct sse_hub *h);

#endif
