/* Results: exactly once before, while and after they are merged into their days; queries against a plain model;
 * query plans; pruning by age and size; the day's graph of one of 2,000 targets in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/rng.h"
#include "store_helper.h"

#define DAY INT64_C(86400000)

/* rows results, round robin over targets, ending now; ids from first. Every 10th of a target fails. */
static int64_t fill(struct fixture *f, uint64_t first, uint64_t rows, uint64_t targets,
                    int64_t step_ms)
{
    struct arena *a = arena_new();
    int64_t start = clock_wall_ms() - (int64_t)(rows / targets) * step_ms;
    int answers = f->done;
    for (uint64_t i = 0; i < rows;) {
        struct batch *b = batch_new();
        arena_reset(a);
        for (int k = 0; k < 1000 && i < rows; k++, i++) {
            uint64_t round = i / targets;
            struct result r =
                plain_result(a, i % targets + 1, start + (int64_t)round * step_ms, round % 10 != 0);
            r.latency_us = (int64_t)round;
            batch_result(b, first + i, &r, false);
        }
        fixture_submit(f, b);
        answers++;
        if (answers % 50 == 0)
            fixture_wait(f, answers);
    }
    fixture_wait(f, answers);
    arena_free(a);
    assert_int_equal(f->failed, 0);
    return start;
}

/* Until no merge is under way or due. */
static void wait_merged(struct fixture *f)
{
    for (int i = 0; i < 500; i++) {
        if (sql_int(f->path, "SELECT upto=0 AND (SELECT count(*) FROM result_parts)>0 AND"
                             " (SELECT count(*) FROM results_hot_0)*"
                             "(SELECT count(*) FROM results_hot_1)=0 AND"
                             " (SELECT count(*) FROM results_hot_0)+"
                             "(SELECT count(*) FROM results_hot_1)<20000 FROM results_merge"))
            return;
        usleep(10000);
    }
    fail_msg("never merged");
}

/* Whoever looks sees each committed result exactly once, at any moment of a merge. */
static void each_result_is_seen_once(void **state)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    fill(&f, 1, 60000, 300, 30000);
    bool merging = false;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), 60000);
        assert_int_equal(sql_int(f.path, "SELECT count(DISTINCT id) FROM probe_results"), 60000);
        merging |= sql_int(f.path, "SELECT upto FROM results_merge") > 0;
    }
    wait_merged(&f);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), 60000);
    assert_int_equal(sql_int(f.path, "SELECT sum(id) FROM probe_results"),
                     INT64_C(60000) * 60001 / 2);
    print_message("%s\n", merging ? "a merge was seen under way" : "no merge was seen under way");
    fixture_close(&f);
    fixture_open(&f);
    struct store_max_ids max;
    assert_int_equal(store_load_max_ids(f.store, &max, NULL), 0);
    assert_int_equal(max.result, 60000);
    fixture_done(&f);
}

struct rows {
    uint32_t n;
    uint64_t id[3000];
    int64_t at[3000];
    bool success[3000];
};

static void collect(void *arg, const struct stored_result *row)
{
    struct rows *rows = arg;
    must(rows->n < array_len(rows->id));
    rows->id[rows->n] = row->id;
    rows->at[rows->n] = row->checked_ms;
    rows->success[rows->n++] = row->success;
    must(row->message[0] && row->metrics_json[0] == '{' && row->warnings_json[0] == '[');
}

/* Pages through a target by cursor and compares with what fill() wrote. */
static void check_target(struct store_reader *r, uint64_t target, uint64_t targets, uint64_t rounds,
                         bool failures)
{
    static struct rows rows;
    uint64_t want = rounds, before = 0;
    for (;;) {
        rows.n = 0;
        struct results_query q = {
            .target_id = target, .before_id = before, .failures_only = failures, .limit = 70};
        assert_int_equal(store_results(r, &q, collect, &rows, NULL), 0);
        if (rows.n == 0)
            break;
        for (uint32_t i = 0; i < rows.n; i++) {
            do
                want--;
            while (failures && want % 10 != 0);
            assert_int_equal(rows.id[i], want * targets + target);
            assert_int_equal(rows.success[i], want % 10 != 0);
        }
        before = rows.id[rows.n - 1];
    }
    assert_int_equal(want, 0);
}

