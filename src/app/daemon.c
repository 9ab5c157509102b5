/* start, stop and status (daemon.h). Runs in the short-lived process of the command; daemon_start forks the
 * warden off it. */
#include "app/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "config/node.h"

#define READY_MS   60000
#define STOP_MS    120000 /* programs have their own time, then watchers, then the core */
#define LOOK_MS    50
#define SAID_BYTES 65536

char *daemon_run_path(const char *data_dir, const char *name)
{
    char *run = path_join(data_dir, "run"), *path = path_join(run, name);
    free(run);
    return path;
}

pid_t daemon_pid(const char *data_dir)
{
    char *path = daemon_run_path(data_dir, "belfry.pid");
    pid_t holder = 0;
    if (fs_exists(path)) {
        cleanup(fd_closep) int fd = fs_lock_pidfile(path, &holder, NULL);
        if (fd >= 0)
            holder = 0; /* nobody's */
    }
    free(path);
    return holder;
}

/* --- start ---------------------------------------------------------------------------------- */

/* GET /health/ready over the Unix socket: 200 yet? */
bool daemon_is_ready(const char *data_dir)
{
    static const char request[] = "GET /health/ready HTTP/1.0\r\nHost: belfry\r\n\r\n";
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    char *path = daemon_run_path(data_dir, "belfry.sock");
    char answer[16] = "";
    bool fits = strlen(path) < sizeof(sun.sun_path);
    if (fits)
        memcpy(sun.sun_path, path, strlen(path) + 1);
    free(path);
    cleanup(fd_closep) int fd = fits ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    struct timeval limit = {.tv_sec = 2};
    if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        return false;
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
    return n >= 12 && strncmp(answer + 9, "200", 3) == 0;
}

/* Where the background process's stdout and stderr go: what a library or must() prints, mostly nothing. */
static int open_said(const struct warden_config *cfg, char **path, off_t *from, struct err *err)
{
    char *dir = path_join(cfg->log_dir, "watchdog");
    *path = path_join(dir, "stderr.log");
    int rc = fs_mkdirs(dir, 0755, err);
    free(dir);
    int fd = rc < 0 ? -1 : open(*path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return rc < 0 ? -1 : err_sys(err, ERR_IO, "cannot open %s", *path);
    *from = lseek(fd, 0, SEEK_END);
    return fd;
}

static void print_said(const char *path, off_t from)
{
    char *text = malloc(SAID_BYTES);
    must(text);
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, text, SAID_BYTES, from);
    if (n > 0)
        fwrite(text, 1, (size_t)n, stderr);
    free(text);
}

/* The grandchild: its end closes `alive`, which its own children do not inherit. */
static _Noreturn void become_warden(const struct warden_config *cfg, int said)
{
    struct warden_config background = *cfg;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    background.foreground = false;
    if (null < 0 || dup2(null, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
        _exit(1);
    exit(role_warden(&background));
}

/* Forks twice, so that the warden is nobody's child and no session's leader. Returns the reading end of a pipe
 * that the warden holds open as long as it lives. */
static int fork_warden(const struct warden_config *cfg, int said, struct err *err)
{
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) < 0)
        return err_sys(err, ERR_IO, "cannot start in the background");
    pid_t pid = fork();
    if (pid == 0) {
        close(alive[0]);
        setsid();
        pid_t second = fork();
        if (second == 0)
            become_warden(cfg, said);
        _exit(second < 0 ? 1 : 0);
    }
    close(alive[1]);
    int status = 1;
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (status != 0) {
        close(alive[0]);
        return err_sys(err, ERR_IO, "cannot start in the background: cannot fork");
    }
    return alive[0];
}

enum outcome { READY, DIED, LATE };

static enum outcome wait_ready(const char *data_dir, int alive)
{
    for (int64_t end = clock_mono_ns() + READY_MS * NS_PER_MS; clock_mono_ns() < end;) {
        struct pollfd p = {.fd = alive, .events = POLLIN};
        if (poll(&p, 1, LOOK_MS) > 0)
            return DIED;
        if (daemon_is_ready(data_dir))
            return READY;
    }
    return LATE;
}

