/* Modules of blackbox_exporter: reading with its mistakes, what they are in our terms, and the answer. */
#include "probe_unit.h"

#include <math.h>

#include "base/str.h"
#include "probe/blackbox.h"
#include "probe/common.h"

struct read {
    struct arena *arena;
    struct problems problems;
    struct bb_modules *modules;
    char *told;
};

static struct read read_text(const char *text)
{
    struct read r = {.arena = arena_new()};
    problems_init(&r.problems, r.arena);
    r.modules = bb_read(str_of(text), "dir/blackbox.yml", &r.problems);
    struct buf out = BUF_INIT(1 << 20);
    problems_text(&r.problems, &out);
    buf_putc(&out, '\0');
    r.told = buf_take(&out, NULL);
    return r;
}

static void read_done(struct read *r)
{
    bb_unref(&r->modules);
    problems_done(&r->problems);
    arena_free(r->arena);
    free(r->told);
}

/* The configuration as JSON, or the error. */
static const char *translated(struct read *r, const char *target, const char *hostname)
{
    struct bb_probe probe;
    struct err err = {0};
    struct buf out = BUF_INIT(1 << 20);
    assert_non_null(r->modules);
    const struct bb_module *b = bb_module(r->modules, "m");
    assert_non_null(b);
    if (bb_translate(b, target, hostname, false, r->arena, &probe, &err) != 0)
        return arena_strdup(r->arena, err.msg);
    struct json j = json_start(&out);
    node_to_json(probe.config, &j);
    const char *text = arena_strndup(r->arena, out.data, out.len);
    buf_done(&out);
    return text;
}

#define MODULE(prober, options) "modules: {m: {prober: " prober ", " prober ": {" options "}}}"

