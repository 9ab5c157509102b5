/* The exec channel: runs a program with Alertmanager's JSON on its standard input and the essentials in BELFRY_*
 * variables. Exit status 0: delivered; 64-78 of sysexits.h except 75 (EX_TEMPFAIL): never; any other: try again. The
 * loop never blocks: pipes are non-blocking and the fiber waits. The program leads a process group of its own, which is
 * killed as a whole when the time is over. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "io/fiber.h"
#include "notify/channels.h"

#define OUTPUT_MAX 4096

extern char **environ;

struct exec_config {
    struct message_options message;
    struct str_list command;
};

static const struct option options[] = {
    {"command", OPT_LIST, offsetof(struct exec_config, command), .required = true, .min = 1,
     .max = 100, .help = {"Program and its arguments.", "程序及其参数。"},
     .example = "[/usr/local/bin/page-me, --urgent]"},
    MESSAGE_OPTION_ROWS(struct exec_config, "en"),
    OPTION_END,
};

static int render(const struct send *s, struct buf *out, struct err *err)
{
    alertmanager_json(s, 0, out);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the payload is over %zu bytes", out->max) : 0;
}

/* Our environment with BELFRY_* added. */
static char **make_env(const struct send *s, const struct message *m)
{
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **env = arena_array_of(s->arena, char *, n + 8);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "BELFRY_", 7) != 0)
            env[k++] = environ[i];
    env[k++] = arena_printf(s->arena, "BELFRY_TITLE=%s", m->title);
    env[k++] = arena_printf(s->arena, "BELFRY_TEXT=%.16000s", m->body);
    env[k++] =
        arena_printf(s->arena, "BELFRY_STATUS=%s", m->tone == TONE_UP ? "resolved" : "firing");
    env[k++] = arena_printf(s->arena, "BELFRY_GROUP=%s", s->note->group);
    env[k++] = arena_printf(s->arena, "BELFRY_COUNT=%u", s->note->n_items);
    env[k++] =
        arena_printf(s->arena, "BELFRY_DELIVERY=%llu", (unsigned long long)s->note->delivery_id);
    must(k < n + 8);
    env[k] = NULL;
    return env;
}

struct child {
    pid_t pid;
    int in, out; /* our ends, non-blocking */
};

static int spawn_with(const char *const *argv, char **env, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(pid, argv[0], &actions, &attr, (char *const *)argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static int start(const struct send *s, char **env, struct child *c, struct err *err)
{
    const struct exec_config *cfg = s->config;
    must(cfg->command.n > 0);
    const char **argv = arena_array_of(s->arena, const char *, cfg->command.n + 1);
    for (size_t i = 0; i < cfg->command.n; i++)
        argv[i] = cfg->command.at[i];
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0)
        return err_sys(err, ERR_IO, "cannot make a pipe");
    if (pipe2(from, O_CLOEXEC) != 0) {
        err_sys(err, ERR_IO, "cannot make a pipe");
        close(to[0]);
        close(to[1]);
        return -1;
    }
    int rc = spawn_with(argv, env, to[0], from[1], &c->pid);
    close(to[0]);
    close(from[1]);
    c->in = to[1];
    c->out = from[0];
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    if (rc == 0)
        return 0;
    fd_closep(&c->in);
    fd_closep(&c->out);
    errno = rc;
    bool ours = rc == EAGAIN || rc == ENOMEM || rc == EMFILE || rc == ENFILE;
    return err_sys(err, ours ? ERR_IO : ERR_INVALID, "cannot run %.200s", argv[0]);
}

/* write() without SIGPIPE: a program may end without having read all. */
static ssize_t write_quietly(int fd, const char *p, size_t n)
{
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t rc = write(fd, p, n);
    int saved = errno, signo;
    if (rc < 0 && saved == EPIPE && !was_pending)
        sigwait(&pipe_signal, &signo); /* it is pending: this returns at once */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return rc;
}

/* Feeds the program until it has all or wants no more. */
static int feed(struct child *c, const struct buf *input, int64_t deadline_ns, struct err *err)
{
    must(c->pid > 0 && c->in >= 0);
    for (size_t done = 0; done < input->len;) {
        ssize_t n = write_quietly(c->in, input->data + done, input->len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN) {
            if (io_wait(c->in, IO_WRITE, deadline_ns, err) < 0)
                return -1;
        } else if (n < 0 && errno != EINTR)
            break;
    }
    fd_closep(&c->in);
    return 0;
}

/* Reads what it says until it closes its output; keeps the beginning. */
static int listen_to(struct child *c, struct buf *said, int64_t deadline_ns, struct err *err)
{
    char chunk[1024];
    must(c->pid > 0 && c->out >= 0);
    for (;;) {
        ssize_t n = read(c->out, chunk, sizeof(chunk));
        if (n == 0)
            return 0;
        if (n > 0) {
            size_t room = said->max - said->len;
            buf_add(said, chunk, (size_t)n < room ? (size_t)n : room);
        } else if (errno == EAGAIN) {
            if (io_wait(c->out, IO_READ, deadline_ns, err) < 0)
                return -1;
        } else if (errno != EINTR) {
            return err_sys(err, ERR_IO, "cannot read the program's output");
        }
    }
}

/* Waits for the end, looking every 1, 2, 4 … 50 ms. */
static int reap(struct child *c, int *status, int64_t deadline_ns, struct err *err)
{
    must(c->pid > 0);
    for (int64_t pause_ms = 1;; pause_ms = pause_ms < 50 ? pause_ms * 2 : 50) {
        pid_t got = waitpid(c->pid, status, WNOHANG);
        if (got == c->pid) {
            c->pid = 0;
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            c->pid = 0; /* somebody else reaped it */
            return err_sys(err, ERR_IO, "cannot learn how the program ended");
        }
        int64_t now = clock_mono_ns();
        if (now >= deadline_ns)
            return err_set(err, ERR_TIMEOUT, "the program did not end in time");
        int64_t until = now + pause_ms * NS_PER_MS;
        if (fiber_sleep(until < deadline_ns ? until : deadline_ns, err) != 0)
            return -1;
    }
}

static void finish(struct child *c)
{
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        c->pid = 0;
    }
    fd_closep(&c->in);
    fd_closep(&c->out);
}

