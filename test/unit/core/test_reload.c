/* From one configuration to the next: what is added, changed, removed; what stays; what people switched by hand; groups
 * that come and go, with their watchers' files. */
#include "core_unit.h"

#include <sys/stat.h>

#include "base/fs.h"

#define CHANNEL "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n"

static void ids_and_state_stay(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, "groups:\n  - name: g\n    targets:\n"
                   "      - {name: a, url: 'tcp://127.0.0.1:1'}\n"
                   "      - {name: b, url: 'tcp://127.0.0.1:2'}\n");
    bed_open(&b);
    uint64_t a = bed_target(&b, "a")->target->id, second = bed_target(&b, "b")->target->id;
    bed_result(&b, "a", false);
    bed_settle(&b);
    bed_config(&b, "groups:\n  - name: g\n    targets:\n"
                   "      - {name: c, url: 'tcp://127.0.0.1:3'}\n"
                   "      - {name: a, url: 'tcp://127.0.0.1:9', interval: 7}\n");
    bed_reload(&b);
    assert_int_equal(bed_target(&b, "a")->target->id, a);
    assert_int_equal(bed_target(&b, "a")->target->interval_ms, 7000);
    assert_int_equal(bed_target(&b, "a")->state.fail_count, 1);
    assert_null(core__entry_by_name(b.core, "g", "b"));
    assert_true(bed_target(&b, "c")->target->id > second); /* ids are never given out twice */
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM targets"), 2);
    bed_config(
        &b, "groups: [{name: g, targets: [{name: a, url: 'tcp://127.0.0.1:9', intervall: 7}]}]\n");
    struct arena *ar = arena_new();
    struct problems p;
    struct err err = {0};
    problems_init(&p, ar);
    assert_int_equal(core_reload(b.core, &p, &err), -1);
    assert_non_null(strstr(p.list.at[0].message, "interval"));
    assert_int_equal(core_target_count(b.core), 2); /* nothing changed */
    problems_done(&p);
    arena_free(ar);
    bed_done(&b);
}

static void a_pause_by_hand_outlives_reload_and_restart(void **state)
{
    struct bed b;
    struct err err = {0};
    bed_init(&b);
    const char *text =
        "groups: [{name: g, targets: [{name: a, url: 'tcp://127.0.0.1:1', enabled: %s}]}]\n";
    bed_config(&b, text, "true");
    bed_open(&b);
    uint64_t id = bed_target(&b, "a")->target->id;
    assert_int_equal(core_target_enable(b.core, id, false, NULL, &err), 0);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_DISABLED);
    bed_reload(&b);
    assert_false(bed_target(&b, "a")->target->enabled);
    bed_close(&b);
    bed_open(&b);
    assert_false(bed_target(&b, "a")->target->enabled);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_DISABLED);
    bed_config(&b, text, "false"); /* the file says the same: the switch is forgotten */
    bed_reload(&b);
    bed_config(&b, text, "true");
    bed_reload(&b);
    assert_true(bed_target(&b, "a")->target->enabled);
    assert_int_equal(bed_target(&b, "a")->state.status, TARGET_UNKNOWN);
    bed_done(&b);
}

/* While no core ran, the file lost a channel and a target with an open alert. */
static void changes_between_two_lives(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               "channels:\n"
               "  - {name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/ops'}\n"
               "  - {name: old, type: webhook, webhook_url: 'http://127.0.0.1:1/old'}\n"
               "groups:\n  - name: g\n    threshold: 1\n    targets:\n"
               "      - {name: a, url: 'tcp://127.0.0.1:1', channels: [ops, old]}\n"
               "      - {name: b, url: 'tcp://127.0.0.1:2', channels: [ops], depends_on: [a]}\n",
               bell.port);
    bed_open(&b);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "firing", 1, 3000));
    bed_close(&b);
    bell_clear(&bell);
    bed_config(
        &b,
        CHANNEL
        "groups: [{name: g, targets: [{name: b, url: 'tcp://127.0.0.1:2', channels: [ops]}]}]\n",
        bell.port);
    bed_open(&b);
    assert_null(core__chan_by_name(b.core, "old"));
    assert_true(bell_until(&b, &bell, "resolved", 1, 3000));
    bed_turn(&b, 1500);
    assert_int_equal(bell_calls(&bell), 1); /* told once */
    pthread_mutex_lock(&bell.lock);
    const char *first = strstr(bell.bodies[0], "\"fingerprint\"");
    assert_true(!first || !strstr(first + 1, "\"fingerprint\"")); /* and once in the message */
    pthread_mutex_unlock(&bell.lock);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE state='pending'"), 0);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE status='firing'"), 0);
    bed_done(&b);
    bell_close(&bell);
}

