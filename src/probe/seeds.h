/* A cluster is asked through any of its nodes: the service's host, then `nodes`, until one answers. */
#ifndef PROBE_SEEDS_H
#define PROBE_SEEDS_H

#include "probe/service.h"

#define SEEDS_MAX 32

/* clang-format off: initializers in macros */
/* Row of an option table; C has `struct str_list nodes`. */
#define SERVICE_NODES(C)                                                                           \
    {                                                                                              \
        "nodes", OPT_LIST, offsetof(C, nodes),                                                     \
            .max = SEEDS_MAX, .advanced = true, .example = "10.0.0.6:6379", .help = {              \
                "Further nodes, host or host:port, asked in turn when the first does not answer.", \
                "其他节点（host 或 host:port），第一个无应答时依次尝试。"      \
            }                                                                                      \
    }
/* clang-format on */

/* Splits a list of hosts in a URL's configuration (redis://a:7000,b:7001/) into host, port and nodes. */
int seeds_from_url(const struct url *u, struct node *map, struct arena *a, struct err *err);
/* Adds a problem for each node that cannot be read. */
void seeds_validate(const struct str_list *nodes, struct problems *p, const char *path);

/* What makes a connection to `at` a good one, such as logging in. 0; -1: *r has failed. */
typedef int seed_greet(struct probe *p, const struct service *at, struct stream *s, void *arg,
                       struct result *r);
/* As service_connect, then greet (may be NULL). The time left is divided between the nodes still to try; those that did
 * not answer become warnings when a later one does. */
struct stream *seeds_connect(struct probe *p, const struct service *s, const struct str_list *nodes,
                             seed_greet *greet, void *arg, struct result *r);

#endif
