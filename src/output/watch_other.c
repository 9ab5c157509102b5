/* Systems without epoll: poll over all pipes, ten times a second, as there is no one descriptor for them. Belongs to the
 * output process's one thread. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "output/output_priv.h"

#define LOOK_MS 100

struct watch {
    vec_of(struct pollfd) fds;
    vec_of(void *) tags;
    size_t next; /* where the next turn begins, so that all get theirs */
};

struct watch *output__watch_new(struct err *err)
{
    (void)err;
    struct watch *w = calloc(1, sizeof(*w));
    must(w);
    return w;
}

void output__watch_free(struct watch **w)
{
    if (*w) {
        vec_done(&(*w)->fds);
        vec_done(&(*w)->tags);
    }
    free(*w);
    *w = NULL;
}

int output__watch_fd(const struct watch *w)
{
    (void)w;
    return -1;
}

int output__watch_add(struct watch *w, int fd, void *tag)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    must(fd >= 0 && tag);
    vec_push(&w->fds, p);
    vec_push(&w->tags, tag);
    return 0;
}

void output__watch_del(struct watch *w, int fd)
{
    for (size_t i = 0; i < w->fds.n; i++)
        if (w->fds.at[i].fd == fd) {
            w->fds.at[i] = vec_pop(&w->fds);
            w->tags.at[i] = vec_pop(&w->tags);
            return;
        }
}

size_t output__watch_ready(struct watch *w, void **tags, size_t max)
{
    size_t n = 0, all = w->fds.n;
    if (poll(w->fds.at, (nfds_t)all, 0) <= 0)
        return 0;
    for (size_t i = 0; i < all && n < max; i++) {
        size_t at = (w->next + i) % all;
        if (w->fds.at[at].revents == 0)
            continue;
        tags[n++] = w->tags.at[at];
        if (n == max)
            w->next = at + 1;
    }
    return n;
}

int output__watch_timeout(const struct watch *w)
{
    return w->fds.n > 0 ? LOOK_MS : -1;
}
