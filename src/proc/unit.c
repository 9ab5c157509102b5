/* One unit's life: changes of state, starts, and being ended (supervisor.h). How an end is taken is unit_end.c.
 *
 *   UNKNOWN ─┬─ found ──────────────────────────────▶ RUNNING            (adopted units only)
 *            └─ not found ▶ unit__start
 *
 *   unit__start ─▶ WAITING ─ what it needs is ready ─▶ STARTING ─ unit__ready ─▶ RUNNING | READY
 *                                                       │  pre-start, then the program
 *        ┌──────────────────────────────────────────────┘
 *        ▼ unit__ended, unit__failed_start
 *   (tree, post-stop: KILLING) ─▶ CRASHED ─┬▶ RESTARTING | BACKOFF ─ due ─▶ unit__start
 *                                          ├▶ FATAL                 (budget, final status)
 *                                          └▶ stays                 (monitor off, restart: never)
 *        unit__kill: hung, ill, too large ─▶ KILLING ─ SIGKILL after a while ─▶ unit__ended
 *        unit__stop ─▶ STOPPING ─ SIGKILL after a while ─▶ unit__ended (tree, post-stop) ─▶ STOPPED
 *
 * unit__change is the one function that sets a state.
 *
 * The record must make sense to a successor after kill -9 between any two stores (takeover.c), so: a start writes the
 * phase, then the child writes pid and start time before it executes, then counters, then the state. An end writes
 * the policy's decision (then, next_ms), then the state, then takes the pid away. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proc/supervisor_priv.h"

struct unit_view unit__view(const struct unit *u)
{
    check_magic(u, UNIT_MAGIC);
    const struct unit_record *r = u->record;
    return (struct unit_view){
        .name = u->spec.name,
        .state = (enum unit_state)r->state,
        .pid = r->phase == PHASE_MAIN ? u->pid : 0,
        .in_hour = restart_used(&r->restart, r->changed_ms),
        .record = r,
        .spec = &u->spec,
    };
}

bool unit__busy(const struct unit *u)
{
    return unit_state_has_process((enum unit_state)u->record->state);
}

/* --- the record ----------------------------------------------------------------------------- */

void unit__edit(struct supervisor *s, struct unit *u)
{
    if (s->config.writing)
        s->config.writing(s->config.arg, u->record, true);
}

void unit__edited(struct supervisor *s, struct unit *u)
{
    if (s->config.writing)
        s->config.writing(s->config.arg, u->record, false);
}

void unit__set_text(struct supervisor *s, struct unit *u, const char *text)
{
    struct unit_record *r = u->record;
    if (strcmp(r->status_text, text) == 0)
        return;
    unit__edit(s, u);
    snprintf(r->status_text, sizeof(r->status_text), "%s", text);
    unit__edited(s, u);
}

static void count_busy(struct supervisor *s, enum unit_state from, enum unit_state to)
{
    s->alive += unit_state_has_process(to);
    must(s->alive >= unit_state_has_process(from));
    s->alive -= unit_state_has_process(from);
}

void unit__change(struct supervisor *s, struct unit *u, enum unit_state state, int64_t now_ms)
{
    check_magic(u, UNIT_MAGIC);
    must(!s->telling);
    enum unit_state from = (enum unit_state)u->record->state;
    if (from == state)
        return;
    then_store();
    unit__edit(s, u);
    u->record->state = state;
    u->record->changed_ms = now_ms;
    if (state == UNIT_RUNNING || state == UNIT_READY)
        u->record->ever_ran = true;
    unit__edited(s, u);
    then_store();
    count_busy(s, from, state);
    order__changed(s, u);
    if (s->config.on_change) {
        struct unit_view v = unit__view(u);
        s->telling = true;
        s->config.on_change(s->config.arg, &v, from);
        s->telling = false;
    }
}

/* --- processes ------------------------------------------------------------------------------ */

/* From now on its end is this unit's. A unit that had the number before lost its process without
 * being told. */
void unit__own(struct supervisor *s, struct unit *u, const struct spawn_id *id)
{
    must(u->pid == 0 && id->pid > 0);
    struct unit *before = map_u64_put(s->pids, (uint64_t)id->pid, u);
    if (before && before != u)
        watch__doubt(s, before);
    u->pid = id->pid;
    u->main = *id;
    enum reap_watch watch = s->os.watch(s->os.arg, id->pid);
    u->unseen = watch == REAP_UNSEEN;
    unit__edit(s, u);
    u->record->spawned = *id;
    u->record->is_child = watch == REAP_CHILD;
    unit__edited(s, u);
}

