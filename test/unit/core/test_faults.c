/* The core when things go wrong: a store that is locked, hangs or fills its memory; rings damaged or left behind; the
 * process killed at any moment. */
#include "core_unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/rng.h"

#define HEAD                                                                            \
    "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:%d/hook'}]\n" \
    "groups:\n"                                                                         \
    "  - name: g\n"                                                                     \
    "    channels: [ops]\n"                                                             \
    "    threshold: 2\n"                                                                \
    "    targets:\n"
#define TARGET_A "      - {name: a, url: 'tcp://127.0.0.1:1'}\n"

static sqlite3 *lock_store(struct bed *b)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(b->db, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* A core with these targets whose store somebody else holds. */
static sqlite3 *open_locked(struct bed *b, struct bell *bell, const char *targets)
{
    bell_open(bell);
    bed_init(b);
    bed_config(b, HEAD "%s", bell->port, targets);
    bed_open(b);
    bed_settle(b);
    return lock_store(b);
}

static void unlock_store(sqlite3 *db)
{
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
}

static bool trouble(struct bed *b, void *arg)
{
    (void)arg;
    return core_store_trouble(b->core) != NULL;
}

/* Ringing goes on, changes are refused, and when the store is back everything is in it, in order and once. */
static void a_locked_store(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    sqlite3 *other = open_locked(&b, &bell, TARGET_A);
    bed_result(&b, "a", true);
    assert_true(bed_until(&b, trouble, NULL, 3000));
    assert_true(bell_until(&b, &bell, "Belfry: store", 1, 3000)); /* it says so, loudly */
    for (int i = 0; i < 3; i++)
        bed_result(&b, "a", false);
    int64_t begun = clock_mono_ns();
    assert_true(bell_until(&b, &bell, "tcp", 1, 3000));
    assert_true(clock_mono_ns() - begun < 1500 * NS_PER_MS);
    uint64_t id = bed_target(&b, "a")->target->id;
    assert_int_equal(core_target_enable(b.core, id, false, NULL, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    bed_result(&b, "a", true);
    assert_true(bell_until(&b, &bell, "\"resolved\"", 1, 3000));
    bed_turn(&b, 2500); /* some retries in vain */
    unlock_store(other);
    bed_settle(&b);
    assert_null(core_store_trouble(b.core));
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 5);
    assert_int_equal(bed_sql(&b, "SELECT count(DISTINCT id) FROM probe_results"), 5);
    assert_int_equal(bed_sql(&b, "SELECT max(seq) FROM ring_cursors"), 5);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE target_id>0"), 1);
    assert_int_equal(bed_sql(&b, "SELECT fail_count FROM target_states"), 0);
    assert_true(
        bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='pending'", 0, 4000));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE alert_id IN"
                                 " (SELECT id FROM alert_records WHERE target_id>0)"),
                     2);
    bed_done(&b);
    bell_close(&bell);
}

/* An alert that falls between the submission of a batch and its failure is not forgotten until the next result. */
static void an_alert_behind_a_failing_commit(void **state)
{
    struct bed b;
    struct bell bell;
    sqlite3 *other = open_locked(&b, &bell, TARGET_A);
    bed_result(&b, "a", false);
    bed_turn(&b, 150); /* under way now, for the 250 ms that the store waits for a lock */
    assert_non_null(b.core->under_way);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "tcp", 1, 2000));
    unlock_store(other);
    bed_settle(&b);
    bed_done(&b);
    bell_close(&bell);
}

