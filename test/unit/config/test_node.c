/* The tree: what YAML and JSON become, what is refused and where, the binary form there and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/node.h"

static char *to_json(struct arena *a, const struct node *n)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static struct node *yaml(struct arena *a, const char *text, struct err *err)
{
    return node_from_yaml(a, text, strlen(text), "t.yaml", err);
}

static void test_yaml_values(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "null"},
        {"a: 1\nb: [x, 'y', \"z\\n\"]\n", "{\"a\":\"1\",\"b\":[\"x\",\"y\",\"z\\n\"]}"},
        {"{a: no, b: ~, c: , d: null, e: 'null'}",
         "{\"a\":\"no\",\"b\":null,\"c\":null,\"d\":null,\"e\":\"null\"}"},
        {"a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}"},
        {"a: &x {k: 1}\nb: *x\n", "{\"a\":{\"k\":\"1\"},\"b\":{\"k\":\"1\"}}"},
        {"a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n",
         "{\"a\":{\"k\":\"1\",\"l\":\"2\"},\"b\":{\"k\":\"3\",\"l\":\"2\"}}"},
        {"a: &x {k: 1}\nb: &y {m: 2}\nc: {<<: [*x, *y]}\n",
         "{\"a\":{\"k\":\"1\"},\"b\":{\"m\":\"2\"},\"c\":{\"k\":\"1\",\"m\":\"2\"}}"},
        {"{\"a\": [1, true, null]}", "{\"a\":[\"1\",\"true\",null]}"},
        {"a: !!str\nb: !!str null", "{\"a\":\"\",\"b\":\"null\"}"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct err err = {0};
        struct node *n = yaml(a, cases[i].text, &err);
        assert_string_equal(err.msg, "");
        assert_non_null(n);
        assert_string_equal(to_json(a, n), cases[i].json);
        arena_free(a);
    }
}

static void test_yaml_places(void **state)
{
    struct arena *a = arena_new();
    struct node *n = yaml(a, "名: 1\nlist:\n  - {名字: x, url: y}\n", NULL);
    assert_non_null(n);
    struct node *item = node_get(n, "list")->first;
    assert_int_equal(item->line, 3);
    assert_int_equal(item->column, 5);
    struct node *url = node_get(item, "url");
    assert_int_equal(url->key_column, 13); /* characters, not bytes */
    assert_int_equal(url->column, 18);
    assert_string_equal(url->file, "t.yaml");
    assert_null(node_get(item, "nothing"));
    assert_null(node_get(url, "not a map"));
    arena_free(a);
}

