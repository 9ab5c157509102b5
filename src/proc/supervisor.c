/* Units and their states (supervisor.h). Runs in the warden's one thread.
 *
 *                     ┌────────────────────────── start ◀── STOPPED ◀─────────────┐
 *                     ▼                                        ▲ died             │ stop
 *      start()   STARTING ──first turn──▶ RUNNING ──stop──▶ STOPPING              │
 *                     │  └──────stop──────────┼───────────────▲                   │
 *                     │                       │ hung, too large                   │
 *                     │                       ▼                                   │
 *                died │        died     KILLING ──SIGKILL after a while           │
 *                     ▼          ▼            │ died                              │
 *      on_died()   RESTARTING / BACKOFF ◀─────┘ ──due──▶ start()                  │
 *                     └── budget gone and policy says so ──▶ FATAL ───────────────┘
 *
 * change() is the one function that sets a state. */
#include "proc/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/must.h"
#include "base/str.h"
#include "base/vec.h"
#include "proc/proc_priv.h"

#define SUPERVISOR_MAGIC 0x53555052u
#define UNIT_MAGIC       0x554e4954u
#define CHECK_MS         1000 /* hang and memory */
#define STARTING_MS      50   /* is the first turn there? */
#define ABORT_GRACE_MS   2000 /* from SIGABRT to SIGKILL: time for the backtrace */
#define MEMORY_GRACE_MS  5000
#define FOREVER          INT64_MAX

struct unit {
    uint32_t magic;
    enum unit_state state;
    bool removing;
    bool start_again; /* supervisor_start while it was stopping */
    bool ever_ran;
    struct arena *memory;
    struct unit_spec spec;
    struct unit_record record;
    pid_t pid;
    int64_t check_ms, kill_ms;
    int64_t grace_ms; /* counts as a turn: we ourselves were late */
};

struct supervisor {
    uint32_t magic;
    struct supervisor_config config;
    int64_t turned_ms;
    vec_of(struct unit *) units;
};

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

static struct unit_view view_of(const struct unit *u)
{
    check_magic(u, UNIT_MAGIC);
    return (struct unit_view){
        .name = u->spec.name,
        .state = u->state,
        .pid = u->pid,
        .in_hour = restart_used(&u->record.restart, u->record.started_ms),
        .record = &u->record,
        .spec = &u->spec,
    };
}

bool unit_state_has_process(enum unit_state state)
{
    return state == UNIT_STARTING || state == UNIT_RUNNING || state == UNIT_READY ||
           state == UNIT_STOPPING || state == UNIT_KILLING;
}

static void change(struct supervisor *s, struct unit *u, enum unit_state state)
{
    must(unit_state_has_process(state) == (u->pid > 0));
    if (u->state == state)
        return;
    enum unit_state from = u->state;
    u->state = state;
    u->record.state = state;
    u->ever_ran = u->ever_ran || state == UNIT_RUNNING;
    struct unit_view v = view_of(u);
    if (s->config.on_change)
        s->config.on_change(s->config.arg, &v, from);
}

/* --- starting and dying --------------------------------------------------------------------- */

/* The policy's answer to a death or a failed start. */
static void decide(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct restart_decision d =
        restart_step(&u->spec.policy, &u->record.restart, RESTART_DIED, now_ms, 0);
    must(u->pid == 0 && d.verdict != RESTART_NOTHING);
    if (d.verdict == RESTART_GIVE_UP) {
        change(s, u, UNIT_FATAL);
        return;
    }
    u->record.next_ms = d.at_ms;
    change(s, u, d.over_budget ? UNIT_BACKOFF : UNIT_RESTARTING);
}

/* On a grid that all units share: one wake-up a second, however many there are. */
static int64_t next_check(bool starting, int64_t now_ms)
{
    int64_t step = starting ? STARTING_MS : CHECK_MS;
    return (now_ms / step + 1) * step;
}

