/* Judge: an alert's life, with suppression that comes and goes. */
#include "alert/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

struct fixture {
    struct arena *arena;
    uint64_t last_id;
    enum suppression suppressed;
    struct id_list told;
    bool told_known;
    struct target target;
    uint64_t channels[4];
    struct target_state st;
    struct alert *open;
    struct judge_actions got;
    int64_t clock;
};

static uint64_t next_id(void *arg, enum judge_id what)
{
    return ++((struct fixture *)arg)->last_id;
}

static enum suppression suppressed(void *arg, const struct subject *s, int64_t checked_ms,
                                   int64_t now_ms, struct held *by)
{
    *by = (struct held){.by = "why", .id = 7};
    return ((struct fixture *)arg)->suppressed;
}

static bool told(void *arg, uint64_t alert_id, struct id_list *out)
{
    struct fixture *f = arg;
    *out = f->told;
    return f->told_known;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(), .channels = {21, 22, 23}, .clock = 1000000};
    f.target = (struct target){.id = 1,
                               .name = "shop",
                               .type = "tcp",
                               .group = "pay",
                               .threshold = 2,
                               .timeout_ms = 1000,
                               .attempts = 1,
                               .enabled = true,
                               .channels = {f.channels, 2}};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    alert_free(f->open);
    arena_free(f->arena);
    return 0;
}

static struct judge_env env_of(struct fixture *f)
{
    return (struct judge_env){f, next_id, suppressed, told};
}

/* Keeps what a core would keep. */
static void keep(struct fixture *f)
{
    if (f->got.alert == NULL)
        return;
    struct alert *kept = alert_clone(f->got.alert);
    alert_free(f->open);
    f->open = kept;
    if (kept->status == ALERT_RESOLVED) {
        alert_free(kept);
        f->open = NULL;
    }
}

static void see(struct fixture *f, bool success)
{
    struct judge_env env = env_of(f);
    struct judge_case c = {&f->target, &f->st, f->open, "10.0.0.5:80"};
    f->clock += 10000;
    struct judge_seen seen = {success, false, success ? "ok" : "connection refused", f->clock, 300};
    judge_result(&env, &c, &seen, f->clock + 40, f->arena, &f->got);
    keep(f);
}

static void recheck(struct fixture *f)
{
    struct judge_env env = env_of(f);
    struct judge_case c = {&f->target, &f->st, f->open, NULL};
    judge_recheck(&env, &c, f->clock += 500, f->arena, &f->got);
    keep(f);
}

static void test_fire_and_resolve(void **state)
{
    struct fixture *f = *state;
    see(f, false);
    assert_null(f->got.alert);
    see(f, false);
    assert_true(f->got.acts & ACT_FIRE);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.deliveries[0].channel_id, 21);
    assert_int_equal(f->got.deliveries[1].channel_id, 22);
    assert_int_equal(f->got.deliveries[1].kind, EVENT_FIRED);
    assert_int_equal(f->got.deliveries[1].alert_id, f->st.open_alert_id);
    assert_string_equal(f->got.deliveries[0].group, "pay");
    assert_string_equal(f->open->message, "connection refused");
    assert_string_equal(f->open->instance, "10.0.0.5:80");
    assert_int_equal(f->open->fail_count, 2);
    see(f, false);
    assert_null(f->got.alert);
    see(f, true);
    assert_true(f->got.acts & ACT_RESOLVE);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_RESOLVED);
    assert_int_equal(f->got.alert->fail_count, 3);
    assert_string_equal(f->got.alert->message, "ok");
    assert_int_equal(f->got.alert->resolved_ms - f->got.alert->fired_ms, 20000);
    assert_int_equal(f->st.open_alert_id, 0);
    assert_int_equal(f->st.last_rung_ms, 0);
}

static void test_recovery_goes_where_the_alert_went(void **state)
{
    struct fixture *f = *state;
    see(f, false);
    see(f, false);
    f->told = (struct id_list){f->channels, 1};
    f->told_known = true;
    f->target.channels = (struct id_list){f->channels + 1, 2};
    see(f, true);
    assert_int_equal(f->got.n_deliveries, 1);
    assert_int_equal(f->got.deliveries[0].channel_id, 21);
}

static void test_suppressed_then_recovered_is_silent(void **state)
{
    struct fixture *f = *state;
    f->suppressed = SUPPRESSED_MAINTENANCE;
    see(f, false);
    see(f, false);
    assert_int_equal(f->got.n_deliveries, 0);
    assert_int_equal(f->open->suppressed, SUPPRESSED_MAINTENANCE);
    assert_string_equal(f->open->suppressed_by, "why");
    assert_true(judge_waiting(&f->st));
    see(f, true);
    assert_true(f->got.acts & ACT_RESOLVE);
    assert_int_equal(f->got.n_deliveries, 0);
    assert_int_equal(f->got.alert->suppressed, SUPPRESSED_MAINTENANCE);
}

