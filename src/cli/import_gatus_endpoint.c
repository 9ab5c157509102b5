/* An endpoint of Gatus as a target (import_gatus.h). What the scheme of its address makes of it stands in a table. */
#include "cli/import_gatus.h"

#include <string.h>
#include <strings.h>

#include "probe/prober.h"
#include "probe/url.h"

#define INTERVAL_MS 60000
#define TIMEOUT_MS  10000
#define WEEK_MS     (7 * 86400000LL)

/* --- what each kind asks --- */

struct asked {
    struct gatus *g;
    const struct node *endpoint;
    const char *name, *url; /* url: as Belfry writes it */
    struct node *config;
};

/* host and port of scheme://host:port, which may be the environment's. NULL: everything is put. */
static const char *fill_address(struct asked *q, const char *scheme)
{
    struct gatus *g = q->g;
    const char *plain = gatus_plain(g, q->endpoint, "url");
    struct url u;
    struct err err = {0};
    if (!plain)
        return "its address is not known";
    plain = strstr(plain, "://") ? plain : arena_printf(g->arena, "%s://%s", scheme, plain);
    if (url_parse(plain, g->arena, &u, &err) != 0)
        return arena_strdup(g->arena, err.msg);
    import_doc_put(&g->doc, q->config, "host", u.host);
    if (u.port)
        import_doc_int(&g->doc, q->config, "port", u.port);
    return *u.host ? NULL : "its address has no host";
}

const char *gatus_body(struct gatus *g, const struct node *endpoint)
{
    const char *body = gatus_text(g, endpoint, "body");
    if (!body || !*body || !gatus_flag(g, endpoint, "graphql", false))
        return body;
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    struct node *map = node_map(g->arena);
    node_put(map, g->arena, "query", node_text(g->arena, body));
    node_to_json(map, &j);
    return arena_strndup(g->arena, out.data ? out.data : "", out.len);
}

static const char *fill_http(struct asked *q)
{
    struct gatus *g = q->g;
    const char *method = gatus_text(g, q->endpoint, "method");
    import_doc_put(&g->doc, q->config, "url", q->url);
    if (method && *method && !streq(method, "GET"))
        import_doc_put(&g->doc, q->config, "method", method);
    gatus_map(g, q->endpoint, "headers", q->config, "headers");
    import_doc_put(&g->doc, q->config, "body", gatus_body(g, q->endpoint));
    if (gatus_flag(g, q->endpoint, "graphql", false) &&
        !node_get(node_get(q->config, "headers"), "Content-Type"))
        import_doc_put(&g->doc, import_doc_section(&g->doc, q->config, "headers"), "Content-Type",
                       "application/json");
    return NULL;
}

/* A text as a step sends it: no control characters, backslashes doubled. */
static const char *escaped(struct arena *a, const char *text)
{
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 20);
    for (; *text; text++) {
        if (*text == '\n' || *text == '\r' || *text == '\t')
            buf_printf(&out, "\\%c", *text == '\n' ? 'n' : *text == '\r' ? 'r' : 't');
        else if (*text == '\\')
            buf_puts(&out, "\\\\");
        else
            buf_putc(&out, *text);
    }
    return arena_strndup(a, out.data ? out.data : "", out.len);
}

static void put_send(struct asked *q, bool escape)
{
    const char *body = gatus_text(q->g, q->endpoint, "body");
    if (!body || !*body)
        return;
    struct node *step = node_map(q->g->arena);
    import_doc_put(&q->g->doc, step, "send", escape ? escaped(q->g->arena, body) : body);
    import_doc_append(&q->g->doc, q->config, "steps", step);
}

static const char *fill_tcp(struct asked *q)
{
    const char *why = fill_address(q, "tcp");
    put_send(q, true);
    return why;
}

/* Whoever is sent a body is to answer. */
static const char *fill_udp(struct asked *q)
{
    const char *body = gatus_text(q->g, q->endpoint, "body");
    if (body && *body) {
        struct import_doc *d = &q->g->doc;
        import_doc_put(d, q->config, "send", escaped(q->g->arena, body));
        import_doc_put(d, import_doc_section(d, q->config, "expect"), "answer", "^");
    }
    return fill_address(q, "udp");
}

static const char *fill_sctp(struct asked *q)
{
    (void)q;
    return "Belfry does not speak SCTP; take exec";
}

static const char *fill_tls(struct asked *q)
{
    import_doc_flag(&q->g->doc, q->config, "tls", true);
    return fill_tcp(q);
}

static const char *fill_starttls(struct asked *q)
{
    import_doc_put(&q->g->doc, q->config, "starttls", "smtp");
    return fill_address(q, "starttls");
}

static const char *fill_icmp(struct asked *q)
{
    return fill_address(q, "icmp");
}

static const char *fill_websocket(struct asked *q)
{
    import_doc_put(&q->g->doc, q->config, "url", q->url);
    gatus_map(q->g, q->endpoint, "headers", q->config, "headers");
    put_send(q, false);
    return NULL;
}

