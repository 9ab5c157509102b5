/* See fake_warden.h. */
#include "fake_warden.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "config/process.h"
#include "core_unit.h"
#include "ipc/command.h"
#include "ipc/ring.h"
#include "ipc/table.h"
#include "model/process.h"

#define RING_SIZE (1 << 20)

static int64_t mono_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

static void say(struct fake_warden *w, const struct command *c)
{
    if (w->peer >= 0)
        command_send(w->peer, c);
}

static void publish(struct fake_warden *w, struct process_event *e, const char *unit)
{
    bool wake = false;
    e->version = PROCESS_EVENT_VERSION;
    e->size = sizeof(*e);
    e->at_ms = clock_wall_ms();
    snprintf(e->unit, sizeof(e->unit), "%s", unit);
    if (!ring_publish(w->ring, e, sizeof(*e), NULL, &wake))
        must(w->damaged);
    if (wake)
        say(w, &(struct command){.version = COMMAND_VERSION, .type = COMMAND_WAKE});
}

static void go_to(struct fake_warden *w, struct unit_record *r, const char *unit,
                  enum unit_state to)
{
    struct process_event e = {
        .kind = PROCESS_STATE, .from = r->state, .to = to, .restarts = r->restarts};
    bool runs = to == UNIT_RUNNING || to == UNIT_STARTING;
    if (runs && !r->spawned.pid) {
        r->spawned = (struct spawn_id){.pid = ++w->last_pid, .start_time = 1};
        r->started_ms = mono_ms();
        r->starts++;
    }
    if (!runs)
        r->spawned = (struct spawn_id){0};
    r->state = to;
    r->wanted = runs;
    r->changed_ms = mono_ms();
    e.pid = r->spawned.pid;
    snprintf(e.reason, sizeof(e.reason), "%s", r->reason);
    table_show(w->table, r);
    publish(w, &e, unit);
}

static void die(struct fake_warden *w, struct unit_record *r, const char *unit, int status,
                enum unit_cause cause, enum unit_state to)
{
    struct process_event e = {
        .kind = PROCESS_DEATH,
        .from = r->state,
        .to = to,
        .pid = r->spawned.pid,
        .status = status,
        .cause = cause,
        .failure = cause == CAUSE_ITSELF,
        .ran_ms = 1500,
        .cpu_user_us = 250000,
        .max_rss_bytes = 5 << 20,
    };
    r->last = (struct unit_death){.pid = r->spawned.pid,
                                  .status = status,
                                  .cause = cause,
                                  .failure = cause == CAUSE_ITSELF,
                                  .started_ms = r->started_ms,
                                  .died_ms = mono_ms()};
    go_to(w, r, unit, to);
    publish(w, &e, unit);
}

static void start(struct fake_warden *w, struct unit_record *r, const char *unit)
{
    if (r->state == UNIT_RUNNING)
        return;
    go_to(w, r, unit, UNIT_STARTING);
    if (strncmp(unit, "slow", 4) == 0)
        return;
    if (strncmp(unit, "bad", 3) == 0) {
        snprintf(r->reason, sizeof(r->reason), "exit status 3");
        die(w, r, unit, 3 << 8, CAUSE_ITSELF, UNIT_FATAL);
    } else {
        go_to(w, r, unit, UNIT_RUNNING);
    }
}

static void stop(struct fake_warden *w, struct unit_record *r, const char *unit)
{
    if (r->state == UNIT_STOPPED)
        return;
    if (!r->spawned.pid) {
        go_to(w, r, unit, UNIT_STOPPED);
        return;
    }
    go_to(w, r, unit, UNIT_STOPPING);
    die(w, r, unit, 15, CAUSE_ASKED, UNIT_STOPPED);
}

/* An event tells of it once, each answer to a LOAD again. */
static void refuse(struct fake_warden *w, const char *unit)
{
    struct process_event e = {.kind = PROCESS_REFUSED};
    size_t n = strlen(w->refusals);
    snprintf(e.reason, sizeof(e.reason), "user root is not allowed");
    snprintf(w->refusals + n, sizeof(w->refusals) - n, "%s: %s\n", unit, e.reason);
    if (!w->told_refusal)
        publish(w, &e, unit);
}

static void drop_others(struct fake_warden *w, const struct process_unit *units, uint32_t n)
{
    const char *key;
    for (uint32_t it = 0; table_next(w->table, &it, &key, NULL);) {
        bool there = false;
        for (uint32_t i = 0; i < n; i++)
            there = there || streq(units[i].config->id, key);
        if (!there) {
            char *copy = strdup(key);
            table_drop(w->table, copy);
            free(copy);
        }
    }
}

