/* Values of targets: JSON paths, and comparisons. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/value.h"

static void test_paths(void **state)
{
    static const char doc[] =
        "{\"a\":{\"b\":[10,{\"c\":\"x\"},[true]]},\"d.e\":1,\"\":2,\"n\":null}";
    static const struct {
        const char *path, *want; /* want: JSON text; NULL: nothing there */
        bool malformed;
    } cases[] = {
        {"$", "", false}, /* the whole */
        {"", "", false},
        {"$.a.b[0]", "10", false},
        {"a.b[1].c", "\"x\"", false},
        {".a.b[2][0]", "true", false},
        {"$.n", "null", false},
        {"$.a.b[3]", NULL, false},
        {"$.a.b[9223372036854775807]", NULL, false},
        {"$.a.b[-1][0]", "true", false},
        {"$.a.b[-3]", "10", false},
        {"$.a.b[-4]", NULL, false},
        {"$[\"d.e\"]", "1", false},
        {"$['a']['b'][1]['c']", "\"x\"", false},
        {"$['']", "2", false},
        {"$.a.b.length()", "3", false},
        {"$.a.b[1].c.length()", "1", false},
        {"$.n.length()", NULL, false},
        {"$.a.length().b", NULL, false},
        {"$['a]", NULL, true},
        {"$['a'x]", NULL, true},
        {"$[9223372036854775808]", NULL, true},
        {"$.x.y.z", NULL, false},
        {"$.a[0]", NULL, false},
        {"$.a.b.c", NULL, false},
        {"$.d.e", NULL, false},
        {"$..a", NULL, true},
        {"$.", NULL, true},
        {"$.a.b[", NULL, true},
        {"$.a.b[x]", NULL, true},
        {"$.a.b[]", NULL, true},
    };
    struct arena *a = arena_new();
    struct node *root = node_from_json(a, doc, sizeof(doc) - 1, NULL);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        struct buf out = BUF_INIT(1000);
        struct json j = json_start(&out);
        const struct node *n = json_at(root, cases[i].path, a, &err);
        if ((err.code == ERR_MALFORMED) != cases[i].malformed)
            fail_msg("%s: %s", cases[i].path, err.msg);
        if ((n != NULL) != (cases[i].want != NULL))
            fail_msg("%s", cases[i].path);
        if (n && *cases[i].want) {
            node_to_json(n, &j);
            assert_string_equal(out.data, cases[i].want);
        }
        buf_done(&out);
    }
    arena_free(a);
}

static void test_comparisons(void **state)
{
    static const struct {
        enum value_op op;
        const char *got, *want;
        bool holds;
    } cases[] = {
        {VALUE_EQ, "10", "10.0", true},       {VALUE_EQ, "a", "a", true},
        {VALUE_EQ, "a", "b", false},          {VALUE_NE, "1", "2", true},
        {VALUE_LT, "9", "10", true},          {VALUE_LT, "b", "c", false}, /* texts have no order */
        {VALUE_GE, "1e3", "1000", true},      {VALUE_CONTAINS, "abc", "b", true},
        {VALUE_MATCHES, "v1.2", "^v1", true}, {VALUE_MATCHES, "v2", "^v1", false},
        {VALUE_EXISTS, "", NULL, true},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct problems p;
        struct value_check c = {.op = cases[i].op, .value = cases[i].want};
        problems_init(&p, a);
        value_check_validate(&c, "check", a, &p, "x");
        assert_int_equal(p.list.n, 0);
        if (value_check_holds(&c, cases[i].got) != cases[i].holds)
            fail_msg("%s %s %s", cases[i].got, value_ops[cases[i].op], cases[i].want);
        problems_done(&p);
    }
    arena_free(a);
}

static void test_faults(void **state)
{
    struct arena *a = arena_new();
    struct problems p;
    struct value_check none = {.op = VALUE_LT}, bad = {.op = VALUE_MATCHES, .value = "("};
    problems_init(&p, a);
    value_check_validate(&none, "json check of $.x", a, &p, "expect");
    value_check_validate(&bad, "check", a, &p, "expect");
    assert_int_equal(p.list.n, 2);
    assert_string_equal(p.list.at[0].message,
                        "json check of $.x has no value; want one, or op: exists");
    problems_done(&p);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
