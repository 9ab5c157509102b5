/* Sockets of the link (link.h): addresses and one packet in or out. Used by both ends. */
#include "ipc/link_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"

#define HEAD_SIZE 9u /* u8 type, u64 id */

/* A path too long for sockaddr_un is reached through its folder's descriptor (Linux). *dir stays open
 * while the address is used; -1 when it is not needed. */
static int fill_address(const char *path, struct sockaddr_un *sun, int *dir)
{
    *sun = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir = -1;
    size_t n = strlen(path);
    if (n < sizeof(sun->sun_path)) {
        memcpy(sun->sun_path, path, n + 1);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    if (!folder)
        return -1;
    *dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    int wrote =
        snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d/%s", *dir, slash + 1);
    if (*dir < 0 || wrote < 0 || (size_t)wrote >= sizeof(sun->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

int link__listen(const char *path, struct err *err)
{
    struct sockaddr_un sun;
    cleanup(fd_closep) int dir = -1;
    if (fill_address(path, &sun, &dir) < 0)
        return err_sys(err, ERR_IO, "cannot listen on %s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot make a socket");
    unlink(path); /* of a dead predecessor: the data folder's lock says that there is no other */
    mode_t old = umask(0177);
    int rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
    umask(old);
    if (rc < 0 || listen(fd, 128) < 0) {
        err_sys(err, ERR_IO, "cannot listen on %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

int link__connect(const char *path, struct err *err)
{
    struct sockaddr_un sun;
    cleanup(fd_closep) int dir = -1;
    if (fill_address(path, &sun, &dir) < 0)
        return err_sys(err, ERR_IO, "cannot connect to %s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
        err_sys(err, ERR_REFUSED, "cannot connect to %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

int link__send(int fd, enum link_type type, uint64_t id, const void *p, size_t n, struct err *err)
{
    must(type < LINK_GONE && n <= LINK_MAX - HEAD_SIZE);
    uint8_t head[HEAD_SIZE] = {(uint8_t)type};
    for (int i = 0; i < 8; i++)
        head[1 + i] = (uint8_t)(id >> (8 * i));
    struct iovec parts[2] = {{head, sizeof(head)}, {(void *)p, n}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = n > 0 ? 2 : 1};
    ssize_t sent;
    do
        sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    if (errno == EAGAIN || errno == ENOBUFS)
        return err_set(err, ERR_BUSY, "the link's socket is full");
    return err_sys(err, ERR_REFUSED, "cannot send over the link");
}

int link__receive(int fd, uint8_t *packet, size_t size, struct link_message *m)
{
    ssize_t n;
    do
        n = recv(fd, packet, size, MSG_DONTWAIT | MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    if (!link__parse(packet, (size_t)n < size ? (size_t)n : size, m) || (size_t)n > size)
        return -1; /* closed (0 bytes), or a packet that we never send */
    return 1;
}

bool link__parse(const uint8_t *packet, size_t n, struct link_message *m)
{
    if (n < HEAD_SIZE || packet[0] >= LINK_GONE)
        return false;
    *m = (struct link_message){.type = (enum link_type)packet[0]};
    for (int i = 0; i < 8; i++)
        m->id |= (uint64_t)packet[1 + i] << (8 * i);
    m->payload = packet + HEAD_SIZE;
    m->n = n - HEAD_SIZE;
    return true;
}
