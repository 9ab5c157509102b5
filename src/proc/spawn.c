/* fork and exec (spawn.h). The child reports the step that failed, with errno, through a pipe that a
 * successful exec closes. Between fork and exec only async-signal-safe calls. */
#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "proc/proc_priv.h"

extern char **environ;

/* X(NAME, what could not be done) */
#define STEPS(X)                          \
    X(GROUP, "make a process group")      \
    X(FILES, "set up its standard files") \
    X(LIMITS, "set its resource limits")  \
    X(USER, "become its user")            \
    X(CAPS, "keep its capabilities")      \
    X(PARENT, "tie it to its parent")     \
    X(DIR, "change to its directory")     \
    X(EXEC, "execute it")
enum step {
#define X(name, text) STEP_##name,
    STEPS(X)
#undef X
};
static const char *const step_texts[] = {
#define X(name, text) text,
    STEPS(X)
#undef X
};

struct failure {
    enum step step;
    int number;
};

/* --- in the child --------------------------------------------------------------------------- */

static void plain_signals(void)
{
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int put_file(int from, int to)
{
    if (from == to || (from == 0 && to != 0))
        return 0;
    int fd = from;
    if (from == SPAWN_NULL)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 || dup2(fd, to) < 0 ? -1 : 0;
}

static int put_files(const struct spawn *s)
{
    return put_file(s->in_fd, 0) < 0 || put_file(s->out_fd, 1) < 0 || put_file(s->err_fd, 2) < 0
               ? -1
               : 0;
}

static int limit(int what, uint64_t value)
{
    struct rlimit l;
    if (value == 0)
        return 0;
    if (getrlimit((__rlimit_resource_t)what, &l) < 0)
        return -1;
    if (l.rlim_max != RLIM_INFINITY && value > l.rlim_max)
        value = l.rlim_max;
    l.rlim_cur = value;
    return setrlimit((__rlimit_resource_t)what, &l);
}

static int put_limits(const struct spawn_limits *l)
{
    if (limit(RLIMIT_AS, l->address_space) < 0 || limit(RLIMIT_DATA, l->data) < 0 ||
        limit(RLIMIT_NOFILE, l->open_files) < 0 || limit(RLIMIT_NPROC, l->processes) < 0)
        return -1;
    struct rlimit none = {0, 0};
    return l->no_core ? setrlimit(RLIMIT_CORE, &none) : 0;
}

static int put_user(const struct spawn_user *u)
{
    if (!u)
        return 0;
    if (geteuid() != 0 && seteuid(0) < 0)                         /* undoes spawn_lower */
        return getuid() == u->uid && getgid() == u->gid ? 0 : -1; /* we were never root */
    if (setgroups(u->n_groups, u->groups) < 0 || setgid(u->gid) < 0 || setuid(u->uid) < 0)
        return -1;
    return u->uid != 0 && setuid(0) == 0 ? -1 : 0;
}

/* Everything up to exec. Returns the step that failed. */
static enum step prepare_and_exec(const struct spawn *s, pid_t parent)
{
    if ((s->group == SPAWN_NEW_SESSION && setsid() < 0) ||
        (s->group == SPAWN_NEW_GROUP && setpgid(0, 0) < 0))
        return STEP_GROUP;
    if (put_files(s) < 0)
        return STEP_FILES;
    if (put_limits(&s->limits) < 0)
        return STEP_LIMITS;
    if (proc__caps_before_user(s->caps) < 0)
        return STEP_CAPS;
    if (put_user(s->user) < 0)
        return STEP_USER;
    if (proc__caps_after_user(s->caps) < 0)
        return STEP_CAPS;
    if (s->death_signal && proc__death_signal(s->death_signal, parent) < 0)
        return STEP_PARENT;
    if (s->dir && chdir(s->dir) < 0)
        return STEP_DIR;
    execve(s->path, (char **)s->argv, s->env ? (char **)s->env : environ);
    return STEP_EXEC;
}

static _Noreturn void child(const struct spawn *s, pid_t parent, int report)
{
    plain_signals();
    struct failure f = {.step = prepare_and_exec(s, parent)};
    f.number = errno;
    ssize_t ignored = write(report, &f, sizeof(f));
    (void)ignored;
    _exit(127);
}

/* --- in the parent -------------------------------------------------------------------------- */

static pid_t fork_masked(const struct spawn *s, int report)
{
    sigset_t all, old;
    pid_t parent = getpid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* our handlers must not run in the child */
    pid_t pid = fork();
    if (pid == 0)
        child(s, parent, report);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return pid;
}

int spawn_start(const struct spawn *s, pid_t *pid, struct err *err)
{
    must(s->path && s->argv && s->argv[0]);
    int pipefd[2];
    if (pipe2(pipefd, O_CLOEXEC) < 0)
        return err_sys(err, ERR_IO, "cannot start %s", s->path);
    cleanup(fd_closep) int from_child = pipefd[0];
    pid_t child_pid = fork_masked(s, pipefd[1]);
    int saved = errno;
    close(pipefd[1]);
    errno = saved;
    if (child_pid < 0)
        return err_sys(err, ERR_IO, "cannot start %s: cannot fork", s->path);
    struct failure f;
    ssize_t n;
    do
        n = read(from_child, &f, sizeof(f));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(f)) { /* closed by exec */
        *pid = child_pid;
        return 0;
    }
    while (waitpid(child_pid, NULL, 0) < 0 && errno == EINTR)
        ;
    must((size_t)f.step < array_len(step_texts));
    errno = f.number;
    return err_sys(err, ERR_IO, "cannot start %s: cannot %s", s->path, step_texts[f.step]);
}

