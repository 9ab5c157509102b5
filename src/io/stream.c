/* Byte streams over TCP and Unix sockets for fibers; the TLS half is stream_tls.c. Called by probers,
 * clients and channels on the loop's thread. Non-blocking sockets; each call tries first and waits only
 * if it must. */
#include "io/stream_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define STREAM_BUF 4096

/* "10.0.0.5:5432" or the Unix path. */
const char *stream__name(const struct stream *s, char *buf)
{
    return s->unix_path != NULL ? s->unix_path : addr_text(&s->peer, buf);
}

/* Turns errno of a connection into the words an operator uses. */
int io__fail_connect(int error, const char *who, const char *doing, struct err *err)
{
    errno = error;
    switch (error) {
    case ECONNREFUSED:
        err_set(err, ERR_REFUSED, "connection refused by %s", who);
        break;
    case ECONNRESET:
    case EPIPE:
        err_set(err, ERR_REFUSED, "connection reset by %s", who);
        break;
    case ETIMEDOUT:
        err_set(err, ERR_TIMEOUT, "no answer from %s", who);
        break;
    case EHOSTUNREACH:
    case ENETUNREACH:
        err_set(err, ERR_REFUSED, "no route to %s", who);
        break;
    default:
        return err_sys(err, ERR_IO, "cannot %s %s", doing, who);
    }
    if (err != NULL) {
        err->sys_errno = error;
    }
    return -1;
}

int stream__fail(const struct stream *s, int error, const char *doing, struct err *err)
{
    char name[ADDR_TEXT];
    return io__fail_connect(error, stream__name(s, name), doing, err);
}

/* Waits; a passed deadline is told with the address and what was going on. */
int stream__wait(struct stream *s, int events, int64_t deadline_ns, const char *doing,
                 struct err *err)
{
    struct err e = {0};
    int got = io__wait(s->fd, events, deadline_ns, &e);
    if (got >= 0) {
        return got;
    }
    if (e.code != ERR_TIMEOUT) {
        if (err != NULL) {
            *err = e;
        }
        return -1;
    }
    char name[ADDR_TEXT];
    return err_set(err, ERR_TIMEOUT, "timeout while %s %s", doing, stream__name(s, name));
}

static struct stream *new_stream(int family, struct err *err)
{
    must(fiber_self() != NULL);
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot create a socket");
        return NULL;
    }
    struct stream *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = STREAM_MAGIC;
    s->loop = fiber_loop();
    s->fd = fd;
    return s;
}

static int finish_connect(struct stream *s, const struct sockaddr *sa, socklen_t len,
                          int64_t deadline_ns, struct err *err)
{
    if (connect(s->fd, sa, len) == 0) {
        return 0;
    }
    if (errno == EINPROGRESS && s->local && connect(s->fd, sa, len) == 0) {
        return 0; /* over loopback the handshake has ended by now: no turn of the loop needed */
    }
    if (errno != EINPROGRESS && errno != EALREADY) {
        return stream__fail(s, errno, "connect to", err);
    }
    int got = stream__wait(s, IO_WRITE, deadline_ns, "connecting to", err);
    if (got < 0) {
        return -1;
    }
    if (got & IO__ERROR) {
        int error = 0;
        socklen_t n = sizeof(error);
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error != 0) {
            return stream__fail(s, error, "connect to", err);
        }
    }
    return 0;
}

static bool is_loopback(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET) {
        return ntohl(a->in4.sin_addr.s_addr) >> 24 == 127;
    }
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

static int bind_to(struct stream *s, const struct addr *from, struct err *err)
{
    char name[ADDR_TEXT];
#ifdef IP_BIND_ADDRESS_NO_PORT
    int one = 1; /* connect picks the port: a port may then serve several targets */
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
#endif
    if (bind(s->fd, &from->sa, addr_len(from)) == 0) {
        return 0;
    }
    return err_sys(err, ERR_IO, "cannot connect from %s", addr_ip(from, name));
}

static struct stream *connect_one(const struct addr *to, const struct addr *from,
                                  int64_t deadline_ns, struct err *err)
{
    struct stream *s = new_stream(to->sa.sa_family, err);
    if (s == NULL) {
        return NULL;
    }
    s->peer = *to;
    s->local = is_loopback(to);
    if ((from != NULL && bind_to(s, from, err) != 0) ||
        finish_connect(s, &to->sa, addr_len(to), deadline_ns, err) != 0) {
        stream_close(&s);
    }
    return s;
}

