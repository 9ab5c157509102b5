/* What the tests of api/ share: a core whose loop runs on a thread of its own, the real HTTP server before it, and a
 * client that says exactly what the test wants said. */
#ifndef API_UNIT_H
#define API_UNIT_H

#include "../core/core_unit.h"
#include "api/api_priv.h"
#include "config/node.h"

struct service {
    struct bed bed;
    struct api *api;
    struct http_server *server;
    uint16_t port;
    pthread_t thread;
    pthread_barrier_t ready;
    struct arena *arena; /* of the replies */
};
void service_open(struct service *s); /* bed_init and bed_config were called on s->bed */
void service_close(struct service *s);

struct reply {
    int status;
    const char *head, *body;
    const struct node *json; /* NULL when it is none */
};
/* headers: "Name: value\r\n" lines, NULL for the usual ones (Host, and Content-Type with a body). */
struct reply ask(struct service *s, const char *method, const char *path, const char *headers,
                 const char *body);
struct reply get(struct service *s, const char *path);
/* Member of the answer by path "items.0.name"; NULL when absent. */
const struct node *at(const struct node *n, const char *path);
int64_t num_at(struct reply r, const char *path);      /* asserts that it is a whole number */
const char *text_at(struct reply r, const char *path); /* asserts that it is text */

/* Publishes a result for "g"/name and waits until it was judged and stored. */
void service_result(struct service *s, const char *name, bool success);

#endif
