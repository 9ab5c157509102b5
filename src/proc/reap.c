/* Deaths of children (reap.h). A pidfd tells that one died; who, and how, is always asked of wait4, so both ways
 * differ in the alarm only. Used by the warden's one thread. */
#include "proc/reap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "base/vec.h"
#include "proc/proc_priv.h"

#define REAPER_MAGIC 0x52454150u

struct child_fd {
    pid_t pid;
    int fd;
};

struct reaper {
    uint32_t magic;
    int gather; /* -1: signals alone */
    vec_of(struct child_fd) children;
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

struct reaper *reaper_new(bool use_pidfds)
{
    struct reaper *r = calloc(1, sizeof(*r));
    must(r != NULL);
    r->magic = REAPER_MAGIC;
    r->gather = use_pidfds ? try_gather() : -1;
    return r;
}

void reaper_free(struct reaper **rp)
{
    struct reaper *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    check_magic(r, REAPER_MAGIC);
    vec_each (&r->children, c)
        close(c->fd);
    vec_done(&r->children);
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

/* Out of descriptors: SIGCHLD still tells of this one. */
void reaper_add(struct reaper *r, pid_t pid)
{
    check_magic(r, REAPER_MAGIC);
    must(pid > 0);
    if (r->gather < 0)
        return;
    int fd = proc__pidfd(pid);
    if (fd < 0)
        return;
    if (proc__gather_add(r->gather, fd) < 0) {
        close(fd);
        return;
    }
    vec_push(&r->children, ((struct child_fd){pid, fd}));
}

static void forget(struct reaper *r, pid_t pid)
{
    vec_each (&r->children, c) {
        if (c->pid != pid)
            continue;
        close(c->fd); /* leaves the epoll set by itself */
        *c = r->children.at[--r->children.n];
        return;
    }
}

bool reaper_next(struct reaper *r, struct reaped *out)
{
    check_magic(r, REAPER_MAGIC);
    struct reaped dead = {0};
    do
        dead.pid = wait4(-1, &dead.status, WNOHANG, &dead.usage);
    while (dead.pid < 0 && errno == EINTR);
    if (dead.pid <= 0)
        return false;
    forget(r, dead.pid);
    *out = dead;
    return true;
}
