/* A document from a service's HTTP interface, for probers that ask one: RabbitMQ's management API, Elasticsearch. */
#ifndef PROBE_MANAGEMENT_H
#define PROBE_MANAGEMENT_H

#include "config/node.h"
#include "probe/service.h"

#define MANAGEMENT_BODY_MAX (4 << 20)

struct management {
    const struct service *service; /* host, account, TLS */
    uint16_t port;
    const char *api_key; /* "Authorization: ApiKey …" instead of the account; NULL: none */
};

/* GET path ("/api/nodes") as JSON in the probe's arena; *status is the HTTP status. NULL with *err: not reached, an answer
 * other than 200, or no JSON. The first call with r takes address, phases and certificate into it; r may be NULL. */
const struct node *management_get(struct probe *p, const struct management *m, const char *path,
                                  int *status, struct result *r, struct err *err);

/* Fields of such a document; 0, false, "" when absent. Texts live in the arena. */
double management_number(const struct node *map, const char *key);
bool management_true(const struct node *map, const char *key);
const char *management_text(const struct node *map, const char *key, struct arena *a);

#endif