static bool exists(struct bed *b, const char *kind, const char *key)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/data/run/%s/%s", b->dir, kind, key);
    return stat(path, &st) == 0;
}

static bool retired(struct bed *b, void *arg)
{
    return core__watcher_by_name(b->core, arg) == NULL;
}

static void groups_come_and_go(void **state)
{
    struct bed b;
    char path[200];
    char key[] = "g.0";
    bed_init(&b);
    bed_config(&b, "groups:\n  - {name: g, targets: [{name: a, url: 'tcp://127.0.0.1:1'}]}\n"
                   "  - {name: h, targets: [{name: x, url: 'tcp://127.0.0.1:2'}]}\n");
    bed_open(&b);
    assert_true(exists(&b, "rings", key) && exists(&b, "assign", key));
    assert_int_equal(b.units_changed, 1);
    uint64_t id = bed_target(&b, "a")->target->id;
    bed_settle(&b);
    bed_drop(&b);
    /* A result comes after the core died; the group is gone when the next one starts. */
    snprintf(path, sizeof(path), "%s/data/run/rings/%s", b.dir, key);
    assert_true(ring_put(path, id, true, ++b.clock_ms));
    bed_config(&b, "groups: [{name: h, targets: [{name: x, url: 'tcp://127.0.0.1:2'}]}]\n");
    bed_open(&b);
    assert_non_null(core__watcher_by_name(b.core, key)); /* adopted */
    bed_config(&b, "groups:\n  - {name: g, targets: [{name: a, url: 'tcp://127.0.0.1:1'}]}\n"
                   "  - {name: h, targets: [{name: x, url: 'tcp://127.0.0.1:2'}]}\n");
    bed_reload(&b); /* and back before it was retired: one slot, not two */
    assert_int_equal(b.core->watchers.n, 2);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 1);
    bed_config(&b, "groups: [{name: h, targets: [{name: x, url: 'tcp://127.0.0.1:2'}]}]\n");
    bed_reload(&b);
    assert_true(bed_until(&b, retired, key, 4000));
    assert_false(exists(&b, "rings", key) || exists(&b, "assign", key) || exists(&b, "beat", key));
    bed_done(&b);
}

/* A large group is shared by several watchers; each target is in exactly one assignment. */
static void shards(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, "limits: {watcher: {targets_per_watcher: 3}}\n"
                   "groups:\n  - name: g\n    targets:\n"
                   "      - {name: a, url: 'tcp://127.0.0.1:1'}\n"
                   "      - {name: b, url: 'tcp://127.0.0.1:2'}\n"
                   "      - {name: c, url: 'tcp://127.0.0.1:3'}\n"
                   "      - {name: d, url: 'tcp://127.0.0.1:4'}\n"
                   "      - {name: e, url: 'tcp://127.0.0.1:5', enabled: false}\n");
    bed_open(&b);
    assert_int_equal(b.core->watchers.n, 2);
    uint32_t total = 0;
    for (size_t i = 0; i < b.core->watchers.n; i++) {
        char path[200];
        struct err err = {0};
        snprintf(path, sizeof(path), "%s/data/run/assign/%s", b.dir, b.core->watchers.at[i]->key);
        struct assign_file *f = assign_open(path, &err);
        assert_non_null(f);
        total += assign_count(f);
        assign_close(&f);
    }
    assert_int_equal(total, 4); /* the paused one is in none */
    bed_done(&b);
}

/* The slot's files could not be made (a full disk): they are when that is over. */
static void what_a_full_disk_refused_is_mended(void **state)
{
    struct bed b;
    char dir[200], aside[200];
    bed_init(&b);
    bed_config(&b, "groups: []\n");
    bed_open(&b);
    snprintf(dir, sizeof(dir), "%s/data/run/assign", b.dir);
    snprintf(aside, sizeof(aside), "%s/data/run/assign-aside", b.dir);
    assert_int_equal(rename(dir, aside), 0); /* as good as a full disk */
    bed_config(&b, "groups: [{name: g, targets: [{name: a, url: 'tcp://127.0.0.1:1'}]}]\n");
    bed_reload(&b);
    assert_false(exists(&b, "assign", "g.0"));
    assert_int_equal(rename(aside, dir), 0);
    bed_turn(&b, 1300);
    assert_true(exists(&b, "assign", "g.0"));
    bed_done(&b);
}

