/* What becomes known of users' programs: their records in data/run/table, events in the ring data/run/events, the log.
 * The supervisor's callbacks; the warden's one thread.
 *
 * A record is changed in place, where it outlives us at once; what readers see follows when the change is whole. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"

#define EVENTS_SIZE ((size_t)4 << 20)

_Static_assert(offsetof(struct unit_record, spawned) + sizeof(struct spawn_id) ==
                   PROGRAM_RECORD_STABLE,
               "other versions of Belfry find running programs by these bytes");
_Static_assert(PROCESS_STATES == UNIT_FATAL + 1, "events carry the supervisor's states");

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

/* --- records -------------------------------------------------------------------------------- */

struct unit_record *program_record(void *arg, const char *name)
{
    struct warden *w = arg;
    check_magic(w, WARDEN_MAGIC);
    if (strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
        return NULL;
    struct program *g = program_find(w->programs, name + strlen(PROGRAM_PREFIX));
    must(g);
    g->record = w->programs->table ? table_record(w->programs->table, g->id, NULL) : NULL;
    if (!g->record)
        log_error("no room for a program's state; it will not be taken over if the warden dies",
                  F_STR("unit", g->id));
    return g->record;
}

void program_writing(void *arg, struct unit_record *r, bool begins)
{
    struct warden *w = arg;
    check_magic(w, WARDEN_MAGIC);
    struct table *t = w->programs->table;
    if (!begins && t && table_owns(t, r))
        table_show(t, r);
}

/* --- events --------------------------------------------------------------------------------- */

/* The core sets a damaged ring aside; we find out when it talks to us. */
void programs_open_events(struct programs *p)
{
    struct err err = {0};
    if (p->events && !ring_stale(p->events))
        return;
    ring_close(&p->events);
    char *path = path_join(p->w->run_dir, "events");
    p->events = ring_open(path, EVENTS_SIZE, &err);
    if (p->events && ring_claim(p->events, &err) < 0)
        ring_close(&p->events);
    if (!p->events)
        log_error("cannot tell the core what happens to programs; its history has a gap",
                  F_STR("file", path), F_ERR(&err));
    free(path);
}

static void copy_text(char *to, size_t size, const char *text)
{
    size_t n = utf8_cut(text, strlen(text), size - 1);
    memset(to, 0, size); /* no rests of others' texts in a record */
    snprintf(to, size, "%.*s", (int)n, text);
}

static struct process_event event_of(const struct program *g, enum process_event_kind kind)
{
    struct process_event e = {.version = PROCESS_EVENT_VERSION,
                              .size = sizeof(e),
                              .kind = kind,
                              .at_ms = clock_wall_ms()};
    copy_text(e.unit, sizeof(e.unit), g->id);
    return e;
}

static void publish(struct programs *p, const struct process_event *e)
{
    bool wake = false;
    bool good = p->events && ring_publish(p->events, e, sizeof(*e), NULL, &wake);
    if (!good && !p->lost_event)
        log_error("what happens to programs is not recorded: the core does not take it");
    p->lost_event = !good;
    p->wake_due |= wake;
}

static int64_t micros(const struct timeval *t)
{
    return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

static void publish_change(struct program *g, const struct unit_view *u, enum unit_state from)
{
    struct process_event e = event_of(g, PROCESS_STATE);
    e.from = from;
    e.to = u->state;
    e.pid = u->pid;
    e.restarts = u->record->restarts;
    if (u->state == UNIT_RESTARTING || u->state == UNIT_BACKOFF)
        e.next_ms = e.at_ms + (u->record->next_ms - now_ms());
    copy_text(e.reason, sizeof(e.reason), u->record->reason);
    publish(g->owner, &e);
}

static void publish_death(struct program *g, const struct unit_view *u, const struct unit_death *d)
{
    struct process_event e = event_of(g, PROCESS_DEATH);
    e.at_ms -= now_ms() - d->died_ms;
    e.from = e.to = u->state;
    e.pid = d->pid;
    e.status = d->status;
    e.cause = d->cause;
    e.failure = d->failure;
    e.restarts = u->record->restarts;
    e.ran_ms = d->died_ms > d->started_ms && d->pid > 0 ? d->died_ms - d->started_ms : 0;
    e.cpu_user_us = micros(&d->usage.ru_utime);
    e.cpu_system_us = micros(&d->usage.ru_stime);
    e.max_rss_bytes = (int64_t)d->usage.ru_maxrss * 1024;
    copy_text(e.reason, sizeof(e.reason), d->reason);
    publish(g->owner, &e);
}

/* --- the supervisor's callbacks ------------------------------------------------------------- */

static void log_wait(const struct program *g, const struct unit_view *u)
{
    int64_t wait = u->record->next_ms - now_ms();
    if (wait > 0)
        log_warn("program waits before its next start", F_STR("unit", g->id),
                 F_STR("state", unit_state_name(u->state)), F_INT("wait_ms", wait));
}

static void log_change(const struct program *g, const struct unit_view *u)
{
    switch (u->state) {
    case UNIT_STARTING:
        if (u->pid > 0)
            log_info("program started", F_STR("unit", g->id), F_INT("pid", u->pid),
                     F_INT("restarts", u->record->restarts));
        break;
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        log_wait(g, u);
        break;
    case UNIT_KILLING:
        if (u->record->reason[0])
            log_warn("program is being replaced", F_STR("unit", g->id), F_INT("pid", u->pid),
                     F_STR("reason", u->record->reason));
        else
            log_info("program has died; what it left behind is being ended", F_STR("unit", g->id));
        break;
    case UNIT_FATAL:
        log_error("program given up; it stays down until it is started or reset",
                  F_STR("unit", g->id), F_INT("restarts", u->record->restarts));
        break;
    default:
        log_debug("program changed", F_STR("unit", g->id),
                  F_STR("state", unit_state_name(u->state)), F_INT("pid", u->pid));
        break;
    }
}

void program_changed(struct program *g, const struct unit_view *u, enum unit_state from)
{
    check_magic(g, PROGRAM_MAGIC);
    publish_change(g, u, from);
    log_change(g, u);
}

void program_died(struct program *g, const struct unit_view *u, const struct unit_death *d)
{
    char text[SPAWN_STATUS_SIZE] = "unknown";
    check_magic(g, PROGRAM_MAGIC);
    publish_death(g, u, d);
    if (d->status != UNIT_STATUS_UNKNOWN)
        spawn_status_text(d->status, text);
    if (d->pid == 0)
        log_error("cannot start a program", F_STR("unit", g->id), F_STR("error", d->reason));
    else if (!d->failure)
        log_info("program ended", F_STR("unit", g->id), F_INT("pid", d->pid), F_STR("how", text),
                 F_STR("cause", unit_cause_name(d->cause)));
    else
        log_warn("program crash detected", F_STR("unit", g->id), F_INT("pid", d->pid),
                 F_STR("how", text), F_STR("reason", d->reason[0] ? d->reason : "died by itself"),
                 F_INT("uptime_ms", d->died_ms - d->started_ms));
    if (u->state == UNIT_CRASHED) /* for good: others pass through this state */
        log_error("program crashed and is not to be restarted", F_STR("unit", g->id));
}

/* --- what does not run ---------------------------------------------------------------------- */

/* The same refusal again is no news. */
void program_refuse(struct program *g, const char *why)
{
    check_magic(g, PROGRAM_MAGIC);
    if (streq(g->refused, why))
        return;
    free(g->refused);
    g->refused = strdup(why);
    must(g->refused);
    struct process_event e = event_of(g, PROCESS_REFUSED);
    copy_text(e.reason, sizeof(e.reason), why);
    publish(g->owner, &e);
    log_error(g->supervised ? "a program's new settings are refused; it goes on with its old ones"
                            : "a program is refused",
              F_STR("unit", g->id), F_STR("reason", why));
}
