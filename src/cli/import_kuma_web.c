/* Uptime Kuma's monitors that speak HTTP (import_kuma.h). */
#include "cli/import_kuma.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

/* --- the request --- */

static void put_headers(struct kuma *k, const struct node *m, struct node *config)
{
    const struct node *headers = kuma_json(k, m, "headers");
    for (const struct node *h = headers && headers->kind == NODE_MAP ? headers->first : NULL; h;
         h = h->next)
        if (h->kind == NODE_TEXT && import_is_line(h->text) && import_is_line(h->key))
            node_put(import_doc_section(&k->doc, config, "headers"), k->arena, h->key.p,
                     node_text(k->arena, h->text.p));
}

/* What the body is said to be, when no header says it. */
static void put_content_type(struct kuma *k, const struct node *m, struct node *config)
{
    const char *encoding = kuma_text(k, m, "httpBodyEncoding");
    const struct node *headers = node_get(config, "headers");
    const char *type = streq(encoding, "form")  ? "application/x-www-form-urlencoded"
                       : streq(encoding, "xml") ? "text/xml; charset=utf-8"
                                                : "application/json";
    if (*kuma_text(k, m, "body") && !node_get(headers, "Content-Type") &&
        !node_get(headers, "content-type"))
        kuma_put(k, import_doc_section(&k->doc, config, "headers"), "Content-Type", type);
}

static void put_oauth2(struct kuma *k, const struct node *m, struct node *config)
{
    struct node *to = import_doc_section(&k->doc, config, "oauth2");
    struct str rest = str_of(kuma_text(k, m, "oauth_scopes")), one;
    kuma_put(k, to, "token_url", kuma_text(k, m, "oauth_token_url"));
    kuma_put(k, to, "client_id", kuma_text(k, m, "oauth_client_id"));
    kuma_put(k, to, "client_secret", kuma_text(k, m, "oauth_client_secret"));
    while (rest.n && str_next(&rest, ' ', &one))
        if (one.n)
            import_doc_append(&k->doc, to, "scopes",
                              node_text(k->arena, arena_strndup(k->arena, one.p, one.n)));
    if (*kuma_text(k, m, "oauth_audience"))
        kuma_put(k, import_doc_section(&k->doc, to, "params"), "audience",
                 kuma_text(k, m, "oauth_audience"));
}

/* DIR/kuma-7-cert.pem, its whole path; NULL: *why says what is wrong with it. */
static const char *write_pem(struct kuma *k, const struct node *m, const char *kind,
                             const char *pem, const char **why)
{
    struct err err = {0};
    char dir[PATH_MAX];
    const char *path = NULL;
    if (!str_starts(str_of(pem), STR("-----BEGIN ")))
        *why = arena_printf(k->arena, "its client certificate: the %s is no PEM", kind);
    else if (fs_mkdirs(k->files, 0700, &err) != 0 || !realpath(k->files, dir))
        *why = arena_printf(k->arena, "cannot make the directory %s", k->files);
    else
        path = arena_printf(k->arena, "%s/kuma-%s-%s.pem", dir, kuma_text(k, m, "id"), kind);
    if (path && fs_write_atomic(path, pem, strlen(pem), 0600, false, &err) != 0)
        *why = arena_strdup(k->arena, err.msg);
    return *why ? NULL : path;
}

/* tlsCert, tlsKey, tlsCa: PEM in the database, files with us. */
static const char *put_certificate(struct kuma *k, const struct node *m, struct node *config)
{
    static const char *const parts[][3] = {{"tlsCert", "cert", "cert_file"},
                                           {"tlsKey", "key", "key_file"},
                                           {"tlsCa", "ca", "ca_file"}};
    const char *why = NULL;
    if (!k->files)
        return "its client certificate stands in the database; give --files DIR and it is written there";
    for (size_t i = 0; i < array_len(parts) && !why; i++) {
        const char *pem = kuma_text(k, m, parts[i][0]);
        bool optional = i == 2; /* the system's authorities */
        if (!*pem && optional)
            continue;
        kuma_put(k, import_doc_section(&k->doc, config, "tls"), parts[i][2],
                 write_pem(k, m, parts[i][1], pem, &why));
    }
    return why;
}

