/* What is due (supervisor_priv.h): each unit has one place in the heap of due times, so that a turn touches those alone
 * that have something to do. Looks that repeat lie on a grid shared by all units: one wake-up for many. A unit
 * that has nothing to be looked at is not in the heap. */
#include <stdio.h>

#include "proc/supervisor_priv.h"

#define BEFORE_ALL (INT64_MIN / 2)

/* --- when ----------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t step_of(const struct unit *u)
{
    return unit__busy(u) && u->record->state != UNIT_RUNNING && u->record->state != UNIT_READY
               ? STARTING_MS
               : u->spec.check_ms;
}

static int64_t ready_due(const struct unit *u)
{
    const struct unit_spec *spec = &u->spec;
    if (spec->ready == READY_AFTER)
        return u->record->started_ms + spec->start_ms;
    if (spec->ready == READY_TURN)
        return u->check_ms;
    if (spec->start_timeout_ms > 0 && !spec->unmonitored) /* anew after a takeover */
        return u->pinged_ms + spec->start_timeout_ms;
    return FOREVER;
}

static int64_t starting_due(const struct unit *u)
{
    switch ((enum unit_phase)u->record->phase) {
    case PHASE_PRE_START:
        return u->kill_ms;
    case PHASE_COMMAND:
        return least(u->kill_ms, u->check_ms);
    default:
        return ready_due(u);
    }
}

static bool is_checked(const struct unit *u)
{
    const struct unit_spec *spec = &u->spec;
    bool turns = spec->ready == READY_TURN && spec->hang_timeout_ms > 0;
    return !spec->unmonitored && (turns || spec->memory_limit > 0 || spec->files_limit > 0);
}

static bool is_pinging(const struct unit *u)
{
    return u->spec.ready == READY_NOTIFY && u->watchdog_ms > 0 && !u->spec.unmonitored;
}

static int64_t life_sign(const struct supervisor *s, const struct unit *u)
{
    return u->pinged_ms > s->grace_ms ? u->pinged_ms : s->grace_ms;
}

static int64_t running_due(const struct supervisor *s, const struct unit *u)
{
    int64_t due = is_checked(u) ? u->check_ms : FOREVER;
    if (is_pinging(u))
        due = least(due, life_sign(s, u) + u->watchdog_ms);
    return due;
}

static int64_t run_limit(const struct unit *u)
{
    bool limited = u->spec.kind == UNIT_ONESHOT && u->spec.run_timeout_ms > 0 &&
                   u->record->phase == PHASE_MAIN;
    return limited ? u->record->started_ms + u->spec.run_timeout_ms : FOREVER;
}

int64_t watch__due(const struct supervisor *s, const struct unit *u)
{
    if (u->start_due || u->doubtful)
        return BEFORE_ALL + u->sequence;
    int64_t unseen = u->unseen ? u->check_ms : FOREVER;
    switch ((enum unit_state)u->record->state) {
    case UNIT_UNKNOWN:
        return BEFORE_ALL + u->sequence;
    case UNIT_STOPPED:
    case UNIT_CRASHED:
    case UNIT_FATAL:
        return u->spec.adopt.kind != ADOPT_NONE && !u->closing ? u->check_ms : FOREVER;
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        return u->record->next_ms;
    case UNIT_STARTING:
        return least(least(unseen, run_limit(u)), starting_due(u));
    case UNIT_RUNNING:
    case UNIT_READY:
        return least(least(unseen, run_limit(u)), running_due(s, u));
    case UNIT_STOPPING:
    case UNIT_KILLING:
        return least(u->kill_ms, u->record->phase == PHASE_TREE ? u->check_ms : unseen);
    case UNIT_WAITING:
        break;
    }
    return FOREVER;
}

void watch__arm(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    int64_t step = step_of(u);
    if (u->check_ms <= now_ms || u->check_ms > now_ms + step)
        u->check_ms = (now_ms / step + 1) * step;
    int64_t due = watch__due(s, u);
    if (due == FOREVER)
        heap_del(&s->due, &u->due);
    else
        heap_move(&s->due, &u->due, due);
}

/* Its process may be dead without a word: the next turn looks. */
void watch__doubt(struct supervisor *s, struct unit *u)
{
    u->unseen = u->doubtful = true;
    heap_move(&s->due, &u->due, watch__due(s, u));
}

/* --- what ----------------------------------------------------------------------------------- */

static void check_turns(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_view v = unit__view(u);
    int64_t turned = s->config.turned_ms ? s->config.turned_ms(s->config.arg, &v) : 0;
    bool ever = turned >= u->record->started_ms;
    if (ever)
        unit__ready(s, u, now_ms);
    if (ever && turned > u->pinged_ms)
        u->pinged_ms = turned;
    int64_t bound = ever ? u->spec.hang_timeout_ms : u->spec.start_timeout_ms;
    int64_t silent = now_ms - life_sign(s, u);
    if (bound == 0 || silent <= bound || u->spec.unmonitored)
        return;
    char reason[UNIT_REASON_MAX + 1];
    snprintf(reason, sizeof(reason), "hung: its loop %s for %.1f s",
             ever ? "had not turned" : "had not begun to turn", (double)silent / 1000);
    unit__kill(s, u, CAUSE_HUNG, reason, now_ms);
}