void unit__disown(struct supervisor *s, struct unit *u)
{
    must(u->pid > 0);
    if (map_u64_get(s->pids, (uint64_t)u->pid) == u) {
        map_u64_del(s->pids, (uint64_t)u->pid);
        s->os.forget(s->os.arg, u->pid);
    }
    u->pid = 0;
    u->unseen = u->doubtful = false;
}

void unit__set_phase(struct supervisor *s, struct unit *u, enum unit_phase phase)
{
    s->in_tree += phase == PHASE_TREE;
    s->in_tree -= u->record->phase == PHASE_TREE;
    unit__edit(s, u);
    u->record->phase = (uint8_t)phase;
    unit__edited(s, u);
    then_store();
}

/* Executes the program, or another command in its place. */
static int launch(struct supervisor *s, struct unit *u, enum unit_phase phase,
                  const char *const *argv, struct err *err)
{
    struct spawn p = u->spec.spawn;
    struct spawn_id id = {0};
    struct unit_view v;
    if (argv) {
        p.path = argv[0];
        p.argv = argv;
    }
    p.record = &u->record->spawned;
    unit__set_phase(s, u, phase);
    v = unit__view(u);
    s->telling = true;
    int rc = s->config.before_spawn ? s->config.before_spawn(s->config.arg, &v, &p, err) : 0;
    if (rc == 0)
        rc = s->os.spawn(s->os.arg, &p, &id, err);
    if (s->config.after_spawn)
        s->config.after_spawn(s->config.arg, &v, &p);
    s->telling = false;
    if (rc == 0)
        unit__own(s, u, &id);
    else
        unit__set_phase(s, u, PHASE_NONE);
    return rc;
}

/* --- starting ------------------------------------------------------------------------------- */

/* Its process is there: what the policy and the record must know. A takeover may come here a
 * second time. */
void unit__begun(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_record *r = u->record;
    u->kill_ms = FOREVER;
    u->check_ms = 0;
    u->pinged_ms = now_ms;
    u->watchdog_ms = u->spec.hang_timeout_ms;
    u->held = u->pulled = false;
    unit__edit(s, u);
    r->restarts += r->restart.pending;
    r->starts++;
    r->started_ms = now_ms;
    r->cause = CAUSE_ITSELF;
    r->then = 0;
    r->reason[0] = r->status_text[0] = '\0';
    if (!r->restart.running)
        restart_step(&u->spec.policy, &r->restart, RESTART_STARTED, now_ms, 0);
    unit__edited(s, u);
    unit__change(s, u, UNIT_STARTING, now_ms);
    if (u->spec.ready == READY_AFTER && u->spec.start_ms == 0)
        unit__change(s, u, UNIT_RUNNING, now_ms);
}

static void start_main(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct err err = {0};
    if (launch(s, u, PHASE_MAIN, NULL, &err) < 0)
        unit__failed_start(s, u, CAUSE_SPAWN, err.msg, now_ms);
    else
        unit__begun(s, u, now_ms);
}

static void start_before(struct supervisor *s, struct unit *u, enum unit_phase phase,
                         const char *const *argv, int64_t now_ms)
{
    struct err err = {0};
    int64_t limit = u->spec.start_timeout_ms;
    if (launch(s, u, phase, argv, &err) < 0) {
        unit__failed_start(s, u, phase == PHASE_PRE_START ? CAUSE_PRE_START : CAUSE_SPAWN, err.msg,
                           now_ms);
        return;
    }
    if (limit == 0 && phase == PHASE_COMMAND)
        limit = FIND_MS;
    u->kill_ms = limit > 0 ? now_ms + limit : FOREVER;
    u->check_ms = 0;
    unit__change(s, u, UNIT_STARTING, now_ms);
}

/* The program that someone else started; its own user's, and no other unit's. */
bool unit__find(struct supervisor *s, struct unit *u, struct spawn_id *id)
{
    if (!s->os.find(s->os.arg, &u->spec.adopt, id) || !s->os.identify(s->os.arg, &u->spec, id))
        return false;
    const struct unit *owner = map_u64_get(s->pids, (uint64_t)id->pid);
    return !owner || owner == u;
}

bool unit__adopt(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct spawn_id id;
    must(u->pid == 0 && u->spec.adopt.kind != ADOPT_NONE);
    if (!unit__find(s, u, &id))
        return false;
    unit__set_phase(s, u, PHASE_MAIN);
    unit__own(s, u, &id);
    if (u->record->state == UNIT_STOPPING) /* asked to stop before it was found */
        return true;
    unit__edit(s, u);
    u->record->wanted = true;
    unit__edited(s, u);
    unit__begun(s, u, now_ms);
    if (u->spec.ready == READY_AFTER)
        unit__change(s, u, UNIT_RUNNING, now_ms);
    return true;
}

