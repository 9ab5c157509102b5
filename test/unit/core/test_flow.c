/* From a ring's record to a vendor's answer, in one core: stored once, judged, told, made up for. */
#include "core_unit.h"

#include "core/silences.h"

#define ONE_TARGET                                                                      \
    "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n" \
    "groups:\n"                                                                         \
    "  - name: g\n"                                                                     \
    "    channels: [ops]\n"                                                             \
    "    threshold: 2\n"                                                                \
    "    targets:\n"

static void results_are_stored_once(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", 9);
    bed_open(&b);
    for (int i = 0; i < 50; i++)
        bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 50);
    assert_int_equal(bed_sql(&b, "SELECT max(seq) FROM ring_cursors"), 50);
    assert_int_equal(ring_stats(bed_target(&b, "a")->watcher->tap.ring).used, 0);
    bed_close(&b);

    bed_open(&b);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 51);
    struct entry *e = bed_target(&b, "a");
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    assert_int_equal(e->state.last_checked_ms, b.clock_ms);
    bed_done(&b);
}

/* A core that dies with records in the ring, some of them stored: its successor takes the rest. */
static void a_cursor_is_not_passed_twice(void **state)
{
    struct bed b;
    char path[200];
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", 9);
    bed_open(&b);
    struct entry *e = bed_target(&b, "a");
    uint64_t id = e->target->id;
    snprintf(path, sizeof(path), "%s/data/run/rings/%s", b.dir, e->watcher->key);
    for (int i = 0; i < 2500; i++) /* more than is taken in one turn */
        assert_true(ring_put(path, id, true, ++b.clock_ms));
    bed_drop(&b); /* nothing of it was looked at */
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 0);
    bed_open(&b);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 2500);
    bed_done(&b);
}

static void fires_reminds_and_recovers(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1', resend_interval: 3}\n"
                          "      - {name: b, url: 'tcp://127.0.0.1:2'}\n",
               bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_result(&b, "b", true);
    bed_turn(&b, 300);
    assert_int_equal(bell_calls(&bell), 0);
    int64_t begun = clock_mono_ns();
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    int64_t took_ms = (clock_mono_ns() - begun) / NS_PER_MS;
    print_message("from the result to the message: %lld ms\n", (long long)took_ms);
    bed_settle(&b);
    assert_true(bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='sent'", 1, 3000));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE status='firing'"), 1);
    for (int i = 0; i < 4; i++)
        bed_result(&b, "a", false); /* a second apart: the reminder is due */
    assert_true(bell_until(&b, &bell, "\"firing\"", 2, 5000));
    bed_result(&b, "a", true);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 5000));
    assert_true(bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='sent'", 3, 3000));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE status='resolved'"), 1);
    struct core_stats st;
    core_get_stats(b.core, &st);
    assert_int_equal(st.alerts_fired, 1);
    assert_int_equal(st.alerts_resolved, 1);
    assert_int_equal(st.deliveries_waiting, 0);
    assert_int_equal(map_u64_count(b.core->alerts), 0); /* forgotten when told */
    bed_done(&b);
    bell_close(&bell);
}

/* State survives a restart exactly: no second firing, no lost recovery (seed 001). */
static void a_restart_between(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_settle(&b);
    bed_close(&b);
    bed_open(&b);
    bed_result(&b, "a", false); /* the second one in a row */
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    assert_true(bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='sent'", 1, 3000));
    bed_close(&b);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_turn(&b, 1500);
    assert_int_equal(bell_calls(&bell), 1);
    bed_result(&b, "a", true);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 3000));
    bed_turn(&b, 300);
    assert_int_equal(bell_calls(&bell), 2);
    bed_done(&b);
    bell_close(&bell);
}

/* The channel is down while Belfry is stopped and started: what waits goes out, in order, once. */
static void deliveries_outlive_the_core(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bell_answers(&bell, 503);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    bed_result(&b, "a", true);
    bed_settle(&b);
    bed_close(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE state='pending'"), 2);
    bell_clear(&bell);
    bell_answers(&bell, 200);
    bed_open(&b);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 3000));
    assert_true(
        bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='pending'", 0, 3000));
    bed_turn(&b, 1200);
    assert_int_equal(bell_calls(&bell), 1); /* both in one message */
    bed_done(&b);
    bell_close(&bell);
}

