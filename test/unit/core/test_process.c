/* Supervised programs in the core: the list that the warden gets, commands and their answers, events that become history,
 * statistics, alerts and log lines exactly once, the API's units, and switches that last. The warden only pretends. */
#include "core_unit.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "core/process_priv.h"
#include "fake_warden.h"

#define WITH_BELL \
    "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n"
#define KILLED 9 /* of waitpid: by SIGKILL */

struct scene {
    struct bed bed;
    struct fake_warden warden;
};

static void init_scene(struct scene *s, const char *units)
{
    bed_init(&s->bed);
    bed_config(&s->bed,
               "processes:\n  language: zh\n  monitor: {enable: true, restart_cooldown: 0}\n"
               "  units:\n%s",
               units);
    fake_warden_open(&s->warden, s->bed.dir);
}

static void open_scene(struct scene *s, const char *units)
{
    init_scene(s, units);
    bed_open(&s->bed);
}

static void close_scene(struct scene *s)
{
    fake_warden_close(&s->warden); /* while its folder is there: a LOAD may still be under way */
    bed_done(&s->bed);
}

struct state_wait {
    const char *id;
    enum unit_state state;
};

static bool has_state(struct bed *b, void *arg)
{
    const struct state_wait *w = arg;
    struct core_process p;
    return core_process_get(b->core, w->id, &p) && p.known && p.record.state == w->state;
}

static bool comes_to(struct scene *s, const char *id, enum unit_state state)
{
    struct state_wait w = {id, state};
    return bed_until(&s->bed, has_state, &w, 10000);
}

static enum err_code act(struct scene *s, const char *id, enum core_process_action action,
                         bool wait)
{
    struct err err = {0};
    struct waiter *w = waiter_new();
    if (core_process_act(s->bed.core, id, action, 0, wait, w, &err) == 0)
        return bed_answer(&s->bed, w);
    waiter_unref(w);
    return err.code;
}

/* data/run/programs as the warden reads it. */
static uint32_t listed(struct scene *s, struct arena *a, const struct process_unit **units)
{
    struct buf text = BUF_INIT(1 << 20);
    struct err err = {0};
    uint32_t n = 0;
    uint64_t generation;
    char path[200];
    snprintf(path, sizeof(path), "%s/data/run/programs", s->bed.dir);
    assert_int_equal(fs_read(path, &text, &err), 0);
    *units = process_read(text.data, text.len, a, &n, &generation, &err);
    if (!*units && n > 0)
        fail_msg("%s", err.msg);
    buf_done(&text);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* environments hold secrets */
    return n;
}

/* bed_init silences the log; the sinks follow its level and form. */
static void speak(struct scene *s)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/core.log", s->bed.dir);
    struct log_config log = {
        .level = LOG_INFO, .format = LOG_JSON, .component = "core", .file = path};
    assert_int_equal(log_open(&log, NULL), 0);
}

static char *log_text(struct scene *s)
{
    struct buf text = BUF_INIT(1 << 20);
    char path[200];
    snprintf(path, sizeof(path), "%s/logs/processes/monitor.log", s->bed.dir);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    return buf_take(&text, NULL);
}

/* --- the list --- */

static void the_list_follows_the_file(void **state)
{
    struct scene s;
    struct arena *a = arena_new();
    const struct process_unit *units;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n"
                   "    - {id: 'worker-%i', command: [/bin/true], replicas: 3}\n");
    assert_int_equal(listed(&s, a, &units), 4);
    assert_string_equal(units[2].config->id, "worker-2");
    assert_true(fake_warden_until(&s.warden, &s.bed, "LOAD", 1));
    assert_true(comes_to(&s, "worker-3", UNIT_RUNNING));
    int loads = fake_warden_count(&s.warden, "LOAD");
    bed_reload(&s.bed); /* the same again is no news for the warden */
    bed_turn(&s.bed, 100);
    assert_int_equal(fake_warden_count(&s.warden, "LOAD"), loads);
    bed_config(&s.bed, "processes: {units: [{id: web, command: [/bin/true]}]}\n");
    bed_reload(&s.bed);
    assert_true(fake_warden_until(&s.warden, &s.bed, "LOAD", loads + 1));
    assert_int_equal(listed(&s, a, &units), 1);
    struct core_process p;
    assert_false(core_process_get(s.bed.core, "worker-1", &p));
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_false(p.enabled); /* the section's monitor is off now */
    arena_free(a);
    close_scene(&s);
}

