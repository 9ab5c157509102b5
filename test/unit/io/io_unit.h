/* What the unit tests of io/ share: a loop around one fiber, and small servers on threads. */
#ifndef UNIT_IO_UNIT_H
#define UNIT_IO_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/addr.h"
#include "io/fiber.h"
#include "io/loop.h"

#define MS(n) ((n)*NS_PER_MS)
static inline int64_t in_ms(int64_t n)
{
    return clock_mono_ns() + MS(n);
}

/* Runs fn(arg) on a fiber of a fresh loop until it ends. */
void on_fiber(void (*fn)(void *arg), void *arg);

/* A server on a thread: talk() is called for each accepted connection, which is then closed. */
struct test_server {
    uint16_t port;
    int fd;
    pthread_t thread;
    void (*talk)(int fd, void *arg);
    void *arg;
    atomic_int accepted;
    atomic_bool stop;
    pthread_mutex_t busy; /* held while talk runs: lock it to see what talk wrote */
};
void server_start(struct test_server *s, void (*talk)(int fd, void *arg), void *arg);
void server_sync(struct test_server *s); /* waits until talk has returned */
void server_stop(struct test_server *s);
/* Reads until the bytes end with `end` (or the peer closes). Returns how many. */
size_t read_until(int fd, char *buf, size_t size, const char *end);
void send_text(int fd, const char *text);
struct addr local(uint16_t port);
uint16_t free_port(void); /* nobody listens there */

#endif
