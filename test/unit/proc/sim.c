/* The pretended machine (sim.h). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "sim.h"

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER INT64_MAX

/* Supervisors that were killed in the midst cannot be freed: here they are no leaks. */
static vec_of(struct supervisor *) graveyard;

struct sim_behaviour *sim_behaviour(struct sim *sim, const char *name)
{
    for (int i = 0; i < SIM_UNITS; i++) {
        struct sim_behaviour *b = &sim->behaviours[i];
        if (b->name[0] == '\0')
            snprintf(b->name, sizeof(b->name), "%s", name);
        if (strcmp(b->name, name) == 0)
            return b;
    }
    fail_msg("too many behaviours");
    return NULL;
}

/* Each store may be the last. */
static void store(struct sim *sim)
{
    if (sim->kill_in > 0 && --sim->kill_in == 0)
        longjmp(sim->at_kill, 1);
}

/* --- processes ------------------------------------------------------------------------------ */

static struct sim_process *by_pid(struct sim *sim, pid_t pid)
{
    assert_true(pid > 0);
    for (int i = 0; i < SIM_PIDS; i++)
        if (sim->processes[i].pid == pid)
            return &sim->processes[i];
    return NULL;
}

static struct sim_process *process_new(struct sim *sim, const char *name, char role)
{
    struct sim_process *p = NULL;
    for (int i = 0; i < SIM_PIDS && !p; i++)
        if (sim->processes[i].pid == 0)
            p = &sim->processes[i];
    assert_non_null(p);
    do
        sim->next_pid = sim->next_pid % (SIM_PIDS + 50) + 1;
    while (by_pid(sim, sim->next_pid));
    *p = (struct sim_process){.pid = sim->next_pid,
                              .start_time = ++sim->ticks,
                              .role = role,
                              .child = role != 'x',
                              .ends_ms = NEVER};
    snprintf(p->name, sizeof(p->name), "%s", name);
    return p;
}

static void process_end(struct sim *sim, struct sim_process *p, int status)
{
    if (p->dead)
        return;
    const struct sim_behaviour *b = sim_behaviour(sim, p->name);
    p->dead = true;
    p->status = status;
    for (int i = sim_count(sim, p->name, 'd'); p->role == 'm' && i < b->leaves; i++)
        process_new(sim, p->name, 'd')->ends_ms = sim->now + 20000;
    if (p->role == 'c' && !b->command_useless && status == 0)
        sim_start_extern(sim, p->name);
    if (!p->child && !p->watched)
        p->pid = 0; /* somebody else reaps it */
}

static void end_due(struct sim *sim)
{
    for (int i = 0; i < SIM_PIDS; i++) {
        struct sim_process *p = &sim->processes[i];
        if (p->pid > 0 && !p->dead && p->ends_ms <= sim->now)
            process_end(sim, p, p->status);
    }
}

struct sim_process *sim_start_extern(struct sim *sim, const char *name)
{
    return process_new(sim, name, 'x');
}

int sim_count(const struct sim *sim, const char *name, char role)
{
    int n = 0;
    for (int i = 0; i < SIM_PIDS; i++) {
        const struct sim_process *p = &sim->processes[i];
        n += p->pid > 0 && !p->dead && strcmp(p->name, name) == 0 && (!role || p->role == role);
    }
    return n;
}

void sim_kill_process(struct sim *sim, const char *name, char role, int status)
{
    for (int i = 0; i < SIM_PIDS; i++) {
        struct sim_process *p = &sim->processes[i];
        if (p->pid > 0 && !p->dead && strcmp(p->name, name) == 0 && p->role == role)
            process_end(sim, p, status);
    }
}

/* --- what the supervisor asks of the system ------------------------------------------------- */

static char role_of(const struct spawn *p)
{
    return strcmp(p->path, "pre") == 0       ? 'p'
           : strcmp(p->path, "post") == 0    ? 's'
           : strcmp(p->path, "command") == 0 ? 'c'
                                             : 'm';
}

