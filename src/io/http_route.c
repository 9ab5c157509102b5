/* See http_route.h. Called by http_client.c; URLs and headers may be a redirecting server's. */
#include "io/http_route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/str.h"
#include "io/addr.h"

#define RULE_MAX 300

/* --- past the proxy --- */

static const uint8_t *address_bytes(const struct addr *a, size_t *n)
{
    bool six = a->sa.sa_family == AF_INET6;
    *n = six ? 16 : 4;
    return six ? (const uint8_t *)&a->in6.sin6_addr : (const uint8_t *)&a->in4.sin_addr;
}

static bool in_network(const struct addr *host, const char *network, uint64_t bits)
{
    struct addr net;
    size_t n, m;
    if (!addr_parse_ip(network, 0, &net)) {
        return false;
    }
    const uint8_t *a = address_bytes(host, &n), *b = address_bytes(&net, &m);
    if (n != m || bits > n * 8) {
        return false;
    }
    size_t whole = bits / 8, left = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> left);
    return memcmp(a, b, whole) == 0 && (left == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool under(const char *host, const char *name)
{
    size_t n = strlen(host), m = strlen(name);
    must(name[0] == '.');
    return n > m && strcasecmp(host + n - m, name) == 0;
}

static bool rule_matches(const char *rule, const struct http_url *url)
{
    char host[RULE_MAX];
    uint16_t port = 0;
    struct str network, length;
    struct addr address;
    uint64_t bits;
    bool literal = addr_parse_ip(url->host, 0, &address);
    if (streq(rule, "*")) {
        return true;
    }
    if (str_cut(str_of(rule), '/', &network, &length)) {
        snprintf(host, sizeof(host), "%.*s", (int)network.n, network.p);
        return literal && str_to_u64(length, &bits, NULL) == 0 && in_network(&address, host, bits);
    }
    bool bare_six = addr_parse_ip(rule, 0, &(struct addr){0});
    if (bare_six) {
        snprintf(host, sizeof(host), "%s", rule);
    } else if (hostport_parse(rule, host, sizeof(host), &port, NULL) != 0) {
        return false;
    }
    if (port != 0 && port != url->port) {
        return false;
    }
    if (literal) {
        return in_network(&address, host, address.sa.sa_family == AF_INET6 ? 128 : 32);
    }
    const char *name = strncmp(host, "*.", 2) == 0 ? host + 1 : host;
    if (name[0] == '.') {
        return under(url->host, name);
    }
    char dotted[RULE_MAX + 1];
    snprintf(dotted, sizeof(dotted), ".%s", name);
    return strcasecmp(url->host, name) == 0 || under(url->host, dotted);
}

bool http_goes_direct(const char *const *rules, size_t n, const struct http_url *url)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(rules[i]) < RULE_MAX && rules[i][0] != '\0' && rule_matches(rules[i], url)) {
            return true;
        }
    }
    return false;
}

/* --- cookies --- */

static void take_one(struct http_jar *jar, const char *host, struct str line, struct arena *a)
{
    struct str pair = line, rest, name, value;
    str_cut(line, ';', &pair, &rest);
    if (!str_cut(pair, '=', &name, &value) || str_trim(name).n == 0) {
        return;
    }
    name = str_trim(name);
    value = str_trim(value);
    size_t i = 0;
    while (i < jar->n && !(str_eqz(name, jar->at[i].name) && streq(host, jar->at[i].host))) {
        i++;
    }
    if (i == HTTP_COOKIES_MAX) {
        return;
    }
    jar->at[i] = (struct http_cookie){arena_strdup(a, host), arena_strndup(a, name.p, name.n),
                                      arena_strndup(a, value.p, value.n)};
    jar->n += i == jar->n;
    must(jar->n <= HTTP_COOKIES_MAX);
}

void http_jar_take(struct http_jar *jar, const char *host, const char *headers, size_t n,
                   struct arena *a)
{
    static const char name[] = "Set-Cookie:";
    size_t m = sizeof(name) - 1;
    struct str rest = {headers, n}, line;
    while (str_next(&rest, '\n', &line)) {
        if (line.n > m && strncasecmp(line.p, name, m) == 0) {
            take_one(jar, host, (struct str){line.p + m, line.n - m}, a);
        }
    }
}

const char *http_jar_give(const struct http_jar *jar, const char *host, struct arena *a)
{
    struct buf b = BUF_INIT(16384);
    for (size_t i = 0; i < jar->n; i++) {
        if (streq(jar->at[i].host, host)) {
            buf_printf(&b, "%s%s=%s", b.len ? "; " : "", jar->at[i].name, jar->at[i].value);
        }
    }
    const char *text = b.len && !b.failed ? arena_strndup(a, b.data, b.len) : NULL;
    buf_done(&b);
    return text;
}
