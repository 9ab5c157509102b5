/* What an agent's uplink makes of answers (uplink_answer.h) and of what it was told (agent_settings.h): pure, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/agent_settings.h"
#include "app/uplink_answer.h"
#include "base/fs.h"
#include "config/node.h"

static int parse(const char *text, struct arena *a, struct uplink_answer *out)
{
    struct err err = {0};
    int rc = uplink_answer_parse(str_of(text), a, out, &err);
    assert_true((rc == 0) == (err.code == ERR_OK));
    return rc;
}

static void good_answers(void **state)
{
    struct arena *a = arena_new();
    struct uplink_answer ans;
    (void)state;
    assert_int_equal(
        parse("{\"stored\":12,\"generation\":9223372036854775807,\"checks\":[{\"request_id\":"
              "117637480448000001,\"target_id\":7},{\"request_id\":2,\"target_id\":8}]}",
              a, &ans),
        0);
    assert_int_equal(ans.stored, 12);
    assert_true(ans.generation == INT64_MAX);
    assert_int_equal(ans.n_checks, 2);
    assert_true(ans.checks[0].request_id == UINT64_C(117637480448000001));
    assert_int_equal(ans.checks[1].target_id, 8);
    assert_int_equal(parse("{\"stored\":0,\"generation\":1,\"later\":[]}", a, &ans), 0);
    assert_int_equal(ans.n_checks, 0);
    arena_free(a);
}

static void others_are_no_belfrys(void **state)
{
    static const char *const texts[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"stored\":1}",
        "{\"stored\":-1,\"generation\":1}",
        "{\"stored\":\"1\",\"generation\":1}",
        "{\"stored\":1.5,\"generation\":1}",
        "{\"stored\":1,\"generation\":1,\"checks\":{}}",
        "{\"stored\":1,\"generation\":1,\"checks\":[1]}",
        ("{\"stored\":1,\"generation\":1,\"checks\":[{\"request_id\":0,"
         "\"target_id\":1}]}")};
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < array_len(texts); i++) {
        struct uplink_answer ans = {.stored = 99};
        if (parse(texts[i], a, &ans) != -1)
            fail_msg("%s", texts[i]);
        assert_int_equal(ans.stored, 99);
    }
    arena_free(a);
}

static void what_an_answer_asks_for(void **state)
{
    static const struct {
        int status;
        const char *after;
        uint32_t failures;
        enum uplink_trouble trouble;
        int64_t least, most; /* pause for a chance of 0 and nearly 1 */
    } cases[] = {
        {0, NULL, 1, UPLINK_AWAY, 250, 750},
        {0, NULL, 3, UPLINK_AWAY, 1000, 3000},
        {0, NULL, 1000, UPLINK_AWAY, 7500, 22500},
        {500, NULL, 1, UPLINK_AWAY, 250, 750},
        {502, NULL, 1, UPLINK_AWAY, 250, 750},
        {504, NULL, 1, UPLINK_AWAY, 250, 750},
        {503, "1", 1, UPLINK_BUSY, 1000, 1250},
        {503, "20", 9, UPLINK_BUSY, 20000, 20250},
        {503, "Sun, 22 Nov 2026 04:00:00 GMT", 1, UPLINK_BUSY, 1000, 1250},
        {429, "100000", 1, UPLINK_BUSY, 60000, 60250},
        {401, NULL, 1, UPLINK_TOKEN, 15000, 16000},
        {403, NULL, 50, UPLINK_TOKEN, 15000, 16000},
        {409, NULL, 1, UPLINK_CONFLICT, 5000, 6000},
        {413, NULL, 1, UPLINK_LARGE, 0, 0},
        {404, NULL, 1, UPLINK_STRANGE, 250, 750}, /* it may be starting */
        {404, NULL, 9, UPLINK_STRANGE, 30000, 31000},
        {302, NULL, 9, UPLINK_STRANGE, 30000, 31000},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct uplink_verdict low = uplink_judge(cases[i].status, cases[i].after, cases[i].failures,
                                                 0),
                              high = uplink_judge(cases[i].status, cases[i].after,
                                                  cases[i].failures, 0.999999);
        if (low.trouble != cases[i].trouble || low.pause_ms != cases[i].least ||
            high.pause_ms > cases[i].most || high.pause_ms < cases[i].most - 1)
            fail_msg("case %zu: %d, %lld to %lld", i, low.trouble, (long long)low.pause_ms,
                     (long long)high.pause_ms);
    }
}

