/* Units whose record tells of an earlier life: of a killed or replaced predecessor of this process (supervisor_add).
 *
 * What may be found, and what follows:
 *     a living process (pid and start time agree)   it is owned again, in its state; one that nobody wanted
 *                                                   any more, or whose stop was under way, is asked to stop (again)
 *     a state with a process, which is dead         owned as well: waitpid may still tell how it ended, else the
 *                                                   next look does; then it is an ordinary death
 *     the same, without a pid                       killed between two processes: the step is done again
 *     CRASHED with a state to follow                the end is finished
 *     no process, but wanted                        started
 * A process in a state without one was started in the last moment: its start is recorded now. A death that the predecessor
 * had judged, but not told, is told. */
#include <string.h>

#include "proc/supervisor_priv.h"

static bool text_ends(const char *p, size_t size)
{
    return memchr(p, '\0', size) != NULL;
}

/* The file is ours, but a machine that lost power writes what it likes. */
static bool is_sane(const struct unit_record *r, int64_t now_ms)
{
    return r->state <= UNIT_FATAL && r->phase <= PHASE_POST_STOP && r->then <= UNIT_FATAL &&
           r->cause >= 0 && r->cause <= CAUSE_SPAWN && r->spawned.pid >= 0 &&
           r->started_ms <= now_ms && r->changed_ms <= now_ms && r->restart.started_ms <= now_ms &&
           r->restart.restarted_ms <= now_ms && r->restart.minute >= 0 &&
           r->restart.minute <= now_ms / 60000 && text_ends(r->reason, sizeof(r->reason)) &&
           text_ends(r->status_text, sizeof(r->status_text));
}

/* Where the record lies others may write (app/warden.h: the core, which must not make a warden that can be root signal
 * whom it likes): a living process counts only when it is the unit's user's, or bears the unit's mark. */
static bool names_a_stranger(struct supervisor *s, const struct unit *u)
{
    struct spawn_id told = u->record->spawned, found = told;
    if (told.pid <= 0 || !s->os.alive(s->os.arg, &told))
        return false;
    if (s->os.identify(s->os.arg, &u->spec, &found) && found.start_time == told.start_time)
        return false;
    return s->os.alive(s->os.arg, &told); /* else it died while it was looked at */
}

/* The program was executed and that is not in the record yet, or half, but for its pid. After an end the phase is NONE before
 * the state changes, so the two cannot be confused. */
static bool is_unrecorded_start(const struct unit *u)
{
    const struct unit_record *r = u->record;
    if (r->phase != PHASE_MAIN)
        return false;
    return !unit__busy(u) || (r->state == UNIT_STARTING && !r->restart.running);
}

/* What a living process was doing goes on. */
static void go_on(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    enum unit_phase phase = (enum unit_phase)u->record->phase;
    int64_t limit = u->spec.start_timeout_ms;
    if (is_unrecorded_start(u))
        unit__begun(s, u, now_ms);
    switch ((enum unit_state)u->record->state) {
    case UNIT_STOPPING:
        if (phase == PHASE_MAIN || phase == PHASE_PRE_START || phase == PHASE_COMMAND)
            unit__release(s, u, now_ms);
        break;
    case UNIT_STARTING:
        if (phase != PHASE_MAIN)
            u->kill_ms = limit > 0 ? now_ms + limit : now_ms + FIND_MS;
        break;
    case UNIT_RUNNING:
    case UNIT_READY:
    case UNIT_KILLING:
        break;
    default:
        unit__change(s, u, UNIT_STARTING, now_ms);
        break;
    }
    if (!u->record->wanted && u->record->state != UNIT_STOPPING)
        unit__stop(s, u, now_ms);
}

