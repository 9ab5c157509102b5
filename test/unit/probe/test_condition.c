/* Conditions in Gatus' syntax: what holds, what does not and what is said then, and what cannot be read. */
#include "probe_unit.h"

#include "probe/condition.h"

static const char body[] =
    "{\"user\":{\"name\":\"john\",\"id\":7},\"items\":[1,2,3],\"big\":1234567890,"
    "\"v\":\"1.10/rc\",\"empty\":\"\",\"n\":null}";

/* "" when the condition holds, else the message. */
static const char *judge(struct arena *a, const char *text)
{
    struct problems p;
    struct str_list list = {.at = &text, .n = 1};
    struct result *r = arena_new_of(a, struct result);
    struct condition_facts facts = {
        .connected = true,
        .status = 200,
        .response_ms = 300,
        .ip = "10.0.0.5",
        .body = {body, sizeof(body) - 1},
        .certificate_left_ms = INT64_C(172800000), /* 48h */
        .dns_rcode = "NOERROR",
    };
    problems_init(&p, a);
    struct conditions *c = conditions_compile(&list, a, &p, "");
    if (p.list.n)
        fail_msg("%s: %s", text, p.list.at[0].message);
    result_init(r, a);
    r->success = true;
    conditions_judge(c, &facts, r);
    problems_done(&p);
    return r->success ? "" : r->message;
}

static void test_that_hold(void **state)
{
    static const char *const texts[] = {
        "[STATUS] == 200",
        "[status] != 201",
        "200 == [STATUS]",
        "[STATUS] < 300",
        "[STATUS] == any(200, 429)",
        "[STATUS] != any(500, 502)",
        "[STATUS] == 0xC8",
        "[RESPONSE_TIME] <= 300",
        "[RESPONSE_TIME] < 1s",
        "[IP] == 10.0.0.5",
        "[IP] == pat(10.*)",
        "[IP] != pat(192.*)",
        "[CONNECTED] == true",
        "[CERTIFICATE_EXPIRATION] > 24h",
        "[CERTIFICATE_EXPIRATION] >= 48h",
        "[DNS_RCODE] == NOERROR",
        "[BODY].user.name == john",
        "[BODY].user.name == pat(j?h[m-n])",
        "[BODY].user.id == 7",
        "[BODY].items[1] == 2",
        "len([BODY].items) == 3",
        "len([BODY].user.name) > 3",
        "has([BODY].user.id) == true",
        "has([BODY].user.mail) == false",
        "has([BODY].errors) == false",
        "[BODY] == pat(*\"john\"*)",
        "[BODY].big == 1234567890",
        "[BODY].big > 1234567889",
        "[BODY].v == pat(1.10rc)",
        "pat(*) == [BODY].empty",
        "[BODY].n == null",
        "[DOMAIN_EXPIRATION] == 0",
        "len([BODY]) > 10",
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(texts); i++) {
        const char *got = judge(a, texts[i]);
        if (*got)
            fail_msg("%s: %s", texts[i], got);
    }
    arena_free(a);
}

static void test_that_do_not(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[STATUS] == 500", "[STATUS] (200) == 500"},
        {"[STATUS] == any(500, 502)", "[STATUS] (200) == any(500, 502)"},
        {"[RESPONSE_TIME] < 300", "[RESPONSE_TIME] (300) < 300"},
        {"[BODY].user.mail == x", "[BODY].user.mail (nothing there) == x"},
        {"[BODY].user.mail != x", "nothing there"},
        {"len([BODY].none) > 0", "len([BODY].none) (nothing there) > 0"},
        {"[BODY].user.name == pat(p*)", "[BODY].user.name (john) == pat(p*)"},
        {"[CERTIFICATE_EXPIRATION] > 72h", "[CERTIFICATE_EXPIRATION] (172800000) > 72h"},
        {"[IP] == pat(*)x", "(10.0.0.5) == pat(*)x"}, /* a literal */
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++)
        assert_contains(judge(a, cases[i].text), cases[i].message);
    arena_free(a);
}

static void test_that_cannot_be_read(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"[STATUS]==200", "no operator"},           {"[STATUS] == ", "nothing on one side"},
        {"[STAUTS] == 200", "unknown placeholder"}, {"[STATUS].x == 200", "only [BODY] has a path"},
        {"[BODY].a..b == 1", "not a JSON path"},    {"[STATUS] > pat(2*)", "== and != alone"},
        {"any(1) == pat(1)", "on both sides"},      {"[STATUS] == any()", "any() without values"},
        {"len(x) == 1", "unknown placeholder"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct problems p;
        const char *text = cases[i].text;
        struct str_list list = {.at = &text, .n = 1};
        problems_init(&p, a);
        conditions_compile(&list, a, &p, "");
        if (p.list.n != 1)
            fail_msg("%s: %zu problems", text, p.list.n);
        assert_contains(p.list.at[0].message, cases[i].problem);
        assert_string_equal(p.list.at[0].field, "expect.conditions[0]");
        problems_done(&p);
    }
    arena_free(a);
}

/* Many stars, and an answer made to hurt: no glob is slow. */
static void test_hostile_glob(void **state)
{
    struct arena *a = arena_new();
    char *answer = arena_alloc(a, 65536);
    memset(answer, 'a', 65535);
    answer[65535] = '\0';
    const char *text = "[BODY] == pat(*a*a*a*a*a*a*a*a*a*a*a*a*b)";
    struct str_list list = {.at = &text, .n = 1};
    struct problems p;
    struct result *r = arena_new_of(a, struct result);
    struct condition_facts facts = {.ip = "", .body = {answer, 65535}};
    problems_init(&p, a);
    struct conditions *c = conditions_compile(&list, a, &p, "");
    result_init(r, a);
    r->success = true;
    conditions_judge(c, &facts, r);
    assert_false(r->success);
    problems_done(&p);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_that_hold),
        cmocka_unit_test(test_that_do_not),
        cmocka_unit_test(test_that_cannot_be_read),
        cmocka_unit_test(test_hostile_glob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
