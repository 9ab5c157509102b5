/* Sending for real, over loopback: robots, webhook, mail, programs; what they answer and what goes wrong. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "io/fiber.h"
#include "server.h"

#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

struct attempt {
    struct notify_fixture *f;
    struct loop *loop;
    struct buf answer;
    struct err err;
    int rc;
    int64_t retry_after_ms, took_ms;
};

static void on_fiber(void *arg)
{
    struct attempt *t = arg;
    int64_t began = clock_mono_ns();
    t->rc = t->f->ops->send(&t->f->send, &t->answer, &t->err);
    t->took_ms = (clock_mono_ns() - began) / NS_PER_MS;
    loop_stop(t->loop);
}

static void attempt(struct attempt *t, const char *type, const char *config)
{
    struct err err;
    *t = (struct attempt){.answer = BUF_INIT(4096), .f = fixture_new(type, config)};
    t->loop = loop_new(&err);
    assert_non_null(t->loop);
    struct notify_env env = {.loop = t->loop};
    env.resolver = resolver_new(t->loop, &err);
    env.http = http_client_new(t->loop, env.resolver, &err);
    assert_non_null(env.http);
    t->f->send.env = &env;
    t->f->send.note = fixture_note(t->f->arena, EVENT_FIRED, 1);
    t->f->send.retry_after_ms = &t->retry_after_ms;
    t->f->send.deadline_ns = clock_mono_ns() + 20 * NS_PER_S;
    assert_int_equal(fiber_start(t->loop, on_fiber, t, &err), 0);
    loop_run(t->loop);
    http_client_free(env.http);
    resolver_free(env.resolver);
    loop_free(t->loop);
}

static void done(struct attempt *t)
{
    buf_done(&t->answer);
    fixture_free(t->f);
}

static char *config_for(const char *fmt, ...) printf_like(1, 2);
static char *config_for(const char *fmt, ...)
{
    static char config[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(config, sizeof(config), fmt, ap);
    va_end(ap);
    return config;
}

static void test_robot_accepts(void **state)
{
    struct server s = {.reply = HTTP_OK "{\"errcode\":0,\"errmsg\":\"ok\"}"};
    struct attempt t;
    server_start(&s);
    attempt(
        &t, "dingtalk",
        config_for(
            "{\"webhook_url\":\"http://127.0.0.1:%u/robot/send?access_token=T\",\"secret\":\"SECbelfry\"}",
            s.port));
    if (t.rc != 0)
        print_error("%s\n", t.err.msg);
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.answer.data, "{\"errcode\":0,\"errmsg\":\"ok\"}");
    assert_non_null(
        strstr(s.got.data, "POST /robot/send?access_token=T&timestamp=1700000000000&sign=lN%2F"));
    assert_non_null(strstr(s.got.data, "Content-Type: application/json"));
    assert_non_null(strstr(s.got.data, "\"msgtype\":\"markdown\""));
    done(&t);
    server_stop(&s);
}

static void test_robot_refuses(void **state)
{
    static const struct {
        const char *reply;
        enum err_code code;
        bool retry;
        int64_t retry_after_ms;
    } cases[] = {
        {HTTP_OK "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}", ERR_DENIED, false, 0},
        {HTTP_OK "{\"errcode\":45009,\"errmsg\":\"freq\"}", ERR_BUSY, true, 60000},
        {HTTP_OK "\x01\x02garbage", ERR_BUSY, true, 0},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
         ERR_BUSY, true, 7000},
        {"garbage garbage garbage\r\n\r\n", ERR_REFUSED, true, 0},
        {NULL, ERR_REFUSED, true, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct server s = {.reply = cases[i].reply};
        struct attempt t;
        server_start(&s);
        attempt(&t, "wecom",
                config_for("{\"webhook_url\":\"http://127.0.0.1:%u/?key=K\"}", s.port));
        if (t.err.code != cases[i].code)
            print_error("%zu: %s\n", i, t.err.msg);
        assert_int_equal(t.rc, -1);
        assert_int_equal(t.err.code, cases[i].code);
        assert_int_equal(err_code_retry(t.err.code), cases[i].retry);
        assert_int_equal(t.retry_after_ms, cases[i].retry_after_ms);
        done(&t);
        server_stop(&s);
    }
}

static void test_robot_hangs(void **state)
{
    struct server s = {.reply = "hang"};
    struct attempt t;
    server_start(&s);
    attempt(&t, "wecom",
            config_for("{\"webhook_url\":\"http://127.0.0.1:%u/?key=K\",\"timeout\":\"300ms\"}",
                       s.port));
    assert_int_equal(t.err.code, ERR_TIMEOUT);
    assert_in_range(t.took_ms, 250, 3000);
    done(&t);
    server_stop(&s);
}

static void test_nobody_listens(void **state)
{
    struct attempt t;
    attempt(&t, "wecom", "{\"webhook_url\":\"http://127.0.0.1:1/?key=K\"}");
    assert_true(err_code_retry(t.err.code));
    done(&t);
    attempt(&t, "slack", "{\"webhook_url\":\"https://127.0.0.1:1/x\"}");
    assert_true(err_code_retry(t.err.code));
    done(&t);
}

static void test_webhook(void **state)
{
    struct server s = {.reply = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nhi"};
    struct attempt t;
    server_start(&s);
    attempt(
        &t, "webhook",
        config_for(
            "{\"webhook_url\":\"http://127.0.0.1:%u/hook\",\"bearer\":\"sesame\",\"headers\":{\"X-Team\":\"a b\"}}",
            s.port));
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.answer.data, "HTTP 202 hi");
    assert_non_null(strstr(s.got.data, "X-Belfry-Delivery: 4711\r\n"));
    assert_non_null(strstr(s.got.data, "X-Team: a b\r\n"));
    assert_non_null(strstr(s.got.data, "Authorization: Bearer sesame\r\n"));
    assert_non_null(strstr(s.got.data, "\"version\":\"4\""));
    done(&t);
    server_stop(&s);
}

#define MAIL \
    "{\"host\":\"127.0.0.1\",\"port\":%u,\"from\":\"Belfry <b@x.example>\",\"to\":[\"o@x.example\",\"p@x.example\"],"

static void test_mail(void **state)
{
    struct server s = {.smtp = true};
    struct attempt t;
    server_start(&s);
    attempt(
        &t, "email",
        config_for(MAIL "\"security\":\"none\",\"username\":\"u\",\"password\":\"p\"}", s.port));
    if (t.rc != 0)
        print_error("%s\n", t.err.msg);
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.answer.data, "250 2.0.0 queued as 4711");
    assert_non_null(strstr(s.got.data, "AUTH PLAIN AHUAcA==\r\n"));
    assert_non_null(strstr(s.got.data, "MAIL FROM:<b@x.example>\r\n"));
    assert_non_null(strstr(s.got.data, "RCPT TO:<o@x.example>\r\nRCPT TO:<p@x.example>\r\n"));
    assert_non_null(strstr(s.got.data, "Subject: =?UTF-8?B?"));
    done(&t);
    server_stop(&s);
}

static void test_mail_starttls(void **state)
{
    struct server s = {.smtp = true, .tls = true};
    struct attempt t;
    server_start(&s);
    attempt(&t, "email",
            config_for(MAIL "\"username\":\"u\",\"password\":\"p\",\"verify\":false}", s.port));
    if (t.rc != 0)
        print_error("%s\n", t.err.msg);
    assert_int_equal(t.rc, 0);
    const char *tls = strstr(s.got.data, "[TLS]");
    assert_non_null(tls);
    assert_non_null(strstr(tls, "AUTH PLAIN")); /* not before */
    assert_null(memmem(s.got.data, (size_t)(tls - s.got.data), "AUTH", 4));
    done(&t);
    attempt(&t, "email", config_for(MAIL "\"username\":\"u\",\"password\":\"p\"}", s.port));
    assert_int_equal(t.rc, -1); /* nobody trusts that certificate; it may be renewed */
    assert_true(err_code_retry(t.err.code));
    done(&t);
    server_stop(&s);
}