static void test_translation(void **state)
{
    static const struct {
        const char *text, *target, *hostname, *want;
    } cases[] = {
        {MODULE("http", ""), "a.example/x", NULL, "\"url\":\"http://a.example/x\""},
        {MODULE("http", ""), "https://a.example", NULL, "\"ip_version\":\"prefer_6\""},
        {MODULE("http", "preferred_ip_protocol: ip4, ip_protocol_fallback: false"), "a", NULL,
         "\"ip_version\":\"4\""},
        {MODULE("http", "no_follow_redirects: true"), "a", NULL, "\"follow_redirects\":false"},
        {MODULE("http", ""), "a", "b.example", "\"headers\":{\"Host\":\"b.example\"}"},
        {MODULE("http", ""), "a", "b.example", "\"server_name\":\"b.example\""},
        {MODULE("http", "headers: {host: c}"), "a", "b", "want one of them"},
        {MODULE("http", "fail_if_body_matches_regexp: [x]"), "a", NULL,
         "\"body_not_matches\":[\"(*RE2)x\"]"},
        {MODULE("http", "bearer_token_file: t"), "a", NULL, "content of dir/t"},
        {MODULE("http", "authorization: {type: Token, credentials: s}"), "a", NULL,
         "\"Authorization\":\"Token s\""},
        {MODULE("http", "body_size_limit: 1KB"), "a", NULL, "\"max_body\":\"1024\""},
        {MODULE("http", "tls_config: {insecure_skip_verify: true, max_version: TLS12}"), "a", NULL,
         "\"verify\":false"},
        {MODULE("http", ""), "http://", NULL, "want a URL with a host"},
        {MODULE("tcp", ""), "a:25", NULL, "\"port\":25"},
        {MODULE("tcp", ""), "a", NULL, "want HOST:PORT"},
        {MODULE("tcp", "query_response: [{expect: ^a, send: 'b\\${0}'}]"), "a:1", NULL,
         "[{\"expect\":\"(*RE2)^a\"},{\"send\":\"b\\\\\\\\${0}\\\\n\",\"expand\":true}]"},
        {MODULE("tcp", "tls: true"), "a:1", "b.example", "\"server_name\":\"b.example\""},
        {MODULE("dns", "query_name: x.example, dns_over_tls: true, transport_protocol: tcp"),
         "10.0.0.1", NULL, "\"server\":[\"10.0.0.1:853\"]"},
        {MODULE("dns", "query_name: x.example"), "::1", NULL, "\"rcode\":[\"NOERROR\"]"},
        {MODULE("icmp", "payload_size: 100"), "h", NULL, "\"size\":100"},
        {MODULE("grpc", "metadata: {a: [b, c]}"), "h:1", NULL, "\"a\":\"b, c\""},
        {MODULE("unix", "query_response: [{send: a}]"), "/run/x", NULL, "\"host\":\"/run/x\""},
        {MODULE("unix", ""), "x:1", NULL, "want the path of a socket"},
        {MODULE("websocket", "query_response: [{expect: a, send: $0}, {send: b}]"), "ws://h/x",
         NULL,
         "[{\"expect\":\"(*RE2)a\",\"next\":true},{\"expand\":true,\"send\":\"$0\"},"
         "{\"send\":\"b\"}]"},
        {MODULE("websocket", "http_config: {authorization: {type: Token, credentials: s}}"),
         "wss://h", NULL, "\"Authorization\":\"Token s\""},
        {MODULE("websocket", "http_config: {bearer_token_file: t}"), "ws://h", NULL,
         "\"bearer\":\"content of dir/t\""},
        {MODULE("websocket", ""), "http://h", NULL, "want ws://HOST/ or wss://HOST/"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct read r = read_text(cases[i].text);
        assert_string_equal(r.told, "");
        assert_contains(translated(&r, cases[i].target, cases[i].hostname), cases[i].want);
        read_done(&r);
    }
}

/* What is wrong is told where it stands. */
static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"modules:\n  m:\n    prober: htp\n", "dir/blackbox.yml:3:13: modules.m.prober"},
        {"modules:\n  m:\n    prober: http\n    htpp: {}\n", ":4:5: modules.m.htpp: unknown key"},
        {"module: {}\n", "unknown key; want modules"},
        {MODULE("http", "fail_if_body_matches_regexp: ['a(']"), "cannot parse the regular"},
        {MODULE("http", "fail_if_body_matches_regexp: ['a(?=b)']"), "cannot parse the regular"},
        {MODULE("http", "enable_http3: true"), "HTTP/3 is not spoken"},
        {MODULE("http", "fail_if_body_json_matches_cel: x"), "CEL is not understood"},
        {MODULE("http", "proxy_from_environment: true"), "Belfry cannot do this"},
        {MODULE("http", "body: a, body_file: b"), "want body or body_file, not both"},
        {MODULE("http", "basic_auth: {username: a}, bearer_token: b"), "got more than one of"},
        {MODULE("http", "tls_config: {cert_file: a}"), "want both cert_file and key_file"},
        {MODULE("http", "tls_config: {min_version: TLS13, max_version: TLS12}"), "max_version"},
        {MODULE("http", "valid_status_codes: [abc]"), "valid_status_codes"},
        {MODULE("http", "body_size_limit: much"), "body_size_limit"},
        {MODULE("dns", ""), "query_name: required"},
        {MODULE("tcp", "query_response: [{expect: 'a('}]"), "cannot parse the regular"},
        {"modules: {m: {prober: smtp}}", "m.prober"},
        {MODULE("unix", "preferred_ip_protocol: ip4"), "unknown key"},
        {MODULE("unix", "query_response: [{expect: 'a('}]"), "cannot parse the regular"},
        {MODULE("websocket", "query_response: [{expect: 'a('}]"), "cannot parse the regular"},
        {MODULE("websocket", "query_response: [{starttls: true}]"), "want expect and send alone"},
        {MODULE("websocket", "http_config: {oauth2: {client_id: a}}"), "Belfry cannot do this"},
        {MODULE("websocket", "headers: {a: b}"), "want one value in values"},
        {"modules: {m: {}}", "prober: required"},
        {"modules: [", "dir/blackbox.yml:"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct read r = read_text(cases[i].text);
        assert_null(r.modules);
        assert_contains(r.told, cases[i].want);
        read_done(&r);
    }
}

static void test_defaults(void **state)
{
    struct read r = read_text(bb_default_text);
    assert_string_equal(r.told, "");
    static const char *const names[] = {"http_2xx",   "http_post_2xx", "tcp_connect",
                                        "icmp",       "ssh_banner",    "irc_banner",
                                        "grpc_plain", "pop3s_banner",  "icmp_ttl5"};
    for (size_t i = 0; i < array_len(names); i++)
        assert_non_null(bb_module(r.modules, names[i]));
    assert_null(bb_module(r.modules, "none"));
    read_done(&r);
}

static void test_timeout(void **state)
{
    struct read r = read_text("modules: {m: {prober: icmp, timeout: 5s}, n: {prober: icmp}}");
    const struct bb_module *m = bb_module(r.modules, "m"), *n = bb_module(r.modules, "n");
    assert_int_equal(bb_timeout_ms(m, 10), 5000);
    assert_int_equal(bb_timeout_ms(m, 3), 2500);
    assert_int_equal(bb_timeout_ms(m, 0.2), 5000);
    assert_int_equal(bb_timeout_ms(n, 10), 9500);
    assert_int_equal(bb_timeout_ms(n, 0), 119500);
    read_done(&r);
}