static void start(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    must(u->pid == 0);
    struct err err = {0};
    bool again = u->state == UNIT_RESTARTING || u->state == UNIT_BACKOFF;
    if (spawn_start(&u->spec.spawn, &u->pid, &err) < 0) {
        struct unit_view v = view_of(u);
        struct unit_death d = {.cause = CAUSE_SPAWN, .failure = true, .died_ms = now_ms};
        d.started_ms = now_ms;
        snprintf(d.reason, sizeof(d.reason), "%.*s", UNIT_REASON_MAX, err.msg);
        if (s->config.on_death)
            s->config.on_death(s->config.arg, &v, &d);
        restart_step(&u->spec.policy, &u->record.restart, RESTART_STARTED, now_ms, 0);
        decide(s, u, now_ms);
        return;
    }
    reaper_add(s->config.reaper, u->pid);
    restart_step(&u->spec.policy, &u->record.restart, RESTART_STARTED, now_ms, 0);
    u->record.restarts += again;
    u->record.started_ms = u->grace_ms = now_ms;
    u->kill_ms = FOREVER;
    u->check_ms = next_check((u->spec.ready == READY_TURN), now_ms);
    u->record.cause = CAUSE_ITSELF;
    u->record.reason[0] = '\0';
    change(s, u, (u->spec.ready == READY_TURN) ? UNIT_STARTING : UNIT_RUNNING);
}

static void unit_free(struct unit *u)
{
    u->magic = 0;
    arena_free(u->memory); /* it lies in there */
}

static void drop(struct supervisor *s, struct unit *u)
{
    must(u->pid == 0);
    for (size_t i = 0; i < s->units.n; i++) {
        if (s->units.at[i] != u)
            continue;
        memmove(&s->units.at[i], &s->units.at[i + 1], (s->units.n - i - 1) * sizeof(u));
        s->units.n--;
        unit_free(u);
        return;
    }
    must(!"a unit is in the list");
}

static void on_died(struct supervisor *s, struct unit *u, const struct reaped *r, int64_t now_ms)
{
    bool asked = u->state == UNIT_STOPPING;
    u->record.last = (struct unit_death){.pid = r->pid,
                                         .status = r->status,
                                         .cause = asked ? CAUSE_ASKED : u->record.cause,
                                         .usage = r->usage,
                                         .started_ms = u->record.started_ms,
                                         .died_ms = now_ms};
    snprintf(u->record.last.reason, sizeof(u->record.last.reason), "%s", u->record.reason);
    u->pid = 0;
    bool is_final = !u->ever_ran && u->spec.final_status != 0 && WIFEXITED(r->status) &&
                    WEXITSTATUS(r->status) == u->spec.final_status;
    if (asked || is_final) {
        restart_step(&u->spec.policy, &u->record.restart, RESTART_STOPPED, now_ms, 0);
        change(s, u, asked ? UNIT_STOPPED : UNIT_FATAL);
    } else {
        decide(s, u, now_ms);
        if (u->state == UNIT_RESTARTING && u->record.next_ms <= now_ms)
            start(s, u, now_ms);
    }
    struct unit_view v = view_of(u);
    if (s->config.on_death)
        s->config.on_death(s->config.arg, &v, &u->record.last);
    if (asked && u->removing)
        drop(s, u);
    else if (asked && u->start_again) {
        u->start_again = false;
        start(s, u, now_ms);
    }
}

static void reap(struct supervisor *s, int64_t now_ms)
{
    struct reaped r;
    while (reaper_next(s->config.reaper, &r)) {
        for (size_t i = 0; i < s->units.n; i++) {
            if (s->units.at[i]->pid == r.pid) {
                on_died(s, s->units.at[i], &r, now_ms);
                break;
            }
        }
    }
}

/* --- watching ------------------------------------------------------------------------------- */

static void kill_unit(struct supervisor *s, struct unit *u, enum unit_cause cause, int signo,
                      int64_t kill_ms)
{
    must(u->pid > 0);
    u->record.cause = cause;
    u->kill_ms = kill_ms;
    kill(u->pid, signo);
    change(s, u, UNIT_KILLING);
}