static const char *put_account(struct kuma *k, const struct node *m, struct node *config)
{
    const char *auth = kuma_text(k, m, "authMethod"), *user = kuma_text(k, m, "basic_auth_user");
    const char *domain = kuma_text(k, m, "authDomain");
    bool ntlm = streq(auth, "ntlm");
    if (streq(auth, "mtls"))
        return put_certificate(k, m, config);
    if (streq(auth, "oauth2-cc")) {
        put_oauth2(k, m, config);
        return NULL;
    }
    if (*auth && !ntlm && !streq(auth, "basic") && !streq(auth, "null") && !streq(auth, "bearer"))
        return "its kind of authentication is not known";
    if (ntlm)
        kuma_put(k, config, "auth", "ntlm");
    kuma_put(k, config, "username",
             ntlm && *domain ? arena_printf(k->arena, "%s\\%s", domain, user) : user);
    kuma_put(k, config, "password", kuma_text(k, m, "basic_auth_pass"));
    if (streq(auth, "bearer") || !*user)
        kuma_put(k, config, "bearer", kuma_text(k, m, "bearer_token"));
    return NULL;
}

/* protocol://user:password@host:port of the table proxy. */
static void put_proxy(struct kuma *k, const struct node *m, struct node *config)
{
    const char *id = kuma_text(k, m, "proxyId");
    const struct node *p = *id ? k->proxies->first : NULL;
    while (p && !streq(kuma_text(k, p, "id"), id))
        p = p->next;
    if (!*id)
        return;
    if (!p) {
        kuma_changed(k, m, "its proxy is not in the backup; name it in proxy");
        return;
    }
    cleanup(buf_done) struct buf url = BUF_INIT(4096);
    const char *protocol = kuma_text(k, p, "protocol");
    buf_printf(&url, "%s://", streq(protocol, "socks") ? "socks5" : protocol);
    if (kuma_flag(k, p, "auth")) {
        url_encode(&url, str_of(kuma_text(k, p, "username")));
        buf_putc(&url, ':');
        url_encode(&url, str_of(kuma_text(k, p, "password")));
        buf_putc(&url, '@');
    }
    buf_printf(&url, "%s:%s", kuma_text(k, p, "host"), kuma_text(k, p, "port"));
    kuma_put(k, config, "proxy", arena_strdup(k->arena, url.data));
}

static void put_redirects(struct kuma *k, const struct node *m, struct node *config)
{
    double most = kuma_number(k, m, "maxredirects", 10);
    if (most == 0)
        import_doc_flag(&k->doc, config, "follow_redirects", false);
    else if (most != 10)
        import_doc_int(&k->doc, config, "max_redirects", (int64_t)(most > 50 ? 50 : most));
}

/* --- the answer --- */

static void put_status(struct kuma *k, const struct node *m, struct node *expect)
{
    const struct node *codes = kuma_json(k, m, "accepted_statuscodes");
    for (const struct node *c = codes && codes->kind == NODE_LIST ? codes->first : NULL; c;
         c = c->next)
        if (c->kind == NODE_TEXT && strspn(c->text.p, "0123456789-") == c->text.n && c->text.n > 2)
            import_doc_append(&k->doc, expect, "status", node_text(k->arena, c->text.p));
}

static bool put_json_query(struct kuma *k, const struct node *m, struct node *expect)
{
    const char *path = kuma_path(k, kuma_text(k, m, "jsonPath"));
    const char *name = kuma_text(k, m, "jsonPathOperator"),
               *value = kuma_text(k, m, "expectedValue");
    const char *op = *name ? kuma_op(k, name, &value) : "==";
    struct node *one = node_map(k->arena);
    if (!path || !op)
        return false;
    kuma_put(k, one, "path", path);
    kuma_put(k, one, "op", op);
    node_put(one, k->arena, "value", node_text(k->arena, value));
    import_doc_append(&k->doc, expect, "json", one);
    return true;
}

