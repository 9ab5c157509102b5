/* Results become series: each sample once, whatever dies when; stale markers where something ends; alerts of rules on the
 * road of all alerts. */
#include "core_unit.h"

#include "base/fs.h"
#include "core/metrics_priv.h"
#include "core/metrics_series.h"
#include "model/series.h"

#define ONE_TARGET       \
    "groups:\n"          \
    "  - name: g\n"      \
    "    interval: 1s\n" \
    "    targets:\n"     \
    "      - {name: a, url: 'tcp://127.0.0.1:1', labels: {env: prod}}\n"

static bool is_open(struct bed *b, void *arg)
{
    (void)arg;
    return core_tsdb(b->core) != NULL;
}

static void open_all(struct bed *b)
{
    bed_open(b);
    assert_true(bed_until(b, is_open, NULL, 10000));
}

/* All samples of a selection, one series after the other; returns the number of series. */
static uint32_t read_all(struct tsdb *db, const char *selector, struct samples *out)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct series_select q = {.min_ms = 0, .max_ms = INT64_MAX / 2};
    if (promql_parse_selector(a, str_of(selector), false, &q.matchers, &q.n_matchers, &err) != 0)
        fail_msg("%s", err.msg);
    struct series_source source = tsdb_source(db);
    struct series_set *set = source.ops->select(source.self, &q, &err);
    if (!set)
        fail_msg("%s", err.msg);
    out->n = 0;
    for (uint32_t i = 0; i < set->n; i++)
        assert_int_equal(set->ops->read(set, i, q.min_ms, q.max_ms, COLUMN_RAW, out, &err), 0);
    uint32_t n = set->n;
    set->ops->free(set);
    arena_free(a);
    return n;
}

static uint32_t count_stale(const struct samples *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        n += is_stale(s->v[i]);
    return n;
}

static void results_become_series(void **state)
{
    struct bed b;
    struct samples s = {0};
    bed_init(&b);
    bed_config(&b, "%s", ONE_TARGET);
    open_all(&b);
    for (int i = 0; i < 50; i++)
        bed_result(&b, "a", i % 5 != 0);
    bed_settle(&b);
    struct tsdb *db = core_tsdb(b.core);
    assert_int_equal(read_all(db,
                              "probe_success{target=\"a\",group=\"g\",type=\"tcp\",env=\"prod\","
                              "instance=\"127.0.0.1:1\"}",
                              &s),
                     1);
    assert_int_equal(s.n, 50);
    for (uint32_t i = 0; i < s.n; i++) {
        assert_int_equal(s.t[i], b.clock_ms - (49 - i) * 1000);
        assert_true(s.v[i] == (i % 5 != 0));
    }
    assert_int_equal(read_all(db, "probe_duration_seconds{target=\"a\"}", &s), 1);
    assert_true(s.n == 50 && s.v[7] == 0.0015);
    assert_int_equal(read_all(db, "belfry_target_fail_count{target=\"a\"}", &s), 1);
    assert_true(s.n == 50 && s.v[0] == 1 && s.v[1] == 0);
    samples_done(&s);
    bed_done(&b);
}

static void what_ends_is_marked(void **state)
{
    struct bed b;
    struct err err = {0};
    struct samples s = {0};
    bed_init(&b);
    bed_config(&b, "%s", ONE_TARGET);
    open_all(&b);
    struct tsdb *db = core_tsdb(b.core);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(core_target_enable(b.core, bed_target(&b, "a")->target->id, false, NULL, &err),
                     0);
    bed_settle(&b);
    assert_int_equal(read_all(db, "probe_success{target=\"a\"}", &s), 1);
    assert_true(s.n == 2 && is_stale(s.v[1]) && s.t[1] > s.t[0]);
    assert_int_equal(core_target_enable(b.core, bed_target(&b, "a")->target->id, true, NULL, &err),
                     0);
    b.clock_ms = clock_wall_ms();
    bed_result(&b, "a", true);
    bed_settle(&b);
    /* Other labels: other series, the old ones end. */
    bed_config(&b, "groups:\n  - {name: g, interval: 1s, targets: "
                   "[{name: a, url: 'tcp://127.0.0.1:1', labels: {env: test}}]}\n");
    bed_reload(&b);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(read_all(db, "probe_success{target=\"a\",env=\"prod\"}", &s), 1);
    assert_true(s.n == 4 && count_stale(&s) == 2 && is_stale(s.v[3]));
    assert_int_equal(read_all(db, "probe_success{target=\"a\",env=\"test\"}", &s), 1);
    assert_true(s.n == 1);
    /* The target itself goes. */
    bed_config(&b, "groups: []\n");
    bed_reload(&b);
    bed_settle(&b);
    assert_int_equal(read_all(db, "probe_success{target=\"a\",env=\"test\"}", &s), 1);
    assert_true(s.n == 2 && is_stale(s.v[1]));
    samples_done(&s);
    bed_done(&b);
}

