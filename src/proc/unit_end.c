/* How a unit's process ends, and what follows from it (unit.c has the diagram): the death is judged, what is left of its
 * tree is ended, post-stop runs, then the state that was decided comes true. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "proc/supervisor_priv.h"

/* --- judging a death ------------------------------------------------------------------------ */

static bool is_final(const struct unit *u, const struct unit_death *d)
{
    return !u->record->ever_ran && u->spec.final_status != 0 && d->pid > 0 &&
           d->status != UNIT_STATUS_UNKNOWN && WIFEXITED(d->status) &&
           WEXITSTATUS(d->status) == u->spec.final_status;
}

/* A job whose end nobody saw is not run again: it may well have done what it had to do. */
static bool is_to_restart(const struct unit *u, const struct unit_death *d)
{
    const struct unit_spec *spec = &u->spec;
    if (spec->unmonitored || spec->restart == RESTART_NEVER)
        return false;
    if (!d->failure)
        return spec->kind == UNIT_DAEMON && spec->restart == RESTART_ALWAYS;
    return spec->kind == UNIT_DAEMON || d->cause != CAUSE_ITSELF ||
           d->status != UNIT_STATUS_UNKNOWN;
}

static enum unit_state by_policy(struct supervisor *s, struct unit *u, const struct unit_death *d,
                                 int64_t now_ms)
{
    struct unit_record *r = u->record;
    struct restart_decision to =
        restart_step(&u->spec.policy, &r->restart, RESTART_DIED, now_ms, s->os.chance(s->os.arg));
    must(to.verdict != RESTART_NOTHING);
    if (to.verdict == RESTART_GIVE_UP)
        return UNIT_FATAL;
    r->next_ms = to.at_ms;
    if (d->pid == 0 && r->next_ms < now_ms + SPAWN_FAILED_MS)
        r->next_ms = now_ms + SPAWN_FAILED_MS;
    return to.over_budget || to.in_row ? UNIT_BACKOFF : UNIT_RESTARTING;
}

/* What becomes of the unit; goes into its record. */
static void decide(struct supervisor *s, struct unit *u, const struct unit_death *d, int64_t now_ms)
{
    struct unit_record *r = u->record;
    enum unit_state then;
    unit__edit(s, u);
    r->last = *d;
    r->untold = true;
    if (d->cause == CAUSE_ASKED)
        then = UNIT_STOPPED;
    else if (is_final(u, d))
        then = UNIT_FATAL;
    else if (is_to_restart(u, d))
        then = by_policy(s, u, d, now_ms);
    else
        then = d->failure ? UNIT_CRASHED : UNIT_STOPPED;
    if (then == UNIT_STOPPED && d->cause != CAUSE_ASKED)
        r->wanted = false; /* it has done its work */
    if (then != UNIT_RESTARTING && then != UNIT_BACKOFF)
        restart_step(&u->spec.policy, &r->restart, RESTART_STOPPED, now_ms, 0);
    then_store();
    r->then = (uint8_t)then;
    unit__edited(s, u);
}

void unit__tell_death(struct supervisor *s, struct unit *u, const struct unit_death *d)
{
    struct unit_view v = unit__view(u);
    must(!s->telling);
    s->telling = true;
    if (s->config.on_death)
        s->config.on_death(s->config.arg, &v, d);
    s->telling = false;
    unit__edit(s, u);
    u->record->untold = false;
    unit__edited(s, u);
}

/* --- what follows --------------------------------------------------------------------------- */

/* All of it is gone: the state that was decided comes true, and perhaps a new start. The pid is taken from the
 * record last, since a successor that finds a state without process and a dead pid knows that all is done. */
void unit__finish(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_record *r = u->record;
    must(u->pid == 0);
    enum unit_state then = r->then ? (enum unit_state)r->then : UNIT_STOPPED;
    bool restarts = then == UNIT_RESTARTING || then == UNIT_BACKOFF;
    if (!r->wanted && (restarts || then == UNIT_FATAL)) { /* a predecessor began to note a stop */
        then = UNIT_STOPPED;
        restarts = false;
        restart_step(&u->spec.policy, &r->restart, RESTART_STOPPED, now_ms, 0);
    }
    unit__set_phase(s, u, PHASE_NONE);
    u->held = u->pulled = false;
    u->kill_ms = FOREVER;
    u->check_ms = 0;
    if (r->last.failure && (restarts || then == UNIT_FATAL))
        unit__change(s, u, UNIT_CRASHED, now_ms);
    unit__change(s, u, then, now_ms);
    unit__edit(s, u);
    r->then = 0;
    r->is_child = false;
    r->spawned = (struct spawn_id){0};
    unit__edited(s, u);
    bool again = then == UNIT_STOPPED && r->wanted && !u->removing;
    if (again || (restarts && r->next_ms <= now_ms))
        unit__start(s, u, now_ms);
    watch__arm(s, u, now_ms);
}

void unit__tree_ended(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    must(u->pid == 0);
    if (u->spec.post_stop && u->record->state != UNIT_STOPPING)
        unit__change(s, u, UNIT_KILLING, now_ms);
    if (!unit__post_stop(s, u, now_ms))
        unit__finish(s, u, now_ms);
}

/* What a child of ours leaves behind becomes our child, so mostly it needs no look at the whole machine. */
static bool has_descendants(struct supervisor *s, const struct unit *u)
{
    if (!u->spec.tree || (u->record->is_child && s->os.no_strays(s->os.arg)))
        return false;
    return !s->os.tree_empty(s->os.arg, &u->spec, &u->main);
}