static const char *fill_grpc(struct asked *q)
{
    if (strncasecmp(q->url, "grpcs:", 6) == 0)
        import_doc_flag(&q->g->doc, q->config, "tls", true);
    return fill_address(q, "grpc");
}

/* The body is {"command": "…"}. */
static const char *fill_ssh(struct asked *q)
{
    struct gatus *g = q->g;
    const struct node *ssh = node_get(q->endpoint, "ssh");
    const char *body = gatus_text(g, q->endpoint, "body"), *user = gatus_text(g, ssh, "username");
    const struct node *command =
        body ? node_get(node_from_json(g->arena, body, strlen(body), NULL), "command") : NULL;
    import_doc_put(&g->doc, q->config, "username", user);
    import_doc_put(&g->doc, q->config, "password", gatus_text(g, ssh, "password"));
    if (user && *user && command && command->kind == NODE_TEXT)
        import_doc_put(&g->doc, q->config, "command", command->text.p);
    if (node_get(ssh, "private-key"))
        return "its private key stands in the file; put it into one of its own and name that in "
               "private_key_file";
    return fill_address(q, "ssh");
}

static const char *fill_dns(struct asked *q)
{
    struct gatus *g = q->g;
    const struct node *dns = node_get(q->endpoint, "dns");
    const char *server = q->url, *name = gatus_text(g, dns, "query-name");
    const char *type = gatus_text(g, dns, "query-type");
    if (strncasecmp(server, "http", 4) == 0)
        return "Belfry does not ask name servers by HTTPS";
    if (strncasecmp(server, "tcp://", 6) == 0)
        import_doc_put(&g->doc, q->config, "transport", "tcp");
    server = strstr(server, "://") ? strstr(server, "://") + 3 : server;
    import_doc_append(&g->doc, q->config, "server", node_text(g->arena, server));
    import_doc_put(&g->doc, q->config, "name", name);
    import_doc_put(&g->doc, q->config, "type", type && *type ? type : "A");
    return name && *name ? NULL : "its dns.query-name is missing";
}

static const struct scheme {
    const char *scheme, *type;
    const char *(*fill)(struct asked *q); /* why it cannot be had; NULL: it can */
} schemes[] = {
    {"http", "http", fill_http},
    {"https", "http", fill_http},
    {"tcp", "tcp", fill_tcp},
    {"udp", "udp", fill_udp},
    {"sctp", "tcp", fill_sctp},
    {"tls", "tcp", fill_tls},
    {"starttls", "tcp", fill_starttls},
    {"icmp", "icmp", fill_icmp},
    {"ws", "websocket", fill_websocket},
    {"wss", "websocket", fill_websocket},
    {"grpc", "grpc", fill_grpc},
    {"grpcs", "grpc", fill_grpc},
    {"ssh", "ssh", fill_ssh},
};
static const struct scheme by_dns = {"dns", "dns", fill_dns};

static const struct scheme *scheme_of(struct gatus *g, const struct node *endpoint, const char *url)
{
    const char *colon = strstr(url, "://");
    if (node_get(endpoint, "dns"))
        return &by_dns;
    if (!colon) { /* ${BASE}/health */
        const char *plain = gatus_plain(g, endpoint, "url");
        colon = plain ? strstr(plain, "://") : NULL;
        url = colon ? plain : url;
    }
    for (size_t i = 0; colon && i < array_len(schemes); i++)
        if (strlen(schemes[i].scheme) == (size_t)(colon - url) &&
            strncasecmp(url, schemes[i].scheme, (size_t)(colon - url)) == 0)
            return &schemes[i];
    return NULL;
}

/* --- the target --- */

const char *gatus_group_of(struct gatus *g, const struct node *endpoint)
{
    const char *group =
        import_doc_group_name(g->arena, gatus_plain(g, endpoint, "group"), GATUS_GROUP);
    struct node *map = import_doc_group(&g->doc, group);
    if (!node_get(map, "interval")) {
        import_doc_ms(&g->doc, map, "interval", INTERVAL_MS);
        import_doc_ms(&g->doc, map, "timeout", TIMEOUT_MS);
        import_doc_ms(&g->doc, map, "connect_timeout", TIMEOUT_MS);
    }
    return group;
}

static void put_labels(struct gatus *g, const struct node *endpoint, const char *what,
                       struct node *target)
{
    const struct node *labels = node_get(endpoint, "extra-labels");
    for (const struct node *n = labels && labels->kind == NODE_MAP ? labels->first : NULL; n;
         n = n->next) {
        const char *name = import_doc_label(g->arena, n->key.p), *value = gatus_text_of(g, n);
        struct node *map = import_doc_section(&g->doc, target, "labels");
        if (name && value && *value && map->count < 30)
            import_doc_put(&g->doc, map, name, value);
        else
            gatus_tell(g, n, "endpoint", what, "label %.60s is not carried over", n->key.p);
    }
}

