/* From a unit's document (config/process.h) to what the supervisor and spawn take. Called when data/run/programs is read;
 * the warden's one thread. What the unit finds around itself (user, environment, cgroup) is warden_around.c's. */
#include <stdlib.h>
#include <string.h>

#include "app/warden_programs.h"
#include "base/str.h"

#define STABLE_MS     30000 /* a run of this length ends a row of deaths, as for Belfry's own */
#define STATUSES_MAX  256
#define DEFAULT_UMASK 022

/* --- pieces --------------------------------------------------------------------------------- */

static const char *const *argv_of(const struct str_list *l, struct arena *a)
{
    if (l->n == 0)
        return NULL;
    const char **argv = arena_array_of(a, const char *, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        argv[i] = l->at[i];
    argv[l->n] = NULL;
    return argv;
}

static const char *const *command_of(const struct process_config *c, struct arena *a)
{
    if (!c->shell)
        return argv_of(&c->command, a);
    const char **argv = arena_array_of(a, const char *, 4);
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = c->command.n > 0 ? c->command.at[0] : "";
    argv[3] = NULL;
    return argv;
}

static const char *const *names_of(const struct str_list *l, struct arena *a)
{
    if (l->n == 0)
        return NULL;
    const char **names = arena_array_of(a, const char *, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        names[i] = arena_printf(a, PROGRAM_PREFIX "%s", l->at[i]);
    names[l->n] = NULL;
    return names;
}

static const int *statuses_of(const struct range_list *l, struct arena *a, uint32_t *n)
{
    int *all = arena_array_of(a, int, STATUSES_MAX);
    *n = 0;
    for (int status = 0; status < STATUSES_MAX; status++)
        if (range_has(l, status))
            all[(*n)++] = status;
    return *n > 0 ? all : NULL;
}

static mode_t umask_of(const char *text)
{
    return text && *text ? (mode_t)(strtoul(text, NULL, 8) & 0777) : DEFAULT_UMASK;
}

static struct restart_policy policy_of(const struct process_config *c)
{
    return (struct restart_policy){
        .delay_ms = c->restart_delay.delay_ms,
        .factor = c->restart_delay.growth,
        .jitter = c->restart_delay.jitter,
        .cap_ms = c->restart_delay.delay_max_ms,
        .cooldown_ms = c->monitor.restart_cooldown_ms,
        .stable_ms = c->start_ms > STABLE_MS ? c->start_ms : STABLE_MS,
        .max_restarts = (uint32_t)c->monitor.max_restarts,
        .give_up = true,
    };
}

static struct unit_adopt adopt_of(const struct process_config *c)
{
    if (*c->adopt.pid_file)
        return (struct unit_adopt){ADOPT_PID_FILE, c->adopt.pid_file};
    if (*c->adopt.name)
        return (struct unit_adopt){ADOPT_NAME, c->adopt.name};
    if (*c->adopt.systemd)
        return (struct unit_adopt){ADOPT_SYSTEMD, c->adopt.systemd};
    return (struct unit_adopt){ADOPT_NONE, NULL};
}

static enum unit_ready ready_of(const struct process_config *c)
{
    switch ((enum process_ready)c->ready) {
    case PROCESS_READY_NOTIFY:
        return READY_NOTIFY;
    case PROCESS_READY_HEALTH:
        return READY_HEALTH;
    case PROCESS_READY_TIME:
        break;
    }
    return READY_AFTER;
}

static enum unit_restart restart_of(const struct process_config *c)
{
    switch ((enum process_restart)c->restart) {
    case PROCESS_RESTART_ON_FAILURE:
        return RESTART_ON_FAILURE;
    case PROCESS_RESTART_NEVER:
        return RESTART_NEVER;
    case PROCESS_RESTART_ALWAYS:
        break;
    }
    return RESTART_ALWAYS;
}

/* --- the whole ------------------------------------------------------------------------------ */

static struct spawn_limits limits_of(const struct process_config *c)
{
    return (struct spawn_limits){
        .address_space = (uint64_t)c->limits.address_space,
        .open_files = (uint64_t)c->limits.open_files,
        .processes = (uint64_t)c->limits.processes,
        .stack = (uint64_t)c->limits.stack,
        .file_size = (uint64_t)c->limits.file_size,
        .locked_memory = (uint64_t)c->limits.locked_memory,
        .core_size = (uint64_t)c->limits.core_size,
    };
}

static struct spawn_priority priority_of(const struct process_config *c)
{
    struct spawn_priority p = {.io_class = (enum spawn_io_class)c->priority.io_class,
                               .io_level = (int)c->priority.io_level};
    p.has_nice = c->priority.nice != PROCESS_AS_BELFRY;
    p.nice = p.has_nice ? (int)c->priority.nice : 0;
    p.has_oom_score = c->priority.oom_score != PROCESS_AS_BELFRY;
    p.oom_score = p.has_oom_score ? (int)c->priority.oom_score : 0;
    return p;
}

static int spawn_of(struct program *g, const struct process_config *c, struct arena *a,
                    struct spawn *out, struct err *err)
{
    const char *const *argv = command_of(c, a);
    struct spawn_user *user = arena_new_of(a, struct spawn_user);
    if (!argv)
        return err_set(err, ERR_INVALID, "cannot run it: it has no command");
    if (program_user(g->owner, c, user, err) < 0)
        return -1;
    struct spawn_limits limits = limits_of(c);
    limits.open_files_soft = g->owner->w->files_soft; /* ours is raised; some programs select() */
    g->uid = user->uid;
    g->merge = c->output.merge;
    g->watchdog_us = c->watchdog_ms * 1000;
    *out = (struct spawn){
        .path = argv[0],
        .argv = argv,
        .dir = *c->directory ? c->directory : NULL,
        .user = user,
        .limits = limits,
        .priority = priority_of(c),
        .has_umask = true,
        .umask = umask_of(c->umask),
        .no_new_privs = !c->allow_setuid,
        .group = SPAWN_NEW_SESSION,
        .in_fd = SPAWN_NULL,
    };
    return program_environment(g, c, a, out, err);
}

static void fill_times(const struct process_config *c, struct unit_spec *u)
{
    u->start_ms = c->start_ms;
    u->start_timeout_ms = c->start_timeout_ms;
    u->hang_timeout_ms = c->watchdog_ms;
    u->run_timeout_ms = c->run_timeout_ms;
    u->stop_timeout_ms = c->stop_timeout_ms;
    u->check_ms = c->monitor.check_interval_ms;
}

static void fill_bounds(struct program *g, const struct process_config *c, struct arena *a,
                        struct unit_spec *u)
{
    bool kernel = program_cgroup(g, c, a, &u->spawn);
    uint64_t hard = kernel ? 0 : (uint64_t)c->limits.memory;
    u->memory_limit = (uint64_t)c->limits.watch_memory;
    if (hard > 0 && (u->memory_limit == 0 || hard < u->memory_limit))
        u->memory_limit = hard;
    u->files_limit = (uint32_t)c->limits.watch_files;
}

int program_spec(struct program *g, const struct process_config *c, struct arena *a,
                 struct unit_spec *out, struct err *err)
{
    bool job = *c->schedule != '\0';
    struct unit_spec u = {
        .name = g->name,
        .pre_start = argv_of(&c->pre_start, a),
        .post_stop = argv_of(&c->post_stop, a),
        .kind = job || c->kind == PROCESS_ONESHOT ? UNIT_ONESHOT : UNIT_DAEMON,
        .autostart = c->autostart && !job, /* the core starts a job when it is due */
        .policy = policy_of(c),
        .restart = restart_of(c),
        .unmonitored = !c->enabled || !c->monitor.enable,
        .ready = ready_of(c),
        .tree = true,
        .start_order = (int32_t)c->start_order,
        .after = names_of(&c->after, a),
        .requires = names_of(&c->requires, a),
        .adopt = adopt_of(c),
        .tag = g,
    };
    if (spawn_of(g, c, a, &u.spawn, err) < 0)
        return -1;
    if (!process_stop_signal(c->stop_signal, &u.stop_signal))
        return err_set(err, ERR_INVALID, "stop_signal: got %s; want a signal's name",
                       c->stop_signal);
    u.ok_statuses = statuses_of(&c->success_statuses, a, &u.n_ok_statuses);
    fill_times(c, &u);
    fill_bounds(g, c, a, &u);
    *out = u;
    return 0;
}

/* --- what needs a restart ------------------------------------------------------------------- */

static void put_text(struct buf *b, const char *s)
{
    buf_put_str(b, s ? s : "", s ? strlen(s) : 0);
}

static void put_list(struct buf *b, const struct str_list *l)
{
    buf_put_u64(b, l->n);
    for (size_t i = 0; i < l->n; i++)
        put_text(b, l->at[i]);
}

uint64_t program_run_hash(const struct process_config *c)
{
    cleanup(buf_done) struct buf b = BUF_INIT((size_t)16 << 20);
    const struct spawn_limits l = limits_of(c);
    put_list(&b, &c->command);
    put_list(&b, &c->groups);
    for (size_t i = 0; i < c->environment.n; i++) {
        put_text(&b, c->environment.at[i].key);
        put_text(&b, c->environment.at[i].value);
    }
    const char *const texts[] = {
        c->directory,      c->user,       c->group,         c->umask,
        c->adopt.pid_file, c->adopt.name, c->adopt.systemd, c->environment_file};
    for (size_t i = 0; i < array_len(texts); i++)
        put_text(&b, texts[i]);
    const uint64_t numbers[] = {c->shell,
                                c->clean_environment,
                                (uint64_t)c->priority.nice,
                                (uint64_t)c->priority.oom_score,
                                (uint64_t)c->priority.io_class,
                                (uint64_t)c->priority.io_level,
                                l.address_space,
                                l.open_files,
                                l.processes,
                                l.stack,
                                l.file_size,
                                l.locked_memory,
                                l.core_size,
                                c->allow_setuid,
                                c->ready == PROCESS_READY_NOTIFY,
                                (uint64_t)c->watchdog_ms};
    buf_add(&b, numbers, sizeof(numbers));
    return hash_bytes(b.data, b.len, 0);
}
