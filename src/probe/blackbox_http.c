/* The http section of a module as our prober's configuration: see blackbox_module.h. */
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/blackbox_module.h"
#include "probe/url.h"

#define BODY_MAX (4u << 20) /* of it is judged when the module says nothing; the rest is counted */
#define OUR_MAX  (64u << 20)

static void put(struct bb_asked *q, const char *key, const char *value)
{
    if (value)
        node_put(q->config, q->a, key, node_text(q->a, value));
}

static void put_flag(struct bb_asked *q, const char *key, bool value)
{
    node_put(q->config, q->a, key, node_bool(q->a, value));
}

/* --- headers --- */

static const char *name_as_given(const struct node *headers, const char *name)
{
    for (const struct node *h = headers->first; h; h = h->next)
        if (strcasecmp(h->key.p, name) == 0)
            return h->key.p;
    return NULL;
}

int bb__put_given(struct bb_asked *q, const struct node *all, struct node *headers, struct err *err)
{
    for (const struct node *h = all && all->kind == NODE_MAP ? all->first : NULL; h; h = h->next) {
        const struct node *kind = h->kind == NODE_MAP ? h->first : NULL;
        const struct node *first = kind && kind->kind == NODE_LIST ? kind->first : NULL;
        const char *value = first && first->kind == NODE_TEXT ? first->text.p : "";
        if (kind && str_eqz(kind->key, "files") && bb__file(q, value, true, &value, err) != 0)
            return -1;
        node_put(headers, q->a, h->key.p, node_text(q->a, value));
    }
    return 0;
}

/* The caller's hostname is the Host header, unless the module has another. */
static int put_hostname(struct bb_asked *q, struct node *headers, struct err *err)
{
    const char *name = name_as_given(headers, "Host");
    const struct node *own = name ? node_get(headers, name) : NULL;
    if (!q->hostname)
        return 0;
    if (own && !str_eqz(own->text, q->hostname))
        return err_set(err, ERR_CONFLICT,
                       "the module's Host header is \"%.100s\", the parameter hostname \"%.100s\"; "
                       "want one of them",
                       own->text.p, q->hostname);
    if (!own)
        node_put(headers, q->a, "Host", node_text(q->a, q->hostname));
    return 0;
}

static int put_headers(struct bb_asked *q, const char **host, struct err *err)
{
    const struct bb_http *h = &q->b->http;
    struct node *headers = node_map(q->a);
    for (size_t i = 0; i < h->headers.n; i++)
        node_put(headers, q->a, h->headers.at[i].key, node_text(q->a, h->headers.at[i].value));
    if (bb__put_given(q, h->http_headers, headers, err) != 0 || put_hostname(q, headers, err) != 0)
        return -1;
    const char *name = name_as_given(headers, "Host");
    *host = name ? node_get(headers, name)->text.p : NULL;
    node_put(q->config, q->a, "headers", headers);
    return 0;
}

/* --- who asks --- */

static int put_bearer(struct bb_asked *q, const struct bb_secret *s, struct err *err)
{
    const char *value = NULL;
    if (bb__secret(q, s, &value, err) != 0)
        return -1;
    put(q, "bearer", value);
    return 0;
}

static int put_authorization(struct bb_asked *q, struct err *err)
{
    const struct bb_authorization *w = &q->b->http.authorization;
    const char *value = NULL;
    if (strcasecmp(w->type, "Bearer") == 0 || !*w->type)
        return put_bearer(q, &w->credentials, err);
    if (bb__secret(q, &w->credentials, &value, err) != 0)
        return -1;
    if (value)
        node_put(node_get(q->config, "headers"), q->a, "Authorization",
                 node_text(q->a, arena_printf(q->a, "%s %s", w->type, value)));
    return 0;
}

static int put_oauth(struct bb_asked *q, struct err *err)
{
    const struct bb_oauth *o = &q->b->http.oauth2;
    const char *secret = NULL;
    struct node *map = node_map(q->a), *params = node_map(q->a);
    if (!o->token_url)
        return 0;
    if (bb__secret(q, &o->secret, &secret, err) != 0)
        return -1;
    node_put(map, q->a, "token_url", node_text(q->a, o->token_url));
    node_put(map, q->a, "client_id", node_text(q->a, o->client_id));
    node_put(map, q->a, "client_secret", node_text(q->a, secret ? secret : ""));
    if (o->scopes.n)
        node_put(map, q->a, "scopes", bb__texts(q, &o->scopes));
    for (size_t i = 0; i < o->params.n; i++)
        node_put(params, q->a, o->params.at[i].key, node_text(q->a, o->params.at[i].value));
    if (params->count)
        node_put(map, q->a, "params", params);
    node_put(q->config, q->a, "oauth2", map);
    return 0;
}

static int put_account(struct bb_asked *q, struct err *err)
{
    const struct bb_http *h = &q->b->http;
    const char *username = NULL, *password = NULL;
    if (bb__secret(q, &h->basic.username, &username, err) != 0 ||
        bb__secret(q, &h->basic.password, &password, err) != 0 ||
        put_bearer(q, &h->bearer, err) != 0 || put_authorization(q, err) != 0 ||
        put_oauth(q, err) != 0)
        return -1;
    if (username || password) {
        put(q, "username", username ? username : "");
        put(q, "password", password ? password : "");
    }
    return 0;
}

/* --- what is judged --- */

static void add_rules(struct bb_asked *q, struct node *to, const struct section_list *rules,
                      const char *key)
{
    const struct bb_header_rule *r = rules->at;
    for (size_t i = 0; i < rules->n; i++) {
        struct node *map = node_map(q->a);
        node_put(map, q->a, "name", node_text(q->a, r[i].header));
        node_put(map, q->a, key, bb__regexp(q, r[i].regexp));
        node_put(map, q->a, "may_be_missing", node_bool(q->a, r[i].allow_missing));
        node_append(to, map);
    }
}

