/* Who asks, and whether the route is for him: the one place where that is decided. Handlers only ask further for a group
 * (call_may). Any of HTTP's threads. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "io/addr.h"

const struct config *call_config(struct call *k)
{
    if (!k->config)
        k->config = access_config(k->api->door->access);
    return k->config;
}

/* --- from where --- */

static bool same_bits(const unsigned char *a, const unsigned char *b, int bits)
{
    must(bits >= 0 && bits <= 128);
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, (size_t)whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* cidr was checked when the configuration was read. */
static bool in_cidr(const char *ip, const char *cidr)
{
    char net[64];
    unsigned char a[16], b[16];
    size_t n = strcspn(cidr, "/");
    int64_t bits = -1;
    if (n >= sizeof(net))
        return false;
    memcpy(net, cidr, n);
    net[n] = '\0';
    int family = strchr(net, ':') ? AF_INET6 : AF_INET;
    if (cidr[n] == '/')
        str_to_i64(str_of(cidr + n + 1), &bits, NULL);
    return inet_pton(family, ip, a) == 1 && inet_pton(family, net, b) == 1 &&
           same_bits(a, b,
                     bits >= 0           ? (int)bits
                     : family == AF_INET ? 32
                                         : 128);
}

static bool is_proxy(const struct config_proxy *p, const char *ip)
{
    for (size_t i = 0; i < p->from.n; i++)
        if (in_cidr(ip, p->from.at[i]))
            return true;
    return false;
}

/* The peer's address without its port; "::ffff:10.0.0.1" is 10.0.0.1. */
static const char *peer_ip(struct call *k)
{
    char host[64];
    uint16_t port = 0;
    if (k->req->over_unix || hostport_parse(k->req->peer, host, sizeof(host), &port, NULL) != 0)
        return "unix";
    return arena_strdup(k->arena, strncasecmp(host, "::ffff:", 7) == 0 ? host + 7 : host);
}

/* The last address of X-Forwarded-For that none of our proxies wrote for one of them. */
static const char *forwarded_for(struct call *k, const struct config_proxy *p, const char *peer)
{
    const char *header = http_req_header(k->req, "X-Forwarded-For");
    size_t n = header ? strlen(header) : 0;
    struct addr ip;
    while (n > 0) {
        size_t from = n;
        while (from > 0 && header[from - 1] != ',')
            from--;
        struct str one = str_trim((struct str){header + from, n - from});
        const char *text = arena_strndup(k->arena, one.p, one.n < 64 ? one.n : 64);
        if (!addr_parse_ip(text, 0, &ip))
            return peer;
        peer = text;
        if (!is_proxy(p, text))
            return text;
        n = from > 0 ? from - 1 : 0;
    }
    return peer;
}

const char *call_address(struct call *k)
{
    const struct config_proxy *p = &call_config(k)->access.proxy;
    if (!k->address) {
        const char *peer = peer_ip(k);
        k->address =
            p->from.n && !k->req->over_unix && is_proxy(p, peer) ? forwarded_for(k, p, peer) : peer;
    }
    return k->address;
}

/* --- who --- */

static struct principal *principal_of(struct call *k, enum principal_kind kind, const char *name,
                                      enum role role)
{
    must(name && role >= ROLE_NONE && role <= ROLE_ADMIN);
    struct principal *p = arena_new_of(k->arena, struct principal);
    *p = (struct principal){.kind = kind, .name = name, .role = role};
    return p;
}

/* The core may not have stored for a while when this was last used. */
static void note_used(struct call *k, const char *kind, uint64_t id);

static const char *bearer(const struct http_req *req)
{
    const char *header = http_req_header(req, "Authorization");
    return header && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 + strspn(header + 7, " ")
                                                            : NULL;
}

static const struct principal *by_token(struct call *k, const char *token)
{
    bool stale = false;
    struct principal *p = principal_of(k, PRINCIPAL_ANONYMOUS, "anonymous", ROLE_NONE);
    if (!access_by_token(k->api->door->access, str_trim(str_of(token)), clock_wall_ms(), k->arena,
                         p, &stale)) {
        k->bad_token = true;
        return p;
    }
    if (stale)
        note_used(k, "token", p->id);
    return p;
}

static const struct principal *by_cookie(struct call *k)
{
    bool stale = false;
    struct str value;
    struct principal *p = arena_new_of(k->arena, struct principal);
    const char *header = http_req_header(k->req, "Cookie");
    if (!header || !cookie_get(header, SESSION_COOKIE, &value) ||
        !access_by_session(k->api->door->access, value, clock_wall_ms(), k->arena, p, &stale))
        return NULL;
    if (stale)
        note_used(k, "session", p->id);
    return p;
}

/* The highest role that a comma-separated list of groups gives. */
static enum role role_of_list(const char *list, const struct pair_list *roles, enum role role)
{
    struct str rest = str_of(list), one;
    while (str_next(&rest, ',', &one))
        for (size_t i = 0; i < roles->n; i++) {
            enum role r;
            if (str_eqz(str_trim(one), roles->at[i].key) && role_parse(roles->at[i].value, &r) &&
                r > role)
                role = r;
        }
    return role;
}

static const struct principal *by_proxy(struct call *k)
{
    const struct config_proxy *p = &call_config(k)->access.proxy;
    if (!p->header[0] || !is_proxy(p, peer_ip(k)))
        return NULL;
    const char *name = http_req_header(k->req, p->header), *groups;
    enum role role = ROLE_NONE;
    if (!name || !*name || strlen(name) > ACCOUNT_NAME_MAX || !utf8_valid(name, strlen(name)))
        return NULL;
    role_parse(p->role, &role);
    groups = p->roles_header[0] ? http_req_header(k->req, p->roles_header) : NULL;
    if (groups)
        role = role_of_list(groups, &p->roles, role);
    return principal_of(k, PRINCIPAL_PROXY, arena_strdup(k->arena, name), role);
}

static enum role anonymous_role(const struct config *cfg)
{
    static const enum role roles[] = {
        [ANONYMOUS_NONE] = ROLE_NONE,
        [ANONYMOUS_VIEWER] = ROLE_VIEWER,
        [ANONYMOUS_ADMIN] = ROLE_ADMIN,
    };
    must(cfg->server.anonymous >= 0 && cfg->server.anonymous <= ANONYMOUS_ADMIN);
    return roles[cfg->server.anonymous];
}

const struct principal *call_who(struct call *k)
{
    const char *token = bearer(k->req);
    const struct principal *p = NULL;
    if (k->req->over_unix) /* a token in the environment may be for another server */
        return principal_of(k, PRINCIPAL_LOCAL, "unix", ROLE_ADMIN);
    if (token)
        return by_token(k, token);
    p = by_cookie(k);
    if (!p)
        p = by_proxy(k);
    return p ? p
             : principal_of(k, PRINCIPAL_ANONYMOUS, "anonymous", anonymous_role(call_config(k)));
}

/* --- whether --- */

enum verdict route_verdict(const struct principal *p, const struct route *r)
{
    must(r->scope <= SCOPE_AGENT);
    static const enum role needed[] = {
        [SCOPE_READ] = ROLE_VIEWER, [SCOPE_WRITE] = ROLE_EDITOR, [SCOPE_ADMIN] = ROLE_ADMIN};
    bool may = r->scope == SCOPE_OPEN;
    if (r->scope == SCOPE_SELF)
        may = p->kind == PRINCIPAL_USER || p->kind == PRINCIPAL_LOCAL || p->role == ROLE_ADMIN;
    else if (r->scope == SCOPE_AGENT)
        may = p->kind == PRINCIPAL_AGENT;
    else if (r->scope != SCOPE_OPEN)
        may = r->by_group ? principal_sees_some(p, needed[r->scope]) : p->role >= needed[r->scope];
    if (may)
        return VERDICT_MAY;
    return p->kind == PRINCIPAL_ANONYMOUS ? VERDICT_WHO : VERDICT_MAY_NOT;
}

bool route_changes(const struct route *r)
{
    return strcmp(r->method, "GET") != 0 && r->scope != SCOPE_READ;
}

/* A name that resolves to this machine must not lend a web page elsewhere the rights of those who need no credentials here, or
 * whose proxy adds them (DNS rebinding). A cookie or a token comes only with the name it was given for. */
static bool host_is_ours(struct call *k)
{
    const char *host = http_req_header(k->req, "Host");
    char name[256];
    uint16_t port = 0;
    struct addr ip;
    if (!host || hostport_parse(host, name, sizeof(name), &port, NULL) != 0)
        return false;
    if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, "belfry") == 0)
        return true;
    if (addr_parse_ip(name, 0, &ip))
        return true;
    const char *ours = strstr(call_config(k)->server.public_url, "://");
    size_t n = strlen(name);
    return ours && strncasecmp(ours + 3, name, n) == 0 && strchr(":/", ours[3 + n]);
}

