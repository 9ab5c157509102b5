/* Shared by stream.c, stream_tls.c and the HTTP client: a stream's insides. */
#ifndef IO_STREAM_PRIV_H
#define IO_STREAM_PRIV_H

#include <openssl/ssl.h>

#include "io/loop_priv.h"
#include "io/stream.h"
#include "io/tls_priv.h"

#define STREAM_MAGIC 0x57a3a301u

struct stream {
    uint32_t magic;
    struct loop *loop;
    int fd;
    bool eof;   /* the peer has closed: an ordinary close leaves it the TIME_WAIT */
    bool local; /* over the loopback interface */
    unsigned writes;
    struct addr peer;
    char *unix_path;
    SSL *ssl;
    struct tls_seen seen;
    char *in; /* read-ahead of stream_read_line */
    size_t in_start, in_end;
};

const char *stream__name(const struct stream *s, char *buf);
int io__fail_connect(int error, const char *who, const char *doing, struct err *err);
int stream__fail(const struct stream *s, int error, const char *doing, struct err *err);
int stream__wait(struct stream *s, int events, int64_t deadline_ns, const char *doing,
                 struct err *err);
/* Reads into s->in, which must be empty. 1, 0 at the end, -1. */
int stream__fill(struct stream *s, int64_t deadline_ns, struct err *err);
void stream__nodelay(struct stream *s);

/* stream_tls.c */
ssize_t stream__tls_read(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err);
int stream__tls_write(struct stream *s, const void *p, size_t n, int64_t deadline_ns,
                      struct err *err);
void stream__tls_done(struct stream *s);

#endif