/* Much more than memory may take: results go, counted; states and alerts stay. */
static void memory_is_bounded(void **state)
{
    struct bed b;
    struct bell bell;
    sqlite3 *other = open_locked(&b, &bell, TARGET_A);
    bed_result(&b, "a", true);
    assert_true(bed_until(&b, trouble, NULL, 3000));
    struct entry *e = bed_target(&b, "a");
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    char *text = arena_alloc(a, 901);
    memset(text, 'x', 900);
    text[900] = '\0';
    result_init(r, a);
    r->target_id = e->target->id;
    size_t most = 0;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 10000; i++) {
            r->checked_ms = ++b.clock_ms;
            r->success = false;
            r->message = text;
            core__judge(b.core, e, r);
        }
        core__commit_soon(b.core);
        bed_turn(&b, 120);
        size_t now = batch_bytes(core__batch(b.core));
        most = now > most ? now : most;
    }
    struct core_stats st;
    core_get_stats(b.core, &st);
    print_message("120,000 results of 1 KB: %zu MB at most, %llu dropped\n", most >> 20,
                  (unsigned long long)st.results_dropped);
    assert_true(st.results_dropped > 10000);
    assert_true(most < (80u << 20));
    assert_true(bell_until(&b, &bell, "xxx", 1, 2000));
    unlock_store(other);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE target_id>0"), 1);
    assert_int_equal(bed_sql(&b, "SELECT fail_count FROM target_states"), 120000);
    arena_free(a);
    bed_done(&b);
    bell_close(&bell);
}

/* A store that fails for long must not let the ring run full: what is not seen does not ring. */
static void rings_stay_open_while_the_store_fails(void **state)
{
    struct bed b;
    struct bell bell;
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               "limits: {watcher: {ring_size: 64KiB}}\n" HEAD
               "      - {name: a, url: 'tcp://127.0.0.1:1'}\n",
               bell.port);
    bed_open(&b);
    bed_settle(&b);
    sqlite3 *other = lock_store(&b);
    bed_result(&b, "a", true);
    assert_true(bed_until(&b, trouble, NULL, 3000));
    for (int i = 0; i < 3000; i++) {
        bed_result(&b, "a", true); /* asserts that there is room */
        if (i % 100 == 0)
            bed_turn(&b, 120);
    }
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "tcp", 1, 3000));
    unlock_store(other);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 3003);
    bed_done(&b);
    bell_close(&bell);
}

static void a_damaged_ring_is_replaced(void **state)
{
    struct bed b;
    struct stat st;
    char path[200], aside[220];
    bed_init(&b);
    bed_config(&b, HEAD TARGET_A, 9);
    bed_open(&b);
    struct watcher_slot *s = bed_target(&b, "a")->watcher;
    snprintf(path, sizeof(path), "%s/data/run/rings/%s", b.dir, s->key);
    snprintf(aside, sizeof(aside), "%s.damaged", path);
    bed_result(&b, "a", true);
    bed_settle(&b);
    uint64_t old = ring_id(s->tap.ring);
    assert_true(ring_put(path, 1, true, ++b.clock_ms));
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < st.st_size; at += 64) /* the records */
        assert_int_equal(pwrite(fd, "\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a", 8, at), 8);
    close(fd);
    core__drain(s);
    assert_true(ring_id(s->tap.ring) != old);
    assert_int_equal(stat(aside, &st), 0);
    for (int i = 0; i < 5; i++)
        bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 6);
    bed_close(&b);

    assert_int_equal(truncate(path, 100), 0); /* and one that is damaged before the start */
    bed_open(&b);
    bed_result(&b, "a", true);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), 7);
    bed_done(&b);
}

static void the_database_is_damaged_while_running(void **state)
{
    struct bed b;
    struct bell bell;
    struct err err = {0};
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               HEAD "      - {name: a, url: 'tcp://127.0.0.1:1'}\n"
                    "      - {name: b, url: 'tcp://127.0.0.1:2'}\n",
               bell.port);
    bed_open(&b);
    for (int i = 0; i < 200; i++)
        bed_result(&b, "a", true);
    uint64_t id = bed_target(&b, "b")->target->id;
    assert_int_equal(core_target_enable(b.core, id, false, NULL, &err), 0);
    bed_settle(&b);
    int64_t pages = bed_sql(&b, "PRAGMA page_count");
    bed_sql(&b, "PRAGMA wal_checkpoint(TRUNCATE)");
    int fd = open(b.db, O_WRONLY);
    char garbage[4096];
    memset(garbage, 0xa5, sizeof(garbage));
    for (int64_t i = 1; i < pages; i++)
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), i * 4096), 4096);
    close(fd);
    bed_result(&b, "a", false);
    bed_result(&b, "a", false);
    assert_true(bell_until(&b, &bell, "tcp", 1, 5000));
    bed_settle(&b);
    bed_turn(&b, 500);
    bed_settle(&b);
    bed_close(&b);
    bed_open(&b); /* all that matters is in the new file */
    assert_int_equal(core_target_count(b.core), 2);
    assert_false(bed_target(&b, "b")->target->enabled);
    assert_true(bed_target(&b, "a")->state.open_alert_id != 0);
    bed_done(&b);
    bell_close(&bell);
}

