/* The importer of Gatus: the files in test/import/gatus become exactly the golden test/import/gatus.yaml, which passes `config
 * check`; what each kind of endpoint becomes. BELFRY_GOLDEN=write writes the golden anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/import.h"
#include "imported.h"

/* With the environment that the configurations name. */
static void load(struct imported *t)
{
    setenv("SLACK_URL", "https://hooks.slack.com/services/x", 1);
    setenv("MAIL_PASSWORD", "secret", 1);
    setenv("GATUS_HOST", "www.example.com", 1);
    setenv("GATUS_SECRET", "secret", 1);
    imported_load(t);
    unsetenv("SLACK_URL");
    unsetenv("MAIL_PASSWORD");
    unsetenv("GATUS_HOST");
    unsetenv("GATUS_SECRET");
}

static struct imported from_text(const char *text)
{
    struct imported t = imported_begin();
    struct err err = {0};
    struct import_file file = {"config.yaml", str_of(text)};
    if (import_gatus_texts(&file, 1, &t.yaml, &t.problems, &err) != 0)
        fail_msg("%s", err.msg);
    load(&t);
    return t;
}

static void test_golden(void **state)
{
    const char *data = getenv("BELFRY_TEST_DATA");
    struct imported t = imported_begin();
    struct err err = {0};
    char path[4096], *here = getcwd(NULL, 0);
    char *const paths[] = {(char[]){"."}};
    snprintf(path, sizeof(path), "%s/import/gatus", data != NULL ? data : "test");
    assert_int_equal(chdir(path), 0); /* no path of this machine is in the text */
    if (import_gatus(paths, 1, &t.yaml, &t.problems, &err) != 0)
        fail_msg("%s", err.msg);
    load(&t);
    imported_golden(&t, "../gatus.yaml");
    assert_int_equal(t.c->n_groups, 3);
    assert_true(imported_told(&t, "pagerduty"));
    assert_int_equal(t.problems.list.at[0].line > 0, 1);
    assert_int_equal(chdir(here), 0);
    free(here);
    imported_end(&t);
}

/* One endpoint, and what stands in the file for it. */
static void test_kinds(void **state)
{
    static const struct {
        const char *endpoint, *want[4];
    } cases[] = {
        {"{name: x, url: 8.8.8.8, dns: {query-name: example.com, query-type: MX}}",
         {"type: dns", "8.8.8.8", "name: example.com", "type: MX"}},
        {"{name: x, url: 'tcp://8.8.8.8:53', dns: {query-name: example.com, query-type: A}}",
         {"transport: tcp", "8.8.8.8:53"}},
        {"{name: x, url: 'icmp://example.org', client: {network: ip6}}",
         {"type: icmp", "host: example.org", "ip_version: \"6\""}},
        {"{name: x, url: 'wss://chat.example.org/', body: hi, conditions: ['[BODY] == pat(*served*)']}",
         {"type: websocket", "send: hi", ".*served.*"}},
        {"{name: x, url: 'ssh://h:2222', ssh: {username: u, password: p}, body: '{\"command\": \"uptime\"}'}",
         {"type: ssh", "port: 2222", "username: u", "command: uptime"}},
        {"{name: x, url: 'grpcs://h:50051', conditions: ['[CONNECTED] == true']}",
         {"type: grpc", "tls: true", "port: 50051"}},
        {"{name: x, url: 'tcp://h:1', body: 'a\\b', conditions: ['[BODY] == c.d']}",
         {"a\\\\\\\\b", "^c\\\\.d$$"}},
        {"{name: x, url: 'http://h/', conditions: ['[RESPONSE_TIME] < 5s']}",
         {"[RESPONSE_TIME] < 5s", "100-599"}},
        {"{name: x, url: 'http://h/', client: {tls: {certificate-file: /c.pem, private-key-file: /k.pem}}}",
         {"cert_file: /c.pem", "key_file: /k.pem"}},
        {"{name: x, url: 'http://h/', interval: 10s, client: {timeout: 20s}}",
         {"interval: 10s", "timeout: 10s"}},
        {"{name: x, url: 'tcp://h:1', conditions: ['[CONNECTED] == false']}", {"invert: true"}},
        {"{name: x, url: 'udp://h:53', conditions: ['[CONNECTED] == true', '[RESPONSE_TIME] < 1s']}",
         {"type: udp", "port: 53", "max_latency: 1s"}},
        {"{name: x, url: 'udp://h:7', body: \"a\\r\", conditions: ['[BODY] == pat(*b*)']}",
         {"send: \"a\\\\r\"", "answer: \".*b.*\""}},
        {"{name: x, url: 'udp://h:7', body: ping}", {"send: ping", "answer: \"^\""}},
        {"{name: x, url: 'tcp://h:1', alerts: [{type: slack, success-threshold: 4}, {type: a}]}",
         {"success_threshold: 4"}},
        {"{name: x, url: 'tcp://h:1', alerts: [{type: slack}]}", {"success_threshold: 2"}},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[1000];
        snprintf(text, sizeof(text), "endpoints:\n  - %s\n", cases[i].endpoint);
        struct imported t = from_text(text);
        assert_int_equal(t.c->n_targets, 1);
        for (size_t k = 0; k < array_len(cases[i].want) && cases[i].want[k]; k++)
            if (!strstr(t.yaml.data, cases[i].want[k]))
                fail_msg("no %s in\n%s", cases[i].want[k], t.yaml.data);
        imported_end(&t);
    }
}

static void test_left_out(void **state)
{
    static const char *const cases[][2] = {
        {"{name: x, url: 'sctp://h:1'}", "Belfry does not speak SCTP"},
        {"{name: x, url: 'gopher://h:1'}", "no prober for \"gopher://h:1\""},
        {"{name: x}", "no prober for \"\""},
        {"{name: x, url: 'tcp://h'}", "port"},
        {"{name: x, url: 'tcp://${BELFRY_NOT_SET}:1'}", "BELFRY_NOT_SET is not set"},
        {"{name: x, url: 'http://h/', conditions: ['[NONE] == 1']}", "[NONE] == 1"},
        {"{name: x, url: 'ssh://h', ssh: {username: u, private-key: k}}", "private_key_file"},
        {"{name: x, url: 'http://h/', surprise: 1}", "surprise is not carried over"},
        {"{name: x, url: 'http://h/', interval: soon}", "got \"soon\"; want a duration"},
        {"{name: x, url: 'https://d/', dns: {query-name: a, query-type: A}}", "by HTTPS"},
        {"{name: x, url: 'http://h/', client: {tunnel: a}}", "belfry agent"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[1000];
        snprintf(text, sizeof(text), "endpoints:\n  - %s\n", cases[i][0]);
        struct imported t = from_text(text);
        if (!imported_told(&t, cases[i][1]))
            fail_msg("%s: not told: %s", cases[i][0], cases[i][1]);
        imported_end(&t);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"web: {port: 1}\n", "there are no endpoints"},
        {"[1, 2]\n", "want Gatus' configuration"},
        {"endpoints: [\n", "config.yaml"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct imported t = imported_begin();
        struct err err = {0};
        struct import_file file = {"config.yaml", str_of(cases[i][0])};
        assert_int_equal(import_gatus_texts(&file, 1, &t.yaml, &t.problems, &err), -1);
        assert_non_null(strstr(err_text(&err, (char[600]){0}, 600), cases[i][1]));
        imported_end(&t);
    }
    struct imported t = imported_begin();
    char *const paths[] = {(char[]){"/nowhere/config.yaml"}};
    struct err err = {0};
    assert_int_equal(import_gatus(paths, 1, &t.yaml, &t.problems, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    imported_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
