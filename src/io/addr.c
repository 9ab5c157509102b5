/* Socket addresses as plain data: parsing literals and "host:port", formatting. Pure. */
#include "io/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"

bool addr_parse_ip(const char *text, uint16_t port, struct addr *out)
{
    char plain[INET6_ADDRSTRLEN + 1];
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']' && n - 2 < sizeof(plain)) {
        memcpy(plain, text + 1, n - 2);
        plain[n - 2] = '\0';
        text = strchr(plain, ':') != NULL ? plain : ""; /* only IPv6 wears brackets */
    }
    struct addr a = {0};
    if (inet_pton(AF_INET, text, &a.in4.sin_addr) == 1) {
        a.in4.sin_family = AF_INET;
        a.in4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(port);
    } else {
        return false;
    }
    *out = a;
    return true;
}

socklen_t addr_len(const struct addr *a)
{
    return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
}

char *addr_ip(const struct addr *a, char *buf)
{
    const void *p = a->sa.sa_family == AF_INET6 ? (const void *)&a->in6.sin6_addr
                                                : (const void *)&a->in4.sin_addr;
    if (a->sa.sa_family == AF_UNSPEC || inet_ntop(a->sa.sa_family, p, buf, ADDR_TEXT) == NULL) {
        buf[0] = '\0';
    }
    return buf;
}

char *addr_text(const struct addr *a, char *buf)
{
    char ip[ADDR_TEXT];
    addr_ip(a, ip);
    snprintf(buf, ADDR_TEXT, a->sa.sa_family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", ip,
             addr_port(a));
    return buf;
}

uint16_t addr_port(const struct addr *a)
{
    return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port : a->in4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET6) {
        a->in6.sin6_port = htons(port);
    } else {
        a->in4.sin_port = htons(port);
    }
}

static int parse_port(struct str s, uint16_t *port, struct err *err)
{
    uint64_t v = 0;
    bool digits = s.n >= 1 && s.n <= 5;
    for (size_t i = 0; digits && i < s.n; i++) {
        digits = s.p[i] >= '0' && s.p[i] <= '9';
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (!digits || v < 1 || v > 65535) {
        return err_set(err, ERR_MALFORMED, "cannot read the port: got \"%.*s\"; want 1 to 65535",
                       (int)(s.n > 40 ? 40 : s.n), s.p);
    }
    *port = (uint16_t)v;
    return 0;
}

/* Host names as people use them: no spaces, control characters, or URL syntax. */
static bool host_ok(struct str h)
{
    for (size_t i = 0; i < h.n; i++) {
        unsigned char c = (unsigned char)h.p[i];
        if (c <= ' ' || c == 127 || strchr("/\\@?#\"'<>[]", c) != NULL) {
            return false;
        }
    }
    return h.n > 0;
}

int hostport_parse(const char *text, char *host, size_t host_size, uint16_t *port, struct err *err)
{
    must(text != NULL && host_size > 0);
    struct str s = str_of(text), h = s, rest = {0};
    uint16_t p = *port;
    if (s.n > 0 && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        struct addr a;
        char lit[INET6_ADDRSTRLEN + 1];
        h = (struct str){s.p + 1, end != NULL ? (size_t)(end - s.p) - 1 : 0};
        snprintf(lit, sizeof(lit), "%.*s", h.n < sizeof(lit) ? (int)h.n : 0, h.p);
        if (end == NULL || !addr_parse_ip(lit, 0, &a) || a.sa.sa_family != AF_INET6) {
            return err_set(err, ERR_MALFORMED,
                           "cannot read the address: got \"%.80s\"; want [IPv6]:port", text);
        }
        rest = (struct str){end + 1, s.n - h.n - 2};
    } else {
        const char *colon = memchr(s.p, ':', s.n);
        bool v6 = colon != NULL && memchr(colon + 1, ':', s.n - (size_t)(colon - s.p) - 1) != NULL;
        struct addr a;
        if (v6 && !addr_parse_ip(text, 0, &a)) {
            return err_set(err, ERR_MALFORMED,
                           "cannot read the address: got \"%.80s\"; want host:port", text);
        }
        if (colon != NULL && !v6) {
            h.n = (size_t)(colon - s.p);
            rest = (struct str){colon, s.n - h.n};
        }
    }
    if (rest.n > 0 && rest.p[0] != ':') {
        return err_set(err, ERR_MALFORMED, "cannot read the address: got \"%.80s\"; want host:port",
                       text);
    }
    if (rest.n > 0 && parse_port((struct str){rest.p + 1, rest.n - 1}, &p, err) != 0) {
        return -1;
    }
    if (!host_ok(h)) {
        return err_set(err, ERR_MALFORMED, "cannot read the host: got \"%.80s\"; want host:port",
                       text);
    }
    if (h.n >= host_size || h.n > 253) {
        return err_set(err, ERR_TOO_LARGE,
                       "cannot read the host: it has %zu characters; want ≤ %zu", h.n,
                       host_size - 1 < 253 ? host_size - 1 : 253);
    }
    must(h.p != NULL);
    memcpy(host, h.p, h.n);
    host[h.n] = '\0';
    *port = p;
    return 0;
}
