/* See http_guard.h. One lock guards everything; each call holds it for moments, the sweep for as long as it takes to look at all
 * connections. */
#include "io/http_guard.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

#define GUARD_MAGIC   0x90a4d001u
#define ADDRESSES_MAX 100000 /* remembered; what comes beyond shares one place */
#define NEVER         INT64_MAX

struct address {
    char key[16];
    uint8_t n; /* bytes of the key; 0: the common place */
    unsigned connections;
    double tokens;
    int64_t seen_ns; /* when tokens was right */
};

struct http_guard_entry {
    struct http_guard_entry *next, *prev;
    struct address *address; /* NULL: not bounded */
    int fd;
    int64_t until_ns; /* then it is cut; NEVER */
    int64_t body_ns;  /* when the body began; 0: it did not */
};

struct http_guard {
    uint32_t magic;
    struct http_guard_limits limits;
    pthread_mutex_t lock;
    struct map_str *addresses;
    struct address common;
    struct http_guard_entry *entries;
};

struct http_guard *http_guard_new(const struct http_guard_limits *l)
{
    must(l->request_ns > 0 && l->min_rate > 0);
    struct http_guard *g = calloc(1, sizeof(*g));
    must(g != NULL);
    g->magic = GUARD_MAGIC;
    g->limits = *l;
    g->common.tokens = l->burst;
    g->addresses = map_str_new();
    must(pthread_mutex_init(&g->lock, NULL) == 0);
    return g;
}

void http_guard_free(struct http_guard *g)
{
    if (g == NULL) {
        return;
    }
    check_magic(g, GUARD_MAGIC);
    must(g->entries == NULL);
    const char *key;
    size_t n;
    void *a;
    for (size_t it = 0; map_str_next(g->addresses, &it, &key, &n, &a);) {
        free(a);
    }
    map_str_free(g->addresses);
    pthread_mutex_destroy(&g->lock);
    g->magic = 0;
    free(g);
}

/* --- addresses --- */

static bool is_local(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *six = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* Its bytes: all 4, or the first 8 of 16. 0: it is not bounded. */
static size_t key_of(const struct http_guard *g, const struct sockaddr *sa, char key[16])
{
    if (sa == NULL || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6) ||
        (is_local(sa) && !g->limits.local)) {
        return 0;
    }
    if (sa->sa_family == AF_INET) {
        memcpy(key, &((const struct sockaddr_in *)sa)->sin_addr, 4);
        return 4;
    }
    const struct in6_addr *six = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    size_t skip = IN6_IS_ADDR_V4MAPPED(six) ? 12 : 0, n = skip ? 4 : 8;
    memcpy(key, six->s6_addr + skip, n);
    return n;
}

static struct address *find(struct http_guard *g, const char *key, size_t n)
{
    struct address *a = map_str_get(g->addresses, key, n);
    if (a != NULL) {
        return a;
    }
    return map_str_count(g->addresses) < ADDRESSES_MAX ? NULL : &g->common;
}

static struct address *find_or_add(struct http_guard *g, const char *key, size_t n)
{
    struct address *a = find(g, key, n);
    if (a == NULL) {
        a = calloc(1, sizeof(*a));
        must(a != NULL && n <= sizeof(a->key));
        memcpy(a->key, key, n);
        a->n = (uint8_t)n;
        a->tokens = g->limits.burst;
        a->seen_ns = clock_mono_ns();
        map_str_put(g->addresses, a->key, n, a);
    }
    return a;
}

bool http_guard_admits(struct http_guard *g, const struct sockaddr *sa)
{
    char key[16];
    check_magic(g, GUARD_MAGIC);
    size_t n = key_of(g, sa, key);
    if (n == 0 || g->limits.connections == 0) {
        return true;
    }
    pthread_mutex_lock(&g->lock);
    const struct address *a = find(g, key, n);
    bool good = a == NULL || a == &g->common || a->connections < g->limits.connections;
    pthread_mutex_unlock(&g->lock);
    return good;
}

/* --- connections --- */

struct http_guard_entry *http_guard_enter(struct http_guard *g, const struct sockaddr *sa, int fd)
{
    char key[16];
    check_magic(g, GUARD_MAGIC);
    struct http_guard_entry *e = calloc(1, sizeof(*e));
    must(e != NULL);
    size_t n = key_of(g, sa, key);
    e->fd = fd;
    e->until_ns = clock_mono_ns() + g->limits.request_ns;
    pthread_mutex_lock(&g->lock);
    if (n > 0) {
        e->address = find_or_add(g, key, n);
        e->address->connections++;
    }
    e->next = g->entries;
    if (e->next != NULL) {
        e->next->prev = e;
    }
    g->entries = e;
    pthread_mutex_unlock(&g->lock);
    return e;
}