static void a_warden_that_comes_back_gets_the_list(void **state)
{
    struct scene s;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    fake_warden_close(&s.warden);
    bed_turn(&s.bed, 200);
    assert_int_equal(act(&s, "web", PROCESS_STOP, false), ERR_BUSY);
    fake_warden_open(&s.warden, s.bed.dir);
    assert_true(fake_warden_until(&s.warden, &s.bed, "LOAD", 1));
    assert_int_equal(act(&s, "web", PROCESS_STOP, true), ERR_OK);
    close_scene(&s);
}

/* --- commands --- */

static void commands_end_when_it_has_come_to_rest(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n"
                   "    - {id: bad, command: [/bin/true], autostart: false}\n"
                   "    - {id: slow, command: [/bin/true], autostart: false}\n"
                   "    - {id: denied, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    assert_int_equal(act(&s, "web", PROCESS_STOP, true), ERR_OK);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_int_equal(p.record.state, UNIT_STOPPED);
    assert_int_equal(act(&s, "web", PROCESS_START, true), ERR_OK);
    assert_int_equal(act(&s, "web", PROCESS_RESTART, true), ERR_OK);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_int_equal(p.record.starts, 3);
    assert_int_equal(act(&s, "bad", PROCESS_START, true), ERR_OK); /* its state tells the rest */
    assert_int_equal(act(&s, "nobody", PROCESS_START, true), ERR_NOT_FOUND);
    assert_int_equal(act(&s, "slow", PROCESS_START, false), ERR_OK);
    struct waiter *w = waiter_new();
    assert_int_equal(core_process_act(s.bed.core, "slow", PROCESS_RESTART, 0, true, w, NULL), 0);
    bed_turn(&s.bed, 100);
    assert_int_equal(waiter_wait(w, 0, NULL, NULL), -1); /* it still starts */
    fake_warden_state(&s.warden, "slow", UNIT_READY);
    assert_int_equal(bed_answer(&s.bed, w), ERR_OK);
    assert_int_equal(act(&s, "denied", PROCESS_START, true), ERR_DENIED);
    assert_true(core_process_get(s.bed.core, "denied", &p));
    assert_non_null(strstr(p.refused, "not allowed"));
    close_scene(&s);
}

static enum err_code roll(struct scene *s, const char *const *ids)
{
    struct err err = {0};
    struct waiter *w = waiter_new();
    if (core_process_rolling_restart(s->bed.core, ids, w, &err) == 0)
        return bed_answer(&s->bed, w);
    waiter_unref(w);
    return err.code;
}