/* A core that ends at any moment: its successor has each result in the series, once. */
static void each_sample_once(void **state)
{
    struct bed b;
    struct samples s = {0};
    bed_init(&b);
    bed_config(&b, "%s", ONE_TARGET);
    int results = 0;
    for (int life = 0; life < 12; life++) {
        bed_open(&b);
        for (int i = 0; i < 40; i++, results++)
            bed_result(&b, "a", true);
        bed_turn(&b, life * 7); /* before, within and after the commit */
        bed_drop(&b);
    }
    open_all(&b);
    bed_settle(&b);
    assert_int_equal(read_all(core_tsdb(b.core), "probe_success{target=\"a\"}", &s), 1);
    assert_int_equal(s.n, results);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), results);
    samples_done(&s);
    bed_done(&b);
}

/* The book alone: what the next result does not have any more, what comes again, what is late. */
static void lost_metrics_are_marked(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, "groups: []\n");
    open_all(&b);
    struct tsdb *db = core_tsdb(b.core);
    struct series_book *book = series_book_new(db, "here");
    static const struct label labels[] = {{"target", "x"}};
    struct metrics_state st = {.up = true};
    struct arena *a = arena_new();
    struct series_rows *rows = series_book_rows(book);
    int64_t now = clock_wall_ms();
    series_book_target(book, 1, labels, 1, now);
    for (int i = 0; i < 4; i++) {
        struct result *r = arena_new_of(a, struct result);
        struct buf out = BUF_INIT(65536);
        result_init(r, a);
        result_ok(r, "fine");
        r->target_id = 1;
        r->checked_ms = now + (i == 3 ? 500 : i * 1000); /* the last one is late */
        result_metric(r, "probe_success", 1);
        if (i != 1)
            result_metric_label(r, "probe_http_duration_seconds", "phase", "tls", i);
        result_encode(r, &out);
        series_book_result(book, 1, &st, out.data, out.len);
        buf_done(&out);
    }
    /* success, phase, 3 states, duration; without phase but with its marker; all; all, late */
    assert_int_equal(rows->n, 6 + 6 + 6 + 6);
    uint32_t stale = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (is_stale(rows->at[i].v)) {
            assert_int_equal(rows->at[i].t_ms, now + 1000);
            stale++;
        }
    assert_int_equal(stale, 1);
    series_book_forget(book, 1, now);
    assert_int_equal(rows->n, 24 + 6);
    assert_true(is_stale(rows->at[29].v) && rows->at[29].t_ms == now + 2001);
    arena_free(a);
    series_book_free(book);
    bed_done(&b);
}

static void own_figures_are_series(void **state)
{
    struct bed b;
    struct samples s = {0};
    bed_init(&b);
    bed_config(&b, "%s", ONE_TARGET);
    open_all(&b);
    b.core->metrics->figures_ns = 0; /* now, not in 15 s */
    bed_turn(&b, 1200);
    bed_settle(&b);
    struct tsdb *db = core_tsdb(b.core);
    assert_int_equal(read_all(db, "belfry_targets{job=\"belfry\",instance=\"127.0.0.1:9370\"}", &s),
                     1);
    assert_true(s.n == 1 && s.v[0] == 1);
    assert_int_equal(read_all(db, "belfry_watcher_targets{watcher=\"g/0\"}", &s), 1);
    assert_int_equal(read_all(db, "belfry_tsdb_up", &s), 1);
    samples_done(&s);
    bed_done(&b);
}

static bool is_imported(struct bed *b, void *arg)
{
    (void)arg;
    return core_tsdb(b->core) && !b->core->metrics->import;
}