/* As the real one: when it is told to load. */
static void reopen_ring(struct fake_warden *w)
{
    struct err err = {0};
    char path[300];
    if (!ring_stale(w->ring))
        return;
    ring_close(&w->ring);
    snprintf(path, sizeof(path), "%s/events", w->run_dir);
    w->ring = ring_open(path, RING_SIZE, &err);
    must(w->ring);
}

static void load(struct fake_warden *w)
{
    reopen_ring(w);
    struct arena *a = arena_new();
    struct buf text = BUF_INIT(64 << 20);
    struct err err = {0};
    char path[300];
    uint32_t n = 0;
    uint64_t generation;
    snprintf(path, sizeof(path), "%s/programs", w->run_dir);
    must(fs_read(path, &text, NULL) == 0);
    const struct process_unit *units = process_read(text.data, text.len, a, &n, &generation, &err);
    must(units || n == 0);
    drop_others(w, units, n);
    w->refusals[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        const char *id = units[i].config->id;
        bool is_new;
        if (strncmp(id, "denied", 6) == 0 && !w->lenient) {
            refuse(w, id);
            continue;
        }
        struct unit_record *r = table_record(w->table, id, &is_new);
        if (!is_new)
            continue;
        r->state = UNIT_STOPPED;
        table_show(w->table, r);
        if (units[i].config->autostart)
            start(w, r, id);
    }
    w->told_refusal = *w->refusals != '\0';
    buf_done(&text);
    arena_free(a);
}

static int act(struct fake_warden *w, const struct command *c)
{
    bool is_new;
    if (c->type == COMMAND_LOAD || c->type == COMMAND_UPGRADE) {
        if (c->type == COMMAND_LOAD)
            load(w);
        return ERR_OK;
    }
    struct unit_record *r = table_record(w->table, c->unit, &is_new);
    if (is_new) {
        table_drop(w->table, c->unit);
        return ERR_NOT_FOUND;
    }
    if (c->type == COMMAND_START || c->type == COMMAND_RESET)
        start(w, r, c->unit);
    else if (c->type == COMMAND_STOP)
        stop(w, r, c->unit);
    else if (c->type == COMMAND_RESTART) {
        stop(w, r, c->unit);
        start(w, r, c->unit);
    } else if (c->type == COMMAND_MONITOR_ON || c->type == COMMAND_MONITOR_OFF) {
        r->unmonitored = c->type == COMMAND_MONITOR_OFF;
        table_show(w->table, r);
    }
    return ERR_OK;
}

static void take(struct fake_warden *w, const struct command *c)
{
    static const char *const names[] = {
#define X(name) #name,
        COMMANDS(X)
#undef X
    };
    size_t n = strlen(w->heard);
    snprintf(w->heard + n, sizeof(w->heard) - n, "%s %s\n", names[c->type], c->unit);
    struct command answer = {.version = COMMAND_VERSION, .type = COMMAND_ANSWER, .id = c->id};
    answer.code = act(w, c);
    if (answer.code != ERR_OK)
        snprintf(answer.text, sizeof(answer.text), "the warden does not run \"%.40s\"", c->unit);
    else if (c->type == COMMAND_LOAD)
        snprintf(answer.text, sizeof(answer.text), "%s", w->refusals);
    say(w, &answer);
}