static void check_turns(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    struct unit_view v = view_of(u);
    int64_t turned = s->config.turned_ms ? s->config.turned_ms(s->config.arg, &v) : 0;
    bool ever = turned >= u->record.started_ms;
    if (ever && u->state == UNIT_STARTING)
        change(s, u, UNIT_RUNNING);
    int64_t bound = ever ? u->spec.hang_timeout_ms : u->spec.start_timeout_ms;
    int64_t last = ever && turned > u->grace_ms ? turned : u->grace_ms;
    if (bound == 0 || now_ms - last <= bound)
        return;
    snprintf(u->record.reason, sizeof(u->record.reason), "hung: its loop %s for %.1f s",
             ever ? "had not turned" : "had not begun to turn", (double)(now_ms - last) / 1000);
    kill_unit(s, u, CAUSE_HUNG, SIGABRT, now_ms + ABORT_GRACE_MS);
}

static void check_memory(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    uint64_t bytes = proc__private_bytes(u->pid);
    if (bytes <= u->spec.memory_limit)
        return;
    snprintf(u->record.reason, sizeof(u->record.reason),
             "over its memory limit: %llu MiB of %llu MiB", (unsigned long long)(bytes >> 20),
             (unsigned long long)(u->spec.memory_limit >> 20));
    kill_unit(s, u, CAUSE_MEMORY, SIGTERM, now_ms + MEMORY_GRACE_MS);
}

static void check(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (u->spec.ready == READY_TURN)
        check_turns(s, u, now_ms);
    if (u->state == UNIT_RUNNING && u->spec.memory_limit > 0)
        check_memory(s, u, now_ms);
    u->check_ms = next_check(u->state == UNIT_STARTING, now_ms);
}

static bool is_watched(const struct unit *u)
{
    return (u->state == UNIT_STARTING || u->state == UNIT_RUNNING) &&
           ((u->spec.ready == READY_TURN) || u->spec.memory_limit > 0);
}

static void unit_turn(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    check_magic(u, UNIT_MAGIC);
    if ((u->state == UNIT_RESTARTING || u->state == UNIT_BACKOFF) && now_ms >= u->record.next_ms)
        start(s, u, now_ms);
    else if (is_watched(u) && now_ms >= u->check_ms)
        check(s, u, now_ms);
    else if ((u->state == UNIT_STOPPING || u->state == UNIT_KILLING) && now_ms >= u->kill_ms) {
        kill(u->pid, SIGKILL);
        u->kill_ms = now_ms + CHECK_MS; /* a process in the kernel's hands may need another */
    }
}

/* We were stopped, or the machine was: nobody else could turn either. */
static void forgive_lateness(struct supervisor *s, int64_t now_ms)
{
    if (s->turned_ms != 0 && now_ms - s->turned_ms > 3 * CHECK_MS)
        for (size_t i = 0; i < s->units.n; i++)
            s->units.at[i]->grace_ms = now_ms;
    s->turned_ms = now_ms;
}

void supervisor_turn(struct supervisor *s, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    forgive_lateness(s, now_ms);
    reap(s, now_ms);
    for (size_t i = 0; i < s->units.n; i++)
        unit_turn(s, s->units.at[i], now_ms);
}

static int64_t unit_due(const struct unit *u)
{
    switch (u->state) {
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        return u->record.next_ms;
    case UNIT_STARTING:
    case UNIT_RUNNING:
        return is_watched(u) ? u->check_ms : FOREVER;
    case UNIT_STOPPING:
    case UNIT_KILLING:
        return u->kill_ms;
    default:
        break;
    }
    return FOREVER;
}

int supervisor_timeout(const struct supervisor *s, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    int64_t due = FOREVER;
    for (size_t i = 0; i < s->units.n; i++)
        if (unit_due(s->units.at[i]) < due)
            due = unit_due(s->units.at[i]);
    if (due == FOREVER)
        return -1;
    return due <= now_ms ? 0 : due - now_ms > 3600000 ? 3600000 : (int)(due - now_ms);
}

/* --- the owner's wishes --------------------------------------------------------------------- */

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

