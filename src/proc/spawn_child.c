/* The child's half of a spawn, from its first instruction to exec (spawn_priv.h). The caller's
 * thread of spawn_start waits meanwhile.
 *
 * The order matters. What needs root comes first: cgroup, limits, priority. Then it becomes its
 * user for good; only as that user it enters the directory and looks at the program, so it
 * reaches nothing that its user could not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/proc_priv.h"
#include "proc/procid.h"
#include "proc/spawn_priv.h"

#define CPU_GRACE_SECONDS 5
#define DEFAULT_PATH      "/usr/local/bin:/usr/bin:/bin"

extern char **environ;

/* sigaction, not signal: that one keeps a list of its own in the memory we may share. */
static void plain_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &plain, NULL);
    proc__plain_hidden_signals();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int put_group(enum spawn_group group)
{
    switch (group) {
    case SPAWN_NEW_SESSION:
        return setsid() < 0 ? -1 : 0;
    case SPAWN_NEW_GROUP:
        return setpgid(0, 0);
    case SPAWN_SAME_GROUP:
        break;
    }
    return 0;
}

/* 0: the caller's. */
static int put_file(int from, int to)
{
    if (from == 0)
        return 0;
    if (from == to)
        return fcntl(to, F_SETFD, 0);
    int fd = from;
    if (from == SPAWN_NULL)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 || dup2(fd, to) < 0 ? -1 : 0;
}

static int put_files(const struct spawn *s)
{
    if (put_file(s->in_fd, 0) < 0 || put_file(s->out_fd, 1) < 0 || put_file(s->err_fd, 2) < 0)
        return -1;
    proc__close_rest();
    return 0;
}

/* "0" is whoever writes it. */
static int put_cgroup(const char *folder)
{
    char path[PATH_MAX];
    size_t n = strlen(folder);
    if (n + sizeof("/cgroup.procs") > sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, folder, n + 1);
    memcpy(path + n, "/cgroup.procs", sizeof("/cgroup.procs"));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        return -1;
    return close(fd);
}

/* --- limits and priority -------------------------------------------------------------------- */

/* Without the right to raise the hard limit: as much as it allows. */
static int limit(int what, uint64_t value, uint64_t grace)
{
    if (value == 0)
        return 0;
    rlim_t soft = value == SPAWN_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
    struct rlimit want = {soft, soft == RLIM_INFINITY ? soft : soft + grace}, have;
    if (setrlimit((__rlimit_resource_t)what, &want) == 0)
        return 0;
    if (errno != EPERM || getrlimit((__rlimit_resource_t)what, &have) < 0)
        return -1;
    want.rlim_max = have.rlim_max;
    want.rlim_cur = soft < have.rlim_max ? soft : have.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &want);
}

static int soft_open_files(uint64_t value)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return -1;
    l.rlim_cur = value < l.rlim_max ? (rlim_t)value : l.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &l);
}

static int put_limits(const struct spawn_limits *l)
{
    if (l->open_files == 0 && l->open_files_soft > 0 && soft_open_files(l->open_files_soft) < 0)
        return -1;
    const struct {
        int what;
        uint64_t value, grace;
    } all[] = {
        {RLIMIT_AS, l->address_space, 0},
        {RLIMIT_DATA, l->data, 0},
        {RLIMIT_NOFILE, l->open_files, 0},
        {RLIMIT_NPROC, l->processes, 0},
        {RLIMIT_STACK, l->stack, 0},
        {RLIMIT_FSIZE, l->file_size, 0},
        {RLIMIT_MEMLOCK, l->locked_memory, 0},
        {RLIMIT_CPU, l->cpu_seconds, CPU_GRACE_SECONDS},
        {RLIMIT_CORE, l->no_core ? 0 : l->core_size, 0},
    };
    for (size_t i = 0; i < array_len(all); i++)
        if (limit(all[i].what, all[i].value, all[i].grace) < 0)
            return -1;
    return l->no_core ? setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) : 0;
}

static int put_priority(const struct spawn_priority *p)
{
    if (p->has_nice && setpriority(PRIO_PROCESS, 0, p->nice) < 0)
        return -1;
    if (p->io_class != SPAWN_IO_DEFAULT && proc__io_priority(p->io_class, p->io_level) < 0)
        return -1;
    return p->has_oom_score ? proc__oom_score(p->oom_score) : 0;
}

/* --- who it is ------------------------------------------------------------------------------ */