static void set_end(struct sim *sim, struct sim_process *p, const struct sim_behaviour *b)
{
    int64_t lives = p->role == 'm'   ? b->lives_ms
                    : p->role == 'p' ? b->pre_ms
                    : p->role == 's' ? b->post_ms
                                     : b->command_ms;
    p->status = p->role == 'm' ? b->status : p->role == 'p' ? b->pre_status : 0;
    if (p->role != 'm' || lives > 0)
        p->ends_ms = sim->now + lives;
}

static int os_spawn(void *arg, const struct spawn *s, struct spawn_id *id, struct err *err)
{
    struct sim *sim = arg;
    const char *name = s->argv[1];
    const struct sim_behaviour *b = sim_behaviour(sim, name);
    sim->spawns++;
    if (b->no_exec)
        return err_set(err, ERR_IO, "cannot start %s: no such file", s->path);
    store(sim);
    struct sim_process *p = process_new(sim, name, role_of(s));
    set_end(sim, p, b);
    *s->record = *id = (struct spawn_id){p->pid, p->start_time};
    store(sim);
    if (p->role == 'm') {
        assert_int_equal(sim_count(sim, name, 'm'), 1); /* never two */
        assert_int_equal(sim_count(sim, name, 's') + sim_count(sim, name, 'p'), 0);
        if (sim->on_start)
            sim->on_start(sim, name);
    }
    return 0;
}

static enum reap_watch os_watch(void *arg, pid_t pid)
{
    struct sim *sim = arg;
    struct sim_process *p = by_pid(sim, pid);
    if (p && p->child)
        return REAP_CHILD;
    if (!p || p->dead || sim->no_watch)
        return REAP_UNSEEN;
    p->watched = true;
    return REAP_FOREIGN;
}

static void os_forget(void *arg, pid_t pid)
{
    struct sim_process *p = by_pid(arg, pid);
    if (p)
        p->watched = false;
}

static bool os_reap(void *arg, struct reaped *out)
{
    struct sim *sim = arg;
    for (int i = 0; i < SIM_PIDS; i++) {
        struct sim_process *p = &sim->processes[i];
        if (p->pid == 0 || !p->dead)
            continue;
        *out = (struct reaped){.pid = p->pid, .status = p->child ? p->status : REAP_STATUS_UNKNOWN};
        bool told = p->child || p->watched;
        p->pid = 0;
        if (told)
            return true;
    }
    return false;
}

static bool os_alive(void *arg, const struct spawn_id *id)
{
    const struct sim_process *p = by_pid(arg, id->pid);
    return p && !p->dead && p->start_time == id->start_time;
}

static bool os_identify(void *arg, const struct unit_spec *spec, struct spawn_id *id)
{
    struct sim *sim = arg;
    struct sim_process *p = by_pid(sim, id->pid);
    if (p && sim->dies_when_asked)
        process_end(sim, p, SIGKILL);
    if (!p || p->dead || strcmp(p->name, spec->name) != 0)
        return false;
    id->start_time = p->start_time;
    return true;
}

static void signal_one(struct sim *sim, struct sim_process *p, int signo)
{
    const struct sim_behaviour *b = sim_behaviour(sim, p->name);
    if (signo == SIGKILL)
        process_end(sim, p, SIGKILL);
    else if (signo != SIGCONT && signo != SIGHUP && !b->deaf && p->role != 'd' &&
             p->ends_ms > sim->now + b->ends_in_ms) {
        p->ends_ms = sim->now + b->ends_in_ms;
        p->status = signo;
    }
}

static void os_signal(void *arg, const struct unit_spec *spec, const struct spawn_id *id, int signo,
                      bool tree)
{
    struct sim *sim = arg;
    for (int i = 0; i < SIM_PIDS; i++) {
        struct sim_process *p = &sim->processes[i];
        if (p->pid == 0 || p->dead)
            continue;
        bool it = p->pid == id->pid && p->start_time == id->start_time;
        if (it || (tree && strcmp(p->name, spec->name) == 0 && p->role != 's'))
            signal_one(sim, p, signo);
    }
    end_due(sim);
}