/* --- settings ------------------------------------------------------------------------------- */

static bool bind(const char *json, struct arena *a, struct agent_settings *out,
                 const char **problem)
{
    struct problems p;
    struct err err = {0};
    problems_init(&p, a);
    const struct node *doc = node_from_json(a, json, strlen(json), &err);
    assert_non_null(doc);
    bool good = agent_settings_bind(doc, a, out, &p);
    *problem = p.list.n ? p.list.at[0].field : "";
    problems_done(&p);
    return good;
}

static void settings(void **state)
{
    static const struct {
        const char *json, *problem;
    } cases[] = {
        {"{\"server\":\"https://m.example.com/\",\"token\":\"t\"}", ""},
        {"{\"server\":\"https://m.example.com/belfry\",\"token_file\":\"/t\"}", ""},
        {"{\"server\":\"https://m.example.com\"}", "token"},
        {"{\"server\":\"https://m.example.com\",\"token\":\"t\",\"token_file\":\"/t\"}", "token"},
        {"{\"server\":\"m.example.com\",\"token\":\"t\"}", "server"},
        {"{\"server\":\"ftp://m.example.com\",\"token\":\"t\"}", "server"},
        {"{\"server\":\"https://m.example.com/?x\",\"token\":\"t\"}", "server"},
        {"{\"server\":\"https://u:p@m.example.com/\",\"token\":\"t\"}", "server"},
        {"{\"token\":\"t\"}", "server"},
        {"{\"server\":\"https://m\",\"token\":\"t\",\"buffer\":\"1KiB\"}", "buffer"},
    };
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct agent_settings s;
        const char *problem;
        bool good = bind(cases[i].json, a, &s, &problem);
        if (good != (cases[i].problem[0] == '\0') || strcmp(problem, cases[i].problem) != 0)
            fail_msg("%s: %s", cases[i].json, problem);
    }
    struct agent_settings s;
    const char *problem;
    assert_true(bind(cases[0].json, a, &s, &problem));
    assert_string_equal(s.server, "https://m.example.com");
    assert_int_equal(s.buffer, 64 << 20);
    arena_free(a);
}

static void the_token_of_a_file(void **state)
{
    static const char path[] = "/tmp/belfry-test-agent-token";
    struct arena *a = arena_new();
    struct agent_settings s = {.token = "", .token_file = path};
    struct err err = {0};
    (void)state;
    unlink(path);
    assert_null(agent_token(&s, a, &err));
    assert_int_equal(fs_write_atomic(path, " secret \n", 9, 0600, false, &err), 0);
    assert_string_equal(agent_token(&s, a, &err), "secret");
    assert_int_equal(fs_write_atomic(path, "a\nb\n", 4, 0600, false, &err), 0);
    assert_null(agent_token(&s, a, &err));
    unlink(path);
    s.token = "given";
    assert_string_equal(agent_token(&s, a, &err), "given");
    arena_free(a);
}

static void the_environments_proxy(void **state)
{
    static const struct {
        const char *server, *no_proxy, *want;
    } cases[] = {
        {"https://m.example.com", "", "http://p:1"},
        {"http://m.example.com", "", ""},
        {"https://m.example.com", "example.com", ""},
        {"https://m.example.com", ".example.com", ""},
        {"https://m.example.com", "localhost, example.com", ""},
        {"https://m.example.com", "other.com,*", ""},
        {"https://m.example.com", "ample.com", "http://p:1"},
        {"https://m.example.com", "a.m.example.com", "http://p:1"},
    };
    struct arena *a = arena_new();
    (void)state;
    unsetenv("https_proxy");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    setenv("HTTPS_PROXY", "http://p:1", 1);
    for (size_t i = 0; i < array_len(cases); i++) {
        setenv("NO_PROXY", cases[i].no_proxy, 1);
        if (strcmp(agent_proxy_of_environment(cases[i].server, a), cases[i].want) != 0)
            fail_msg("%s with %s", cases[i].server, cases[i].no_proxy);
    }
    assert_true(agent_is_readable("http://m.example.com", a));
    assert_false(agent_is_readable("https://m.example.com", a));
    assert_false(agent_is_readable("http://127.0.0.1:9370", a));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answers),
        cmocka_unit_test(others_are_no_belfrys),
        cmocka_unit_test(what_an_answer_asks_for),
        cmocka_unit_test(settings),
        cmocka_unit_test(the_token_of_a_file),
        cmocka_unit_test(the_environments_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
