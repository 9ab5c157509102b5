/* Whole configurations with the real probers and channels: test/config/probers is refused with its
 * golden texts, the examples load (golden.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "core/hooks.h"
#include "probe/prober.h"

static void test_bad(void **state)
{
    golden_enter("probers");
    assert_true(golden_bad("*.yaml", core_config_hooks()) >= 10);
}

/* The full example has targets of every type: only a build with all libraries takes it. */
static void test_examples(void **state)
{
    static const char *const heavy[] = {"kafka", "mysql", "postgresql", "ssh"};
    for (size_t i = 0; i < array_len(heavy); i++)
        if (!prober_by_type(heavy[i], NULL))
            skip();
    golden_enter("..");
    assert_true(golden_good("../examples/*/belfry.yaml", core_config_hooks()) >= 1);
}

static struct config *load(const char *text, struct problems *p)
{
    const struct config_input in = {.path = "belfry.yaml", .text = text, .size = strlen(text)};
    return config_load(&in, core_config_hooks(), p);
}

/* In the own group, in another, in any, by id; what the API may have made is a warning with its place. */
static void test_members(void **state)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config *c = load(
        "groups:\n"
        "  - name: a\n"
        "    targets:\n"
        "      - {name: web, url: 'tcp://h:1'}\n"
        "      - {name: all, type: group, config: {members: [web, b/db, db, 7, made/by/hand]}}\n"
        "      - name: some\n"
        "        type: group\n"
        "        config:\n"
        "          members: [all, webb, web]\n"
        "  - {name: b, targets: [{name: db, url: 'tcp://h:2'}]}\n",
        &p);
    assert_non_null(c);
    assert_int_equal(c->warnings.n, 2);
    assert_string_equal(c->warnings.at[0],
                        "belfry.yaml:5:71: members: the file has no target \"made/by/hand\"; until "
                        "the API makes one, the group counts it as missing");
    assert_string_equal(c->warnings.at[1],
                        "belfry.yaml:9:26: members: the file has no target \"webb\" (did you mean "
                        "\"web\"?); until the API makes one, the group counts it as missing");
    config_unref(&c);
    problems_done(&p);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
