/* Which pipes have bytes, by epoll. Level-triggered: a pipe that is not emptied comes again, after the others. Belongs to
 * the output process's one thread. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "output/output_priv.h"

struct watch {
    int fd;
};

struct watch *output__watch_new(struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot watch pipes");
        return NULL;
    }
    struct watch *w = calloc(1, sizeof(*w));
    must(w);
    w->fd = fd;
    return w;
}

void output__watch_free(struct watch **w)
{
    if (*w)
        close((*w)->fd);
    free(*w);
    *w = NULL;
}

int output__watch_fd(const struct watch *w)
{
    return w->fd;
}

int output__watch_add(struct watch *w, int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};
    must(fd >= 0 && tag);
    return epoll_ctl(w->fd, EPOLL_CTL_ADD, fd, &event);
}

void output__watch_del(struct watch *w, int fd)
{
    int rc = epoll_ctl(w->fd, EPOLL_CTL_DEL, fd, NULL);
    must(rc == 0 || errno == ENOENT);
}

size_t output__watch_ready(struct watch *w, void **tags, size_t max)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(w->fd, events, (int)(max < BATCH ? max : BATCH), 0);
    for (int i = 0; i < n; i++)
        tags[i] = events[i].data.ptr;
    return n > 0 ? (size_t)n : 0;
}

int output__watch_timeout(const struct watch *w)
{
    (void)w;
    return -1;
}