static void pages_are_complete(void **state)
{
    static struct rows rows;
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    /* 110 rounds of 300 targets, one an hour. The first merge takes 20,000 rows or more, which is 66 hours or
     * more, so it touches three days whatever the time of day; the rest stays in the hot table or follows. */
    const int64_t hour = INT64_C(3600000);
    int64_t start = fill(&f, 1, 33000, 300, hour);
    int64_t oldest = -1;
    struct store_reader *r = store_reader_open(f.store, NULL);
    check_target(r, 7, 300, 110, false); /* perhaps while merging */
    wait_merged(&f);
    assert_int_equal(store_oldest_day(r, &oldest, NULL), 0);
    assert_int_equal(oldest, start / (24 * hour) * 24 * hour);
    check_target(r, 7, 300, 110, false);
    check_target(r, 300, 300, 110, true);
    assert_true(sql_int(f.path, "SELECT count(*) FROM result_parts") >= 3);

    struct results_query span = {
        .target_id = 7, .since_ms = start + hour * 20, .until_ms = start + hour * 40, .limit = 100};
    rows.n = 0;
    assert_int_equal(store_results(r, &span, collect, &rows, NULL), 0);
    assert_int_equal(rows.n, 20);
    assert_int_equal(rows.at[0], start + hour * 39);

    struct results_query all = {.limit =
                                    1000}; /* of all targets: newest ids first, without holes */
    for (uint64_t want = 33000; want > 20000;) {
        rows.n = 0;
        assert_int_equal(store_results(r, &all, collect, &rows, NULL), 0);
        assert_int_equal(rows.n, 1000);
        for (uint32_t i = 0; i < rows.n; i++)
            assert_int_equal(rows.id[i], want--);
        all.before_id = want + 1;
    }
    rows.n = 0;
    assert_int_equal(store_recent(r, 9, 50, collect, &rows, NULL), 0);
    assert_int_equal(rows.n, 50);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(rows.id[i], (60 + i) * 300 + 9);
    rows.n = 0;
    assert_int_equal(store_recent(r, 12345, 50, collect, &rows, NULL), 0);
    assert_int_equal(rows.n, 0);
    store_reader_close(&r);
    fixture_done(&f);
}

static void metrics_are_kept_when_asked(void **state)
{
    struct arena *a = arena_new();
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    struct result r = plain_result(a, 7, clock_wall_ms(), true);
    result_metric(&r, "probe_http_status_code", 200);
    result_warn(&r, "证书 \"5\" 天");
    batch_result(b, 1, &r, true);
    batch_result(b, 2, &r, false);
    fixture_run(&f, b);
    assert_int_equal(sql_int(f.path, "SELECT metrics->>'probe_http_status_code' FROM probe_results"
                                     " WHERE id=1"),
                     200);
    assert_int_equal(
        sql_int(f.path, "SELECT warnings->>0='证书 \"5\" 天' FROM probe_results WHERE id=1"), 1);
    assert_int_equal(sql_int(f.path, "SELECT metrics='{}' FROM probe_results WHERE id=2"), 1);
    arena_free(a);
    fixture_done(&f);
}

/* Every term of the view must seek in the day's primary key, never scan a day. */
static void plans_use_the_key(void **state)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    fill(&f, 1, 33000, 300, 1800000);
    wait_merged(&f);
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "EXPLAIN QUERY PLAN SELECT checked_at, latency_ms FROM"
                                        " probe_results WHERE target_id=7 AND checked_at>=1",
                                        -1, &st, NULL),
                     SQLITE_OK);
    int seeks = 0;
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(st, 3);
        bool day = strstr(detail, "results_2") != NULL;
        seeks += day && strstr(detail, "USING PRIMARY KEY (target_id=? AND checked_at>?)") != NULL;
        if (day && strncmp(detail, "SEARCH", 6) != 0)
            fail_msg("%s", detail);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_int_equal(seeks, sql_int(f.path, "SELECT count(*) FROM result_parts"));
    fixture_done(&f);
}

static void old_days_go(void **state)
{
    struct fixture f;
    fixture_init(&f);
    f.opt.results_keep_ms = 365 * DAY;
    fixture_open(&f);
    fill(&f, 1, 60000, 300, 3600000); /* 200 hours, of which at least 133 are merged */
    wait_merged(&f);
    int64_t days = sql_int(f.path, "SELECT count(*) FROM result_parts");
    assert_true(days >= 6);
    fixture_close(&f);
    f.opt.results_keep_ms = 2 * DAY;
    fixture_open(&f);
    int64_t oldest = 0;
    for (int i = 0; i < 1000 && oldest <= clock_wall_ms() - 3 * DAY - 1000; i++) {
        usleep(10000); /* a day is emptied in slices before its table goes */
        oldest = sql_int(f.path, "SELECT min(checked_at) FROM probe_results");
    }
    assert_true(oldest > clock_wall_ms() - 3 * DAY - 1000);
    for (int i = 0; i < 1000 && sql_int(f.path, "SELECT count(*) FROM result_parts") > 3; i++)
        usleep(10000);
    assert_in_range(sql_int(f.path, "SELECT count(*) FROM result_parts"), 2, 3);
    assert_true(sql_int(f.path, "SELECT count(*) FROM probe_results") >= 2 * 24 * 300);
    fixture_done(&f);
}

