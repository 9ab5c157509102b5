/* Descriptor readiness by poll(2), for systems without epoll. Called by loop.c on the loop's thread.
 * Linear in the number of descriptors: a port that wants speed writes a kqueue sibling. */
#include "io/loop_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

struct poller_entry {
    uint32_t gen;
    bool oneshot;
};

struct poller {
    vec_of(struct pollfd) fds;
    vec_of(struct poller_entry) entries; /* same index */
};

struct poller *poller_new(struct err *err)
{
    (void)err;
    struct poller *p = calloc(1, sizeof(*p));
    must(p != NULL);
    return p;
}

void poller_free(struct poller **p)
{
    if (*p == NULL) {
        return;
    }
    vec_done(&(*p)->fds);
    vec_done(&(*p)->entries);
    free(*p);
    *p = NULL;
}

static size_t find(const struct poller *p, int fd)
{
    size_t i = 0;
    while (i < p->fds.n && p->fds.at[i].fd != fd) {
        i++;
    }
    return i;
}

int poller_arm(struct poller *p, int fd, uint32_t gen, int events, bool oneshot, bool known)
{
    (void)known;
    if (fcntl(fd, F_GETFD) < 0) { /* epoll would say so; poll only when it waits */
        return -1;
    }
    size_t i = find(p, fd);
    if (i == p->fds.n) {
        (void)vec_add(&p->fds);
        (void)vec_add(&p->entries);
    }
    short want = (short)(((events & IO_READ) ? POLLIN : 0) | ((events & IO_WRITE) ? POLLOUT : 0));
    p->fds.at[i] = (struct pollfd){.fd = fd, .events = want};
    p->entries.at[i] = (struct poller_entry){.gen = gen, .oneshot = oneshot};
    return 0;
}

static void remove_at(struct poller *p, size_t i)
{
    must(i < p->fds.n && p->fds.n == p->entries.n);
    p->fds.at[i] = p->fds.at[p->fds.n - 1];
    p->entries.at[i] = p->entries.at[p->entries.n - 1];
    p->fds.n--;
    p->entries.n--;
}

void poller_del(struct poller *p, int fd)
{
    size_t i = find(p, fd);
    if (i < p->fds.n) {
        remove_at(p, i);
    }
}

static int from_poll(short e)
{
    int events = ((e & POLLIN) ? IO_READ : 0) | ((e & POLLOUT) ? IO_WRITE : 0);
    if (e & (POLLERR | POLLHUP | POLLNVAL)) {
        events |= IO_READ | IO_WRITE | IO__ERROR;
    }
    return events;
}

int poller_wait(struct poller *p, struct poller_event *out, int max, int timeout_ms)
{
    int ready = poll(p->fds.at, (nfds_t)p->fds.n, timeout_ms);
    if (ready < 0) {
        must(errno == EINTR);
        return 0;
    }
    int n = 0;
    for (size_t i = p->fds.n; i-- > 0 && n < max && ready > 0;) {
        short re = p->fds.at[i].revents;
        if (re == 0) {
            continue;
        }
        ready--;
        out[n++] = (struct poller_event){p->fds.at[i].fd, p->entries.at[i].gen, from_poll(re)};
        if (p->entries.at[i].oneshot || (re & POLLNVAL)) {
            remove_at(p, i);
        }
    }
    return n;
}