static int judge_exit(int status, const struct buf *said, struct err *err)
{
    struct str words = str_trim((struct str){said->data != NULL ? said->data : "", said->len});
    int n = (int)utf8_cut(words.p, words.n, 200);
    if (WIFSIGNALED(status))
        return err_set(err, ERR_BUSY, "the program was killed by signal %d%s%.*s", WTERMSIG(status),
                       n > 0 ? ": " : "", n, words.p);
    must(WIFEXITED(status)); /* nobody asked for those that were stopped */
    int code = WEXITSTATUS(status);
    if (code == 0)
        return 0;
    bool never = code >= 64 && code <= 78 && code != 75;
    return err_set(err, never ? ERR_DENIED : ERR_BUSY, "the program ended with status %d%s%.*s",
                   code, n > 0 ? ": " : "", n, words.p);
}

static int converse(struct child *c, const struct buf *input, struct buf *said, int64_t deadline_ns,
                    struct err *err)
{
    int status = 0;
    if (feed(c, input, deadline_ns, err) != 0 || listen_to(c, said, deadline_ns, err) != 0 ||
        reap(c, &status, deadline_ns, err) != 0) {
        if (err != NULL && err->code == ERR_TIMEOUT)
            err_prefix(err, "killed");
        return -1;
    }
    return judge_exit(status, said, err);
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct exec_config *cfg = s->config;
    struct message m;
    struct err own;
    struct child c = {.in = -1, .out = -1};
    struct buf input = BUF_INIT(4 << 20), said = BUF_INIT(OUTPUT_MAX);
    int64_t until = clock_mono_ns() + cfg->message.timeout_ms * NS_PER_MS;
    if (until > s->deadline_ns)
        until = s->deadline_ns;
    int rc = message_build(s, &dialect_text, OUTPUT_MAX, &m, &own);
    if (rc == 0)
        rc = render(s, &input, err);
    if (rc == 0)
        rc = start(s, make_env(s, &m), &c, err);
    if (rc == 0)
        rc = converse(&c, &input, &said, until, err);
    finish(&c);
    utf8_clean(answer, said.data != NULL ? said.data : "",
               said.data != NULL ? utf8_cut(said.data, said.len, 500) : 0);
    buf_done(&input);
    buf_done(&said);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct exec_config *c = config;
    message_validate(&c->message, a, p, path);
    if (c->command.n > 0 && c->command.at[0][0] == '\0')
        problem_add(p, NULL, "command", "the program's name is empty");
}

const struct channel_ops channel_exec = {
    .type = "exec",
    .title = {"Program", "执行程序"},
    .help = {"Runs a program with the alerts as JSON on its standard input.",
             "执行程序，告警以 JSON 由标准输入传入。"},
    .options = options,
    .config_size = sizeof(struct exec_config),
    .burst = 10,
    .max_bytes = 1 << 20,
    .validate = validate,
    .render = render,
    .send = send_message,
};