static bool os_tree_empty(void *arg, const struct unit_spec *spec, const struct spawn_id *id)
{
    return sim_count(arg, spec->name, 0) == 0;
}

static bool os_no_strays(void *arg)
{
    const struct sim *sim = arg;
    for (int i = 0; i < SIM_PIDS; i++)
        if (sim->processes[i].pid > 0 && sim->processes[i].role == 'd')
            return false;
    return true;
}

static void os_rest(void *arg)
{
}

static bool os_usage(void *arg, const struct spawn_id *id, uint64_t *bytes, uint32_t *files)
{
    const struct sim_process *p = by_pid(arg, id->pid);
    if (!p)
        return false;
    const struct sim_behaviour *b = sim_behaviour(arg, p->name);
    *bytes = b->bytes;
    if (files)
        *files = b->files;
    return true;
}

static bool os_find(void *arg, const struct unit_adopt *adopt, struct spawn_id *id)
{
    struct sim *sim = arg;
    for (int i = 0; i < SIM_PIDS; i++) {
        const struct sim_process *p = &sim->processes[i];
        if (p->pid > 0 && !p->dead && p->role == 'x' && strcmp(p->name, adopt->what) == 0) {
            *id = (struct spawn_id){p->pid, p->start_time};
            return true;
        }
    }
    return false;
}

static double os_chance(void *arg)
{
    return ((struct sim *)arg)->chance;
}

/* --- what the supervisor tells -------------------------------------------------------------- */

static struct unit_record *on_record(void *arg, const char *name)
{
    struct sim *sim = arg;
    for (int i = 0; i < SIM_UNITS; i++) {
        if (sim->records[i].name[0] == '\0')
            snprintf(sim->records[i].name, sizeof(sim->records[i].name), "%s", name);
        if (strcmp(sim->records[i].name, name) == 0)
            return &sim->records[i].r;
    }
    fail_msg("too many records");
    return NULL;
}

static void on_forget(void *arg, const char *name)
{
    memset(on_record(arg, name), 0, sizeof(struct unit_record));
}

static void on_writing(void *arg, struct unit_record *r, bool begins)
{
    struct sim *sim = arg;
    assert_int_equal(sim->writing, begins ? 0 : 1);
    sim->writing = begins;
    if (!begins)
        store(sim);
}

static void on_change(void *arg, const struct unit_view *u, enum unit_state from)
{
    struct sim *sim = arg;
    assert_int_equal(sim->writing, 0);
    assert_int_not_equal(u->state, from);
    if (sim->n_log < SIM_LOG) {
        struct sim_event *e = &sim->log[sim->n_log++];
        *e = (struct sim_event){.from = from, .to = u->state, .at = sim->now};
        snprintf(e->unit, sizeof(e->unit), "%s", u->name);
    }
    store(sim);
}

static void on_death(void *arg, const struct unit_view *u, const struct unit_death *d)
{
    struct sim *sim = arg;
    sim->deaths++;
    sim->last = *d;
}

void sim_expect_log(struct sim *sim, const char *name, const char *states)
{
    char text[2000] = "";
    size_t n = 0;
    for (int i = 0; i < sim->n_log; i++)
        if (strcmp(sim->log[i].unit, name) == 0)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "",
                                  unit_state_name(sim->log[i].to));
    assert_string_equal(text, states);
    sim->n_log = 0;
}

/* --- running -------------------------------------------------------------------------------- */

