/* The list of units and the owner's wishes (supervisor.h). Runs in the owner's one thread. The life of one unit is
 * unit.c; supervisor_priv.h lists the other rooms.
 *
 * Each public call that changes something ends with leave(): those who waited for the change go on, those that were
 * to be removed go. */
#include "proc/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proc/notify.h"
#include "proc/supervisor_priv.h"

#define LATE_MS        3000
#define MAX_TIMEOUT_MS 3600000

const char *unit_state_name(enum unit_state s)
{
    static const char *const names[] = {
#define X(name, text) [UNIT_##name] = text,
        UNIT_STATES(X)
#undef X
    };
    must((size_t)s < array_len(names));
    return names[s];
}

bool unit_state_has_process(enum unit_state s)
{
    return s == UNIT_STARTING || s == UNIT_RUNNING || s == UNIT_READY || s == UNIT_STOPPING ||
           s == UNIT_KILLING;
}

const char *unit_cause_name(enum unit_cause c)
{
    static const char *const names[] = {
#define X(name, text) [CAUSE_##name] = text,
        UNIT_CAUSES(X)
#undef X
    };
    must((size_t)c < array_len(names));
    return names[c];
}

/* --- the list ------------------------------------------------------------------------------- */

struct supervisor *supervisor_new(const struct supervisor_config *c)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = SUPERVISOR_MAGIC;
    s->config = *c;
    s->os = c->os ? *c->os : supervisor__real_os(s);
    s->places = map_str_new();
    s->pids = map_u64_new();
    s->closing_order = INT32_MAX;
    return s;
}

static void unit_free(struct supervisor *s, struct unit *u)
{
    must(u->magic == UNIT_MAGIC && !u->woken);
    heap_del(&s->due, &u->due);
    order__unlink(s, u);
    if (u->own_record)
        free(u->record);
    arena_free(u->memory);
    u->magic = 0;
    free(u);
}

void supervisor_free(struct supervisor **sp)
{
    struct supervisor *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    check_magic(s, SUPERVISOR_MAGIC);
    must(!s->telling);
    vec_each (&s->units, u)
        unit_free(s, *u);
    must(map_str_count(s->places) == 0);
    vec_done(&s->units);
    vec_done(&s->woken);
    heap_done(&s->due);
    s->os.rest(s->os.arg);
    map_str_free(s->places);
    map_u64_free(s->pids);
    s->magic = 0;
    free(s);
}

/* From order__settle alone. */
void supervisor__drop(struct supervisor *s, struct unit *u)
{
    must(u->pid == 0 && u->removing && !unit__busy(u));
    size_t i = 0;
    while (i < s->units.n && s->units.at[i] != u)
        i++;
    must(i < s->units.n);
    memmove(&s->units.at[i], &s->units.at[i + 1], (s->units.n - i - 1) * sizeof(s->units.at[0]));
    s->units.n--;
    if (s->config.forget) {
        s->telling = true;
        s->config.forget(s->config.arg, u->spec.name);
        s->telling = false;
    }
    unit_free(s, u);
}

/* NULL: there is no such unit. */
static struct unit *enter(struct supervisor *s, const char *name)
{
    check_magic(s, SUPERVISOR_MAGIC);
    must(!s->telling); /* callbacks change nothing */
    return order__find(s, name);
}

static bool leave(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    watch__arm(s, u, now_ms);
    order__settle(s, now_ms);
    return true;
}

static struct unit_record *record_of(const struct supervisor *s, struct unit *u)
{
    struct unit_record *r = s->config.record ? s->config.record(s->config.arg, u->spec.name) : NULL;
    if (r)
        return r;
    r = calloc(1, sizeof(*r));
    must(r != NULL);
    u->own_record = true;
    return r;
}

static bool is_new(const struct unit_record *r)
{
    return r->state == UNIT_UNKNOWN && !r->wanted && r->spawned.pid == 0 && r->starts == 0;
}

static void begin(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_record *r = u->record;
    unit__edit(s, u);
    *r = (struct unit_record){.wanted = u->spec.autostart && !u->closing,
                              .unmonitored = u->spec.unmonitored,
                              .changed_ms = now_ms};
    unit__edited(s, u);
    if (u->spec.adopt.kind != ADOPT_NONE)
        return; /* it is looked for first */
    if (r->wanted)
        u->start_due = true;
    else
        unit__change(s, u, UNIT_STOPPED, now_ms);
}

