/* The core's end of data/run/warden.sock (ipc/command.h): commands go out in order, each answer finds who asked. Neither
 * side waits for the other: what the socket does not take is kept, and when the warden goes away everybody who asked is
 * told so. After each connection the list of programs is loaded anew. Main loop. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "core/process_priv.h"

#define RETRY_NS    (100 * NS_PER_MS)
#define PATIENCE_NS (60 * NS_PER_S) /* an upgrade checks the new program first */
#define WAITING_MAX 20000

struct asked {
    warden_answer *fn;
    void *arg;
    int64_t deadline_ns;
};

struct warden_link {
    struct core *core;
    char *path;
    int fd; /* -1: not connected */
    struct watch *watch;
    struct timer retry;
    uint64_t next_id;
    struct map_u64 *asked;      /* id → struct asked */
    vec_of(struct command) out; /* not taken by the socket yet, from out_at */
    size_t out_at;
};

struct command core__command(enum command_type type, const char *unit)
{
    struct command c = {.version = COMMAND_VERSION, .type = type};
    must(strlen(unit) <= COMMAND_UNIT_MAX);
    memcpy(c.unit, unit, strlen(unit) + 1);
    return c;
}

static void answer(struct asked *a, const struct err *err, const char *text)
{
    if (a->fn)
        a->fn(a->arg, err, text);
    free(a);
}

static void refuse_all(struct warden_link *l, const char *why)
{
    uint64_t id;
    void *value;
    struct err err = {0};
    err_set(&err, ERR_BUSY, "%s", why);
    for (size_t it = 0; map_u64_next(l->asked, &it, &id, &value);) {
        map_u64_del(l->asked, id);
        answer(value, &err, "");
    }
}

static void on_retry(struct timer *t);

static void disconnect(struct warden_link *l)
{
    watch_close(&l->watch);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    vec_clear(&l->out);
    l->out_at = 0;
    timer_start(l->core->loop, &l->retry, clock_mono_ns() + RETRY_NS, on_retry);
    refuse_all(l, "the warden went away; the programs run on");
}

/* As much as the socket takes. */
static void push_out(struct warden_link *l)
{
    while (l->out_at < l->out.n && command_send(l->fd, &l->out.at[l->out_at]))
        l->out_at++;
    if (l->out_at == l->out.n) {
        vec_clear(&l->out);
        l->out_at = 0;
    }
    watch_set(l->watch, l->out.n ? IO_READ | IO_WRITE : IO_READ, NULL);
}

static void take(struct warden_link *l, const struct command *c)
{
    if (c->type == COMMAND_WAKE)
        core__tap_drain(&l->core->programs->tap);
    if (c->type != COMMAND_ANSWER)
        return;
    struct asked *a = map_u64_del(l->asked, c->id);
    if (!a)
        return; /* it was answered by its patience */
    struct err err = {0};
    bool known = c->code >= 0 && c->code <= ERR_INTERNAL;
    if (c->code != 0)
        err_set(&err, known ? (enum err_code)c->code : ERR_INTERNAL, "%s",
                *c->text ? c->text : "the warden refused");
    answer(a, c->code ? &err : NULL, c->text);
}

static void on_ready(void *arg, int events)
{
    struct warden_link *l = arg;
    struct command c;
    int rc = 0;
    (void)events;
    while (l->fd >= 0 && (rc = command_receive(l->fd, &c)) > 0)
        take(l, &c);
    if (l->fd < 0)
        return;
    if (rc < 0)
        disconnect(l);
    else
        push_out(l);
}

static void on_loaded(void *arg, const struct err *err, const char *text)
{
    struct core *c = arg;
    if (err)
        log_warn("the warden did not take the list of programs", F_ERR(err));
    else {
        core__tap_drain(&c->programs->tap); /* what it told before */
        core__refusals_take(c, text);
    }
    core__errands_look(c);
}

void core__warden_load(struct warden_link *l)
{
    struct command load = core__command(COMMAND_LOAD, "");
    if (l->fd >= 0)
        core__warden_ask(l, &load, on_loaded, l->core, NULL);
}

static void try_connect(struct warden_link *l)
{
    struct err err = {0};
    l->fd = command_connect(l->path, &err);
    if (l->fd >= 0)
        l->watch = watch_open(l->core->loop, l->fd, IO_READ, on_ready, l, &err);
    if (!l->watch) {
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
        timer_start(l->core->loop, &l->retry, clock_mono_ns() + RETRY_NS, on_retry);
        return;
    }
    core__warden_load(l);
    core__programs_connected(l->core);
}

static void on_retry(struct timer *t)
{
    try_connect(container_of(t, struct warden_link, retry));
}

struct warden_link *core__warden_new(struct core *c)
{
    struct warden_link *l = calloc(1, sizeof(*l));
    must(l);
    l->core = c;
    l->fd = -1;
    l->path = path_join(c->run_dir, "warden.sock");
    l->asked = map_u64_new();
    l->next_id = (uint64_t)clock_wall_ms() << 16;
    timer_start(c->loop, &l->retry, clock_mono_ns(), on_retry);
    return l;
}

void core__warden_free(struct warden_link **link)
{
    struct warden_link *l = *link;
    if (!l)
        return;
    *link = NULL;
    timer_stop(&l->retry);
    watch_close(&l->watch);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    refuse_all(l, "Belfry is stopping");
    map_u64_free(l->asked);
    vec_done(&l->out);
    free(l->path);
    free(l);
}

bool core__warden_connected(const struct warden_link *l)
{
    return l && l->fd >= 0;
}

int core__warden_ask(struct warden_link *l, const struct command *what, warden_answer *fn,
                     void *arg, struct err *err)
{
    if (!core__warden_connected(l))
        return err_set(err, ERR_BUSY, "the warden cannot be reached now; the programs run on");
    if (l->out.n - l->out_at >= WAITING_MAX)
        return err_set(err, ERR_BUSY, "%d commands wait for the warden already", WAITING_MAX);
    struct asked *a = calloc(1, sizeof(*a));
    must(a);
    *a = (struct asked){fn, arg, clock_mono_ns() + PATIENCE_NS};
    struct command c = *what;
    c.id = ++l->next_id;
    map_u64_put(l->asked, c.id, a);
    vec_push(&l->out, c);
    push_out(l);
    return 0;
}

void core__warden_expire(struct warden_link *l)
{
    uint64_t id;
    void *value;
    int64_t now = clock_mono_ns();
    struct err err = {0};
    err_set(&err, ERR_TIMEOUT, "the warden did not answer in time");
    for (size_t it = 0; map_u64_next(l->asked, &it, &id, &value);) {
        struct asked *a = value;
        if (a->deadline_ns > now)
            continue;
        map_u64_del(l->asked, id);
        answer(a, &err, "");
    }
}
