/* See child.h. */
#include "probe/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"
#include "io/stream.h"
#include "proc/spawn.h"

#define LOOK_MAX_MS  50
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct running {
    pid_t pid;
    int out, err; /* our ends, non-blocking; -1: closed */
};

static const char *env_of(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Ours may hold secrets: only what programs cannot do without. */
static const char **make_env(const struct child_run *run, struct arena *a)
{
    static const char *const kept[] = {"HOME", "LANG", "TZ"};
    size_t n = 0, more = run->environment ? run->environment->n : 0;
    const char **env = arena_array_of(a, const char *, more + array_len(kept) + 2);
    for (size_t i = 0; i < more; i++)
        env[n++] =
            arena_printf(a, "%s=%s", run->environment->at[i].key, run->environment->at[i].value);
    env[n++] =
        arena_printf(a, "PATH=%s", env_of("PATH", DEFAULT_PATH)); /* the first of a name counts */
    for (size_t i = 0; i < array_len(kept); i++)
        if (getenv(kept[i]))
            env[n++] = arena_printf(a, "%s=%s", kept[i], getenv(kept[i]));
    env[n] = NULL;
    return env;
}

static const char *find_program(const char *name, struct arena *a, struct err *err)
{
    if (strchr(name, '/'))
        return name;
    struct str rest = str_of(env_of("PATH", DEFAULT_PATH)), dir;
    while (str_next(&rest, ':', &dir)) {
        const char *path = arena_printf(a, "%.*s/%s", (int)dir.n, dir.p, name);
        if (dir.n && access(path, X_OK) == 0)
            return path;
    }
    err_set(err, ERR_NOT_FOUND, "cannot run %.100s: no such program in PATH", name);
    return NULL;
}

static int make_pipe(int *ours, int *theirs, struct err *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0)
        return err_sys(err, ERR_IO, "cannot make a pipe");
    *ours = p[0];
    *theirs = p[1];
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static int start(const struct child_run *run, struct arena *a, int out, int err_fd,
                 struct running *c, struct err *err)
{
    struct spawn_user user;
    struct spawn s = {.argv = run->argv,
                      .env = make_env(run, a),
                      .dir = run->dir && *run->dir ? run->dir : "/",
                      .limits = {.no_core = true},
                      .death_signal = SIGKILL,
                      .group = SPAWN_NEW_GROUP,
                      .in_fd = SPAWN_NULL,
                      .out_fd = out,
                      .err_fd = err_fd};
    must(run->argv && run->argv[0]);
    s.path = find_program(run->argv[0], a, err);
    if (!s.path)
        return -1;
    if (run->user && *run->user) {
        if (spawn_user_find(run->user, &user, err) != 0)
            return -1;
        s.user = user.uid == geteuid() ? NULL : &user;
    }
    return spawn_start(&s, &c->pid, err);
}

static int start_with_pipes(const struct child_run *run, struct arena *a, struct running *c,
                            struct err *err)
{
    int out = -1, err_fd = -1, rc = -1;
    if (make_pipe(&c->out, &out, err) == 0 && make_pipe(&c->err, &err_fd, err) == 0)
        rc = start(run, a, out, err_fd, c, err);
    if (out >= 0)
        close(out);
    if (err_fd >= 0)
        close(err_fd);
    return rc;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        udp_close(*fd); /* the loop forgets the descriptor */
    *fd = -1;
}

/* Takes what is there now. */
static void drain(int *fd, struct buf *said, bool *cut)
{
    char chunk[4096];
    for (int turns = 0; *fd >= 0 && turns < 64; turns++) {
        ssize_t n = read(*fd, chunk, sizeof(chunk));
        if (n > 0) {
            size_t room = said->max - said->len, take = (size_t)n < room ? (size_t)n : room;
            buf_add(said, chunk, take);
            *cut = *cut || take < (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            shut(fd);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static bool has_ended(struct running *c, int *status)
{
    must(c->pid > 0);
    pid_t got = waitpid(c->pid, status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    if (got < 0)
        *status = 0; /* somebody else took it */
    c->pid = 0;
    return true;
}

/* Until something can be read, or it is time to look whether it ended. */
static int pause_for(const struct running *c, int64_t until_ns, int64_t deadline_ns,
                     struct err *err)
{
    struct err quiet = {0};
    int64_t until = until_ns < deadline_ns ? until_ns : deadline_ns;
    int fd = c->out >= 0 ? c->out : c->err;
    int rc = fd >= 0 ? io_wait(fd, IO_READ, until, &quiet) : fiber_sleep(until, &quiet);
    if (rc < 0 && quiet.code == ERR_CANCELLED)
        return err_set(err, ERR_CANCELLED, "the probe was cancelled");
    if (clock_mono_ns() >= deadline_ns)
        return err_set(err, ERR_TIMEOUT, "the program did not end in time and was killed");
    return 0;
}

/* A program may end while a child of its own keeps its output open: its end counts. */
static int follow(struct running *c, struct child_end *end, int64_t deadline_ns, struct err *err)
{
    bool err_cut = false;
    for (int64_t look_ms = 1;; look_ms = look_ms < LOOK_MAX_MS ? look_ms * 2 : LOOK_MAX_MS) {
        bool ended = has_ended(c, &end->status);
        drain(&c->out, &end->out, &end->out_cut);
        drain(&c->err, &end->err, &err_cut);
        if (ended)
            return 0;
        if (pause_for(c, clock_mono_ns() + look_ms * NS_PER_MS, deadline_ns, err) != 0)
            return -1;
    }
}

/* Whatever of its group is left, it too. */
static void finish(struct running *c, pid_t group)
{
    if (group > 0)
        kill(-group, SIGKILL);
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        c->pid = 0;
    }
    shut(&c->out);
    shut(&c->err);
}

int child_run(const struct child_run *run, struct arena *a, struct child_end *end, struct err *err)
{
    struct running c = {.out = -1, .err = -1};
    *end = (struct child_end){.out = BUF_INIT(run->max_output), .err = BUF_INIT(run->max_output)};
    must(run->max_output > 0 && fiber_self() != NULL);
    int rc = start_with_pipes(run, a, &c, err);
    pid_t group = rc == 0 ? c.pid : 0;
    if (rc == 0)
        rc = follow(&c, end, run->deadline_ns, err);
    finish(&c, group);
    return rc;
}

void child_done(struct child_end *end)
{
    buf_done(&end->out);
    buf_done(&end->err);
}
