/* TLS streams: verification by chain, name and date, what is told of the certificates (also after a
 * failure), client certificates, sessions taken up, and that chains are remembered, but not what was thought of them. */
#include "tls_unit.h"

#include <openssl/pem.h>

#include "base/must.h"
#include "io/stream.h"
#include "io/tls_priv.h"

static struct test_ca ca; /* made once for all tests: openssl takes a while */

static void echo(SSL *ssl, void *arg)
{
    char buf[64];
    int n;
    while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0) {
        SSL_write(ssl, buf, n);
        if (buf[n - 1] == '.') {
            break;
        }
    }
}

struct attempt {
    uint16_t port;
    struct tls_options opt;
    int rc;
    struct err err;
    struct tls_info info;
    struct arena *arena;
};

static void attempt(void *arg)
{
    struct attempt *t = arg;
    struct addr to = local(t->port);
    struct stream *s = stream_connect(&to, in_ms(2000), &t->err);
    assert_non_null(s);
    t->rc = stream_start_tls(s, &t->opt, in_ms(5000), &t->err);
    if (t->rc == 0) {
        char got[6];
        int rc = stream_write(s, "hello.", 6, in_ms(2000), &t->err);
        t->rc = rc == 0 ? stream_read_full(s, got, 6, in_ms(2000), &t->err) : rc;
        char more;
        assert_true(t->rc != 0 || memcmp(got, "hello.", 6) == 0);
        assert_true(t->rc != 0 || stream_read(s, &more, 1, in_ms(2000), &t->err) == 0);
    }
    stream_tls_info(s, t->arena, &t->info);
    stream_close(&s);
}

/* Each with a fresh loop, hence a fresh context. */
static struct attempt try_it(const char *cert, const char *client_ca, struct tls_options opt)
{
    struct tls_server srv;
    tls_server_start(&srv, cert, ca.key, client_ca, echo, NULL);
    struct attempt t = {.port = srv.tcp.port, .opt = opt, .arena = arena_new()};
    on_fiber(attempt, &t);
    tls_server_stop(&srv);
    return t;
}

static void test_verified(void **state)
{
    static const char *const names[] = {"localhost", "LOCALHOST", "a.belfry.test", "127.0.0.1"};
    for (size_t i = 0; i < array_len(names); i++) {
        struct attempt t =
            try_it(ca.cert, NULL,
                   (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = names[i]});
        assert_string_equal(t.err.msg, "");
        assert_int_equal(t.rc, 0);
        assert_true(t.info.verified);
        arena_free(t.arena);
    }
}

static void test_info(void **state)
{
    struct attempt t =
        try_it(ca.cert, NULL,
               (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = "localhost"});
    int64_t now = clock_wall_ms(), day = INT64_C(86400000);
    assert_string_equal(t.info.version, "TLS 1.3");
    assert_string_equal(t.info.cipher, "TLS_AES_256_GCM_SHA384");
    assert_int_equal(t.info.chain.len, 2);
    static const char *const leaf[] = {
        "[{\"subject\":\"CN=localhost\",\"issuer\":\"CN=Test CA,O=Belfry test\",\"serial\":\"1234\",",
        "\"alt_names\":\"localhost,*.belfry.test,127.0.0.1\",\"fingerprint_sha256\":\"",
        "},{\"subject\":\"CN=Test CA,O=Belfry test\"",
    };
    for (size_t i = 0; i < array_len(leaf); i++) {
        assert_non_null(strstr(t.info.chain.certs_json, leaf[i]));
    }
    assert_string_equal(t.info.chain.leaf.subject, "CN=localhost");
    assert_string_equal(t.info.chain.leaf.issuer, "CN=Test CA,O=Belfry test");
    assert_string_equal(t.info.chain.leaf.serial, "1234");
    assert_string_equal(t.info.chain.leaf.alt_names, "localhost,*.belfry.test");
    assert_int_equal(strlen(t.info.chain.leaf.fingerprint), 64);
    int64_t end = t.info.chain.earliest_expiry_ms;
    assert_true(end > now + 9 * day && end < now + 11 * day); /* the CA's is later */
    assert_string_equal(t.info.verify_error, "");
    arena_free(t.arena);
}

static void test_unknown_issuer(void **state)
{
    struct attempt t =
        try_it(ca.cert, NULL, (struct tls_options){.verify = true, .server_name = "localhost"});
    assert_int_equal(t.rc, -1);
    assert_int_equal(t.err.code, ERR_TLS);
    assert_non_null(
        strstr(t.err.msg, "is not accepted: self-signed certificate in certificate chain"));
    assert_int_equal(t.info.chain.len, 2); /* known although it failed */
    assert_false(t.info.verified);
    assert_string_equal(t.info.verify_error, "self-signed certificate in certificate chain");
    arena_free(t.arena);
}

static void test_wrong_name(void **state)
{
    struct attempt t = try_it(
        ca.cert, NULL,
        (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = "shop.example"});
    assert_int_equal(t.rc, -1);
    assert_non_null(strstr(t.err.msg, "is not for the name shop.example"));
    assert_int_equal(t.info.chain.len, 2);
    arena_free(t.arena);
}