/* "monitor.example.com:8443" of "https://monitor.example.com:8443/belfry". */
static struct str authority(const char *url)
{
    const char *at = strstr(url, "://");
    return at ? (struct str){at + 3, strcspn(at + 3, "/?#")} : (struct str){0};
}

static bool same_authority(struct str a, const char *b, size_t n)
{
    return a.n > 0 && a.n == n && strncasecmp(a.p, b, n) == 0;
}

/* What a browser says of where a change comes from: Sec-Fetch-Site where it sends that, else Origin. */
static bool from_another_site(struct call *k)
{
    const char *site = http_req_header(k->req, "Sec-Fetch-Site"),
               *origin = http_req_header(k->req, "Origin"), *host = http_req_header(k->req, "Host");
    if (site)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    if (!origin)
        return false;
    struct str from = authority(origin), ours = authority(call_config(k)->server.public_url);
    return !(host && same_authority(from, host, strlen(host))) &&
           !same_authority(from, ours.p, ours.n);
}

static void answer_who(struct call *k)
{
    http_resp_header(k->resp, "WWW-Authenticate",
                     k->bad_token ? "Bearer realm=\"Belfry\", error=\"invalid_token\""
                                  : "Bearer realm=\"Belfry\"");
    call_status(k, 401, "Unauthorized",
                k->bad_token ? "this token is not known here, has expired or was revoked"
                             : "sign in, or send a token: Authorization: Bearer …");
}

