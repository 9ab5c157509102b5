/* libbelfry-proc (belfry_proc.h): the supervisor behind an interface that needs no header of Belfry's. One thread. */
#include "embed/belfry_proc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/str.h"
#include "base/vec.h"
#include "proc/supervisor.h"

#define MAGIC           0x42505243u
#define STABLE_MS       30000
#define DELAY_MAX_MS    3600000
#define STOP_TIMEOUT_MS 10000

/* What the library knows of a unit beside the supervisor. */
struct entry {
    char *id, *type;
    void *tag;
    bool restarting; /* started by itself; it is not decided yet whether that helped */
};

struct belfry_proc {
    uint32_t magic;
    struct belfry_proc_options options;
    struct supervisor *supervisor;
    struct reaper *reaper;
    vec_of(struct entry *) entries;
    uint64_t checks, restarts, good, bad;
    int64_t checked_ms; /* wall clock */
    bool stopped;
};

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

static enum belfry_proc_state state_of(enum unit_state s)
{
    switch (s) {
    case UNIT_UNKNOWN:
        return BELFRY_PROC_UNKNOWN;
    case UNIT_STOPPED:
        return BELFRY_PROC_STOPPED;
    case UNIT_WAITING:
    case UNIT_STARTING:
        return BELFRY_PROC_STARTING;
    case UNIT_RUNNING:
    case UNIT_READY:
        return BELFRY_PROC_RUNNING;
    case UNIT_STOPPING:
        return BELFRY_PROC_STOPPING;
    case UNIT_KILLING:
    case UNIT_CRASHED:
        return BELFRY_PROC_CRASHED;
    case UNIT_RESTARTING:
        return BELFRY_PROC_RESTARTING;
    case UNIT_BACKOFF:
        return BELFRY_PROC_BACKOFF;
    case UNIT_FATAL:
        break;
    }
    return BELFRY_PROC_FATAL;
}

const char *belfry_proc_state_name(enum belfry_proc_state s)
{
    static const char *const names[] = {"unknown", "stopped",    "starting", "running", "stopping",
                                        "crashed", "restarting", "backoff",  "fatal"};
    _Static_assert(array_len(names) == BELFRY_PROC_STATES, "a name for each state");
    return (size_t)s < array_len(names) ? names[s] : "?";
}

void belfry_proc_monitor_defaults(struct belfry_proc_monitor *m)
{
    *m = (struct belfry_proc_monitor){
        .enable = true, .restart_cooldown_ms = 60000, .max_restarts = 10};
}

/* --- views ---------------------------------------------------------------------------------- */

static void fill_info(const struct unit_view *v, struct belfry_proc_info *out)
{
    const struct unit_record *r = v->record;
    const struct entry *e = v->spec->tag;
    bool planned = v->state == UNIT_RESTARTING || v->state == UNIT_BACKOFF;
    *out = (struct belfry_proc_info){
        .id = e->id,
        .type = e->type,
        .state = state_of(v->state),
        .enabled = !r->unmonitored,
        .pid = v->pid,
        .uptime_ms = v->pid ? now_ms() - r->started_ms : 0,
        .restarts = r->restarts,
        .restarts_in_hour = (uint32_t)v->in_hour,
        .next_start_ms = planned ? (r->next_ms > now_ms() ? r->next_ms - now_ms() : 0) : -1,
        .ever_died = r->last.pid != 0,
        .last_status = r->last.status,
        .last_reason = r->last.reason,
        .tag = e->tag,
    };
}

static void count_change(struct belfry_proc *b, struct entry *e, enum unit_state from,
                         enum unit_state to)
{
    if (to == UNIT_STARTING && (from == UNIT_RESTARTING || from == UNIT_BACKOFF)) {
        b->restarts++;
        e->restarting = true;
    } else if (e->restarting && to == UNIT_RUNNING) {
        b->good++;
        e->restarting = false;
    } else if (e->restarting && (to == UNIT_CRASHED || to == UNIT_STOPPED || to == UNIT_FATAL)) {
        b->bad += to != UNIT_STOPPED;
        e->restarting = false;
    }
}

static void on_change(void *arg, const struct unit_view *u, enum unit_state from)
{
    struct belfry_proc *b = arg;
    check_magic(b, MAGIC);
    count_change(b, u->spec->tag, from, u->state);
    if (!b->options.on_change || state_of(from) == state_of(u->state))
        return;
    struct belfry_proc_info info;
    fill_info(u, &info);
    b->options.on_change(b->options.arg, &info, state_of(from));
}

