/* See guard.h. */
#include "status/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/str.h"

/* An address as bytes: 4 or 16. */
struct raw {
    uint8_t at[16];
    int n;
};

static bool maps_four(const uint8_t *p)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(p, mapped, sizeof(mapped)) == 0;
}

static struct raw raw_of(const struct addr *a)
{
    struct raw r = {.n = 4};
    if (a->sa.sa_family == AF_INET) {
        memcpy(r.at, &a->in4.sin_addr, 4);
        return r;
    }
    const uint8_t *p = a->in6.sin6_addr.s6_addr;
    r.n = maps_four(p) ? 4 : 16;
    memcpy(r.at, r.n == 4 ? p + 12 : p, (size_t)r.n);
    return r;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, int bits)
{
    must(bits >= 0 && bits <= 128);
    if (memcmp(a, b, (size_t)(bits / 8)) != 0)
        return false;
    int rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

int cidr_parse(const char *text, struct cidr *out, struct err *err)
{
    char ip[ADDR_TEXT];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct cidr c = {0};
    uint64_t bits = 0;
    if (n >= sizeof(ip))
        return err_set(err, ERR_MALFORMED, "got \"%.60s\"; want a network like 10.0.0.0/8", text);
    memcpy(ip, text, n);
    ip[n] = '\0';
    if (!addr_parse_ip(ip, 0, &c.net))
        return err_set(err, ERR_MALFORMED, "got \"%.60s\"; want a network like 10.0.0.0/8", text);
    uint64_t most = c.net.sa.sa_family == AF_INET ? 32 : 128;
    bits = most;
    if (slash && (str_to_u64(str_of(slash + 1), &bits, NULL) != 0 || bits > most))
        return err_set(err, ERR_MALFORMED, "got \"%.60s\"; want 0 to %d after the slash", text,
                       (int)most);
    c.bits = (int)bits;
    *out = c;
    return 0;
}

bool cidr_has(const struct cidr *c, const struct addr *a)
{
    struct raw net = raw_of(&c->net), it = raw_of(a);
    bool narrowed = net.n == 4 && c->net.sa.sa_family == AF_INET6;
    int bits = narrowed ? c->bits - 96 : c->bits;
    return net.n == it.n && bits >= 0 && same_bits(net.at, it.at, bits);
}

static bool four_is_public(const uint8_t *p)
{
    static const struct {
        uint8_t net[4];
        int bits;
    } kept[] = {
        {{0}, 8},
        {{10}, 8},
        {{100, 64}, 10},
        {{127}, 8},
        {{169, 254}, 16},
        {{172, 16}, 12},
        {{192, 0, 0}, 24},
        {{192, 0, 2}, 24},
        {{192, 88, 99}, 24},
        {{192, 168}, 16},
        {{198, 18}, 15},
        {{198, 51, 100}, 24},
        {{203, 0, 113}, 24},
        {{224}, 3}, /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < array_len(kept); i++)
        if (same_bits(kept[i].net, p, kept[i].bits))
            return false;
    return true;
}

/* Only 2000::/3 is given out; of that, what holds an IPv4 address or is for examples is not. */
static bool six_is_public(const uint8_t *p)
{
    static const uint8_t global[1] = {0x20}, teredo[4] = {0x20, 0x01},
                         examples[4] = {0x20, 1, 13, 0xb8};
    static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
    if (same_bits(p, translated, 96))
        return four_is_public(p + 12);
    if (p[0] == 0x20 && p[1] == 0x02) /* 6to4 */
        return four_is_public(p + 2);
    return same_bits(p, global, 3) && !same_bits(p, teredo, 23) && !same_bits(p, examples, 32);
}

bool addr_is_public(const struct addr *a)
{
    struct raw r = raw_of(a);
    return r.n == 4 ? four_is_public(r.at) : six_is_public(r.at);
}

bool addr_of_peer(const char *peer, struct addr *out)
{
    char host[ADDR_TEXT];
    uint16_t port = 0;
    return hostport_parse(peer, host, sizeof(host), &port, NULL) == 0 &&
           addr_parse_ip(host, port, out);
}

/* --- how often --- */

#define KNOWN_MAX 4096

struct taken {
    uint64_t key;
    int64_t since_ns;
    int n;
};

struct limiter {
    int most;
    int64_t span_ns;
    struct map_u64 *known; /* key → taken */
    struct taken all[KNOWN_MAX];
    size_t next; /* a ring: the oldest is taken over */
};

struct limiter *limiter_new(int most, int64_t span_ns)
{
    must(most > 0 && span_ns > 0);
    struct limiter *l = calloc(1, sizeof(*l));
    must(l);
    l->most = most;
    l->span_ns = span_ns;
    l->known = map_u64_new();
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    map_u64_free(l->known);
    free(l);
}

static struct taken *taken_of(struct limiter *l, uint64_t key, int64_t now_ns)
{
    struct taken *t = map_u64_get(l->known, key);
    if (!t) {
        t = &l->all[l->next++ % KNOWN_MAX];
        if (t->key)
            map_u64_del(l->known, t->key);
        *t = (struct taken){.key = key, .since_ns = now_ns};
        map_u64_put(l->known, key, t);
    }
    if (now_ns - t->since_ns >= l->span_ns) {
        t->since_ns = now_ns;
        t->n = 0;
    }
    return t;
}

bool limiter_take(struct limiter *l, const struct addr *a, int64_t now_ns)
{
    struct raw r = raw_of(a);
    struct taken *t = taken_of(l, hash_bytes(r.at, r.n == 4 ? 4 : 8, (uint64_t)r.n) | 1, now_ns);
    if (t->n >= l->most)
        return false;
    t->n++;
    return true;
}
