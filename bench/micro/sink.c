/* A target that costs little: answers every request on a port with 200, one process, epoll.
 *   sink PORT [SWEEP_MS]
 * With SWEEP_MS it sleeps so long between looks instead of being woken by each connection: on loopback the wake-up
 * of a sleeping server is charged to the client, which no target on another machine does.
 * Stands alone (no code of Belfry), compiled by bench/benchlib.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                             "Connection: close\r\n\r\nok\n";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 65535) != 0)
        fail("listen");
    return fd;
}

static void take_all(int ep, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
    }
    if (errno == EMFILE)
        usleep(1000);
}

/* A request comes in one piece here; whatever comes is one. The client closes first or sees the end. */
static void serve(int fd)
{
    char ask[8192];
    ssize_t n = recv(fd, ask, sizeof(ask), 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0 && send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: sink PORT [SWEEP_MS]\n");
        return 2;
    }
    int listener = listen_on(atoi(argv[1])), ep = epoll_create1(0);
    struct timespec pause = {0, argc > 2 ? atol(argv[2]) * 1000000 : 0};
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, got[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        int n = epoll_wait(ep, got, 512, pause.tv_nsec ? 0 : -1);
        for (int i = 0; i < n; i++)
            if (got[i].data.fd == listener)
                take_all(ep, listener);
            else
                serve(got[i].data.fd);
        if (pause.tv_nsec && n < 512)
            nanosleep(&pause, NULL);
    }
}
