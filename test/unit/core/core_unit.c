/* See core_unit.h. The web server's handler runs on its own threads; all else on the test's. */
#include "core_unit.h"

#include <ftw.h>
#include <sys/stat.h>

#include "../../helpers/sql.h"
#include "base/fs.h"
#include "core/hooks.h"

/* --- the bell --- */

static void on_message(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct bell *b = ctx;
    pthread_mutex_lock(&b->lock);
    int64_t delay = b->delay_ms;
    if ((size_t)b->calls < array_len(b->bodies))
        b->bodies[b->calls] = strndup(req->body.p, req->body.n);
    b->calls++;
    resp->status = b->status ? b->status : 200;
    pthread_mutex_unlock(&b->lock);
    if (delay)
        usleep((useconds_t)delay * 1000);
    buf_init(&resp->body, 100);
    buf_puts(&resp->body, "{}");
}

void bell_open(struct bell *b)
{
    struct err err = {0};
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    struct http_server_config cfg = {.address = "127.0.0.1", .handle = on_message, .ctx = b};
    b->server = http_server_start(&cfg, &err);
    if (!b->server)
        fail_msg("%s", err.msg);
    b->port = http_server_port(b->server);
}

void bell_clear(struct bell *b)
{
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < b->calls && (size_t)i < array_len(b->bodies); i++)
        free(b->bodies[i]);
    b->calls = 0;
    pthread_mutex_unlock(&b->lock);
}

void bell_close(struct bell *b)
{
    http_server_stop(b->server);
    bell_clear(b);
    pthread_mutex_destroy(&b->lock);
}

int bell_calls(struct bell *b)
{
    pthread_mutex_lock(&b->lock);
    int n = b->calls;
    pthread_mutex_unlock(&b->lock);
    return n;
}

void bell_answers(struct bell *b, int status)
{
    pthread_mutex_lock(&b->lock);
    b->status = status;
    pthread_mutex_unlock(&b->lock);
}

int bell_count(struct bell *b, const char *text)
{
    int n = 0;
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < b->calls && (size_t)i < array_len(b->bodies); i++)
        n += strstr(b->bodies[i], text) != NULL;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* --- the bed --- */

void bed_init(struct bed *b)
{
    memset(b, 0, sizeof(*b));
    snprintf(b->dir, sizeof(b->dir), "/tmp/belfry-core-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->yaml, sizeof(b->yaml), "%s/belfry.yaml", b->dir);
    snprintf(b->db, sizeof(b->db), "%s/data/belfry.db", b->dir);
    b->clock_ms = clock_wall_ms() - 1000000;
    struct log_config log = {.level = LOG_ERROR, .component = "test"};
    if (!getenv("TEST_LOG"))
        log_open(&log, NULL);
}

void bed_config(struct bed *b, const char *fmt, ...)
{
    FILE *f = fopen(b->yaml, "w");
    va_list ap;
    assert_non_null(f);
    fprintf(f, "data_dir: data\nlog: {dir: logs}\n");
    if (!strstr(fmt, "server:"))
        fprintf(f, "server: {anonymous: admin}\n");
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fclose(f);
}

static void on_units(void *arg)
{
    struct bed *b = arg;
    b->units_changed++;
}

struct core *bed_try_open(struct bed *b, struct err *err)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config_input in = {.path = b->yaml};
    struct config *cfg = config_load(&in, core_config_hooks(), &p);
    if (!cfg)
        fail_msg("%s: %s", p.list.at[0].field, p.list.at[0].message);
    problems_done(&p);
    arena_free(a);
    b->loop = loop_new(err);
    assert_non_null(b->loop);
    b->events = sse_hub_new();
    struct core_options opt = {.loop = b->loop,
                               .config = cfg,
                               .config_path = b->yaml,
                               .events = b->events,
                               .units_changed = on_units,
                               .arg = b};
    b->core = core_new(&opt, err);
    return b->core;
}