static void *run(void *arg)
{
    struct fake_warden *w = arg;
    while (!atomic_load(&w->stop)) {
        struct pollfd fds[2] = {{w->listener, POLLIN, 0}, {w->peer, POLLIN, 0}};
        poll(fds, 2, 20);
        pthread_mutex_lock(&w->lock);
        struct command c;
        if (w->peer < 0)
            w->peer = command_accept(w->listener);
        int rc = 0;
        while (w->peer >= 0 && (rc = command_receive(w->peer, &c)) == 1)
            take(w, &c);
        if (rc < 0) {
            close(w->peer);
            w->peer = -1;
        }
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

void fake_warden_open(struct fake_warden *w, const char *dir)
{
    struct err err = {0};
    char path[300];
    memset(w, 0, sizeof(*w));
    w->peer = -1;
    w->last_pid = 40000;
    pthread_mutex_init(&w->lock, NULL);
    snprintf(path, sizeof(path), "%s/data", dir);
    mkdir(path, 0700);
    snprintf(w->run_dir, sizeof(w->run_dir), "%s/data/run", dir);
    mkdir(w->run_dir, 0700);
    struct table_spec spec = {PROCESS_TABLE_VERSION, sizeof(struct unit_record), sizeof(uint32_t),
                              1000};
    snprintf(path, sizeof(path), "%s/table", w->run_dir);
    w->table = table_create(path, &spec, &err);
    must(w->table);
    snprintf(path, sizeof(path), "%s/events", w->run_dir);
    w->ring = ring_open(path, RING_SIZE, &err);
    must(w->ring);
    snprintf(path, sizeof(path), "%s/warden.sock", w->run_dir);
    w->listener = command_listen(path, &err);
    must(w->listener >= 0);
    must(pthread_create(&w->thread, NULL, run, w) == 0);
}

void fake_warden_close(struct fake_warden *w)
{
    atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
    close(w->listener);
    if (w->peer >= 0)
        close(w->peer);
    table_close(&w->table);
    ring_close(&w->ring);
    pthread_mutex_destroy(&w->lock);
}

void fake_warden_kill(struct fake_warden *w, const char *unit, int status)
{
    bool is_new;
    pthread_mutex_lock(&w->lock);
    struct unit_record *r = table_record(w->table, unit, &is_new);
    must(!is_new && r->state == UNIT_RUNNING);
    r->restarts++;
    die(w, r, unit, status, CAUSE_ITSELF, UNIT_RESTARTING);
    start(w, r, unit);
    pthread_mutex_unlock(&w->lock);
}

bool fake_warden_heard(struct fake_warden *w, const char *line)
{
    pthread_mutex_lock(&w->lock);
    bool heard = strstr(w->heard, line) != NULL;
    pthread_mutex_unlock(&w->lock);
    return heard;
}

void fake_warden_state(struct fake_warden *w, const char *unit, enum unit_state to)
{
    bool is_new;
    pthread_mutex_lock(&w->lock);
    struct unit_record *r = table_record(w->table, unit, &is_new);
    must(!is_new);
    go_to(w, r, unit, to);
    pthread_mutex_unlock(&w->lock);
}

void fake_warden_death(struct fake_warden *w, const char *unit, int status, enum unit_state to)
{
    bool is_new;
    pthread_mutex_lock(&w->lock);
    struct unit_record *r = table_record(w->table, unit, &is_new);
    must(!is_new);
    die(w, r, unit, status, CAUSE_ITSELF, to);
    pthread_mutex_unlock(&w->lock);
}

void fake_warden_forget(struct fake_warden *w)
{
    pthread_mutex_lock(&w->lock);
    w->heard[0] = '\0';
    pthread_mutex_unlock(&w->lock);
}

int fake_warden_count(struct fake_warden *w, const char *line)
{
    int n = 0;
    pthread_mutex_lock(&w->lock);
    for (const char *p = w->heard; (p = strstr(p, line)) != NULL; p++)
        n++;
    pthread_mutex_unlock(&w->lock);
    return n;
}

struct line_wait {
    struct fake_warden *warden;
    const char *line;
    int n;
};

static bool has_come(struct bed *b, void *arg)
{
    struct line_wait *w = arg;
    (void)b;
    return fake_warden_count(w->warden, w->line) >= w->n;
}

bool fake_warden_until(struct fake_warden *w, struct bed *b, const char *line, int n)
{
    return bed_until(b, has_come, &(struct line_wait){w, line, n}, 15000);
}

void fake_warden_scribble(struct fake_warden *w, const char *unit, const struct unit_record *r)
{
    pthread_mutex_lock(&w->lock);
    struct unit_record *own = table_record(w->table, unit, NULL);
    *own = *r;
    table_show(w->table, own);
    pthread_mutex_unlock(&w->lock);
}

void fake_warden_tell(struct fake_warden *w, const char *unit, enum process_event_kind kind)
{
    struct process_event e = {.kind = kind, .from = UNIT_RUNNING, .to = UNIT_CRASHED, .pid = 1};
    e.failure = kind == PROCESS_DEATH;
    pthread_mutex_lock(&w->lock);
    publish(w, &e, unit);
    pthread_mutex_unlock(&w->lock);
}

void fake_warden_damage(struct fake_warden *w)
{
    char path[300], nonsense[8192];
    snprintf(path, sizeof(path), "%s/events", w->run_dir);
    memset(nonsense, 0xff, sizeof(nonsense));
    pthread_mutex_lock(&w->lock);
    w->damaged = true;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    must(fd >= 0);
    for (off_t at = 4096; at < (off_t)RING_SIZE; at += (off_t)sizeof(nonsense))
        must(pwrite(fd, nonsense, sizeof(nonsense), at) == (ssize_t)sizeof(nonsense));
    close(fd);
    pthread_mutex_unlock(&w->lock);
}
