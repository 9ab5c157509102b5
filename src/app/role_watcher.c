/* The watcher's role: wires loop, resolver, HTTP client, ring, link and schedule, and runs until told to stop.
 * Started by the warden as `belfry --role=watcher`. It parses what targets send, so it holds nothing worth
 * stealing and may be killed at any moment; the ring keeps what it published. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/roles.h"
#include "app/watcher.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/fiber.h"

#define STOP_GRACE_NS (10 * NS_PER_S)

static void on_turn(void *arg)
{
    struct watcher *w = arg;
    atomic_store_explicit(&w->beat->turned_ns, loop_now_ns(w->loop), memory_order_relaxed);
}

static bool nothing_under_way(const struct watcher *w)
{
    return loop_fibers(w->loop) == 0;
}

/* Four times a second: gauges, and the end of a graceful stop. */
static void on_stats(struct timer *timer)
{
    struct watcher *w = container_of(timer, struct watcher, stats_timer);
    int64_t now = clock_mono_ns();
    struct beat_page *b = w->beat;
    b->loop_lag_ns = loop_lag_ns(w->loop);
    b->in_flight = (int64_t)loop_fibers(w->loop);
    b->probes = w->probes;
    b->missed_rounds =
        (int64_t)(w->sched.missed_late + w->sched.missed_running) + w->missed_no_room;
    b->late_max_ns = lateness_max(&w->lateness);
    b->late_p99_ns = lateness_quantile(&w->lateness, 0.99);
    if (w->stopping && (nothing_under_way(w) || now > w->stop_deadline_ns)) {
        loop_stop(w->loop);
        return;
    }
    timer_start(w->loop, timer, now + (w->stopping ? 20 : 250) * NS_PER_MS, on_stats);
}

static void on_stop(void *arg, int signo)
{
    struct watcher *w = arg;
    (void)signo;
    if (w->stopping)
        return;
    log_info("stopping: probes under way may finish", F_INT("in_flight", loop_fibers(w->loop)));
    w->stopping = true;
    w->stop_deadline_ns = clock_mono_ns() + STOP_GRACE_NS;
    timer_stop(&w->round_timer);
    timer_start(w->loop, &w->stats_timer, clock_mono_ns(), on_stats);
}

static void ignore_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static char *run_path(const struct watcher_options *opt, const char *kind)
{
    char *path;
    must(asprintf(&path, "%s/%s/%s", opt->run_dir, kind, opt->key) > 0);
    return path;
}

static int open_parts(struct watcher *w, const struct watcher_options *opt, struct err *err)
{
    char *ring = run_path(opt, "rings"), *beat = run_path(opt, "beat");
    char *link = path_join(opt->run_dir, "link.sock");
    w->assign_path = run_path(opt, "assign");
    int rc = -1;
    if ((w->ring = ring_open(ring, (size_t)opt->ring_size, err)) != NULL &&
        (w->beat = beat_map(beat, err)) != NULL && (w->loop = loop_new(err)) != NULL &&
        (w->env.resolver = resolver_new(w->loop, err)) != NULL &&
        (w->env.http = http_client_new(w->loop, w->env.resolver, err)) != NULL &&
        (w->link = link_connect(w->loop, link, opt->key, watcher_on_message, w, err)) != NULL)
        rc = 0;
    w->env.loop = w->loop;
    free(ring);
    free(beat);
    free(link);
    return rc;
}

static void close_parts(struct watcher *w)
{
    link_client_close(&w->link);
    http_client_free(w->env.http);
    resolver_free(w->env.resolver);
    loop_free(w->loop);
    sched_done(&w->sched);
    ring_close(&w->ring);
    beat_unmap(&w->beat);
}

int role_watcher(const struct watcher_options *opt)
{
    struct err err = {0};
    struct watcher *w = calloc(1, sizeof(*w));
    must(w);
    w->magic = WATCHER_MAGIC;
    w->targets = map_u64_new();
    if (open_parts(w, opt, &err) != 0) {
        log_error("watcher cannot start", F_ERR(&err));
        return 1;
    }
    loop_set_max_fibers(w->loop, (size_t)opt->max_in_flight);
    beat_reset(w->beat);
    loop_on_turn(w->loop, on_turn, w);
    struct signal_watch *term = signal_open(w->loop, SIGTERM, on_stop, w, &err);
    struct signal_watch *intr = signal_open(w->loop, SIGINT, on_stop, w, &err);
    struct signal_watch *hup = signal_open(w->loop, SIGHUP, ignore_signal, w, &err);
    watcher_load(w);
    timer_start(w->loop, &w->stats_timer, clock_mono_ns(), on_stats);
    loop_run(w->loop);
    log_info("watcher stopped", F_INT("probes", w->probes));
    signal_close(&term);
    signal_close(&intr);
    signal_close(&hup);
    close_parts(w);
    return 0;
}
