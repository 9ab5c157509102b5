/* What is put into the store comes back: targets with their states, channels, alerts, deliveries, maintenances,
 * settings, cursors; and the seed's tables are there for whoever opens the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/must.h"
#include "store_helper.h"

static struct label labels[] = {{"env", "prod"}, {"team", "支付"}};
static uint64_t ids[] = {1, 2};
static const char *locations[] = {"local", "北京"};

static struct target sample_target(uint64_t id)
{
    return (struct target){
        .id = id,
        .name = "生产环境-PostgreSQL",
        .type = "postgresql",
        .group = "payments",
        .config_json = "{\"host\":\"10.0.0.5\"}",
        .interval_ms = 250,
        .timeout_ms = 200,
        .connect_timeout_ms = 100,
        .attempts = 2,
        .threshold = 3,
        .success_threshold = 2,
        .invert = true,
        .resend_interval_ms = 60000,
        .burst = {10, 1000, 0.7, 5000},
        .enabled = true,
        .source = SOURCE_FILE,
        .labels = labels,
        .n_labels = 2,
        .channels = {ids, 2},
        .depends_on = {ids, 1},
        .locations = {locations, 2},
        .location_quorum = 2,
        .created_ms = 100,
        .updated_ms = 200,
    };
}

struct seen {
    int n;
    struct target *target;
    struct target_state state;
    char message[100];
    struct alert *alert;
    struct channel *channel;
    struct delivery delivery;
    char answer[100];
    struct maintenance *maintenance;
};

static void see_target(void *arg, const struct target *t, const struct target_state *st,
                       const char *message)
{
    struct seen *s = arg;
    s->n++;
    target_free(s->target);
    s->target = target_clone(t);
    s->state = *st;
    snprintf(s->message, sizeof(s->message), "%s", message);
}

static void see_alert(void *arg, const struct alert *a)
{
    struct seen *s = arg;
    s->n++;
    alert_free(s->alert);
    s->alert = alert_clone(a);
}

static void see_channel(void *arg, const struct channel *c)
{
    struct seen *s = arg;
    s->n++;
    channel_free(s->channel);
    s->channel = channel_clone(c);
}

static void see_delivery(void *arg, const struct delivery *d)
{
    struct seen *s = arg;
    s->n++;
    s->delivery = *d;
    snprintf(s->answer, sizeof(s->answer), "%s", d->answer);
}

static void see_maintenance(void *arg, const struct maintenance *m)
{
    struct seen *s = arg;
    s->n++;
    maintenance_free(s->maintenance);
    s->maintenance = maintenance_clone(m);
}

static void targets_come_back(void **state)
{
    struct fixture f;
    struct seen seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct target t = sample_target(7);
    struct target_state st = {
        .status = TARGET_UNHEALTHY,
        .degraded = true,
        .fail_count = 4,
        .good_count = 2,
        .open_alert_id = 12,
        .since_ms = 5,
        .last_checked_ms = 6,
        .last_latency_us = 1234,
        .last_rung_ms = 8,
    };
    struct batch *b = batch_new();
    batch_target_put(b, &t);
    batch_target_state(b, 7, &st, "connection refused");
    t.id = 9;
    batch_target_put(b, &t);
    fixture_run(&f, b);
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(store_load_targets(f.store, see_target, &seen, NULL), 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.state.status, TARGET_UNKNOWN);

    b = batch_new();
    batch_target_del(b, 9);
    t = sample_target(7);
    t.name = "renamed";
    t.channels.n = 1;
    batch_target_put(b, &t); /* keeps the state */
    fixture_run(&f, b);
    seen.n = 0;
    assert_int_equal(store_load_targets(f.store, see_target, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.target->id, 7);
    assert_true(target_same_spec(seen.target, &t));
    assert_int_equal(seen.target->updated_ms, 200);
    assert_int_equal(seen.state.status, st.status);
    assert_int_equal(seen.state.degraded, st.degraded);
    assert_int_equal(seen.state.fail_count, st.fail_count);
    assert_int_equal(seen.state.good_count, st.good_count);
    assert_int_equal(seen.state.open_alert_id, st.open_alert_id);
    assert_int_equal(seen.state.since_ms, st.since_ms);
    assert_int_equal(seen.state.last_checked_ms, st.last_checked_ms);
    assert_int_equal(seen.state.last_latency_us, st.last_latency_us);
    assert_int_equal(seen.state.last_rung_ms, st.last_rung_ms);
    assert_string_equal(seen.message, "connection refused");
    struct store_max_ids max;
    assert_int_equal(store_load_max_ids(f.store, &max, NULL), 0);
    assert_int_equal(max.target, 9); /* deleted, but never given out again */
    target_free(seen.target);
    fixture_done(&f);
}