static void size_is_bounded(void **state)
{
    struct fixture f;
    fixture_init(&f);
    f.opt.results_max_bytes = 4 << 20;
    fixture_open(&f);
    fill(&f, 1, 100000, 300, 3600000 / 4); /* 3.5 days, some 8 MB */
    wait_merged(&f);
    fixture_close(&f);
    fixture_open(&f);
    struct store_stats st = {0};
    for (int i = 0; i < 500 && (st.bytes_on_disk == 0 || st.bytes_on_disk > 4 << 20); i++) {
        usleep(10000);
        store_stats(f.store, &st);
    }
    assert_in_range(st.bytes_on_disk, 1, 4 << 20);
    assert_true(sql_int(f.path, "SELECT count(*) FROM probe_results") > 10000);
    assert_int_equal(sql_int(f.path, "SELECT max(id) FROM probe_results"), 100000);
    fixture_done(&f);
}

/* A watcher's clock that is years wrong neither makes tables for ever nor stops the merge. */
static void wrong_clocks_are_survived(void **state)
{
    struct arena *a = arena_new();
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct batch *b = batch_new();
    static const int64_t times[] = {0, -5, INT64_MIN, INT64_MAX, INT64_C(4102444800000)};
    for (size_t i = 0; i < array_len(times); i++) {
        struct result r = plain_result(a, 1000 + i, times[i], true);
        batch_result(b, 100000 + i, &r, false);
    }
    fixture_run(&f, b);
    fill(&f, 200000, 25000, 100, 1000);
    wait_merged(&f);
    assert_in_range(sql_int(f.path, "SELECT count(*) FROM result_parts"), 1, 2);
    struct store_reader *r = store_reader_open(f.store, NULL);
    static struct rows rows;
    rows.n = 0;
    assert_int_equal(store_recent(r, 1000, 5, collect, &rows, NULL), 0);
    store_reader_close(&r);
    arena_free(a);
    fixture_done(&f);
}

struct counted {
    int64_t last_ms;
    uint32_t n, good, most;
    double sum_us;
};

static bool count_outcome(void *arg, int64_t checked_ms, bool success, int64_t latency_us)
{
    struct counted *c = arg;
    assert_true(checked_ms < c->last_ms); /* newest first */
    c->last_ms = checked_ms;
    c->n++;
    c->good += success;
    c->sum_us += success ? (double)latency_us : 0;
    return c->n < c->most;
}

static void outcomes_agree_with_rows(void **state)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int64_t start = fill(&f, 1, 33000, 300, 60000); /* 110 rounds a minute apart */
    struct store_reader *r = store_reader_open(f.store, NULL);
    for (int i = 0; i < 11; i++) { /* rounds 10i … 10i+9, of which the first failed */
        struct counted c = {.last_ms = INT64_MAX, .most = 1000};
        int64_t from = start + i * INT64_C(600000);
        assert_int_equal(store_outcomes(r, 5, from, from + 600000, count_outcome, &c, NULL), 0);
        assert_int_equal(c.n, 10);
        assert_int_equal(c.good, 9);
        assert_true(fabs(c.sum_us / 9 - (10 * i + 5)) < 1e-6);
    }
    struct counted few = {.last_ms = INT64_MAX, .most = 7}, none = few;
    assert_int_equal(store_outcomes(r, 5, 0, INT64_MAX, count_outcome, &few, NULL), 0);
    assert_int_equal(few.n, 7);
    assert_int_equal(store_outcomes(r, 999, start, INT64_MAX, count_outcome, &none, NULL), 0);
    assert_int_equal(none.n, 0);
    store_reader_close(&r);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_result_is_seen_once),
        cmocka_unit_test(pages_are_complete),
        cmocka_unit_test(metrics_are_kept_when_asked),
        cmocka_unit_test(plans_use_the_key),
        cmocka_unit_test(old_days_go),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(wrong_clocks_are_survived),
        cmocka_unit_test(outcomes_agree_with_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
