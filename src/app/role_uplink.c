/* The uplink's role: wires loop, resolver, HTTP client, the watcher's ring and link, and runs until told to stop. Started by an
 * agent's warden as `belfry --role=uplink`; what it is: uplink.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/roles.h"
#include "app/uplink.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "io/fiber.h"
#include "io/resolve.h"

#define STATS_NS (250 * NS_PER_MS)
#define STOP_NS  (8 * NS_PER_S) /* for sending what the ring holds */

static void on_turn(void *arg)
{
    struct uplink *u = arg;
    atomic_store_explicit(&u->beat->turned_ns, loop_now_ns(u->loop), memory_order_relaxed);
}

static void on_stats(struct timer *t)
{
    struct uplink *u = container_of(t, struct uplink, stats_timer);
    check_magic(u, UPLINK_MAGIC);
    u->beat->loop_lag_ns = loop_lag_ns(u->loop);
    u->beat->assignment = (int64_t)u->generation;
    timer_start(u->loop, t, clock_mono_ns() + STATS_NS, on_stats);
}

static void on_link(void *arg, const char *peer, const struct link_message *m)
{
    struct uplink *u = arg;
    check_magic(u, UPLINK_MAGIC);
    if (strcmp(peer, AGENT_WATCHER_KEY) != 0)
        return;
    if (m->type == LINK_HELLO) /* its assignment may be of an earlier life of ours */
        link_send(u->link, peer, LINK_RELOAD, 0, NULL, 0, NULL);
    uplink_wake(u, m->type == LINK_WAKE);
}

/* --- stopping ------------------------------------------------------------------------------- */

static void on_grace_over(struct timer *t)
{
    struct uplink *u = container_of(t, struct uplink, stop_timer);
    check_magic(u, UPLINK_MAGIC);
    if (u->fiber)
        fiber_cancel(u->fiber);
}

static void on_stop(void *arg, int signo)
{
    struct uplink *u = arg;
    (void)signo;
    check_magic(u, UPLINK_MAGIC);
    if (u->stopping)
        return;
    u->stopping = true;
    log_info("stopping: what the ring holds is sent; what cannot be sent stays on the disk");
    timer_start(u->loop, &u->stop_timer, clock_mono_ns() + STOP_NS, on_grace_over);
    if (u->parked)
        fiber_wake(u->fiber);
}

void uplink_read_token(struct uplink *u)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct err err = {0};
    const char *token = agent_token(&u->settings, a, &err);
    if (!token) {
        log_error("cannot read the token; the old one is sent", F_ERR(&err));
        return;
    }
    free(u->token_text);
    u->token = u->token_text = strdup(token);
    must(u->token);
}

static void on_hup(void *arg, int signo)
{
    struct uplink *u = arg;
    (void)signo;
    check_magic(u, UPLINK_MAGIC);
    uplink_read_token(u);
    u->hurry = true;
    if (u->parked)
        fiber_wake(u->fiber);
}

/* --- starting ------------------------------------------------------------------------------- */

static int open_link(struct uplink *u, const char *run_dir, struct err *err)
{
    char *path = path_join(run_dir, "link.sock");
    u->link = link_listen(u->loop, path, on_link, u, err);
    free(path);
    return u->link ? 0 : -1;
}

/* The warden starts the watcher as soon as it reads this. */
static int write_units(const char *run_dir, struct err *err)
{
    static const char line[] = AGENT_WATCHER_KEY "\t" AGENT_WATCHER_NAME "\n";
    char *path = path_join(run_dir, "units");
    int rc = fs_write_atomic(path, line, sizeof(line) - 1, 0600, false, err);
    free(path);
    return rc;
}

static struct beat_page *open_beat(const char *run_dir, struct err *err)
{
    char *path;
    must(asprintf(&path, "%s/beat/core", run_dir) > 0); /* the warden's child of this key */
    struct beat_page *b = beat_map(path, err);
    free(path);
    return b;
}