static void test_expired(void **state)
{
    struct attempt t =
        try_it(ca.old, NULL,
               (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = "localhost"});
    assert_int_equal(t.rc, -1);
    assert_non_null(strstr(t.err.msg, "certificate has expired"));
    assert_true(t.info.chain.earliest_expiry_ms == INT64_C(1580515200000)); /* 2020-02-01 */
    arena_free(t.arena);
}

static void test_unverified(void **state)
{
    struct attempt t = try_it(ca.old, NULL, (struct tls_options){.verify = false});
    assert_int_equal(t.rc, 0);
    assert_false(t.info.verified);
    assert_int_equal(t.info.chain.len, 1);
    assert_string_equal(t.info.version, "TLS 1.3");
    arena_free(t.arena);
}

static void test_client_certificate(void **state)
{
    struct tls_options opt = {.verify = true, .ca_file = ca.ca, .server_name = "localhost"};
    struct attempt t = try_it(ca.cert, ca.ca, opt);
    assert_int_equal(t.rc, -1); /* TLS 1.3 tells it at the first read */
    assert_non_null(strstr(t.err.msg, "failed: it wants a client certificate"));
    arena_free(t.arena);
    opt.cert_file = ca.client;
    t = try_it(ca.cert, ca.ca, opt);
    assert_int_equal(t.rc, 0);
    arena_free(t.arena);
    opt.cert_file = "/nonexistent.pem";
    t = try_it(ca.cert, ca.ca, opt);
    assert_non_null(strstr(t.err.msg, "cannot load the client certificate /nonexistent.pem"));
    arena_free(t.arena);
}

static void tell_reuse(SSL *ssl, void *arg)
{
    SSL_write(ssl, SSL_session_reused(ssl) ? "taken up" : "a fresh!", 8);
}

static void resume(void *arg)
{
    struct addr to = local(((struct tls_server *)arg)->tcp.port);
    struct tls_options opt = {.verify = true, .ca_file = ca.ca, .server_name = "localhost"};
    char got[8];
    for (int version = 12; version <= 13; version++) {
        struct stream *first = stream_connect(&to, in_ms(5000), NULL);
        opt.max_version = version;
        assert_int_equal(stream_start_tls(first, &opt, in_ms(5000), NULL), 0);
        assert_int_equal(stream_read_full(first, got, sizeof(got), in_ms(5000), NULL), 0);
        assert_memory_equal(got, "a fresh!", sizeof(got));
        struct stream *second = stream_connect(&to, in_ms(5000), NULL);
        assert_int_equal(stream_resume_tls(second, first, &opt, in_ms(5000), NULL), 0);
        assert_int_equal(stream_read_full(second, got, sizeof(got), in_ms(5000), NULL), 0);
        assert_memory_equal(got, "taken up", sizeof(got));
        stream_close(&second);
        stream_close(&first);
    }
}

static void test_resumed(void **state)
{
    struct tls_server srv;
    tls_server_start(&srv, ca.cert, ca.key, NULL, tell_reuse, NULL);
    on_fiber(resume, &srv);
    tls_server_stop(&srv);
}

