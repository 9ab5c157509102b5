/* The sender against a receiver in this process: what goes out, retries, what is refused, going on after an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "config/node.h"
#include "fake_tsdb.h"
#include "io/http_server.h"
#include "remote/receive.h"
#include "remote/sender.h"

/* The other store, behind HTTP. */
struct receiver {
    struct tsdb *db;
    struct http_server *server;
    pthread_mutex_t lock;
    int fail_with, fails; /* answers so for the next requests */
    const char *retry_after;
    unsigned requests, attempts;
    bool saw_headers;
};

static void handle(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct receiver *r = ctx;
    struct receive_counts counts;
    struct err err = {0};
    struct receive_request in = {req->body, http_req_header(req, "Content-Type"),
                                 http_req_header(req, "Content-Encoding")};
    const char *version = http_req_header(req, "X-Prometheus-Remote-Write-Version");
    pthread_mutex_lock(&r->lock);
    r->requests++;
    r->attempts += http_req_header(req, "Retry-Attempt") != NULL;
    r->saw_headers = streq(version, "0.1.0") && streq(http_req_header(req, "X-Test"), "yes") &&
                     streq(http_req_header(req, "Authorization"), "Bearer s3cret");
    if (r->fails > 0) {
        r->fails--;
        resp->status = r->fail_with;
        if (r->retry_after)
            http_resp_header(resp, "Retry-After", r->retry_after);
    } else {
        resp->status = remote_write_receive(r->db, 1, &in, &counts, &err);
    }
    pthread_mutex_unlock(&r->lock);
}

struct world {
    struct tsdb *db; /* what is sent from */
    struct receiver r;
    struct remote_writers *w;
    struct arena *arena;
    char dir[64];
    int64_t now;
};

static int begin(void **state)
{
    struct world *x = calloc(1, sizeof(*x));
    x->db = fake_tsdb_new();
    x->r.db = fake_tsdb_new();
    pthread_mutex_init(&x->r.lock, NULL);
    x->arena = arena_new();
    x->now = clock_wall_ms() + 1000;
    snprintf(x->dir, sizeof(x->dir), "/tmp/test-sender-XXXXXX");
    must(mkdtemp(x->dir) != NULL);
    struct http_server_config cfg = {.address = "127.0.0.1", .handle = handle, .ctx = &x->r};
    struct err err = {0};
    x->r.server = http_server_start(&cfg, &err);
    must(x->r.server != NULL);
    *state = x;
    return 0;
}

static int end(void **state)
{
    struct world *x = *state;
    char command[100];
    remote_writers_free(x->w);
    http_server_stop(x->r.server);
    fake_tsdb_free(x->db);
    fake_tsdb_free(x->r.db);
    arena_free(x->arena);
    snprintf(command, sizeof(command), "rm -rf %s", x->dir);
    must(system(command) == 0);
    free(x);
    return 0;
}

static const struct node *list_of(struct world *x, const char *more)
{
    char *yaml =
        arena_printf(x->arena,
                     "- url: http://127.0.0.1:%d/write\n"
                     "  name: other\n"
                     "  headers: {X-Test: 'yes'}\n"
                     "  bearer_token: s3cret\n"
                     "  queue_config: {batch_send_deadline: 50ms, max_samples_per_send: 10, "
                     "min_backoff: 5ms, max_backoff: 20ms%s",
                     http_server_port(x->r.server), more);
    struct node *list = node_from_yaml(x->arena, yaml, strlen(yaml), "t.yaml", NULL);
    assert_non_null(list);
    return list;
}

static void start(struct world *x, const char *more)
{
    static struct pair pairs[] = {{"region", "eu"}, {"job", "not this"}};
    static const struct pair_list external = {pairs, 2};
    struct remote_options opt = {.db = x->db, .dir = x->dir};
    struct err err = {0};
    if (!x->w)
        x->w = remote_writers_new(&opt, &err);
    assert_non_null(x->w);
    assert_int_equal(remote_writers_reload(x->w, list_of(x, more), &external, &err), 0);
}

static void append(struct world *x, const char *job, int64_t t, double v)
{
    struct label_pair pairs[] = {{STR("__name__"), STR("up")}, {STR("job"), str_of(job)}};
    struct labels l = {pairs, 2};
    pthread_mutex_lock(&x->db->lock); /* the fake's tables are not for two threads */
    struct tsdb_row row = {tsdb_series(x->db, 1, &l, NULL), x->now + t, v};
    pthread_mutex_unlock(&x->db->lock);
    assert_int_equal(tsdb_append(x->db, &row, 1, NULL, NULL), 0);
}