struct seen_places {
    int n;
    struct target_state state;
    char text[200];
};

static void see_place(void *arg, uint64_t target_id, const char *location,
                      const struct target_state *st, const char *message)
{
    struct seen_places *s = arg;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof(s->text) - at, "%d %s: %s; ", (int)target_id, location, message);
    s->state = *st;
    s->n++;
}

static void places_come_back(void **state)
{
    struct fixture f;
    struct seen_places seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct target_state st = {.status = TARGET_UNHEALTHY,
                              .fail_count = 3,
                              .since_ms = 5,
                              .last_checked_ms = 6,
                              .last_latency_us = 7};
    struct batch *b = batch_new();
    batch_place_put(b, 7, "local", &st, "timeout");
    batch_place_put(b, 8, "local", &st, "timeout");
    batch_place_put(b, 7, "北京", &st, "first");
    st.fail_count = 4;
    batch_place_put(b, 7, "北京", &st, "refused");
    size_t all = batch_ops(b);
    assert_int_equal(batch_drop_results(b), 0); /* the one that is replaced goes, too */
    assert_int_equal(batch_ops(b), all - 1);
    batch_places_del(b, 8);
    fixture_run(&f, b);
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(store_load_places(f.store, see_place, &seen, NULL), 0);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.text, "7 local: timeout; 7 北京: refused; ");
    assert_int_equal(seen.state.status, TARGET_UNHEALTHY);
    assert_int_equal(seen.state.fail_count, 4);
    assert_int_equal(seen.state.since_ms, 5);
    assert_int_equal(seen.state.last_checked_ms, 6);
    assert_int_equal(seen.state.last_latency_us, 7);
    b = batch_new();
    batch_target_del(b, 7);
    fixture_run(&f, b);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM target_places"), 0);
    fixture_done(&f);
}

/* A steady target's state row is not written each time; what is loaded is exact all the same. */
static void state_is_exact_after_restart(void **state)
{
    struct fixture f;
    struct seen seen = {0};
    struct arena *a = arena_new();
    fixture_init(&f);
    fixture_open(&f);
    struct target t = sample_target(7);
    struct target_state st = {.status = TARGET_HEALTHY, .since_ms = 1000};
    for (int i = 1; i <= 5; i++) {
        struct batch *b = batch_new();
        if (i == 1)
            batch_target_put(b, &t);
        struct result r = plain_result(a, 7, 1000 * i, true);
        r.latency_us = i;
        batch_result(b, (uint64_t)i, &r, false);
        st.last_checked_ms = 1000 * i;
        st.last_latency_us = i;
        batch_target_state(b, 7, &st, r.message);
        fixture_run(&f, b);
    }
    assert_int_equal(sql_int(f.path, "SELECT last_checked_at FROM target_states"), 1000);
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(store_load_targets(f.store, see_target, &seen, NULL), 0);
    assert_int_equal(seen.state.last_checked_ms, 5000);
    assert_int_equal(seen.state.last_latency_us, 5);
    st.fail_count = 1; /* such a change is written at once */
    struct batch *b = batch_new();
    batch_target_state(b, 7, &st, "refused");
    fixture_run(&f, b);
    assert_int_equal(sql_int(f.path, "SELECT fail_count FROM probe_targets"), 1);
    target_free(seen.target);
    arena_free(a);
    fixture_done(&f);
}

