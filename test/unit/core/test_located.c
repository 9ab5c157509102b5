/* Targets with locations: judged place by place, told once by quorum, over restarts; series by location, late ones too. */
#include "core_unit.h"

#include "core/located.h"
#include "core/metrics_priv.h"
#include "core/places.h"

#define CONFIG                                                                          \
    "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n" \
    "groups:\n"                                                                         \
    "  - name: g\n"                                                                     \
    "    channels: [ops]\n"                                                             \
    "    interval: 1h\n"                                                                \
    "    threshold: 2\n"                                                                \
    "    targets:\n"
#define THREE \
    CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', locations: [local, beijing, paris]}\n"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static struct place *place(struct bed *b, const char *name)
{
    struct located *l = bed_target(b, "a")->located;
    assert_non_null(l);
    for (uint32_t i = 0; i < l->n; i++)
        if (streq(l->places[i].name, name))
            return &l->places[i];
    fail_msg("no place %s", name);
    return NULL;
}

/* What a location found so long ago. */
static void hear_at(struct bed *b, const char *location, bool success, int64_t checked_ms)
{
    struct arena *a = arena_new();
    struct entry *e = bed_target(b, "a");
    struct result *r = arena_new_of(a, struct result);
    struct buf out = BUF_INIT(65536);
    result_init(r, a);
    r->target_id = e->target->id;
    r->checked_ms = checked_ms;
    r->latency_us = 1500;
    result_metric(r, "probe_success", success);
    if (success)
        result_ok(r, "connected");
    else
        result_fail(r, "connection refused");
    result_encode(r, &out);
    core__located_result(b->core, e, location, r, out.data, out.len);
    core__commit_soon(b->core);
    buf_done(&out);
    arena_free(a);
}

static void hear(struct bed *b, const char *location, bool success)
{
    hear_at(b, location, success, clock_wall_ms());
    usleep(2000);
}

static void hear_all(struct bed *b, const char *up, const char *down)
{
    for (const char *p = up; *p; p++)
        hear(b, *p == 'l' ? "local" : *p == 'b' ? "beijing" : "paris", true);
    for (int i = 0; i < 2; i++)
        for (const char *p = down; *p; p++)
            hear(b, *p == 'l' ? "local" : *p == 'b' ? "beijing" : "paris", false);
}

/* As if all of that were so much longer ago. */
static void silence(struct bed *b, const char *location, int64_t ms)
{
    struct place *p = place(b, location);
    p->heard_ms -= ms;
    p->waits_since_ms -= ms;
    p->st.last_checked_ms -= ms;
    core__located_tick(b->core);
}

static void open_bed(struct bed *b, struct bell *bell, const char *yaml)
{
    bell_open(bell);
    bed_init(b);
    bed_config(b, yaml, bell->port);
    bed_open(b);
}

static void close_bed(struct bed *b, struct bell *bell)
{
    bed_done(b);
    bell_close(bell);
}

static void a_place_is_up_again_when_it_was_good_often_enough(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell,
             CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', success_threshold: 2, "
                    "locations: [local, beijing, paris]}\n");
    struct entry *e = bed_target(&b, "a");
    hear_all(&b, "lbp", "bp");
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "paris", true);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "paris", false);
    hear(&b, "paris", true);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY); /* not in a row */
    hear(&b, "paris", true);
    assert_int_equal(e->state.status, TARGET_HEALTHY); /* the places' patience is enough */
    close_bed(&b, &bell);
}

static void it_rings_once_by_quorum(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    struct entry *e = bed_target(&b, "a");
    hear(&b, "local", true);
    assert_int_equal(e->state.status, TARGET_UNKNOWN); /* the two others may still decide */
    hear(&b, "beijing", true);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    assert_false(e->state.degraded);
    assert_string_equal(e->last_message, "up at 2 of 3 locations");
    hear(&b, "paris", true);
    assert_string_equal(e->last_message, "up at 3 of 3 locations");

    hear(&b, "beijing", false);
    assert_false(e->state.degraded); /* its threshold is 2 */
    hear(&b, "beijing", false);
    assert_true(e->state.degraded);
    assert_string_equal(e->last_message,
                        "down at 1 of 3 locations, fewer than 2: beijing: connection refused");
    hear(&b, "paris", false);
    bed_turn(&b, 300);
    assert_int_equal(bell_calls(&bell), 0);
    hear(&b, "paris", false);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    assert_string_equal(e->last_message, "down at 2 of 3 locations: beijing: connection refused; "
                                         "paris: connection refused");
    assert_true(bell_until(&b, &bell, "down at 2 of 3 locations: beijing", 1, 3000));
    hear_all(&b, "", "lbp");
    assert_true(bell_count(&bell, "\"firing\"") == 1);
    hear(&b, "paris", true);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY); /* still two */
    hear(&b, "local", true);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 3000));
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records"), 1);
    assert_int_equal(bell_count(&bell, "\"firing\""), 1);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM target_places"), 3);
    close_bed(&b, &bell);
}

