/* Option tables: binding of every type, messages, masks, forms and schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../helpers/option_sample.h"

struct fixture {
    struct arena *arena;
    struct problems problems;
    struct sample s;
    bool good;
};

static struct fixture bind_text(const char *text, bool json)
{
    struct fixture f = {.arena = arena_new()};
    problems_init(&f.problems, f.arena);
    struct err err = {0};
    struct node *n = json ? node_from_json(f.arena, text, strlen(text), &err)
                          : node_from_yaml(f.arena, text, strlen(text), NULL, &err);
    assert_string_equal(err.msg, "");
    f.good = options_bind(sample_options, n, &f.s, f.arena, &f.problems, "config");
    assert_int_equal(f.good, f.problems.list.n == 0);
    return f;
}

static void drop(struct fixture *f)
{
    problems_done(&f->problems);
    arena_free(f->arena);
}

static void test_defaults(void **state)
{
    struct fixture f = bind_text("host: h", false);
    assert_true(f.good);
    assert_string_equal(f.s.host, "h");
    assert_string_equal(f.s.note, "none");
    assert_int_equal(f.s.count, 7);
    assert_int_equal(f.s.wait, 90000);
    assert_int_equal(f.s.size, 65536);
    assert_true(f.s.share == 0.7);
    assert_true(f.s.tls);
    assert_int_equal(f.s.mode, 1);
    assert_int_equal(f.s.names.n, 2);
    assert_string_equal(f.s.names.at[1], "b");
    assert_true(range_has(&f.s.status, 204));
    assert_false(range_has(&f.s.status, 304));
    assert_int_equal(f.s.headers.n, 2);
    assert_string_equal(f.s.headers.at[0].value, "text");
    assert_int_equal(f.s.inner.port, 0); /* absent section: nothing is missed */
    assert_string_equal(f.s.inner.password, "");
    assert_null(f.s.any);
    drop(&f);
}

static void check_values(const struct fixture *f)
{
    assert_true(f->good);
    assert_int_equal(f->s.count, 42);
    assert_int_equal(f->s.wait, 2500);
    assert_int_equal(f->s.size, 10000000000);
    assert_true(f->s.share == 0.25);
    assert_false(f->s.tls);
    assert_int_equal(f->s.mode, 2);
    assert_int_equal(f->s.names.n, 1);
    assert_true(range_has(&f->s.status, 304));
    assert_true(range_has(&f->s.status, 250));
    assert_true(range_has(&f->s.status, 401));
    assert_int_equal(f->s.status.n, 3);
    assert_string_equal(f->s.headers.at[0].key, "Host");
    assert_int_equal(f->s.inner.port, 5432);
    assert_int_equal(f->s.more.n, 2);
    assert_int_equal(((struct inner *)f->s.more.at)[1].port, 2);
    assert_int_equal(f->s.any->count, 1);
}

static void test_yaml(void **state)
{
    struct fixture f = bind_text("host: h\ncount: '42'\nwait: 2500ms\nsize: 10GB\nshare: .25\n"
                                 "tls: off\nmode: verify-full\nnames: one\n"
                                 "status: [200-299, 304, 4xx]\nheaders: {Host: 5}\n"
                                 "inner: {port: 5432}\nmore: [{port: 1}, {port: 2}]\nany: [x]\n"
                                 "note: null\n",
                                 false);
    check_values(&f);
    drop(&f);
}

static void test_json(void **state)
{
    struct fixture f = bind_text(
        "{\"host\":\"h\",\"count\":42.0,\"wait\":2.5,\"size\":10000000000,\"share\":0.25,"
        "\"tls\":false,\"mode\":\"verify-full\",\"names\":[\"one\"],"
        "\"status\":[\"200-299\",304,\"4xx\"],\"headers\":{\"Host\":5},\"inner\":{\"port\":5432},"
        "\"more\":[{\"port\":1},{\"port\":2}],\"any\":[\"x\"],\"note\":null}",
        true);
    check_values(&f);
    drop(&f);
}

static void test_messages(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{}", "config.host: required, but missing"},
        {"host: [h]", "1:7: config.host: got a list; want text"},
        {"host: ''", "1:7: config.host: got 0 characters; want at least 1"},
        {"host: 'a\n\n  b'", "1:7: config.host: got several lines; want one"},
        {"host: \"a\\0b\"", "1:7: config.host: got a NUL character in a text"},
        {"{host: h, count: 101}", "1:18: config.count: got 101; want at most 100"},
        {"{host: h, count: 1.5}", "1:18: config.count: got 1.5; want a whole number"},
        {"{host: h, count: 99999999999999999999}",
         "1:18: config.count: got 99999999999999999999; want a whole number"},
        {"{host: h, share: nan}", "1:18: config.share: got \"nan\"; want a number"},
        {"{host: h, wait: 1h}", "1:17: config.wait: got 1h; want at most 10m"},
        {"{host: h, wait: -5}",
         "1:17: config.wait: got -5; want a duration such as 30s, 5m, 1h30m"},
        {"{host: h, tls: 1}", "1:16: config.tls: got 1; want true or false"},
        {"{host: h, mode: verify}",
         "1:17: config.mode: got \"verify\"; want disable, require or verify-full"},
        {"{host: h, mode: requir}", "1:17: config.mode: got \"requir\"; want disable, require or "
                                    "verify-full; did you mean \"require\"?"},
        {"{host: h, names: {a: b}}", "1:18: config.names: got a map; want a list of texts"},
        {"{host: h, names: [a, [b]]}", "1:22: config.names[1]: got a list; want text"},
        {"{host: h, status: [99]}", "1:20: config.status[0]: got 99; want at least 100"},
        {"{host: h, status: [300-200]}",
         "1:20: config.status[0]: got 300-200; want a number or a range such as 200-299"},
        {"{host: h, headers: [a]}",
         "1:20: config.headers: got a list; want a map of names to texts"},
        {"{host: h, inner: {}}", "1:18: config.inner.port: required, but missing"},
        {"{host: h, inner: 5}", "1:18: config.inner: got text; want a map"},
        {"{host: h, inner: {port: 1, password: [a]}}",
         "1:38: config.inner.password: got a list; want text"},
        {"{host: h, more: [{port: 0}]}", "1:25: config.more[0].port: got 0; want at least 1"},
        {"{host: h, more: {}}", "1:17: config.more: got a map; want a list of maps"},
        {"{host: h, hots: x}", "1:11: config.hots: unknown key \"hots\"; did you mean \"host\"?"},
        {"[]", "1:1: config: got a list; want a map"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct fixture f = bind_text(cases[i].text, false);
        struct buf line = BUF_INIT(2000);
        assert_true(f.problems.list.n > 0);
        problem_text(&f.problems.list.at[0], &line);
        const char *got = line.data;
        if (cases[i].want[0] == 'c') /* without place */
            got = strstr(got, "config");
        assert_string_equal(got, cases[i].want);
        buf_done(&line);
        drop(&f);
    }
}

