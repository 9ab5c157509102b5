/* Starting a program, the parent's half (spawn.h). The child (spawn_child.c) reports the step
 * that failed, with errno, through a pipe that a successful exec closes. Called by the warden's
 * one thread. */
#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/proc_priv.h"
#include "proc/spawn_priv.h"

static const char *const step_texts[] = {
#define X(name, text) text,
    SPAWN_STEPS(X)
#undef X
};

/* Straight into the cgroup where the kernel can (moving there later stalls for milliseconds),
 * else the child moves. */
static pid_t birth(struct spawn_child *c)
{
    const struct spawn *s = c->s;
    bool share = proc__may_share(s->user != NULL);
    if (!s->cgroup)
        return proc__birth(-1, share, spawn__child, c);
    bool raised = proc__raise();
    cleanup(fd_closep) int folder = open(s->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t pid = folder >= 0 ? proc__birth(folder, share, spawn__child, c) : -1;
    proc__unraise(raised);
    if (pid > 0)
        return pid;
    c->enter_cgroup = true;
    return proc__birth(-1, share, spawn__child, c);
}

static pid_t birth_masked(const struct spawn *s, int report)
{
    sigset_t all, old;
    struct spawn_child c = {.s = s, .parent = getpid(), .report = report};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* our handlers must not run in the child */
    pid_t pid = birth(&c);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return pid;
}

static void forget(struct spawn_id *record)
{
    if (record)
        __atomic_store_n(&record->pid, 0, __ATOMIC_RELEASE);
}

int spawn_start(const struct spawn *s, pid_t *pid, struct err *err)
{
    must(s->path && s->argv && s->argv[0]);
    int pipefd[2];
    if (pipe2(pipefd, O_CLOEXEC) < 0)
        return err_sys(err, ERR_IO, "cannot start %s", s->path);
    cleanup(fd_closep) int from_child = pipefd[0];
    forget(s->record);
    pid_t child_pid = birth_masked(s, pipefd[1]);
    int saved = errno;
    close(pipefd[1]);
    errno = saved;
    if (child_pid < 0)
        return err_sys(err, ERR_IO, "cannot start %s: cannot fork", s->path);
    struct spawn_failure f;
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
    forget(s->record);
    errno = f.number;
    return err_sys(err, ERR_IO, "cannot start %s: cannot %s", s->path, step_texts[f.step]);
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