/* Nothing was there to wait for: killed between two processes of the unit. */
static void do_again(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    const struct unit_record *r = u->record;
    if (r->phase == PHASE_TREE)
        unit__kill_now(s, u, now_ms);
    else if (r->state == UNIT_STARTING && r->phase == PHASE_COMMAND)
        u->kill_ms = now_ms + FIND_MS;
    else if (r->state == UNIT_STARTING && r->wanted)
        unit__start(s, u, now_ms);
    else
        unit__finish(s, u, now_ms);
}

/* A stop that was noted half. The start that was to come is off, so the next one is not that one. */
static void finish_stop(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    unit__edit(s, u);
    restart_step(&u->spec.policy, &u->record->restart, RESTART_STOPPED, now_ms, 0);
    unit__edited(s, u);
    unit__change(s, u, UNIT_STOPPED, now_ms);
}

static void without_process(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_record *r = u->record;
    enum unit_state state = (enum unit_state)r->state;
    unit__edit(s, u);
    r->spawned = (struct spawn_id){0};
    r->phase = PHASE_NONE;
    unit__edited(s, u);
    if (state == UNIT_CRASHED && r->then != 0)
        unit__finish(s, u, now_ms);
    else if (r->wanted && (state == UNIT_STOPPED || state == UNIT_WAITING))
        u->start_due = true;
    else if (!r->wanted && state != UNIT_UNKNOWN)
        finish_stop(s, u, now_ms);
}

/* The predecessor had seen the end of the process in the record, and begun to do what follows from it. */
static bool is_judged(const struct unit_record *r)
{
    return r->untold && r->spawned.pid > 0 && r->last.pid == r->spawned.pid;
}

/* What a dead process has left in the record is its death alone. */
static bool is_over(const struct unit *u)
{
    return !unit__busy(u) && u->record->phase != PHASE_MAIN;
}

/* Its pid is in the record. */
static void dead_process(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct spawn_id id = u->record->spawned;
    if (is_over(u)) {
        without_process(s, u, now_ms);
        return;
    }
    unit__own(s, u, &id);
    if (!u->record->is_child)
        u->main = (struct spawn_id){0}; /* nobody vouches that this session was its */
    if (is_unrecorded_start(u) && !is_judged(u->record))
        unit__begun(s, u, now_ms); /* it lived in the last moment alone; the budget must know */
    watch__doubt(s, u);
}

void takeover__begin(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_record *r = u->record;
    unit__edit(s, u);
    struct spawn_id kept = r->spawned.pid > 0 ? r->spawned : (struct spawn_id){0};
    if (names_a_stranger(s, u))
        *r = (struct unit_record){.wanted = u->spec.autostart};
    else if (!is_sane(r, now_ms))
        *r = (struct unit_record){.wanted = u->spec.autostart, .spawned = kept};
    r->unmonitored = u->spec.unmonitored;
    unit__edited(s, u);
    s->alive += unit__busy(u);
    s->in_tree += r->phase == PHASE_TREE;
    u->pinged_ms = now_ms;
    u->watchdog_ms = u->spec.hang_timeout_ms;
    u->kill_ms = now_ms + u->spec.stop_timeout_ms;
    struct spawn_id id = r->spawned;
    bool lives = id.pid > 0 && r->phase != PHASE_TREE && s->os.alive(s->os.arg, &id);
    bool is_judged_again = is_judged(r) && !lives && r->phase != PHASE_TREE && !is_over(u);
    struct unit_death untold = r->last;
    bool is_owed = r->untold && !is_judged_again;
    if (lives) {
        unit__own(s, u, &id);
        if (r->phase == PHASE_NONE) /* the record of an older version, or of a damaged file */
            unit__set_phase(s, u, PHASE_MAIN);
        go_on(s, u, now_ms);
    } else if (id.pid > 0 && r->phase != PHASE_TREE) {
        dead_process(s, u, now_ms);
    } else if (unit__busy(u)) {
        do_again(s, u, now_ms);
    } else {
        without_process(s, u, now_ms);
    }
    if (is_owed)
        unit__tell_death(s, u, &untold);
    watch__arm(s, u, now_ms);
}
