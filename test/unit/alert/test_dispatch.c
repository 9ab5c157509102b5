/* Dispatch: grouping, spacing, vendor rates, pauses, and its speed with 100,000 waiting. */
#include "alert/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "base/must.h"

static struct dispatch_message msg;

static int setup(void **state)
{
    *state = dispatch_new();
    return 0;
}

static int teardown(void **state)
{
    dispatch_free(*state);
    return 0;
}

/* Takes the message due at exactly `at` and ends it 10 ms later. */
static void expect_at(struct dispatch *d, int64_t at, size_t n, enum dispatch_outcome outcome)
{
    assert_int_equal(dispatch_next_ms(d), at);
    assert_false(dispatch_take(d, at - 1, &msg));
    assert_true(dispatch_take(d, at, &msg));
    assert_int_equal(msg.n, n);
    dispatch_done(d, &msg, outcome, 0, at);
}

static void test_company_then_spacing(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 0, 1, true);
    for (uint64_t i = 1; i <= 60; i++)
        dispatch_add(d, 1, "g", i, 1000 + (int64_t)i / 2);
    expect_at(d, 1050, 60, DISPATCH_SENT);
    assert_int_equal(msg.ids[0], 1);
    assert_int_equal(msg.ids[59], 60);
    static const int64_t spacings[] = {1000, 2000, 4000, 8000, 10000, 10000};
    int64_t at = 1050;
    for (size_t i = 0; i < array_len(spacings); i++) {
        dispatch_add(d, 1, "g", 100 + i, at + 5);
        at += spacings[i];
        expect_at(d, at, 1, DISPATCH_SENT);
    }
    dispatch_add(d, 1, "g", 200, at + 70000); /* after a quiet minute */
    expect_at(d, at + 70050, 1, DISPATCH_SENT);
    dispatch_add(d, 1, "g", 201, at + 70060);
    expect_at(d, at + 71050, 1, DISPATCH_SENT);
    assert_int_equal(dispatch_next_ms(d), INT64_MAX);
}

static void test_groups_and_channels_apart(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 0, 1, true);
    dispatch_channel(d, 2, 0, 1, true);
    dispatch_add(d, 1, "a", 1, 0);
    dispatch_add(d, 1, "b", 2, 1);
    dispatch_add(d, 2, "a", 3, 2);
    struct dispatch_message one;
    assert_true(dispatch_take(d, 60, &one)); /* never done: a dead channel */
    assert_int_equal(one.channel_id, 1);
    assert_true(dispatch_take(d, 60, &msg));
    assert_int_equal(msg.channel_id, 2);
    dispatch_done(d, &msg, DISPATCH_SENT, 0, 60);
    assert_false(
        dispatch_take(d, 100000, &msg)); /* b waits for a: one message of a channel at a time */
    dispatch_done(d, &one, DISPATCH_SENT, 0, 100000);
    assert_true(dispatch_take(d, 100000, &msg));
    assert_string_equal(msg.group, "b");
    dispatch_done(d, &msg, DISPATCH_SENT, 0, 100000);
}

static void test_retry_pauses_grow(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 0, 1, true);
    dispatch_add(d, 1, "g", 1, 0);
    dispatch_add(d, 1, "g", 2, 0);
    static const int64_t pauses[] = {1000, 2000, 5000, 10000, 30000, 60000, 300000, 300000};
    int64_t at = 50;
    for (size_t i = 0; i < array_len(pauses); i++) {
        expect_at(d, at, 2, DISPATCH_RETRY);
        assert_int_equal(msg.ids[0], 1);
        assert_int_equal(dispatch_waiting(d, 1), 2);
        at += pauses[i];
        assert_int_equal(dispatch_paused_until(d, 1), at);
    }
    expect_at(d, at, 2, DISPATCH_SENT);
    assert_int_equal(dispatch_waiting(d, 1), 0);
    assert_int_equal(dispatch_paused_until(d, 1), 0);
    dispatch_add(d, 1, "g", 3, at);
    assert_true(dispatch_take(d, at + 1000, &msg));
    dispatch_done(d, &msg, DISPATCH_RETRY, 600000, at + 1000); /* the vendor said ten minutes */
    dispatch_add(d, 1, "g", 4, at + 1001);
    expect_at(d, at + 601000, 2, DISPATCH_SENT);
}

static void test_retry_takes_turns(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 0, 1, true);
    dispatch_add(d, 1, "poison", 1, 0);
    dispatch_add(d, 1, "good", 2, 10);
    expect_at(d, 50, 1, DISPATCH_RETRY);
    expect_at(d, 1050, 1, DISPATCH_SENT);
    assert_int_equal(msg.ids[0], 2);
    expect_at(d, 1050, 1, DISPATCH_SENT);
    assert_int_equal(msg.ids[0], 1);
}