static void a_rolling_restart_stops_at_the_first_that_fails(void **state)
{
    struct scene s;
    open_scene(&s, "    - {id: a, command: [/bin/true]}\n    - {id: b, command: [/bin/true]}\n"
                   "    - {id: bad, command: [/bin/true], autostart: false}\n"
                   "    - {id: c, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "c", UNIT_RUNNING));
    assert_int_equal(roll(&s, (const char *[]){"a", "b", "c", NULL}), ERR_OK);
    assert_true(fake_warden_heard(&s.warden, "RESTART a\nRESTART b\nRESTART c\n"));
    fake_warden_forget(&s.warden);
    assert_int_equal(roll(&s, (const char *[]){"a", "bad", "c", NULL}), ERR_CONFLICT);
    assert_false(fake_warden_heard(&s.warden, "RESTART c"));
    assert_int_equal(roll(&s, (const char *[]){"a", "nobody", NULL}), ERR_NOT_FOUND);
    assert_int_equal(fake_warden_count(&s.warden, "RESTART a"), 1); /* looked up beforehand */
    close_scene(&s);
}

static void a_switch_outlives_the_core(void **state)
{
    struct scene s;
    struct arena *a = arena_new();
    const struct process_unit *units;
    struct core_process p;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    assert_int_equal(act(&s, "web", PROCESS_DISABLE, false), ERR_OK);
    assert_true(fake_warden_heard(&s.warden, "MONITOR_OFF web"));
    assert_int_equal(listed(&s, a, &units), 1);
    assert_false(units[0].config->enabled);
    bed_settle(&s.bed);
    bed_close(&s.bed);
    bed_open(&s.bed);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_false(p.enabled);
    bed_reload(&s.bed);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_false(p.enabled);
    assert_true(fake_warden_until(&s.warden, &s.bed, "LOAD", 2));
    assert_int_equal(act(&s, "web", PROCESS_ENABLE, false), ERR_OK);
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_true(p.enabled);
    bed_settle(&s.bed);
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM settings WHERE key='switched'"), 0);
    arena_free(a);
    close_scene(&s);
}

/* --- events --- */

static void a_crash_is_stored_counted_and_logged(void **state)
{
    struct scene s;
    struct core_process_stats stats;
    init_scene(&s, "    - {id: ss-001, type: shadowsocks, command: [/bin/true]}\n");
    speak(&s);
    bed_open(&s.bed);
    assert_true(comes_to(&s, "ss-001", UNIT_RUNNING));
    fake_warden_kill(&s.warden, "ss-001", KILLED);
    assert_true(
        bed_sql_until(&s.bed, "SELECT count(*) FROM process_events WHERE kind='death'", 1, 10000));
    core_process_stats(s.bed.core, &stats);
    assert_int_equal(stats.total_restarts, 1);
    assert_int_equal(stats.success_restarts, 1);
    assert_int_equal(stats.failed_restarts, 0);
    assert_int_equal(stats.count[UNIT_RUNNING], 1);
    assert_int_equal(stats.enabled_processes, 1);
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE status='resolved' AND"
                              " group_name='processes' AND target_name='ss-001' AND"
                              " target_type='shadowsocks' AND message LIKE 'restarted after % ms'"
                              " AND labels='{\"unit\":\"ss-001\"}'",
                              1, 10000));
    static const char *const lines[] = {
        "\"message\":\"组件启动\",\"component\":\"proxy-monitor\",\"config\":{\"check_interval\":30,"
        "\"restart_cooldown\":0,\"max_restarts\":10}}",
        "\"level\":\"warn\",\"message\":\"检测到代理进程异常退出\",\"component\":\"proxy\","
        "\"proxy_id\":\"ss-001\",\"proxy_type\":\"shadowsocks\"}",
        "\"level\":\"info\",\"message\":\"代理重启成功\",\"component\":\"proxy\",\"proxy_id\":\"ss-001\","
        "\"proxy_type\":\"shadowsocks\",\"duration_ms\":",
        "\"reason\":\"进程崩溃检测\"}",
        "\"message\":\"审计日志\",\"action\":\"proxy_auto_restart\",\"user\":\"system\","
        "\"proxy_id\":\"ss-001\",\"proxy_type\":\"shadowsocks\",\"reason\":\"进程崩溃检测\","
        "\"audit\":true}",
        "\"message\":\"状态变更\",\"component\":\"shadowsocks\"",
        "\"state_from\":\"running\",\"state_to\":\"crashed\",\"reason\":\"代理状态监控检测到变化\","
        "\"state_change\":true}",
    };
    char *text = log_text(&s);
    for (size_t i = 0; i < array_len(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no line with %s in\n%s", lines[i], text);
    free(text);
    log_close();
    close_scene(&s);
}

/* The core dies between reading and storing, or after it: each event is there once. */
static void events_survive_the_core(void **state)
{
    struct scene s;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    for (int i = 0; i < 10; i++) {
        fake_warden_kill(&s.warden, "web", KILLED);
        bed_turn(&s.bed, i * 3);
        bed_drop(&s.bed);
        fake_warden_kill(&s.warden, "web", KILLED); /* nobody listens */
        bed_open(&s.bed);
    }
    assert_true(
        bed_sql_until(&s.bed, "SELECT count(*) FROM process_events WHERE kind='death'", 20, 10000));
    bed_settle(&s.bed);
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM process_events"), 20 * 4 + 2);
    assert_int_equal(bed_sql(&s.bed, "SELECT max(id)-min(id)+1 FROM process_events"), 20 * 4 + 2);
    close_scene(&s);
}

static void statistics_outlive_the_core(void **state)
{
    struct scene s;
    struct core_process_stats stats;
    open_scene(
        &s,
        "    - {id: web, command: [/bin/true]}\n    - {id: bad, command: [/bin/true], autostart: false}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    fake_warden_kill(&s.warden, "web", KILLED);
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM settings WHERE key='process_stats' AND"
                              " value LIKE '% 1 1 0 %'",
                              1, 10000));
    bed_close(&s.bed);
    bed_open(&s.bed);
    core_process_stats(s.bed.core, &stats);
    assert_int_equal(stats.total_restarts, 1);
    assert_int_equal(stats.success_restarts, 1);
    close_scene(&s);
}