static void copy_first(void *arg, const struct remote_stats *s)
{
    *(struct remote_stats *)arg = *s;
}

static struct remote_stats stats_of(struct world *x)
{
    struct remote_stats s = {0};
    remote_writers_each(x->w, copy_first, &s);
    return s;
}

/* Until so many samples were decided; the test's time limit ends a wait in vain. */
static void wait_decided(struct world *x, uint64_t n)
{
    for (;;) {
        struct remote_stats s = stats_of(x);
        if (s.sent + s.failed + s.dropped >= n && s.pending == 0)
            return;
        usleep(2000);
    }
}

static size_t received(struct world *x, const char *series, struct samples **out)
{
    struct tsdb *db = x->r.db;
    for (size_t i = 0; i < db->series.n; i++) {
        if (streq(db->series.at[i]->text.data, series)) {
            *out = &db->series.at[i]->samples;
            return db->series.at[i]->samples.n;
        }
    }
    return 0;
}

static void samples_arrive_in_order(void **state)
{
    struct world *x = *state;
    struct samples *got;
    start(x, ", max_shards: 4}");
    for (int i = 0; i < 300; i++) {
        append(x, "a", i, i);
        append(x, i % 2 ? "b" : "c", i, -i);
    }
    wait_decided(x, 600);
    assert_int_equal(received(x, "up{job=\"a\", region=\"eu\"}", &got), 300);
    for (uint32_t i = 0; i < 300; i++)
        assert_true(got->t[i] == x->now + i && got->v[i] == i);
    assert_int_equal(received(x, "up{job=\"b\", region=\"eu\"}", &got), 150);
    struct remote_stats s = stats_of(x);
    assert_true(s.sent == 600 && s.failed == 0 && s.dropped == 0 && s.requests >= 60);
    assert_true(s.newest_sent_ms == x->now + 299 && !s.failing && x->r.saw_headers);
    assert_string_equal(s.name, "other");
}

static void failures_are_tried_again(void **state)
{
    struct world *x = *state;
    struct samples *got;
    x->r.fail_with = 503;
    x->r.fails = 7;
    start(x, "}");
    for (int i = 0; i < 40; i++)
        append(x, "a", i, i);
    wait_decided(x, 40);
    assert_int_equal(received(x, "up{job=\"a\", region=\"eu\"}", &got), 40);
    struct remote_stats s = stats_of(x);
    assert_true(s.sent == 40 && s.retried > 0 && x->r.attempts == 7 && !s.failing);
    assert_non_null(strstr(s.error, "503"));
    pthread_mutex_lock(&x->r.lock);
    x->r.fails = 1;
    x->r.retry_after = "1";
    pthread_mutex_unlock(&x->r.lock);
    int64_t before = clock_mono_ns();
    append(x, "a", 100, 1);
    wait_decided(x, 41);
    assert_true(clock_mono_ns() - before >= 900 * NS_PER_MS);
}

static void what_is_refused_is_left_behind(void **state)
{
    struct world *x = *state;
    struct samples *got;
    x->r.fail_with = 400;
    x->r.fails = 1;
    start(x,
          "}\n  write_relabel_configs:\n  - {source_labels: [job], regex: secret, action: drop}\n"
          "  - {source_labels: [job], target_label: kind}\n  metadata_config: {send: false}");
    append(x, "a", 1, 1);
    wait_decided(x, 1);
    append(x, "secret", 2, 2);
    append(x, "a", 2, 2);
    wait_decided(x, 3);
    struct remote_stats s = stats_of(x);
    assert_true(s.failed == 1 && s.dropped == 1 && s.sent == 1);
    assert_int_equal(received(x, "up{job=\"a\", kind=\"a\", region=\"eu\"}", &got), 1);
    assert_int_equal(x->r.db->series.n, 1);
    pthread_mutex_lock(&x->r.lock);
    x->r.fails = 1;
    x->r.fail_with = 429; /* not tried again unless it is set so */
    pthread_mutex_unlock(&x->r.lock);
    append(x, "a", 3, 3);
    wait_decided(x, 4);
    assert_true(stats_of(x).failed == 2);
}

static void a_queue_goes_on_where_it_was(void **state)
{
    struct world *x = *state;
    struct samples *got;
    append(x, "a", -100000, 5); /* before the queue: the past */
    start(x, "}");
    for (int i = 0; i < 25; i++)
        append(x, "a", i, i);
    wait_decided(x, 25);
    remote_writers_free(x->w);
    x->w = NULL;
    for (int i = 25; i < 50; i++) /* while nobody sends */
        append(x, "a", i, i);
    x->r.fail_with = 500;
    x->r.fails = 1000000;
    start(x, "}");
    while (stats_of(x).retried == 0)
        usleep(2000);
    remote_writers_free(x->w); /* ends in the middle of its attempts */
    x->w = NULL;
    x->r.fails = 0;
    append(x, "a", 50, 50);
    start(x, "}");
    wait_decided(x, 26);
    assert_int_equal(received(x, "up{job=\"a\", region=\"eu\"}", &got), 51);
    for (uint32_t i = 0; i < 51; i++)
        assert_true(got->t[i] == x->now + i);
}