static void check_size(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    const struct unit_spec *spec = &u->spec;
    char reason[UNIT_REASON_MAX + 1];
    uint64_t bytes = 0;
    uint32_t files = 0;
    if (!s->os.usage(s->os.arg, &u->main, &bytes, spec->files_limit ? &files : NULL))
        return;
    if (spec->memory_limit > 0 && bytes > spec->memory_limit) {
        snprintf(reason, sizeof(reason), "over its memory limit: %llu MiB of %llu MiB",
                 (unsigned long long)(bytes >> 20), (unsigned long long)(spec->memory_limit >> 20));
        unit__kill(s, u, CAUSE_MEMORY, reason, now_ms);
    } else if (spec->files_limit > 0 && files > spec->files_limit) {
        snprintf(reason, sizeof(reason), "over its limit of descriptors: %u of %u", (unsigned)files,
                 (unsigned)spec->files_limit);
        unit__kill(s, u, CAUSE_FILES, reason, now_ms);
    }
}

static void check_ping(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    char reason[UNIT_REASON_MAX + 1];
    int64_t silent = now_ms - life_sign(s, u);
    if (silent < u->watchdog_ms)
        return;
    snprintf(reason, sizeof(reason), "hung: no sign of life (WATCHDOG=1) for %.1f s",
             (double)silent / 1000);
    unit__kill(s, u, CAUSE_HUNG, reason, now_ms);
}

static bool check_run_time(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    char reason[UNIT_REASON_MAX + 1];
    if (now_ms < run_limit(u))
        return false;
    snprintf(reason, sizeof(reason), "over its run time of %.1f s",
             (double)u->spec.run_timeout_ms / 1000);
    unit__kill(s, u, CAUSE_TIMEOUT, reason, now_ms);
    return true;
}

static void running_turn(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (check_run_time(s, u, now_ms))
        return;
    bool looks = is_checked(u) && now_ms >= u->check_ms;
    if (looks && u->spec.ready == READY_TURN)
        check_turns(s, u, now_ms);
    if (looks && u->record->state != UNIT_KILLING)
        check_size(s, u, now_ms);
    if (is_pinging(u) && u->record->state != UNIT_KILLING)
        check_ping(s, u, now_ms);
}

static void too_late(struct supervisor *s, struct unit *u, const char *what, int64_t now_ms)
{
    char reason[UNIT_REASON_MAX + 1];
    snprintf(reason, sizeof(reason), "%s within %.1f s", what,
             (double)u->spec.start_timeout_ms / 1000);
    if (u->pid > 0)
        unit__kill(s, u, CAUSE_START, reason, now_ms);
    else
        unit__failed_start(s, u, CAUSE_START, reason, now_ms);
}

/* The command may still run, may be the program itself, or have left it behind. */
static void look_for_started(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct spawn_id id;
    if (unit__find(s, u, &id)) {
        if (u->pid > 0)
            unit__disown(s, u);
        unit__adopt(s, u, now_ms);
    } else if (now_ms >= u->kill_ms) {
        too_late(s, u, "its program was not found after the start command,", now_ms);
    }
}

static void starting_turn(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    enum unit_phase phase = (enum unit_phase)u->record->phase;
    if (phase == PHASE_COMMAND)
        look_for_started(s, u, now_ms);
    else if (phase == PHASE_PRE_START && now_ms >= u->kill_ms)
        too_late(s, u, "its pre-start command did not end", now_ms);
    else if (phase != PHASE_MAIN || check_run_time(s, u, now_ms))
        return;
    else if (u->spec.ready == READY_TURN)
        check_turns(s, u, now_ms);
    else if (u->spec.ready == READY_AFTER && now_ms >= ready_due(u))
        unit__ready(s, u, now_ms);
    else if (now_ms >= ready_due(u))
        too_late(s, u, "it was not ready", now_ms);
}

static void ending_turn(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    bool tree = u->record->phase == PHASE_TREE;
    if (tree && s->os.tree_empty(s->os.arg, &u->spec, &u->main))
        unit__tree_ended(s, u, now_ms);
    else if (now_ms < u->kill_ms)
        return;
    else if (u->held)
        unit__release(s, u, now_ms);
    else
        unit__kill_now(s, u, now_ms);
}

/* An adopted program that nobody runs: somebody may have started it meanwhile. */
static void look_for_stranger(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    bool unknown = u->record->state == UNIT_UNKNOWN;
    if (u->spec.adopt.kind != ADOPT_NONE && !u->closing && unit__adopt(s, u, now_ms))
        return;
    if (unknown && u->record->wanted && !u->closing)
        unit__start(s, u, now_ms);
    else if (unknown)
        unit__change(s, u, UNIT_STOPPED, now_ms);
}

static bool is_gone(struct supervisor *s, const struct unit *u)
{
    return u->unseen && u->pid > 0 && (u->main.pid == 0 || !s->os.alive(s->os.arg, &u->main));
}

void watch__turn(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    check_magic(u, UNIT_MAGIC);
    enum unit_state state = (enum unit_state)u->record->state;
    u->doubtful = false;
    if (u->start_due) {
        supervisor__wish_start(s, u, false, now_ms);
        return;
    }
    if (is_gone(s, u)) {
        struct reaped r = {.pid = u->pid, .status = UNIT_STATUS_UNKNOWN};
        unit__ended(s, u, &r, now_ms);
    } else if (state == UNIT_RESTARTING || state == UNIT_BACKOFF) {
        if (now_ms >= u->record->next_ms)
            unit__start(s, u, now_ms);
    } else if (state == UNIT_STARTING) {
        starting_turn(s, u, now_ms);
    } else if (state == UNIT_RUNNING || state == UNIT_READY) {
        running_turn(s, u, now_ms);
    } else if (state == UNIT_STOPPING || state == UNIT_KILLING) {
        ending_turn(s, u, now_ms);
    } else if (state != UNIT_WAITING) {
        look_for_stranger(s, u, now_ms);
    }
}
