/* What an HTTP answer must be: judging made-up answers. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/http_expect.h"

/* Binds `expect` and judges an answer; the message is "" when it is good. */
static const char *judge(struct arena *a, const char *expect, int status, const char *headers,
                         const char *body)
{
    struct problems p;
    struct err err = {0};
    struct http_expect *e = arena_new_of(a, struct http_expect);
    struct result *r = arena_new_of(a, struct result);
    struct http_response resp = {
        .status = status, .headers = BUF_INIT(65536), .body = BUF_INIT(1 << 20)};
    char *text = arena_strdup(a, expect);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct node *config = node_from_json(a, text, strlen(text), &err);
    assert_non_null(config);
    problems_init(&p, a);
    bool good = options_bind(http_expect_options, config, e, a, &p, "expect");
    if (good)
        http_expect_validate(e, a, &p, "");
    if (p.list.n)
        fail_msg("%s: %s", expect, p.list.at[0].message);
    problems_done(&p);
    buf_puts(&resp.headers, headers);
    buf_puts(&resp.body, body);
    result_init(r, a);
    r->success = true;
    http_expect_judge(e, &resp, r);
    buf_done(&resp.headers);
    buf_done(&resp.body);
    return r->message;
}

static void test_judging(void **state)
{
    static const struct {
        const char *expect;
        int status;
        const char *headers, *body, *message; /* "": good */
    } cases[] = {
        {"{}", 200, "", "", ""},
        {"{}", 299, "", "", ""},
        {"{}", 301, "", "", "HTTP status 301; want 200-299"},
        {"{'status': [200, '400-404']}", 403, "", "", ""},
        {"{'status': [200, '400-404']}", 500, "", "", "HTTP status 500; want 200, 400-404"},
        {"{'body_contains': ['ok', 'fine']}", 200, "", "all ok and fine", ""},
        {"{'body_contains': 'ok'}", 200, "", "OK", "does not contain \"ok\""},
        {"{'body_not_contains': ['err']}", 200, "", "error", "contains \"err\""},
        {"{'body_matches': ['^v[0-9]+$']}", 200, "", "v12", ""},
        {"{'body_matches': ['^v[0-9]+$']}", 200, "", "x", "does not match"},
        {"{'body_not_matches': ['fail|error']}", 200, "", "an error", "which it must not"},
        {"{'body_matches': ['^(a+)+$']}", 200, "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
         "more than 200000 steps"},
        {"{'headers': {'content-type': 'json'}}", 200, "Content-Type: application/json\n", "", ""},
        {"{'headers': {'X-A': ''}}", 200, "x-a: 1\n", "", ""},
        {"{'headers': {'X-A': ''}}", 200, "x-ab: 1\n", "", "header X-A is missing"},
        {"{'headers': {'X-A': '^2'}}", 200, "X-A: 12\n", "", "header X-A: got \"12\""},
        {"{'json': [{'path': '$.s', 'value': 'up'}]}", 200, "", "{\"s\":\"up\"}", ""},
        {"{'json': [{'path': '$.s', 'value': 'up'}]}", 200, "", "{\"s\":\"down\"}",
         "got down; want == up"},
        {"{'json': [{'path': '$.s', 'value': 'up'}]}", 200, "", "{}", "nothing there"},
        {"{'json': [{'path': '$.s', 'value': 'up'}]}", 200, "", "<html>", "not JSON"},
        {"{'json': [{'path': '$.s', 'value': 'up'}]}", 200, "", "", "not JSON"},
        {"{'json': [{'path': '$.n', 'op': '<', 'value': '10'}]}", 200, "", "{\"n\":9.5}", ""},
        {"{'json': [{'path': '$.n', 'op': '<', 'value': '10'}]}", 200, "", "{\"n\":10}",
         "want < 10"},
        {"{'json': [{'path': '$.n', 'op': '>=', 'value': '10'}]}", 200, "", "{\"n\":\"x\"}",
         "want >= 10"},
        {"{'json': [{'path': '$.n', 'value': '10'}]}", 200, "", "{\"n\":10.0}", ""},
        {"{'json': [{'path': '$.b', 'value': 'true'}]}", 200, "", "{\"b\":true}", ""},
        {"{'json': [{'path': '$.b', 'op': '!=', 'value': 'true'}]}", 200, "", "{\"b\":true}",
         "want !="},
        {"{'json': [{'path': '$.t', 'op': 'contains', 'value': 'b'}]}", 200, "", "{\"t\":\"abc\"}",
         ""},
        {"{'json': [{'path': '$.t', 'op': 'matches', 'value': '^a.c$'}]}", 200, "",
         "{\"t\":\"abc\"}", ""},
        {"{'json': [{'path': '$.t', 'op': 'exists'}]}", 200, "", "{\"t\":null}", ""},
        {"{'json': [{'path': '$.t', 'op': 'exists'}]}", 200, "", "{}", "nothing there"},
        {"{'json': [{'path': '$.l', 'value': '[1,2]'}]}", 200, "", "{\"l\":[1, 2]}", ""},
        {"{'status': [200], 'body_contains': 'ok'}", 500, "", "",
         "HTTP status 500"}, /* the first */
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        const char *got =
            judge(a, cases[i].expect, cases[i].status, cases[i].headers, cases[i].body);
        if (*cases[i].message ? !strstr(got, cases[i].message) : *got)
            fail_msg("case %zu %s: %s", i, cases[i].expect, got);
    }
    arena_free(a);
}

static void test_config(void **state)
{
    static const struct {
        const char *config, *problem;
    } cases[] = {
        {"{'url': 'ftp://h/'}", "want http or https"},
        {"{'url': 'http:///'}", "no host"},
        {"{'url': 'http://h/', 'method': 'get'}", "method"},
        {"{'url': 'http://h/', 'headers': {'a b': 'x'}}", "headers"},
        {"{'url': 'http://h/', 'headers': {'a': 'x\\\\r\\\\ny: z'}}", ""},
        {"{'url': 'http://h/', 'expect': {'body_matches': ['(']}}", "expect.body_matches"},
        {"{'url': 'http://h/', 'expect': {'headers': {'a': '('}}}", "expect.headers"},
        {"{'url': 'http://h/', 'expect': {'json': [{'path': '$..a', 'value': '1'}]}}",
         "not a JSON path"},
        {"{'url': 'http://h/', 'expect': {'json': [{'path': '$.a'}]}}", "has no value"},
        {"{'url': 'http://h/', 'expect': {'json': [{'path': '$.a', 'op': 'matches', 'value': '('}]}}",
         "json"},
        {"{'url': 'http://h/', 'expect': {'status': ['999']}}", "status"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char *text = config_problems("http", cases[i].config);
        assert_contains(text, cases[i].problem);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judging),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
