/* Supervised programs in the store: their history comes back as it was, newest first and page by page; it is pruned by age;
 * units of the API come back; a store of the schema before them is migrated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "store_helper.h"

#define DAY (INT64_C(86400) * 1000)

static struct process_event event(enum process_event_kind kind, const char *unit, int64_t at_ms)
{
    struct process_event e = {
        .version = PROCESS_EVENT_VERSION,
        .size = sizeof(e),
        .kind = kind,
        .from = 4,
        .to = 9,
        .pid = 4711,
        .status = 9,
        .cause = 2,
        .failure = 1,
        .restarts = 3,
        .at_ms = at_ms,
        .ran_ms = 5230,
        .next_ms = at_ms + 60000,
        .cpu_user_us = 1000,
        .cpu_system_us = 2000,
        .max_rss_bytes = INT64_C(5) << 30,
        .reason = "killed by SIGKILL",
    };
    snprintf(e.unit, sizeof(e.unit), "%s", unit);
    return e;
}

struct seen {
    int n;
    uint64_t ids[100];
    struct process_event last;
    char tail[100];
};

static void see(void *arg, uint64_t id, const struct process_event *e, const char *tail)
{
    struct seen *s = arg;
    must(s->n < 100);
    s->ids[s->n++] = id;
    s->last = *e;
    snprintf(s->tail, sizeof(s->tail), "%s", tail);
}

static struct seen ask(struct fixture *f, const struct process_events_query *q)
{
    struct seen s = {0};
    struct process_events_query limited = *q;
    limited.limit = q->limit ? q->limit : STORE_LISTING_MAX;
    struct store_reader *r = store_reader_open(f->store, NULL);
    assert_int_equal(store_process_events(r, &limited, see, &s, NULL), 0);
    store_reader_close(&r);
    return s;
}

static void an_event_comes_back(void **state)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct process_event e = event(PROCESS_DEATH, "支付-worker.1", clock_wall_ms());
    struct batch *b = batch_new();
    batch_process_event(b, 7, &e, "");
    fixture_run(&f, b);
    b = batch_new();
    batch_process_event(b, 7, &e, "segmentation fault\n最后一行"); /* the tail, a moment later */
    fixture_run(&f, b);
    struct seen s = ask(&f, &(struct process_events_query){0});
    assert_int_equal(s.n, 1);
    assert_int_equal(s.ids[0], 7);
    assert_memory_equal(&s.last, &e, sizeof(e));
    assert_string_equal(s.tail, "segmentation fault\n最后一行");
    struct store_max_ids ids;
    assert_int_equal(store_load_max_ids(f.store, &ids, NULL), 0);
    assert_int_equal(ids.process_event, 7);
    fixture_done(&f);
}

static void queries_choose(void **state)
{
    static const struct {
        struct process_events_query q;
        int n;
        uint64_t first; /* newest */
    } cases[] = {
        {{0}, 12, 12},
        {{.unit = "a"}, 6, 11},
        {{.unit = "nobody"}, 0, 0},
        {{.deaths_only = true}, 4, 12},
        {{.unit = "b", .deaths_only = true}, 2, 12},
        {{.since_ms = 5000, .until_ms = 8000}, 3, 7},
        {{.before_id = 5}, 4, 4},
        {{.before_id = 5, .limit = 2}, 2, 4},
        {{.limit = 99999}, 12, 12},
    };
    struct fixture f;
    int64_t base = clock_wall_ms() - 3600000; /* old ones would be pruned */
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    for (uint64_t i = 1; i <= 12; i++) {
        struct process_event e = event(i % 3 == 0 ? PROCESS_DEATH : PROCESS_STATE,
                                       i % 2 ? "a" : "b", base + (int64_t)i * 1000);
        batch_process_event(b, i, &e, "");
    }
    fixture_run(&f, b);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct process_events_query q = cases[i].q;
        q.since_ms += q.since_ms ? base : 0;
        q.until_ms += q.until_ms ? base : 0;
        struct seen s = ask(&f, &q);
        assert_int_equal(s.n, cases[i].n);
        assert_int_equal(s.ids[0], cases[i].first);
    }
    fixture_done(&f);
}