bool belfry_proc_info(const struct belfry_proc *b, const char *id, struct belfry_proc_info *out)
{
    struct unit_view v;
    check_magic(b, MAGIC);
    if (!supervisor_find(b->supervisor, id, &v))
        return false;
    fill_info(&v, out);
    return true;
}

bool belfry_proc_each(const struct belfry_proc *b, size_t i, struct belfry_proc_info *out)
{
    struct unit_view v;
    check_magic(b, MAGIC);
    if (!supervisor_view(b->supervisor, i, &v))
        return false;
    fill_info(&v, out);
    return true;
}

void belfry_proc_status(const struct belfry_proc *b, struct belfry_proc_status *out)
{
    struct belfry_proc_info info;
    check_magic(b, MAGIC);
    *out = (struct belfry_proc_status){.enabled = !b->stopped,
                                       .total_checks = b->checks,
                                       .total_restarts = b->restarts,
                                       .success_restarts = b->good,
                                       .failed_restarts = b->bad,
                                       .last_check_ms = b->checked_ms};
    for (size_t i = 0; belfry_proc_each(b, i, &info); i++) {
        out->status_count[info.state]++;
        out->total_units++;
        out->enabled_units += info.enabled;
    }
}

/* --- life ----------------------------------------------------------------------------------- */

struct belfry_proc *belfry_proc_new(const struct belfry_proc_options *options)
{
    struct reaper *reaper = reaper_new(REAP_OWN);
    if (!reaper || reaper_fd(reaper) < 0) {
        reaper_free(&reaper);
        errno = ENOSYS;
        return NULL;
    }
    struct belfry_proc *b = calloc(1, sizeof(*b));
    must(b);
    b->magic = MAGIC;
    b->reaper = reaper;
    if (options)
        b->options = *options;
    struct supervisor_config c = {.reaper = reaper, .arg = b, .on_change = on_change};
    b->supervisor = supervisor_new(&c);
    return b;
}

static void entry_free(struct entry *e)
{
    free(e->id);
    free(e->type);
    free(e);
}

void belfry_proc_free(struct belfry_proc *b)
{
    if (!b)
        return;
    check_magic(b, MAGIC);
    supervisor_free(&b->supervisor);
    reaper_free(&b->reaper);
    while (b->entries.n > 0)
        entry_free(vec_pop(&b->entries));
    vec_done(&b->entries);
    b->magic = 0;
    free(b);
}

/* --- units ---------------------------------------------------------------------------------- */

static int refuse(char *error, size_t size, const char *text)
{
    if (error && size > 0)
        snprintf(error, size, "%s", text);
    return -1;
}

static const char *fault_of(const struct belfry_proc *b, const struct belfry_proc_unit *u)
{
    struct unit_view v;
    if (!u->id || !*u->id || strlen(u->id) > UNIT_NAME_MAX)
        return "want an id of 1 to 127 bytes";
    if (!u->argv || !u->argv[0])
        return "want a command";
    if (!strchr(u->argv[0], '/'))
        return "want the path of the program in argv[0]";
    if (supervisor_find(b->supervisor, u->id, &v))
        return "the id is taken";
    const struct belfry_proc_monitor *m = &u->monitor;
    if (m->restart_cooldown_ms < 0 || m->delay_ms < 0 || m->delay_max_ms < 0 || m->stable_ms < 0)
        return "want no negative times";
    if (m->jitter < 0 || m->jitter > 1 || (m->growth != 0 && m->growth < 1))
        return "want a jitter of 0 to 1 and a growth of at least 1";
    return b->stopped ? "it was stopped" : NULL;
}

static struct restart_policy policy_of(const struct belfry_proc_monitor *m)
{
    return (struct restart_policy){
        .delay_ms = m->delay_ms,
        .factor = m->growth == 0 ? 1 : m->growth,
        .jitter = m->jitter,
        .cap_ms = m->delay_max_ms > 0 ? m->delay_max_ms : DELAY_MAX_MS,
        .cooldown_ms = m->restart_cooldown_ms,
        .stable_ms = m->stable_ms > 0 ? m->stable_ms : STABLE_MS,
        .max_restarts = m->max_restarts,
        .give_up = true,
    };
}