struct stream *stream_connect(const struct addr *to, int64_t deadline_ns, struct err *err)
{
    return connect_one(to, NULL, deadline_ns, err);
}

struct stream *stream_connect_unix(const char *path, int64_t deadline_ns, struct err *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(un.sun_path)) {
        err_set(err, ERR_TOO_LARGE, "cannot connect to %.120s: the path has %zu bytes; want ≤ %zu",
                path, n, sizeof(un.sun_path) - 1);
        return NULL;
    }
    memcpy(un.sun_path, path, n);
    struct stream *s = new_stream(AF_UNIX, err);
    if (s == NULL) {
        return NULL;
    }
    s->unix_path = strdup(path);
    must(s->unix_path != NULL);
    for (;;) {
        if (connect(s->fd, (struct sockaddr *)&un, sizeof(un)) == 0) {
            return s;
        }
        if (errno != EAGAIN || clock_mono_ns() >= deadline_ns) { /* EAGAIN: its backlog is full */
            stream__fail(s, errno == EAGAIN ? ETIMEDOUT : errno, "connect to", err);
            break;
        }
        if (fiber_sleep(clock_mono_ns() + 10 * NS_PER_MS, err) != 0) {
            break;
        }
    }
    stream_close(&s);
    return NULL;
}

static struct stream *try_each(const struct resolved *to, const struct addr *from,
                               int64_t deadline_ns, struct addr *used, struct err *err)
{
    must(to->n >= 1 && to->n <= RESOLVE_MAX);
    for (int i = 0; i < to->n; i++) {
        int64_t until = deadline_ns;
        if (deadline_ns != IO_FOREVER) {
            until = deadline_share(deadline_ns, (size_t)(to->n - i));
        }
        struct err e = {0};
        struct stream *s = connect_one(&to->at[i], from, until, &e);
        if (used != NULL) {
            *used = to->at[i];
        }
        bool last = i + 1 == to->n || e.code == ERR_CANCELLED || clock_mono_ns() >= deadline_ns;
        if (s != NULL || last) {
            if (s == NULL && err != NULL) {
                *err = e;
            }
            return s;
        }
    }
    return NULL;
}

struct stream *stream_connect_any(const struct resolved *to, int64_t deadline_ns, struct addr *used,
                                  struct err *err)
{
    return try_each(to, NULL, deadline_ns, used, err);
}

struct stream *stream_connect_from(const struct resolved *to, const struct addr *from,
                                   int64_t deadline_ns, struct addr *used, struct err *err)
{
    struct resolved same = {.n = 0};
    char name[ADDR_TEXT];
    if (from == NULL) {
        return try_each(to, NULL, deadline_ns, used, err);
    }
    for (int i = 0; i < to->n; i++) {
        if (to->at[i].sa.sa_family == from->sa.sa_family) {
            same.at[same.n++] = to->at[i];
        }
    }
    if (same.n == 0) {
        err_set(err, ERR_INVALID, "cannot connect from %s: the target has no IPv%c address",
                addr_ip(from, name), from->sa.sa_family == AF_INET6 ? '6' : '4');
        return NULL;
    }
    return try_each(&same, from, deadline_ns, used, err);
}

void stream_close(struct stream **ps)
{
    struct stream *s = *ps;
    if (s == NULL) {
        return;
    }
    check_magic(s, STREAM_MAGIC);
    loop__assert_thread(s->loop);
    stream__tls_done(s);
    if (!s->eof && s->unix_path == NULL) {
        struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
    }
    loop__fd_gone(s->loop, s->fd);
    close(s->fd);
    free(s->unix_path);
    free(s->in);
    s->magic = 0;
    free(s);
    *ps = NULL;
}

/* --- reading --- */

static ssize_t raw_read(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    for (;;) {
        ssize_t got = recv(s->fd, p, n, 0);
        if (got >= 0) {
            s->eof = got == 0;
            return got;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return stream__fail(s, errno, "read from", err);
        }
        if (errno == EAGAIN &&
            stream__wait(s, IO_READ, deadline_ns, "waiting for an answer from", err) < 0) {
            return -1;
        }
    }
}