/* --- users and names ------------------------------------------------------------------------ */

int spawn_user_find(const char *name, struct spawn_user *out, struct err *err)
{
    uint64_t number;
    const struct passwd *pw = getpwnam(name);
    if (!pw && str_to_u64(str_of(name), &number, NULL) == 0 && number < UINT32_MAX)
        pw = getpwuid((uid_t)number);
    if (!pw)
        return err_set(err, ERR_NOT_FOUND, "there is no user \"%s\" on this machine", name);
    *out = (struct spawn_user){.uid = pw->pw_uid, .gid = pw->pw_gid};
    int n = SPAWN_GROUPS_MAX;
    if (getgrouplist(pw->pw_name, pw->pw_gid, out->groups, &n) < 0 && n <= 0) {
        out->groups[0] = pw->pw_gid;
        n = 1;
    }
    out->n_groups = n > SPAWN_GROUPS_MAX ? SPAWN_GROUPS_MAX : (uint32_t)n;
    return 0;
}

int spawn_lower(const struct spawn_user *u, struct err *err)
{
    must(geteuid() == 0 && u->uid != 0);
    if (setgroups(u->n_groups, u->groups) < 0 || proc__lower(u->uid, u->gid) < 0)
        return err_sys(err, ERR_DENIED, "cannot become user %u", (unsigned)u->uid);
    return 0;
}

char *spawn_self(const char *argv0)
{
    char *path = NULL;
    if (access("/proc/self/exe", X_OK) == 0)
        path = strdup("/proc/self/exe");
    else if (strchr(argv0, '/'))
        path = realpath(argv0, NULL);
    if (!path)
        path = strdup(argv0);
    must(path != NULL);
    return path;
}

const char *spawn_signal_name(int signo)
{
    static const struct {
        int signo;
        const char *name;
    } names[] = {
        {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
        {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
        {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
        {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
        {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
    };
    for (size_t i = 0; i < array_len(names); i++)
        if (names[i].signo == signo)
            return names[i].name;
    return "signal";
}

char *spawn_status_text(int status, char *buf)
{
    if (WIFEXITED(status))
        snprintf(buf, SPAWN_STATUS_SIZE, "exit status %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(buf, SPAWN_STATUS_SIZE, "killed by %s (%d)%s", spawn_signal_name(WTERMSIG(status)),
                 WTERMSIG(status), WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(buf, SPAWN_STATUS_SIZE, "wait status %d", status);
    return buf;
}
