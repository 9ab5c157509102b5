/* Deaths (reap.h). A pidfd tells that one died; who, and how, is asked of wait4, which knows children
 * alone. Used by the warden's one thread. */
#include "proc/reap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "base/must.h"
#include "proc/proc_priv.h"

#define REAPER_MAGIC 0x52454150u

struct watched {
    int fd;
    bool is_child;
};

struct reaper {
    uint32_t magic;
    enum reap_mode mode;
    bool takes_orphans;
    int gather;         /* -1: signals alone */
    size_t n_foreign;   /* of the watched */
    struct map_u64 *of; /* pid → struct watched */
};

/* The kernel has pidfds if it makes one of ourselves. */
static int try_gather(void)
{
    int self = proc__pidfd(getpid());
    if (self < 0)
        return -1;
    close(self);
    return proc__gather();
}

struct reaper *reaper_new(enum reap_mode mode)
{
    struct reaper *r = calloc(1, sizeof(*r));
    must(r != NULL);
    r->magic = REAPER_MAGIC;
    r->mode = mode;
    r->gather = mode == REAP_SIGNALS ? -1 : try_gather();
    r->of = map_u64_new();
    return r;
}

void reaper_free(struct reaper **rp)
{
    struct reaper *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    check_magic(r, REAPER_MAGIC);
    uint64_t pid;
    void *w;
    for (size_t it = 0; map_u64_next(r->of, &it, &pid, &w);)
        reaper_forget(r, (pid_t)pid);
    map_u64_free(r->of);
    if (r->gather >= 0)
        close(r->gather);
    r->magic = 0;
    free(r);
}

int reaper_fd(const struct reaper *r)
{
    check_magic(r, REAPER_MAGIC);
    return r->gather;
}

void reaper_take_orphans(struct reaper *r)
{
    check_magic(r, REAPER_MAGIC);
    must(r->mode != REAP_OWN); /* nobody would reap them */
    r->takes_orphans = proc__take_orphans();
}

bool reaper_knows_all(const struct reaper *r, bool (*known)(void *arg, pid_t pid), void *arg)
{
    check_magic(r, REAPER_MAGIC);
    return r->takes_orphans && proc__children_are(known, arg);
}

static bool is_child(pid_t pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* -1: no pidfds, or out of descriptors; SIGCHLD still tells of a child. */
static int watch_fd(struct reaper *r, pid_t pid)
{
    int fd = r->gather < 0 ? -1 : proc__pidfd(pid);
    if (fd < 0 || proc__gather_add(r->gather, fd, pid) == 0)
        return fd;
    close(fd);
    return -1;
}

enum reap_watch reaper_add(struct reaper *r, pid_t pid)
{
    check_magic(r, REAPER_MAGIC);
    must(pid > 0);
    reaper_forget(r, pid); /* an earlier one of the same number */
    struct watched w = {.fd = watch_fd(r, pid), .is_child = is_child(pid)};
    if (w.fd >= 0) {
        struct watched *kept = malloc(sizeof(*kept));
        must(kept != NULL);
        *kept = w;
        map_u64_put(r->of, (uint64_t)pid, kept);
        r->n_foreign += !w.is_child;
    }
    if (w.is_child)
        return w.fd >= 0 || r->mode != REAP_OWN ? REAP_CHILD : REAP_UNSEEN;
    return w.fd >= 0 ? REAP_FOREIGN : REAP_UNSEEN;
}

void reaper_forget(struct reaper *r, pid_t pid)
{
    check_magic(r, REAPER_MAGIC);
    struct watched *w = map_u64_del(r->of, (uint64_t)pid);
    if (!w)
        return;
    must(w->is_child || r->n_foreign > 0);
    r->n_foreign -= !w->is_child;
    close(w->fd); /* leaves the epoll set by itself */
    free(w);
}

static pid_t take(pid_t which, struct reaped *out)
{
    pid_t pid;
    do
        pid = wait4(which, &out->status, WNOHANG, &out->usage);
    while (pid < 0 && errno == EINTR);
    return pid;
}

/* One whose pidfd stirs: a child of ours, perhaps since a moment ago only (its parent left it to us), or not. */
static bool next_by_fd(struct reaper *r, struct reaped *out)
{
    pid_t pid;
    if (r->gather < 0 || !proc__gather_next(r->gather, &pid))
        return false;
    *out = (struct reaped){0};
    if (take(pid, out) != pid)
        *out = (struct reaped){.status = REAP_STATUS_UNKNOWN};
    out->pid = pid;
    reaper_forget(r, pid);
    return true;
}

bool reaper_next(struct reaper *r, struct reaped *out)
{
    check_magic(r, REAPER_MAGIC);
    struct reaped dead = {0};
    dead.pid = r->mode == REAP_OWN ? 0 : take(-1, &dead);
    if (dead.pid <= 0) {
        bool by_fd = r->mode == REAP_OWN || r->n_foreign > 0;
        if (!by_fd || !next_by_fd(r, &dead))
            return false;
    }
    reaper_forget(r, dead.pid);
    *out = dead;
    return true;
}
