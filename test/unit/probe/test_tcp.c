/* tcp: dialogues, TLS, STARTTLS of each protocol, and services that misbehave. */
#include "probe_unit.h"

#include <math.h>

#include "../io/tls_unit.h"

static void greet(int fd, void *arg)
{
    char buf[256];
    send_text(fd, "220-hello\r\n220 mail.example ready\r\n");
    if (read_until(fd, buf, sizeof(buf), "\r\n") == 0)
        return;
    bool ping = strcmp(buf, "PING \x01\r\n") == 0;
    send_text(fd, ping ? "some noise\r\n+PONG 7\r\n" : "-ERR\r\n");
}

static void test_dialogue(void **state)
{
    struct test_server s;
    struct probed p = {0};
    server_start(&s, greet, NULL);
    struct result *r = probed_run(&p, "tcp", "{'host': '127.0.0.1', 'port': %u}", s.port);
    assert_true(r->success);
    assert_string_equal(r->address, "127.0.0.1");
    assert_string_equal(r->message, r->success ? r->message : "");
    assert_true(r->latency_us > 0);
    assert_true(metric_of(r, "probe_ip_addr_hash", NULL) == 3668918509);
    assert_true(metric_of(r, "probe_ip_protocol", NULL) == 4);
    assert_true(metric_of(r, "probe_success", NULL) == 1);
    assert_true(metric_of(r, "probe_failed_due_to_regex", NULL) == 0);
    assert_true(metric_of(r, "probe_failed_due_to_bytes", NULL) == 0);
    r = probed_run(&p, "tcp",
                   "{'host': '127.0.0.1', 'port': %u, 'steps': [{'expect': '^220 '}, {'send': "
                   "'PING \\\\x01\\\\r\\\\n', 'expect': '^\\\\+PONG [0-9]$'}]}",
                   s.port);
    if (!r->success)
        fail_msg("%s", r->message);
    assert_true(metric_of(r, "probe_failed_due_to_regex", NULL) == 0);
    r = probed_run(&p, "tcp",
                   "{'host': '127.0.0.1', 'port': %u, 'steps': [{'send': 'x\\\\r\\\\n', 'expect': "
                   "'^PONG$'}], 'expect': {'max_latency': '1s'}}",
                   s.port);
    assert_false(r->success);
    assert_contains(r->message, "waiting for a line that matches \"^PONG$\"");
    assert_contains(r->message, "closed the connection");
    assert_contains(r->message, "last line: \"-ERR\"");
    assert_true(metric_of(r, "probe_failed_due_to_regex", NULL) == 1);
    probed_done(&p);
    server_stop(&s);
}

static void test_unreachable(void **state)
{
    struct probed p = {.limits.timeout_ms = 300};
    struct result *r = probed_run(&p, "tcp", "{'host': '127.0.0.1', 'port': %u}", free_port());
    assert_false(r->success);
    assert_contains(r->message, "refused");
    assert_string_equal(r->address, "127.0.0.1");
    r = probed_run(&p, "tcp", "{'host': '::1', 'port': %u, 'ip_version': '6'}", free_port());
    assert_false(r->success);
    assert_string_equal(r->address, "::1");
    r = probed_run(&p, "tcp", "{'host': '127.0.0.1', 'ip_version': '6', 'port': 80}");
    assert_false(r->success);
    probed_done(&p);
}

static void drip(int fd, void *arg) /* one byte a while, never a line */
{
    for (int i = 0; i < 20; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
            return;
        usleep(50000);
    }
}

static void flood(int fd, void *arg) /* lines without end */
{
    char lines[8192];
    for (size_t i = 0; i < sizeof(lines); i++)
        lines[i] = i % 8 == 7 ? '\n' : 'x';
    while (send(fd, lines, sizeof(lines), MSG_NOSIGNAL) > 0)
        continue;
}

static void long_line(int fd, void *arg)
{
    char line[8192];
    memset(line, 'x', sizeof(line));
    while (send(fd, line, sizeof(line), MSG_NOSIGNAL) > 0)
        continue;
}

static void silent(int fd, void *arg)
{
    usleep(400000);
}