static void maintenance_is_silent(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    const char *groups[] = {"g"};
    struct maintenance m = {.title = "upgrade", .groups = groups, .n_groups = 1, .starts_ms = 1};
    uint64_t id = 0;
    assert_int_equal(core_maintenance_put(b.core, &m, NULL, &id, &err), 0);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    bed_settle(&b);
    bed_turn(&b, 300);
    assert_int_equal(bell_calls(&bell), 0);
    assert_int_equal(
        bed_sql(&b, "SELECT count(*) FROM alert_records WHERE suppressed='maintenance'"), 1);
    assert_int_equal(core_maintenance_del(b.core, id, NULL, &err), 0);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000)); /* it still fails: now it rings */
    bed_done(&b);
    bell_close(&bell);
}

/* Begun and ended within a millisecond, over an alert that fires: it is over, and what it held back rings. */
static void a_silence_of_no_length(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    const struct label_match about = {"group", "g", MATCH_EQ};
    struct core_silence s = {.matchers = &about, .n_matchers = 1};
    for (int i = 0; i < 200; i++) {
        uint64_t id = 0;
        s.silence.starts_ms = clock_wall_ms();
        s.silence.ends_ms = s.silence.starts_ms + 3600000;
        assert_int_equal(core_silence_put(b.core, &s, NULL, &id, &err), 0);
        assert_int_equal(core_silence_expire(b.core, id, NULL, &err), 0);
    }
    bed_settle(&b);
    bed_turn(&b, 50);
    bed_done(&b);
    bell_close(&bell);
}

static void a_failing_parent_is_enough(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               ONE_TARGET "      - {name: parent, url: 'tcp://127.0.0.1:1'}\n"
                          "      - {name: child, url: 'tcp://127.0.0.1:2', depends_on: [parent]}\n",
               bell.port);
    bed_open(&b);
    for (int i = 0; i < 2; i++) {
        bed_result(&b, "parent", false);
        bed_result(&b, "child", false);
    }
    assert_true(bell_until(&b, &bell, "parent", 1, 3000));
    bed_turn(&b, 1500);
    assert_int_equal(bell_calls(&bell), 1);
    assert_int_equal(bell_count(&bell, "child"), 0);
    bed_done(&b);
    bell_close(&bell);
}

static void a_switched_off_channel_keeps_its_messages(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    uint64_t id = core__chan_by_name(b.core, "ops")->channel->id;
    assert_int_equal(core_channel_enable(b.core, id, false, NULL, &err), 0);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    bed_settle(&b);
    bed_turn(&b, 500);
    assert_int_equal(bell_calls(&bell), 0);
    bed_reload(&b); /* the file says enabled, but a person switched it off */
    assert_false(core_channel_get(b.core, id)->enabled);
    bed_close(&b);
    bed_open(&b);
    assert_false(core_channel_get(b.core, id)->enabled);
    bed_turn(&b, 500);
    assert_int_equal(bell_calls(&bell), 0);
    assert_int_equal(core_channel_enable(b.core, id, true, NULL, &err), 0);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    bed_done(&b);
    bell_close(&bell);
}

