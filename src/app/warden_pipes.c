/* Descriptors of users' programs: their output pipes (output/output.h), their notify sockets (proc/notify.h), and how both
 * outlast a re-execution of the warden. The warden's one thread.
 *
 * A program gets the writing ends; the warden keeps a reading end of each that it never reads, so that what a program
 * printed last waits in the pipe even while the output process is being replaced. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/warden_programs.h"
#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include "output/output.h"
#include "proc/notify.h"

#define TOKEN_BYTES 12
#define READY_MAX   64
#define TAKE_MAX    32 /* messages of one program in a turn: who floods waits */

/* --- around a spawn ------------------------------------------------------------------------- */

static void hold_pipes(struct program *g)
{
    struct err err = {0};
    const char *run_dir = g->owner->w->run_dir;
    for (int i = 0; i < (g->merge ? 1 : 2); i++) {
        if (g->hold[i] >= 0)
            continue;
        g->hold[i] = output_pipe_hold(run_dir, g->id, i + 1, &err);
        if (g->hold[i] < 0)
            log_warn("a program's last words may be lost", F_STR("unit", g->id), F_ERR(&err));
    }
}

static int open_output(struct program *g, struct spawn *s, struct err *err)
{
    const char *run_dir = g->owner->w->run_dir;
    hold_pipes(g);
    s->out_fd = output_pipe_open(run_dir, g->id, 1, err);
    if (s->out_fd < 0) {
        s->out_fd = 0;
        return -1;
    }
    s->err_fd = g->merge ? s->out_fd : output_pipe_open(run_dir, g->id, 2, err);
    if (s->err_fd >= 0)
        return 0;
    s->err_fd = 0;
    return -1;
}

/* What the file says stands between the base and the unit's own map, which is in both. */
static int read_environment_file(struct program *g, struct spawn *s, struct err *err)
{
    struct environ_spec e = {.base = s->env,
                             .user = s->user,
                             .file = g->environment_file,
                             .pairs = g->pairs,
                             .n_pairs = g->n_pairs,
                             .unit = g->id,
                             .instance = g->owner->w->run_dir,
                             .notify_socket = g->notify >= 0 ? g->notify_address : NULL,
                             .watchdog_us = g->watchdog_us};
    if (!g->environment_file)
        return 0;
    g->environment = environ_build(&e, err);
    if (!g->environment)
        return -1;
    s->env = (const char *const *)g->environment;
    return 0;
}

int program_before_spawn(struct program *g, const struct unit_view *u, struct spawn *s,
                         struct err *err)
{
    check_magic(g, PROGRAM_MAGIC);
    must(u->spec->tag == g);
    if (read_environment_file(g, s, err) == 0 && open_output(g, s, err) == 0)
        return 0;
    program_after_spawn(g, s);
    return -1;
}

void program_after_spawn(struct program *g, struct spawn *s)
{
    check_magic(g, PROGRAM_MAGIC);
    if (s->err_fd > 0 && s->err_fd != s->out_fd)
        close(s->err_fd);
    if (s->out_fd > 0)
        close(s->out_fd);
    s->out_fd = s->err_fd = 0;
    free(g->environment);
    g->environment = NULL;
}

/* --- notify --------------------------------------------------------------------------------- */

/* The same over our death, so that programs that run on find the socket of that name again. */
static const char *token(struct programs *p)
{
    if (p->token)
        return p->token;
    cleanup(buf_done) struct buf text = BUF_INIT(4 * TOKEN_BYTES);
    char *path = path_join(p->w->run_dir, "notify");
    if (fs_read_regular(path, &text, NULL) < 0 || text.len != (size_t)2 * TOKEN_BYTES) {
        uint8_t bytes[TOKEN_BYTES];
        struct err err = {0};
        rng_secure(bytes, sizeof(bytes));
        buf_clear(&text);
        hex_encode(&text, bytes, sizeof(bytes));
        if (fs_write_atomic(path, text.data, text.len, 0600, false, &err) < 0)
            log_warn("programs will not find their notify sockets again if the warden dies",
                     F_ERR(&err));
    }
    free(path);
    p->token = buf_take(&text, NULL);
    must(p->token);
    return p->token;
}

static bool wants_notify(const struct process_config *c)
{
    return c->ready == PROCESS_READY_NOTIFY || c->watchdog_ms > 0;
}

static void close_notify(struct program *g)
{
    fd_closep(&g->notify); /* leaves the gathering descriptor, too */
    g->notify = -1;
}

int program_open_notify(struct program *g, const struct process_config *c, struct arena *a,
                        const char **address, struct err *err)
{
    struct programs *p = g->owner;
    *address = NULL;
    if (!wants_notify(c)) {
        close_notify(g);
        return 0;
    }
    if (g->notify < 0) {
        char *made = NULL;
        g->notify = notify_open(token(p), g->id, &made, err);
        free(g->notify_address);
        g->notify_address = made;
        if (g->notify >= 0 && warden__gather_add(p->gather, g->notify, g) < 0) {
            err_sys(err, ERR_IO, "cannot watch a notify socket");
            close_notify(g);
        }
    }
    if (g->notify < 0)
        return -1;
    *address = arena_strdup(a, g->notify_address);
    return 0;
}

static void take_messages(struct program *g, int64_t now_ms)
{
    struct notify_message m;
    pid_t pid;
    for (int i = 0; i < TAKE_MAX && notify_next(g->notify, g->uid, &m, &pid); i++)
        supervisor_notify(g->owner->w->supervisor, g->name, &m, now_ms);
}

void programs_take_notify(struct programs *p)
{
    void *tags[READY_MAX];
    check_magic(p, PROGRAMS_MAGIC);
    size_t n = p->gather < 0 ? 0 : warden__gather_ready(p->gather, tags, READY_MAX);
    for (size_t i = 0; i < n; i++) {
        struct program *g = tags[i];
        check_magic(g, PROGRAM_MAGIC);
        take_messages(g, warden_now_ms());
    }
}

void program_close_files(struct program *g)
{
    close_notify(g);
    for (int i = 0; i < 2; i++) {
        fd_closep(&g->hold[i]);
        g->hold[i] = -1;
    }
    free(g->notify_address);
    g->notify_address = NULL;
}

/* --- over a re-execution -------------------------------------------------------------------- */

void programs_pass_on(struct programs *p, struct inherit *to)
{
    const char *id;
    size_t it = 0, n;
    void *value;
    while (map_str_next(p->by_id, &it, &id, &n, &value)) {
        struct program *g = value;
        inherit_put(to, "out", g->hold[0], g->id, "");
        inherit_put(to, "err", g->hold[1], g->id, "");
        inherit_put(to, "notify", g->notify, g->id, g->notify_address);
    }
}

void program_inherit(struct program *g)
{
    struct programs *p = g->owner;
    g->hold[0] = inherit_take(p->w->inherited, "out", g->id, NULL);
    g->hold[1] = inherit_take(p->w->inherited, "err", g->id, NULL);
    g->notify = inherit_take(p->w->inherited, "notify", g->id, &g->notify_address);
    if (g->notify >= 0 && warden__gather_add(p->gather, g->notify, g) < 0)
        close_notify(g);
}