static void test_rings_when_suppression_ends(void **state)
{
    struct fixture *f = *state;
    f->suppressed = SUPPRESSED_PARENT;
    see(f, false);
    see(f, false);
    see(f, false);
    assert_null(f->got.alert); /* nothing new: nothing written */
    f->suppressed = SUPPRESSED_MAINTENANCE;
    recheck(f);
    assert_int_equal(f->got.alert->suppressed, SUPPRESSED_MAINTENANCE);
    assert_int_equal(f->got.n_deliveries, 0);
    f->suppressed = SUPPRESSED_NONE;
    recheck(f);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_FIRED);
    assert_int_equal(f->got.alert->suppressed, SUPPRESSED_NONE);
    assert_false(judge_waiting(&f->st));
    recheck(f);
    assert_null(f->got.alert); /* once */
    see(f, true);
    assert_int_equal(f->got.n_deliveries, 2);
}

static void test_rings_at_the_next_failure(void **state)
{
    struct fixture *f = *state;
    f->suppressed = SUPPRESSED_OWN_NETWORK;
    see(f, false);
    see(f, false);
    f->suppressed = SUPPRESSED_NONE;
    see(f, false);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.alert->fail_count, 3);
}

static void test_recovery_is_told_even_in_maintenance(void **state)
{
    struct fixture *f = *state;
    see(f, false);
    see(f, false);
    f->suppressed = SUPPRESSED_MAINTENANCE;
    see(f, true);
    assert_int_equal(f->got.n_deliveries, 2);
}

static void test_reminders_skip_suppression(void **state)
{
    struct fixture *f = *state;
    f->target.resend_interval_ms = 20000;
    see(f, false);
    see(f, false);
    see(f, false);
    assert_int_equal(f->got.n_deliveries, 0);
    see(f, false);
    assert_int_equal(f->got.acts, ACT_REMIND);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_REMINDER);
    f->suppressed = SUPPRESSED_MAINTENANCE;
    see(f, false);
    see(f, false);
    assert_int_equal(f->got.acts, 0);
    assert_int_equal(f->got.n_deliveries, 0);
    f->suppressed = SUPPRESSED_NONE;
    see(f, false); /* made up for */
    assert_int_equal(f->got.acts, ACT_REMIND);
}

static void test_no_channel_then_one(void **state)
{
    struct fixture *f = *state;
    f->target.channels.n = 0;
    see(f, false);
    see(f, false);
    assert_int_equal(f->open->suppressed, SUPPRESSED_NO_CHANNEL);
    f->target.channels.n = 1;
    recheck(f);
    assert_int_equal(f->got.n_deliveries, 1);
}

static void test_close(void **state)
{
    struct fixture *f = *state;
    see(f, false);
    see(f, false);
    struct judge_env env = env_of(f);
    struct judge_case c = {&f->target, &f->st, f->open, NULL};
    judge_close(&env, &c, TARGET_DISABLED, "target was paused", f->clock, f->arena, &f->got);
    keep(f);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.acts, ACT_RESOLVE | ACT_CHANGED);
    assert_int_equal(f->st.status, TARGET_DISABLED);
    assert_int_equal(f->st.fail_count, 0);
    c.open = NULL;
    judge_close(&env, &c, TARGET_DISABLED, "again", f->clock, f->arena, &f->got);
    assert_int_equal(f->got.acts, 0);
    assert_null(f->got.alert);
}

static void test_own_alert(void **state)
{
    struct fixture *f = *state;
    struct judge_env env = env_of(f);
    struct judge_own own = {"own network", "belfry", "belfry", "host", {f->channels, 3}};
    judge_own_alert(&env, &own, NULL, false, "", 5, f->arena, &f->got);
    assert_null(f->got.alert);
    judge_own_alert(&env, &own, NULL, true, "all 3 references fail", 5, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 3);
    keep(f);
    judge_own_alert(&env, &own, f->open, true, "still", 6, f->arena, &f->got);
    assert_null(f->got.alert);
    judge_own_alert(&env, &own, f->open, false, "it is back", 9, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 3);
    assert_int_equal(f->got.alert->resolved_ms, 9);
    keep(f);
    assert_null(f->open);
}

