/* Questions to a service that answers over HTTP: clickhouse and influxdb. Each request has a connection of its own. */
#ifndef PROBE_WEB_ASK_H
#define PROBE_WEB_ASK_H

#include "probe/service.h"

#define WEB_BODY_MAX ((size_t)1 << 20)

struct web_ask {
    struct probe *probe;
    const struct service *service;
    struct result *r;
    const struct http_header *headers;
    size_t n_headers;
    bool described; /* address and certificate are in *r */
};

struct web_answer {
    int status;
    struct str body;     /* in the probe's arena */
    const char *version; /* of the header that was asked for; NULL */
};

/* path begins with "/"; body NULL: GET. version_header may be NULL. -1 with *err when nothing readable came; any status is an
 * answer. */
int web_ask(struct web_ask *w, const char *path, const char *body, const char *version_header,
            struct web_answer *out, struct err *err);
/* "key=value" with the value encoded, in the arena. */
const char *web_param(const char *key, const char *value, struct arena *a);

#endif