static void reset(int fd, void *arg)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void binary(int fd, void *arg)
{
    send(fd, "\xff\xfe\x00zz\n\x80\n", 8, MSG_NOSIGNAL);
}

static void test_hostile(void **state)
{
    static const struct {
        void (*talk)(int fd, void *arg);
        const char *message;
    } cases[] = {
        {drip, "127.0.0.1"},        {flood, "none in the first 65536 bytes"},
        {long_line, "longer than"}, {silent, "waiting for"},
        {reset, "reset"},           {binary, "closed the connection"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct test_server s;
        struct probed p = {.limits.timeout_ms = 300};
        server_start(&s, cases[i].talk, NULL);
        int64_t start = clock_mono_ns();
        struct result *r = probed_run(
            &p, "tcp", "{'host': '127.0.0.1', 'port': %u, 'steps': [{'expect': '^ready'}]}",
            s.port);
        assert_true(clock_mono_ns() - start < MS(1000));
        assert_false(r->success);
        assert_contains(r->message, cases[i].message);
        probed_done(&p);
        server_stop(&s);
    }
}

static void hello_tls(SSL *ssl, void *arg)
{
    SSL_write(ssl, "* ready\r\n", 9);
}

static void test_tls(void **state)
{
    struct test_ca *ca = *state;
    struct tls_server s;
    struct probed p = {0};
    tls_server_start(&s, ca->cert, ca->key, NULL, hello_tls, NULL);
    struct result *r = probed_run(
        &p, "tcp",
        "{'host': 'localhost', 'port': %u, 'tls': true, 'ip_version': '4', 'steps': "
        "[{'expect': 'ready'}], 'tls_options': {'ca_file': '%s', 'expiry_warning': '1d'}}",
        s.tcp.port, ca->ca);
    if (!r->success)
        fail_msg("%s", r->message);
    assert_int_equal(r->n_warnings, 0);
    assert_true(metric_of(r, "probe_tls_version_info", "TLS 1.3") == 1);
    double days =
        (metric_of(r, "probe_ssl_earliest_cert_expiry", NULL) * 1000 - (double)r->checked_ms) /
        86400e3;
    assert_true(days > 9 && days < 11);
    assert_contains(r->detail_json, "CN=localhost");
    r = probed_run(&p, "tcp",
                   "{'host': 'localhost', 'port': %u, 'tls': true, 'ip_version': '4', "
                   "'tls_options': {'ca_file': '%s', 'expiry_warning': '20d'}}",
                   s.tcp.port, ca->ca);
    assert_true(r->success && r->n_warnings == 1);
    assert_contains(r->warnings[0], "certificate expires in 9 days");
    r = probed_run(&p, "tcp", "{'host': '127.0.0.1', 'port': %u, 'tls': true}", s.tcp.port);
    assert_false(r->success); /* the system does not know this authority */
    assert_contains(r->message, "certificate");
    assert_false(isnan(metric_of(r, "probe_ssl_earliest_cert_expiry", NULL)));
    tls_server_stop(&s);
    tls_server_start(&s, ca->old, ca->key, NULL, hello_tls, NULL);
    r = probed_run(
        &p, "tcp",
        "{'host': '127.0.0.1', 'port': %u, 'tls': true, 'tls_options': {'verify': false}}",
        s.tcp.port);
    assert_true(r->success);
    assert_contains(r->warnings[0], "certificate expired");
    tls_server_stop(&s);
    probed_done(&p);
}

/* What a service says and hears before the handshake. */
struct script {
    const char *protocol, *greeting, *hears1, *says1, *hears2, *says2;
    SSL_CTX *ctx;
};

static void speak(int fd, void *arg)
{
    const struct script *k = arg;
    char buf[512];
    const char *steps[][2] = {{k->hears1, k->says1}, {k->hears2, k->says2}};
    if (k->greeting)
        send_text(fd, k->greeting);
    for (int i = 0; i < 2 && steps[i][1]; i++) {
        if (read_until(fd, buf, sizeof(buf), "\r\n") == 0 || strcmp(buf, steps[i][0]) != 0)
            return;
        send_text(fd, steps[i][1]);
    }
    SSL *ssl = SSL_new(k->ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        SSL_shutdown(ssl);
    SSL_free(ssl);
}

static const struct script scripts[] = {
    {"smtp", "220-a\r\n220 b\r\n", "EHLO belfry\r\n", "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n",
     "220 go\r\n", NULL},
    {"imap", "* OK hi\r\n", "a1 STARTTLS\r\n", "* noise\r\na1 OK go\r\n", NULL, NULL, NULL},
    {"pop3", "+OK hi\r\n", "STLS\r\n", "+OK go\r\n", NULL, NULL, NULL},
    {"ftp", "220 hi\r\n", "AUTH TLS\r\n", "234 go\r\n", NULL, NULL, NULL},
};

static SSL_CTX *server_ctx(const struct test_ca *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, ca->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, ca->key, SSL_FILETYPE_PEM), 1);
    return ctx;
}

