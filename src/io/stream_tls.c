/* The TLS half of struct stream: handshake, read, write over OpenSSL with a non-blocking socket.
 * Runs on fibers; the handshake needs about 12 KiB of stack. */
#include "io/stream_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Name and address checks by RFC 6125, inside X509_verify_cert. */
static void set_name(SSL *ssl, const struct tls_options *opt)
{
    struct addr a;
    if (opt->server_name == NULL || opt->server_name[0] == '\0') {
        return;
    }
    bool literal = addr_parse_ip(opt->server_name, 0, &a);
    if (!literal) {
        SSL_set_tlsext_host_name(ssl, opt->server_name);
    }
    if (!opt->verify) {
        return;
    }
    if (literal) {
        char ip[ADDR_TEXT];
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), addr_ip(&a, ip));
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        SSL_set1_host(ssl, opt->server_name);
    }
}

/* After an SSL_* call that returned `rc`: 1 try again, 0 the peer closed, -1. */
static int again(struct stream *s, int rc, int64_t deadline_ns, const char *doing, struct err *err)
{
    int error = errno;
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return stream__wait(s, IO_READ, deadline_ns, doing, err) < 0 ? -1 : 1;
    case SSL_ERROR_WANT_WRITE:
        return stream__wait(s, IO_WRITE, deadline_ns, doing, err) < 0 ? -1 : 1;
    case SSL_ERROR_ZERO_RETURN:
        s->eof = true;
        return 0;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        if (error == 0) {
            s->eof = true;
            return 0;
        }
        return stream__fail(s, error, "talk to", err);
    default: {
        char name[ADDR_TEXT];
        return tls__fail(NULL, NULL, stream__name(s, name), err);
    }
    }
}

static int handshake(struct stream *s, const struct tls_options *opt, int64_t deadline_ns,
                     struct err *err)
{
    char name[ADDR_TEXT];
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int rc = SSL_connect(s->ssl);
        if (rc == 1) {
            return 0;
        }
        int kind = SSL_get_error(s->ssl, rc);
        if (kind == SSL_ERROR_SSL) {
            return tls__fail(&s->seen, opt->server_name, stream__name(s, name), err);
        }
        int more = again(s, rc, deadline_ns, "in the TLS handshake with", err);
        if (more == 0) {
            return err_set(err, ERR_TLS, "%s closed the connection during the TLS handshake",
                           stream__name(s, name));
        }
        if (more < 0) {
            return -1;
        }
    }
}

static int start(struct stream *s, const struct tls_options *opt, SSL_SESSION *session,
                 int64_t deadline_ns, struct err *err)
{
    check_magic(s, STREAM_MAGIC);
    must(s->ssl == NULL);
    if (s->in_start !=
        s->in_end) { /* bytes before the handshake could smuggle commands (CVE-2011-0411) */
        return err_set(err, ERR_PROTOCOL, "unexpected data before the TLS handshake");
    }
    SSL_CTX *ctx = tls__ctx(s->loop, opt, err);
    if (ctx == NULL) {
        return -1;
    }
    s->ssl = SSL_new(ctx);
    must(s->ssl != NULL && SSL_set_fd(s->ssl, s->fd) == 1);
    SSL_set_app_data(s->ssl, &s->seen);
    set_name(s->ssl, opt);
    if (session != NULL) {
        SSL_set_session(s->ssl, session);
    }
    s->writes = 1; /* a handshake writes more than once: no delay from its second flight on */
    stream__nodelay(s);
    return handshake(s, opt, deadline_ns, err);
}

int stream_start_tls(struct stream *s, const struct tls_options *opt, int64_t deadline_ns,
                     struct err *err)
{
    return start(s, opt, NULL, deadline_ns, err);
}

int stream_resume_tls(struct stream *s, struct stream *first, const struct tls_options *opt,
                      int64_t deadline_ns, struct err *err)
{
    check_magic(first, STREAM_MAGIC);
    must(first->ssl != NULL && first != s);
    SSL_SESSION *session = SSL_get1_session(first->ssl);
    int rc = start(s, opt, session, deadline_ns, err);
    SSL_SESSION_free(session);
    return rc;
}

void stream_tls_info(struct stream *s, struct arena *a, struct tls_info *info)
{
    check_magic(s, STREAM_MAGIC);
    tls__info(s->loop, &s->seen, a, info);
}

ssize_t stream__tls_read(struct stream *s, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int rc = SSL_read(s->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
        if (rc > 0) {
            return rc;
        }
        int more = again(s, rc, deadline_ns, "waiting for an answer from", err);
        if (more <= 0) {
            return more;
        }
    }
}

/* A server that has closed may have said why: in TLS 1.3 it looks at a client's certificate when the client is through with
 * the handshake. Always -1. */
static int last_words(struct stream *s, struct err *err)
{
    char c, name[ADDR_TEXT];
    ERR_clear_error();
    int rc = SSL_peek(s->ssl, &c, 1);
    if (rc <= 0 && SSL_get_error(s->ssl, rc) == SSL_ERROR_SSL) {
        tls__fail(NULL, NULL, stream__name(s, name), err);
    }
    return -1;
}

int stream__tls_write(struct stream *s, const void *p, size_t n, int64_t deadline_ns,
                      struct err *err)
{
    for (size_t done = 0; done < n;) {
        size_t part = n - done > INT32_MAX ? INT32_MAX : n - done;
        ERR_clear_error();
        errno = 0;
        int rc = SSL_write(s->ssl, (const char *)p + done, (int)part);
        if (rc > 0) {
            done += (size_t)rc;
            continue;
        }
        int more = again(s, rc, deadline_ns, "sending to", err);
        if (more == 0) {
            stream__fail(s, EPIPE, "send to", err);
        }
        if (more <= 0) {
            return last_words(s, err);
        }
    }
    return 0;
}

void stream__tls_done(struct stream *s)
{
    SSL_free(s->ssl); /* no close_notify: the connection is aborted anyway */
    s->ssl = NULL;
    tls__seen_done(&s->seen);
}