static void one_that_flaps_does_not_ring(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    hear_all(&b, "lbp", "");
    for (int i = 0; i < 10; i++) {
        hear_all(&b, "", "p");
        assert_true(bed_target(&b, "a")->state.degraded);
        hear_all(&b, "p", "");
        assert_false(bed_target(&b, "a")->state.degraded);
    }
    bed_turn(&b, 200);
    assert_int_equal(bell_calls(&bell), 0);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records"), 0);
    close_bed(&b, &bell);
}

static void silence_fires_and_resolves_nothing(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    struct entry *e = bed_target(&b, "a");
    hear_all(&b, "lb", "p");
    silence(&b, "beijing", 4 * HOUR_MS);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    assert_true(e->state.degraded);
    assert_int_equal(core__place_says(e->located, place(&b, "beijing"), clock_wall_ms()),
                     PLACE_SILENT);
    hear_all(&b, "", "b");
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    silence(&b, "paris", 4 * HOUR_MS); /* it said "down" at last */
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    assert_non_null(strstr(e->last_message, "1 more said so before falling silent"));
    silence(&b, "beijing", 4 * HOUR_MS);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear_all(&b, "b", "");
    assert_int_equal(e->state.status, TARGET_HEALTHY); /* one is no majority, silent or not */
    close_bed(&b, &bell);
}

/* Nobody says anything: not known. An open alert stays. */
static void when_all_are_silent(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    struct entry *e = bed_target(&b, "a");
    static const char *const all[] = {"local", "beijing", "paris"};
    hear_all(&b, "lbp", "");
    for (size_t i = 0; i < 3; i++)
        silence(&b, all[i], 4 * HOUR_MS);
    assert_int_equal(e->state.status, TARGET_UNKNOWN);
    hear_all(&b, "", "lbp");
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    for (size_t i = 0; i < 3; i++)
        silence(&b, all[i], 4 * HOUR_MS);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    assert_int_not_equal(e->state.open_alert_id, 0);
    close_bed(&b, &bell);
}

static void one_is_enough(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell,
             CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', locations: [local, paris], "
                    "location_quorum: 1}\n");
    hear_all(&b, "l", "p");
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_UNHEALTHY);
    assert_string_equal(bed_target(&b, "a")->last_message,
                        "down at 1 of 2 locations: paris: connection refused");
    hear_all(&b, "p", "");
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_HEALTHY);
    close_bed(&b, &bell);
}

/* kill -9 at any moment: nothing fires or resolves by it, failures go on being counted. */
static void a_restart_changes_nothing(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    hear_all(&b, "l", "b");
    hear(&b, "paris", false); /* one of two */
    bed_settle(&b);
    bed_drop(&b);
    bed_open(&b);
    struct entry *e = bed_target(&b, "a");
    assert_int_equal(place(&b, "beijing")->st.status, TARGET_UNHEALTHY);
    assert_int_equal(place(&b, "paris")->st.fail_count, 1);
    core__located_tick(b.core);
    assert_int_equal(e->state.open_alert_id, 0);
    hear(&b, "paris", false); /* the second */
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    assert_true(bell_until(&b, &bell, "\"firing\"", 1, 3000));
    bed_settle(&b);

    bed_drop(&b);
    bed_open(&b);
    e = bed_target(&b, "a");
    assert_int_not_equal(e->state.open_alert_id, 0);
    core__located_tick(b.core);
    bed_turn(&b, 1200); /* its own tick, too */
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "local", true);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "paris", true);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 3000));
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records"), 1);
    assert_int_equal(bell_count(&bell, "\"firing\""), 1);
    close_bed(&b, &bell);
}

/* A core that was away for long: places whose last word is old are awaited, then silent. */
static void a_late_restart_waits(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    hear_all(&b, "", "lbp");
    bed_settle(&b);
    bed_drop(&b);
    bed_sql(&b, "UPDATE target_places SET last_checked_at=last_checked_at-86400000");
    bed_open(&b);
    struct entry *e = bed_target(&b, "a");
    assert_int_equal(core__place_says(e->located, place(&b, "paris"), clock_wall_ms()),
                     PLACE_AWAITED);
    core__located_tick(b.core);
    hear(&b, "local", true); /* the others have not spoken yet */
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "beijing", true);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    close_bed(&b, &bell);
}