static void test_starttls(void **state)
{
    struct test_ca *ca = *state;
    SSL_CTX *ctx = server_ctx(ca);
    for (size_t i = 0; i < array_len(scripts); i++) {
        struct script k = scripts[i];
        struct test_server s;
        struct probed p = {0};
        k.ctx = ctx;
        server_start(&s, speak, &k);
        struct result *r = probed_run(&p, "tcp",
                                      "{'host': '127.0.0.1', 'port': %u, 'starttls': '%s', "
                                      "'tls_options': {'ca_file': '%s'}}",
                                      s.port, k.protocol, ca->ca);
        if (!r->success)
            fail_msg("%s: %s", k.protocol, r->message);
        probed_done(&p);
        server_stop(&s);
    }
    SSL_CTX_free(ctx);
}

/* PostgreSQL and LDAP: bytes, not lines. */
struct binary {
    const char *protocol;
    const uint8_t *says;
    size_t hears_n, says_n;
    SSL_CTX *ctx;
};

static void speak_binary(int fd, void *arg)
{
    const struct binary *k = arg;
    char buf[512];
    if (k->hears_n > 0 && recv(fd, buf, k->hears_n, MSG_WAITALL) != (ssize_t)k->hears_n)
        return;
    send(fd, k->says, k->says_n, MSG_NOSIGNAL);
    SSL *ssl = SSL_new(k->ctx);
    SSL_set_fd(ssl, fd);
    SSL_accept(ssl);
    SSL_free(ssl);
}

static void test_starttls_binary(void **state)
{
    static const uint8_t ldap_ok[] = {0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0};
    static const uint8_t ldap_no[] = {0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 52, 4, 0, 4, 0};
    static const struct {
        struct binary k;
        const char *message; /* NULL: success */
    } cases[] = {
        {{"postgres", (const uint8_t *)"S", 8, 1, NULL}, NULL},
        {{"postgres", (const uint8_t *)"N", 8, 1, NULL}, "PostgreSQL declined TLS"},
        {{"ldap", ldap_ok, 31, sizeof(ldap_ok), NULL}, NULL},
        {{"ldap", ldap_no, 31, sizeof(ldap_no), NULL}, "declined StartTLS (result 52)"},
        {{"ldap", (const uint8_t *)"HTTP", 31, 4, NULL}, "not an LDAP answer"},
        {{"smtp", (const uint8_t *)"554 go away\r\n", 0, 13, NULL}, "554 go away"},
        {{"imap", (const uint8_t *)"* BYE\r\n", 0, 7, NULL}, "declined STARTTLS"},
        {{"pop3", (const uint8_t *)"-ERR no\r\n", 0, 9, NULL}, "-ERR no"},
    };
    struct test_ca *ca = *state;
    SSL_CTX *ctx = server_ctx(ca);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct binary k = cases[i].k;
        struct test_server s;
        struct probed p = {0};
        k.ctx = ctx;
        server_start(&s, speak_binary, &k);
        struct result *r = probed_run(&p, "tcp",
                                      "{'host': '127.0.0.1', 'port': %u, 'starttls': '%s', "
                                      "'tls_options': {'ca_file': '%s'}}",
                                      s.port, k.protocol, ca->ca);
        assert_true(r->success == (cases[i].message == NULL));
        if (cases[i].message)
            assert_contains(r->message, cases[i].message);
        probed_done(&p);
        server_stop(&s);
    }
    SSL_CTX_free(ctx);
}

