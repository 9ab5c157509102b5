/* Descriptor readiness by epoll(7). Called by loop.c on the loop's thread. */
#include "io/loop_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct poller {
    int fd;
};

struct poller *poller_new(struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot create an epoll set");
        return NULL;
    }
    struct poller *p = calloc(1, sizeof(*p));
    must(p != NULL);
    p->fd = fd;
    return p;
}

void poller_free(struct poller **p)
{
    if (*p == NULL) {
        return;
    }
    close((*p)->fd);
    free(*p);
    *p = NULL;
}

int poller_arm(struct poller *p, int fd, uint32_t gen, int events, bool oneshot, bool known)
{
    struct epoll_event ev = {
        .events = ((events & IO_READ) ? EPOLLIN | EPOLLRDHUP : 0) |
                  ((events & IO_WRITE) ? EPOLLOUT : 0) | (oneshot ? EPOLLONESHOT : 0),
        .data.u64 = (uint64_t)gen << 32 | (uint32_t)fd,
    };
    int op = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(p->fd, op, fd, &ev) == 0) {
        return 0;
    }
    if (known && errno == ENOENT) { /* closed and opened again behind our back */
        return epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &ev);
    }
    if (!known && errno == EEXIST) {
        return epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &ev);
    }
    return -1;
}

void poller_del(struct poller *p, int fd)
{
    struct epoll_event ev = {0};
    epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, &ev); /* absent is fine */
}

static int from_epoll(uint32_t e)
{
    int events = 0;
    if (e & (EPOLLIN | EPOLLRDHUP | EPOLLPRI)) {
        events |= IO_READ;
    }
    if (e & EPOLLOUT) {
        events |= IO_WRITE;
    }
    if (e & (EPOLLERR | EPOLLHUP)) {
        events |= IO_READ | IO_WRITE | IO__ERROR;
    }
    return events;
}

int poller_wait(struct poller *p, struct poller_event *out, int max, int timeout_ms)
{
    struct epoll_event ev[LOOP_EVENTS];
    must(max > 0 && max <= LOOP_EVENTS);
    int n = epoll_wait(p->fd, ev, max, timeout_ms);
    if (n < 0) {
        must(errno == EINTR);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        out[i] = (struct poller_event){
            .fd = (int)(uint32_t)ev[i].data.u64,
            .gen = (uint32_t)(ev[i].data.u64 >> 32),
            .events = from_epoll(ev[i].events),
        };
    }
    return n;
}
