/* The warden's door: commands over data/run/warden.sock (ipc/command.h), from the core and from `belfry`. The warden's one
 * thread; from a peer that does not take its answers nothing more is read until it does, and one that says nonsense is
 * shown out. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/warden_programs.h"
#include "base/fs.h"
#include "base/str.h"
#include "ipc/command.h"

#define MAGIC         0x444f4f52u
#define COMMANDS_TURN 64 /* of one peer: the others wait no longer */
#define SAID_MAX      ((size_t)64 << 10)

struct peer {
    uint64_t number;
    int fd;
    bool loads; /* it said LOAD: it is a core, and wants to be woken */
    bool gone;
    bool owed; /* it has not taken this answer yet */
    struct command answer;
};

struct door {
    uint32_t magic;
    int listener;
    uint64_t last;
    vec_of(struct peer) peers;
};

struct door *door_open(const char *run_dir, struct err *err)
{
    char *path = path_join(run_dir, "warden.sock");
    int fd = command_listen(path, err);
    free(path);
    if (fd < 0)
        return NULL;
    struct door *d = calloc(1, sizeof(*d));
    must(d);
    d->magic = MAGIC;
    d->listener = fd;
    return d;
}

void door_close(struct door **dp)
{
    struct door *d = *dp;
    *dp = NULL;
    if (!d)
        return;
    check_magic(d, MAGIC);
    vec_each (&d->peers, it)
        close(it->fd);
    vec_done(&d->peers);
    close(d->listener);
    d->magic = 0;
    free(d);
}

size_t door_poll(const struct door *d, struct pollfd *out)
{
    check_magic(d, MAGIC);
    size_t n = 0;
    /* Full: who comes now waits until one leaves. */
    if (d->peers.n < DOOR_PEERS)
        out[n++] = (struct pollfd){.fd = d->listener, .events = POLLIN};
    for (size_t i = 0; i < d->peers.n; i++)
        out[n++] = (struct pollfd){.fd = d->peers.at[i].fd,
                                   .events = d->peers.at[i].owed ? POLLOUT : POLLIN};
    must(n <= DOOR_POLL);
    return n;
}

/* --- answers -------------------------------------------------------------------------------- */

static struct command answer_to(const struct command *c)
{
    return (struct command){.version = COMMAND_VERSION, .type = COMMAND_ANSWER, .id = c->id};
}

static void say(struct command *answer, enum err_code code, const char *text)
{
    size_t n = utf8_cut(text, strlen(text), COMMAND_TEXT_MAX);
    answer->code = code;
    memcpy(answer->text, text, n);
    answer->text[n] = '\0';
}

static void send_answer(struct peer *p, const struct command *answer)
{
    p->owed = !command_send(p->fd, answer);
    if (!p->owed)
        return;
    p->answer = *answer;
    p->gone = errno != EAGAIN && errno != ENOBUFS;
}

void door_answer(struct door *d, struct door_ticket to, enum err_code code, const char *text)
{
    struct command answer = answer_to(&(struct command){.id = to.id});
    check_magic(d, MAGIC);
    say(&answer, code, text);
    vec_each (&d->peers, it)
        if (it->number == to.peer)
            send_answer(it, &answer);
}

/* The core drains the ring at each wake and after each connect, so one that is lost is made up for. */
bool door_wake(struct door *d)
{
    const struct command wake = {.version = COMMAND_VERSION, .type = COMMAND_WAKE};
    bool any = false;
    check_magic(d, MAGIC);
    vec_each (&d->peers, it)
        if (it->loads && !it->gone)
            any |= command_send(it->fd, &wake);
    return any;
}

/* --- commands ------------------------------------------------------------------------------- */

static void load(struct warden *w, struct command *answer)
{
    cleanup(buf_done) struct buf said = BUF_INIT(SAID_MAX);
    struct err err = {0};
    if (programs_load(w->programs, &said, &err) < 0) {
        log_error("cannot read the list of programs; what runs goes on", F_ERR(&err));
        say(answer, err.code, err.msg);
    } else {
        say(answer, ERR_OK, said.data ? said.data : "");
    }
}

