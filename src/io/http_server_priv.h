/* Between http_server.c, http_bind.c and sse.c. */
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
/* Ends every stream: each is resumed and answers end of stream. */
void sse__end_all(struct sse_hub *h);

#endif