static void old_events_go(void **state)
{
    struct fixture f;
    fixture_init(&f);
    f.opt.results_keep_ms = 2 * DAY;
    fixture_open(&f);
    int64_t now = clock_wall_ms();
    struct batch *b = batch_new();
    for (uint64_t i = 1; i <= 10; i++) {
        struct process_event e = event(PROCESS_STATE, "a", now - (i <= 6 ? 3 : 1) * DAY);
        batch_process_event(b, i, &e, "");
    }
    fixture_run(&f, b);
    fixture_close(&f);
    fixture_open(&f); /* housekeeping begins anew */
    for (int i = 0; i < 500; i++) {
        if (sql_int(f.path, "SELECT count(*) FROM process_events") == 4)
            break;
        usleep(20000);
    }
    assert_int_equal(sql_int(f.path, "SELECT min(id) FROM process_events"), 7);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM process_events"), 4);
    fixture_done(&f);
}

struct units {
    int n;
    char text[200];
};

static void see_unit(void *arg, const char *unit, const char *doc)
{
    struct units *u = arg;
    size_t at = strlen(u->text);
    u->n++;
    snprintf(u->text + at, sizeof(u->text) - at, "%s=%s ", unit, doc);
}

static void units_come_back(void **state)
{
    struct fixture f;
    struct units seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    batch_process_put(b, "b", "{}", 1);
    batch_process_put(b, "a", "{\"id\":\"a\"}", 1);
    batch_process_put(b, "gone", "{}", 1);
    batch_process_put(b, "b", "{\"id\":\"b\"}", 2);
    batch_process_del(b, "gone");
    fixture_run(&f, b);
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(store_load_processes(f.store, see_unit, &seen, NULL), 0);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.text, "a={\"id\":\"a\"} b={\"id\":\"b\"} ");
    fixture_done(&f);
}

static void an_older_store_is_migrated(void **state)
{
    struct fixture f;
    struct units seen = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    batch_setting_put(b, "language", "zh");
    fixture_run(&f, b);
    fixture_close(&f);
    sql_run(f.path, "DROP TABLE process_events");
    sql_run(f.path, "DROP TABLE process_units");
    sql_run(f.path, "DROP TABLE documents");
    sql_run(f.path, "DROP TABLE audit_log");
    sql_run(f.path, "DROP TABLE target_places");
    static const char *const added[] = {
        "alert_records DROP COLUMN acked_at",    "alert_records DROP COLUMN acked_by",
        "alert_records DROP COLUMN ack_note",    "alert_records DROP COLUMN suppressed_id",
        "maintenances DROP COLUMN schedule",     "maintenances DROP COLUMN labels",
        "targets DROP COLUMN locations",         "targets DROP COLUMN location_quorum",
        "targets DROP COLUMN success_threshold", "targets DROP COLUMN inverted",
        "target_states DROP COLUMN good_count"};
    for (size_t i = 0; i < array_len(added); i++) {
        char sql[100];
        snprintf(sql, sizeof(sql), "ALTER TABLE %s", added[i]);
        sql_run(f.path, sql);
    }
    sql_run(f.path, "PRAGMA user_version=1");
    fixture_open(&f);
    assert_int_equal(sql_int(f.path, "PRAGMA user_version"), 6);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM settings WHERE value='zh'"), 1);
    assert_int_equal(store_load_processes(f.store, see_unit, &seen, NULL), 0);
    assert_int_equal(seen.n, 0);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_comes_back),
        cmocka_unit_test(queries_choose),
        cmocka_unit_test(old_events_go),
        cmocka_unit_test(units_come_back),
        cmocka_unit_test(an_older_store_is_migrated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