int daemon_start(const struct warden_config *cfg)
{
    struct err err = {0};
    char *path = NULL;
    off_t from = 0;
    pid_t running = daemon_pid(cfg->data_dir);
    if (running > 0) {
        fprintf(stderr, "belfry: Belfry is already running with the data in %s: process %ld\n",
                cfg->data_dir, (long)running);
        return EXIT_BAD;
    }
    cleanup(fd_closep) int said = open_said(cfg, &path, &from, &err);
    cleanup(fd_closep) int alive = said < 0 ? -1 : fork_warden(cfg, said, &err);
    if (alive < 0) {
        fprintf(stderr, "belfry: %s\n", err.msg);
        free(path);
        return EXIT_BAD;
    }
    enum outcome o = wait_ready(cfg->data_dir, alive);
    if (o == READY)
        printf("Belfry is running: process %ld\n", (long)daemon_pid(cfg->data_dir));
    else
        print_said(path, from);
    if (o == DIED)
        fprintf(stderr, "belfry: Belfry did not start; see also the logs in %s\n", cfg->log_dir);
    if (o == LATE)
        fprintf(stderr,
                "belfry: Belfry has started but is not ready after %d s; see the logs in %s\n",
                READY_MS / 1000, cfg->log_dir);
    free(path);
    return o == READY ? EXIT_GOOD : EXIT_BAD;
}

/* --- stop ----------------------------------------------------------------------------------- */

int daemon_stop(const char *data_dir)
{
    pid_t pid = daemon_pid(data_dir);
    if (pid <= 0) {
        printf("Belfry is not running\n");
        return EXIT_GOOD;
    }
    if (kill(pid, SIGTERM) < 0) {
        fprintf(stderr, "belfry: cannot stop process %ld: %s\n", (long)pid, strerror(errno));
        return EXIT_BAD;
    }
    for (int64_t end = clock_mono_ns() + STOP_MS * NS_PER_MS; clock_mono_ns() < end;) {
        if (daemon_pid(data_dir) != pid) {
            printf("Belfry stopped\n");
            return EXIT_GOOD;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * NS_PER_MS}, NULL);
    }
    fprintf(stderr, "belfry: process %ld has not ended after %d s\n", (long)pid, STOP_MS / 1000);
    return EXIT_BAD;
}

/* --- status --------------------------------------------------------------------------------- */

static const char *uptime_of(const struct node *map, struct arena *a)
{
    char up[DURATION_SIZE] = "-";
    int64_t ms;
    if (time_parse(str_of(field_text(map, "started_at", a)), &ms, NULL) == 0)
        duration_format((clock_wall_ms() - ms) / 1000 * 1000, up);
    return arena_strdup(a, up);
}

/* Returns whether every child is well. */
static bool print_children(const struct node *state, struct arena *a)
{
    static const char *const columns[] = {"PROCESS", "STATE", "PID", "UPTIME", "RESTARTS", NULL};
    const struct node *list = node_get(state, "children");
    struct table *t = table_new(a, columns);
    bool well = list && list->first;
    for (const struct node *c = list ? list->first : NULL; c; c = c->next) {
        const char *status = field_text(c, "state", a);
        table_row(t,
                  (const char *const[]){field_text(c, "name", a), status, field_text(c, "pid", a),
                                        uptime_of(c, a), field_text(c, "restarts", a)});
        well = well && (streq(status, "running") || streq(status, "starting"));
    }
    table_print(t);
    return well;
}

static void print_programs(const struct node *counts)
{
    if (!counts->first)
        return;
    printf("Programs:");
    for (const struct node *c = counts->first; c; c = c->next)
        printf("%s %lld %.*s", c == counts->first ? "" : ",", (long long)c->num, (int)c->key.n,
               c->key.p);
    printf("\n");
}

static void print_state(const struct node *state)
{
    cleanup(buf_done) struct buf out = BUF_INIT((size_t)8 << 20);
    struct json j = json_start(&out);
    node_to_json(state, &j);
    buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
}

int daemon_status(const char *data_dir, bool as_json)
{
    pid_t pid = daemon_pid(data_dir);
    if (pid <= 0) {
        printf(as_json ? "{\"state\":\"stopped\"}\n" : "Belfry is not running\n");
        return EXIT_UNREACHED;
    }
    cleanup(buf_done) struct buf text = BUF_INIT((size_t)8 << 20);
    cleanup(arena_freep) struct arena *a = arena_new();
    struct err err = {0};
    char *path = daemon_run_path(data_dir, "warden.json");
    int rc = fs_read(path, &text, &err);
    free(path);
    struct node *state = rc < 0 ? NULL : node_from_json(a, text.data, text.len, &err);
    if (!state) {
        fprintf(stderr, "belfry: process %ld runs, but %s\n", (long)pid, err.msg);
        return EXIT_BAD;
    }
    struct node *programs = daemon_count_programs(data_dir, a);
    if (as_json) {
        node_put(state, a, "programs", programs);
        print_state(state);
        return EXIT_GOOD;
    }
    printf("Belfry %s is running: process %ld, up %s\n", field_text(state, "version", a), (long)pid,
           uptime_of(state, a));
    bool well = print_children(state, a);
    print_programs(programs);
    return well ? EXIT_GOOD : EXIT_BAD;
}
