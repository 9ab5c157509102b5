/* Programs that the API adds, changes and removes; health probes by a watcher that only pretends; jobs by the clock. */
#include "core_unit.h"

#include "base/fs.h"
#include "core/process_priv.h"
#include "fake_warden.h"
#include "ipc/link.h"

struct scene {
    struct bed bed;
    struct fake_warden warden;
    struct link_client *watcher; /* NULL: there is none */
    bool healthy;                /* what its probes say */
    int probes;
    char asked[64]; /* type of the last probe */
};

static void open_scene(struct scene *s, const char *section)
{
    memset(s, 0, sizeof(*s));
    bed_init(&s->bed);
    bed_config(&s->bed,
               "groups: [{name: g, targets: [{name: a, url: 'tcp://127.0.0.1:1'}]}]\n"
               "processes:\n%s",
               section);
    fake_warden_open(&s->warden, s->bed.dir);
    bed_open(&s->bed);
}

static void close_scene(struct scene *s)
{
    link_client_close(&s->watcher);
    fake_warden_close(&s->warden); /* while its folder is there: a LOAD may still be under way */
    bed_done(&s->bed);
}

static bool is_known(struct bed *b, void *arg)
{
    struct core_process p;
    return core_process_get(b->core, arg, &p) && p.known;
}

static bool comes_up(struct scene *s, const char *id)
{
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", id);
    return bed_until(&s->bed, is_known, copy, 10000);
}

/* --- the API's units --- */

/* field: "" or where the first problem is. */
static enum err_code put(struct scene *s, const char *id, bool create, const char *json,
                         const char *field)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct err err = {0};
    struct problems p;
    struct waiter *w = waiter_new();
    problems_init(&p, a);
    const struct node *doc = node_from_json(a, json, strlen(json), &err);
    assert_non_null(doc);
    enum err_code code = ERR_OK;
    if (core_process_put(s->bed.core, id, create, doc, &p, w, &err) == 0) {
        code = bed_answer(&s->bed, w);
    } else {
        waiter_unref(w);
        code = err.code;
    }
    if (strcmp(p.list.n ? p.list.at[0].field : "", field) != 0)
        fail_msg("field \"%s\"; want \"%s\": %s", p.list.n ? p.list.at[0].field : "", field,
                 p.list.n ? p.list.at[0].message : err.msg);
    problems_done(&p);
    return code;
}

static enum err_code del(struct scene *s, const char *id)
{
    struct err err = {0};
    struct waiter *w = waiter_new();
    if (core_process_del(s->bed.core, id, w, &err) == 0)
        return bed_answer(&s->bed, w);
    waiter_unref(w);
    return err.code;
}

static void units_of_the_api_come_go_and_stay(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(&s, "  monitor: {enable: true}\n  units: [{id: web, command: [/bin/true]}]\n");
    static const struct {
        const char *id, *json, *field;
        bool create;
        enum err_code code;
    } steps[] = {
        {"web", "{\"id\":\"web\",\"command\":[\"/bin/true\"]}", "", true, ERR_CONFLICT},
        {"web", "{\"id\":\"web\",\"command\":[\"/bin/true\"]}", "", false, ERR_CONFLICT},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"]}", "", false, ERR_NOT_FOUND},
        {"one", "{\"id\":\"two\",\"command\":[\"/bin/true\"]}", "id", true, ERR_INVALID},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"],\"replica\":3}", "replica", true,
         ERR_INVALID},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"],\"requires\":[\"none\"]}", "requires",
         true, ERR_INVALID},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"],\"user\":\"daemon\"}", "user", true,
         ERR_INVALID},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"],\"requires\":[\"web\"]}", "", true,
         ERR_OK},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"]}", "", true, ERR_CONFLICT},
        {"w-%i", "{\"id\":\"w-%i\",\"command\":[\"/bin/true\"],\"replicas\":2,\"after\":[\"one\"]}",
         "", true, ERR_OK},
        {"w-1", "{\"id\":\"w-1\",\"command\":[\"/bin/true\"]}", "", true, ERR_CONFLICT},
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/true\"],\"requires\":[\"w-1\"]}", "after",
         false, ERR_INVALID}, /* a circle */
        {"one", "{\"id\":\"one\",\"command\":[\"/bin/false\"],\"monitor\":{\"enable\":false}}", "",
         false, ERR_OK},
    };
    for (size_t i = 0; i < array_len(steps); i++) {
        enum err_code got = put(&s, steps[i].id, steps[i].create, steps[i].json, steps[i].field);
        if (got != steps[i].code)
            fail_msg("step %zu: got %s", i, err_code_name(got));
    }
    assert_int_equal(del(&s, "one"), ERR_CONFLICT); /* w-1 needs it */
    assert_int_equal(del(&s, "web"), ERR_CONFLICT);
    bed_close(&s.bed);
    bed_open(&s.bed);
    assert_true(core_process_get(s.bed.core, "w-2", &p));
    assert_string_equal(p.source, "api");
    assert_string_equal(p.unit->template_id, "w-%i");
    assert_true(core_process_get(s.bed.core, "one", &p));
    assert_false(p.enabled);
    assert_non_null(node_get(p.document, "monitor"));
    assert_int_equal(del(&s, "w-%i"), ERR_OK);
    assert_int_equal(del(&s, "one"), ERR_OK);
    assert_false(core_process_get(s.bed.core, "w-2", &p));
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM process_units"), 0);
    close_scene(&s);
}