static void a_change_of_locations_keeps_the_rest(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    uint64_t id = bed_target(&b, "a")->target->id;
    hear_all(&b, "l", "bp");
    bed_settle(&b);
    int64_t rows = bed_sql(&b, "SELECT count(*) FROM probe_results");
    uint64_t alert = bed_target(&b, "a")->state.open_alert_id;
    assert_true(rows > 0 && alert != 0);
    bed_config(&b,
               CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', "
                      "locations: [paris, tokyo, beijing]}\n",
               bell.port);
    bed_reload(&b);
    struct entry *e = bed_target(&b, "a");
    assert_int_equal(e->target->id, id);
    assert_int_equal(e->state.open_alert_id, alert);
    assert_int_equal(place(&b, "paris")->st.status, TARGET_UNHEALTHY);
    assert_int_equal(place(&b, "tokyo")->st.status, TARGET_UNKNOWN);
    assert_int_equal(e->state.status, TARGET_UNHEALTHY);
    hear(&b, "local", true); /* named no longer */
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM target_places"), 2);
    assert_true(bed_sql(&b, "SELECT count(*) FROM probe_results") >= rows);

    bed_config(&b, CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1'}\n", bell.port);
    bed_reload(&b);
    e = bed_target(&b, "a");
    assert_null(e->located);
    assert_int_equal(e->state.open_alert_id, alert);
    bed_result(&b, "a", true); /* as ever */
    bed_turn(&b, 50);
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM target_places"), 0);
    close_bed(&b, &bell);
}

static void a_pause_begins_anew(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    open_bed(&b, &bell, THREE);
    uint64_t id = bed_target(&b, "a")->target->id;
    hear_all(&b, "", "lbp");
    struct waiter *w = waiter_new();
    assert_int_equal(core_target_enable(b.core, id, false, w, &err), 0);
    waiter_unref(w);
    hear(&b, "paris", false);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_DISABLED);
    w = waiter_new();
    assert_int_equal(core_target_enable(b.core, id, true, w, &err), 0);
    waiter_unref(w);
    struct entry *e = bed_target(&b, "a");
    assert_int_equal(place(&b, "paris")->st.fail_count, 0);
    core__located_tick(b.core);
    assert_int_equal(e->state.status, TARGET_UNKNOWN);
    hear_all(&b, "lbp", "");
    assert_int_equal(e->state.status, TARGET_HEALTHY);
    bed_settle(&b);
    close_bed(&b, &bell);
}

static void local_alone_is_as_ever(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', locations: [local]}\n");
    assert_null(bed_target(&b, "a")->located);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    bed_turn(&b, 50);
    assert_string_equal(bed_target(&b, "a")->last_message, "connection refused");
    close_bed(&b, &bell);
}

/* The local watcher's ring is the place "local". */
static void local_results_are_a_place(void **state)
{
    struct bed b;
    struct bell bell;
    open_bed(&b, &bell, THREE);
    b.clock_ms = clock_wall_ms() - 10000;
    bed_result(&b, "a", true);
    bed_turn(&b, 100);
    assert_int_equal(place(&b, "local")->st.status, TARGET_HEALTHY);
    assert_int_equal(place(&b, "local")->st.last_checked_ms, b.clock_ms);
    close_bed(&b, &bell);
}

static void it_is_told_how_each_stands(void **state)
{
    struct bed b;
    struct bell bell;
    struct core_place v[TARGET_LOCATIONS_MAX];
    struct arena *a = arena_new();
    open_bed(&b, &bell, THREE);
    uint64_t id = bed_target(&b, "a")->target->id;
    hear_all(&b, "l", "b");
    assert_int_equal(core_target_places(b.core, id, a, v), 3);
    assert_string_equal(v[0].location, "local");
    assert_true(v[0].heard && v[0].status == TARGET_HEALTHY && v[0].latency_us == 1500);
    assert_string_equal(v[0].message, "connected");
    assert_true(v[1].heard && v[1].status == TARGET_UNHEALTHY && v[1].fail_count == 2);
    assert_true(v[1].last_result_n > 0);
    assert_true(!v[2].heard && v[2].status == TARGET_UNKNOWN && v[2].since_ms == 0);
    assert_string_equal(v[2].message, "has not been heard yet");
    silence(&b, "beijing", 4 * HOUR_MS);
    assert_int_equal(core_target_places(b.core, id, a, v), 3);
    assert_true(!v[1].heard && v[1].status == TARGET_UNKNOWN);
    assert_string_equal(v[1].message, "has said nothing for 4h; at last: connection refused");
    assert_int_equal(core_target_places(b.core, id + 1, a, v), 0);
    arena_free(a);
    close_bed(&b, &bell);
}

