/* A watcher without its process: assignments loaded and changed, removal under a running probe, answers to the core, a
 * ring that runs full, what wakes the core. The core's end of the link is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/watcher.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/fiber.h"
#include "model/result.h"

struct bed {
    char dir[64], ring[96], assign[96], link[96], beat[96];
    struct watcher w;
    struct link_server *core;
    struct ring *reader; /* as the core reads */
    int silent;          /* a listener that never answers */
    uint16_t port;
    int wakes; /* that the core was sent */
    struct arena *arena;
};

static void on_core_message(void *arg, const char *peer, const struct link_message *m)
{
    struct bed *b = arg;
    (void)peer;
    b->wakes += m->type == LINK_WAKE;
}

static void listen_silently(struct bed *b)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    b->silent = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(b->silent, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(b->silent, 100), 0);
    getsockname(b->silent, (struct sockaddr *)&a, &n);
    b->port = ntohs(a.sin_port);
}

static void bed_open(struct bed *b)
{
    struct err err = {0};
    struct log_config log = {.level = LOG_ERROR, .component = "test"};
    log_open(&log, NULL);
    memset(b, 0, sizeof(*b));
    snprintf(b->dir, sizeof(b->dir), "/tmp/belfry-watcher-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->ring, sizeof(b->ring), "%s/ring", b->dir);
    snprintf(b->assign, sizeof(b->assign), "%s/assign", b->dir);
    snprintf(b->link, sizeof(b->link), "%s/link.sock", b->dir);
    snprintf(b->beat, sizeof(b->beat), "%s/beat", b->dir);
    b->arena = arena_new();
    listen_silently(b);
    struct watcher *w = &b->w;
    w->magic = WATCHER_MAGIC;
    w->targets = map_u64_new();
    w->assign_path = b->assign;
    w->loop = w->env.loop = loop_new(&err);
    w->ring = ring_open(b->ring, 64 << 10, &err);
    w->beat = beat_map(b->beat, &err);
    w->env.resolver = resolver_new(w->loop, &err);
    w->env.http = http_client_new(w->loop, w->env.resolver, &err);
    b->core = link_listen(w->loop, b->link, on_core_message, b, &err);
    w->link = link_connect(w->loop, b->link, "g.0", watcher_on_message, w, &err);
    b->reader = ring_open(b->ring, 64 << 10, &err);
    if (!w->loop || !w->ring || !w->beat || !w->env.http || !b->core || !w->link || !b->reader)
        fail_msg("%s", err.msg);
    beat_reset(w->beat);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static void turn(struct bed *b, int64_t ms)
{
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    do {
        loop_turn(b->w.loop);
        usleep(300);
    } while (clock_mono_ns() < end);
}

static void bed_close(struct bed *b)
{
    struct watcher *w = &b->w;
    uint64_t id;
    void *value;
    w->stopping = true;
    timer_stop(&w->round_timer);
    for (int i = 0; i < 5000 && loop_fibers(w->loop) > 0; i++)
        turn(b, 1);
    assert_int_equal(loop_fibers(w->loop), 0);
    for (size_t it = 0; map_u64_next(w->targets, &it, &id, &value);) {
        struct watched *t = value;
        sched_del(&w->sched, &t->item);
        watched_free(t);
    }
    map_u64_free(w->targets);
    link_client_close(&w->link);
    link_server_close(&b->core);
    http_client_free(w->env.http);
    resolver_free(w->env.resolver);
    loop_free(w->loop);
    sched_done(&w->sched);
    ring_close(&w->ring);
    ring_close(&b->reader);
    beat_unmap(&w->beat);
    close(b->silent);
    arena_free(b->arena);
    nftw(b->dir, remove_one, 20, FTW_DEPTH | FTW_PHYS);
}

/* --- assignments --- */

static struct node *config_of(struct bed *b, const char *url)
{
    struct node *config = node_map(b->arena);
    node_put(config, b->arena, "url", node_text(b->arena, url));
    return config;
}

struct spec {
    uint64_t id;
    const char *type, *url;
    int64_t timeout_ms;
};

static struct target target_of(const struct spec *s)
{
    return (struct target){.id = s->id,
                           .name = "t",
                           .type = s->type,
                           .group = "g",
                           .config_json = s->url,
                           .interval_ms = 600000,
                           .timeout_ms = s->timeout_ms ? s->timeout_ms : 300,
                           .connect_timeout_ms = 200,
                           .attempts = 1,
                           .threshold = 3,
                           .enabled = true};
}

static void assign(struct bed *b, uint64_t generation, const struct spec *specs, size_t n)
{
    struct err err = {0};
    struct assign_writer *w = assign_writer_new(generation);
    for (size_t i = 0; i < n; i++) {
        struct target t = target_of(&specs[i]);
        struct buf bytes = BUF_INIT(10000);
        node_encode(config_of(b, specs[i].url), &bytes);
        assign_write(w, &t, (struct str){bytes.data, bytes.len}, target_spec_hash(&t), false);
        buf_done(&bytes);
    }
    if (assign_writer_commit(&w, b->assign, &err) != 0)
        fail_msg("%s", err.msg);
}

static void load(struct bed *b)
{
    watcher_load(&b->w);
    for (int i = 0; i < 1000 && b->w.loading; i++)
        turn(b, 1);
    assert_false(b->w.loading);
}

static struct watched *target(struct bed *b, uint64_t id)
{
    return map_u64_get(b->w.targets, id);
}

static int64_t due(struct bed *b, uint64_t id)
{
    struct watched *t = target(b, id);
    assert_non_null(t);
    return t->item.node.key;
}

static void a_reload_keeps_schedules(void **state)
{
    static const struct spec first[] = {{1, "tcp", "tcp://127.0.0.1:1", 0},
                                        {2, "tcp", "tcp://127.0.0.1:2", 0},
                                        {3, "tcp", "tcp://127.0.0.1:3", 0}};
    static const struct spec second[] = {{1, "tcp", "tcp://127.0.0.1:1", 0},
                                         {2, "tcp", "tcp://127.0.0.1:9", 0},
                                         {4, "pigeon", "pigeon://loft", 0}};
    struct bed b;
    bed_open(&b);
    assign(&b, 100, first, 3);
    load(&b);
    assert_int_equal(map_u64_count(b.w.targets), 3);
    assert_int_equal(b.w.beat->targets, 3);
    int64_t one = due(&b, 1), two = due(&b, 2);
    struct watched *same = target(&b, 1), *changed = target(&b, 2);
    assign(&b, 101, second, 3);
    load(&b);
    assert_ptr_equal(target(&b, 1), same);
    assert_int_equal(due(&b, 1), one);
    assert_ptr_not_equal(target(&b, 2), changed);
    assert_int_equal(due(&b, 2), two); /* the slot comes from the id */
    assert_null(target(&b, 3));
    assert_null(target(&b, 4)->compiled); /* its rounds say that it is unknown */
    assert_int_equal(b.w.generation, 101);

    /* Told again of the same one: nothing happens. One that cannot be read: it goes on with what it has. */
    same = target(&b, 2);
    load(&b);
    assert_ptr_equal(target(&b, 2), same);
    assert_int_equal(b.w.beat->assignment_errors, 0);
    fs_write_atomic(b.assign, "garbage", 7, 0600, false, NULL);
    load(&b);
    assert_int_equal(b.w.beat->assignment_errors, 1);
    assert_int_equal(map_u64_count(b.w.targets), 3);
    assign(&b, 5, first, 1); /* another life of the core may count otherwise */
    load(&b);
    assert_int_equal(map_u64_count(b.w.targets), 1);
    bed_close(&b);
}

/* --- results --- */

/* The next record as a result; NULL when there is none within ms. */
static struct result *next_result(struct bed *b, int64_t ms)
{
    struct err err = {0};
    const void *p;
    size_t n;
    uint64_t seq;
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    int rc;
    while ((rc = ring_next(b->reader, &p, &n, &seq, &err)) == 0 && clock_mono_ns() < end)
        turn(b, 1);
    if (rc < 0)
        fail_msg("%s", err.msg);
    if (rc == 0)
        return NULL;
    struct result *r = arena_new_of(b->arena, struct result);
    assert_int_equal(result_decode(p, n, b->arena, r, &err), 0);
    ring_free_upto(b->reader, seq);
    return r;
}

static void removed_while_its_probe_runs(void **state)
{
    struct bed b;
    struct err err = {0};
    bed_open(&b);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", b.port);
    const struct spec slow[] = {{7, "http", url, 300}};
    assign(&b, 1, slow, 1);
    load(&b);
    struct watched *t = target(&b, 7);
    assert_int_equal(watcher_start_probe(&b.w, t, 0, &err), 0);
    assert_int_equal(watcher_start_probe(&b.w, t, 55, &err), 0); /* and a check beside it */
    turn(&b, 30);
    assert_int_equal(t->probes_running, 2);
    assert_true(t->item.running);
    assign(&b, 2, slow, 0);
    load(&b);
    assert_null(target(&b, 7));
    assert_true(t->removed && t->probes_running == 2); /* freed by the last of them */
    for (int i = 0; i < 2; i++) {
        struct result *r = next_result(&b, 3000);
        assert_non_null(r);
        assert_int_equal(r->target_id, 7);
        assert_false(r->success);
    }
    turn(&b, 20);
    assert_int_equal(b.w.probes, 2);
    bed_close(&b);
}

static void wait_for_link(struct bed *b)
{
    for (int i = 0; i < 2000 && !link_connected(b->core, "g.0"); i++)
        turn(b, 1);
    assert_true(link_connected(b->core, "g.0"));
}

static void tell(struct bed *b, enum link_type type, uint64_t request, const struct buf *payload)
{
    struct err err = {0};
    if (link_send(b->core, "g.0", type, request, payload->data, payload->len, &err) != 0)
        fail_msg("%s", err.msg);
}

static void check(struct bed *b, uint64_t request, uint64_t id)
{
    struct buf payload = BUF_INIT(8);
    buf_put_u64(&payload, id);
    tell(b, LINK_CHECK, request, &payload);
    buf_done(&payload);
}

static void answers_to_the_core(void **state)
{
    struct bed b;
    char url[64];
    bed_open(&b);
    wait_for_link(&b);
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", b.port);
    const struct spec specs[] = {{1, "tcp", url, 0}, {2, "pigeon", "pigeon://loft", 0}};
    assign(&b, 1, specs, 2);
    struct buf nothing = BUF_INIT(1);
    tell(&b, LINK_RELOAD, 0, &nothing);
    turn(&b, 30);
    assert_int_equal(map_u64_count(b.w.targets), 2);

    check(&b, 41, 1);
    struct result *r = next_result(&b, 2000);
    assert_true(r && r->request_id == 41 && r->target_id == 1 && r->success);
    check(&b, 42, 2);
    r = next_result(&b, 2000);
    assert_true(r && r->request_id == 42 && !r->success);
    check(&b, 43, 99);
    r = next_result(&b, 2000);
    assert_true(r && r->request_id == 43 && !r->success);
    assert_non_null(strstr(r->message, "not loaded"));

    struct target t = target_of(&specs[0]);
    struct buf config = BUF_INIT(1000), entry = BUF_INIT(1000);
    node_encode(config_of(&b, url), &config);
    assign_encode(&t, (struct str){config.data, config.len}, 0, false, &entry);
    tell(&b, LINK_TRY, 44, &entry);
    r = next_result(&b, 2000);
    assert_true(r && r->request_id == 44 && r->target_id == 0 && r->success);
    buf_clear(&entry);
    buf_puts(&entry, "garbage");
    tell(&b, LINK_TRY, 45, &entry);
    r = next_result(&b, 2000);
    assert_true(r && r->request_id == 45 && !r->success);
    buf_clear(&config);
    tell(&b, LINK_CHECK, 46, &entry); /* seven bytes: no id */
    r = next_result(&b, 2000);
    assert_true(r && r->request_id == 46 && !r->success);
    buf_done(&config);
    buf_done(&entry);
    bed_close(&b);
}

static void a_full_ring_is_counted(void **state)
{
    struct bed b;
    bed_open(&b);
    struct result *r = arena_new_of(b.arena, struct result);
    result_init(r, b.arena);
    r->target_id = 1;
    r->checked_ms = clock_wall_ms();
    result_ok(r, "connected");
    int published = 0;
    while (b.w.beat->ring_dropped == 0 && published < 100000) {
        watcher_publish(&b.w, NULL, r);
        published++;
    }
    assert_true(published > 100 && b.w.beat->ring_dropped == 1);
    watcher_publish(&b.w, NULL, r);
    assert_int_equal(b.w.beat->ring_dropped, 2);
    for (int i = 0; i < published - 1; i++)
        assert_non_null(next_result(&b, 0));
    watcher_publish(&b.w, NULL, r); /* and there is room again */
    assert_int_equal(b.w.beat->ring_dropped, 2);
    assert_non_null(next_result(&b, 0));
    bed_close(&b);
}

/* How often the core is woken for a result, some time after the one before. */
static int wakes_for(struct bed *b, struct watched *t, struct result *r, bool success)
{
    int before = b->wakes;
    r->success = success;
    turn(b, 10);
    watcher_publish(&b->w, t, r);
    turn(b, 10);
    return b->wakes - before;
}

/* The core looks now and then by itself; it is woken for what may begin or end an alert, for an answer, and before the ring is
 * full. */
static void wakes_the_core(void **state)
{
    struct bed b;
    bed_open(&b);
    struct watched t = {0}, other = {0};
    struct result *r = arena_new_of(b.arena, struct result);
    result_init(r, b.arena);
    r->checked_ms = clock_wall_ms();
    result_ok(r, "connected");
    turn(&b, 20); /* the link is up */
    assert_int_equal(wakes_for(&b, &t, r, true), 0);
    assert_int_equal(wakes_for(&b, &t, r, false), 1);
    assert_int_equal(wakes_for(&b, &other, r, true), 0);
    assert_int_equal(wakes_for(&b, &t, r, false), 1);
    assert_int_equal(wakes_for(&b, &t, r, true), 1);
    assert_int_equal(wakes_for(&b, &t, r, true), 0);
    r->request_id = 7;
    assert_int_equal(wakes_for(&b, NULL, r, true), 1);
    r->request_id = 0;
    while (ring_stats(b.w.ring).used <= ring_stats(b.w.ring).size / 4) {
        watcher_publish(&b.w, &t, r);
    }
    turn(&b, 10);
    assert_int_equal(wakes_for(&b, &t, r, true), 1);
    ring_sleep(b.reader);
    assert_int_equal(wakes_for(&b, &t, r, true), 1);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_keeps_schedules), cmocka_unit_test(removed_while_its_probe_runs),
        cmocka_unit_test(answers_to_the_core),      cmocka_unit_test(a_full_ring_is_counted),
        cmocka_unit_test(wakes_the_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
