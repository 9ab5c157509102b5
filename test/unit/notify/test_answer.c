/* Vendors' answers and signatures: what is accepted, tried again, given up, and what the operator reads. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

static const struct {
    const struct vendor *vendor; /* NULL: Slack */
    int status;
    const char *body;
    enum err_code want;
    int64_t retry_ms;
    const char *says;
} cases[] = {
    {&vendor_wecom, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", ERR_OK, 0, ""},
    {&vendor_wecom, 200, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", ERR_BUSY,
     60000, "45009"},
    {&vendor_wecom, 200, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}", ERR_DENIED, 0,
     "`webhook_url`"},
    {&vendor_wecom, 200,
     "{\"errcode\":40058,\"errmsg\":\"markdown.content exceed max length 4096\"}", ERR_DENIED, 0,
     "too long"},
    {&vendor_wecom, 200, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", ERR_BUSY, 0, "busy"},
    {&vendor_wecom, 200, "{\"errcode\":77777,\"errmsg\":\"new\"}", ERR_BUSY, 0, "77777"},
    {&vendor_wecom, 200, "<html>login</html>", ERR_BUSY, 0, "proxy"},
    {&vendor_wecom, 200, "", ERR_BUSY, 0, ""},
    {&vendor_wecom, 200, "{\"errcode\":\"zero\"}", ERR_BUSY, 0, ""},
    {&vendor_wecom, 200, "{\"errcode\":\"0\"}", ERR_OK, 0, ""},
    {&vendor_wecom, 200, "[0]", ERR_BUSY, 0, ""},
    {&vendor_wecom, 200, "{\"errcode\":0", ERR_BUSY, 0, ""},
    {&vendor_wecom, 502, "bad gateway", ERR_BUSY, 0, "HTTP 502"},
    {&vendor_wecom, 404, "", ERR_DENIED, 0, "webhook_url"},
    {&vendor_wecom, 301, "", ERR_DENIED, 0, "redirects"},
    {&vendor_dingtalk, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", ERR_OK, 0, ""},
    {&vendor_dingtalk, 200,
     "{\"errcode\":130101,\"errmsg\":\"send too fast, exceed 20 times per minute\"}", ERR_BUSY,
     600000, "20 a minute"},
    {&vendor_dingtalk, 200,
     "{\"errcode\":310000,\"errmsg\":\"sign not match, more: [https://ding-doc.dingtalk.com]\"}",
     ERR_DENIED, 0, "`secret`"},
    {&vendor_dingtalk, 200, "{\"errcode\":310000,\"errmsg\":\"keywords not in content\"}",
     ERR_DENIED, 0, "`keyword`"},
    {&vendor_dingtalk, 200, "{\"errcode\":310000,\"errmsg\":\"invalid timestamp\"}", ERR_DENIED, 0,
     "clock"},
    {&vendor_dingtalk, 200, "{\"errcode\":310000,\"errmsg\":\"ip 1.2.3.4 not in whitelist\"}",
     ERR_DENIED, 0, "allowed"},
    {&vendor_dingtalk, 200, "{\"errcode\":300001,\"errmsg\":\"token is not exist\"}", ERR_DENIED, 0,
     "access_token"},
    {&vendor_dingtalk, 200, "{\"errcode\":460101,\"errmsg\":\"message too long\"}", ERR_DENIED, 0,
     "too long"},
    {&vendor_feishu, 200, "{\"code\":0,\"msg\":\"success\",\"data\":{}}", ERR_OK, 0, ""},
    {&vendor_feishu, 200, "{\"Extra\":null,\"StatusCode\":0,\"StatusMessage\":\"success\"}", ERR_OK,
     0, ""},
    {&vendor_feishu, 200,
     "{\"code\":19021,\"msg\":\"sign match fail or timestamp is not within one hour\"}", ERR_DENIED,
     0, "`secret`"},
    {&vendor_feishu, 200, "{\"code\":19024,\"msg\":\"Key Words Not Found\"}", ERR_DENIED, 0,
     "`keyword`"},
    {&vendor_feishu, 200, "{\"code\":11232,\"msg\":\"frequency limited\"}", ERR_BUSY, 10000, ""},
    {&vendor_feishu, 400, "{\"code\":9499,\"msg\":\"too many request\"}", ERR_BUSY, 10000, ""},
    {&vendor_feishu, 400, "{\"code\":9499,\"msg\":\"Bad Request\"}", ERR_DENIED, 0, "template"},
    {NULL, 200, "ok", ERR_OK, 0, ""},
    {NULL, 200, "ok\n", ERR_OK, 0, ""},
    {NULL, 200, "<html>", ERR_BUSY, 0, "ok"},
    {NULL, 404, "no_service", ERR_DENIED, 0, "webhook was removed"},
    {NULL, 400, "invalid_payload", ERR_DENIED, 0, "template"},
    {NULL, 500, "rollup_error", ERR_BUSY, 0, "500"},
    {NULL, 429, "rate_limited", ERR_BUSY, 0, "429"},
};

static void test_answers(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct post_reply reply = {.status = cases[i].status, .body = str_of(cases[i].body)};
        struct err err = {0};
        int64_t retry_ms = -1;
        int rc = cases[i].vendor != NULL ? vendor_judge(cases[i].vendor, &reply, a, &retry_ms, &err)
                                         : slack_judge(&reply, &retry_ms, &err);
        if (rc != (cases[i].want == ERR_OK ? 0 : -1) || err.code != cases[i].want ||
            strstr(err.msg, cases[i].says) == NULL || retry_ms != cases[i].retry_ms)
            print_error("%s: %d %s (%d)\n", cases[i].body, err.code, err.msg, (int)retry_ms);
        assert_int_equal(rc, cases[i].want == ERR_OK ? 0 : -1);
        assert_int_equal(err.code, cases[i].want);
        assert_non_null(strstr(err.msg, cases[i].says));
        assert_int_equal(retry_ms, cases[i].retry_ms);
        arena_free(a);
    }
}

static void test_retry_after(void **state)
{
    struct post_reply reply = {.status = 429, .retry_after_ms = 30000};
    int64_t retry_ms = 0;
    struct err err;
    assert_int_equal(status_judge("x", &reply, &retry_ms, &err), -1);
    assert_int_equal(retry_ms, 30000);
    assert_true(err_code_retry(err.code));
}

static void test_signatures(void **state)
{
    struct arena *a = arena_new();
    assert_string_equal(
        dingtalk_url(a, "https://x/send?access_token=T", "SECbelfry", 1700000000000),
        "https://x/send?access_token=T&timestamp=1700000000000&sign="
        "lN%2FHZiR272k2qweFgsH%2BuQB3vWqAch3gabEutoXHbrs%3D");
    assert_string_equal(dingtalk_url(a, "https://x/send", "SECbelfry", 1700000000000),
                        "https://x/send?timestamp=1700000000000&sign="
                        "lN%2FHZiR272k2qweFgsH%2BuQB3vWqAch3gabEutoXHbrs%3D");
    struct buf b = BUF_INIT(256);
    feishu_sign("SECbelfry", 1700000000, &b);
    assert_string_equal(b.data, "0waUW9J202KYJqUs1+3yOrBudyFbAqoioJGAf3RMW7w=");
    buf_done(&b);
    arena_free(a);
}

static void test_table(void **state)
{
    static const char *const types[] = {"wecom", "dingtalk", "feishu", "slack",
                                        "email", "webhook",  "exec"};
    size_t n = 0;
    for (const struct channel_ops *const *t = channel_table(); *t != NULL; t++, n++) {
        assert_string_equal((*t)->type, types[n]);
        assert_non_null((*t)->title.zh);
        assert_non_null((*t)->send);
        assert_ptr_equal(channel_by_type(types[n]), *t);
    }
    assert_int_equal(n, array_len(types));
    assert_null(channel_by_type("pager"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