/* A reload of the file takes an id that the API had: the file's is run, the API's is kept for later. */
static void the_file_wins_over_the_api(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(&s, "  units: [{id: web, command: [/bin/true]}]\n");
    assert_int_equal(put(&s, "one", true, "{\"id\":\"one\",\"command\":[\"/bin/true\"]}", ""),
                     ERR_OK);
    bed_config(&s.bed, "processes: {units: [{id: one, command: [/bin/false]}]}\n");
    bed_reload(&s.bed);
    assert_true(core_process_get(s.bed.core, "one", &p));
    assert_string_equal(p.source, "file");
    bed_config(&s.bed, "processes: {units: []}\n");
    bed_reload(&s.bed);
    assert_true(core_process_get(s.bed.core, "one", &p));
    assert_string_equal(p.source, "api");
    close_scene(&s);
}

/* --- health --- */

static void on_try(void *arg, const struct link_message *m)
{
    struct scene *s = arg;
    struct assign_entry e;
    char path[200];
    if (m->type != LINK_TRY)
        return;
    assert_int_equal(assign_decode((struct str){m->payload, m->n}, &e, NULL), 0);
    snprintf(s->asked, sizeof(s->asked), "%.*s", (int)e.type.n, e.type.p);
    s->probes++;
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    struct buf out = BUF_INIT(65536);
    bool wake;
    result_init(r, a);
    r->request_id = m->id;
    r->checked_ms = clock_wall_ms();
    if (s->healthy)
        result_ok(r, "connected");
    else
        result_fail(r, "connection refused");
    result_encode(r, &out);
    snprintf(path, sizeof(path), "%s/data/run/rings/g.0", s->bed.dir);
    struct ring *ring = ring_open(path, 64 << 10, NULL);
    assert_non_null(ring);
    assert_true(ring_publish(ring, out.data, out.len, NULL, &wake));
    ring_close(&ring);
    link_wake(s->watcher);
    buf_done(&out);
    arena_free(a);
}

static void open_watcher(struct scene *s)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/data/run/link.sock", s->bed.dir);
    s->watcher = link_connect(s->bed.loop, path, "g.0", on_try, s, NULL);
    assert_non_null(s->watcher);
}

static void health_makes_it_ready_and_replaces_it(void **state)
{
    struct scene s;
    struct core_process p;
    struct core_process_stats stats;
    open_scene(
        &s,
        "  monitor: {enable: true, check_interval: 200ms, health_failures: 3}\n"
        "  units:\n"
        "    - {id: slow, command: [/bin/true], ready: health, health: {url: 'tcp://127.0.0.1:1'}}\n"
        "    - {id: plain, command: [/bin/true]}\n");
    assert_true(comes_up(&s, "slow"));
    assert_false(fake_warden_heard(&s.warden, "READY"));
    open_watcher(&s);
    assert_true(comes_up(&s, "plain"));
    bed_turn(&s.bed, 900);
    assert_true(s.probes > 0); /* failing while it starts is no failure */
    assert_false(fake_warden_heard(&s.warden, "FAIL slow"));
    assert_string_equal(s.asked, "tcp");
    s.healthy = true;
    assert_true(fake_warden_until(&s.warden, &s.bed, "READY slow", 1));
    fake_warden_state(&s.warden, "slow", UNIT_READY);
    assert_true(core_process_get(s.bed.core, "slow", &p));
    assert_int_equal(p.health, 1);
    assert_string_equal(p.health_message, "connected");
    s.healthy = false;
    assert_true(fake_warden_until(&s.warden, &s.bed, "FAIL slow", 1));
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE target_name='slow' AND"
                              " message='health check fails: connection refused'",
                              1, 10000));
    core_process_stats(s.bed.core, &stats);
    assert_true(stats.total_checks >= 3 && stats.last_check_ms > 0);
    s.healthy = true;
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE target_name='slow' AND"
                              " status='resolved'",
                              1, 10000));
    close_scene(&s);
}

