/* Whole configurations with the real probers and channels: test/config/probers is refused with its
 * golden texts, the examples load (golden.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "golden.h"
#include "core/hooks.h"

static void test_bad(void **state)
{
    golden_enter("probers");
    assert_true(golden_bad("*.yaml", core_config_hooks()) >= 10);
}

static void test_examples(void **state)
{
    golden_enter("..");
    assert_true(golden_good("../examples/*/belfry.yaml", core_config_hooks()) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