static struct unit *unit_new(struct supervisor *s, const struct unit_spec *spec)
{
    struct unit *u = calloc(1, sizeof(*u));
    must(u != NULL);
    u->magic = UNIT_MAGIC;
    u->kill_ms = FOREVER;
    u->memory = unit_spec__copy(&u->spec, spec);
    u->record = record_of(s, u);
    u->closing = s->closing;
    u->sequence = ++s->added;
    vec_push(&s->units, u);
    order__link(s, u);
    return u;
}

static void come_back(struct supervisor *s, struct unit *u, const struct unit_spec *spec,
                      int64_t now_ms)
{
    u->removing = false;
    unit__edit(s, u);
    u->record->wanted = spec->autostart;
    unit__edited(s, u);
    supervisor_change(s, spec, true, now_ms);
}

void supervisor_add(struct supervisor *s, const struct unit_spec *spec, int64_t now_ms)
{
    struct unit *u = enter(s, spec->name);
    must(!u || u->removing);
    if (u) {
        come_back(s, u, spec, now_ms);
        return;
    }
    u = unit_new(s, spec);
    if (is_new(u->record))
        begin(s, u, now_ms);
    else
        takeover__begin(s, u, now_ms);
    order__changed(s, u); /* those who waited for its name */
    leave(s, u, now_ms);
}

/* --- wishes --------------------------------------------------------------------------------- */

static void set_wanted(struct supervisor *s, struct unit *u, bool wanted)
{
    unit__edit(s, u);
    u->record->wanted = wanted;
    unit__edited(s, u);
    then_store();
}

static void forget_row(struct supervisor *s, struct unit *u, enum restart_event event,
                       int64_t now_ms)
{
    unit__edit(s, u);
    restart_step(&u->spec.policy, &u->record->restart, event, now_ms, 0);
    unit__edited(s, u);
}

void supervisor__wish_start(struct supervisor *s, struct unit *u, bool by_person, int64_t now_ms)
{
    u->start_due = false;
    if (u->removing || u->closing)
        return;
    set_wanted(s, u, true);
    order__start_required(s, u, by_person, now_ms);
    if (unit__busy(u)) /* STOPPING, KILLING: it starts when that is over */
        return;
    if (by_person)
        forget_row(s, u, RESTART_STOPPED, now_ms);
    unit__start(s, u, now_ms);
}

void supervisor__wish_stop(struct supervisor *s, struct unit *u, bool again, int64_t now_ms)
{
    if (!again) {
        u->start_due = false;
        set_wanted(s, u, false);
    }
    order__stop_requirers(s, u, again, now_ms);
    if (unit__busy(u)) {
        unit__stop(s, u, now_ms);
    } else if (!again) {
        forget_row(s, u, RESTART_STOPPED, now_ms);
        unit__change(s, u, UNIT_STOPPED, now_ms);
    }
    watch__arm(s, u, now_ms);
}

bool supervisor_start(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u || u->removing || u->closing)
        return false;
    supervisor__wish_start(s, u, true, now_ms);
    return leave(s, u, now_ms);
}

bool supervisor_stop(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    supervisor__wish_stop(s, u, false, now_ms);
    return leave(s, u, now_ms);
}

bool supervisor_restart(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u || u->removing || u->closing)
        return false;
    if (unit__busy(u)) {
        set_wanted(s, u, true);
        supervisor__wish_stop(s, u, true, now_ms);
    } else {
        supervisor__wish_start(s, u, true, now_ms);
    }
    return leave(s, u, now_ms);
}

bool supervisor_remove(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    u->removing = true;
    u->start_due = false;
    set_wanted(s, u, false);
    supervisor__wish_stop(s, u, true, now_ms); /* those that require it may get another one */
    if (!unit__busy(u)) {
        unit__change(s, u, UNIT_STOPPED, now_ms);
        order__wake(s, u);
    }
    return leave(s, u, now_ms);
}

static void set_next(struct supervisor *s, struct unit *u, int64_t at_ms)
{
    unit__edit(s, u);
    u->record->next_ms = at_ms;
    unit__edited(s, u);
}

bool supervisor_reset(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    forget_row(s, u, RESTART_RESET, now_ms);
    if (u->record->state == UNIT_FATAL)
        supervisor__wish_start(s, u, true, now_ms);
    else if (u->record->state == UNIT_BACKOFF || u->record->state == UNIT_RESTARTING)
        set_next(s, u, now_ms);
    return leave(s, u, now_ms);
}