/* --- kill -9 --- */

/* The core of a child: runs until it is killed. */
static void child(struct bed *b)
{
    bed_open(b);
    for (;;)
        bed_turn(b, 1000);
}

/* A watcher (this process) publishes; cores are killed at any moment. Every result is stored once, every alert fires
 * once and is delivered at least once. */
static void killed_at_any_moment(void **state)
{
    enum { KILLS = 25, TARGETS = 6 };
    struct bed b;
    struct bell bell;
    struct rng rng;
    char path[200];
    uint64_t published = 0;
    rng_seed(&rng, (uint64_t)getpid());
    bell_open(&bell);
    bed_init(&b);
    bed_config(&b,
               HEAD "      - {name: t1, url: 'tcp://127.0.0.1:1'}\n"
                    "      - {name: t2, url: 'tcp://127.0.0.1:2'}\n"
                    "      - {name: t3, url: 'tcp://127.0.0.1:3'}\n"
                    "      - {name: t4, url: 'tcp://127.0.0.1:4'}\n"
                    "      - {name: t5, url: 'tcp://127.0.0.1:5'}\n"
                    "      - {name: t6, url: 'tcp://127.0.0.1:6'}\n",
               bell.port);
    bed_open(&b);
    snprintf(path, sizeof(path), "%s/data/run/rings/%s", b.dir, bed_target(&b, "t1")->watcher->key);
    bed_close(&b);
    int alerts = 0;
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            child(&b);
        int64_t end = clock_mono_ns() + (int64_t)rng_below(&rng, 200) * NS_PER_MS + 20 * NS_PER_MS;
        /* Often enough for the alert, however busy the machine is. */
        for (int round = 0; round < 3 || clock_mono_ns() < end; round++) {
            for (uint64_t t = 1; t <= TARGETS; t++, published++) {
                bool bad =
                    t == (uint64_t)(i % TARGETS) + 1; /* each is bad for one life of a core */
                assert_true(ring_put(path, t, !bad, ++b.clock_ms));
            }
            usleep(4000);
        }
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        alerts++;
    }
    bed_open(&b);
    for (uint64_t t = 1; t <= TARGETS; t++, published++)
        assert_true(ring_put(path, t, true, ++b.clock_ms));
    core__drain_all(b.core);
    bed_settle(&b);
    assert_true(
        bed_sql_until(&b, "SELECT count(*) FROM deliveries WHERE state='pending'", 0, 30000));
    int64_t fired = bed_sql(&b, "SELECT count(*) FROM alert_records");
    print_message("%d kills: %llu results, %lld alerts, %d messages\n", KILLS,
                  (unsigned long long)published, (long long)fired, bell_calls(&bell));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM probe_results"), (int64_t)published);
    assert_int_equal(bed_sql(&b, "SELECT count(DISTINCT target_id||' '||checked_at)"
                                 " FROM probe_results"),
                     (int64_t)published);
    assert_int_equal(fired, alerts);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records WHERE status='firing'"), 0);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries"), 2 * fired);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM deliveries WHERE state='sent'"), 2 * fired);
    bed_done(&b);
    bell_close(&bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment), /* first: it forks, and no thread runs yet */
        cmocka_unit_test(a_locked_store),
        cmocka_unit_test(an_alert_behind_a_failing_commit),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(rings_stay_open_while_the_store_fails),
        cmocka_unit_test(a_damaged_ring_is_replaced),
        cmocka_unit_test(the_database_is_damaged_while_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
