/* The watcher's role: wires loop, resolver, HTTP client, ring, link and schedule, and runs until told to stop.
 * Started by the warden as `belfry --role=watcher`. It parses what targets send, so it holds nothing worth
 * stealing and may be killed at any moment; the ring keeps what it published. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "app/roles.h"
#include "app/watcher.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/fiber.h"
#include "probe/icmp_hub.h"
#include "probe/memo.h"
#include "probe/kafka_hub.h"

#define OWN_FIBERS    8 /* loading an assignment, and room to spare */
#define STOP_GRACE_NS (10 * NS_PER_S)
#define GRID_NS       (5 * NS_PER_MS)
#define TRIM_EVERY_NS (30 * NS_PER_S)
#define TRIM_ABOVE    ((size_t)8 << 20) /* less is not worth the faults when it is used again */

static void on_turn(void *arg)
{
    struct watcher *w = arg;
    atomic_store_explicit(&w->beat->turned_ns, loop_now_ns(w->loop), memory_order_relaxed);
}

static bool nothing_under_way(const struct watcher *w)
{
    return loop_fibers(w->loop) == 0;
}

static struct ring *open_ring(struct watcher *w, struct err *err)
{
    struct ring *r = ring_open(w->ring_path, w->ring_size, err);
    if (r && ring_claim(r, err) < 0)
        ring_close(&r);
    return r;
}

/* The core sets a damaged ring aside and begins a new file; results must not go on into the old one. */
static void look_at_ring(struct watcher *w, int64_t now)
{
    struct err err = {0};
    if (now < w->ring_look_ns)
        return;
    w->ring_look_ns = now + NS_PER_S;
    if (!ring_stale(w->ring))
        return;
    struct ring *fresh = open_ring(w, &err);
    if (!fresh) {
        log_error("cannot open the new ring; results are lost until that works", F_ERR(&err));
        return;
    }
    ring_close(&w->ring);
    w->ring = fresh;
    log_warn("the core replaced the ring; results go into the new one");
}

/* Rounds missed since the last word about it, at most once a minute. */
static void tell_missed(struct watcher *w, int64_t missed, int64_t now)
{
    if (missed == w->missed_told || now < w->missed_told_ns + 60 * NS_PER_S)
        return;
    log_warn(
        "rounds were missed; the watcher is too busy, or probes take longer than their interval",
        F_INT("rounds", missed - w->missed_told), F_INT("late", w->sched.missed_late),
        F_INT("still_running", w->sched.missed_running), F_INT("no_room", w->missed_no_room));
    w->missed_told = missed;
    w->missed_told_ns = now;
}

/* The first round of a thousand targets leaves far more behind than the later ones need: of 58 MB for https, 33. */
static void give_memory_back(struct watcher *w, int64_t now)
{
    if (now < w->trim_ns)
        return;
    w->trim_ns = now + TRIM_EVERY_NS;
#ifdef __GLIBC__
    if (mallinfo2().fordblks > TRIM_ABOVE)
        malloc_trim(0);
#endif
}

/* Four times a second: gauges, and the end of a graceful stop. */
static void on_stats(struct timer *timer)
{
    struct watcher *w = container_of(timer, struct watcher, stats_timer);
    int64_t now = clock_mono_ns();
    struct beat_page *b = w->beat;
    check_magic(w, WATCHER_MAGIC);
    must(b && w->ring);
    look_at_ring(w, now);
    b->loop_lag_ns = loop_lag_ns(w->loop);
    b->in_flight = (int64_t)loop_fibers(w->loop);
    b->probes = w->probes;
    b->missed_rounds =
        (int64_t)(w->sched.missed_late + w->sched.missed_running) + w->missed_no_room;
    tell_missed(w, b->missed_rounds, now);
    give_memory_back(w, now);
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
    check_magic(w, WATCHER_MAGIC);
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
    char *beat = run_path(opt, "beat");
    w->ring_path = run_path(opt, "rings");
    w->ring_size = (size_t)opt->ring_size;
    char *link = path_join(opt->run_dir, "link.sock");
    w->assign_path = run_path(opt, "assign");
    int rc = -1;
    if ((w->ring = open_ring(w, err)) != NULL && (w->beat = beat_map(beat, err)) != NULL &&
        (w->loop = loop_new(err)) != NULL &&
        (w->env.resolver = resolver_new(w->loop, err)) != NULL &&
        (w->env.http = http_client_new(w->loop, w->env.resolver, err)) != NULL &&
        (w->link = link_connect(w->loop, link, opt->key, watcher_on_message, w, err)) != NULL)
        rc = 0;
    w->env.loop = w->loop;
    if (w->loop) {
        w->env.icmp = icmp_hub_new(w->loop);
        w->env.kafka = kafka_hub_new(w->loop);
        w->env.memo = memo_new();
    }
    free(beat);
    free(link);
    return rc;
}

static void close_parts(struct watcher *w)
{
    link_client_close(&w->link);
    icmp_hub_free(&w->env.icmp);
    kafka_hub_free(&w->env.kafka);
    memo_free(&w->env.memo);
    http_client_free(w->env.http);
    resolver_free(w->env.resolver);
    loop_free(w->loop);
    sched_done(&w->sched);
    ring_close(&w->ring);
    beat_unmap(&w->beat);
}

/* Each turn of the loop frees what its probes used; without room to keep it, glibc gives the pages back and faults them
 * in again, which costs more than an echo does. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 256 << 10);
#endif
}

int role_watcher(const struct watcher_options *opt)
{
    struct err err = {0};
    struct watcher *w = calloc(1, sizeof(*w));
    must(w);
    keep_freed_memory();
    w->magic = WATCHER_MAGIC;
    w->targets = map_u64_new();
    w->no_exec = opt->no_exec;
    w->sched.grid_ns = GRID_NS;
    w->sched.grid_phase_ns =
        (int64_t)(hash_bytes(opt->key, strlen(opt->key), 0) % (uint64_t)GRID_NS);
    if (open_parts(w, opt, &err) != 0) {
        log_error("watcher cannot start", F_ERR(&err));
        map_u64_free(w->targets);
        free(w);
        return 1;
    }
    raise_open_files();
    loop_set_max_fibers(w->loop, (size_t)opt->max_in_flight + OWN_FIBERS);
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
    if (nothing_under_way(
            w)) /* else probes still use what would be closed; the process ends anyway */
        close_parts(w);
    return 0;
}