static void set_monitor(struct supervisor *s, struct unit *u, bool on, int64_t now_ms)
{
    bool comes_on = on && u->record->unmonitored;
    u->spec.unmonitored = !on;
    unit__edit(s, u);
    u->record->unmonitored = !on;
    unit__edited(s, u);
    if (!comes_on)
        return;
    u->pinged_ms = now_ms;
    if (u->record->state == UNIT_CRASHED && u->record->wanted && u->spec.kind == UNIT_DAEMON &&
        u->spec.restart != RESTART_NEVER)
        supervisor__wish_start(s, u, true, now_ms);
}

bool supervisor_monitor(struct supervisor *s, const char *name, bool on, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    set_monitor(s, u, on, now_ms);
    return leave(s, u, now_ms);
}

/* --- another specification ------------------------------------------------------------------ */

static void replace_spec(struct supervisor *s, struct unit *u, const struct unit_spec *spec)
{
    struct arena *old = u->memory;
    for (uint32_t i = 0; i < u->n_needs; i++)
        if (u->needs[i].place->unit && u->needs[i].place->unit->held)
            order__wake(s, u->needs[i].place->unit); /* it waited for our end, perhaps no longer */
    struct place *kept = u->place;
    vec_push(&kept->dependents, ((struct dependent){u, false})); /* keeps the place */
    order__unlink(s, u);
    bool monitored = !u->spec.unmonitored;
    u->memory = unit_spec__copy(&u->spec, spec);
    u->spec.unmonitored = !monitored;
    order__link(s, u);
    must(u->place == kept);
    order__let_go(kept, u);
    arena_free(old);
}

bool supervisor_change(struct supervisor *s, const struct unit_spec *spec, bool restart,
                       int64_t now_ms)
{
    struct unit *u = enter(s, spec->name);
    if (!u || u->removing)
        return false;
    bool same = unit_spec__same_program(&u->spec, spec);
    bool monitored = !spec->unmonitored;
    replace_spec(s, u, spec);
    if (u->spec.hang_timeout_ms == 0 || u->watchdog_ms == 0)
        u->watchdog_ms = u->spec.hang_timeout_ms;
    set_monitor(s, u, monitored, now_ms);
    bool rests = u->record->state == UNIT_FATAL || u->record->state == UNIT_CRASHED;
    bool anew = restart && !same && u->record->wanted && !u->closing;
    if (anew && unit__busy(u))
        supervisor__wish_stop(s, u, true, now_ms);
    else if (anew && rests)
        supervisor__wish_start(s, u, true, now_ms);
    if (u->record->state == UNIT_WAITING)
        order__wake(s, u);
    return leave(s, u, now_ms);
}

/* --- what it says, and what others say of it ------------------------------------------------ */

bool supervisor_signal(struct supervisor *s, const char *name, int signo)
{
    struct unit *u = enter(s, name);
    if (!u || u->pid == 0 || u->record->phase != PHASE_MAIN)
        return false;
    s->os.signal(s->os.arg, &u->spec, &u->main, signo, false);
    return true;
}

bool supervisor_ready(struct supervisor *s, const char *name, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    if (u->spec.ready == READY_NOTIFY || u->spec.ready == READY_HEALTH) {
        u->pinged_ms = now_ms;
        unit__ready(s, u, now_ms);
    }
    return leave(s, u, now_ms);
}

static bool runs(const struct unit *u)
{
    enum unit_state state = (enum unit_state)u->record->state;
    return u->record->phase == PHASE_MAIN &&
           (state == UNIT_STARTING || state == UNIT_RUNNING || state == UNIT_READY);
}

bool supervisor_fail(struct supervisor *s, const char *name, enum unit_cause cause,
                     const char *reason, int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    if (runs(u) && !u->spec.unmonitored)
        unit__kill(s, u, cause, reason, now_ms);
    return leave(s, u, now_ms);
}

static void take_main_pid(struct supervisor *s, struct unit *u, pid_t pid)
{
    struct spawn_id id = {.pid = pid};
    if (pid == u->pid || map_u64_get(s->pids, (uint64_t)pid) ||
        !s->os.identify(s->os.arg, &u->spec, &id))
        return;
    unit__disown(s, u);
    unit__own(s, u, &id);
}

bool supervisor_notify(struct supervisor *s, const char *name, const struct notify_message *m,
                       int64_t now_ms)
{
    struct unit *u = enter(s, name);
    if (!u)
        return false;
    if (!runs(u))
        return true;
    if (m->has_status)
        unit__set_text(s, u, m->status);
    if (m->main_pid > 0)
        take_main_pid(s, u, m->main_pid);
    if (m->watchdog_us > 0 && u->spec.ready == READY_NOTIFY)
        u->watchdog_ms = m->watchdog_us / 1000 > 0 ? m->watchdog_us / 1000 : 1;
    if (m->ready && u->spec.ready == READY_NOTIFY)
        unit__ready(s, u, now_ms);
    if ((m->watchdog || m->ready) && u->record->state != UNIT_STARTING)
        u->pinged_ms = now_ms;
    if (m->watchdog_trigger && !u->spec.unmonitored)
        unit__kill(s, u, CAUSE_HUNG, "hung: it said so (WATCHDOG=trigger)", now_ms);
    return leave(s, u, now_ms);
}