static const char *fill_http(struct kuma *k, const struct node *m, struct node *config)
{
    const char *method = kuma_text(k, m, "method"), *type = kuma_text(k, m, "type");
    const char *keyword = kuma_text(k, m, "keyword"), *why = put_account(k, m, config);
    struct node *expect = node_map(k->arena);
    kuma_put(k, config, "url", kuma_text(k, m, "url"));
    if (!streq(method, "GET"))
        kuma_put(k, config, "method", method);
    put_headers(k, m, config);
    put_content_type(k, m, config);
    kuma_put(k, config, "body", kuma_text(k, m, "body"));
    put_proxy(k, m, config);
    put_redirects(k, m, config);
    kuma_tls(k, m, config, "tls");
    put_status(k, m, expect);
    if (streq(type, "keyword") && *keyword)
        import_doc_append(&k->doc, expect,
                          kuma_flag(k, m, "invertKeyword") ? "body_not_contains" : "body_contains",
                          node_text(k->arena, keyword));
    if (streq(type, "json-query") && !put_json_query(k, m, expect))
        why = "its JSON query is more than a path and a comparison";
    if (expect->count > 0)
        node_put(config, k->arena, "expect", expect);
    return why;
}

/* --- the others --- */

static const char *fill_websocket(struct kuma *k, const struct node *m, struct node *config)
{
    const struct node *codes = kuma_json(k, m, "accepted_statuscodes");
    kuma_put(k, config, "url", kuma_text(k, m, "url"));
    put_headers(k, m, config);
    kuma_put(k, config, "subprotocol", kuma_text(k, m, "wsSubprotocol"));
    kuma_put(k, config, "username", kuma_text(k, m, "basic_auth_user"));
    kuma_put(k, config, "password", kuma_text(k, m, "basic_auth_pass"));
    kuma_tls(k, m, config, "tls");
    if (codes && codes->kind == NODE_LIST && codes->count > 0 && codes->first->kind == NODE_TEXT &&
        !streq(codes->first->text.p, "1000"))
        kuma_changed(k, m, "its close codes are not carried over");
    if (kuma_flag(k, m, "wsIgnoreSecWebsocketAcceptHeader"))
        kuma_changed(k, m, "Sec-WebSocket-Accept is always checked");
    return NULL;
}

/* The management API's own answer about alarms, as Uptime Kuma asks for it. */
static const char *fill_rabbitmq(struct kuma *k, const struct node *m, struct node *config)
{
    const struct node *nodes = kuma_json(k, m, "rabbitmqNodes");
    const struct node *first = nodes && nodes->kind == NODE_LIST ? nodes->first : NULL;
    if (!first || first->kind != NODE_TEXT)
        return "it has no nodes";
    struct str url = first->text;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    kuma_put(k, config, "url",
             arena_printf(k->arena, "%.*s/api/health/checks/alarms/", (int)url.n, url.p));
    kuma_put(k, config, "username", kuma_text(k, m, "rabbitmqUsername"));
    kuma_put(k, config, "password", kuma_text(k, m, "rabbitmqPassword"));
    kuma_tls(k, m, config, "tls");
    if (nodes->count > 1)
        kuma_changed(k, m,
                     "only its first node is asked; make a target of each and a group of them");
    return NULL;
}

const struct kuma_kind kuma_web[] = {
    {"http", "http", fill_http, NULL},
    {"keyword", "http", fill_http, NULL},
    {"json-query", "http", fill_http, NULL},
    {"websocket-upgrade", "websocket", fill_websocket, NULL},
    {"rabbitmq", "http", fill_rabbitmq, NULL},
    {"real-browser", NULL, NULL, "Belfry has no browser; take a transaction"},
    {"globalping", NULL, NULL, "public probes are not asked; run belfry agent elsewhere"},
    {NULL, NULL, NULL, NULL},
};
