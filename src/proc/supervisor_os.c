/* The operating system as the supervisor sees it (supervisor_os in supervisor.h): the real one. */
#include <signal.h>
#include <unistd.h>

#include "base/rng.h"
#include "proc/environ.h"
#include "proc/proc_priv.h"
#include "proc/supervisor_priv.h"
#include "proc/tree.h"
#include "proc/usage.h"

static void os_rest(void *arg)
{
    struct supervisor *s = arg;
    tree_scan_free(&s->scan);
}

static struct tree_scan *scan_of(struct supervisor *s)
{
    bool raised = proc__raise(); /* where /proc hides others' processes */
    if (!s->scan)
        s->scan = tree_scan_new();
    proc__unraise(raised);
    return s->scan;
}

/* 0: it has ended. Raised, since /proc may hide others' processes (hidepid). */
static uint64_t start_time_of(pid_t pid)
{
    bool raised = proc__raise();
    uint64_t start_time = process_start_time(pid);
    proc__unraise(raised);
    return start_time;
}

static int os_spawn(void *arg, const struct spawn *p, struct spawn_id *id, struct err *err)
{
    pid_t pid;
    os_rest(arg); /* the scan does not know what we start now */
    if (spawn_start(p, &pid, err) < 0)
        return -1;
    *id = (struct spawn_id){.pid = pid, .start_time = start_time_of(pid)};
    return 0;
}

static enum reap_watch os_watch(void *arg, pid_t pid)
{
    const struct supervisor *s = arg;
    return reaper_add(s->config.reaper, pid);
}

static void os_forget(void *arg, pid_t pid)
{
    const struct supervisor *s = arg;
    reaper_forget(s->config.reaper, pid);
}

static bool os_reap(void *arg, struct reaped *out)
{
    const struct supervisor *s = arg;
    return reaper_next(s->config.reaper, out);
}

static bool os_alive(void *arg, const struct spawn_id *id)
{
    (void)arg;
    return id->start_time != 0 && start_time_of(id->pid) == id->start_time;
}

static struct tree tree_of(const struct unit_spec *spec, const struct spawn_id *id)
{
    const char *const *env = spec->spawn.env;
    return (struct tree){.cookie = env ? environ_get(env, "BELFRY_UNIT") : NULL,
                         .instance = env ? environ_get(env, "BELFRY_INSTANCE") : NULL,
                         .cgroup = spec->spawn.cgroup,
                         .main = *id};
}

/* What a program, a file or a record says must not make us signal others' processes. */
static bool os_identify(void *arg, const struct unit_spec *spec, struct spawn_id *id)
{
    const struct tree t = tree_of(spec, id);
    uid_t user = spec->spawn.user ? spec->spawn.user->uid : getuid();
    (void)arg;
    if (id->pid <= 1 || id->pid == getpid())
        return false;
    bool raised = proc__raise();
    bool is_its = user == 0 || proc__is_users(id->pid, user) || tree_marked(&t, id->pid);
    id->start_time = is_its ? process_start_time(id->pid) : 0;
    proc__unraise(raised);
    return id->start_time != 0;
}

static void os_signal(void *arg, const struct unit_spec *spec, const struct spawn_id *id, int signo,
                      bool tree)
{
    if (tree) {
        struct tree t = tree_of(spec, id);
        tree_scan_signal(t.cgroup ? NULL : scan_of(arg), &t, signo);
    } else if (id->pid > 0) {
        bool raised = proc__raise();
        if (id->start_time == 0 || process_is(id->pid, id->start_time)) /* 0: an unreaped child */
            kill(id->pid, signo);
        proc__unraise(raised);
    }
}

static bool os_tree_empty(void *arg, const struct unit_spec *spec, const struct spawn_id *id)
{
    struct tree t = tree_of(spec, id);
    return tree_scan_count(t.cgroup ? NULL : scan_of(arg), &t) == 0;
}

static bool is_units(void *arg, pid_t pid)
{
    const struct supervisor *s = arg;
    return map_u64_get(s->pids, (uint64_t)pid) != NULL;
}

static bool os_no_strays(void *arg)
{
    const struct supervisor *s = arg;
    return reaper_knows_all(s->config.reaper, is_units, arg);
}

static bool os_usage(void *arg, const struct spawn_id *id, uint64_t *private_bytes, uint32_t *files)
{
    (void)arg;
    bool raised = proc__raise();
    *private_bytes = process_memory(id->pid).private_bytes;
    if (files)
        *files = process_open_files(id->pid);
    proc__unraise(raised);
    return true;
}

static bool os_find(void *arg, const struct unit_adopt *adopt, struct spawn_id *id)
{
    (void)arg;
    return adopt_find(adopt, id);
}

static double os_chance(void *arg)
{
    (void)arg;
    return (double)(rng_secure_u64() >> 11) / (double)(UINT64_C(1) << 53);
}

struct supervisor_os supervisor__real_os(struct supervisor *s)
{
    must(s->config.reaper != NULL);
    return (struct supervisor_os){.spawn = os_spawn,
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
                                  .arg = s};
}
