/* URL parsing for the probers' short forms. Called when a target is added or checked, in any process;
 * pure functions over the text. */
#include "probe/url.h"

#include <ctype.h>

#include "base/str.h"

static const char *decoded(struct arena *a, struct str s, struct err *err)
{
    struct buf out = BUF_INIT(URL_MAX);
    const char *copy = NULL;
    if (url_decode(&out, s, err) == 0)
        copy = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return copy;
}

static int fail_at(struct err *err, const char *text, const char *at, const char *what)
{
    must(at >= text && at <= text + strlen(text));
    err_set(err, ERR_MALFORMED, "not a URL: got \"%.100s\"; %s", text, what);
    if (err)
        err->at_offset = (size_t)(at - text);
    return -1;
}

static int parse_scheme(const char *text, struct arena *a, struct url *u, struct str *rest,
                        struct err *err)
{
    const char *p = text;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
        p++;
    if (p == text || *p != ':' || !isalpha((unsigned char)text[0]))
        return fail_at(err, text, p, "want scheme://host, such as https://example.com/");
    char *scheme = arena_strndup(a, text, (size_t)(p - text));
    for (char *c = scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    u->scheme = scheme;
    p++;
    if (p[0] == '/' && p[1] == '/')
        p += 2;
    *rest = str_of(p);
    return 0;
}

static int parse_userinfo(struct str info, struct arena *a, struct url *u, struct err *err)
{
    struct str user = info, pass = {0};
    bool with_password = str_cut(info, ':', &user, &pass);
    if (!(u->username = decoded(a, with_password ? user : info, err)))
        return -1;
    if (with_password && !(u->password = decoded(a, pass, err)))
        return -1;
    return 0;
}

static int parse_port(const char *text, struct str digits, struct url *u, struct err *err)
{
    uint64_t port;
    if (digits.n == 0)
        return 0;
    if (str_to_u64(digits, &port, NULL) != 0 || port == 0 || port > 65535)
        return fail_at(err, text, digits.p, "want a port from 1 to 65535 after the host");
    u->port = (uint16_t)port;
    return 0;
}

/* host, host:port, [v6], [v6]:port, or a list host:port,host:port kept whole in host. */
static int parse_host(const char *text, struct str auth, struct arena *a, struct url *u,
                      struct err *err)
{
    struct str host = auth, port = {0};
    if (auth.n && auth.p[0] == '[') {
        const char *close = memchr(auth.p, ']', auth.n);
        if (!close)
            return fail_at(err, text, auth.p, "want \"]\" after an IPv6 address");
        host = (struct str){auth.p + 1, (size_t)(close - auth.p - 1)};
        struct str tail = {close + 1, (size_t)(auth.p + auth.n - close - 1)};
        if (tail.n && tail.p[0] != ':')
            return fail_at(err, text, tail.p, "want \":port\" or the end after \"]\"");
        if (tail.n)
            port = (struct str){tail.p + 1, tail.n - 1};
    } else if (!memchr(auth.p, ',', auth.n)) {
        struct str before, after;
        if (str_cut(auth, ':', &before, &after)) {
            host = before;
            port = after;
        }
    }
    if (parse_port(text, port, u, err) != 0)
        return -1;
    u->host = decoded(a, host, err);
    return u->host ? 0 : -1;
}

int url_parse(const char *text, struct arena *a, struct url *out, struct err *err)
{
    struct url u = {.text = text, .host = "", .path = ""};
    size_t len = strlen(text);
    if (len > URL_MAX)
        return err_set(err, ERR_TOO_LARGE, "URL too long: got %zu bytes; want at most %d", len,
                       URL_MAX);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return fail_at(err, text, c, "want no spaces or control characters (use %20)");
    struct str rest;
    if (parse_scheme(text, a, &u, &rest, err) != 0)
        return -1;
    struct str before, fragment;
    if (str_cut(rest, '#', &before, &fragment))
        rest = before;
    struct str query;
    if (str_cut(rest, '?', &before, &query)) {
        u.query = arena_strndup(a, query.p, query.n);
        rest = before;
    }
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    struct str auth = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
    struct str path = {slash ? slash : "", slash ? (size_t)(rest.p + rest.n - slash) : 0};
    const char *at = auth.n ? memrchr(auth.p, '@', auth.n) : NULL;
    if (at) {
        if (parse_userinfo((struct str){auth.p, (size_t)(at - auth.p)}, a, &u, err) != 0)
            return -1;
        auth = (struct str){at + 1, (size_t)(auth.p + auth.n - at - 1)};
    }
    if (parse_host(text, auth, a, &u, err) != 0 || !(u.path = decoded(a, path, err)))
        return -1;
    u.text = arena_strdup(a, text);
    must(u.scheme && u.host && u.path);
    *out = u;
    return 0;
}

const char *url_query(const struct url *u, const char *key, struct arena *a)
{
    struct str rest = str_of(u->query), part;
    while (str_next(&rest, '&', &part)) {
        struct str k = part, v = {"", 0};
        str_cut(part, '=', &k, &v);
        if (str_eqz(k, key))
            return decoded(a, v, NULL);
    }
    return NULL;
}

int url_query_into(const struct url *u, struct node *map, struct arena *a, struct err *err)
{
    struct str rest = str_of(u->query), part;
    while (str_next(&rest, '&', &part)) {
        struct str k = part, v = {"true", 4}; /* a bare ?tls means tls=true */
        str_cut(part, '=', &k, &v);
        const char *key = decoded(a, k, err), *value = key ? decoded(a, v, err) : NULL;
        if (!value)
            return -1;
        if (*key)
            node_put(map, a, key, node_text(a, value));
    }
    return 0;
}

struct node *url_to_config(const struct url *u, struct arena *a, struct err *err)
{
    must(u->host != NULL && u->text != NULL); /* parsed */
    struct node *map = node_map(a);
    if (u->host[0] == '\0') {
        err_set(err, ERR_MALFORMED, "no host in URL \"%.100s\"; want %s://HOST", u->text,
                u->scheme);
        return NULL;
    }
    node_put(map, a, "host", node_text(a, u->host));
    if (u->port)
        node_put(map, a, "port", node_int(a, u->port));
    if (u->username)
        node_put(map, a, "username", node_text(a, u->username));
    if (u->password)
        node_put(map, a, "password", node_text(a, u->password));
    return url_query_into(u, map, a, err) == 0 ? map : NULL;
}
