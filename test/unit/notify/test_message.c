/* Messages: size limits on character boundaries, own templates and their failures, options and preview. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

#define URL "\"webhook_url\":\"https://x.example/send?key=K\""

static void check_size(size_t max, uint32_t n, const char *name)
{
    struct notify_fixture *f = fixture_new("wecom", "{" URL ",\"list\":100}");
    struct notification *note = fixture_note(f->arena, EVENT_FIRED, n);
    for (uint32_t i = 0; name != NULL && i < n; i++)
        ((struct alert *)note->items[i].alert)->target_name = name;
    f->send.note = note;
    struct message m;
    struct err err;
    assert_int_equal(message_build_titled(&f->send, &dialect_wecom, max, &m, &err), 0);
    assert_true(strlen(m.body) <= max);
    assert_true(utf8_valid(m.body, strlen(m.body)));
    if (max > 2000 && n > 3) { /* room for a word about those that are not listed */
        assert_non_null(strstr(m.body, "… 另有"));
        assert_non_null(strstr(m.body, "查看"));
    }
    fixture_free(f);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {20, 33, 64, 100, 101, 102, 103, 500, 2048, 4096};
    for (size_t i = 0; i < array_len(sizes); i++) {
        check_size(sizes[i], 1, NULL);
        check_size(sizes[i], 2, NULL);
        check_size(sizes[i], 500, NULL);
    }
    char *name = malloc(9001); /* one name longer than any message */
    memset(name, 0, 9001);
    for (size_t i = 0; i < 9000; i += 3)
        memcpy(name + i, "监", 3);
    check_size(100, 1, name);
    check_size(1000, 1, name);
    check_size(1001, 2, name);
    free(name);
}

static void test_own_template(void **state)
{
    struct notify_fixture *f = fixture_new(
        "wecom", "{" URL ",\"title\":\"{{ .Group }}\",\"template\":\"{{ range .Alerts }}{{ .Name "
                 "}}/{{ .Labels.env | default `-` }} {{ end }}{{ .More }}\",\"list\":2}");
    f->send.note = fixture_note(f->arena, EVENT_FIRED, 3);
    struct message m;
    struct err err;
    assert_int_equal(message_build(&f->send, &dialect_text, 4096, &m, &err), 0);
    assert_string_equal(m.title, "payments");
    assert_string_equal(m.body, "shop/prod 主数据库/- 1");
    fixture_free(f);
}

static void test_failing_template_rings_anyway(void **state)
{
    struct notify_fixture *f = fixture_new("wecom", "{" URL "}");
    struct message_options o = *(const struct message_options *)f->send.config;
    o.template = "{{ .Nmae }}";
    f->send.config = &o;
    f->send.note = fixture_note(f->arena, EVENT_FIRED, 1);
    struct message m;
    struct err err;
    assert_int_equal(message_build(&f->send, &dialect_text, 4096, &m, &err), 0);
    assert_non_null(strstr(m.body, "shop"));
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_non_null(strstr(err.msg, ".Nmae"));
    fixture_free(f);
}

static void test_tone_and_mixed(void **state)
{
    struct notify_fixture *f = fixture_new("slack", "{" URL "}");
    struct notification *note = fixture_note(f->arena, EVENT_FIRED, 3);
    note->items[2].kind = EVENT_RESOLVED;
    f->send.note = note;
    struct message m;
    assert_int_equal(message_build(&f->send, &dialect_text, 4096, &m, &(struct err){0}), 0);
    assert_int_equal(m.tone, TONE_MIXED);
    assert_string_equal(m.title, "🔴 DOWN 2 · 🟢 UP 1 · payments");
    fixture_free(f);
}

static void test_fired_but_over(void **state)
{
    /* the alert ended before its message went out: its message is that of the recovery */
    struct notify_fixture *f = fixture_new("slack", "{" URL "}");
    struct notification *note = fixture_note(f->arena, EVENT_RESOLVED, 1);
    note->items[0].kind = EVENT_FIRED;
    f->send.note = note;
    struct message m;
    assert_int_equal(message_build(&f->send, &dialect_text, 4096, &m, &(struct err){0}), 0);
    assert_null(strstr(m.body, "HTTP 200"));
    fixture_free(f);
}