static enum unit_cause cause_of(int32_t number)
{
    return number >= 0 && number < (int32_t)PROCESS_CAUSES ? (enum unit_cause)number : CAUSE_HEALTH;
}

/* False: the supervisor does not know it, or cannot. */
static bool act(struct warden *w, const struct command *c, const char *name)
{
    struct supervisor *s = w->supervisor;
    int64_t now = warden_now_ms();
    switch ((enum command_type)c->type) {
    case COMMAND_START:
        return supervisor_start(s, name, now);
    case COMMAND_STOP:
        return supervisor_stop(s, name, now);
    case COMMAND_RESTART:
        return supervisor_restart(s, name, now);
    case COMMAND_RESET:
        return supervisor_reset(s, name, now);
    case COMMAND_SIGNAL:
        return supervisor_signal(s, name, c->number);
    case COMMAND_READY:
        return supervisor_ready(s, name, now);
    case COMMAND_FAIL:
        return supervisor_fail(s, name, cause_of(c->number), c->text, now);
    case COMMAND_MONITOR_ON:
        return supervisor_monitor(s, name, true, now);
    case COMMAND_MONITOR_OFF:
        return supervisor_monitor(s, name, false, now);
    case COMMAND_ANSWER:
    case COMMAND_WAKE:
    case COMMAND_LOAD:
    case COMMAND_UPGRADE:
        break;
    }
    return false;
}

static void on_unit(struct warden *w, const struct command *c, struct command *answer)
{
    struct program *g = program_find(w->programs, c->unit);
    if (!g || g->removing) {
        say(answer, ERR_NOT_FOUND, "the warden has no such unit");
        return;
    }
    if (!g->supervised) {
        say(answer, ERR_DENIED, g->refused ? g->refused : "it is not supervised");
        return;
    }
    if (c->type == COMMAND_SIGNAL && (c->number <= 0 || c->number > 64)) {
        say(answer, ERR_INVALID, "there is no such signal");
        return;
    }
    bool done = act(w, c, g->name);
    if (!done)
        say(answer, ERR_CONFLICT, "it has no process, or is in no state for that");
}

/* True when it is to be answered now. */
static bool on_command(struct warden *w, const struct command *c, struct peer *from,
                       struct command *answer)
{
    if (w->phase != WARDEN_RUNNING) {
        say(answer, ERR_BUSY, w->upgrading ? "Belfry is being upgraded" : "Belfry is stopping");
        return true;
    }
    switch ((enum command_type)c->type) {
    case COMMAND_LOAD:
        from->loads = true;
        w->programs->wake_due = true; /* what came while nobody was there */
        load(w, answer);
        return true;
    case COMMAND_UPGRADE:
        warden_ask_upgrade(w, (struct door_ticket){from->number, c->id});
        return false;
    case COMMAND_ANSWER:
    case COMMAND_WAKE:
        return false;
    default:
        on_unit(w, c, answer);
        return true;
    }
}

/* --- the turn ------------------------------------------------------------------------------- */

static void serve(struct warden *w, size_t i)
{
    struct command c;
    for (int n = 0; n < COMMANDS_TURN; n++) {
        struct peer *p = &w->door->peers.at[i];
        if (p->owed)
            send_answer(p, &p->answer);
        int got = p->owed ? 0 : command_receive(p->fd, &c);
        p->gone |= got < 0;
        if (got <= 0)
            return;
        struct command answer = answer_to(&c);
        if (on_command(w, &c, p, &answer))
            send_answer(p, &answer);
    }
}

static void let_in(struct door *d)
{
    for (int fd; d->peers.n < DOOR_PEERS && (fd = command_accept(d->listener)) >= 0;) {
        struct peer p = {.number = ++d->last, .fd = fd};
        vec_push(&d->peers, p);
    }
}

static void show_out(struct door *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->peers.n; i++) {
        if (d->peers.at[i].gone)
            close(d->peers.at[i].fd);
        else
            d->peers.at[kept++] = d->peers.at[i];
    }
    d->peers.n = kept;
}

void door_turn(struct warden *w)
{
    struct door *d = w->door;
    check_magic(d, MAGIC);
    let_in(d);
    for (size_t i = 0; i < d->peers.n; i++)
        serve(w, i);
    show_out(d);
}