/* What the database holds of the time before there were series, once, also when it is interrupted. */
static void old_results_are_imported(void **state)
{
    struct bed b;
    struct samples s = {0};
    char path[200];
    bed_init(&b);
    bed_config(&b, "metrics: {enable: false}\n%s", ONE_TARGET);
    bed_open(&b);
    b.clock_ms = clock_wall_ms() - INT64_C(3) * 86400000;
    for (int i = 0; i < 300; i++) {
        b.clock_ms += 14 * 60000;
        bed_result(&b, "a", i % 10 != 0);
    }
    bed_settle(&b);
    bed_close(&b);

    bed_config(&b, "%s", ONE_TARGET);
    open_all(&b);
    bed_turn(&b, 3);
    bed_drop(&b);
    for (int life = 0; life < 2; life++) {
        open_all(&b);
        assert_true(bed_until(&b, is_imported, NULL, 20000));
        struct tsdb *db = core_tsdb(b.core);
        assert_int_equal(read_all(db, "probe_success{target=\"a\",env=\"prod\"}", &s), 1);
        assert_int_equal(s.n, 300);
        for (uint32_t i = 0; i < s.n; i++) {
            assert_int_equal(s.t[i], b.clock_ms - (299 - i) * (14 * 60000 + 1000));
            assert_true(s.v[i] == (i % 10 != 0));
        }
        assert_int_equal(read_all(db, "probe_duration_seconds{target=\"a\"}", &s), 1);
        assert_true(s.n == 300 && s.v[0] == 0.0015);
        bed_close(&b);
    }
    snprintf(path, sizeof(path), "%s/data/tsdb/import", b.dir);
    struct buf text = BUF_INIT(100);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    assert_string_equal(text.data, "done\n");
    buf_done(&text);
    samples_done(&s);
    bed_done(&b);
}

/* --- rules --- */

static void write_rules(struct bed *b, const char *expr)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/rules.yml", b->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "groups:\n  - name: r\n    interval: 200ms\n    rules:\n"
            "      - alert: Down\n        expr: %s\n        labels: {severity: page}\n"
            "        annotations: {summary: '{{ $labels.target }} is down'}\n",
            expr);
    fclose(f);
}

#define FIRING "SELECT count(*) FROM alert_records WHERE status='firing' AND target_name='Down'"

static void rules_ring(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               "channels: [{name: c, type: webhook, webhook_url: 'http://127.0.0.1:%d/'}]\n"
               "rule_files: ['*.yml']\n%s",
               bell.port, ONE_TARGET);
    write_rules(&b, "probe_success == 0");
    open_all(&b);
    b.clock_ms = clock_wall_ms() - 1000;
    bed_result(&b, "a", false);
    assert_true(bed_sql_until(&b, FIRING, 1, 10000));
    assert_true(bell_until(&b, &bell, "a is down", 1, 10000));

    bed_drop(&b); /* a crash: the alert is found again, not fired again */
    open_all(&b);
    b.clock_ms = clock_wall_ms() - 1000;
    bed_result(&b, "a", false);
    bed_turn(&b, 1500);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE target_name='Down'"), 1);
    assert_int_equal(bed_sql(&b, FIRING), 1);

    b.clock_ms = clock_wall_ms() - 1000;
    bed_result(&b, "a", true);
    assert_true(bed_sql_until(&b, FIRING, 0, 10000));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE target_name='Down'"), 1);
    bed_done(&b);
    bell_close(&bell);
}

static void faulty_rules_change_nothing(void **state)
{
    struct bed b;
    struct problems p;
    struct err err = {0};
    bed_init(&b);
    bed_config(&b, "rule_files: ['*.yml']\n%s", ONE_TARGET);
    write_rules(&b, "up == 0");
    open_all(&b);
    write_rules(&b, "sum(up");
    struct arena *a = arena_new();
    problems_init(&p, a);
    assert_int_equal(core_reload(b.core, &p, &err), -1);
    assert_int_equal(p.list.n, 1);
    assert_non_null(strstr(p.list.at[0].file, "rules.yml"));
    assert_int_equal(p.list.at[0].line, 6);
    struct rule_stats st;
    rule_manager_get_stats(core_rules(b.core), &st);
    assert_int_equal(st.rules, 1);
    problems_done(&p);
    arena_free(a);
    bed_done(&b);
}

static void off_means_off(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, "metrics: {enable: false}\n%s", ONE_TARGET);
    bed_open(&b);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_null(core_tsdb(b.core));
    assert_null(core_metrics_trouble(b.core));
    char path[200];
    snprintf(path, sizeof(path), "%s/data/tsdb", b.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_become_series),
        cmocka_unit_test(what_ends_is_marked),
        cmocka_unit_test(each_sample_once),
        cmocka_unit_test(lost_metrics_are_marked),
        cmocka_unit_test(own_figures_are_series),
        cmocka_unit_test(old_results_are_imported),
        cmocka_unit_test(rules_ring),
        cmocka_unit_test(faulty_rules_change_nothing),
        cmocka_unit_test(off_means_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
