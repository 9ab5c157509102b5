/* test/config/bad is refused with its golden texts, test/config/good loads (golden.h). What probers
 * and channels say is test_probers.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "golden.h"

static void test_bad(void **state)
{
    golden_enter("bad");
    assert_true(golden_bad("*.yaml", NULL) >= 50);
}

static void test_good(void **state)
{
    golden_enter("good");
    assert_true(golden_good("*.yaml", NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_good),
    };
    unsetenv("BELFRY_TEST_NOT_SET");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