static void check_alert_queries(struct store_reader *r, struct seen *seen, int64_t now)
{
    struct err err;
    const struct {
        struct alerts_query q;
        int n, total;
    } cases[] = {
        {{.status = -1}, 2, 2},
        {{.status = ALERT_FIRING}, 1, 1},
        {{.status = ALERT_RESOLVED, .target_id = 7}, 1, 1},
        {{.status = -1, .limit = 1}, 1, 2},
        {{.status = -1, .before_id = 4}, 1, 2},
        {{.status = -1, .text = "100%"}, 2, 2},
        {{.status = -1, .text = "1%0"}, 0, 0},
        {{.status = -1, .group = "other"}, 0, 0},
        {{.status = -1, .group = "payments", .text = "DB"}, 2, 2},
        {{.status = -1, .since_ms = now + 1001}, 0, 0},
        {{.status = -1, .id = 3}, 1, 1},
        {{.status = -1, .type = "tcp", .name = "db"}, 2, 2},
        {{.status = -1, .type = "http"}, 0, 0},
        {{.status = -1, .suppressed = "yes"}, 2, 2},
        {{.status = -1, .suppressed = "no"}, 0, 0},
        {{.status = -1, .suppressed = "parent", .acknowledged = 1}, 2, 2},
        {{.status = -1, .acknowledged = -1}, 0, 0},
        {{.status = -1, .in_groups = "[\"edge\",\"payments\"]"}, 2, 2},
        {{.status = -1, .not_in_groups = "[\"payments\"]"}, 0, 0},
        {{.status = -1, .open_since_ms = now + 2001}, 1, 1},
        {{.status = -1, .open_since_ms = now + 2000}, 2, 2},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        uint64_t total = 99;
        seen->n = 0;
        struct alerts_query q = cases[i].q;
        q.limit = q.limit ? q.limit : STORE_LISTING_MAX;
        if (store_alerts(r, &q, &total, see_alert, seen, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(seen->n, cases[i].n);
        assert_int_equal(total, cases[i].total);
    }
    seen->n = 0;
    assert_int_equal(store_deliveries_of(r, 3, see_delivery, seen, NULL), 0);
    assert_int_equal(seen->n, 2);
    assert_string_equal(seen->answer, "{\"errcode\":0}");
    assert_int_equal(seen->delivery.state, DELIVERY_SENT);
    seen->n = 0;
    assert_int_equal(store_deliveries_by_channel(r, 1, 1, see_delivery, seen, NULL), 0);
    assert_int_equal(seen->n, 1);
    assert_int_equal(seen->delivery.id, 6);
}

static void alerts_and_deliveries_come_back(void **state)
{
    const int64_t now = clock_wall_ms(); /* what is very old is pruned */
    struct fixture f;
    struct seen seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct alert a = {
        .id = 3,
        .target_id = 7,
        .target_name = "db",
        .target_type = "tcp",
        .group = "payments",
        .instance = "10.0.0.5:5432",
        .labels = labels,
        .n_labels = 2,
        .message = "refused 100%",
        .fail_count = 3,
        .fired_ms = now + 1000,
        .suppressed = SUPPRESSED_PARENT,
        .suppressed_by = "router",
        .suppressed_id = 9,
        .acked_ms = 77,
        .acked_by = "王",
        .ack_note = "on it",
    };
    struct delivery d = {
        .id = 5, .channel_id = 1, .alert_id = 3, .group = "payments", .created_ms = now};
    struct batch *b = batch_new();
    batch_alert_put(b, &a);
    batch_delivery_put(b, &d);
    a.id = 4;
    a.status = ALERT_RESOLVED;
    a.resolved_ms = now + 2000;
    batch_alert_put(b, &a);
    d.id = 6;
    d.kind = EVENT_RESOLVED;
    d.state = DELIVERY_SENT;
    d.done_ms = 9;
    d.attempts = 2;
    d.answer = "{\"errcode\":0}";
    batch_delivery_put(b, &d);
    fixture_run(&f, b);

    assert_int_equal(store_load_open_alerts(f.store, see_alert, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.alert->id, 3);
    assert_string_equal(seen.alert->labels[1].value, "支付");
    assert_int_equal(seen.alert->suppressed, SUPPRESSED_PARENT);
    assert_string_equal(seen.alert->suppressed_by, "router");
    assert_int_equal(seen.alert->suppressed_id, 9);
    assert_int_equal(seen.alert->acked_ms, 77);
    assert_string_equal(seen.alert->acked_by, "王");
    assert_string_equal(seen.alert->ack_note, "on it");
    seen.n = 0;
    assert_int_equal(store_load_pending_deliveries(f.store, see_delivery, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.delivery.id, 5);
    assert_int_equal(seen.delivery.kind, EVENT_FIRED);

    struct arena *arena = arena_new();
    struct alert one;
    struct err err;
    if (store_load_alert(f.store, 4, arena, &one, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(one.resolved_ms, now + 2000);
    assert_int_equal(store_load_alert(f.store, 99, arena, &one, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);

    struct store_reader *r = store_reader_open(f.store, NULL);
    check_alert_queries(r, &seen, now);
    store_reader_close(&r);
    alert_free(seen.alert);
    arena_free(arena);
    fixture_done(&f);
}

static void the_rest_comes_back(void **state)
{
    struct fixture f;
    struct seen seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct channel c = {.id = 2,
                        .name = "ops",
                        .type = "wecom",
                        .webhook_url = "https://x",
                        .config_json = "{}",
                        .enabled = true,
                        .mention_all = true,
                        .created_ms = 4};
    const char *groups[] = {"payments", "边缘"};
    struct label_match matchers[] = {{"env", "prod", MATCH_EQ}, {"name", "a|\"b\"", MATCH_NRE}};
    struct maintenance m = {.id = 3,
                            .title = "move",
                            .targets = {ids, 2},
                            .groups = groups,
                            .n_groups = 2,
                            .matchers = matchers,
                            .n_matchers = 2,
                            .schedule = {.kind = SCHEDULE_WEEKLY,
                                         .days = 0x41,
                                         .from_min = 1320,
                                         .to_min = 120,
                                         .zone = "Europe/Berlin"},
                            .starts_ms = 10};
    struct batch *b = batch_new();
    batch_channel_put(b, &c);
    batch_maintenance_put(b, &m);
    batch_cursor(b, UINT64_MAX - 3, 77);
    batch_setting_put(b, "language", "zh");
    batch_setting_put(b, "gone", "x");
    batch_setting_put(b, "gone", NULL);
    assert_int_equal(batch_ops(b), 6);
    assert_true(batch_bytes(b) > 50);
    fixture_run(&f, b);

    assert_int_equal(store_load_channels(f.store, see_channel, &seen, NULL), 0);
    assert_string_equal(seen.channel->webhook_url, "https://x");
    assert_true(seen.channel->mention_all && seen.channel->enabled);
    assert_int_equal(store_load_maintenances(f.store, see_maintenance, &seen, NULL), 0);
    assert_string_equal(seen.maintenance->groups[1], "边缘");
    assert_int_equal(seen.maintenance->targets.at[1], 2);
    assert_int_equal(seen.maintenance->ends_ms, 0);
    assert_int_equal(seen.maintenance->n_matchers, 2);
    assert_int_equal(seen.maintenance->matchers[1].op, MATCH_NRE);
    assert_string_equal(seen.maintenance->matchers[1].value, "a|\"b\"");
    assert_int_equal(seen.maintenance->schedule.kind, SCHEDULE_WEEKLY);
    assert_int_equal(seen.maintenance->schedule.days, 0x41);
    assert_int_equal(seen.maintenance->schedule.to_min, 120);
    assert_string_equal(seen.maintenance->schedule.zone, "Europe/Berlin");
    uint64_t seq = 1;
    assert_int_equal(store_load_cursor(f.store, UINT64_MAX - 3, &seq, NULL), 0);
    assert_int_equal(seq, 77);
    assert_int_equal(store_load_cursor(f.store, 1, &seq, NULL), 0);
    assert_int_equal(seq, 0);
    struct arena *a = arena_new();
    struct store_reader *r = store_reader_open(f.store, NULL);
    assert_string_equal(store_setting(r, "language", a), "zh");
    assert_null(store_setting(r, "gone", a));
    store_reader_close(&r);
    arena_free(a);

    b = batch_new();
    batch_channel_del(b, 2);
    batch_maintenance_del(b, 3);
    fixture_run(&f, b);
    seen.n = 0;
    assert_int_equal(store_load_channels(f.store, see_channel, &seen, NULL), 0);
    assert_int_equal(store_load_maintenances(f.store, see_maintenance, &seen, NULL), 0);
    assert_int_equal(seen.n, 0);
    channel_free(seen.channel);
    maintenance_free(seen.maintenance);
    fixture_done(&f);
}

static void seed_names_are_there(void **state)
{
    static const char *const queries[] = {
        "SELECT id,name,type,config,interval_seconds,timeout_seconds,enabled,status FROM probe_targets",
        "SELECT id,target_id,success,latency_ms,message,checked_at FROM probe_results",
        "SELECT id,target_id,target_name,status,message,fired_at,resolved_at FROM alert_records",
        "SELECT id,name,type,webhook_url,enabled,mention_all FROM notify_channels",
        "SELECT target_id,channel_id FROM target_channels",
    };
    struct fixture f;
    struct arena *a = arena_new();
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    struct target t = sample_target(7);
    batch_target_put(b, &t);
    struct result r = plain_result(a, 7, 1000, true);
    r.latency_us = 1500;
    batch_result(b, 1, &r, true);
    fixture_run(&f, b);
    for (size_t i = 0; i < array_len(queries); i++)
        sql_int(f.path, queries[i]);
    assert_int_equal(sql_int(f.path, "SELECT interval_seconds*100 FROM probe_targets"), 25);
    assert_int_equal(sql_int(f.path, "SELECT notify_channel_ids='[1,2]' FROM probe_targets"), 1);
    assert_int_equal(sql_int(f.path, "SELECT latency_ms*10 FROM probe_results"), 15);
    struct stat st;
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* secrets lie in it */
    arena_free(a);
    fixture_done(&f);
}

static void dropped_results_leave_the_rest(void **state)
{
    struct arena *a = arena_new();
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    struct result r = plain_result(a, 7, 1000, true);
    for (uint64_t i = 1; i <= 10; i++) {
        batch_result(b, i, &r, false);
        if (i % 5 == 0)
            batch_cursor(b, i, i);
    }
    assert_int_equal(batch_drop_results(b), 10);
    assert_int_equal(batch_drop_results(b), 0);
    assert_int_equal(batch_ops(b), 2);
    fixture_run(&f, b);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM ring_cursors"), 2);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), 0);
    arena_free(a);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_back),
        cmocka_unit_test(places_come_back),
        cmocka_unit_test(state_is_exact_after_restart),
        cmocka_unit_test(alerts_and_deliveries_come_back),
        cmocka_unit_test(the_rest_comes_back),
        cmocka_unit_test(seed_names_are_there),
        cmocka_unit_test(dropped_results_leave_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
