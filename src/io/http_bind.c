/* The sockets that the HTTP server listens on: TCP, and the Unix socket whose file is replaced when it is a dead
 * server's. Called by http_server.c when it starts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/addr.h"
#include "io/http_server_priv.h"

#define BACKLOG       512
#define BIND_AGAIN_NS (100 * NS_PER_MS)

/* After kill -9 of a large process the kernel needs seconds to free its memory, and only then closes its sockets. */
static int bind_patiently(int fd, const struct addr *a, const struct http_server_config *cfg)
{
    int64_t until = clock_mono_ns() + cfg->bind_wait_ms * NS_PER_MS;
    bool told = false;
    for (;;) {
        if (bind(fd, &a->sa, addr_len(a)) == 0 && listen(fd, BACKLOG) == 0) {
            return 0;
        }
        if (errno != EADDRINUSE || clock_mono_ns() >= until) {
            return -1;
        }
        if (!told) {
            log_warn("the port is taken; trying again for a while, as its owner may be ending",
                     F_STR("address", cfg->address), F_INT("port", cfg->port),
                     F_INT("seconds", cfg->bind_wait_ms / 1000));
        }
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = BIND_AGAIN_NS}, NULL);
    }
}

int http__bind_tcp(const struct http_server_config *cfg, uint16_t *port, struct err *err)
{
    struct addr a;
    if (!addr_parse_ip(cfg->address, cfg->port, &a)) {
        return err_set(err, ERR_INVALID, "cannot listen on \"%.60s\": want an IP address",
                       cfg->address);
    }
    int one = 1, fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_sys(err, ERR_IO, "cannot create a socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    socklen_t n = addr_len(&a);
    if (bind_patiently(fd, &a, cfg) != 0 || getsockname(fd, &a.sa, &n) != 0) {
        const char *hint =
            errno == EADDRINUSE ? " (another program listens there: see ss -ltnp)" : "";
        err_sys(err, ERR_INVALID, "cannot listen on %s port %u%s", cfg->address, cfg->port, hint);
        close(fd);
        return -1;
    }
    *port = addr_port(&a);
    return fd;
}

/* A socket file that nobody answers on is a dead server's: replaced. */
static int remove_stale(const struct sockaddr_un *un, struct err *err)
{
    struct stat st;
    if (lstat(un->sun_path, &st) != 0) {
        return 0;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(err, ERR_INVALID, "cannot listen on %s: a file is in the way", un->sun_path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ||
                             errno == EAGAIN); /* its backlog is full */
    if (fd >= 0) {
        close(fd);
    }
    if (alive) {
        return err_set(err, ERR_INVALID, "cannot listen on %s: another server answers there",
                       un->sun_path);
    }
    unlink(un->sun_path);
    return 0;
}

int http__bind_unix(const char *path, struct err *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(un.sun_path)) {
        return err_set(err, ERR_INVALID,
                       "cannot listen on %.120s: the path has %zu bytes; want ≤ %zu", path, n,
                       sizeof(un.sun_path) - 1);
    }
    memcpy(un.sun_path, path, n);
    if (remove_stale(&un, err) != 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_sys(err, ERR_IO, "cannot create a socket");
    }
    /* The mode is set before anyone can connect: connecting needs listen. */
    if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0) {
        err_sys(err, ERR_INVALID, "cannot listen on %s", path);
        close(fd);
        return -1;
    }
    return fd;
}