static ssize_t read_some(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    return s->ssl != NULL ? stream__tls_read(s, p, n, deadline_ns, err)
                          : raw_read(s, p, n, deadline_ns, err);
}

ssize_t stream_read(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    check_magic(s, STREAM_MAGIC);
    must(n > 0);
    size_t have = s->in_end - s->in_start;
    if (have > 0) {
        n = n < have ? n : have;
        memcpy(p, s->in + s->in_start, n);
        s->in_start += n;
        return (ssize_t)n;
    }
    return read_some(s, p, n, deadline_ns, err);
}

int stream_read_full(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    for (size_t have = 0; have < n;) {
        ssize_t got = stream_read(s, (char *)p + have, n - have, deadline_ns, err);
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            char name[ADDR_TEXT];
            return err_set(err, ERR_PROTOCOL, "%s closed after %zu of %zu bytes",
                           stream__name(s, name), have, n);
        }
        have += (size_t)got;
    }
    return 0;
}

int stream__fill(struct stream *s, int64_t deadline_ns, struct err *err)
{
    if (s->in == NULL) {
        s->in = malloc(STREAM_BUF);
        must(s->in != NULL);
    }
    must(s->in_start == s->in_end);
    s->in_start = s->in_end = 0;
    ssize_t got = read_some(s, s->in, STREAM_BUF, deadline_ns, err);
    if (got < 0) {
        return -1;
    }
    s->in_end = (size_t)got;
    return got > 0;
}

int stream_read_line(struct stream *s, struct buf *out, int64_t deadline_ns, struct err *err)
{
    check_magic(s, STREAM_MAGIC);
    size_t start = out->len;
    for (;;) {
        if (s->in_start == s->in_end) {
            int more = stream__fill(s, deadline_ns, err);
            if (more < 0) {
                return -1;
            }
            if (more == 0) {
                char name[ADDR_TEXT];
                return err_set(err, ERR_PROTOCOL, "%s closed %s", stream__name(s, name),
                               out->len > start ? "in the middle of a line" : "the connection");
            }
        }
        const char *p = s->in + s->in_start;
        size_t have = s->in_end - s->in_start;
        const char *nl = memchr(p, '\n', have);
        size_t n = nl != NULL ? (size_t)(nl - p) : have;
        buf_add(out, p, n);
        if (out->failed) {
            return err_set(err, ERR_TOO_LARGE, "a line is longer than %zu bytes", out->max - start);
        }
        s->in_start += n + (nl != NULL);
        if (nl != NULL) {
            if (out->len > start && out->data[out->len - 1] == '\r') {
                out->data[--out->len] = '\0';
            }
            return 0;
        }
    }
}

/* --- writing --- */

static int raw_write(struct stream *s, const char *p, size_t n, int64_t deadline_ns,
                     struct err *err)
{
    while (n > 0) {
        ssize_t put = send(s->fd, p, n, MSG_NOSIGNAL);
        if (put >= 0) {
            p += put;
            n -= (size_t)put;
        } else if (errno == EAGAIN) {
            if (stream__wait(s, IO_WRITE, deadline_ns, "sending to", err) < 0) {
                return -1;
            }
        } else if (errno != EINTR) {
            return stream__fail(s, errno, "send to", err);
        }
    }
    return 0;
}

/* At the second write: a lone first segment is never held back, and a probe that only connects, or
 * asks once, saves the system call. */
void stream__nodelay(struct stream *s)
{
    if (s->writes++ == 1 && s->unix_path == NULL) {
        int one = 1;
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
}

int stream_write(struct stream *s, const void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    check_magic(s, STREAM_MAGIC);
    if (s->ssl != NULL) {
        return stream__tls_write(s, p, n, deadline_ns, err);
    }
    stream__nodelay(s);
    return raw_write(s, p, n, deadline_ns, err);
}

int stream_fd(const struct stream *s)
{
    check_magic(s, STREAM_MAGIC);
    return s->fd;
}

const struct addr *stream_peer(const struct stream *s)
{
    check_magic(s, STREAM_MAGIC);
    return &s->peer;
}
