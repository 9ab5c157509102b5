/* Loading an assignment: reads the file entry by entry on a fiber, yielding every few hundred so that no round
 * is late, keeps targets whose specification did not change (schedule included), and drops those no longer named.
 * A file that cannot be read changes nothing: the watcher goes on with what it has. */
#include "app/watcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "io/fiber.h"

#define ENTRIES_PER_SLICE 200

struct probe_limits watcher_limits(const struct assign_entry *e)
{
    return (struct probe_limits){
        .timeout_ms = e->timeout_ms,
        .connect_timeout_ms = e->connect_timeout_ms,
        .total_ms = e->interval_ms,
        .attempts = e->attempts,
        .burst = e->burst,
        .one_address = e->one_address,
        .invert = e->invert,
    };
}

struct compiled *watcher_compile(const struct watcher *w, const struct assign_entry *e,
                                 struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const char *type = arena_strndup(a, e->type.p, e->type.n);
    const struct prober_ops *ops = prober_by_type(type, NULL);
    if (!ops) {
        err_set(err, ERR_UNSUPPORTED, "prober \"%s\" is not built in", type);
        return NULL;
    }
    if (w->no_exec && streq(type, "exec")) {
        err_set(
            err, ERR_DENIED,
            "this agent runs no programs for its server; start it with --allow-exec if it is to");
        return NULL;
    }
    struct node *config = assign_config(e, a, err);
    if (!config)
        return NULL;
    struct problems p;
    problems_init(&p, a);
    struct compiled *c = probe_compile(ops, config, &p, "config");
    if (!c && p.list.n)
        err_set(err, ERR_INVALID, "%s: %s", p.list.at[0].field, p.list.at[0].message);
    problems_done(&p);
    return c;
}

void watched_free(struct watched *t)
{
    if (!t)
        return;
    must(t->probes_running == 0);
    compiled_free(t->compiled);
    free(t->why_not);
    free(t);
}

static void remove_target(struct watcher *w, struct watched *t)
{
    must(!t->removed && t->watcher == w);
    sched_del(&w->sched, &t->item);
    t->removed = true;
    if (t->probes_running == 0)
        watched_free(t);
}

static void add_target(struct watcher *w, const struct assign_entry *e)
{
    struct err err = {0};
    struct watched *t = calloc(1, sizeof(*t));
    must(t);
    *t = (struct watched){
        .watcher = w,
        .spec_hash = e->spec_hash,
        .generation = w->generation,
        .limits = watcher_limits(e),
        .compiled = watcher_compile(w, e, &err),
    };
    if (!t->compiled) {
        must((t->why_not = strdup(err.msg)));
        log_warn("target cannot be probed; its rounds fail", F_INT("target_id", e->id),
                 F_ERR(&err));
    }
    struct watched *old = map_u64_put(w->targets, e->id, t);
    if (old)
        remove_target(w, old);
    sched_add(&w->sched, &t->item, e->id, e->interval_ms * NS_PER_MS, e->fresh,
              loop_now_ns(w->loop));
}

static void take_entry(struct watcher *w, const struct assign_entry *e)
{
    struct watched *t = map_u64_get(w->targets, e->id);
    if (t && t->spec_hash == e->spec_hash)
        t->generation = w->generation;
    else
        add_target(w, e);
}

static void drop_unnamed(struct watcher *w)
{
    uint64_t id;
    void *value;
    for (size_t it = 0; map_u64_next(w->targets, &it, &id, &value);) {
        struct watched *t = value;
        if (t->generation == w->generation)
            continue;
        map_u64_del(w->targets, id);
        remove_target(w, t);
    }
}

static bool load_once(struct watcher *w, struct err *err)
{
    struct assign_file *f = assign_open(w->assign_path, err);
    if (!f)
        return false;
    if (w->loaded &&
        assign_generation(f) == w->generation) { /* told again by a core that came back */
        assign_close(&f);
        return true;
    }
    w->generation = assign_generation(f);
    w->loaded = false;
    struct assign_entry e;
    for (uint32_t n = 1; assign_next(f, &e, err); n++) {
        take_entry(w, &e);
        if (n % ENTRIES_PER_SLICE == 0) {
            watcher_schedule(w);
            fiber_sleep(clock_mono_ns(), NULL);
        }
    }
    assign_close(&f);
    if (err->code != ERR_OK)
        return false;
    drop_unnamed(w);
    w->loaded = true;
    return true;
}

static void load_fiber(void *arg)
{
    struct watcher *w = arg;
    check_magic(w, WATCHER_MAGIC);
    must(w->loading);
    do {
        struct err err = {0};
        w->load_again = false;
        if (!load_once(w, &err)) {
            w->beat->assignment_errors++;
            log_error("cannot load the assignment; going on with the targets there are",
                      F_ERR(&err));
        } else {
            log_info("assignment loaded", F_INT("targets", map_u64_count(w->targets)),
                     F_INT("generation", w->generation));
        }
        w->beat->assignment = (int64_t)w->generation;
        w->beat->targets = (int64_t)map_u64_count(w->targets);
        watcher_schedule(w);
    } while (w->load_again);
    w->loading = false;
}

void watcher_load(struct watcher *w)
{
    if (w->loading) {
        w->load_again = true;
        return;
    }
    w->loading = true;
    struct err err = {0};
    if (fiber_start(w->loop, load_fiber, w, &err) != 0) {
        w->loading = false;
        log_error("cannot start loading the assignment; will try at the next notice", F_ERR(&err));
    }
}