/* --- series --- */

static bool is_open(struct bed *b, void *arg)
{
    (void)arg;
    return core_tsdb(b->core) != NULL;
}

static uint32_t count_samples(struct bed *b, const char *selector, uint32_t *n_series)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct samples s = {0};
    struct series_select q = {.min_ms = 0, .max_ms = INT64_MAX / 2};
    if (promql_parse_selector(a, str_of(selector), false, &q.matchers, &q.n_matchers, &err) != 0)
        fail_msg("%s", err.msg);
    struct series_source source = tsdb_source(core_tsdb(b->core));
    struct series_set *set = source.ops->select(source.self, &q, &err);
    assert_non_null(set);
    for (uint32_t i = 0; i < set->n; i++)
        assert_int_equal(set->ops->read(set, i, q.min_ms, q.max_ms, COLUMN_RAW, &s, &err), 0);
    *n_series = set->n;
    uint32_t n = s.n;
    set->ops->free(set);
    samples_done(&s);
    arena_free(a);
    return n;
}

/* What an agent kept while it was cut off lands in its own series, at its own times, while the others are at the present. What comes
 * later than a series' newest (an agent that took over has spoken meanwhile) lands within the store's window of 10 minutes. */
static void late_results_land(void **state)
{
    struct bed b;
    struct bell bell;
    uint32_t series;
    open_bed(&b, &bell, THREE);
    assert_true(bed_until(&b, is_open, NULL, 10000));
    hear_all(&b, "lb", "");
    int64_t now = clock_wall_ms(), n = 0;
    for (int64_t t = now - 30 * MINUTE_MS; t < now; t += 10000, n++)
        hear_at(&b, "paris", true, t);
    bed_settle(&b);
    static const char paris[] = "probe_success{target=\"a\",location=\"paris\"}";
    assert_int_equal(count_samples(&b, paris, &series), n);
    assert_int_equal(series, 1);
    hear_at(&b, "paris", true, now - 5 * MINUTE_MS + 1);
    hear_at(&b, "paris", true, now - 20 * MINUTE_MS + 1);
    bed_settle(&b);
    assert_int_equal(count_samples(&b, paris, &series), n + 1);
    assert_int_equal(count_samples(&b, "probe_success{target=\"a\",location=\"local\"}", &series),
                     1);
    assert_int_equal(series, 1);
    assert_true(count_samples(&b, "probe_success{target=\"a\",location=\"\"}", &series) > 0);
    assert_int_equal(series, 1); /* its own has no such label */
    count_samples(&b, "probe_success{target=\"a\"}", &series);
    assert_int_equal(series, 4);
    assert_true(count_samples(&b, "probe_locations_up{target=\"a\"}", &series) > 0);
    close_bed(&b, &bell);
}

/* A location that was cut off for an hour and hands in what it kept, in order: its state is of the past until it is here again. */
static void a_buffer_is_not_the_present(void **state)
{
    struct bed b;
    struct bell bell;
    uint32_t series;
    open_bed(&b, &bell,
             "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n"
             "groups:\n"
             "  - name: g\n"
             "    channels: [ops]\n"
             "    interval: 10s\n"
             "    threshold: 2\n"
             "    targets:\n"
             "      - {name: a, url: 'tcp://127.0.0.1:1', locations: [local, beijing, paris]}\n");
    struct entry *e = bed_target(&b, "a");
    assert_true(bed_until(&b, is_open, NULL, 10000));
    hear_all(&b, "l", "p");
    int64_t now = clock_wall_ms(), n = 0;
    for (int64_t t = now - HOUR_MS; t < now; t += 10000, n++) { /* it was down for a while then */
        bool down = t > now - 50 * MINUTE_MS && t < now - 10 * MINUTE_MS;
        hear_at(&b, "beijing", !down, t);
        assert_int_not_equal(e->state.status, TARGET_UNHEALTHY);
    }
    assert_int_equal(e->state.status, TARGET_HEALTHY); /* paris alone is down */
    assert_true(e->state.degraded);
    bed_settle(&b);
    assert_int_equal(bell_calls(&bell), 0);
    assert_int_equal(count_samples(&b, "probe_success{target=\"a\",location=\"beijing\"}", &series),
                     n);
    assert_int_equal(series, 1);
    close_bed(&b, &bell);
}