static bool saw_probe(struct bed *b, void *arg)
{
    (void)b;
    return *(int *)arg > 0;
}

/* Without a watcher nothing is known of the program; a disabled one is only looked at. */
static void no_watcher_is_not_ill(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(
        &s,
        "  monitor: {enable: true, check_interval: 100ms, health_failures: 1}\n"
        "  units:\n"
        "    - {id: web, command: [/bin/true], health: {type: tcp, config: {host: 127.0.0.1, port: 1}}}\n"
        "    - {id: off, command: [/bin/true], enabled: false, health: {url: 'tcp://127.0.0.1:1'}}\n");
    assert_true(comes_up(&s, "off"));
    bed_turn(&s.bed, 500);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_int_equal(p.health, 2);
    assert_false(fake_warden_heard(&s.warden, "FAIL"));
    open_watcher(&s);
    assert_true(bed_until(&s.bed, saw_probe, &s.probes, 10000));
    assert_true(fake_warden_until(&s.warden, &s.bed, "FAIL web", 1));
    bed_turn(&s.bed, 300);
    assert_false(fake_warden_heard(&s.warden, "FAIL off"));
    close_scene(&s);
}

/* --- jobs --- */

static void jobs_run_when_due(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(
        &s, "  units:\n"
            "    - {id: each, command: [/bin/true], schedule: '* * * * * *'}\n"
            "    - {id: rare, command: [/bin/true], schedule: '0 0 29 2 *'}\n"
            "    - {id: paused, command: [/bin/true], schedule: '* * * * * *', enabled: false}\n");
    assert_true(fake_warden_until(&s.warden, &s.bed, "START each", 1));
    assert_true(core_process_get(s.bed.core, "rare", &p));
    assert_true(p.next_run_ms > clock_wall_ms());
    bed_turn(&s.bed, 2200); /* it still runs: skipped */
    assert_int_equal(fake_warden_count(&s.warden, "START each"), 1);
    fake_warden_state(&s.warden, "each", UNIT_STOPPED);
    assert_true(fake_warden_until(&s.warden, &s.bed, "START each", 2));
    assert_false(fake_warden_heard(&s.warden, "rare"));
    assert_false(fake_warden_heard(&s.warden, "paused"));
    close_scene(&s);
}

static void overlaps_queue_or_replace(void **state)
{
    struct scene s;
    open_scene(&s,
               "  units:\n"
               "    - {id: q, command: [/bin/true], schedule: '* * * * * *', overlap: queue}\n"
               "    - {id: r, command: [/bin/true], schedule: '* * * * * *', overlap: replace}\n");
    assert_true(fake_warden_until(&s.warden, &s.bed, "START q", 1));
    assert_true(fake_warden_until(&s.warden, &s.bed, "RESTART r", 2));
    assert_int_equal(fake_warden_count(&s.warden, "START q"), 1);
    fake_warden_state(&s.warden, "q", UNIT_STOPPED);
    assert_true(
        fake_warden_until(&s.warden, &s.bed, "START q", 2)); /* at once, not at the next second */
    close_scene(&s);
}

static void a_missed_time_is_made_up_for_once(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(&s, "  units:\n"
                   "    - {id: daily, command: [/bin/true], schedule: '@daily', catch_up: true}\n"
                   "    - {id: never, command: [/bin/true], schedule: '@daily'}\n");
    assert_true(comes_up(&s, "never"));
    assert_false(fake_warden_heard(&s.warden, "START"));
    bed_settle(&s.bed);
    bed_close(&s.bed);
    bed_sql(&s.bed,
            "REPLACE INTO settings VALUES('process_jobs','daily=1000 never=1000 gone=5 x= =7')");
    bed_open(&s.bed);
    assert_true(fake_warden_until(&s.warden, &s.bed, "START daily", 1));
    assert_true(core_process_get(s.bed.core, "daily", &p));
    assert_true(p.next_run_ms > clock_wall_ms());
    bed_turn(&s.bed, 300);
    assert_int_equal(fake_warden_count(&s.warden, "START daily"), 1);
    assert_false(fake_warden_heard(&s.warden, "START never"));
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM settings WHERE key='process_jobs' AND"
                              " value NOT LIKE '%daily=1000%'",
                              1, 10000));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_of_the_api_come_go_and_stay),
        cmocka_unit_test(the_file_wins_over_the_api),
        cmocka_unit_test(health_makes_it_ready_and_replaces_it),
        cmocka_unit_test(no_watcher_is_not_ill),
        cmocka_unit_test(jobs_run_when_due),
        cmocka_unit_test(overlaps_queue_or_replace),
        cmocka_unit_test(a_missed_time_is_made_up_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