/* A caller that cannot change: it must have no more rights than were asked for. */
static int be_already(const struct spawn_user *u)
{
    gid_t have[256];
    int n = getgroups(array_len(have), have);
    bool fits = getuid() == u->uid && getgid() == u->gid && n >= 0;
    for (int i = 0; fits && i < n; i++) {
        bool asked = have[i] == u->gid;
        for (uint32_t k = 0; k < u->n_groups; k++)
            asked |= have[i] == u->groups[k];
        fits = asked;
    }
    if (!fits)
        errno = EPERM;
    return fits ? 0 : -1;
}

/* Real, effective and saved ids alike; and no way back. */
static int put_user(const struct spawn_user *u)
{
    if (geteuid() != 0)
        return u ? be_already(u) : 0;
    if (!u) /* a lowered root goes on as who it pretends to be */
        return getuid() == 0 ? 0 : proc__become(getuid(), getgid(), NULL, 0);
    if (proc__become(u->uid, u->gid, u->groups, (int)u->n_groups) < 0)
        return -1;
    if (u->uid != 0 && proc__become_root() == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

/* Who it is, where the parent's successor finds it. pid last: it says that the rest is there. */
static void put_record(struct spawn_id *record, pid_t parent)
{
    pid_t self = getpid();
    record->start_time = process_start_time(self);
    __atomic_store_n(&record->pid, (int32_t)self, __ATOMIC_RELEASE);
    if (getppid() != parent)
        _exit(127);
}

/* --- the program ---------------------------------------------------------------------------- */

static const char *path_of(char *const *env)
{
    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return DEFAULT_PATH;
}

/* Tries name in each folder of its own PATH, as its user. */
static void search_and_exec(const char *name, char *const *argv, char *const *env)
{
    char file[PATH_MAX];
    int worst = ENOENT;
    size_t n_name = strlen(name);
    for (const char *at = path_of(env), *end; at; at = *end ? end + 1 : NULL) {
        end = strchrnul(at, ':');
        size_t n = (size_t)(end - at);
        if (n == 0 || n + n_name + 2 > sizeof(file))
            continue;
        memcpy(file, at, n);
        file[n] = '/';
        memcpy(file + n + 1, name, n_name + 1);
        execve(file, argv, env);
        if (errno != ENOENT && errno != ENOTDIR)
            worst = errno;
    }
    errno = worst;
}

static void execute(const struct spawn *s)
{
    char *const *argv = (char *const *)s->argv;
    char *const *env = s->env ? (char *const *)s->env : environ;
    if (strchr(s->path, '/'))
        execve(s->path, argv, env);
    else
        search_and_exec(s->path, argv, env);
}

/* As root where we may. Returns the step that failed, or STEP_USER when it comes next. */
static enum spawn_step prepare(const struct spawn_child *c)
{
    const struct spawn *s = c->s;
    if (put_group(s->group) < 0)
        return STEP_GROUP;
    if (put_files(s) < 0)
        return STEP_FILES;
    if (geteuid() != 0)
        proc__become_root(); /* undoes spawn_lower; else goes on without */
    if (c->enter_cgroup && put_cgroup(s->cgroup) < 0)
        return STEP_CGROUP;
    if (put_limits(&s->limits) < 0)
        return STEP_LIMITS;
    if (put_priority(&s->priority) < 0)
        return STEP_PRIORITY;
    return STEP_USER;
}

/* From the change of user on. Returns the step that failed. */
static enum spawn_step drop_and_exec(const struct spawn_child *c)
{
    const struct spawn *s = c->s;
    if (proc__caps_before_user(s->caps) < 0)
        return STEP_CAPS;
    if (put_user(s->user) < 0)
        return STEP_USER;
    if (proc__caps_after_user(s->caps) < 0)
        return STEP_CAPS;
    if (s->death_signal && proc__death_signal(s->death_signal, c->parent) < 0)
        return STEP_PARENT;
    if (s->no_new_privs && proc__no_new_privs() < 0)
        return STEP_PRIVILEGES;
    if (s->dir && chdir(s->dir) < 0)
        return STEP_DIR;
    if (s->has_umask)
        umask(s->umask);
    if (s->record)
        put_record(s->record, c->parent);
    execute(s);
    return STEP_EXEC;
}

_Noreturn void spawn__child(void *arg)
{
    const struct spawn_child *c = arg;
    plain_signals();
    struct spawn_failure f = {.step = prepare(c)};
    if (f.step == STEP_USER)
        f.step = drop_and_exec(c);
    f.number = errno;
    ssize_t ignored = write(c->report, &f, sizeof(f));
    (void)ignored;
    _exit(127);
}
