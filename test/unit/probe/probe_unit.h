/* What the unit tests of probe/ share: a whole probe from its JSON configuration, on a fiber of a fresh loop. */
#ifndef UNIT_PROBE_UNIT_H
#define UNIT_PROBE_UNIT_H

#include "../io/io_unit.h"

#include "model/result.h"
#include "probe/prober.h"

/* A probe and what came of it; probed_done frees the result. */
struct probed {
    struct probe_limits limits; /* zeroed: 2 s, one attempt */
    const char *servers;        /* name servers of the resolver, NULL: the system's */
    struct arena *arena;
    struct result r;
    struct burst_report burst;
};
/* config: JSON with single quotes, "{'host': '127.0.0.1', 'port': 80}"; fails the test when it does not compile. */
struct result *probed_run(struct probed *p, const char *type, const char *config, ...)
    printf_like(3, 4);
void probed_done(struct probed *p);

/* The problems of a configuration as text, "" when it compiles; the caller frees. */
char *config_problems(const char *type, const char *config);

/* NAN when the result has none. label_value may be NULL. */
double metric_of(const struct result *r, const char *name, const char *label_value);

#define assert_contains(text, part) assert_contains_at((text), (part), __FILE__, __LINE__)
void assert_contains_at(const char *text, const char *part, const char *file, int line);

/* A UDP server on a thread: answer() gets each datagram and may send any back. */
struct udp_server {
    uint16_t port;
    int fd;
    pthread_t thread;
    void (*answer)(struct udp_server *s, const uint8_t *p, size_t n, const struct addr *from);
    void *arg;
    atomic_int received;
    atomic_bool stop;
};
void udp_server_start(struct udp_server *s,
                      void (*answer)(struct udp_server *, const uint8_t *, size_t,
                                     const struct addr *),
                      void *arg, uint16_t port);
void udp_server_send(struct udp_server *s, const void *p, size_t n, const struct addr *to);
void udp_server_stop(struct udp_server *s);

#endif
