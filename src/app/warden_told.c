/* What the supervisor tells the warden: of Belfry's own processes it is logged and written down here, of users' programs
 * warden_tell.c makes it known. The warden's one thread, inside the supervisor's calls. */
#include <stdlib.h>

#include "app/roles.h"
#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/str.h"
#include "proc/procid.h"

static void started(struct warden_child *c, const struct unit_view *u)
{
    c->started_wall_ms = clock_wall_ms();
    c->start_time = process_start_time(u->pid);
    if (u->spec->ready == READY_TURN)
        warden_map_beat(c);
    log_info("process started", F_STR("unit", c->name), F_INT("pid", u->pid),
             F_INT("restarts", u->record->restarts));
}

/* It said why; turn() does what follows. */
static void given_up(struct warden *w, const struct warden_child *c, const struct unit_view *u)
{
    if (streq(c->key, WARDEN_CORE_KEY))
        w->core_refused = true;
    else
        log_error(warden_child_is_watcher(c) ? "process given up; its targets are not probed"
                                             : "process given up",
                  F_STR("unit", c->name), F_INT("restarts", u->record->restarts));
}

static void log_wait(const struct warden_child *c, const struct unit_view *u)
{
    int64_t wait_ms = u->record->next_ms - warden_now_ms();
    uint32_t budget = u->spec->policy.max_restarts;
    if (wait_ms > 0)
        log_warn(budget > 0 && u->in_hour >= budget
                     ? "process used up its restarts of this hour; it waits"
                     : "process keeps dying; it waits before the next start",
                 F_STR("unit", c->name), F_INT("wait_ms", wait_ms));
}

static void own_changed(struct warden *w, const struct unit_view *u)
{
    struct warden_child *c = warden_child_of(u);
    w->changed = true;
    switch (u->state) {
    case UNIT_STARTING:
        started(c, u);
        break;
    case UNIT_RUNNING:
        log_debug("process runs", F_STR("unit", c->name), F_INT("pid", u->pid));
        break;
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        log_wait(c, u);
        break;
    case UNIT_FATAL:
        given_up(w, c, u);
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

static void own_died(struct warden *w, const struct unit_view *u, const struct unit_death *d)
{
    struct warden_child *c = warden_child_of(u);
    if (streq(c->key, WARDEN_CHECK_KEY)) {
        warden_check_ended(w, d);
        return;
    }
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

/* --- the supervisor's callbacks ------------------------------------------------------------- */

static void on_change(void *arg, const struct unit_view *u, enum unit_state from)
{
    struct program *g = program_of(u);
    check_magic((struct warden *)arg, WARDEN_MAGIC);
    if (g)
        program_changed(g, u, from);
    else
        own_changed(arg, u);
}

static void on_death(void *arg, const struct unit_view *u, const struct unit_death *d)
{
    struct program *g = program_of(u);
    if (g)
        program_died(g, u, d);
    else
        own_died(arg, u, d);
}

static int before_spawn(void *arg, const struct unit_view *u, struct spawn *s, struct err *err)
{
    struct program *g = program_of(u);
    (void)arg;
    return g ? program_before_spawn(g, u, s, err) : 0;
}

static void after_spawn(void *arg, const struct unit_view *u, struct spawn *s)
{
    struct program *g = program_of(u);
    (void)arg;
    if (g)
        program_after_spawn(g, s);
}

static int64_t turned_ms(void *arg, const struct unit_view *u)
{
    (void)arg;
    if (program_of(u))
        return 0;
    const struct warden_child *c = warden_child_of(u);
    if (!c->beat || c->beat->pid != (uint32_t)u->pid)
        return 0; /* still its predecessor's */
    return atomic_load_explicit(&c->beat->turned_ns, memory_order_relaxed) / NS_PER_MS;
}

struct supervisor_config warden_callbacks(struct warden *w)
{
    return (struct supervisor_config){.reaper = w->reaper,
                                      .arg = w,
                                      .record = program_record,
                                      .forget = program_forget,
                                      .writing = program_writing,
                                      .on_change = on_change,
                                      .on_death = on_death,
                                      .turned_ms = turned_ms,
                                      .before_spawn = before_spawn,
                                      .after_spawn = after_spawn};
}
