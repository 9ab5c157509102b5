/* From data/run/events (a ring that the warden writes; tap.c) to the history, the statistics, and the rooms that care:
 * alerts, logs, health, jobs, the page. A record and the ring's cursor are one transaction, so each is counted once.
 * Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/process_priv.h"
#include "output/output.h"

static bool is_up(uint32_t state)
{
    return state == UNIT_RUNNING || state == UNIT_READY;
}

/* --- statistics of restarts --- */

static void restart_begins(struct program *p)
{
    p->restart.restarting = true;
    core__plog_audit(p->all->core, p, p->unit->config->id, "proxy_auto_restart", "system", "");
}

static void restart_ends(struct program *p, bool success, int64_t at_ms, const char *reason)
{
    struct programs *all = p->all;
    int64_t took = at_ms > p->restart.died_ms ? at_ms - p->restart.died_ms : 0;
    all->total_restarts++;
    if (success)
        all->success_restarts++;
    else
        all->failed_restarts++;
    all->stats_changed = true;
    core__plog_restart(p, success, took, reason);
    p->restart.restarting = false;
    p->restart.died_ms = 0;
}

/* A death is told after the changes of state that it caused, the start of its successor included: e->to says how far
 * that is. */
static void count_death(struct program *p, const struct process_event *e, const char *why)
{
    if (p->restart.died_ms && !p->restart.restarting && e->pid == 0)
        restart_begins(p); /* it could not even be executed */
    if (p->restart.restarting)
        restart_ends(p, false, e->at_ms, why);
    bool stays = e->to == UNIT_CRASHED || e->to == UNIT_STOPPED || e->to == UNIT_FATAL;
    p->restart.died_ms = stays ? 0 : e->at_ms;
    core__plog_crash(p);
    if (e->to == UNIT_STARTING || is_up(e->to))
        restart_begins(p);
    if (is_up(e->to))
        restart_ends(p, true, p->alarm.running_ms, "");
}

static void count_state(struct program *p, const struct process_event *e)
{
    if (p->restart.died_ms == 0)
        return;
    if (e->to == UNIT_STARTING && !p->restart.restarting)
        restart_begins(p);
    else if (is_up(e->to) && p->restart.restarting)
        restart_ends(p, true, e->at_ms, "");
    else if (e->to == UNIT_STOPPED) {
        p->restart.restarting = false;
        p->restart.died_ms = 0;
    }
}

void core__process_stats_load(struct core *c, const char *text)
{
    struct programs *all = c->programs;
    uint64_t *const fields[] = {&all->total_checks, &all->total_restarts, &all->success_restarts,
                                &all->failed_restarts, (uint64_t *)&all->last_check_ms};
    struct str rest = str_of(text), word;
    for (size_t i = 0; text && i < array_len(fields) && str_next(&rest, ' ', &word); i++)
        if (str_to_u64(word, fields[i], NULL) != 0)
            *fields[i] = 0;
}

void core__process_stats_save(struct core *c)
{
    struct programs *all = c->programs;
    char text[120];
    if (!all->stats_changed)
        return;
    all->stats_changed = false;
    snprintf(text, sizeof(text), "%llu %llu %llu %llu %lld", (unsigned long long)all->total_checks,
             (unsigned long long)all->total_restarts, (unsigned long long)all->success_restarts,
             (unsigned long long)all->failed_restarts, (long long)all->last_check_ms);
    batch_setting_put(core__batch(c), "process_stats", text);
    core__commit_soon(c);
}

/* --- one record --- */

static void log_state(const struct program *p, const struct process_event *e)
{
    const char *from = unit_state_name((enum unit_state)e->from);
    const char *to = unit_state_name((enum unit_state)e->to);
    bool lived = unit_state_has_process((enum unit_state)e->from) && e->from != UNIT_KILLING;
    bool dead = e->to == UNIT_RESTARTING || e->to == UNIT_BACKOFF || e->to == UNIT_FATAL;
    if (lived && dead) {
        core__plog_state(p, from, unit_state_name(UNIT_CRASHED));
        from = unit_state_name(UNIT_CRASHED);
    }
    core__plog_state(p, from, to);
}

static void on_state(struct program *p, const struct process_event *e)
{
    if (e->from == UNIT_UNKNOWN)
        core__program_set_refused(p, NULL);
    log_state(p, e);
    count_state(p, e);
    core__program_alarm_event(p, e);
    core__health_state(p, (enum unit_state)e->to);
    core__job_state(p, (enum unit_state)e->to);
}

static const char *why_it_died(const struct process_event *e, char *text)
{
    if (*e->reason)
        return e->reason;
    return e->status == UNIT_STATUS_UNKNOWN ? "" : spawn_status_text(e->status, text);
}

static void on_death(struct program *p, const struct process_event *e)
{
    char text[SPAWN_STATUS_SIZE];
    core__program_alarm_event(p, e);
    if (e->failure)
        count_death(p, e, why_it_died(e, text));
}

static void dispatch(struct program *p, const struct process_event *e)
{
    if (e->kind == PROCESS_STATE)
        on_state(p, e);
    else if (e->kind == PROCESS_DEATH)
        on_death(p, e);
    else {
        core__program_set_refused(p, e->reason);
        core__program_alarm_event(p, e);
        log_warn("the warden does not run a program", F_STR("unit", e->unit),
                 F_STR("reason", e->reason));
    }
    core__event_program(p);
}

/* The unit's name becomes a file's, so it must be one. */
static int read_event(const void *record, size_t n, struct process_event *e, struct err *err)
{
    if (process_event_decode(record, n, e, err) != 0)
        return -1;
    return output_unit_valid(e->unit)
               ? 0
               : err_set(err, ERR_MALFORMED, "a process's event is of \"%s\"; want a program's id",
                         e->unit);
}

static void take_event(struct ring_tap *t, const void *record, size_t n, struct arena *a)
{
    struct core *c = t->core;
    struct process_event e;
    struct err err = {0};
    (void)a;
    if (read_event(record, n, &e, &err) != 0) {
        log_warn("the warden published an event that cannot be read; it is dropped", F_ERR(&err));
        return;
    }
    c->programs->events++;
    uint64_t id = ++c->ids.process_event;
    batch_process_event(core__batch(c), id, &e, "");
    if (e.kind == PROCESS_DEATH)
        core__tail_later(c, id, &e);
    struct program *p = core__program(c, e.unit);
    if (p)
        dispatch(p, &e);
    if (c->programs->errands.n > 0)
        core__errands_look(c);
}

/* The warden looks for a new file when it is told to load; until then it tells nobody what happens. */
static void on_replaced(struct ring_tap *t)
{
    core__warden_load(t->core->programs->link);
}

void core__programs_open_ring(struct core *c)
{
    c->programs->tap.take = take_event;
    c->programs->tap.replaced = on_replaced;
    core__tap_open(&c->programs->tap);
    core__tap_drain(&c->programs->tap);
}
