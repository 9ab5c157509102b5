/* Servers on loopback for the sending tests (server.h). Blocking sockets in a thread. */
#include "server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

struct link {
    int fd;
    SSL *ssl;
};

static ssize_t get(struct link *l, char *p, size_t n)
{
    return l->ssl != NULL ? SSL_read(l->ssl, p, (int)n) : recv(l->fd, p, n, 0);
}

static void put(struct link *l, const char *text)
{
    if (l->ssl != NULL)
        SSL_write(l->ssl, text, (int)strlen(text));
    else
        (void)!send(l->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void serve_http(struct server *s, struct link *l)
{
    char chunk[4096];
    size_t from = s->got.len;
    for (;;) {
        ssize_t n = get(l, chunk, sizeof(chunk));
        if (n <= 0)
            return;
        buf_add(&s->got, chunk, (size_t)n);
        const char *head = s->got.data + from, *end = strstr(head, "\r\n\r\n");
        const char *length = end != NULL ? strcasestr(head, "Content-Length:") : NULL;
        if (length != NULL &&
            s->got.len - (size_t)(end + 4 - s->got.data) >= (size_t)strtoul(length + 15, NULL, 10))
            break;
    }
    if (s->reply != NULL && strcmp(s->reply, "hang") == 0)
        get(l, chunk, sizeof(chunk)); /* until the client leaves */
    else if (s->reply != NULL)
        put(l, s->reply);
}

/* A certificate for "localhost" signed by itself. */
static SSL_CTX *make_tls(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_sign(cert, key, EVP_sha256());
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static bool read_line(struct server *s, struct link *l, char *line, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && get(l, line + n, 1) == 1) {
        buf_putc(&s->got, line[n]);
        if (line[n++] == '\n')
            break;
    }
    line[n] = '\0';
    return n > 0 && line[n - 1] == '\n';
}

static void read_mail(struct server *s, struct link *l)
{
    char line[2048];
    while (read_line(s, l, line, sizeof(line)) && strcmp(line, ".\r\n") != 0)
        ;
    put(l, "250 2.0.0 queued as 4711\r\n");
}

static const char *smtp_answer(const struct server *s, const struct link *l, const char *line)
{
    if (s->refuse != NULL && strncmp(line, s->refuse, strcspn(s->refuse, "|")) == 0)
        return strchr(s->refuse, '|') + 1;
    if (strncmp(line, "EHLO", 4) == 0)
        return s->tls && l->ssl == NULL ? "250-localhost\r\n250-STARTTLS\r\n250 SIZE 1000000\r\n"
                                        : "250-localhost\r\n250 AUTH LOGIN PLAIN\r\n";
    if (strncmp(line, "STARTTLS", 8) == 0)
        return "220 go on\r\n";
    if (strncmp(line, "AUTH", 4) == 0)
        return "235 welcome\r\n";
    if (strncmp(line, "DATA", 4) == 0)
        return "354 go on\r\n";
    return "250 ok\r\n";
}

static void serve_smtp(struct server *s, struct link *l)
{
    char line[2048];
    SSL_CTX *ctx = NULL;
    put(l, "220 localhost ESMTP\r\n");
    while (read_line(s, l, line, sizeof(line)) && strncmp(line, "QUIT", 4) != 0) {
        const char *answer = smtp_answer(s, l, line);
        put(l, answer);
        if (strncmp(line, "DATA", 4) == 0 && answer[0] == '3')
            read_mail(s, l);
        if (strncmp(line, "STARTTLS", 8) == 0) {
            ctx = make_tls();
            l->ssl = SSL_new(ctx);
            SSL_set_fd(l->ssl, l->fd);
            if (SSL_accept(l->ssl) != 1)
                break;
            buf_puts(&s->got, "[TLS]\n");
        }
    }
    SSL_free(l->ssl);
    SSL_CTX_free(ctx);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (;;) {
        struct link l = {.fd = accept(s->fd, NULL, NULL)};
        if (l.fd < 0)
            return NULL;
        struct timeval limit = {.tv_sec = 5};
        setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (s->smtp)
            serve_smtp(s, &l);
        else
            serve_http(s, &l);
        close(l.fd);
    }
}

void server_start(struct server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(s->fd, (struct sockaddr *)&at, n) == 0 && listen(s->fd, 16) == 0);
    must(getsockname(s->fd, (struct sockaddr *)&at, &n) == 0);
    s->port = ntohs(at.sin_port);
    buf_init(&s->got, 1 << 20);
    must(pthread_create(&s->thread, NULL, serve, s) == 0);
}

void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    buf_done(&s->got);
}