static struct node *statuses(struct bb_asked *q)
{
    const struct range_list *s = &q->b->http.status;
    struct node *out = node_list(q->a);
    for (size_t i = 0; i < s->n; i++)
        node_append(out, node_text(q->a, arena_printf(q->a, "%lld-%lld", (long long)s->at[i].from,
                                                      (long long)s->at[i].to)));
    return out;
}

static void put_expect(struct bb_asked *q)
{
    const struct bb_http *h = &q->b->http;
    struct node *expect = node_map(q->a), *rules = node_list(q->a);
    if (h->status.n)
        node_put(expect, q->a, "status", statuses(q));
    if (h->versions.n)
        node_put(expect, q->a, "http_versions", bb__texts(q, &h->versions));
    node_put(expect, q->a, "body_matches", bb__regexps(q, &h->body_not_matches));
    node_put(expect, q->a, "body_not_matches", bb__regexps(q, &h->body_matches));
    add_rules(q, rules, &h->header_matches, "not_matches");
    add_rules(q, rules, &h->header_not_matches, "matches");
    node_put(expect, q->a, "header_rules", rules);
    if (h->fail_ssl || h->fail_not_ssl)
        node_put(expect, q->a, "tls", node_text(q->a, h->fail_ssl ? "forbidden" : "required"));
    node_put(q->config, q->a, "expect", expect);
}

/* --- body --- */

/* "10MB": the units count by 1024 with or without an i. */
static bool read_size(const char *text, int64_t *out)
{
    static const char units[] = "BKMGT";
    char *end;
    double v = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : units;
    if (end == text || v < 0 || v > 1e15 || !unit)
        return false;
    for (const char *u = units; u < unit; u++)
        v *= 1024;
    *out = v < 1e18 ? (int64_t)v : INT64_MAX;
    end += *end != '\0';
    return *end == '\0' || streq(end, "B") || streq(end, "iB");
}

static int put_body(struct bb_asked *q, struct err *err)
{
    const struct bb_http *h = &q->b->http;
    const char *body = h->body;
    int64_t most = 0;
    if (h->body_file && bb__file(q, h->body_file, false, &body, err) != 0)
        return -1;
    put(q, "body", body);
    if (h->body_limit && !read_size(h->body_limit, &most))
        return err_set(err, ERR_INVALID, "body_size_limit: got \"%.40s\"; want a size such as 10MB",
                       h->body_limit);
    bool bound = most > 0 && most <= OUR_MAX;
    put(q, "max_body", arena_printf(q->a, "%lld", bound ? (long long)most : (long long)BODY_MAX));
    put(q, "max_body_action", bound ? "fail" : "skip");
    return 0;
}

/* --- where to --- */

static const char *url_of(struct bb_asked *q)
{
    struct str t = str_of(q->target);
    bool whole = str_starts(t, STR("http://")) || str_starts(t, STR("https://"));
    return whole ? q->target : arena_printf(q->a, "http://%s", q->target);
}

static void put_encoding(struct bb_asked *q)
{
    const char *c = q->b->http.compression;
    bool packed = *c && strcasecmp(c, "identity") != 0;
    char *lower = arena_strdup(q->a, c);
    for (char *p = lower; *p; p++)
        *p |= 0x20;
    if (packed)
        put(q, "encoding", lower);
}

/* Go's clients never go through a proxy to this machine itself. */
static void put_no_proxy(struct bb_asked *q)
{
    struct str rest = str_of(q->b->http.no_proxy), one;
    static const char *const here[] = {"localhost", "127.0.0.0/8", "::1"};
    struct node *list = node_list(q->a);
    while (rest.n && str_next(&rest, ',', &one))
        if (str_trim(one).n)
            node_append(list,
                        node_text(q->a, arena_strndup(q->a, str_trim(one).p, str_trim(one).n)));
    for (size_t i = 0; list->count && i < array_len(here); i++)
        node_append(list, node_text(q->a, here[i]));
    if (list->count)
        node_put(q->config, q->a, "no_proxy", list);
}

static void put_ways(struct bb_asked *q)
{
    const struct bb_http *h = &q->b->http;
    put(q, "proxy", h->proxy_url && *h->proxy_url ? h->proxy_url : NULL);
    if (h->proxy_url && *h->proxy_url) {
        put_flag(q, "resolve_first", !h->skip_resolve);
        bb__put_values(q, "proxy_headers", h->proxy_headers);
        put_no_proxy(q);
    }
    put_flag(q, "http2", h->http2);
    put_flag(q, "cookies", true);
    put_flag(q, "follow_redirects", h->follow && !h->no_follow);
    bb__put_way(q, &h->way);
}

int bb__http(struct bb_asked *q, struct err *err)
{
    const char *url = url_of(q), *host = NULL;
    struct url u;
    if (url_parse(url, q->a, &u, err) != 0)
        return -1;
    if (!*u.host)
        return err_set(err, ERR_INVALID, "got the target \"%.100s\"; want a URL with a host",
                       q->target);
    put(q, "url", url);
    put(q, "method", q->b->http.method && *q->b->http.method ? q->b->http.method : "GET");
    if (put_headers(q, &host, err) != 0 || put_account(q, err) != 0 || put_body(q, err) != 0)
        return -1;
    put_encoding(q);
    put_ways(q);
    bb__put_tls(q, &q->b->http.tls, host);
    put_expect(q);
    return 0;
}