/* --- alerts --- */

static void an_alert_outlives_the_core_and_is_heard_once(void **state)
{
    struct scene s;
    struct bell bell;
    bell_open(&bell);
    bed_init(&s.bed);
    bed_config(&s.bed,
               WITH_BELL "processes:\n  channels: [ops]\n  monitor: {enable: true}\n"
                         "  units: [{id: web, command: [/bin/true], labels: {team: edge}}]\n",
               bell.port);
    fake_warden_open(&s.warden, s.bed.dir);
    bed_open(&s.bed);
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    fake_warden_death(&s.warden, "web", KILLED, UNIT_BACKOFF);
    assert_true(bell_until(&s.bed, &bell, "crashed: killed by SIGKILL", 1, 10000));
    assert_int_equal(bell_count(&bell, "edge"), 1);
    bed_settle(&s.bed);
    bed_close(&s.bed);
    bed_open(&s.bed);
    struct core_process p;
    assert_true(core_process_get(s.bed.core, "web", &p));
    assert_non_null(p.open);
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM alert_records"), 1);
    fake_warden_state(&s.warden, "web", UNIT_STARTING);
    fake_warden_state(&s.warden, "web", UNIT_RUNNING);
    assert_true(bell_until(&s.bed, &bell, "restarted after", 1, 10000));
    assert_int_equal(bell_count(&bell, "crashed: killed by SIGKILL"), 1);
    close_scene(&s);
    bell_close(&bell);
}

static void a_maintenance_of_the_group_holds_it_back(void **state)
{
    struct scene s;
    struct bell bell;
    const char *groups[] = {"processes"};
    struct maintenance m = {.title = "upgrade", .groups = groups, .n_groups = 1, .starts_ms = 1};
    uint64_t id;
    bell_open(&bell);
    bed_init(&s.bed);
    bed_config(&s.bed,
               WITH_BELL "processes:\n  channels: [ops]\n  monitor: {enable: true}\n"
                         "  units: [{id: web, command: [/bin/true]}]\n",
               bell.port);
    fake_warden_open(&s.warden, s.bed.dir);
    bed_open(&s.bed);
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    assert_int_equal(core_maintenance_put(s.bed.core, &m, NULL, &id, NULL), 0);
    fake_warden_death(&s.warden, "web", KILLED, UNIT_BACKOFF);
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE suppressed='maintenance'"
                              " AND suppressed_by='upgrade'",
                              1, 10000));
    bed_turn(&s.bed, 300);
    assert_int_equal(bell_calls(&bell), 0);
    assert_int_equal(core_maintenance_del(s.bed.core, id, NULL, NULL), 0);
    assert_true(bell_until(&s.bed, &bell, "crashed", 1, 10000)); /* it still is */
    close_scene(&s);
    bell_close(&bell);
}