/* 2^24 values out of 24 lines: copies count against the limit. */
static void test_yaml_bomb(void **state)
{
    struct buf text = BUF_INIT(1 << 16);
    buf_puts(&text, "a0: &a0 [x, x]\n");
    for (int i = 1; i < 24; i++)
        buf_printf(&text, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    struct arena *a = arena_new();
    struct err err = {0};
    assert_null(node_from_yaml(a, text.data, text.len, "t.yaml", &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    arena_free(a);
    buf_done(&text);
}

static void test_yaml_depth(void **state)
{
    char text[400] = {0};
    for (int levels = 64; levels <= 65; levels++) {
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        text[2 * levels] = '\0';
        struct arena *a = arena_new();
        struct err err = {0};
        struct node *n = yaml(a, text, &err);
        assert_int_equal(n != NULL, levels == 64);
        assert_int_equal(err.code, levels == 64 ? ERR_OK : ERR_TOO_LARGE);
        arena_free(a);
    }
}

/* A map of many keys stays cheap, and its doubles are found. */
static void test_yaml_many_keys(void **state)
{
    struct buf text = BUF_INIT(4 << 20);
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "key%d: %d\n", i, i);
    struct arena *a = arena_new();
    struct node *n = node_from_yaml(a, text.data, text.len, NULL, NULL);
    assert_non_null(n);
    assert_int_equal(n->count, 20000);
    buf_puts(&text, "key777: again\n");
    struct err err = {0};
    assert_null(node_from_yaml(a, text.data, text.len, NULL, &err));
    assert_int_equal(err.at_line, 20001);
    arena_free(a);
    buf_done(&text);
}

static void test_json_values(void **state)
{
    static const char *const same[] = {
        "null",
        "true",
        "-12",
        "1.5",
        "\"a\\\"\\\\\\n\"",
        "[]",
        "{}",
        "{\"a\":[1,2.25,false,null,\"x\"],\"b\":{\"c\":\"\"}}",
        "9223372036854775807",
        "-9223372036854775808",
    };
    for (size_t i = 0; i < array_len(same); i++) {
        struct arena *a = arena_new();
        struct err err = {0};
        struct node *n = node_from_json(a, same[i], strlen(same[i]), &err);
        assert_string_equal(err.msg, "");
        assert_string_equal(to_json(a, n), same[i]);
        arena_free(a);
    }
    struct arena *a = arena_new();
    const char *text = " { \"\\u4e2d\\ud83d\\ude00\\/\" : 1e2 } ";
    struct node *n = node_from_json(a, text, strlen(text), NULL);
    assert_string_equal(n->first->key.p, "中😀/");
    assert_int_equal(n->first->kind, NODE_F64);
    assert_true(n->first->f64 == 100);
    arena_free(a);
}

static void test_json_faults(void **state)
{
    static const struct {
        const char *text;
        int line, column;
    } cases[] = {
        {"", 1, 1},
        {"{", 1, 2},
        {"{\"a\":1,}", 1, 8},
        {"[1 2]", 1, 4},
        {"{\"a\":1,\n \"a\":2}", 2, 5},
        {"\"\\ud800\"", 1, 8},
        {"\"\\x\"", 1, 3},
        {"\"a\nb\"", 1, 3},
        {"\"\xff\"", 1, 2},
        {"\"open", 1, 2},
        {"01", 1, 2},
        {"-", 1, 2},
        {"1.", 1, 3},
        {"1e", 1, 3},
        {"nul", 1, 1},
        {"1 2", 1, 3},
        {"18446744073709551615", 1, 21},
        {"1e999", 1, 6},
        {"{\"中\": x}", 1, 7},
        {"{\"\\u0000\":1}", 1, 10},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct err err = {0};
        assert_null(node_from_json(a, cases[i].text, strlen(cases[i].text), &err));
        assert_int_equal(err.code, ERR_MALFORMED);
        if (err.at_line != cases[i].line || err.at_column != cases[i].column)
            fail_msg("%s: %s at %d:%d", cases[i].text, err.msg, err.at_line, err.at_column);
        arena_free(a);
    }
}

static void test_binary_round_trip(void **state)
{
    static const char *const texts[] = {
        "null", "[true,false,-1,0,300,-9223372036854775808,1.25,\"\",\"中\"]",
        "{\"host\":\"10.0.0.5\",\"port\":5432,\"expect\":{\"status\":[\"200-299\",304]}}"};
    for (size_t i = 0; i < array_len(texts); i++) {
        struct arena *a = arena_new();
        struct node *n = node_from_json(a, texts[i], strlen(texts[i]), NULL);
        struct buf out = BUF_INIT(1 << 16);
        node_encode(n, &out);
        struct cur in = CUR_INIT(out.data, out.len);
        struct err err = {0};
        struct node *back = node_decode(a, &in, &err);
        assert_non_null(back);
        assert_int_equal(cur_left(&in), 0);
        assert_string_equal(to_json(a, back), texts[i]);
        /* Cut anywhere it is refused, never read past. */
        for (size_t cut = 0; cut < out.len; cut++) {
            in = CUR_INIT(out.data, cut);
            assert_null(node_decode(a, &in, &err));
            assert_int_equal(err.code, ERR_DAMAGED);
        }
        buf_done(&out);
        arena_free(a);
    }
}

/* What is written reads back the same, whatever characters it holds. */
static void test_emit(void **state)
{
    static const struct {
        const char *json, *yaml;
    } cases[] = {
        {"{}", "{}\n"},
        {"[]", "[]\n"},
        {"\"x y\"", "\"x y\"\n"},
        {"{\"a\":{\"b\":[1,2],\"c\":{}},\"d\":[{\"e\":\"f\",\"g\":null},[[true]]]}",
         "a:\n  b: [1, 2]\n  c: {}\nd:\n  - e: f\n    g: null\n  - - [true]\n"},
        {"{\"t\":[\"yes\",\"12\",\"1e3\",\"-\",\"\",\"a: b\",\"a#b\",\"中文\",\"v1.2\"]}",
         "t: [\"yes\", \"12\", \"1e3\", \"-\", \"\", \"a: b\", \"a#b\", 中文, v1.2]\n"},
        {"\"\\n\\t\\u007f\\u0085\\u2028\\ufeff\\\"\"",
         "\"\\n\\u0009\\u007F\\u0085\\u2028\\uFEFF\\\"\"\n"},
        {"{\"<<\":1}", "\"<<\": 1\n"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct buf out = BUF_INIT(1 << 16);
        struct node *n = node_from_json(a, cases[i].json, strlen(cases[i].json), NULL);
        assert_non_null(n);
        node_to_yaml(n, &out);
        assert_string_equal(out.data, cases[i].yaml);
        struct node *back = node_from_yaml(a, out.data, out.len, NULL, NULL);
        assert_non_null(back);
        struct buf again = BUF_INIT(1 << 16);
        node_to_yaml(back, &again);
        if (strpbrk(cases[i].json, "0123456789tn") == NULL) /* scalars are text after that */
            assert_string_equal(again.data, out.data);
        buf_done(&again);
        buf_done(&out);
        arena_free(a);
    }
}

static void test_building(void **state)
{
    struct arena *a = arena_new();
    struct node *map = node_map(a);
    node_put(map, a, "a", node_int(a, 1));
    node_put(map, a, "b", node_text(a, "x"));
    node_put(map, a, "a", node_bool(a, true));
    struct node *list = node_list(a);
    node_append(list, node_int(a, 2));
    node_append(list, node_int(a, 3));
    node_put(map, a, "b", list);
    node_put(map, a, "c", node_text(a, "end"));
    assert_string_equal(to_json(a, map), "{\"a\":true,\"b\":[2,3],\"c\":\"end\"}");
    struct node *copy = node_copy(a, map);
    node_put(map, a, "c", node_int(a, 0));
    assert_string_equal(to_json(a, copy), "{\"a\":true,\"b\":[2,3],\"c\":\"end\"}");
    assert_int_equal(copy->count, 3);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_values),    cmocka_unit_test(test_yaml_places),
        cmocka_unit_test(test_yaml_bomb),      cmocka_unit_test(test_yaml_depth),
        cmocka_unit_test(test_yaml_many_keys), cmocka_unit_test(test_json_values),
        cmocka_unit_test(test_json_faults),    cmocka_unit_test(test_binary_round_trip),
        cmocka_unit_test(test_emit),           cmocka_unit_test(test_building),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