/* --- what the core judges itself, when it dies before the series have it ----------------------- */

static uint64_t put_derived(struct ring *r, uint64_t target, int64_t checked_ms)
{
    struct arena *a = arena_new();
    struct result *res = arena_new_of(a, struct result);
    struct buf out = BUF_INIT(65536);
    uint64_t seq;
    bool wake;
    result_init(res, a);
    res->target_id = target;
    res->checked_ms = checked_ms;
    result_metric(res, "probe_marker", 1);
    result_ok(res, "up at 3 of 3 locations");
    result_encode(res, &out);
    assert_true(ring_publish(r, out.data, out.len, &seq, &wake));
    buf_done(&out);
    arena_free(a);
    return seq;
}

static struct ring *derived_ring(struct bed *b)
{
    char path[120];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/data/run/derived", b->dir);
    struct ring *r = ring_open(path, 4 << 20, &err);
    if (!r)
        fail_msg("%s", err.msg);
    return r;
}

/* As kill -9 leaves it: two that are stored, one that is not. */
static void what_was_stored_reaches_the_series_after_all(void **state)
{
    struct bed b;
    struct bell bell;
    uint32_t series;
    char sql[120];
    open_bed(&b, &bell, THREE);
    assert_true(bed_until(&b, is_open, NULL, 10000));
    hear_all(&b, "lbp", "");
    bed_settle(&b);
    assert_int_equal(ring_stats(b.core->derived.ring).used, 0); /* freed: the series have it */
    uint64_t id = bed_target(&b, "a")->target->id;
    bed_drop(&b);
    struct ring *r = derived_ring(&b);
    int64_t now = clock_wall_ms();
    put_derived(r, id, now - 3000);
    uint64_t stored = put_derived(r, id, now - 2000);
    put_derived(r, id, now - 1000);
    snprintf(sql, sizeof(sql), "UPDATE ring_cursors SET seq=%lld WHERE ring_id=%lld",
             (long long)stored, (long long)ring_id(r));
    bed_sql(&b, sql);
    ring_close(&r);
    bed_open(&b);
    assert_true(bed_until(&b, is_open, NULL, 10000));
    bed_settle(&b);
    assert_int_equal(count_samples(&b, "probe_marker{target=\"a\"}", &series), 2);
    assert_int_equal(ring_stats(b.core->derived.ring).used, 0);
    hear_all(&b, "", "lbp"); /* and it goes on */
    bed_settle(&b);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_UNHEALTHY);
    assert_int_equal(ring_stats(b.core->derived.ring).used, 0);
    close_bed(&b, &bell);
}

static void a_damaged_ring_of_its_own_is_begun_anew(void **state)
{
    struct bed b;
    struct bell bell;
    char path[120];
    open_bed(&b, &bell, THREE);
    hear_all(&b, "lbp", "");
    bed_settle(&b);
    bed_drop(&b);
    snprintf(path, sizeof(path), "%s/data/run/derived", b.dir);
    assert_int_equal(truncate(path, 5000), 0);
    bed_open(&b);
    hear_all(&b, "", "lbp");
    bed_settle(&b);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_UNHEALTHY);
    assert_true(b.core->derived.ring && ring_stats(b.core->derived.ring).used == 0);
    close_bed(&b, &bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_rings_once_by_quorum),
        cmocka_unit_test(a_place_is_up_again_when_it_was_good_often_enough),
        cmocka_unit_test(one_that_flaps_does_not_ring),
        cmocka_unit_test(silence_fires_and_resolves_nothing),
        cmocka_unit_test(when_all_are_silent),
        cmocka_unit_test(one_is_enough),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(a_late_restart_waits),
        cmocka_unit_test(a_change_of_locations_keeps_the_rest),
        cmocka_unit_test(a_pause_begins_anew),
        cmocka_unit_test(local_alone_is_as_ever),
        cmocka_unit_test(local_results_are_a_place),
        cmocka_unit_test(it_is_told_how_each_stands),
        cmocka_unit_test(late_results_land),
        cmocka_unit_test(a_buffer_is_not_the_present),
        cmocka_unit_test(what_was_stored_reaches_the_series_after_all),
        cmocka_unit_test(a_damaged_ring_of_its_own_is_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