static void test_mail_refused(void **state)
{
    static const struct {
        const char *refuse;
        int rc;
        enum err_code code;
        const char *says;
    } cases[] = {
        {"AUTH|535 5.7.8 bad credentials\r\n", -1, ERR_DENIED, "`password`"},
        {"MAIL|451 4.3.0 later\r\n", -1, ERR_BUSY, "later"},
        {"RCPT TO:<o@|550 5.1.1 no such user\r\n", 0, ERR_OK, ""},
        {"RCPT|550 5.1.1 no such user\r\n", -1, ERR_DENIED, "no such user"},
        {"DATA|554 no\r\n", -1, ERR_DENIED, "554"},
        {"EHLO|hello?\r\n", -1, ERR_BUSY, "not SMTP"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct server s = {.smtp = true, .refuse = cases[i].refuse};
        struct attempt t;
        server_start(&s);
        attempt(&t, "email",
                config_for(MAIL "\"security\":\"none\",\"username\":\"u\",\"password\":\"p\"}",
                           s.port));
        if (t.rc != cases[i].rc || (t.rc != 0 && strstr(t.err.msg, cases[i].says) == NULL))
            print_error("%zu: %s\n", i, t.err.msg);
        assert_int_equal(t.rc, cases[i].rc);
        if (t.rc != 0) {
            assert_int_equal(t.err.code, cases[i].code);
            assert_non_null(strstr(t.err.msg, cases[i].says));
        } else {
            assert_non_null(strstr(t.answer.data, "<o@x.example> refused"));
        }
        done(&t);
        server_stop(&s);
    }
    struct server s = {.smtp = true}; /* STARTTLS wanted, not offered */
    struct attempt t;
    server_start(&s);
    attempt(&t, "email", config_for(MAIL "\"verify\":false}", s.port));
    assert_int_equal(t.err.code, ERR_DENIED);
    assert_non_null(strstr(t.err.msg, "STARTTLS"));
    done(&t);
    server_stop(&s);
}

static void test_exec(void **state)
{
    static const struct {
        const char *script;
        enum err_code code;
        const char *says;
    } cases[] = {
        {"cat >/dev/null; echo got $BELFRY_DELIVERY $BELFRY_STATUS", ERR_OK, "got 4711 firing"},
        {"grep -q TargetDown && echo found", ERR_OK, "found"},
        {"exec 0<&-; exit 0", ERR_OK, ""}, /* reads nothing */
        {"echo no; exit 1", ERR_BUSY, "status 1: no"},
        {"echo wrong >&2; exit 64", ERR_DENIED, "status 64: wrong"},
        {"exit 75", ERR_BUSY, "status 75"},
        {"kill -9 $$", ERR_BUSY, "signal 9"},
        {"sleep 30 & sleep 30", ERR_TIMEOUT, "killed"},
        {"exec >&- 2>&-; sleep 30", ERR_TIMEOUT, "killed"},
        {"yes | head -c 1000000", ERR_OK, "y"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char config[512];
        struct attempt t;
        snprintf(config, sizeof(config),
                 "{\"command\":[\"/bin/sh\",\"-c\",\"%s\"],\"timeout\":\"400ms\"}",
                 cases[i].script);
        attempt(&t, "exec", config);
        const char *said = t.rc == 0 ? (t.answer.data != NULL ? t.answer.data : "") : t.err.msg;
        if (t.err.code != cases[i].code || strstr(said, cases[i].says) == NULL)
            print_error("%s: %d %s\n", cases[i].script, t.err.code, said);
        assert_int_equal(t.rc, cases[i].code == ERR_OK ? 0 : -1);
        assert_int_equal(t.err.code, cases[i].code);
        assert_non_null(strstr(said, cases[i].says));
        assert_true(t.took_ms < 3000);
        done(&t);
    }
    struct attempt t;
    attempt(&t, "exec", "{\"command\":[\"/no/such/program\"]}");
    assert_int_equal(t.err.code, ERR_INVALID);
    done(&t);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_robot_accepts), cmocka_unit_test(test_robot_refuses),
        cmocka_unit_test(test_robot_hangs),   cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_webhook),       cmocka_unit_test(test_mail),
        cmocka_unit_test(test_mail_starttls), cmocka_unit_test(test_mail_refused),
        cmocka_unit_test(test_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
