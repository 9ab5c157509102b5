/* The last probes of /probe: which are kept, what of them, and how they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/probe_history.h"
#include "base/str.h"

static uint64_t add(struct probe_history *h, const char *target, bool success)
{
    return probe_history_add(h, &(struct past_probe){.at_ms = 5,
                                                     .module = "web",
                                                     .target = target,
                                                     .text = "some text",
                                                     .success = success});
}

static void test_order(void **state)
{
    struct arena *a = arena_new();
    struct probe_history *h = probe_history_new();
    struct past_probe p;
    size_t n;
    probe_history_list(h, a, &n);
    assert_int_equal(n, 0);
    assert_false(probe_history_find(h, 1, NULL, NULL, a, &p));
    assert_int_equal(add(h, "a", true), 1);
    assert_int_equal(add(h, "b", false), 2);
    assert_int_equal(add(h, "a", false), 3);
    const struct past_probe *list = probe_history_list(h, a, &n);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].id, 3);
    assert_null(list[0].text);
    assert_true(probe_history_find(h, 2, NULL, NULL, a, &p));
    assert_string_equal(p.target, "b");
    assert_string_equal(p.text, "some text");
    assert_int_equal(p.at_ms, 5);
    assert_true(probe_history_find(h, 0, "a", NULL, a, &p)); /* the newest */
    assert_int_equal(p.id, 3);
    assert_true(probe_history_find(h, 0, "a", "web", a, &p));
    assert_false(probe_history_find(h, 0, "a", "other", a, &p));
    probe_history_free(h);
    arena_free(a);
}

/* Failures are kept longer than what went well, but not forever. */
static void test_room(void **state)
{
    struct arena *a = arena_new();
    struct probe_history *h = probe_history_new();
    struct past_probe p;
    size_t n;
    uint64_t failed = add(h, "bad", false);
    for (int i = 0; i < 3 * PROBE_HISTORY_MAX; i++)
        add(h, "good", true);
    assert_true(probe_history_find(h, failed, NULL, NULL, a, &p));
    assert_false(probe_history_find(h, failed + 1, NULL, NULL, a, &p));
    probe_history_list(h, a, &n);
    assert_int_equal(n, PROBE_HISTORY_MAX + 1);
    for (int i = 0; i < 2 * PROBE_HISTORY_MAX; i++)
        add(h, "bad", false);
    assert_false(probe_history_find(h, failed, NULL, NULL, a, &p));
    probe_history_list(h, a, &n);
    assert_int_equal(n, 2 * PROBE_HISTORY_MAX);
    probe_history_free(h);
    arena_free(a);
}

static void test_secrets(void **state)
{
    static const char *const cases[][2] = {
        {"http://u:hush@h/x", "http://u:***@h/x"},
        {"u:hush@h:1", "u:***@h:1"},
        {"http://h/a:b@c", "http://h/a:b@c"},
        {"http://u@h/", "http://u@h/"},
        {"h:25", "h:25"},
        {"", ""},
        {"http://u:a@b@h?x=:@", "http://u:***@h?x=:@"},
    };
    struct arena *a = arena_new();
    struct probe_history *h = probe_history_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct past_probe p = {.module = "m", .target = cases[i][0]};
        p.text = arena_printf(a, "target=%s\nagain %s", cases[i][0], cases[i][0]);
        uint64_t id = probe_history_add(h, &p);
        assert_true(probe_history_find(h, id, NULL, NULL, a, &p));
        assert_string_equal(p.target, cases[i][1]);
        assert_string_equal(p.text,
                            arena_printf(a, "target=%s\nagain %s", cases[i][1], cases[i][1]));
        assert_true(probe_history_find(h, 0, cases[i][0], NULL, a, &p));
    }
    probe_history_free(h);
    arena_free(a);
}

static void test_cut(void **state)
{
    struct arena *a = arena_new();
    struct probe_history *h = probe_history_new();
    struct past_probe p = {.module = "m", .target = "t"};
    char *text = arena_alloc(a, 3 * PROBE_HISTORY_TEXT + 1);
    for (size_t i = 0; i < PROBE_HISTORY_TEXT; i++)
        memcpy(text + 3 * i, "中", 3);
    text[3 * PROBE_HISTORY_TEXT] = '\0';
    p.text = text;
    uint64_t id = probe_history_add(h, &p);
    assert_true(probe_history_find(h, id, NULL, NULL, a, &p));
    size_t n = strlen(p.text);
    assert_in_range(n, PROBE_HISTORY_TEXT - 4, PROBE_HISTORY_TEXT);
    assert_true(str_ends((struct str){p.text, n}, STR("中\n… cut\n")));
    probe_history_free(h);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