/* Which agent this is: drawn at the first start. */
static int know_itself(struct uplink *u, const char *run_dir, struct err *err)
{
    cleanup(buf_done) struct buf text = BUF_INIT(sizeof(u->number));
    char *path = path_join(run_dir, "agent.id");
    uint64_t n = 0;
    bool known = fs_read(path, &text, NULL) == 0 &&
                 str_to_u64((struct str){text.data ? text.data : "", text.len}, &n, NULL) == 0;
    if (!known || n == 0)
        n = rng_secure_u64() | 1;
    snprintf(u->number, sizeof(u->number), "%llu", (unsigned long long)n);
    int rc = known ? 0 : fs_write_atomic(path, u->number, strlen(u->number), 0600, true, err);
    free(path);
    return rc;
}

static int open_parts(struct uplink *u, const struct uplink_options *opt, struct err *err)
{
    must(asprintf(&u->ring_path, "%s/rings/" AGENT_WATCHER_KEY, opt->run_dir) > 0);
    must(asprintf(&u->former_path, "%s.former", u->ring_path) > 0);
    must(asprintf(&u->assign_path, "%s/assign/" AGENT_WATCHER_KEY, opt->run_dir) > 0);
    if (agent_settings_read(opt->settings_path, u->arena, &u->settings, err) != 0)
        return -1;
    uplink_read_token(u);
    if (know_itself(u, opt->run_dir, err) != 0)
        return -1;
    uplink_ring_fit(u);
    if ((u->loop = loop_new(err)) == NULL || (u->beat = open_beat(opt->run_dir, err)) == NULL ||
        (u->resolver = resolver_new(u->loop, err)) == NULL ||
        (u->http = http_client_new(u->loop, u->resolver, err)) == NULL ||
        uplink_ring_open(u, err) != 0 || uplink_open_assignment(u, err) != 0 ||
        open_link(u, opt->run_dir, err) != 0 || write_units(opt->run_dir, err) != 0)
        return -1;
    beat_reset(u->beat);
    return 0;
}

static void close_parts(struct uplink *u)
{
    link_server_close(&u->link);
    http_client_free(u->http);
    resolver_free(u->resolver);
    loop_free(u->loop);
    ring_close(&u->ring);
    beat_unmap(&u->beat);
    arena_free(u->arena);
    free(u->ring_path);
    free(u->former_path);
    free(u->assign_path);
    free(u->token_text);
}

static int run(struct uplink *u, pid_t warden)
{
    struct err err = {0};
    struct signal_watch *term = signal_open(u->loop, SIGTERM, on_stop, u, &err);
    struct signal_watch *intr = signal_open(u->loop, SIGINT, on_stop, u, &err);
    struct signal_watch *hup = signal_open(u->loop, SIGHUP, on_hup, u, &err);
    loop_on_turn(u->loop, on_turn, u);
    timer_start(u->loop, &u->stats_timer, clock_mono_ns(), on_stats);
    if (warden > 1)
        kill(warden, SIGUSR1);
    int rc = fiber_start(u->loop, uplink_serve, u, &err);
    if (rc == 0)
        loop_run(u->loop);
    else
        log_error("the uplink cannot start", F_ERR(&err));
    timer_stop(&u->stats_timer);
    timer_stop(&u->stop_timer);
    signal_close(&term);
    signal_close(&intr);
    signal_close(&hup);
    return rc;
}

int role_uplink(const struct uplink_options *opt)
{
    struct err err = {0};
    struct uplink *u = calloc(1, sizeof(*u));
    must(u);
    u->magic = UPLINK_MAGIC;
    u->arena = arena_new();
    u->post_max = PARCEL_MAX;
    u->away_ns = -1; /* the first connection is told */
    u->token = "";
    rng_seed(&u->rng, rng_secure_u64());
    int rc = open_parts(u, opt, &err);
    if (rc != 0)
        log_error("the uplink cannot start", F_ERR(&err));
    else
        rc = run(u, opt->warden);
    log_info("the uplink stopped",
             F_INT("waiting_bytes", u->ring ? (int64_t)ring_stats(u->ring).used : 0));
    close_parts(u);
    free(u);
    return rc == 0 ? 0 : err.code == ERR_INVALID ? EXIT_CONFIG : 1;
}