void http_guard_leave(struct http_guard *g, struct http_guard_entry *e)
{
    if (e == NULL) {
        return;
    }
    check_magic(g, GUARD_MAGIC);
    pthread_mutex_lock(&g->lock);
    *(e->prev != NULL ? &e->prev->next : &g->entries) = e->next;
    if (e->next != NULL) {
        e->next->prev = e->prev;
    }
    if (e->address != NULL) {
        must(e->address->connections > 0);
        e->address->connections--;
    }
    pthread_mutex_unlock(&g->lock);
    free(e);
}

/* --- requests: a bucket that fills with `rate` and holds `burst` --- */

static void refill(const struct http_guard *g, struct address *a, int64_t now)
{
    double more = (double)(now - a->seen_ns) / (double)NS_PER_S * g->limits.rate;
    a->tokens = a->tokens + more < g->limits.burst ? a->tokens + more : g->limits.burst;
    a->seen_ns = now;
}

unsigned http_guard_take(struct http_guard *g, struct http_guard_entry *e)
{
    if (e == NULL || e->address == NULL || g->limits.rate == 0) {
        return 0;
    }
    check_magic(g, GUARD_MAGIC);
    pthread_mutex_lock(&g->lock);
    struct address *a = e->address;
    refill(g, a, clock_mono_ns());
    bool good = a->tokens >= 1;
    unsigned wait = good ? 0 : 1 + (unsigned)((1 - a->tokens) / g->limits.rate);
    a->tokens -= good;
    pthread_mutex_unlock(&g->lock);
    return wait;
}

/* --- time --- */

static void set_until(struct http_guard *g, struct http_guard_entry *e, int64_t until, int64_t body)
{
    pthread_mutex_lock(&g->lock);
    e->until_ns = until;
    e->body_ns = body;
    pthread_mutex_unlock(&g->lock);
}

void http_guard_body(struct http_guard *g, struct http_guard_entry *e, uint64_t received)
{
    if (e == NULL) {
        return;
    }
    int64_t began = e->body_ns != 0 ? e->body_ns : clock_mono_ns();
    double s = (double)received / (double)g->limits.min_rate;
    set_until(g, e, began + g->limits.request_ns + (int64_t)(s * (double)NS_PER_S), began);
}

void http_guard_busy(struct http_guard *g, struct http_guard_entry *e)
{
    if (e != NULL) {
        set_until(g, e, NEVER, 0);
    }
}

void http_guard_idle(struct http_guard *g, struct http_guard_entry *e)
{
    if (e != NULL) {
        set_until(g, e, clock_mono_ns() + g->limits.idle_ns + g->limits.request_ns, 0);
    }
}

/* A whole address that nobody uses is as good as one that was never seen. Some of them at a time: the map must not change while it is
 * walked. */
static void forget_addresses(struct http_guard *g, int64_t now)
{
    enum { AT_ONCE = 1000 };
    struct address *old[AT_ONCE];
    size_t n_old = 0, n;
    const char *key;
    void *at;
    for (size_t it = 0; n_old < AT_ONCE && map_str_next(g->addresses, &it, &key, &n, &at);) {
        struct address *a = at;
        if (a->connections == 0) {
            refill(g, a, now);
            if (g->limits.rate == 0 || a->tokens >= g->limits.burst) {
                old[n_old++] = a;
            }
        }
    }
    for (size_t i = 0; i < n_old; i++) {
        must(map_str_del(g->addresses, old[i]->key, old[i]->n) == old[i]);
        free(old[i]);
    }
}

unsigned http_guard_sweep(struct http_guard *g)
{
    unsigned cut = 0;
    check_magic(g, GUARD_MAGIC);
    int64_t now = clock_mono_ns();
    pthread_mutex_lock(&g->lock);
    for (struct http_guard_entry *e = g->entries; e != NULL; e = e->next) {
        if (e->until_ns < now) { /* its descriptor is open: it leaves before that is closed */
            shutdown(e->fd, SHUT_RDWR);
            e->until_ns = NEVER;
            cut++;
        }
    }
    forget_addresses(g, now);
    pthread_mutex_unlock(&g->lock);
    return cut;
}