static void a_removed_program_is_over(void **state)
{
    struct scene s;
    open_scene(&s,
               "    - {id: web, command: [/bin/true]}\n    - {id: old, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "old", UNIT_RUNNING));
    fake_warden_death(&s.warden, "old", KILLED, UNIT_BACKOFF);
    fake_warden_death(&s.warden, "web", KILLED, UNIT_BACKOFF);
    assert_true(bed_sql_until(&s.bed, "SELECT count(*) FROM alert_records WHERE status='firing'", 2,
                              10000));
    bed_config(&s.bed, "processes: {units: [{id: web, command: [/bin/true]}]}\n");
    bed_reload(&s.bed);
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE target_name='old' AND"
                              " message='the program was removed'",
                              1, 10000));
    bed_close(&s.bed); /* the other one while no core runs */
    bed_config(&s.bed, "processes: {units: []}\n");
    bed_open(&s.bed);
    assert_true(bed_sql_until(&s.bed, "SELECT count(*) FROM alert_records WHERE status='firing'", 0,
                              10000));
    close_scene(&s);
}

static void write_state(struct scene *s, const char *watcher)
{
    char path[200], text[300];
    snprintf(path, sizeof(path), "%s/data/run/warden.json", s->bed.dir);
    snprintf(text, sizeof(text),
             "{\"children\":[{\"key\":\"core\",\"name\":\"core\",\"state\":\"running\"},"
             "{\"key\":\"g.0\",\"name\":\"g/0\",\"state\":\"%s\"}]}",
             watcher);
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, false, NULL), 0);
}

static void belfrys_own_process_that_stays_down_rings(void **state)
{
    struct scene s;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    write_state(&s, "running");
    bed_turn(&s.bed, 1200);
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM alert_records"), 0);
    write_state(&s, "backoff");
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE status='firing' AND"
                              " target_name='Belfry: process g/0' AND group_name='belfry'",
                              1, 10000));
    bed_settle(&s.bed);
    bed_close(&s.bed);
    bed_open(&s.bed);
    write_state(&s, "running");
    assert_true(bed_sql_until(&s.bed,
                              "SELECT count(*) FROM alert_records WHERE status='resolved' AND"
                              " target_name='Belfry: process g/0'",
                              1, 10000));
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM alert_records"), 1);
    close_scene(&s);
}

/* --- what must not be lost, and what must not be believed --- */

static bool is_refused(struct bed *b, void *arg)
{
    struct core_process p;
    return core_process_get(b->core, arg, &p) && p.refused != NULL;
}

static bool is_not_refused(struct bed *b, void *arg)
{
    return !is_refused(b, arg);
}

static void a_refusal_is_seen_until_it_is_withdrawn(void **state)
{
    struct scene s;
    char denied[] = "denied";
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n"
                   "    - {id: denied, command: [/bin/true], autostart: false}\n");
    assert_true(bed_until(&s.bed, is_refused, denied, 10000));
    bed_settle(&s.bed);
    bed_reload(&s.bed); /* nothing of the programs changed */
    bed_turn(&s.bed, 100);
    assert_true(is_refused(&s.bed, denied));
    assert_int_equal(act(&s, "web", PROCESS_DISABLE, false), ERR_OK);
    bed_turn(&s.bed, 100);
    assert_true(is_refused(&s.bed, denied));
    bed_settle(&s.bed);
    bed_close(&s.bed);
    bed_open(&s.bed); /* the warden does not tell it by an event again */
    assert_true(bed_until(&s.bed, is_refused, denied, 10000));
    atomic_store(&s.warden.lenient, true);
    assert_int_equal(act(&s, "web", PROCESS_ENABLE, false), ERR_OK);
    assert_true(bed_until(&s.bed, is_not_refused, denied, 10000));
    close_scene(&s);
}

