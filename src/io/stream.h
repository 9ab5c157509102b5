/* A byte stream over TCP or a Unix socket, optionally TLS, for fibers. Every call takes an absolute deadline (ns,
 * CLOCK_MONOTONIC). Error messages name the address: "connection refused by 10.0.0.5:5432". */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/addr.h"
#include "io/resolve.h"
#include "io/tls.h"

struct stream;

/* NULL on failure. TCP_NODELAY is set. */
struct stream *stream_connect(const struct addr *to, int64_t deadline_ns, struct err *err);
struct stream *stream_connect_unix(const char *path, int64_t deadline_ns, struct err *err);
/* Tries the addresses in order until one answers, dividing the time left between those still to try;
 * *used is the one that answered (or the last tried). */
struct stream *stream_connect_any(const struct resolved *to, int64_t deadline_ns, struct addr *used,
                                  struct err *err);
/* The same from an address of this host (NULL: any); addresses of the other family are passed over. */
struct stream *stream_connect_from(const struct resolved *to, const struct addr *from,
                                   int64_t deadline_ns, struct addr *used, struct err *err);
void stream_close(
    struct stream **s); /* abortive (RST) when data is unread: probes leave no TIME_WAIT */

/* TLS handshake as client on an open stream. Contexts are cached per distinct options, so a CA file is
 * read once (and again when its mtime changes). ERR_TLS names the reason. */
int stream_start_tls(struct stream *s, const struct tls_options *opt, int64_t deadline_ns,
                     struct err *err);
/* The same on another connection to the server of `first`, whose session it takes up, as FTP servers ask it of a data
 * connection: they know by that who comes. A server that does not want it gets a full handshake. */
int stream_resume_tls(struct stream *s, struct stream *first, const struct tls_options *opt,
                      int64_t deadline_ns, struct err *err);
/* Fills *info (chain in arena). Also after a failed handshake: what was seen before it failed. */
void stream_tls_info(struct stream *s, struct arena *a, struct tls_info *info);

/* Reads 1…n bytes; 0 at end of stream; -1. */
ssize_t stream_read(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err);
/* Exactly n bytes; PROTOCOL "closed after X of N bytes" at an early end. */
int stream_read_full(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err);
/* Appends one line without its CRLF/LF to out; TOO_LARGE past out->max. Buffered with stream_read. */
int stream_read_line(struct stream *s, struct buf *out, int64_t deadline_ns, struct err *err);
int stream_write(struct stream *s, const void *p, size_t n, int64_t deadline_ns, struct err *err);
int stream_fd(const struct stream *s);
const struct addr *stream_peer(const struct stream *s);

/* Datagram sockets: connected UDP. One send, then receive until the deadline. */
int udp_connect(const struct addr *to,
                struct err *err); /* returns a non-blocking descriptor or -1 */
int udp_connect_from(const struct addr *to, const struct addr *from, /* NULL: any of this host's */
                     struct err *err);
ssize_t udp_recv(int fd, void *p, size_t n, int64_t deadline_ns, struct err *err);
void udp_close(int fd); /* on the loop's thread: it forgets the descriptor too */

#endif
