/* Groups: tables of how members stand, and the verdict. */
#include "alert/quorum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

static const struct {
    struct quorum_rule rule;
    struct quorum_seen seen; /* up, down, unknown, missing */
    enum quorum_verdict verdict;
} cases[] = {
    {{QUORUM_ALL}, {3, 0, 0, 0}, QUORUM_WELL},
    {{QUORUM_ALL}, {2, 1, 0, 0}, QUORUM_DOWN},
    {{QUORUM_ALL}, {2, 0, 1, 0}, QUORUM_UNKNOWN},
    {{QUORUM_ALL}, {0, 0, 0, 0}, QUORUM_UNKNOWN},
    {{QUORUM_ALL}, {0, 0, 0, 2}, QUORUM_DOWN},
    {{QUORUM_ALL}, {2, 0, 0, 1}, QUORUM_DEGRADED},
    {{QUORUM_ANY}, {1, 5, 0, 0}, QUORUM_DEGRADED},
    {{QUORUM_ANY}, {0, 5, 1, 0}, QUORUM_UNKNOWN},
    {{QUORUM_ANY}, {0, 6, 0, 0}, QUORUM_DOWN},
    {{QUORUM_SOME, 2, 0}, {2, 1, 0, 0}, QUORUM_DEGRADED},
    {{QUORUM_SOME, 2, 0}, {1, 1, 1, 0}, QUORUM_UNKNOWN},
    {{QUORUM_SOME, 2, 0}, {1, 2, 0, 0}, QUORUM_DOWN},
    {{QUORUM_SOME, 5, 0}, {3, 0, 0, 0}, QUORUM_DOWN}, /* more than there are */
    {{QUORUM_SOME, 0, 66}, {2, 1, 0, 0}, QUORUM_DEGRADED},
    {{QUORUM_SOME, 0, 67}, {2, 1, 0, 0}, QUORUM_DOWN}, /* 2.01 of 3 are 3 */
    {{QUORUM_SOME, 0, 100}, {3, 0, 0, 0}, QUORUM_WELL},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++)
        if (quorum_judge(&cases[i].rule, &cases[i].seen) != cases[i].verdict)
            fail_msg("case %zu", i);
}

/* A member that recovers never makes a group worse: so groups of groups settle. */
static void test_monotone(void **state)
{
    static const int rank[] = {
        [QUORUM_DOWN] = 0, [QUORUM_UNKNOWN] = 1, [QUORUM_DEGRADED] = 2, [QUORUM_WELL] = 2};
    for (size_t i = 0; i < array_len(cases); i++)
        for (uint32_t up = 0; up < 6; up++)
            for (uint32_t down = 1; down < 6; down++) {
                struct quorum_seen worse = {up, down, 0, 0}, better = {up + 1, down - 1, 0, 0};
                assert_true(rank[quorum_judge(&cases[i].rule, &worse)] <=
                            rank[quorum_judge(&cases[i].rule, &better)]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
