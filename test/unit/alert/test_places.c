/* Locations: a table in words, and what must hold for every state of one to four places under every quorum. */
#include "alert/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

#define PLACES_MAX 4

static const struct {
    const char *what;
    struct places_seen seen; /* awaited, silent, silent and down, undecided, up, down */
    int32_t quorum;
    bool was_down;
    enum places_verdict verdict;
} cases[] = {
    {"all up", {{0, 0, 0, 0, 3, 0}}, 0, false, PLACES_WELL},
    {"one of three down", {{0, 0, 0, 0, 2, 1}}, 0, false, PLACES_DEGRADED},
    {"two of three down", {{0, 0, 0, 0, 1, 2}}, 0, false, PLACES_DOWN},
    {"the same of four", {{0, 0, 0, 0, 2, 2}}, 0, false, PLACES_DEGRADED},
    {"one is enough", {{0, 0, 0, 0, 2, 1}}, 1, false, PLACES_DOWN},
    {"all must say so", {{0, 0, 0, 0, 1, 2}}, 3, false, PLACES_DEGRADED},
    {"a silent one", {{0, 1, 0, 0, 2, 0}}, 0, false, PLACES_DEGRADED},
    {"silence does not fire", {{0, 0, 1, 0, 1, 1}}, 0, false, PLACES_DEGRADED},
    {"silence does not resolve", {{0, 0, 1, 0, 1, 1}}, 0, true, PLACES_DOWN},
    {"one that never said down", {{0, 1, 0, 0, 1, 1}}, 0, true, PLACES_DEGRADED},
    {"nobody says anything", {{0, 2, 1, 0, 0, 0}}, 0, true, PLACES_UNKNOWN},
    {"it just began", {{3, 0, 0, 0, 0, 0}}, 0, false, PLACES_UNKNOWN},
    {"two others may still decide", {{2, 0, 0, 0, 1, 0}}, 0, false, PLACES_UNKNOWN},
    {"the last cannot decide", {{1, 0, 0, 0, 2, 0}}, 0, false, PLACES_WELL},
    {"first failures", {{0, 0, 0, 1, 1, 1}}, 0, false, PLACES_UNKNOWN},
    {"alone and up", {{0, 0, 0, 0, 1, 0}}, 0, false, PLACES_WELL},
    {"alone and down", {{0, 0, 0, 0, 0, 1}}, 0, false, PLACES_DOWN},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++) {
        uint32_t least = places_least(places_count(&cases[i].seen), cases[i].quorum);
        if (places_judge(&cases[i].seen, least, cases[i].was_down) != cases[i].verdict)
            fail_msg("%s", cases[i].what);
    }
}

static void test_least(void **state)
{
    static const uint32_t majority[] = {0, 1, 2, 2, 3, 3, 4};
    for (uint32_t n = 1; n < array_len(majority); n++) {
        assert_int_equal(places_least(n, 0), majority[n]);
        for (int32_t q = 1; q <= (int32_t)n; q++)
            assert_int_equal(places_least(n, q), q);
        assert_int_equal(places_least(n, (int32_t)n + 5), n);
    }
}

static void test_patience(void **state)
{
    assert_int_equal(places_patience_ms(1000), 30000);
    assert_int_equal(places_patience_ms(10000), 30000);
    assert_int_equal(places_patience_ms(60000), 180000);
}

/* fn for each way in which n places can stand. */
static void each_state(uint32_t n, void (*fn)(const struct places_seen *seen, uint32_t n))
{
    uint32_t ways = 1;
    for (uint32_t i = 0; i < n; i++)
        ways *= PLACE_SAYS;
    for (uint32_t w = 0; w < ways; w++) {
        struct places_seen seen = {0};
        for (uint32_t i = 0, rest = w; i < n; i++, rest /= PLACE_SAYS)
            seen.n[rest % PLACE_SAYS]++;
        fn(&seen, n);
    }
}

static void check_state(const struct places_seen *seen, uint32_t n)
{
    const uint32_t *k = seen->n;
    uint32_t silent = k[PLACE_SILENT] + k[PLACE_SILENT_DOWN],
             open = k[PLACE_AWAITED] + k[PLACE_UNDECIDED];
    for (uint32_t least = 1; least <= n; least++) {
        enum places_verdict fresh = places_judge(seen, least, false),
                            again = places_judge(seen, least, true);
        /* It becomes down exactly when so many say so now. */
        assert_int_equal(fresh == PLACES_DOWN, k[PLACE_DOWN] >= least);
        /* What is down stays so unless too few of those who said so are left. */
        if (k[PLACE_DOWN] + k[PLACE_SILENT_DOWN] >= least)
            assert_true(again == PLACES_DOWN || again == PLACES_UNKNOWN);
        else
            assert_int_equal(again, fresh);
        /* When everybody speaks there is always an answer, the same whatever it was. */
        if (silent + open == 0) {
            assert_int_equal(again, fresh);
            assert_int_not_equal(fresh, PLACES_UNKNOWN);
        }
        /* Nothing is said when nobody says anything; well is only what nobody denies. */
        if (k[PLACE_UP] + k[PLACE_DOWN] == 0)
            assert_true(fresh == PLACES_UNKNOWN && again == PLACES_UNKNOWN);
        if (fresh == PLACES_WELL)
            assert_int_equal(k[PLACE_DOWN] + silent, 0);
        /* Silence alone makes nothing unknown for ever. */
        if (open == 0 && k[PLACE_UP] + k[PLACE_DOWN] > 0)
            assert_int_not_equal(fresh, PLACES_UNKNOWN);
    }
}

static void test_every_state(void **state)
{
    for (uint32_t n = 1; n <= PLACES_MAX; n++)
        each_state(n, check_state);
}

/* A place that recovers never makes it worse. */
static void check_monotone(const struct places_seen *seen, uint32_t n)
{
    static const int rank[] = {
        [PLACES_DOWN] = 0, [PLACES_UNKNOWN] = 1, [PLACES_DEGRADED] = 2, [PLACES_WELL] = 2};
    if (seen->n[PLACE_DOWN] == 0)
        return;
    struct places_seen better = *seen;
    better.n[PLACE_DOWN]--;
    better.n[PLACE_UP]++;
    for (uint32_t least = 1; least <= n; least++)
        for (int was_down = 0; was_down < 2; was_down++)
            assert_true(rank[places_judge(seen, least, was_down)] <=
                        rank[places_judge(&better, least, was_down)]);
}

static void test_monotone(void **state)
{
    for (uint32_t n = 1; n <= PLACES_MAX; n++)
        each_state(n, check_monotone);
}

/* One that flaps among places that are up rings only when one is enough. */
static void test_flapping(void **state)
{
    for (uint32_t n = 2; n <= PLACES_MAX; n++) {
        bool down = false;
        for (int turn = 0; turn < 100; turn++) {
            bool fails = turn % 3 != 0;
            struct places_seen seen = {0};
            seen.n[PLACE_DOWN] = fails;
            seen.n[PLACE_UP] = n - fails;
            enum places_verdict v = places_judge(&seen, places_least(n, 0), down);
            down = v == PLACES_DOWN;
            assert_false(down);
            assert_int_equal(v, fails ? PLACES_DEGRADED : PLACES_WELL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_least),
        cmocka_unit_test(test_patience), cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_monotone), cmocka_unit_test(test_flapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