/* Those that were asked have their time; a crash's leftovers have no head any more, and may hold what the
 * successor needs. */
static void end_descendants(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (u->record->state != UNIT_STOPPING)
        unit__change(s, u, UNIT_KILLING, now_ms);
    unit__set_phase(s, u, PHASE_TREE);
    u->check_ms = 0;
    unit__set_text(s, u, "what it left behind is being ended");
    if (u->record->state != UNIT_STOPPING)
        unit__kill_now(s, u, now_ms);
}

static void main_ended(struct supervisor *s, struct unit *u, const struct reaped *r, int64_t now_ms)
{
    bool asked = u->record->state == UNIT_STOPPING;
    struct unit_death d = {.pid = r->pid,
                           .status = r->status,
                           .cause = asked ? CAUSE_ASKED : (enum unit_cause)u->record->cause,
                           .usage = r->usage,
                           .started_ms = u->record->started_ms,
                           .died_ms = now_ms};
    d.failure = !asked && (d.cause != CAUSE_ITSELF || !unit_spec__ok(&u->spec, r->status));
    if (d.cause != CAUSE_ITSELF && !asked)
        memcpy(d.reason, u->record->reason, sizeof(d.reason));
    decide(s, u, &d, now_ms);
    if (has_descendants(s, u))
        end_descendants(s, u, now_ms);
    else
        unit__tree_ended(s, u, now_ms);
    unit__tell_death(s, u, &d);
}

/* The policy counts the attempt as a start and a death. */
void unit__failed_start(struct supervisor *s, struct unit *u, enum unit_cause cause,
                        const char *reason, int64_t now_ms)
{
    must(u->pid == 0);
    struct unit_record *r = u->record;
    struct unit_death d = {
        .cause = cause, .failure = true, .started_ms = now_ms, .died_ms = now_ms};
    snprintf(d.reason, sizeof(d.reason), "%.*s", UNIT_REASON_MAX, reason);
    unit__edit(s, u);
    r->restarts += r->restart.pending;
    restart_step(&u->spec.policy, &r->restart, RESTART_STARTED, now_ms, 0);
    unit__edited(s, u);
    decide(s, u, &d, now_ms);
    if (cause == CAUSE_SPAWN)
        unit__finish(s, u, now_ms);
    else
        unit__tree_ended(s, u, now_ms);
    unit__tell_death(s, u, &d);
}

/* --- processes other than the program ------------------------------------------------------- */

static void stopped_early(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    unit__edit(s, u);
    u->record->then = UNIT_STOPPED;
    restart_step(&u->spec.policy, &u->record->restart, RESTART_STOPPED, now_ms, 0);
    unit__edited(s, u);
    unit__tree_ended(s, u, now_ms);
}

static void failed_command(struct supervisor *s, struct unit *u, enum unit_cause cause,
                           const char *what, int status, int64_t now_ms)
{
    char how[SPAWN_STATUS_SIZE] = "ended unseen", text[UNIT_REASON_MAX + 1];
    if (status != UNIT_STATUS_UNKNOWN)
        spawn_status_text(status, how);
    snprintf(text, sizeof(text), "%s: %s", what, how);
    unit__failed_start(s, u, cause, text, now_ms);
}

static void pre_start_ended(struct supervisor *s, struct unit *u, int status, int64_t now_ms)
{
    char reason[UNIT_REASON_MAX + 1];
    if (u->record->state == UNIT_STOPPING) {
        stopped_early(s, u, now_ms);
    } else if (u->record->state == UNIT_KILLING) {
        memcpy(reason, u->record->reason, sizeof(reason));
        unit__failed_start(s, u, CAUSE_START, reason, now_ms);
    } else if (status == 0) {
        unit__pre_started(s, u, now_ms);
    } else {
        failed_command(s, u, CAUSE_PRE_START, "its pre-start command failed", status, now_ms);
    }
}

/* The command that starts an adopted program. */
static void command_ended(struct supervisor *s, struct unit *u, int status, int64_t now_ms)
{
    char reason[UNIT_REASON_MAX + 1];
    if (u->record->state == UNIT_STOPPING) {
        if (unit__adopt(s, u, now_ms))
            unit__release(s, u, now_ms);
        else
            stopped_early(s, u, now_ms);
    } else if (u->record->state == UNIT_KILLING) {
        memcpy(reason, u->record->reason, sizeof(reason));
        unit__failed_start(s, u, CAUSE_START, reason, now_ms);
    } else if (status != 0 && status != UNIT_STATUS_UNKNOWN) {
        failed_command(s, u, CAUSE_START, "its start command failed", status, now_ms);
    } else {
        u->check_ms = 0;
        unit__adopt(s, u, now_ms); /* or it is looked for (watch.c) */
    }
}

void unit__ended(struct supervisor *s, struct unit *u, const struct reaped *r, int64_t now_ms)
{
    check_magic(u, UNIT_MAGIC);
    must(u->pid == r->pid && unit__busy(u));
    unit__disown(s, u);
    switch ((enum unit_phase)u->record->phase) {
    case PHASE_PRE_START:
        pre_start_ended(s, u, r->status, now_ms);
        break;
    case PHASE_COMMAND:
        command_ended(s, u, r->status, now_ms);
        break;
    case PHASE_POST_STOP:
        unit__finish(s, u, now_ms);
        break;
    case PHASE_NONE:
    case PHASE_MAIN:
    case PHASE_TREE:
        main_ended(s, u, r, now_ms);
        break;
    }
    watch__arm(s, u, now_ms);
}
