/* The warden's role (warden.h): start the core, keep the children running, stop them in order.
 *
 *     RUNNING ──SIGTERM, SIGINT, or the core refused its configuration──▶ STOPPING_WATCHERS
 *             ──no watcher is left──▶ STOPPING_CORE ──the core ended──▶ STOPPED: exit
 *
 * Watchers go first so that what they publish last is still taken. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "app/roles.h"
#include "app/warden.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/proctitle.h"
#include "base/str.h"
#include "proc/procid.h"
#include "proc/signals.h"

#define CPU_SAMPLE_MS  10000
#define UNITS_RETRY_MS 20 /* a watcher is wanted again that has not ended yet */

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

/* --- what the supervisor tells -------------------------------------------------------------- */

static void on_change(void *arg, const struct unit_view *u, enum unit_state from)
{
    struct warden *w = arg;
    struct warden_child *c = warden_child_of(u);
    check_magic(w, WARDEN_MAGIC);
    (void)from;
    w->changed = true;
    switch (u->state) {
    case UNIT_STARTING:
        c->started_wall_ms = clock_wall_ms();
        c->start_time = process_start_time(u->pid);
        warden_map_beat(c);
        log_info("process started", F_STR("unit", c->name), F_INT("pid", u->pid),
                 F_INT("restarts", u->record->restarts));
        break;
    case UNIT_RUNNING:
        log_debug("process runs", F_STR("unit", c->name), F_INT("pid", u->pid));
        break;
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        if (u->record->next_ms > now_ms())
            log_warn(u->state == UNIT_BACKOFF
                         ? "process used up its restarts of this hour; it waits"
                         : "process keeps dying; it waits before the next start",
                     F_STR("unit", c->name), F_INT("wait_ms", u->record->next_ms - now_ms()));
        break;
    case UNIT_FATAL:
        if (streq(c->key, WARDEN_CORE_KEY))
            w->exit_status = EXIT_CONFIG; /* it said why; turn() ends the rest */
        else
            log_error("process given up; its targets are not probed", F_STR("unit", c->name),
                      F_INT("restarts", u->record->restarts));
        break;
    case UNIT_KILLING:
    case UNIT_STOPPING:
    case UNIT_STOPPED:
    default: /* states that Belfry's own processes do not have */
        break;
    }
}

static void log_death(const struct warden_child *c, const struct unit_death *d)
{
    char text[SPAWN_STATUS_SIZE];
    spawn_status_text(d->status, text);
    if (d->cause == CAUSE_ASKED)
        log_info("process ended as asked", F_STR("unit", c->name), F_INT("pid", d->pid),
                 F_STR("how", text));
    else
        log_warn("process crash detected", F_STR("unit", c->name), F_INT("pid", d->pid),
                 F_STR("how", text), F_STR("reason", d->reason[0] ? d->reason : "died by itself"),
                 F_INT("uptime_ms", d->died_ms - d->started_ms));
}

static void on_death(void *arg, const struct unit_view *u, const struct unit_death *d)
{
    struct warden *w = arg;
    struct warden_child *c = warden_child_of(u);
    if (d->pid == 0) { /* no process, so nothing to report on */
        w->changed = true;
        log_error("cannot start a process", F_STR("unit", c->name), F_STR("error", d->reason));
        return;
    }
    struct warden_report *r = calloc(1, sizeof(*r));
    must(r);
    int64_t wall = clock_wall_ms(), ran = d->died_ms - d->started_ms;
    *r = (struct warden_report){c, *d, wall - ran, wall, w->reports};
    w->reports = r;
    c->died_wall_ms = wall;
    w->changed = true;
    log_death(c, d);
}

static int64_t turned_ms(void *arg, const struct unit_view *u)
{
    const struct warden_child *c = warden_child_of(u);
    (void)arg;
    if (!c->beat || c->beat->pid != (uint32_t)u->pid)
        return 0; /* still its predecessor's */
    return atomic_load_explicit(&c->beat->turned_ns, memory_order_relaxed) / NS_PER_MS;
}

/* --- stopping ------------------------------------------------------------------------------- */

static bool watchers_left(const struct warden *w)
{
    struct unit_view u;
    for (size_t i = 0; supervisor_view(w->supervisor, i, &u); i++)
        if (u.pid > 0 && !streq(u.name, WARDEN_CORE_KEY))
            return true;
    return false;
}

static void begin_stop(struct warden *w, int exit_status)
{
    if (w->phase != WARDEN_RUNNING)
        return;
    w->phase = WARDEN_STOPPING_WATCHERS;
    w->exit_status = exit_status;
    w->changed = true;
    for (size_t i = 0; i < w->children.n; i++)
        if (!streq(w->children.at[i]->key, WARDEN_CORE_KEY))
            supervisor_stop(w->supervisor, w->children.at[i]->key, now_ms());
}

