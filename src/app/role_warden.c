/* The warden's role (warden.h): start the core, keep the children running, stop them in order.
 *
 *     RUNNING ──SIGTERM, SIGINT, or the core refused its configuration──▶ STOPPING_PROGRAMS
 *             ──no program has a process──▶ STOPPING_WATCHERS ──no watcher is left──▶ STOPPING_CORE
 *             ──the core ended──▶ STOPPING_OUTPUT ──it has drained the pipes──▶ STOPPED: exit
 *     RUNNING ──upgrade──▶ STOPPING_WATCHERS … STOPPING_OUTPUT ──▶ exec, or when that fails: RUNNING
 *
 * Programs go first, so that what happens to them is still told and what they print last is still taken; watchers before
 * the core, so that what they publish last is still taken. */
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
#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/proctitle.h"
#include "base/str.h"
#include "proc/procid.h"
#include "proc/signals.h"

#define CPU_SAMPLE_MS    10000
#define LEFTOVER_LOOK_MS 5
#define CORE_RETRY_MS    10000
#define WRITE_MS         20 /* from one warden.json to the next: many changes in a row are one */
#define UNITS_RETRY_MS   20 /* a watcher is wanted again that has not ended yet */

/* --- stopping ------------------------------------------------------------------------------- */

static bool lives(const struct warden *w, const char *key)
{
    struct unit_view u;
    return supervisor_find(w->supervisor, key, &u) && u.pid > 0;
}

static bool watchers_live(const struct warden *w)
{
    for (size_t i = 0; i < w->children.n; i++)
        if (warden_child_is_watcher(w->children.at[i]) && lives(w, w->children.at[i]->key))
            return true;
    return false;
}

static void stop_watchers(struct warden *w)
{
    w->phase = WARDEN_STOPPING_WATCHERS;
    for (size_t i = 0; i < w->children.n; i++)
        if (warden_child_is_watcher(w->children.at[i]))
            supervisor_stop(w->supervisor, w->children.at[i]->key, warden_now_ms());
}

static bool is_program(void *arg, const struct unit_view *u)
{
    (void)arg;
    return program_of(u) != NULL;
}

/* An upgrade that is under way becomes a stop. */
static void begin_stop(struct warden *w, int exit_status)
{
    if (w->phase != WARDEN_RUNNING && !w->upgrading)
        return;
    w->phase = WARDEN_STOPPING_PROGRAMS;
    w->upgrading = false;
    w->exit_status = exit_status;
    w->changed = true;
    supervisor_stop_all(w->supervisor, is_program, NULL, warden_now_ms());
}

void warden_stop_own(struct warden *w)
{
    must(w->phase == WARDEN_RUNNING);
    w->changed = true;
    stop_watchers(w);
}

void warden_start_own(struct warden *w)
{
    w->phase = WARDEN_RUNNING;
    w->changed = true;
    w->units_due = true;
    for (size_t i = 0; i < w->children.n; i++)
        supervisor_start(w->supervisor, w->children.at[i]->key, warden_now_ms());
}

static void go_on_stopping(struct warden *w)
{
    if (w->phase == WARDEN_STOPPING_PROGRAMS && !programs_live(w->programs))
        stop_watchers(w);
    if (w->phase == WARDEN_STOPPING_WATCHERS && !watchers_live(w)) {
        w->phase = WARDEN_STOPPING_CORE;
        supervisor_stop(w->supervisor, WARDEN_CORE_KEY, warden_now_ms());
    }
    if (w->phase == WARDEN_STOPPING_CORE && !lives(w, WARDEN_CORE_KEY)) {
        w->phase = WARDEN_STOPPING_OUTPUT;
        supervisor_stop(w->supervisor, WARDEN_OUTPUT_KEY, warden_now_ms());
    }
    if (w->phase == WARDEN_STOPPING_OUTPUT && !lives(w, WARDEN_OUTPUT_KEY)) {
        if (w->upgrading)
            warden_execute(w);
        else
            w->phase = WARDEN_STOPPED;
    }
}

/* Without programs there is nothing to live for. With them: they go on, and the configuration may be put right. */
static void on_core_refused(struct warden *w)
{
    w->core_refused = false;
    if (!programs_live(w->programs)) {
        begin_stop(w, EXIT_CONFIG);
        return;
    }
    w->core_retry_ms = warden_now_ms() + CORE_RETRY_MS;
    log_error("the core refuses its configuration; programs run on, it is tried again",
              F_INT("wait_ms", CORE_RETRY_MS));
}

static void retry_core(struct warden *w)
{
    if (w->core_retry_ms == 0 || warden_now_ms() < w->core_retry_ms || w->phase != WARDEN_RUNNING)
        return;
    w->core_retry_ms = 0;
    supervisor_start(w->supervisor, WARDEN_CORE_KEY, warden_now_ms());
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
        case SIGUSR2:
            warden_ask_upgrade(w, (struct door_ticket){0});
            break;
        default: /* SIGCHLD: supervisor_turn reaps */
            break;
        }
    }
}