/* --- the end of all ------------------------------------------------------------------------- */

static void begin_to_close(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (unit__busy(u)) {
        unit__stop(s, u, now_ms);
    } else if (u->record->state != UNIT_CRASHED && u->record->state != UNIT_FATAL) {
        u->start_due = false;
        forget_row(s, u, RESTART_STOPPED, now_ms);
        unit__change(s, u, UNIT_STOPPED, now_ms);
    }
    order__wake(s, u);
    watch__arm(s, u, now_ms);
}

void supervisor_stop_all(struct supervisor *s, bool (*want)(void *arg, const struct unit_view *u),
                         void *arg, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    must(!s->telling);
    int32_t highest = INT32_MIN;
    vec_each (&s->units, it) {
        struct unit *u = *it;
        struct unit_view v = unit__view(u);
        if (want && !want(arg, &v))
            continue;
        u->closing = true;
        if (unit__busy(u) && u->spec.start_order > highest)
            highest = u->spec.start_order;
    }
    s->closing = s->closing || !want;
    s->closing_order = highest;
    for (size_t i = s->units.n; i-- > 0;) /* what came last goes first */
        if (s->units.at[i]->closing)
            begin_to_close(s, s->units.at[i], now_ms);
    order__settle(s, now_ms);
}

/* --- turns ---------------------------------------------------------------------------------- */

/* We were stopped, or the machine was: nobody else could give a sign of life either. */
static void forgive_lateness(struct supervisor *s, int64_t now_ms)
{
    const struct heap_node *first = heap_min(&s->due);
    if (first && first->key > 0 && now_ms - first->key > LATE_MS)
        s->grace_ms = now_ms;
}

static void reap(struct supervisor *s, int64_t now_ms)
{
    struct reaped r;
    while (s->os.reap(s->os.arg, &r)) {
        struct unit *u = map_u64_get(s->pids, (uint64_t)r.pid);
        if (u)
            unit__ended(s, u, &r, now_ms);
        else
            s->strays = true;
    }
}

/* An orphan's end may have been the last of a tree. */
static void look_at_trees(struct supervisor *s, int64_t now_ms)
{
    s->strays = false;
    for (size_t i = 0; s->in_tree > 0 && i < s->units.n; i++) {
        struct unit *u = s->units.at[i];
        if (u->record->phase != PHASE_TREE)
            continue;
        watch__turn(s, u, now_ms);
        watch__arm(s, u, now_ms);
    }
}

void supervisor_turn(struct supervisor *s, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    must(!s->telling);
    forgive_lateness(s, now_ms);
    reap(s, now_ms);
    if (s->strays)
        look_at_trees(s, now_ms);
    for (struct heap_node *n; (n = heap_min(&s->due)) != NULL && n->key <= now_ms;) {
        struct unit *u = container_of(n, struct unit, due);
        watch__turn(s, u, now_ms);
        watch__arm(s, u, now_ms);
        if (u->due.slot != 0 && u->due.key <= now_ms)
            heap_move(&s->due, &u->due, now_ms + 1); /* whatever it is: once a turn */
    }
    order__settle(s, now_ms);
}

int supervisor_timeout(const struct supervisor *s, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    const struct heap_node *first = heap_min(&s->due);
    if (!first)
        return -1;
    int64_t left = first->key - now_ms;
    return left <= 0 ? 0 : left > MAX_TIMEOUT_MS ? MAX_TIMEOUT_MS : (int)left;
}

/* --- views ---------------------------------------------------------------------------------- */

bool supervisor_view(const struct supervisor *s, size_t i, struct unit_view *out)
{
    check_magic(s, SUPERVISOR_MAGIC);
    if (i >= s->units.n)
        return false;
    *out = unit__view(s->units.at[i]);
    return true;
}

bool supervisor_find(const struct supervisor *s, const char *name, struct unit_view *out)
{
    check_magic(s, SUPERVISOR_MAGIC);
    const struct unit *u = order__find(s, name);
    if (u)
        *out = unit__view(u);
    return u != NULL;
}

size_t supervisor_alive(const struct supervisor *s)
{
    check_magic(s, SUPERVISOR_MAGIC);
    return s->alive;
}