static void test_starttls_flood(void **state)
{
    struct test_server s;
    struct probed p = {.limits.timeout_ms = 1500};
    server_start(&s, flood, NULL);
    struct result *r =
        probed_run(&p, "tcp", "{'host': '127.0.0.1', 'port': %u, 'starttls': 'smtp'}", s.port);
    assert_false(r->success);
    assert_contains(r->message, "65536 bytes");
    probed_done(&p);
    server_stop(&s);
}

static void test_slow(void **state)
{
    struct test_server s;
    struct probed p = {0};
    server_start(&s, drip, NULL);
    struct result *r =
        probed_run(&p, "tcp",
                   "{'host': '127.0.0.1', 'port': %u, 'steps': [{'expect': 'x'}], "
                   "'expect': {'max_latency': '20ms', 'max_latency_action': 'fail'}}",
                   s.port);
    assert_false(r->success); /* the line ends when the connection does, too late */
    probed_done(&p);
    server_stop(&s);
}

static void test_config(void **state)
{
    static const struct {
        const char *config, *problem;
    } cases[] = {
        {"{'host': 'h', 'port': 80, 'steps': [{}]}", "empty step"},
        {"{'host': 'h', 'port': 80, 'steps': [{'send': 'a\\\\q'}]}", "unknown escape"},
        {"{'host': 'h', 'port': 80, 'steps': [{'send': 'a\\\\x1'}]}", "unknown escape"},
        {"{'host': 'h', 'port': 80, 'steps': [{'send': 'a\\\\x 1'}]}", "unknown escape"},
        {"{'host': 'h', 'port': 80, 'steps': [{'send': 'a\\\\'}]}", "unknown escape"},
        {"{'host': 'h', 'port': 80, 'steps': [{'expect': '('}]}", "steps[0]"},
        {"{'host': 'h'}", "port"},
        {"{'host': 'h', 'port': 0}", "port"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char *text = config_problems("tcp", cases[i].config);
        assert_contains(text, cases[i].problem);
        free(text);
    }
}

static int make_ca(void **state)
{
    static struct test_ca ca;
    ca_make(&ca);
    *state = &ca;
    return 0;
}

static int remove_ca(void **state)
{
    ca_remove(*state);
    return 0;
}

static void quiz(int fd, void *arg)
{
    char buf[256];
    send_text(fd, "noise\r\nHELLO shop v12\r\n");
    if (read_until(fd, buf, sizeof(buf), "\n") == 0)
        return;
    bool good = strcmp(buf, "AGAIN shop-12 $1\n") == 0;
    send(fd, good ? "\x01\x00yes" : "\x01\x00no!", 5, MSG_NOSIGNAL);
    send_text(fd, "the end"); /* no newline: the close ends the line */
}

/* Groups of the last match in what is sent and in labels; bytes; a last line without an end. */
static void test_expand(void **state)
{
    static const char config[] =
        "{'host': '127.0.0.1', 'port': %u, 'source': '127.0.0.1', 'steps': ["
        "{'expect': '^HELLO ([a-z]+) v(\\\\d+)$', 'labels': {'who': '${1}', 'version': 'v$2', "
        "'none': '$7'}}, {'send': 'AGAIN ${1}-$2 %s\\\\n', 'expand': true}, "
        "{'expect_bytes': '\\\\x01\\\\x00yes'}, {'expect': '^the end$'}]}";
    const struct {
        const char *sent;
        const char *message; /* NULL: good */
    } cases[] = {{"$$1", NULL}, {"other", "got the bytes 01006e6f21; want"}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct test_server s;
        struct probed p = {0};
        server_start(&s, quiz, NULL);
        struct result *r = probed_run(&p, "tcp", config, s.port, cases[i].sent);
        if (r->success != !cases[i].message)
            fail_msg("%s: %s", cases[i].sent, r->message);
        if (cases[i].message)
            assert_contains(r->message, cases[i].message);
        assert_true(metric_of(r, "probe_failed_due_to_regex", NULL) == 0);
        assert_true(metric_of(r, "probe_failed_due_to_bytes", NULL) == !r->success);
        assert_true(metric_of(r, "probe_expect_info", "shop") == 1);
        for (int m = 0; m < r->n_metrics; m++)
            if (strcmp(r->metrics[m].name, "probe_expect_info") == 0) {
                assert_string_equal(metric_label(&r->metrics[m], "version"), "v12");
                assert_string_equal(metric_label(&r->metrics[m], "none"), "");
            }
        probed_done(&p);
        server_stop(&s);
    }
}

static void speak_upgrade(int fd, void *arg)
{
    char buf[64];
    send_text(fd, "220 hi\r\n");
    if (read_until(fd, buf, sizeof(buf), "\n") == 0)
        return;
    send_text(fd, "220 go\r\n");
    SSL *ssl = SSL_new(arg);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        SSL_write(ssl, "250 safe\r\n", 10);
    SSL_free(ssl);
}

/* TLS from the middle of a dialogue on. */
static void test_step_starttls(void **state)
{
    struct test_ca *ca = *state;
    SSL_CTX *ctx = server_ctx(ca);
    struct test_server s;
    struct probed p = {0};
    static const char config[] =
        "{'host': '127.0.0.1', 'port': %u, 'tls_options': {'ca_file': '%s', 'max_version': '%s'}, "
        "'steps': [{'expect': '^220 '}, {'send': 'STARTTLS\\\\r\\\\n', 'expect': '^220 '}, "
        "{'starttls': true}, {'expect': '^250 safe'}]}";
    server_start(&s, speak_upgrade, ctx);
    struct result *r = probed_run(&p, "tcp", config, s.port, ca->ca, "1.2");
    if (!r->success)
        fail_msg("%s", r->message);
    assert_true(metric_of(r, "probe_tls_version_info", "TLS 1.2") == 1);
    r = probed_run(&p, "tcp", config, s.port, "/nowhere.pem", "default");
    assert_false(r->success);
    assert_contains(r->message, "/nowhere.pem");
    probed_done(&p);
    server_stop(&s);
    SSL_CTX_free(ctx);
}

static void test_step_config(void **state)
{
    static const struct {
        const char *config, *problem;
    } cases[] = {
        {"{'host': 'a', 'port': 1, 'source': 'b'}", "want an IP address of this host"},
        {"{'host': 'a', 'port': 1, 'steps': [{'expand': true}]}", "empty step"},
        {"{'host': 'a', 'port': 1, 'steps': [{'expect': 'a', 'expect_bytes': 'b'}]}", "one a step"},
        {"{'host': 'a', 'port': 1, 'steps': [{'expect_bytes': '\\\\q'}]}", "unknown escape"},
        {"{'host': 'a', 'port': 1, 'steps': [{'send': 'a', 'labels': {'b': 'c'}}]}",
         "labels without expect"},
        {"{'host': 'a', 'port': 1, 'steps': [{'expect': 'a', 'labels': {'b-c': 'c'}}]}",
         "want letters, digits and _"},
        {"{'host': 'a', 'port': 1, 'tls': true, 'steps': [{'starttls': true}]}", "want it once"},
        {"{'host': 'a', 'port': 1, 'steps': [{'starttls': true}, {'starttls': true}]}",
         "want it once"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char *problems = config_problems("tcp", cases[i].config);
        assert_contains(problems, cases[i].problem);
        free(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogue),       cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_hostile),        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_starttls),       cmocka_unit_test(test_starttls_binary),
        cmocka_unit_test(test_starttls_flood), cmocka_unit_test(test_slow),
        cmocka_unit_test(test_config),         cmocka_unit_test(test_expand),
        cmocka_unit_test(test_step_starttls),  cmocka_unit_test(test_step_config),
    };
    return cmocka_run_group_tests(tests, make_ca, remove_ca);
}