static void reload_keeps_what_did_not_change(void **state)
{
    struct world *x = *state;
    start(x, "}");
    append(x, "a", 1, 1);
    wait_decided(x, 1);
    start(x, "}"); /* the same */
    append(x, "a", 2, 2);
    wait_decided(x, 2);
    start(x, "}\n  remote_timeout: 10s"); /* another: it begins anew, at its place */
    append(x, "a", 3, 3);
    while (stats_of(x).sent != 1)
        usleep(2000);
    assert_int_equal(x->r.db->series.at[0]->samples.n, 3);
    assert_int_equal(remote_writers_reload(x->w, NULL, NULL, NULL), 0);
    while (stats_of(x).name)
        usleep(2000);
    struct err err = {0};
    assert_int_equal(remote_writers_reload(x->w, list_of(x, "}\n  url2: x"), NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void metadata_is_sent(void **state)
{
    struct world *x = *state;
    struct metric_metadata m = {STR("up"), METRIC_GAUGE, STR("is it up"), STR("")};
    tsdb_set_metadata(x->db, &m);
    start(x, "}");
    while (stats_of(x).metadata == 0)
        usleep(2000);
    assert_int_equal(x->r.db->metadata.n, 1);
    assert_true(str_eq(x->r.db->metadata.at[0].help, m.help));
}

static void a_damaged_place_sends_all_again(void **state)
{
    struct world *x = *state;
    char path[100];
    snprintf(path, sizeof(path), "%s/other.place", x->dir);
    assert_int_equal(fs_write_atomic(path, "nonsense", 8, 0600, false, NULL), 0);
    append(x, "a", -100000, 5);
    start(x, "}");
    wait_decided(x, 1);
    assert_int_equal(x->r.db->series.at[0]->samples.n, 1);
}

static void wrong_configurations(void **state)
{
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        {"- {url: 'http://x/'}", ""},
        {"- {name: x}", "f:1:3: remote_write[0].url: "},
        {"- {url: ftp://x/}", "f:1:9: remote_write[0]: "},
        {"- {url: 'http://x/', bearer_token: a, basic_auth: {username: b}}",
         "f:1:3: remote_write[0]: got several of"},
        {"- {url: 'http://x/', bearer_token: a, bearer_token_file: b}",
         "f:1:3: remote_write[0]: got a secret"},
        {"- {url: 'http://x/', queue_config: {min_shards: 5, max_shards: 4}}",
         "f:1:36: remote_write[0]: got more"},
        {"- {url: 'http://x/', name: a}\n- {url: 'http://y/', name: a}",
         "f:2:3: remote_write[1]: got the name"},
        {"- {url: 'http://x/', write_relabel_configs: [{action: keep, regex: '('}]}",
         "f:1:68: remote_write[0].write_relabel_configs[0]: "},
        {"- {url: 'http://x/', protobuf_message: io.prometheus.write.v2.Request}",
         "f:1:40: remote_write[0]"},
        {"- 5", "f:1:3: remote_write[0]: "},
        {"x: y", "f:1:1: remote_write: got a map; want a list of maps"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct problems p;
        struct buf out = BUF_INIT(1 << 16);
        struct node *list = node_from_yaml(a, cases[i].yaml, strlen(cases[i].yaml), "f", NULL);
        problems_init(&p, a);
        assert_int_equal(remote_write_check(list, &p, "remote_write"), cases[i].want[0] == '\0');
        buf_puts(&out, "");
        problems_text(&p, &out);
        if (strncmp(out.data, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("%s\ngot  %s\nwant %s", cases[i].yaml, out.data, cases[i].want);
        buf_done(&out);
        problems_done(&p);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(samples_arrive_in_order, begin, end),
        cmocka_unit_test_setup_teardown(failures_are_tried_again, begin, end),
        cmocka_unit_test_setup_teardown(what_is_refused_is_left_behind, begin, end),
        cmocka_unit_test_setup_teardown(a_queue_goes_on_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(reload_keeps_what_did_not_change, begin, end),
        cmocka_unit_test_setup_teardown(metadata_is_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_place_sends_all_again, begin, end),
        cmocka_unit_test(wrong_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