static void answer_may_not(struct call *k, const struct route *r)
{
    static const char *const needs[] = {
        [SCOPE_READ] = "the role viewer",         [SCOPE_WRITE] = "the role editor",
        [SCOPE_ADMIN] = "the role admin",         [SCOPE_OPEN] = "nothing",
        [SCOPE_AGENT] = "a token of scope agent", [SCOPE_SELF] = "an account of one's own"};
    call_status(k, 403, "Forbidden",
                arena_printf(k->arena, "this needs %s%s; \"%s\" has %s", needs[r->scope],
                             r->by_group || r->scope >= SCOPE_SELF ? "" : " in every group",
                             k->who->name, role_name(k->who->role)));
}

bool call_refused(struct call *k, const struct route *r)
{
    must(k->who && r->handle);
    bool open = r->scope == SCOPE_OPEN,
         lent = k->who->kind == PRINCIPAL_PROXY ||
                (k->who->kind == PRINCIPAL_ANONYMOUS && k->who->role > ROLE_NONE);
    if (!open && lent && !host_is_ours(k)) {
        call_status(k, 403, "Forbidden",
                    "this Host name is not Belfry's; use localhost or server.public_url");
        return true;
    }
    if (route_changes(r) && !k->req->over_unix && k->who->kind != PRINCIPAL_TOKEN &&
        k->who->kind != PRINCIPAL_AGENT && from_another_site(k)) {
        call_status(k, 403, "Forbidden", "changes from pages of another site are refused");
        return true;
    }
    enum verdict v = k->bad_token && !open ? VERDICT_WHO : route_verdict(k->who, r);
    if (v == VERDICT_WHO)
        answer_who(k);
    else if (v == VERDICT_MAY_NOT)
        answer_may_not(k, r);
    return v != VERDICT_MAY;
}

bool call_may(struct call *k, enum role least, const char *group)
{
    must(least > ROLE_NONE && least <= ROLE_ADMIN);
    if (principal_role(k->who, group) >= least)
        return true;
    call_status(k, 403, "Forbidden",
                arena_printf(k->arena, "this needs the role %s%s%s; \"%s\" has %s",
                             role_name(least), group ? " in the group " : "", group ? group : "",
                             k->who->name, role_name(principal_role(k->who, group))));
    return false;
}

/* --- when it was last used --- */

struct used {
    struct call *call;
    const char *kind;
    uint64_t id;
};

static void store_used(void *arg)
{
    const struct used *u = arg;
    struct core *core = u->call->api->core;
    struct arena *a = u->call->arena;
    struct core_document d;
    struct token token;
    struct session session;
    uint64_t id = u->id;
    bool is_token = streq(u->kind, "token");
    const char *json = NULL;
    if (!core_document_get(core, u->kind, id, &d))
        return;
    if (is_token && token_parse(d.json, a, &token)) {
        token.used_ms = clock_wall_ms();
        json = token_format(&token, a);
    } else if (!is_token && session_parse(d.json, a, &session)) {
        session.seen_ms = clock_wall_ms();
        json = session_format(&session, a);
    }
    if (json)
        core_document_put(core, u->kind, &id, json, NULL, NULL);
}

static void note_used(struct call *k, const char *kind, uint64_t id)
{
    struct used u = {k, kind, id};
    must(id > 0 && !k->who);
    on_core(k, store_used, &u);
}