static void supervise(struct sim *sim)
{
    struct supervisor_os os = {.spawn = os_spawn,
                               .watch = os_watch,
                               .forget = os_forget,
                               .reap = os_reap,
                               .alive = os_alive,
                               .identify = os_identify,
                               .signal = os_signal,
                               .tree_empty = os_tree_empty,
                               .no_strays = os_no_strays,
                               .rest = os_rest,
                               .usage = os_usage,
                               .find = os_find,
                               .chance = os_chance,
                               .arg = sim};
    struct supervisor_config c = {.os = &os,
                                  .arg = sim,
                                  .record = on_record,
                                  .forget = on_forget,
                                  .writing = on_writing,
                                  .on_change = on_change,
                                  .on_death = on_death};
    sim->s = supervisor_new(&c);
}

void sim_init(struct sim *sim, uint64_t seed)
{
    *sim = (struct sim){.now = 1000};
    rng_seed(&sim->rng, seed);
    supervise(sim);
}

void sim_done(struct sim *sim)
{
    supervisor_free(&sim->s);
}

int sim_set_up(void **state)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    sim_init(sim, 1);
    *state = sim;
    return 0;
}

int sim_tear_down(void **state)
{
    sim_done(*state);
    free(*state);
    return 0;
}

const char *const *sim_list(const char *a, const char *b)
{
    static const char *pool[SIM_UNITS][3];
    static int next;
    const char **v = pool[next++ % SIM_UNITS];
    v[0] = a;
    v[1] = b;
    return v;
}

struct unit_spec sim_spec(const char *name)
{
    static const char *argv[SIM_UNITS][3]; /* [1] is the name, a literal of the test's */
    const char **v = argv[0];
    for (int i = 0; i < SIM_UNITS && v[0] && strcmp(v[1], name) != 0; i++)
        v = argv[i];
    v[0] = "main";
    v[1] = name;
    return (struct unit_spec){.name = name,
                              .spawn = {.path = "main", .argv = v},
                              .autostart = true,
                              .policy = {.factor = 1},
                              .stop_timeout_ms = 10000};
}

void sim_add(struct sim *sim, const struct unit_spec *spec)
{
    supervisor_add(sim->s, spec, sim->now);
}

void sim_kill(struct sim *sim)
{
    vec_push(&graveyard, sim->s);
    sim->killed++;
    sim->writing = 0;
    for (int i = 0; i < SIM_PIDS; i++) { /* they get another parent, who reaps them */
        struct sim_process *p = &sim->processes[i];
        p->child = p->watched = false;
        if (p->dead)
            p->pid = 0;
    }
    supervise(sim);
}

static int64_t next_end(const struct sim *sim)
{
    int64_t at = NEVER;
    for (int i = 0; i < SIM_PIDS; i++)
        if (sim->processes[i].pid > 0 && sim->processes[i].dead)
            return sim->now; /* to be reaped */
    for (int i = 0; i < SIM_PIDS; i++)
        if (sim->processes[i].pid > 0 && !sim->processes[i].dead && sim->processes[i].ends_ms < at)
            at = sim->processes[i].ends_ms;
    return at;
}

void sim_run(struct sim *sim, int64_t ms)
{
    int64_t end = sim->now + ms;
    for (;;) {
        end_due(sim);
        supervisor_turn(sim->s, sim->now);
        supervisor__check(sim->s);
        int timeout = supervisor_timeout(sim->s, sim->now);
        int64_t next = next_end(sim);
        if (timeout >= 0 && sim->now + timeout < next)
            next = sim->now + timeout;
        if (next > end)
            break;
        sim->now = next > sim->now ? next : sim->now + (timeout != 0);
    }
    if (sim->now < end)
        sim->now = end;
}

struct unit_view sim_view(struct sim *sim, const char *name)
{
    struct unit_view v = {0};
    assert_true(supervisor_find(sim->s, name, &v));
    return v;
}

void sim_expect(struct sim *sim, const char *name, enum unit_state state)
{
    assert_string_equal(unit_state_name(sim_view(sim, name).state), unit_state_name(state));
    assert_int_equal(sim_view(sim, name).state, state);
}
