/* Rounds, checks on demand and publishing of a watcher; on its loop. */
#include "app/watcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "io/fiber.h"

#define RECORD_MAX 65536
#define URGENT_NS  (5 * NS_PER_MS)

static bool fills(const struct ring *r)
{
    struct ring_stats s = ring_stats(r);
    return s.used > s.size / 4;
}

/* The core looks into a busy ring every 20 to 100 ms. What may begin or end an alert, or is waited for, should not wait so
 * long, nor should a ring that fills; when everything fails at once, a wake-up each 5 ms is enough. */
static bool is_urgent(struct watcher *w, const struct watched *t, const struct result *r)
{
    bool matters = !r->success || r->request_id || (t && t->failed) || fills(w->ring);
    int64_t now = loop_now_ns(w->loop);
    if (!matters || now < w->next_urgent_ns)
        return false;
    w->next_urgent_ns = now + URGENT_NS;
    return true;
}

void watcher_publish(struct watcher *w, struct watched *t, const struct result *r)
{
    struct buf out = BUF_INIT(RECORD_MAX);
    bool wake = false;
    result_encode(r, &out);
    if (out.failed || !ring_publish(w->ring, out.data, out.len, NULL, &wake))
        w->beat->ring_dropped++;
    else if (wake || is_urgent(w, t, r))
        link_wake(w->link);
    if (t)
        t->failed = !r->success;
    buf_done(&out);
}

/* One probe under way: of a target at its round, or asked for by the core. */
struct run {
    struct watcher *watcher;
    struct watched *target;    /* NULL for a TRY */
    struct compiled *compiled; /* owned for a TRY, else the target's */
    struct probe_limits limits;
    uint64_t request_id;
    struct err refused; /* why it cannot be probed, when compiled is NULL */
};

static void finish_target(struct watched *t, bool was_round)
{
    must(t->probes_running > 0 && (!was_round || t->item.running));
    t->probes_running--;
    if (was_round)
        t->item.running = false;
    if (t->removed && t->probes_running == 0)
        watched_free(t);
}

static void probe_fiber(void *arg)
{
    struct run *run = arg;
    struct watcher *w = run->watcher;
    check_magic(w, WATCHER_MAGIC);
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    if (run->compiled) {
        probe_run(&w->env, run->compiled, &run->limits, a, r);
    } else {
        result_init(r, a);
        r->checked_ms = clock_wall_ms();
        result_fail_err(r, &run->refused);
    }
    r->target_id = run->target ? run->target->item.id : 0;
    r->request_id = run->request_id;
    watcher_publish(w, run->target, r);
    arena_free(a);
    w->probes++;
    if (run->target)
        finish_target(run->target, run->request_id == 0);
    else
        compiled_free(run->compiled);
    free(run);
}

int watcher_start_probe(struct watcher *w, struct watched *t, uint64_t request_id, struct err *err)
{
    struct run *run = calloc(1, sizeof(*run));
    must(run);
    must(!t->removed && (request_id != 0 || !t->item.running)); /* never overlapping itself */
    *run = (struct run){w, t, t->compiled, t->limits, request_id, {0}};
    if (!t->compiled)
        err_set(&run->refused, ERR_UNSUPPORTED, "cannot probe: %s", t->why_not);
    t->probes_running++;
    if (request_id == 0)
        t->item.running = true;
    if (fiber_start(w->loop, probe_fiber, run, err) == 0)
        return 0;
    t->probes_running--;
    if (request_id == 0)
        t->item.running = false;
    free(run);
    return -1;
}

static void on_round(struct timer *timer)
{
    struct watcher *w = container_of(timer, struct watcher, round_timer);
    check_magic(w, WATCHER_MAGIC);
    int64_t now = clock_mono_ns(), late;
    struct sched_item *item;
    while (!w->stopping && (item = sched_take(&w->sched, now, &late)) != NULL) {
        struct watched *t = container_of(item, struct watched, item);
        lateness_add(&w->lateness, late, now);
        if (watcher_start_probe(w, t, 0, NULL) != 0)
            w->missed_no_room++;
        now = clock_mono_ns();
    }
    watcher_schedule(w);
}

void watcher_schedule(struct watcher *w)
{
    int64_t next = sched_next_ns(&w->sched);
    if (w->stopping || next == INT64_MAX)
        timer_stop(&w->round_timer);
    else
        timer_start(w->loop, &w->round_timer, next, on_round);
}

static void answer_refusal(struct watcher *w, uint64_t request_id, uint64_t target_id,
                           const struct err *err)
{
    must(request_id != 0 || err->code != ERR_OK);
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    result_init(r, a);
    r->checked_ms = clock_wall_ms();
    r->request_id = request_id;
    r->target_id = target_id;
    result_fail_err(r, err);
    watcher_publish(w, NULL, r);
    arena_free(a);
}

static void on_check(struct watcher *w, const struct link_message *m)
{
    struct cur c = CUR_INIT(m->payload, m->n);
    uint64_t id = cur_u64(&c);
    struct watched *t = map_u64_get(w->targets, id);
    struct err err = {0};
    if (!t)
        err_set(&err, ERR_NOT_FOUND, "this watcher has not loaded the target yet; try again");
    else if (watcher_start_probe(w, t, m->id, &err) == 0)
        return;
    answer_refusal(w, m->id, id, &err);
}

static void on_try(struct watcher *w, const struct link_message *m)
{
    struct assign_entry e;
    struct err err = {0};
    struct run *run = calloc(1, sizeof(*run));
    must(run);
    if (assign_decode((struct str){m->payload, m->n}, &e, &err) == 0) {
        *run = (struct run){.watcher = w, .request_id = m->id, .limits = watcher_limits(&e)};
        run->compiled = watcher_compile(w, &e, &run->refused);
        if (fiber_start(w->loop, probe_fiber, run, &err) == 0)
            return;
        compiled_free(run->compiled);
    }
    free(run);
    answer_refusal(w, m->id, 0, &err);
}

void watcher_on_message(void *arg, const struct link_message *m)
{
    struct watcher *w = arg;
    check_magic(w, WATCHER_MAGIC);
    switch (m->type) {
    case LINK_RELOAD:
        watcher_load(w);
        break;
    case LINK_CHECK:
        on_check(w, m);
        break;
    case LINK_TRY:
        on_try(w, m);
        break;
    case LINK_GONE:
        log_warn("the core is away; probing goes on, results wait in the ring");
        break;
    case LINK_HELLO:
    case LINK_WAKE:
        break;
    }
}