static void expect_problem(const char *type, const char *config, const char *field,
                           const char *says)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct channel c = {.name = "x", .type = type, .webhook_url = "", .config_json = config};
    assert_null(channel_bind(channel_by_type(type), &c, a, &p));
    assert_true(p.list.n >= 1);
    if (strcmp(p.list.at[0].field, field) != 0 || strstr(p.list.at[0].message, says) == NULL)
        print_error("%s: %s\n", p.list.at[0].field, p.list.at[0].message);
    assert_string_equal(p.list.at[0].field, field);
    assert_non_null(strstr(p.list.at[0].message, says));
    problems_done(&p);
    arena_free(a);
}

static void test_problems(void **state)
{
    expect_problem("wecom", "{}", "webhook_url", "");
    expect_problem("wecom", "{\"webhook_url\":\"ftp://x/yyyy\"}", "webhook_url", "https");
    expect_problem("wecom", "{" URL ",\"template\":\"a\\n{{ .Foo }}\"}", "template",
                   "line 2, column 4");
    expect_problem("wecom", "{" URL ",\"time_zone\":\"Mars\"}", "time_zone", "unknown time zone");
    expect_problem("wecom", "{" URL ",\"mention_al\":true}", "mention_al", "mention_all");
    expect_problem("email", "{\"host\":\"h\",\"from\":\"me\",\"to\":[\"a@b\"]}", "from", "address");
    expect_problem("email", "{\"host\":\"h\",\"from\":\"me@x\",\"to\":[\"a b@c\"]}", "to[0]", "");
    expect_problem("webhook", "{" URL ",\"headers\":{\"A\":\"b\\r\\nC: d\"}}", "headers", "header");
    expect_problem("exec", "{\"command\":[]}", "command", "");
    expect_problem("wecom", "[1]", "config", "object");
}

static void test_channel_columns(void **state)
{
    /* webhook_url and mention_all of the row join the options */
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct channel c = {.name = "x",
                        .type = "wecom",
                        .webhook_url = "https://x.example/",
                        .config_json = "",
                        .mention_all = true};
    struct buf out = BUF_INIT(65536);
    struct err err;
    assert_int_equal(
        notify_preview(&c, message_sample(a, EVENT_TEST, 1, WALL_MS), a, &out, &p, &err), 0);
    assert_non_null(strstr(out.data, "\"mentioned_list\":[\"@all\"]"));
    assert_non_null(strstr(out.data, "\"msgtype\":\"text\""));
    c.type = "wekom";
    assert_int_equal(
        notify_preview(&c, message_sample(a, EVENT_TEST, 1, WALL_MS), a, &out, &p, &err), -1);
    buf_done(&out);
    problems_done(&p);
    arena_free(a);
}

static void test_webhook_template_and_doubles(void **state)
{
    struct notify_fixture *f =
        fixture_new("webhook", "{" URL ",\"template\":\"{\\\"text\\\":{{ .Name | json }}}\"}");
    f->send.note = fixture_note(f->arena, EVENT_FIRED, 1);
    struct buf out = BUF_INIT(65536);
    struct err err;
    assert_int_equal(f->ops->render(&f->send, &out, &err), 0);
    assert_string_equal(out.data, "{\"text\":\"shop\"}");
    fixture_free(f);

    f = fixture_new("webhook", "{" URL ",\"max_alerts\":1}");
    struct notification *note = fixture_note(f->arena, EVENT_FIRED, 3);
    note->items[2].kind = EVENT_RESOLVED; /* the same alert fired and ended */
    note->items[2].alert = note->items[0].alert;
    f->send.note = note;
    buf_clear(&out);
    assert_int_equal(f->ops->render(&f->send, &out, &err), 0);
    assert_non_null(strstr(out.data, "\"truncatedAlerts\":1"));
    assert_non_null(strstr(out.data, "\"groupKey\":\"{}:{group=\\\"payments\\\"}\""));
    buf_done(&out);
    fixture_free(f);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_own_template),
        cmocka_unit_test(test_failing_template_rings_anyway),
        cmocka_unit_test(test_tone_and_mixed),
        cmocka_unit_test(test_fired_but_over),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_channel_columns),
        cmocka_unit_test(test_webhook_template_and_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
