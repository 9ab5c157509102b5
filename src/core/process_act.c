/* Commands of people: start, stop, restart … An errand is one command on its way: first the warden's answer, then, when
 * somebody wants to wait for it, the program's coming to rest. A rolling restart is a chain of errands. Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/audit.h"
#include "core/process_priv.h"

#define LOOK_NS (25 * NS_PER_MS)
#define EACH_NS 10000 /* an errand is looked at no oftener than this, times how many there are */
#define REST_MS 30000 /* beyond what the unit's own timeouts allow */
#define SOON_MS 2000  /* a restart due later than this is not waited for */

struct errand {
    struct core *core;
    char *id;
    enum core_process_action action;
    bool wait, answered;
    uint32_t starts; /* of the unit before */
    int64_t deadline_ns;
    struct waiter *waiter;
    struct rolling *chain; /* NULL: one command alone */
};

/* A rolling restart: the next one when the last is ready. */
struct rolling {
    struct core *core;
    char **ids;
    size_t at;
    char *actor; /* who asked for it */
    struct waiter *waiter;
};

static const enum command_type command_of[] = {
    [PROCESS_START] = COMMAND_START,         [PROCESS_STOP] = COMMAND_STOP,
    [PROCESS_RESTART] = COMMAND_RESTART,     [PROCESS_RESET] = COMMAND_RESET,
    [PROCESS_SIGNAL] = COMMAND_SIGNAL,       [PROCESS_ENABLE] = COMMAND_MONITOR_ON,
    [PROCESS_DISABLE] = COMMAND_MONITOR_OFF,
};
static const char *const action_names[] = {
    [PROCESS_START] = "proxy_start",     [PROCESS_STOP] = "proxy_stop",
    [PROCESS_RESTART] = "proxy_restart", [PROCESS_RESET] = "proxy_reset",
    [PROCESS_SIGNAL] = "proxy_signal",   [PROCESS_ENABLE] = "proxy_enable",
    [PROCESS_DISABLE] = "proxy_disable",
};

static void rolling_next(struct rolling *r, const struct err *err);

static void errand_end(struct errand *e, const struct err *err)
{
    struct rolling *chain = e->chain;
    if (e->waiter)
        waiter_finish(e->waiter, err, NULL, 0);
    waiter_unref(e->waiter);
    free(e->id);
    free(e);
    if (chain)
        rolling_next(chain, err);
}

/* Nothing more will come of the command soon. */
static bool is_at_rest(const struct errand *e, const struct unit_record *r)
{
    int64_t now_ms = clock_mono_ns() / NS_PER_MS;
    switch ((enum unit_state)r->state) {
    case UNIT_RUNNING:
    case UNIT_READY:
        return e->action != PROCESS_STOP &&
               (e->action != PROCESS_RESTART || r->starts != e->starts);
    case UNIT_STOPPED:
        return e->action != PROCESS_RESTART || r->starts != e->starts || !r->wanted;
    case UNIT_RESTARTING:
    case UNIT_BACKOFF:
        return r->next_ms - now_ms > SOON_MS;
    case UNIT_CRASHED:
    case UNIT_FATAL:
    case UNIT_UNKNOWN:
        return true;
    default:
        return false;
    }
}

/* A chain goes on only when this one works; who waits for one alone is shown its state. */
static bool chain_failed(const struct errand *e, enum unit_state s, struct err *err)
{
    if (!e->chain || s == UNIT_RUNNING || s == UNIT_READY)
        return false;
    err_set(err, ERR_CONFLICT,
            "the program \"%s\" did not come up again: it is %s; the others were not restarted",
            e->id, unit_state_name(s));
    return true;
}

/* True: it is over, and freed. */
static bool look(struct errand *e)
{
    struct err err = {0};
    struct unit_record r;
    struct program *p = core__program(e->core, e->id);
    if (p)
        core__program_record(p, &r);
    bool late = clock_mono_ns() > e->deadline_ns;
    if (p && !late && !is_at_rest(e, &r))
        return false;
    chain_failed(e, p ? (enum unit_state)r.state : UNIT_UNKNOWN, &err);
    errand_end(e, err.code ? &err : NULL);
    return true;
}

static void look_within(struct programs *all, int64_t wait_ns);

static void on_look(struct timer *t)
{
    struct programs *all = container_of(t, struct programs, errand_timer);
    size_t kept = 0, n = all->errands.n;
    for (size_t i = 0; i < n; i++)
        if (!look(all->errands.at[i]))
            all->errands.at[kept++] = all->errands.at[i];
    must(all->errands.n == n); /* a further errand joins when its answer comes, not before */
    all->errands.n = kept;
    all->errands_looked_ns = clock_mono_ns();
    look_within(all, LOOK_NS);
}

/* A thousand may be awaited while each has several events: looking at all for each would take minutes. */
static void look_within(struct programs *all, int64_t wait_ns)
{
    int64_t at = clock_mono_ns() + wait_ns;
    int64_t earliest = all->errands_looked_ns + (int64_t)all->errands.n * EACH_NS;
    if (all->errands.n > 0)
        timer_start(all->core->loop, &all->errand_timer, at > earliest ? at : earliest, on_look);
}

void core__errands_look(struct core *c)
{
    look_within(c->programs, 0);
}

static void on_answer(void *arg, const struct err *err, const char *text)
{
    struct errand *e = arg;
    (void)text;
    must(!e->answered);
    e->answered = true;
    if (err || !e->wait) {
        errand_end(e, err);
        return;
    }
    vec_push(&e->core->programs->errands, e);
    core__errands_look(e->core);
}

