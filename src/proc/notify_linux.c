/* Sockets for sd_notify (notify.h). Called by the warden's one thread; the messages are read by
 * notify.c. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/notify.h"

/* The abstract name begins with a zero byte, which NOTIFY_SOCKET shows as "@". */
static socklen_t make_name(struct sockaddr_un *name, const char *token, const char *unit)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t room = sizeof(name->sun_path) - 1;
    int n = snprintf(name->sun_path + 1, room, "belfry/%s/%s", token, unit);
    if (n < 0 || (size_t)n >= room)
        return 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

int notify_open(const char *token, const char *unit, char **address, struct err *err)
{
    struct sockaddr_un name;
    socklen_t n_name = make_name(&name, token, unit);
    if (n_name == 0)
        return err_set(err, ERR_TOO_LARGE, "cannot make a notify socket: %s is too long a name",
                       unit);
    cleanup(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot make a notify socket for %s", unit);
    int yes = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ||
        bind(fd, (struct sockaddr *)&name, n_name) < 0)
        return err_sys(err, errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO,
                       "cannot make a notify socket for %s", unit);
    must(asprintf(address, "@%s", name.sun_path + 1) > 0);
    int taken = fd;
    fd = -1;
    return taken;
}

/* Takes what came with it: credentials; descriptors, which nobody asked for, are closed. */
static bool read_control(struct msghdr *m, struct ucred *sender)
{
    bool known = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof(*sender))) {
            memcpy(sender, CMSG_DATA(c), sizeof(*sender));
            known = true;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < n; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
                close(fd);
            }
        }
    }
    return known;
}

/* One datagram; its length, -1 when there is none. *good: it is whole and its sender is known. */
static ssize_t receive(int fd, char *text, size_t size, struct ucred *sender, bool *good)
{
    enum { DESCRIPTORS_MAX = 253 }; /* SCM_MAX_FD: with less room the kernel would drop them, too */
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    } control;
    struct iovec part = {text, size};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        *good = read_control(&m, sender) && !(m.msg_flags & MSG_TRUNC);
    return n;
}

bool notify_next(int fd, uid_t user, struct notify_message *out, pid_t *pid)
{
    enum { TAKEN_MAX = 64 }; /* a stranger's flood does not keep us */
    for (int i = 0; i < TAKEN_MAX; i++) {
        char text[NOTIFY_MAX];
        struct ucred sender;
        bool good = false;
        ssize_t n = receive(fd, text, sizeof(text), &sender, &good);
        if (n < 0)
            return false;
        if (!good || (sender.uid != user && sender.uid != 0))
            continue;
        if (!notify_parse(text, (size_t)n, out))
            continue;
        *pid = sender.pid;
        return true;
    }
    return false;
}