static void not_tls(int fd, void *arg)
{
    char buf[512];
    recv(fd, buf, sizeof(buf), 0);
    send_text(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void test_not_tls(void **state)
{
    struct test_server srv;
    server_start(&srv, not_tls, NULL);
    struct attempt t = {.port = srv.port, .arena = arena_new()};
    on_fiber(attempt, &t);
    assert_int_equal(t.rc, -1);
    assert_int_equal(t.err.code, ERR_TLS);
    assert_non_null(strstr(t.err.msg, "TLS handshake with 127.0.0.1:"));
    assert_int_equal(t.info.chain.len, 0);
    arena_free(t.arena);
    server_stop(&srv);
}

/* The server sends its certificate in one-byte writes' time: the deadline ends it. */
static void mute(int fd, void *arg)
{
    char buf[4096];
    while (recv(fd, buf, sizeof(buf), 0) > 0) {
    }
}

static void handshake_timeout(void *arg)
{
    struct addr to = local(((struct test_server *)arg)->port);
    struct tls_options opt = {0};
    struct err err = {0};
    struct stream *s = stream_connect(&to, in_ms(1000), &err);
    assert_int_equal(stream_start_tls(s, &opt, in_ms(30), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "timeout while in the TLS handshake with"));
    stream_close(&s);
}

static void test_handshake_timeout(void **state)
{
    struct test_server srv;
    server_start(&srv, mute, NULL);
    on_fiber(handshake_timeout, &srv);
    server_stop(&srv);
}

/* --- chains remembered --- */

/* What the loop learned at each of several attempts on one loop. */
struct attempts {
    struct attempt at[4];
    int n;
    struct tls_chain_counts counts;
};

static void attempt_all(void *arg)
{
    struct attempts *all = arg;
    for (int i = 0; i < all->n; i++) {
        attempt(&all->at[i]);
    }
    all->counts = tls__chains_counts(tls__chains(fiber_loop()));
}

/* The second look at a chain prints nothing; trust, name and cause are asked anew. */
static void test_chain_remembered(void **state)
{
    struct tls_server srv;
    tls_server_start(&srv, ca.cert, ca.key, NULL, echo, NULL);
    const struct tls_options opts[] = {
        {.verify = true, .ca_file = ca.ca, .server_name = "localhost"},
        {.verify = true, .server_name = "localhost"},
        {.verify = true, .ca_file = ca.ca, .server_name = "shop.example"},
        {.verify = true, .ca_file = ca.ca, .server_name = "a.belfry.test"},
    };
    struct attempts all = {.n = 4};
    for (int i = 0; i < all.n; i++) {
        all.at[i] = (struct attempt){.port = srv.tcp.port, .opt = opts[i], .arena = arena_new()};
    }
    on_fiber(attempt_all, &all);
    tls_server_stop(&srv);
    assert_int_equal(all.counts.misses, 1);
    assert_int_equal(all.counts.hits, 3);
    assert_int_equal(all.counts.kept, 1);
    static const char *const errors[] = {"", "self-signed", "mismatch", ""};
    for (int i = 0; i < all.n; i++) {
        const struct tls_info *info = &all.at[i].info, *first = &all.at[0].info;
        assert_int_equal(all.at[i].rc == 0, errors[i][0] == '\0');
        assert_int_equal(info->verified, errors[i][0] == '\0');
        assert_non_null(strstr(info->verify_error, errors[i]));
        assert_string_equal(info->chain.certs_json, first->chain.certs_json);
        assert_int_equal(info->chain.len, 2);
        assert_true(info->chain.earliest_expiry_ms == first->chain.earliest_expiry_ms);
    }
    for (int i = 0; i < all.n; i++) {
        arena_free(all.at[i].arena);
    }
}

static X509 *load(const char *file)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(x);
    return x;
}

/* 'c' cert, 'a' the CA's, 'o' old, 'l' client: by their letters, leaf first. */
static struct tls_chain look(struct tls_chains *c, const char *letters, struct arena *a)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    for (; *letters; letters++) {
        const char *file = *letters == 'c'   ? ca.cert
                           : *letters == 'a' ? ca.ca
                           : *letters == 'o' ? ca.old
                                             : ca.client;
        sk_X509_push(chain, load(file));
    }
    struct tls_chain shown = tls__chains_look(c, chain, a);
    sk_X509_pop_free(chain, X509_free);
    return shown;
}

/* A memory of two: who leaves, and that the order and number of certificates are part of the key. */
static void test_chain_bound(void **state)
{
    static const struct {
        const char *chain;
        bool hit;
    } steps[] = {
        {"c", false},  {"c", true},   {"ca", false}, {"c", true}, {"o", false}, /* "ca" leaves */
        {"c", true},   {"ca", false},                                           /* "o" leaves */
        {"ac", false},                                                          /* "c" leaves */
        {"ca", true},  {"c", false},  {"l", false},  {"c", true},
    };
    struct tls_chains *c = tls__chains_new(2);
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(steps); i++) {
        struct tls_chain_counts before = tls__chains_counts(c);
        struct tls_chain shown = look(c, steps[i].chain, a);
        struct tls_chain_counts after = tls__chains_counts(c);
        assert_int_equal(after.hits - before.hits, steps[i].hit);
        assert_int_equal(after.misses - before.misses, !steps[i].hit);
        assert_true(after.kept <= 2);
        assert_int_equal(shown.len, strlen(steps[i].chain));
        bool old = steps[i].chain[0] == 'o';
        assert_int_equal(shown.earliest_expiry_ms == INT64_C(1580515200000), old); /* 2020-02-01 */
        assert_int_equal(strstr(shown.certs_json, "2020-02-01T00:00:00") != NULL, old);
    }
    arena_free(a);
    tls__chains_free(c);
}

/* Twenty certificates: sixteen are looked at, eight shown. An empty chain is none. */
static void test_chain_sizes(void **state)
{
    struct tls_chains *c = tls__chains_new(2);
    struct arena *a = arena_new();
    for (int i = 0; i < 2; i++) {
        struct tls_chain many = look(c, "caaaaaaaaaaaaaaaaaaa", a), none = look(c, "", a);
        int shown = 0;
        for (const char *p = many.certs_json; (p = strstr(p, "\"subject\"")) != NULL; p++) {
            shown++;
        }
        assert_int_equal(many.len, 16);
        assert_int_equal(shown, 8);
        assert_int_equal(none.len, 0);
        assert_null(none.certs_json);
    }
    assert_int_equal(tls__chains_counts(c).hits, 1);
    arena_free(a);
    tls__chains_free(c);
}

/* --- setup --- */

static int setup(void **state)
{
    ca_make(&ca);
    return 0;
}

static int teardown(void **state)
{
    ca_remove(&ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_unknown_issuer),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_unverified),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_handshake_timeout),
        cmocka_unit_test(test_chain_remembered),
        cmocka_unit_test(test_chain_bound),
        cmocka_unit_test(test_chain_sizes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