/* A secret is not told in a message. */
static void test_secret_in_message(void **state)
{
    static const struct option table[] = {
        {"pin", OPT_INT, offsetof(struct sample, count), .secret = true}, OPTION_END};
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct sample s = {0};
    struct node *n = node_map(a);
    node_put(n, a, "pin", node_text(a, "hunter2"));
    assert_false(options_bind(table, n, &s, a, &p, ""));
    assert_null(strstr(p.list.at[0].message, "hunter2"));
    problems_done(&p);
    arena_free(a);
}

static void test_limit(void **state)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    p.limit = 3;
    for (int i = 0; i < 10; i++)
        problem_add(&p, NULL, "x", "fault %d", i);
    assert_int_equal(p.list.n, 3);
    assert_int_equal(p.dropped, 7);
    struct buf out = BUF_INIT(1000);
    problems_text(&p, &out);
    assert_string_equal(out.data, "x: fault 0\nx: fault 1\nx: fault 2\nand 7 more\n");
    buf_done(&out);
    problems_done(&p);
    arena_free(a);
}

static char *json_of(struct arena *a, const struct node *n)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static void test_normalize_and_masks(void **state)
{
    struct arena *a = arena_new();
    const char *text = "{host: 10, count: '3', wait: 5s, tls: yes, share: 0.5, status: [200, 3xx], "
                       "inner: {port: 1, password: pw}, more: [{port: 2, password: q}], "
                       "token: {a: b}, unknown: 7}";
    struct node *n = node_from_yaml(a, text, strlen(text), NULL, NULL);
    struct node *typed = options_normalize(sample_options, n, a);
    assert_string_equal(json_of(a, typed),
                        "{\"host\":\"10\",\"count\":3,\"wait\":\"5s\",\"tls\":true,\"share\":0.5,"
                        "\"status\":[200,\"3xx\"],\"inner\":{\"port\":1,\"password\":\"pw\"},"
                        "\"more\":[{\"port\":2,\"password\":\"q\"}],\"token\":{\"a\":\"b\"},"
                        "\"unknown\":\"7\"}");
    struct node *masked = options_mask(sample_options, typed, a);
    assert_null(strstr(json_of(a, masked), "pw"));
    assert_null(strstr(json_of(a, masked), "\"q\""));
    assert_null(strstr(json_of(a, masked), "\"b\""));
    assert_string_equal(json_of(a, options_unmask(sample_options, masked, typed, a)),
                        json_of(a, typed));
    /* A changed secret stays changed; a mask without an old value goes away. */
    node_put(node_get(masked, "inner"), a, "password", node_text(a, "new"));
    struct node *back = options_unmask(sample_options, masked, NULL, a);
    assert_string_equal(json_of(a, node_get(back, "inner")), "{\"port\":1,\"password\":\"new\"}");
    assert_string_equal(json_of(a, node_get(back, "more")), "[{\"port\":2}]");
    arena_free(a);
}

static void test_descriptions(void **state)
{
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    options_form(sample_options, &j);
    struct node *form = node_from_json(a, out.data, out.len, NULL);
    assert_non_null(form);
    assert_int_equal(form->count, array_len(sample_options) - 1);
    assert_int_equal(node_get(form->first->next->next, "default")->num, 7);
    buf_clear(&out);
    j = json_start(&out);
    options_schema(sample_options, &j);
    struct node *schema = node_from_json(a, out.data, out.len, NULL);
    assert_non_null(schema);
    struct node *port =
        node_get(node_get(node_get(node_get(schema, "properties"), "inner"), "properties"), "port");
    assert_int_equal(node_get(port, "maximum")->num, 65535);
    buf_clear(&out);
    options_doc(sample_options, &out, "config", false);
    assert_non_null(strstr(out.data, "| `config.inner.port` | int, 1 to 65535 | **required** |"));
    assert_non_null(strstr(out.data, "| `config.more[].password` |"));
    assert_non_null(strstr(out.data, "| `config.wait` | duration, 100ms to 10m | `1m30s` |"));
    buf_done(&out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_secret_in_message),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_normalize_and_masks),
        cmocka_unit_test(test_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