static void go_on_stopping(struct warden *w)
{
    if (w->phase == WARDEN_STOPPING_WATCHERS && !watchers_left(w)) {
        w->phase = WARDEN_STOPPING_CORE;
        supervisor_stop(w->supervisor, WARDEN_CORE_KEY, now_ms());
    }
    if (w->phase == WARDEN_STOPPING_CORE && supervisor_alive(w->supervisor) == 0)
        w->phase = WARDEN_STOPPED;
}

/* --- the loop ------------------------------------------------------------------------------- */

static void take_signals(struct warden *w)
{
    for (int signo; (signo = signals_next(w->signals)) != 0;) {
        switch (signo) {
        case SIGTERM:
        case SIGINT:
            log_info("stopping", F_STR("signal", spawn_signal_name(signo)));
            begin_stop(w, 0);
            break;
        case SIGHUP:
            log_info("reload asked for; the core does it");
            supervisor_signal(w->supervisor, WARDEN_CORE_KEY, SIGHUP);
            break;
        case SIGUSR1:
            w->units_due = true;
            break;
        default: /* SIGCHLD: supervisor_turn reaps */
            break;
        }
    }
}

/* Some seconds of history, for "how busy was the machine" in a crash report. */
static void sample_cpu(struct warden *w)
{
    if (w->cpu_ms != 0 && now_ms() - w->cpu_ms < CPU_SAMPLE_MS)
        return;
    crash_cpu_now(&w->cpu);
    w->cpu_ms = now_ms();
}

static void turn(struct warden *w)
{
    struct pollfd fds[2] = {{.fd = w->signals, .events = POLLIN},
                            {.fd = reaper_fd(w->reaper), .events = POLLIN}};
    int timeout = supervisor_timeout(w->supervisor, now_ms());
    if (w->units_due && (timeout < 0 || timeout > UNITS_RETRY_MS))
        timeout = UNITS_RETRY_MS;
    poll(fds, 2, timeout);
    take_signals(w);
    supervisor_turn(w->supervisor, now_ms());
    if (w->exit_status == EXIT_CONFIG)
        begin_stop(w, EXIT_CONFIG);
    if (w->units_due && w->phase == WARDEN_RUNNING)
        warden_read_units(w);
    go_on_stopping(w);
    if (w->changed)
        warden_write_state(w);
    if (w->reports) {
        warden_write_reports(w);
        warden_sweep(w);
    }
    sample_cpu(w);
}

static void run(struct warden *w)
{
    struct supervisor_config c = {.reaper = w->reaper,
                                  .arg = w,
                                  .on_change = on_change,
                                  .on_death = on_death,
                                  .turned_ms = turned_ms};
    w->supervisor = supervisor_new(&c);
    log_info("Belfry starts", F_STR("version", w->cfg->version), F_INT("pid", getpid()),
             F_STR("deaths_by", reaper_fd(w->reaper) >= 0 ? "pidfd" : "SIGCHLD"));
    warden_add_core(w);
    while (w->phase != WARDEN_STOPPED)
        turn(w);
    warden_write_state(w);
    log_info("Belfry stopped", F_INT("exit_status", w->exit_status));
}

static void warden_done(struct warden *w)
{
    supervisor_free(&w->supervisor);
    warden_write_reports(w);
    reaper_free(&w->reaper);
    while (w->children.n > 0) {
        struct warden_child *c = vec_pop(&w->children);
        warden_child_free(c);
    }
    vec_done(&w->children);
    fd_closep(&w->signals);
    fd_closep(&w->lock);
    free(w->run_dir);
    free(w->crash_dir);
    free(w->user);
    log_close();
}

int role_warden(const struct warden_config *cfg)
{
    struct warden w = {.magic = WARDEN_MAGIC, .cfg = cfg, .signals = -1, .lock = -1};
    struct err err = {0};
#ifdef __GLIBC__
    malloc_trim(0); /* what reading a large configuration left behind */
#endif
    w.started_ms = clock_wall_ms();
    w.run_dir = path_join(cfg->data_dir, "run");
    w.crash_dir = path_join(cfg->data_dir, "crash");
    proctitle_set("belfry: warden %s", cfg->config_path);
    w.reaper = reaper_new(REAP_ALL);
    int rc = 1;
    if (warden_prepare(&w, &err) < 0) {
        fprintf(stderr, "belfry: %s\n", err.msg);
    } else {
        warden_end_leftovers(&w);
        run(&w);
        rc = w.exit_status;
    }
    warden_done(&w);
    return rc;
}