/* --- server.allow_exec --- */

static void put_exec(struct bed *b)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    uint64_t id = 0;
    problems_init(&p, a);
    struct target t = {.name = "x",
                       .type = "exec",
                       .group = "g",
                       .config_json = "{}",
                       .interval_ms = 30000,
                       .timeout_ms = 5000,
                       .connect_timeout_ms = 3000,
                       .attempts = 1,
                       .threshold = 3,
                       .enabled = true};
    struct node *config = node_map(a), *command = node_list(a);
    node_append(command, node_text(a, "/bin/true"));
    node_put(config, a, "command", command);
    if (core_target_put(b->core, &t, config, &p, NULL, &id, &err) != 0)
        fail_msg("%s %s", err.msg, p.list.n ? p.list.at[0].message : "");
    problems_done(&p);
    arena_free(a);
}

static bool is_in_assignment(struct bed *b, const char *text)
{
    char path[200];
    struct buf bytes = BUF_INIT(1 << 20);
    snprintf(path, sizeof(path), "%s/data/run/assign/g.0", b->dir);
    assert_int_equal(fs_read(path, &bytes, NULL), 0);
    bool found = memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
    buf_done(&bytes);
    return found;
}

static bool says_why(struct bed *b, void *arg)
{
    const struct entry *e = bed_target(b, "x");
    (void)arg;
    return e->state.status == TARGET_UNHEALTHY && e->last_message &&
           strstr(e->last_message, "server.allow_exec");
}

static bool is_healthy(struct bed *b, void *arg)
{
    (void)arg;
    return bed_target(b, "x")->state.status == TARGET_HEALTHY;
}

static const char exec_text[] =
    "server: {allow_exec: %s}\n"
    "groups: [{name: g, targets: [{name: y, type: exec, config: {command: [/bin/false]}}]}]\n";

/* The file's own go on; those of the API stop at the reload, and at a start, and come back. */
static void programs_of_the_api_stop_when_the_file_says_so(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, exec_text, "true");
    bed_open(&b);
    put_exec(&b);
    bed_result(&b, "x", true);
    assert_true(bed_until(&b, is_healthy, NULL, 3000));
    assert_true(is_in_assignment(&b, "/bin/true"));
    bed_config(&b, exec_text, "false");
    bed_reload(&b);
    assert_false(is_in_assignment(&b, "/bin/true"));
    assert_true(is_in_assignment(&b, "/bin/false"));
    assert_true(bed_until(&b, says_why, NULL, 5000));
    bed_result(&b, "x", true); /* of a probe that was under way */
    bed_turn(&b, 300);
    assert_true(says_why(&b, NULL));
    bed_close(&b);
    bed_open(&b);
    assert_false(is_in_assignment(&b, "/bin/true"));
    bed_turn(&b, 1500);
    assert_true(says_why(&b, NULL));
    bed_config(&b, exec_text, "true");
    bed_reload(&b);
    assert_true(is_in_assignment(&b, "/bin/true"));
    bed_result(&b, "x", true);
    assert_true(bed_until(&b, is_healthy, NULL, 3000));
    bed_done(&b);
}

/* Paused by hand or not, nothing makes it run while the file does not allow it. */
static void what_is_barred_cannot_be_resumed(void **state)
{
    struct bed b;
    struct err err = {0};
    bed_init(&b);
    bed_config(&b, exec_text, "true");
    bed_open(&b);
    put_exec(&b);
    uint64_t id = bed_target(&b, "x")->target->id;
    assert_int_equal(core_target_enable(b.core, id, false, NULL, &err), 0);
    bed_config(&b, exec_text, "false");
    bed_reload(&b);
    assert_int_equal(core_target_enable(b.core, id, true, NULL, &err), 0);
    assert_false(is_in_assignment(&b, "/bin/true"));
    assert_true(bed_until(&b, says_why, NULL, 5000));
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_state_stay),
        cmocka_unit_test(a_pause_by_hand_outlives_reload_and_restart),
        cmocka_unit_test(changes_between_two_lives),
        cmocka_unit_test(groups_come_and_go),
        cmocka_unit_test(shards),
        cmocka_unit_test(what_a_full_disk_refused_is_mended),
        cmocka_unit_test(programs_of_the_api_stop_when_the_file_says_so),
        cmocka_unit_test(what_is_barred_cannot_be_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