/* Some seconds of history, for "how busy was the machine" in a crash report. */
static void sample_cpu(struct warden *w)
{
    if (w->cpu_ms != 0 && warden_now_ms() - w->cpu_ms < CPU_SAMPLE_MS)
        return;
    crash_cpu_now(&w->cpu);
    w->cpu_ms = warden_now_ms();
}

/* Programs that run already are looked after from the first turn on; the rest waits for its predecessors' end. */
static void start_own(struct warden *w)
{
    if (w->own_started || w->phase != WARDEN_RUNNING || !warden_leftovers_ended(w))
        return;
    w->own_started = true;
    if (w->output_wanted)
        warden_need_output(w);
    warden_add_core(w);
}

static int sooner(int timeout, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    return timeout < 0 || timeout > ms ? (int)ms : timeout;
}

static int timeout_of(const struct warden *w)
{
    int timeout = supervisor_timeout(w->supervisor, warden_now_ms());
    if (w->units_due && w->phase == WARDEN_RUNNING)
        timeout = sooner(timeout, UNITS_RETRY_MS);
    if (!w->own_started && w->phase == WARDEN_RUNNING)
        timeout = sooner(timeout, LEFTOVER_LOOK_MS);
    if (w->changed && w->own_started)
        timeout = sooner(timeout, w->written_ms + WRITE_MS - warden_now_ms());
    if (w->core_retry_ms > 0 && w->phase == WARDEN_RUNNING)
        timeout = sooner(timeout, w->core_retry_ms - warden_now_ms());
    return timeout;
}

static void wait_for_something(struct warden *w)
{
    struct pollfd fds[3 + DOOR_POLL] = {{.fd = w->signals, .events = POLLIN},
                                        {.fd = reaper_fd(w->reaper), .events = POLLIN},
                                        {.fd = w->programs->gather, .events = POLLIN}};
    size_t n = 3 + door_poll(w->door, fds + 3);
    bool stirred = false;
    poll(fds, n, timeout_of(w));
    if (fds[0].revents)
        take_signals(w);
    for (size_t i = 3; i < n; i++)
        stirred |= fds[i].revents != 0;
    if (stirred)
        door_turn(w);
    if (fds[2].revents)
        programs_take_notify(w->programs);
}

/* What others see follows what happened: at most once a turn, and the file of states not each turn. */
static void tell(struct warden *w)
{
    programs_sweep(w->programs);
    if (w->programs->wake_due)
        w->programs->wake_due = !door_wake(w->door);
    if (w->changed && w->own_started && warden_now_ms() - w->written_ms >= WRITE_MS)
        warden_write_state(w);
    if (w->reports) {
        warden_write_reports(w);
        warden_sweep(w);
    }
    sample_cpu(w);
}

static void turn(struct warden *w)
{
    wait_for_something(w);
    supervisor_turn(w->supervisor, warden_now_ms());
    if (w->core_refused)
        on_core_refused(w);
    start_own(w);
    retry_core(w);
    warden_go_on_upgrading(w);
    if (w->units_due && w->phase == WARDEN_RUNNING)
        warden_read_units(w);
    warden_tell_output(w);
    go_on_stopping(w);
    tell(w);
}

static void run(struct warden *w)
{
    struct supervisor_config c = warden_callbacks(w);
    w->supervisor = supervisor_new(&c);
    w->programs = programs_new(w);
    log_info("Belfry starts", F_STR("version", w->cfg->version), F_INT("pid", getpid()),
             F_STR("deaths_by", reaper_fd(w->reaper) >= 0 ? "pidfd" : "SIGCHLD"));
    warden_note_upgrade(w);
    programs_take_over(w->programs);
    inherit_free(&w->inherited);
    warden_end_leftovers(w);
    start_own(w);
    while (w->phase != WARDEN_STOPPED)
        turn(w);
    warden_write_state(w);
    programs_leave_nothing(w->programs);
    log_info("Belfry stopped", F_INT("exit_status", w->exit_status));
}

static void warden_done(struct warden *w)
{
    if (w->supervisor)
        warden_write_reports(w);
    supervisor_free(&w->supervisor);
    programs_free(&w->programs);
    door_close(&w->door);
    inherit_free(&w->inherited);
    reaper_free(&w->reaper);
    while (w->children.n > 0) {
        struct warden_child *c = vec_pop(&w->children);
        warden_child_free(c);
    }
    vec_done(&w->children);
    vec_done(&w->leftovers);
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
        run(&w);
        rc = w.exit_status;
    }
    warden_done(&w);
    return rc;
}
