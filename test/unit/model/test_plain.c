/* Plain data: names, deep copies and equality of targets, alerts, maintenances and channels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "base/must.h"
#include "model/alert.h"
#include "model/target.h"

static struct label labels[] = {{"env", "prod"}, {"team", "支付"}};
static uint64_t channel_ids[] = {1, 2, 3};
static uint64_t parent_ids[] = {9};

static struct target sample(void)
{
    return (struct target){
        .id = 7,
        .name = "生产环境-PostgreSQL",
        .type = "postgresql",
        .group = "payments",
        .config_json = "{\"host\":\"10.0.0.5\"}",
        .interval_ms = 30000,
        .timeout_ms = 5000,
        .connect_timeout_ms = 3000,
        .attempts = 1,
        .threshold = 3,
        .burst = {.min_success = 0.7, .max_mean_ms = 5000},
        .enabled = true,
        .source = SOURCE_FILE,
        .labels = labels,
        .n_labels = 2,
        .channels = {channel_ids, 3},
        .depends_on = {parent_ids, 1},
        .created_ms = 100,
        .updated_ms = 200,
    };
}

static void status_names(void **state)
{
    enum target_status s;
    assert_true(target_status_parse("maintenance", &s));
    assert_int_equal(s, TARGET_MAINTENANCE);
    assert_false(target_status_parse("Healthy", &s));
    assert_string_equal(target_status_name(TARGET_UNHEALTHY), "unhealthy");
    assert_string_equal(alert_status_name(ALERT_RESOLVED), "resolved");
    assert_string_equal(suppression_name(SUPPRESSED_OWN_NETWORK), "own_network");
    assert_string_equal(delivery_state_name(DELIVERY_FAILED), "failed");
}

static void clone_is_independent(void **state)
{
    struct target t = sample();
    struct target *c = target_clone(&t);
    assert_true(target_same_spec(&t, c));
    assert_int_equal(target_spec_hash(&t), target_spec_hash(c));
    assert_ptr_not_equal(c->name, t.name);
    assert_ptr_not_equal(c->labels, t.labels);
    assert_ptr_not_equal(c->labels[1].value, t.labels[1].value);
    assert_int_equal(c->channels.at[2], 3);
    assert_int_equal(c->updated_ms, 200);
    struct target *again = target_clone(c);
    target_free(c);
    assert_true(target_same_spec(&t, again));
    target_free(again);
    target_free(NULL);
}

static void every_field_counts(void **state)
{
    static struct label other_labels[] = {{"env", "prod"}, {"team", "x"}};
    static uint64_t other_ids[] = {1, 2, 4};
    const struct target base = sample();
#define CHANGED(change)                                               \
    do {                                                              \
        struct target t = base;                                       \
        t.change;                                                     \
        assert_false(target_same_spec(&base, &t));                    \
        assert_true(target_spec_hash(&base) != target_spec_hash(&t)); \
    } while (0)
    CHANGED(name = "b");
    CHANGED(type = "tcp");
    CHANGED(group = "g");
    CHANGED(config_json = "{}");
    CHANGED(interval_ms = 1);
    CHANGED(timeout_ms = 1);
    CHANGED(connect_timeout_ms = 1);
    CHANGED(attempts = 2);
    CHANGED(threshold = 1);
    CHANGED(success_threshold = 2);
    CHANGED(invert = true);
    CHANGED(resend_interval_ms = 1);
    CHANGED(burst.times = 1);
    CHANGED(burst.delta_ms = 1);
    CHANGED(burst.min_success = 0.5);
    CHANGED(burst.max_mean_ms = 1);
    CHANGED(enabled = false);
    CHANGED(source = SOURCE_API);
    CHANGED(labels = other_labels);
    CHANGED(n_labels = 1);
    CHANGED(channels.at = other_ids);
    CHANGED(channels.n = 2);
    CHANGED(depends_on.at = other_ids);
    CHANGED(depends_on.n = 0);
#undef CHANGED
    struct target t = base;
    t.id = 8;
    t.created_ms = t.updated_ms = 1;
    assert_true(target_same_spec(&base, &t));
}

static void locations_count(void **state)
{
    const char *names[] = {"local", "北京"}, *others[] = {"local", "paris"};
    struct target t = sample(), other = sample();
    assert_true(target_is_at(&t, LOCATION_LOCAL) && !target_is_located(&t));
    t.locations = (struct name_list){names, 1};
    assert_true(target_is_at(&t, LOCATION_LOCAL) && !target_is_located(&t));
    t.locations.n = 2;
    assert_true(target_is_located(&t) && target_is_at(&t, "北京") && !target_is_at(&t, "paris"));
    struct target *c = target_clone(&t);
    assert_true(target_same_spec(&t, c));
    assert_ptr_not_equal(c->locations.at[1], names[1]);
    other.locations = (struct name_list){others, 2};
    assert_false(target_same_spec(c, &other));
    assert_true(target_spec_hash(c) != target_spec_hash(&other));
    t.location_quorum = 2;
    assert_false(target_same_spec(c, &t));
    target_free(c);
    assert_null(location_name_fault("北京 2"));
    assert_non_null(location_name_fault(""));
    assert_non_null(location_name_fault("a/b"));
    assert_non_null(location_name_fault(".x"));
    assert_non_null(location_name_fault("x "));
    assert_non_null(location_name_fault("a\nb"));
    assert_non_null(location_name_fault("\xff"));
    assert_null(location_name_fault("local"));
}

static void an_agent_speaks_for_any_place_but_this_one(void **state)
{
    char name[LOCATION_NAME_MAX + 2];
    memset(name, 'x', sizeof(name));
    name[LOCATION_NAME_MAX + 1] = '\0';
    assert_non_null(location_agent_fault(name));
    name[LOCATION_NAME_MAX] = '\0';
    assert_null(location_agent_fault(name));
    assert_null(location_agent_fault("北京"));
    assert_non_null(location_agent_fault("a/b")); /* what no target can name */
    assert_string_equal(location_agent_fault("local"),
                        "\"local\" is this server; want another name");
}