/* Rows that waited for a channel that is removed end, those under way as well. */
static void a_removed_channel_leaves_nothing_waiting(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    bell_open(&bell);
    bell_answers(&bell, 503);
    bell.delay_ms = 300;
    bed_init(&b);
    bed_config(&b, "groups: [{name: g, threshold: 1, targets: []}]\n");
    bed_open(&b);
    char url[64];
    uint64_t channel = 0, id = 0;
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", bell.port);
    struct channel ch = {.name = "hook",
                         .type = "webhook",
                         .webhook_url = url,
                         .config_json = "{}",
                         .enabled = true};
    assert_int_equal(core_channel_put(b.core, &ch, &p, NULL, &channel, &err), 0);
    uint64_t twice[] = {channel};
    struct target t = {.name = "a",
                       .type = "tcp",
                       .group = "g",
                       .config_json = "{}",
                       .interval_ms = 30000,
                       .timeout_ms = 5000,
                       .connect_timeout_ms = 3000,
                       .attempts = 1,
                       .threshold = 1,
                       .enabled = true,
                       .channels = {twice, 1}};
    struct node *config = node_map(a);
    node_put(config, a, "url", node_text(a, "tcp://127.0.0.1:1"));
    if (core_target_put(b.core, &t, config, &p, NULL, &id, &err) != 0)
        fail_msg("%s %s", err.msg, p.list.n ? p.list.at[0].message : "");
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "firing", 1, 3000)); /* under way: the answer takes 300 ms */
    bed_result(&b, "a", true);                             /* and one more waits */
    bed_turn(&b, 50);
    assert_int_equal(core_channel_del(b.core, channel, NULL, &err), 0);
    assert_int_equal(bed_target(&b, "a")->target->channels.n, 0);
    bed_turn(&b, 800);
    bed_settle(&b);
    struct core_stats st;
    core_get_stats(b.core, &st);
    assert_int_equal(st.deliveries_waiting, 0);
    assert_int_equal(map_u64_count(b.core->alerts), 0);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE state='pending'"), 0);
    problems_done(&p);
    arena_free(a);
    bed_done(&b);
    bell_close(&bell);
}

struct testing {
    struct waiter *waiter;
    struct buf answer;
    struct err err;
    int rc;
    bool over;
};

static bool answered(struct bed *b, void *arg)
{
    struct testing *t = arg;
    (void)b;
    t->rc = waiter_wait(t->waiter, 0, &t->answer, &t->err);
    return t->rc == 0 || t->err.code != ERR_TIMEOUT;
}

static void a_test_message_brings_the_answer(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    struct problems p;
    struct arena *a = arena_new();
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    problems_init(&p, a);
    const struct channel *ch = core__chan_by_name(b.core, "ops")->channel;
    for (int i = 0; i < 2; i++) {
        struct testing t = {.waiter = waiter_new(), .answer = BUF_INIT(10000)};
        bell_answers(&bell, i == 0 ? 200 : 500);
        assert_int_equal(core_channel_test(b.core, ch, &p, t.waiter, &err), 0);
        assert_true(bed_until(&b, answered, &t, 5000));
        assert_int_equal(t.rc, i == 0 ? 0 : -1);
        waiter_unref(t.waiter);
        buf_done(&t.answer);
    }
    assert_int_equal(bell_calls(&bell), 2);
    /* One that is still under way when the core ends: whoever waits is told. */
    struct testing t = {.waiter = waiter_new(), .answer = BUF_INIT(10000)};
    bell.delay_ms = 400;
    assert_int_equal(core_channel_test(b.core, ch, &p, t.waiter, &err), 0);
    bed_turn(&b, 50);
    bed_drop(&b);
    assert_int_equal(waiter_wait(t.waiter, 0, NULL, &t.err), -1);
    assert_int_not_equal(t.err.code, ERR_TIMEOUT);
    waiter_unref(t.waiter);
    problems_done(&p);
    arena_free(a);
    bed_done(&b);
    bell_close(&bell);
}

/* A message under way when the core is freed stays pending, and nobody touches the freed core. */
static void freed_while_sending(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bell.delay_ms = 400;
    bed_init(&b);
    bed_config(&b, ONE_TARGET "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "firing", 1, 3000));
    bed_drop(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE state='pending'"), 1);
    bed_done(&b);
    bell_close(&bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_stored_once),
        cmocka_unit_test(a_cursor_is_not_passed_twice),
        cmocka_unit_test(fires_reminds_and_recovers),
        cmocka_unit_test(a_restart_between),
        cmocka_unit_test(deliveries_outlive_the_core),
        cmocka_unit_test(maintenance_is_silent),
        cmocka_unit_test(a_silence_of_no_length),
        cmocka_unit_test(a_failing_parent_is_enough),
        cmocka_unit_test(a_switched_off_channel_keeps_its_messages),
        cmocka_unit_test(a_removed_channel_leaves_nothing_waiting),
        cmocka_unit_test(a_test_message_brings_the_answer),
        cmocka_unit_test(freed_while_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