void bed_open(struct bed *b)
{
    struct err err = {0};
    if (!bed_try_open(b, &err))
        fail_msg("%s", err.msg);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(struct bed *b, void *arg)
{
    (void)b;
    return *(bool *)arg;
}

void bed_drop(struct bed *b)
{
    core_free(b->core);
    b->core = NULL;
    sse_hub_free(b->events);
    loop_free(b->loop);
    b->loop = NULL;
}

void bed_close(struct bed *b)
{
    bool stopped = false;
    core_stop(b->core, on_stopped, &stopped);
    assert_true(bed_until(b, is_true, &stopped, 15000));
    bed_drop(b);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

void bed_done(struct bed *b)
{
    if (b->core)
        bed_close(b);
    nftw(b->dir, remove_one, 20, FTW_DEPTH | FTW_PHYS);
}

bool bed_until(struct bed *b, bool (*good)(struct bed *b, void *arg), void *arg, int64_t ms)
{
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    for (;;) {
        loop_turn(b->loop);
        if (good(b, arg))
            return true;
        if (clock_mono_ns() > end)
            return false;
        usleep(300);
    }
}

static bool never(struct bed *b, void *arg)
{
    (void)b;
    (void)arg;
    return false;
}

void bed_turn(struct bed *b, int64_t ms)
{
    bed_until(b, never, NULL, ms);
}

static bool is_idle(struct bed *b, void *arg)
{
    (void)arg;
    return core__commits_idle(b->core) && core__metrics_idle(b->core);
}

void bed_settle(struct bed *b)
{
    assert_true(bed_until(b, is_idle, NULL, 10000));
}

void bed_reload(struct bed *b)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    problems_init(&p, a);
    if (core_reload(b->core, &p, &err) != 0)
        fail_msg("%s: %s", err.msg, p.list.n ? p.list.at[0].message : "");
    problems_done(&p);
    arena_free(a);
}

struct answer_wait {
    struct waiter *waiter;
    struct err err;
};

static bool has_answer(struct bed *b, void *arg)
{
    struct answer_wait *w = arg;
    (void)b;
    err_clear(&w->err);
    return waiter_wait(w->waiter, 0, NULL, &w->err) == 0 || w->err.code != ERR_TIMEOUT;
}

enum err_code bed_answer(struct bed *b, struct waiter *w)
{
    struct answer_wait a = {.waiter = w};
    assert_true(bed_until(b, has_answer, &a, 15000));
    waiter_unref(w);
    return a.err.code;
}

/* --- watchers --- */

struct entry *bed_target(struct bed *b, const char *name)
{
    struct entry *e = core__entry_by_name(b->core, "g", name);
    if (!e)
        fail_msg("no target %s", name);
    return e;
}

bool ring_put(const char *ring_path, uint64_t target, bool success, int64_t checked_ms)
{
    struct err err = {0};
    bool wake;
    struct ring *r = ring_open(ring_path, 64 << 10, &err);
    if (!r)
        fail_msg("%s", err.msg);
    struct arena *a = arena_new();
    struct result *res = arena_new_of(a, struct result);
    struct buf out = BUF_INIT(65536);
    result_init(res, a);
    res->target_id = target;
    res->checked_ms = checked_ms;
    res->latency_us = 1500;
    result_metric(res, "probe_success", success);
    if (success)
        result_ok(res, "connected");
    else
        result_fail(res, "connection refused");
    result_encode(res, &out);
    bool there_was_room = ring_publish(r, out.data, out.len, NULL, &wake);
    buf_done(&out);
    arena_free(a);
    ring_close(&r);
    return there_was_room;
}

void bed_result(struct bed *b, const char *target, bool success)
{
    char path[200];
    struct entry *e = bed_target(b, target);
    assert_non_null(e->watcher);
    snprintf(path, sizeof(path), "%s/data/run/rings/%s", b->dir, e->watcher->key);
    b->clock_ms += 1000;
    assert_true(ring_put(path, e->target->id, success, b->clock_ms));
    core__on_link(b->core, e->watcher->key, &(struct link_message){.type = LINK_WAKE});
}

/* --- looking --- */

int64_t bed_sql(struct bed *b, const char *sql)
{
    return sql_int(b->db, sql);
}

struct sql_wait {
    const char *sql;
    int64_t n;
};

static bool sql_is(struct bed *b, void *arg)
{
    struct sql_wait *w = arg;
    return bed_sql(b, w->sql) == w->n;
}

bool bed_sql_until(struct bed *b, const char *sql, int64_t n, int64_t ms)
{
    return bed_until(b, sql_is, &(struct sql_wait){sql, n}, ms);
}

struct bell_wait {
    struct bell *bell;
    const char *text;
    int n;
};

static bool bell_rang(struct bed *b, void *arg)
{
    struct bell_wait *w = arg;
    (void)b;
    return bell_count(w->bell, w->text) >= w->n;
}

bool bell_until(struct bed *b, struct bell *bell, const char *text, int n, int64_t ms)
{
    return bed_until(b, bell_rang, &(struct bell_wait){bell, text, n}, ms);
}