static struct unit *find(const struct supervisor *s, const char *name)
{
    for (size_t i = 0; i < s->units.n; i++)
        if (streq(s->units.at[i]->spec.name, name))
            return s->units.at[i];
    return NULL;
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    const char **copy = arena_array_of(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(a, list[i]);
    return copy;
}

static struct unit *unit_new(const struct unit_spec *spec)
{
    struct arena *a = arena_new();
    struct unit *u = arena_new_of(a, struct unit);
    *u = (struct unit){.magic = UNIT_MAGIC, .memory = a, .spec = *spec};
    struct spawn *p = &u->spec.spawn;
    u->spec.name = arena_strdup(a, spec->name);
    p->path = arena_strdup(a, p->path);
    p->argv = copy_list(a, p->argv);
    p->env = p->env ? copy_list(a, p->env) : NULL;
    p->dir = p->dir ? arena_strdup(a, p->dir) : NULL;
    p->user = p->user ? arena_memdup(a, p->user, sizeof(*p->user)) : NULL;
    return u;
}

struct supervisor *supervisor_new(const struct supervisor_config *c)
{
    must(c->reaper != NULL);
    struct supervisor *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = SUPERVISOR_MAGIC;
    s->config = *c;
    return s;
}

void supervisor_free(struct supervisor **sp)
{
    struct supervisor *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    check_magic(s, SUPERVISOR_MAGIC);
    for (size_t i = 0; i < s->units.n; i++)
        unit_free(s->units.at[i]);
    vec_done(&s->units);
    s->magic = 0;
    free(s);
}

void supervisor_add(struct supervisor *s, const struct unit_spec *spec, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    must(!find(s, spec->name));
    struct unit *u = unit_new(spec);
    vec_push(&s->units, u);
    start(s, u, now_ms);
}

bool supervisor_start(struct supervisor *s, const char *name, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    struct unit *u = find(s, name);
    if (!u)
        return false;
    if (u->state == UNIT_STOPPING && !u->removing) {
        u->start_again = true;
    } else if (u->pid == 0) {
        restart_step(&u->spec.policy, &u->record.restart, RESTART_STOPPED, now_ms, 0);
        if (u->state != UNIT_STOPPED)
            change(s, u, UNIT_STOPPED); /* so that it does not count as a restart by itself */
        start(s, u, now_ms);
    }
    return true;
}

bool supervisor_stop(struct supervisor *s, const char *name, int64_t now_ms)
{
    check_magic(s, SUPERVISOR_MAGIC);
    struct unit *u = find(s, name);
    if (!u)
        return false;
    u->start_again = false;
    if (u->pid == 0) {
        restart_step(&u->spec.policy, &u->record.restart, RESTART_STOPPED, now_ms, 0);
        change(s, u, UNIT_STOPPED);
    } else if (u->state != UNIT_STOPPING) {
        u->kill_ms = now_ms + u->spec.stop_timeout_ms;
        kill(u->pid, SIGTERM);
        kill(u->pid, SIGCONT); /* a stopped process could not obey */
        change(s, u, UNIT_STOPPING);
    }
    return true;
}

bool supervisor_remove(struct supervisor *s, const char *name, int64_t now_ms)
{
    supervisor_stop(s, name, now_ms);
    struct unit *u = find(s, name);
    if (!u)
        return false;
    u->removing = true;
    if (u->pid == 0)
        drop(s, u);
    return true;
}

bool supervisor_signal(struct supervisor *s, const char *name, int signo)
{
    check_magic(s, SUPERVISOR_MAGIC);
    struct unit *u = find(s, name);
    return u && u->pid > 0 && kill(u->pid, signo) == 0;
}

bool supervisor_view(const struct supervisor *s, size_t i, struct unit_view *out)
{
    check_magic(s, SUPERVISOR_MAGIC);
    if (i >= s->units.n)
        return false;
    *out = view_of(s->units.at[i]);
    return true;
}

bool supervisor_find(const struct supervisor *s, const char *name, struct unit_view *out)
{
    check_magic(s, SUPERVISOR_MAGIC);
    const struct unit *u = find(s, name);
    if (u)
        *out = view_of(u);
    return u != NULL;
}

size_t supervisor_alive(const struct supervisor *s)
{
    check_magic(s, SUPERVISOR_MAGIC);
    size_t n = 0;
    for (size_t i = 0; i < s->units.n; i++)
        n += s->units.at[i]->pid > 0;
    return n;
}