static int64_t patience_ms(const struct process_config *u)
{
    return REST_MS + u->start_timeout_ms + u->stop_timeout_ms + u->start_ms;
}

/* The waiter is taken by reference when it works. */
static int send_errand(struct program *p, enum core_process_action action, int number, bool wait,
                       struct waiter *w, struct rolling *chain, struct err *err)
{
    struct core *c = p->all->core;
    const struct process_config *u = p->unit->config;
    struct unit_record before;
    core__program_record(p, &before);
    struct command cmd = core__command(command_of[action], u->id);
    cmd.number = number;
    struct errand *e = calloc(1, sizeof(*e));
    must(e);
    *e = (struct errand){.core = c,
                         .id = strdup(u->id),
                         .action = action,
                         .wait = wait && action != PROCESS_SIGNAL && action != PROCESS_DISABLE,
                         .starts = before.starts,
                         .deadline_ns = clock_mono_ns() + patience_ms(u) * NS_PER_MS,
                         .chain = chain};
    must(e->id);
    if (core__warden_ask(c->programs->link, &cmd, on_answer, e, err) != 0) {
        free(e->id);
        free(e);
        return -1;
    }
    e->waiter = waiter_ref(w);
    return 0;
}

int core__program_send(struct program *p, enum command_type type, int number, const char *text)
{
    struct command cmd = core__command(type, p->unit->config->id);
    cmd.number = number;
    snprintf(cmd.text, sizeof(cmd.text), "%s", text);
    cmd.text[utf8_whole(cmd.text, strlen(cmd.text))] = '\0';
    return core__warden_ask(p->all->link, &cmd, NULL, NULL, NULL);
}

static int no_such(const char *id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no program has the id \"%s\"", id);
}

int core_process_act(struct core *c, const char *id, enum core_process_action action, int number,
                     bool wait, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    must((size_t)action < array_len(command_of));
    struct program *p = core__program(c, id);
    bool switches = action == PROCESS_ENABLE || action == PROCESS_DISABLE;
    struct unit_record r;
    if (!p)
        return no_such(id, err);
    if (switches && core__store_refuses(c, err) != 0)
        return -1;
    if (!switches && p->refused && !core__program_record(p, &r))
        return err_set(err, ERR_DENIED, "the warden does not run \"%s\": %s", id, p->refused);
    if (!core__warden_connected(c->programs->link))
        return err_set(err, ERR_BUSY, "the warden cannot be reached now; the programs run on");
    core__plog_audit(c, p, id, action_names[action], core_actor(c)->name, "a person asked");
    if (switches) {
        core__switch_unit(c, id, action == PROCESS_ENABLE);
        core__commit_soon(c);
        core__programs_sync(c);
        p = core__program(c, id);
    }
    return send_errand(p, action, number, wait, w, NULL, err);
}

/* --- rolling restart --- */

static void rolling_free(struct rolling *r)
{
    for (size_t i = 0; r->ids[i]; i++)
        free(r->ids[i]);
    free(r->ids);
    free(r->actor);
    waiter_unref(r->waiter);
    free(r);
}

static int rolling_step(struct rolling *r, struct err *err)
{
    const char *id = r->ids[r->at];
    struct program *p = core__program(r->core, id);
    if (!p)
        return no_such(id, err);
    core__plog_audit(r->core, p, id, action_names[PROCESS_RESTART], r->actor, "a person asked");
    return send_errand(p, PROCESS_RESTART, 0, true, NULL, r, err);
}

static void rolling_next(struct rolling *r, const struct err *err)
{
    struct err fault = {0};
    if (!err && r->ids[++r->at]) {
        if (rolling_step(r, &fault) == 0)
            return;
        err = &fault;
    }
    waiter_finish(r->waiter, err, NULL, 0);
    rolling_free(r);
}

int core_process_rolling_restart(struct core *c, const char *const *ids, struct waiter *w,
                                 struct err *err)
{
    check_magic(c, CORE_MAGIC);
    size_t n = 0;
    for (; ids[n]; n++)
        if (!core__program(c, ids[n]))
            return no_such(ids[n], err);
    if (n == 0)
        return err_set(err, ERR_INVALID, "no program is named");
    struct rolling *r = calloc(1, sizeof(*r));
    must(r);
    r->core = c;
    r->ids = calloc(n + 1, sizeof(*r->ids));
    must(r->ids);
    for (size_t i = 0; i < n; i++)
        must((r->ids[i] = strdup(ids[i])));
    must((r->actor = strdup(core_actor(c)->name)));
    r->waiter = waiter_ref(w);
    if (rolling_step(r, err) == 0)
        return 0;
    rolling_free(r);
    return -1;
}

/* --- upgrade --- */

static void on_upgrade(void *arg, const struct err *err, const char *text)
{
    struct waiter *w = arg;
    waiter_finish(w, err, text, strlen(text));
    waiter_unref(w);
}

int core_process_upgrade(struct core *c, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct command cmd = core__command(COMMAND_UPGRADE, "");
    waiter_ref(w);
    if (core__warden_ask(c->programs->link, &cmd, on_upgrade, w, err) == 0) {
        core__plog_audit(c, NULL, "", "upgrade", core_actor(c)->name, "a person asked");
        return 0;
    }
    waiter_unref(w);
    return -1;
}

void core__errands_free(struct core *c)
{
    struct err err = {0};
    err_set(&err, ERR_CANCELLED, "Belfry is stopping");
    timer_stop(&c->programs->errand_timer);
    while (c->programs->errands.n > 0)
        errand_end(vec_pop(&c->programs->errands), &err);
    vec_done(&c->programs->errands);
}