void gatus_timing(struct gatus *g, const struct node *endpoint, struct node *target,
                  int64_t interval_ms, int64_t timeout_ms)
{
    int64_t interval = gatus_ms(g, endpoint, "interval", interval_ms), timeout = timeout_ms;
    interval = interval < 100 ? interval_ms : interval > WEEK_MS ? WEEK_MS : interval;
    timeout = timeout < 1 ? TIMEOUT_MS : timeout > 3600000 ? 3600000 : timeout;
    timeout = timeout > interval ? interval : timeout;
    if (interval != INTERVAL_MS)
        import_doc_ms(&g->doc, target, "interval", interval);
    if (timeout != TIMEOUT_MS) {
        import_doc_ms(&g->doc, target, "timeout", timeout);
        import_doc_ms(&g->doc, target, "connect_timeout", timeout);
    }
}

struct node *gatus_target(struct gatus *g, const struct node *endpoint, const char *name,
                          const char *group, const char *type)
{
    struct node *target = node_map(g->arena);
    import_doc_put(&g->doc, target, "name", name);
    import_doc_put(&g->doc, target, "type", type);
    if (!gatus_flag(g, endpoint, "enabled", true))
        import_doc_flag(&g->doc, target, "enabled", false);
    put_labels(g, endpoint, name, target);
    gatus_alerts(g, endpoint, group, target);
    return target;
}

bool gatus_add(struct gatus *g, const struct node *at, const char *group, struct node *target,
               const char *what, const char *name)
{
    struct err err = {0};
    if (import_doc_target(&g->doc, group, target, &err))
        return true;
    gatus_tell(g, at, what, name, "is not carried over: %.400s", err.msg);
    return false;
}

/* --- domains --- */

/* [DOMAIN_EXPIRATION] > 720h becomes a target of its own. */
static void add_domain(struct gatus *g, const struct node *endpoint, const char *name,
                       const char *group, int64_t left_ms)
{
    const char *plain = gatus_plain(g, endpoint, "url");
    struct url u;
    const char *domain = plain && url_parse(plain, g->arena, &u, NULL) == 0
                             ? import_doc_domain(g->arena, u.host)
                             : NULL;
    if (!domain) {
        gatus_tell(g, endpoint, "endpoint", name,
                   "[DOMAIN_EXPIRATION] is not carried over: the address has no registered domain");
        return;
    }
    const char *title = arena_printf(g->arena, "%s (domain)", name);
    struct node *target = gatus_target(g, endpoint, title, group, "domain");
    struct node *config = import_doc_section(&g->doc, target, "config");
    struct node *expect = import_doc_section(&g->doc, config, "expect");
    import_doc_put(&g->doc, config, "domain", domain);
    import_doc_ms(&g->doc, expect, "expiry_failure", left_ms);
    if (left_ms > 30LL * 86400000)
        import_doc_ms(&g->doc, expect, "expiry_warning", left_ms);
    import_doc_ms(&g->doc, target, "interval", 3600000);
    gatus_add(g, endpoint, group, target, "endpoint", title);
}

/* --- one endpoint --- */

static void tell_rest(struct gatus *g, const struct node *endpoint, const char *name)
{
    static const char *const known[] = {"name",   "group",   "enabled", "url",      "method",
                                        "body",   "graphql", "headers", "interval", "conditions",
                                        "alerts", "client",  "dns",     "ssh",      "extra-labels",
                                        "ui",     NULL};
    static const struct gatus_reason why[] = {
        {"maintenance-windows",
         "windows are no part of the file; add it with belfry maintenance add (docs/alerts.md)"},
        {"store", "only steps of a suite have something to keep it for"},
        {"always-run", "only steps of a suite have others before them"},
        {NULL, NULL},
    };
    gatus_tell_keys(g, endpoint, "endpoint", name, known, why);
}

void gatus_endpoint(struct gatus *g, const struct node *endpoint)
{
    const char *url = gatus_text(g, endpoint, "url");
    const char *name =
        import_doc_line(g->arena, gatus_plain(g, endpoint, "name"), 190,
                        url && *url ? import_doc_line(g->arena, url, 190, "endpoint") : "endpoint");
    const struct scheme *s = url ? scheme_of(g, endpoint, url) : NULL;
    if (!s) {
        gatus_tell(g, endpoint, "endpoint", name,
                   "is not carried over: Belfry has no prober for \"%.100s\"", url ? url : "");
        return;
    }
    const char *group = gatus_group_of(g, endpoint);
    struct node *target = gatus_target(g, endpoint, name, group, s->type);
    struct asked q = {g, endpoint, name, url, import_doc_section(&g->doc, target, "config")};
    const char *why = s->fill(&q);
    if (why) {
        gatus_tell(g, endpoint, "endpoint", name, "is not carried over: %s", why);
        return;
    }
    gatus_client(g, endpoint, name, s->type, q.config);
    gatus_expect(g, endpoint, name, s->type, target);
    gatus_timing(g, endpoint, target, INTERVAL_MS, gatus_timeout(g, endpoint));
    if (gatus_add(g, endpoint, group, target, "endpoint", name) && gatus_domain_ms(g, endpoint) > 0)
        add_domain(g, endpoint, name, group, gatus_domain_ms(g, endpoint));
    tell_rest(g, endpoint, name);
}