static void test_vendor_rate(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 15, 5, true);
    char group[16];
    int sent_in[10] = {0};
    for (uint64_t i = 0; i < 100; i++) {
        snprintf(group, sizeof(group), "g%d", (int)i);
        dispatch_add(d, 1, group, i + 1, 0);
    }
    for (int64_t now = 0; now < 600000; now++) {
        while (dispatch_take(d, now, &msg)) {
            sent_in[now / 60000]++;
            dispatch_done(d, &msg, DISPATCH_SENT, 0, now);
        }
    }
    int sum = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(sent_in[i] <= 20);
        sum += sent_in[i];
    }
    assert_int_equal(sum, 100);
    assert_true(sent_in[0] >= 19 && sent_in[1] >= 14);
}

static void test_disabled_keeps(void **state)
{
    struct dispatch *d = *state;
    dispatch_add(d, 9, "g", 1, 0); /* nobody declared it yet */
    assert_int_equal(dispatch_next_ms(d), INT64_MAX);
    dispatch_channel(d, 9, 0, 1, false);
    assert_false(dispatch_take(d, 1000000, &msg));
    dispatch_channel(d, 9, 0, 1, true);
    assert_true(dispatch_take(d, 1000000, &msg));
    dispatch_channel(d, 9, 0, 1, false); /* switched off while one is under way */
    dispatch_add(d, 9, "g", 2, 1000000);
    dispatch_done(d, &msg, DISPATCH_RETRY, 0, 1000001);
    assert_int_equal(dispatch_waiting(d, 9), 2);
    assert_int_equal(dispatch_next_ms(d), INT64_MAX);
}

static void count(void *arg, uint64_t id)
{
    *(uint64_t *)arg += id;
}

static void test_delete(void **state)
{
    struct dispatch *d = *state;
    uint64_t sum = 0;
    dispatch_channel(d, 1, 0, 1, true);
    dispatch_add(d, 1, "a", 1, 0);
    dispatch_add(d, 1, "b", 2, 10);
    assert_true(dispatch_take(d, 55, &msg));
    dispatch_add(d, 1, "a", 4, 55);
    dispatch_channel_del(d, 1, count, &sum);
    assert_int_equal(sum, 2 + 4); /* not the one under way */
    assert_false(dispatch_take(d, 99999, &(struct dispatch_message){0}));
    dispatch_done(d, &msg, DISPATCH_RETRY, 0, 60);
    assert_int_equal(dispatch_waiting(d, 1), 0);
    assert_int_equal(dispatch_next_ms(d), INT64_MAX);
    dispatch_channel_del(d, 1, count, &sum); /* gone */
}

static void test_give_up_goes_on(void **state)
{
    struct dispatch *d = *state;
    dispatch_channel(d, 1, 0, 1, true);
    dispatch_add(d, 1, "g", 1, 0);
    expect_at(d, 50, 1, DISPATCH_GIVE_UP);
    assert_int_equal(dispatch_waiting(d, 1), 0);
    dispatch_add(d, 1, "g", 2, 100);
    expect_at(d, 1050, 1, DISPATCH_SENT);
}

static void test_100k_waiting(void **state)
{
    struct dispatch *d = *state;
    clock_t began = clock();
    char group[32];
    for (uint64_t c = 1; c <= 10; c++)
        dispatch_channel(d, c, 0, 1, true);
    for (uint64_t i = 1; i <= 100000; i++) {
        snprintf(group, sizeof(group), "group-%d", (int)(i % 1000));
        dispatch_add(d, i % 10 + 1, group, i, (int64_t)i / 100);
    }
    size_t sent = 0;
    for (int64_t now = 0; sent < 100000; now = dispatch_next_ms(d)) {
        while (dispatch_take(d, now, &msg)) {
            sent += msg.n;
            dispatch_done(d, &msg, DISPATCH_SENT, 0, now);
        }
        assert_true(dispatch_next_ms(d) > now);
    }
    assert_int_equal(sent, 100000);
    double took = (double)(clock() - began) / CLOCKS_PER_SEC;
    print_message("100,000 deliveries through 10 channels × 100 groups: %.0f ms\n", took * 1000);
    assert_true(took < 5);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_company_then_spacing),
        TEST(test_groups_and_channels_apart),
        TEST(test_retry_pauses_grow),
        TEST(test_retry_takes_turns),
        TEST(test_vendor_rate),
        TEST(test_disabled_keeps),
        TEST(test_delete),
        TEST(test_give_up_goes_on),
        TEST(test_100k_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