/* A supervised program's alert: held back by a maintenance, then rung; worse, then told again. */
static void test_own_alert_suppressed_and_again(void **state)
{
    static const struct label labels[] = {{"unit", "ss-001"}};
    struct fixture *f = *state;
    struct judge_env env = env_of(f);
    struct judge_own own = {.name = "ss-001",
                            .type = "shadowsocks",
                            .group = "processes",
                            .instance = "host",
                            .channels = {f->channels, 2},
                            .labels = labels,
                            .n_labels = 1};
    f->suppressed = SUPPRESSED_MAINTENANCE;
    judge_own_alert(&env, &own, NULL, true, "crashed", 5, f->arena, &f->got);
    assert_int_equal(f->got.alert->suppressed, SUPPRESSED_NONE); /* nobody asked */
    own.suppressible = true;
    judge_own_alert(&env, &own, NULL, true, "crashed", 5, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 0);
    assert_int_equal(f->got.alert->suppressed, SUPPRESSED_MAINTENANCE);
    assert_string_equal(f->got.alert->suppressed_by, "why");
    assert_string_equal(f->got.alert->labels[0].value, "ss-001");
    keep(f);
    own.again = true; /* worse, but still held back */
    judge_own_alert(&env, &own, f->open, true, "flapping", 6, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 0);
    assert_string_equal(f->got.alert->message, "flapping");
    keep(f);
    own.again = false;
    judge_own_alert(&env, &own, f->open, true, "", 7, f->arena, &f->got);
    assert_null(f->got.alert);
    f->suppressed = SUPPRESSED_NONE;
    judge_own_alert(&env, &own, f->open, true, "", 8, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_FIRED);
    assert_string_equal(f->got.alert->message, "flapping");
    keep(f);
    own.again = true;
    judge_own_alert(&env, &own, f->open, true, "given up", 9, f->arena, &f->got);
    assert_int_equal(f->got.acts, ACT_REMIND);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_REMINDER);
    keep(f);
    f->suppressed = SUPPRESSED_MAINTENANCE; /* who heard the bell hears its end */
    judge_own_alert(&env, &own, f->open, false, "restarted", 10, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.alert->status, ALERT_RESOLVED);
}

/* Reminders wait while somebody looks after it; what became worse does not. */
static void test_acknowledged(void **state)
{
    struct fixture *f = *state;
    f->target.resend_interval_ms = 10000;
    see(f, false);
    see(f, false);
    assert_int_equal(f->got.n_deliveries, 2);
    f->open->acked_ms = f->clock;
    see(f, false);
    see(f, false);
    see(f, false);
    assert_int_equal(f->got.acts, 0);
    assert_int_equal(f->got.n_deliveries, 0);
    f->open->acked_ms = 0;
    see(f, false);
    assert_int_equal(f->got.acts, ACT_REMIND);
    f->open->acked_ms = f->clock;
    see(f, true); /* the end is told */
    assert_int_equal(f->got.n_deliveries, 2);
    assert_int_equal(f->got.alert->acked_ms, f->clock - 10000);
}

static void test_own_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct judge_env env = env_of(f);
    struct judge_own own = {.name = "HighLoad",
                            .type = "rule",
                            .group = "rules",
                            .instance = "",
                            .channels = {f->channels, 1},
                            .resend = true};
    judge_own_alert(&env, &own, NULL, true, "6", 5, f->arena, &f->got);
    keep(f);
    judge_own_alert(&env, &own, f->open, true, "7", 6, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 1);
    keep(f);
    f->open->acked_ms = 7;
    judge_own_alert(&env, &own, f->open, true, "8", 8, f->arena, &f->got);
    assert_null(f->got.alert);
    own.again = true;
    judge_own_alert(&env, &own, f->open, true, "worse", 9, f->arena, &f->got);
    assert_int_equal(f->got.n_deliveries, 1);
}

/* What rang before a silence rings again behind it, if it still fails. */
static void test_silence_is_over(void **state)
{
    struct fixture *f = *state;
    struct judge_env env = env_of(f);
    see(f, false);
    see(f, false);
    struct judge_case c = {&f->target, &f->st, f->open, NULL};
    f->suppressed = SUPPRESSED_SILENCE; /* another one holds it */
    judge_again(&env, &c, f->clock, f->arena, &f->got);
    assert_null(f->got.alert);
    f->suppressed = SUPPRESSED_NONE;
    judge_again(&env, &c, f->clock, f->arena, &f->got);
    assert_int_equal(f->got.acts, ACT_REMIND);
    assert_int_equal(f->got.deliveries[0].kind, EVENT_REMINDER);
    keep(f);
    see(f, true);
    c.open = NULL;
    judge_again(&env, &c, f->clock, f->arena, &f->got);
    assert_int_equal(f->got.acts, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_acknowledged),
        TEST(test_own_acknowledged),
        TEST(test_silence_is_over),
        TEST(test_fire_and_resolve),
        TEST(test_recovery_goes_where_the_alert_went),
        TEST(test_suppressed_then_recovered_is_silent),
        TEST(test_rings_when_suppression_ends),
        TEST(test_rings_at_the_next_failure),
        TEST(test_recovery_is_told_even_in_maintenance),
        TEST(test_reminders_skip_suppression),
        TEST(test_no_channel_then_one),
        TEST(test_close),
        TEST(test_own_alert),
        TEST(test_own_alert_suppressed_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
