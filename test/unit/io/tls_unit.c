/* Helpers of the TLS tests: see tls_unit.h. */
#include "tls_unit.h"

#include <signal.h>

static void sh(const char *dir, const char *script)
{
    char cmd[2048];
    int n = snprintf(cmd, sizeof(cmd), "cd %s && { %s\n} >log 2>&1 || { cat log >&2; false; }", dir,
                     script);
    assert_true(n > 0 && (size_t)n < sizeof(cmd));
    assert_int_equal(system(cmd), 0);
}

void ca_make(struct test_ca *c)
{
    snprintf(c->dir, sizeof(c->dir), "/tmp/belfry-tls-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    sh(c->dir, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
               " -keyout ca.key -out ca.pem -subj '/O=Belfry test/CN=Test CA'");
    sh(c->dir, "printf 'subjectAltName=DNS:localhost,DNS:*.belfry.test,IP:127.0.0.1\n' > san &&"
               " openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem"
               " -out req -subj /CN=localhost &&"
               " openssl x509 -req -in req -CA ca.pem -CAkey ca.key -set_serial 0x1234 -days 10"
               " -extfile san -out cert.pem && cat ca.pem >> cert.pem");
    sh(c->dir, "mkdir db && touch db/index && openssl ca -batch -notext -md sha256"
               " -config /dev/stdin -startdate 20200101000000Z -enddate 20200201000000Z"
               " -cert ca.pem -keyfile ca.key -in req -out old.pem -extfile san <<'E'\n"
               "[ca]\ndefault_ca=d\n[d]\ndatabase=db/index\nnew_certs_dir=db\nrand_serial=yes\n"
               "policy=p\n[p]\ncommonName=supplied\nE\n");
    sh(c->dir, "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key"
               " -out creq -subj /CN=watcher && openssl x509 -req -in creq -CA ca.pem -CAkey ca.key"
               " -set_serial 5 -days 10 -out client.crt && cat client.crt client.key > client.pem");
    snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", c->dir);
    snprintf(c->cert, sizeof(c->cert), "%s/cert.pem", c->dir);
    snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
    snprintf(c->old, sizeof(c->old), "%s/old.pem", c->dir);
    snprintf(c->client, sizeof(c->client), "%s/client.pem", c->dir);
}

void ca_remove(struct test_ca *c)
{
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -r %s", c->dir);
    assert_int_equal(system(cmd), 0);
}

static void tls_talk(int fd, void *arg)
{
    struct tls_server *s = arg;
    SSL *ssl = SSL_new(s->ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && s->talk != NULL) {
        s->talk(ssl, s->arg);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                  unsigned in_n, void *arg)
{
    *out = in + 1; /* the client's first */
    *n = in[0];
    return SSL_TLSEXT_ERR_OK;
}

void tls_server_start(struct tls_server *s, const char *cert, const char *key,
                      const char *client_ca, void (*talk)(SSL *ssl, void *arg), void *arg)
{
    signal(SIGPIPE, SIG_IGN); /* SSL_write of the server's thread */
    s->ctx = SSL_CTX_new(TLS_server_method());
    s->talk = talk;
    s->arg = arg;
    SSL_CTX_set_alpn_select_cb(s->ctx, choose, NULL);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(s->ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(s->ctx, key, SSL_FILETYPE_PEM), 1);
    if (client_ca != NULL) {
        assert_int_equal(SSL_CTX_load_verify_locations(s->ctx, client_ca, NULL), 1);
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    server_start(&s->tcp, tls_talk, s);
}

void tls_server_stop(struct tls_server *s)
{
    server_stop(&s->tcp);
    SSL_CTX_free(s->ctx);
}