static void empty_things_clone(void **state)
{
    struct target t = {0};
    struct target *c = target_clone(&t);
    assert_string_equal(c->name, "");
    assert_true(target_same_spec(&t, c));
    target_free(c);
    struct alert a = {0};
    struct alert *ac = alert_clone(&a);
    assert_string_equal(ac->suppressed_by, "");
    alert_free(ac);
}

static void others_clone(void **state)
{
    struct alert a = {
        .id = 1, .target_name = "db", .labels = labels, .n_labels = 2, .message = "down"};
    struct alert *ac = alert_clone(&a);
    assert_string_equal(ac->target_name, "db");
    assert_string_equal(ac->labels[1].value, "支付");
    assert_ptr_not_equal(ac->labels[1].value, labels[1].value);
    alert_free(ac);

    const char *groups[] = {"payments", "edge"};
    struct label_match match = {"env", "prod", MATCH_NE};
    struct maintenance m = {.id = 3,
                            .title = "move",
                            .targets = {channel_ids, 3},
                            .groups = groups,
                            .n_groups = 2,
                            .matchers = &match,
                            .n_matchers = 1};
    struct maintenance *mc = maintenance_clone(&m);
    assert_string_equal(mc->groups[1], "edge");
    assert_ptr_not_equal(mc->groups[1], groups[1]);
    assert_int_equal(mc->targets.at[0], 1);
    assert_string_equal(mc->matchers[0].value, "prod");
    assert_ptr_not_equal(mc->matchers[0].value, match.value);
    assert_int_equal(mc->matchers[0].op, MATCH_NE);
    assert_string_equal(mc->schedule.zone, "");
    maintenance_free(mc);

    struct channel ch = {
        .id = 2, .name = "ops", .type = "wecom", .webhook_url = "u", .mention_all = true};
    struct channel *cc = channel_clone(&ch);
    assert_string_equal(cc->webhook_url, "u");
    assert_string_equal(cc->config_json, "");
    assert_true(cc->mention_all);
    channel_free(cc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names),
        cmocka_unit_test(clone_is_independent),
        cmocka_unit_test(every_field_counts),
        cmocka_unit_test(empty_things_clone),
        cmocka_unit_test(locations_count),
        cmocka_unit_test(an_agent_speaks_for_any_place_but_this_one),
        cmocka_unit_test(others_clone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