static struct entry *entry_new(struct belfry_proc *b, const struct belfry_proc_unit *u)
{
    struct entry *e = calloc(1, sizeof(*e));
    must(e);
    *e = (struct entry){.id = strdup(u->id), .type = strdup(u->type ? u->type : ""), .tag = u->tag};
    must(e->id && e->type);
    vec_push(&b->entries, e);
    return e;
}

int belfry_proc_add(struct belfry_proc *b, const struct belfry_proc_unit *u, char *error,
                    size_t size)
{
    check_magic(b, MAGIC);
    const char *fault = fault_of(b, u);
    if (fault)
        return refuse(error, size, fault);
    struct unit_spec spec = {
        .name = u->id,
        .spawn = {.path = u->argv[0],
                  .argv = u->argv,
                  .env = u->env,
                  .dir = u->dir,
                  .group = SPAWN_NEW_SESSION,
                  .in_fd = SPAWN_NULL,
                  .out_fd = u->out_fd,
                  .err_fd = u->err_fd},
        .autostart = true,
        .policy = policy_of(&u->monitor),
        .unmonitored = !u->monitor.enable,
        .start_ms = u->start_ms,
        .stop_signal = u->stop_signal,
        .stop_timeout_ms = u->stop_timeout_ms > 0 ? u->stop_timeout_ms : STOP_TIMEOUT_MS,
        .tree = true,
        .after = u->after,
        .tag = entry_new(b, u),
    };
    supervisor_add(b->supervisor, &spec, now_ms());
    return 0;
}

/* Entries live as long as the library's object: a unit that is being removed still borrows its own. */
int belfry_proc_remove(struct belfry_proc *b, const char *id)
{
    return supervisor_remove(b->supervisor, id, now_ms()) ? 0 : -1;
}

int belfry_proc_start(struct belfry_proc *b, const char *id)
{
    return !b->stopped && supervisor_start(b->supervisor, id, now_ms()) ? 0 : -1;
}

int belfry_proc_halt(struct belfry_proc *b, const char *id)
{
    return supervisor_stop(b->supervisor, id, now_ms()) ? 0 : -1;
}

int belfry_proc_restart(struct belfry_proc *b, const char *id)
{
    return !b->stopped && supervisor_restart(b->supervisor, id, now_ms()) ? 0 : -1;
}

int belfry_proc_reset(struct belfry_proc *b, const char *id)
{
    return !b->stopped && supervisor_reset(b->supervisor, id, now_ms()) ? 0 : -1;
}

int belfry_proc_signal(struct belfry_proc *b, const char *id, int signo)
{
    return supervisor_signal(b->supervisor, id, signo) ? 0 : -1;
}

int belfry_proc_enable(struct belfry_proc *b, const char *id)
{
    return supervisor_monitor(b->supervisor, id, true, now_ms()) ? 0 : -1;
}

int belfry_proc_disable(struct belfry_proc *b, const char *id)
{
    return supervisor_monitor(b->supervisor, id, false, now_ms()) ? 0 : -1;
}

/* --- turning -------------------------------------------------------------------------------- */

int belfry_proc_fd(const struct belfry_proc *b)
{
    check_magic(b, MAGIC);
    return reaper_fd(b->reaper);
}

int belfry_proc_timeout(const struct belfry_proc *b)
{
    check_magic(b, MAGIC);
    return supervisor_timeout(b->supervisor, now_ms());
}

void belfry_proc_turn(struct belfry_proc *b)
{
    check_magic(b, MAGIC);
    b->checks++;
    b->checked_ms = clock_wall_ms();
    supervisor_turn(b->supervisor, now_ms());
}

static void wait_and_turn(struct belfry_proc *b)
{
    struct pollfd fd = {.fd = reaper_fd(b->reaper), .events = POLLIN};
    poll(&fd, 1, supervisor_timeout(b->supervisor, now_ms()));
    belfry_proc_turn(b);
}

void belfry_proc_run(struct belfry_proc *b)
{
    while (!b->stopped)
        wait_and_turn(b);
}

void belfry_proc_stop(struct belfry_proc *b, bool leave)
{
    check_magic(b, MAGIC);
    b->stopped = true;
    if (leave)
        return;
    supervisor_stop_all(b->supervisor, NULL, NULL, now_ms());
    while (supervisor_alive(b->supervisor) > 0)
        wait_and_turn(b);
}