/* A machine that lost power writes what it likes into a mapped file. */
static void a_damaged_record_is_no_record(void **state)
{
    struct scene s;
    struct core_process p;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    assert_true(core_process_get(s.bed.core, "web", &p));
    const struct unit_record good = p.record;
    struct unit_record bad[9];
    for (size_t i = 0; i < array_len(bad); i++)
        bad[i] = good;
    bad[0].state = UNIT_FATAL + 1;
    bad[1].last.cause = CAUSE_SPAWN + 1;
    bad[2].cause = -1;
    memset(bad[3].reason, 'x', sizeof(bad[3].reason));
    memset(bad[4].status_text, 'x', sizeof(bad[4].status_text));
    memset(bad[5].last.reason, 'x', sizeof(bad[5].last.reason));
    bad[6].changed_ms = INT64_MIN;
    bad[7].last.died_ms = INT64_MAX;
    bad[8].restart.minute = INT64_MIN;
    for (size_t i = 0; i < array_len(bad); i++) {
        fake_warden_scribble(&s.warden, "web", &bad[i]);
        assert_true(core_process_get(s.bed.core, "web", &p));
        assert_false(p.known);
        assert_int_equal(p.record.state, UNIT_UNKNOWN);
    }
    fake_warden_scribble(&s.warden, "web", &good);
    assert_true(core_process_get(s.bed.core, "web", &p) && p.known);
    close_scene(&s);
}

static void a_damaged_ring_loses_no_more_than_it_held(void **state)
{
    struct scene s;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    bed_settle(&s.bed);
    fake_warden_forget(&s.warden);
    fake_warden_kill(&s.warden, "web", KILLED);
    fake_warden_damage(&s.warden); /* before the core has read of it */
    assert_true(fake_warden_until(&s.warden, &s.bed, "LOAD ", 1));
    bed_turn(&s.bed, 50);
    int64_t before = bed_sql(&s.bed, "SELECT count(*) FROM process_events WHERE kind='death'");
    fake_warden_kill(&s.warden, "web", KILLED);
    assert_true(bed_sql_until(&s.bed, "SELECT count(*) FROM process_events WHERE kind='death'",
                              before + 1, 10000));
    close_scene(&s);
}

static void events_of_what_is_no_program_do_no_harm(void **state)
{
    static const char *const strangers[] = {"../../etc", "a/b", "nobody", "..", "\xe4\xbd\xa0"};
    struct scene s;
    open_scene(&s, "    - {id: web, command: [/bin/true]}\n");
    assert_true(comes_to(&s, "web", UNIT_RUNNING));
    for (size_t i = 0; i < array_len(strangers); i++)
        for (int kind = 0; kind <= PROCESS_REFUSED; kind++)
            fake_warden_tell(&s.warden, strangers[i], (enum process_event_kind)kind);
    fake_warden_kill(&s.warden, "web", KILLED);
    assert_true(bed_sql_until(
        &s.bed, "SELECT count(*) FROM process_events WHERE unit='web' AND kind='death'", 1, 10000));
    bed_turn(&s.bed, 500); /* last lines are looked for */
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM process_events WHERE unit='nobody'"), 3);
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM process_events WHERE unit LIKE '%/%'"
                                     " OR unit LIKE '.%'"),
                     0);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_follows_the_file),
        cmocka_unit_test(a_warden_that_comes_back_gets_the_list),
        cmocka_unit_test(commands_end_when_it_has_come_to_rest),
        cmocka_unit_test(a_rolling_restart_stops_at_the_first_that_fails),
        cmocka_unit_test(a_switch_outlives_the_core),
        cmocka_unit_test(a_crash_is_stored_counted_and_logged),
        cmocka_unit_test(events_survive_the_core),
        cmocka_unit_test(statistics_outlive_the_core),
        cmocka_unit_test(an_alert_outlives_the_core_and_is_heard_once),
        cmocka_unit_test(a_maintenance_of_the_group_holds_it_back),
        cmocka_unit_test(a_removed_program_is_over),
        cmocka_unit_test(belfrys_own_process_that_stays_down_rings),
        cmocka_unit_test(a_refusal_is_seen_until_it_is_withdrawn),
        cmocka_unit_test(a_damaged_record_is_no_record),
        cmocka_unit_test(events_of_what_is_no_program_do_no_harm),
        cmocka_unit_test(a_damaged_ring_loses_no_more_than_it_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