static void test_secrets(void **state)
{
    struct read r = read_text(MODULE("http", "basic_auth: {username: u, password: hush}, "
                                             "http_headers: {X-A: {secrets: [hush]}}"));
    struct buf out = BUF_INIT(1 << 20);
    bb_yaml(r.modules, &out);
    assert_contains(out.data, "username: u");
    assert_null(strstr(out.data, "hush"));
    buf_done(&out);
    read_done(&r);
}

/* What it always has is there, what only we measure is not. */
static void test_answer(void **state)
{
    struct read r = read_text(MODULE("tcp", "tls: true"));
    struct result result;
    struct buf out = BUF_INIT(1 << 20);
    result_init(&result, r.arena);
    result.success = true;
    result_metric(&result, "probe_ip_protocol", 4);
    result_metric(&result, "probe_of_ours", 1);
    result_metric_label(&result, "probe_tls_version_info", "version", "a\"b", 1);
    bb_answer(bb_module(r.modules, "m"), &result, 2500, &out);
    assert_contains(out.data, "\nprobe_success 1\n");
    assert_contains(out.data, "\nprobe_ip_protocol 4\n");
    assert_contains(out.data, "\nprobe_ip_addr_hash 0\n");
    assert_contains(out.data, "\nprobe_timeout_seconds 2.5\n");
    assert_contains(out.data, "probe_tls_version_info{version=\"a\\\"b\"} 1\n");
    assert_contains(out.data, "# TYPE probe_failed_due_to_regex gauge\n");
    assert_null(strstr(out.data, "probe_of_ours"));
    assert_null(strstr(out.data, "probe_http_"));
    buf_done(&out);
    read_done(&r);
}

/* The answer's lines for a result with these metrics. */
static const char *answered(struct read *r, struct result *result)
{
    struct buf out = BUF_INIT(1 << 20);
    bb_answer(bb_module(r->modules, "m"), result, 2500, &out);
    const char *text = arena_strndup(r->arena, out.data, out.len);
    buf_done(&out);
    return text;
}

/* Of TLS and of what was asked it tells only what went well. */
static void test_answer_untold(void **state)
{
    static const struct {
        const char *module;
        double grpc, resolved; /* NAN: not told */
        bool failed;           /* the handshake */
        const char *has, *lacks;
    } cases[] = {
        {MODULE("tcp", ""), NAN, 4, false, "probe_tls_version_info{version=\"x\"} 1", "grpc"},
        {MODULE("tcp", ""), NAN, 4, true, "probe_success", "probe_tls_version_info"},
        {MODULE("unix", ""), NAN, NAN, true, "probe_failed_due_to_bytes", "probe_tls_version_info"},
        {MODULE("grpc", ""), 0, 4, false, "\nprobe_grpc_ssl 1\n", "probe_http"},
        {MODULE("grpc", ""), 5, 4, false, "\nprobe_grpc_ssl 0\n", "probe_tls_version_info"},
        {MODULE("grpc", ""), 14, NAN, false, "\nprobe_grpc_status_code 0\n", "phase=\"check\""},
        {MODULE("grpc", ""), 14, NAN, false, "phase=\"resolve\"", "serving_status"},
        {MODULE("dns", "query_name: a, query_type: SOA"), NAN, 4, false, "\nprobe_dns_serial 0\n",
         "probe_tls_version_info"},
        {MODULE("dns", "query_name: a, query_type: A"), NAN, 4, false, "probe_success",
         "probe_dns_serial"},
        {MODULE("websocket", ""), NAN, 4, false, "\nprobe_websocket_status_code 0\n", "probe_tls"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct read r = read_text(cases[i].module);
        struct result result;
        assert_string_equal(r.told, "");
        result_init(&result, r.arena);
        result_metric_label(&result, "probe_tls_version_info", "version", "x", 1);
        result_metric(&result, "probe_grpc_ssl", 1);
        result_metric(&result, "probe_dns_query_succeeded", 1);
        if (cases[i].failed)
            result_fact(&result, TLS_FAILED_FACT, "why");
        if (!isnan(cases[i].grpc))
            result_metric(&result, "probe_grpc_status_code", cases[i].grpc);
        if (!isnan(cases[i].resolved))
            result_metric(&result, "probe_ip_protocol", cases[i].resolved);
        const char *text = answered(&r, &result);
        assert_contains(text, cases[i].has);
        assert_null(strstr(text, cases[i].lacks));
        read_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translation),   cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_secrets),       cmocka_unit_test(test_answer),
        cmocka_unit_test(test_answer_untold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