static void wait_for(struct supervisor *s, struct unit *u, const char *name, int64_t now_ms)
{
    char text[UNIT_NAME_MAX + 16];
    snprintf(text, sizeof(text), "waits for %s", name);
    unit__set_text(s, u, text);
    unit__change(s, u, UNIT_WAITING, now_ms);
}

/* Wanted, and nothing of it runs. */
void unit__start(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    const char *waits_for;
    must(u->pid == 0 && !u->removing && u->record->wanted);
    if (u->closing || s->closing)
        return;
    if (!order__may_start(s, u, &waits_for))
        wait_for(s, u, waits_for, now_ms);
    else if (u->spec.adopt.kind != ADOPT_NONE) {
        if (!unit__adopt(s, u, now_ms))
            start_before(s, u, PHASE_COMMAND, NULL, now_ms);
    } else if (u->spec.pre_start)
        start_before(s, u, PHASE_PRE_START, u->spec.pre_start, now_ms);
    else
        start_main(s, u, now_ms);
    watch__arm(s, u, now_ms);
}

void unit__pre_started(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    must(u->pid == 0 && u->record->state == UNIT_STARTING);
    start_main(s, u, now_ms);
}

bool unit__post_stop(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (!u->spec.post_stop || launch(s, u, PHASE_POST_STOP, u->spec.post_stop, NULL) < 0)
        return false;
    u->kill_ms = now_ms + u->spec.stop_timeout_ms;
    return true;
}

void unit__ready(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (u->record->state != UNIT_STARTING || u->record->phase != PHASE_MAIN)
        return;
    bool said = u->spec.ready == READY_NOTIFY || u->spec.ready == READY_HEALTH;
    u->check_ms = 0;
    unit__change(s, u, said ? UNIT_READY : UNIT_RUNNING, now_ms);
}

/* --- ending --------------------------------------------------------------------------------- */

static void send(struct supervisor *s, struct unit *u, int signo)
{
    bool tree = u->spec.tree;
    if (u->record->phase == PHASE_PRE_START || u->record->phase == PHASE_POST_STOP)
        tree = tree && signo == SIGKILL;
    s->os.signal(s->os.arg, &u->spec, &u->main, signo, tree);
}

/* Its stop signal, now that nothing must stop before it. */
void unit__release(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    must(u->record->state == UNIT_STOPPING);
    u->held = false;
    u->kill_ms = now_ms + u->spec.stop_timeout_ms;
    if (u->pid == 0)
        return;
    send(s, u, u->spec.stop_signal);
    send(s, u, SIGCONT); /* a stopped process could not obey */
}

void unit__stop(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    must(unit__busy(u));
    enum unit_phase phase = (enum unit_phase)u->record->phase;
    if (u->record->state == UNIT_STOPPING)
        return;
    bool ending = phase == PHASE_TREE || phase == PHASE_POST_STOP;
    if (ending) { /* nothing is left to be asked; what follows changes */
        unit__edit(s, u);
        u->record->then = UNIT_STOPPED;
        restart_step(&u->spec.policy, &u->record->restart, RESTART_STOPPED, now_ms, 0);
        unit__edited(s, u);
    }
    unit__change(s, u, UNIT_STOPPING, now_ms);
    u->held = !ending && order__holds(s, u);
    if (u->held)
        u->kill_ms = now_ms + HELD_MS;
    else if (phase == PHASE_COMMAND && u->pid == 0)
        unit__finish(s, u, now_ms); /* it was looked for, and is not there */
    else if (!ending)
        unit__release(s, u, now_ms);
    watch__arm(s, u, now_ms);
}

void unit__kill(struct supervisor *s, struct unit *u, enum unit_cause cause, const char *reason,
                int64_t now_ms)
{
    must(unit__busy(u) && u->record->state != UNIT_STOPPING);
    if (u->record->state == UNIT_KILLING)
        return;
    int64_t grace =
        u->spec.stop_timeout_ms < KILL_GRACE_MS ? u->spec.stop_timeout_ms : KILL_GRACE_MS;
    u->kill_ms = now_ms + (cause == CAUSE_HUNG ? ABORT_GRACE_MS : grace);
    unit__edit(s, u);
    u->record->cause = (int32_t)cause;
    snprintf(u->record->reason, sizeof(u->record->reason), "%s", reason);
    unit__edited(s, u);
    unit__change(s, u, UNIT_KILLING, now_ms);
    if (u->pid > 0) {
        send(s, u, cause == CAUSE_HUNG ? SIGABRT : u->spec.stop_signal);
        if (cause != CAUSE_HUNG)
            send(s, u, SIGCONT);
    }
    watch__arm(s, u, now_ms);
}

/* Patience is over. A process in the kernel's hands may need another. */
void unit__kill_now(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    send(s, u, SIGKILL);
    u->kill_ms = now_ms + CHECK_MS;
}
