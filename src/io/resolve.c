/* Names to addresses: /etc/hosts, then our cache, then c-ares. Fibers that ask for the same name at the
 * same time share one look-up. Runs on the loop's thread; c-ares' sockets are watches and its
 * retransmissions one timer, it starts no thread and opens no file but resolv.conf.
 *
 *   resolve ──hosts/cache hit──► answer
 *      └──► struct name (LOOKING) ──on_answer──► FRESH until its TTL ends ──► looked up again
 *
 * Names are kept in order of use; past NAMES_MAX the longest unused goes. */
#include "io/resolve.h"

#include <ares.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "io/fiber.h"
#include "io/hosts.h"

#define RESOLVER_MAGIC 0x4e50171eu
#define NAMES_MAX      10000
#define NEGATIVE_NS    (5 * NS_PER_S)
#define TTL_MAX_S      86400
#define FILES_EVERY_NS (2 * NS_PER_S)
#define SOCKETS_MAX    64
#define TRY_MS         1500 /* first wait for a name server; c-ares doubles it per try */
#define TRIES          3

#ifndef BELFRY_HOSTS_FILE
#define BELFRY_HOSTS_FILE "/etc/hosts"
#endif
#define RESOLV_CONF "/etc/resolv.conf"

struct waiter {
    struct waiter *next;
    struct fiber *fiber;
};

struct name {
    struct resolver *resolver;
    struct name *newer, *older; /* order of use */
    struct waiter *waiters;
    bool looking;
    int64_t asked_ns;
    int64_t until_ns; /* the answer holds until then */
    int status;       /* ARES_… */
    int n;
    struct addr at[RESOLVE_MAX];
    enum ip_version version;
    size_t key_len;
    char key[]; /* version digit, then the lower-case name; NUL-terminated */
};

struct socket_watch {
    int fd; /* -1: free */
    struct watch *watch;
    struct resolver *resolver;
};

struct resolver {
    uint32_t magic;
    struct loop *loop;
    ares_channel channel;
    struct timer timer;
    struct socket_watch sockets[SOCKETS_MAX];
    struct map_str *names;
    struct name *newest, *oldest;
    struct hosts *hosts;
    int64_t files_checked_ns;
    int64_t hosts_stamp, conf_stamp;
    size_t n_looking;
    char *servers;   /* instead of resolv.conf's; NULL */
    bool stale_conf; /* resolv.conf changed: a new channel once no look-up is under way */
};

/* --- driving c-ares --- */

static void on_timer(struct timer *t);

static void rearm(struct resolver *r)
{
    struct timeval tv;
    if (ares_timeout(r->channel, NULL, &tv) == NULL) {
        timer_stop(&r->timer);
        return;
    }
    int64_t ns = (int64_t)tv.tv_sec * NS_PER_S + (int64_t)tv.tv_usec * 1000;
    timer_start(r->loop, &r->timer, clock_mono_ns() + ns, on_timer);
}

static void on_timer(struct timer *t)
{
    struct resolver *r = container_of(t, struct resolver, timer);
    check_magic(r, RESOLVER_MAGIC);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(r);
}

static void on_socket(void *arg, int events)
{
    struct socket_watch *s = arg;
    struct resolver *r = s->resolver;
    check_magic(r, RESOLVER_MAGIC);
    ares_process_fd(r->channel, (events & IO_READ) ? s->fd : ARES_SOCKET_BAD,
                    (events & IO_WRITE) ? s->fd : ARES_SOCKET_BAD);
    rearm(r);
}

static struct socket_watch *find_socket(struct resolver *r, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (r->sockets[i].fd == fd) {
            return &r->sockets[i];
        }
    }
    return NULL;
}

/* c-ares: wants fd watched like this; 0/0 right before it closes it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    check_magic(r, RESOLVER_MAGIC);
    int events = (readable ? IO_READ : 0) | (writable ? IO_WRITE : 0);
    struct socket_watch *s = find_socket(r, fd);
    if (s == NULL) {
        s = events != 0 ? find_socket(r, -1) : NULL;
        if (s == NULL) {
            return; /* more name servers than SOCKETS_MAX: those queries time out */
        }
        s->fd = fd;
        s->resolver = r;
        s->watch = watch_open(r->loop, fd, events, on_socket, s, NULL);
    } else if (events != 0) {
        watch_set(s->watch, events, NULL);
    } else {
        watch_close(&s->watch);
    }
    if (s->watch == NULL) {
        s->fd = -1;
    }
}

static int open_channel(struct resolver *r, struct err *err)
{
    char lookups[] = "b"; /* DNS only: hosts.c has the file; c-ares copies it */
    struct ares_options opt = {
        .timeout = TRY_MS,
        .tries = TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
    };
    int rc = ares_init_options(&r->channel, &opt,
                               ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                                   ARES_OPT_SOCK_STATE_CB);
    if (rc != ARES_SUCCESS) {
        return err_set(err, ERR_DNS, "cannot start the resolver: %s", ares_strerror(rc));
    }
    if (r->servers != NULL) {
        ares_set_servers_ports_csv(r->channel, r->servers); /* was accepted before */
    }
    return 0;
}

/* --- files --- */

static int64_t stamp(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec : 0;
}

static void forget_all(struct resolver *r)
{
    for (struct name *n = r->oldest; n != NULL; n = n->newer) {
        n->until_ns = 0;
    }
}

static void check_files(struct resolver *r, int64_t now)
{
    if (now - r->files_checked_ns >= FILES_EVERY_NS || r->files_checked_ns == 0) {
        r->files_checked_ns = now;
        int64_t h = stamp(BELFRY_HOSTS_FILE), c = stamp(RESOLV_CONF);
        if (h != r->hosts_stamp || r->hosts == NULL) {
            r->hosts_stamp = h;
            hosts_free(r->hosts);
            r->hosts = hosts_load(BELFRY_HOSTS_FILE);
        }
        if (c != r->conf_stamp) {
            r->conf_stamp = c;
            r->stale_conf = true;
            forget_all(r);
        }
    }
    if (r->stale_conf && r->n_looking == 0) {
        ares_channel old = r->channel;
        if (open_channel(r, NULL) == 0) {
            ares_destroy(old);
        } else {
            r->channel = old;
        }
        r->stale_conf = false;
    }
}

/* --- birth and death --- */

struct resolver *resolver_new(struct loop *l, struct err *err)
{
    int rc = ares_library_init(ARES_LIB_INIT_ALL);
    if (rc != ARES_SUCCESS) {
        err_set(err, ERR_DNS, "cannot start the resolver: %s", ares_strerror(rc));
        return NULL;
    }
    struct resolver *r = calloc(1, sizeof(*r));
    must(r != NULL);
    r->magic = RESOLVER_MAGIC;
    r->loop = l;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        r->sockets[i].fd = -1;
    }
    if (open_channel(r, err) != 0) {
        free(r);
        ares_library_cleanup();
        return NULL;
    }
    r->names = map_str_new();
    r->conf_stamp = stamp(RESOLV_CONF);
    check_files(r, clock_mono_ns());
    return r;
}

static void unlink_name(struct resolver *r, struct name *n)
{
    *(n->older != NULL ? &n->older->newer : &r->oldest) = n->newer;
    *(n->newer != NULL ? &n->newer->older : &r->newest) = n->older;
    n->newer = n->older = NULL;
}

static void link_newest(struct resolver *r, struct name *n)
{
    n->newer = NULL;
    n->older = r->newest;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = n;
    r->newest = n;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL) {
        return;
    }
    check_magic(r, RESOLVER_MAGIC);
    ares_destroy(r->channel); /* ends the look-ups under way */
    must(r->n_looking == 0);
    timer_stop(&r->timer);
    for (struct name *n = r->oldest; n != NULL;) {
        struct name *next = n->newer;
        must(n->waiters == NULL); /* fibers end before their resolver */
        free(n);
        n = next;
    }
    map_str_free(r->names);
    hosts_free(r->hosts);
    free(r->servers);
    ares_library_cleanup();
    r->magic = 0;
    free(r);
}

/* --- look-ups --- */

static int take_family(struct name *n, const struct ares_addrinfo_node *node, int family, int *ttl)
{
    int taken = 0;
    for (; node != NULL && n->n < RESOLVE_MAX; node = node->ai_next) {
        if (node->ai_family != family) {
            continue;
        }
        struct addr *a = &n->at[n->n++];
        memset(a, 0, sizeof(*a));
        memcpy(&a->sa, node->ai_addr, family == AF_INET ? sizeof(a->in4) : sizeof(a->in6));
        if (node->ai_ttl < *ttl) {
            *ttl = node->ai_ttl;
        }
        taken++;
    }
    return taken;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
    struct name *n = arg;
    struct resolver *r = n->resolver;
    check_magic(r, RESOLVER_MAGIC);
    must(n->looking && r->n_looking > 0);
    n->looking = false;
    r->n_looking--;
    n->status = status;
    n->n = 0;
    int64_t holds = NEGATIVE_NS;
    if (status == ARES_SUCCESS && res != NULL) {
        int ttl = TTL_MAX_S;
        take_family(n, res->nodes, AF_INET, &ttl);
        take_family(n, res->nodes, AF_INET6, &ttl);
        holds = (int64_t)(ttl < 0 ? 0 : ttl) * NS_PER_S;
        if (n->n == 0) {
            n->status = ARES_ENODATA;
        }
    } else if (status != ARES_ENOTFOUND && status != ARES_ENODATA) {
        holds = 0; /* a server that is away is asked again by the next probe */
    }
    ares_freeaddrinfo(res);
    n->until_ns = clock_mono_ns() + holds;
    for (struct waiter *w = n->waiters; w != NULL; w = w->next) {
        fiber_wake(w->fiber);
    }
    (void)timeouts;
}

static void start_lookup(struct name *n)
{
    struct resolver *r = n->resolver;
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT,
        .ai_family = n->version == IP_4   ? AF_INET
                     : n->version == IP_6 ? AF_INET6
                                          : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    must(!n->looking);
    n->looking = true;
    n->asked_ns = clock_mono_ns();
    r->n_looking++;
    ares_getaddrinfo(r->channel, n->key + 1, NULL, &hints, on_answer, n); /* may answer at once */
    rearm(r);
}

static void make_room(struct resolver *r)
{
    struct name *n = r->oldest;
    while (n != NULL && map_str_count(r->names) >= NAMES_MAX) {
        struct name *next = n->newer;
        if (!n->looking && n->waiters == NULL) {
            map_str_del(r->names, n->key, n->key_len);
            unlink_name(r, n);
            free(n);
        }
        n = next;
    }
}

static struct name *name_of(struct resolver *r, const char *host, enum ip_version version)
{
    char key[260];
    int len = snprintf(key, sizeof(key), "%d%s", (int)version, host);
    must(len > 1 && (size_t)len < sizeof(key));
    struct name *n = map_str_get(r->names, key, (size_t)len);
    if (n != NULL) {
        unlink_name(r, n);
        link_newest(r, n);
        return n;
    }
    make_room(r);
    n = calloc(1, sizeof(*n) + (size_t)len + 1);
    must(n != NULL);
    n->resolver = r;
    n->version = version;
    n->key_len = (size_t)len;
    memcpy(n->key, key, (size_t)len + 1);
    map_str_put(r->names, key, (size_t)len, n);
    link_newest(r, n);
    return n;
}

static int wait_answer(struct name *n, int64_t deadline_ns, struct err *err)
{
    struct waiter me = {.next = n->waiters, .fiber = fiber_self()};
    n->waiters = &me;
    int rc = 0;
    while (n->looking && rc == 0) {
        rc = fiber_park(deadline_ns, err);
    }
    struct waiter **p = &n->waiters;
    while (*p != &me) {
        must(*p != NULL);
        p = &(*p)->next;
    }
    *p = me.next;
    return rc;
}

static int dns_failed(const char *host, int status, struct err *err)
{
    const char *why = ares_strerror(status);
    switch (status) {
    case ARES_ENOTFOUND:
        why = "NXDOMAIN: the name does not exist";
        break;
    case ARES_ENODATA:
        why = "NODATA: the name has no address of this kind";
        break;
    case ARES_ESERVFAIL:
        why = "SERVFAIL: the name server failed";
        break;
    case ARES_EREFUSED:
        why = "REFUSED by the name server";
        break;
    case ARES_ECONNREFUSED:
        why = "the name servers cannot be reached or fail (SERVFAIL)";
        break;
    case ARES_ETIMEOUT:
        why = "the name servers do not answer";
        break;
    case ARES_EBADNAME:
        why = "it is not a valid host name";
        break;
    default:
        break;
    }
    return err_set(err, ERR_DNS, "cannot resolve %.200s: %s", host, why);
}

static void give(struct resolved *out, const struct addr *at, int n, uint16_t port)
{
    must(n >= 1 && n <= RESOLVE_MAX);
    memcpy(out->at, at, (size_t)n * sizeof(*at));
    for (int i = 0; i < n; i++) {
        addr_set_port(&out->at[i], port);
    }
    out->n = n;
}

static int literal(const char *host, uint16_t port, enum ip_version v, struct resolved *out,
                   struct err *err)
{
    struct addr a;
    if (!addr_parse_ip(host, port, &a)) {
        return 0;
    }
    bool six = a.sa.sa_family == AF_INET6;
    if ((v == IP_4 && six) || (v == IP_6 && !six)) {
        return err_set(err, ERR_DNS, "cannot use %s: it is not an IPv%c address", host,
                       v == IP_4 ? '4' : '6');
    }
    give(out, &a, 1, port);
    out->took_ns = 0;
    out->cached = false;
    return 1;
}

/* IP_ANY's answer has IPv4 first. */
static void keep_preferred(struct resolved *out, enum ip_version version)
{
    int n4 = 0;
    while (n4 < out->n && out->at[n4].sa.sa_family == AF_INET) {
        n4++;
    }
    if (version == IP_PREFER_4 && n4 > 0) {
        out->n = n4;
    } else if (version == IP_PREFER_6 && n4 < out->n) {
        out->n -= n4;
        memmove(out->at, out->at + n4, (size_t)out->n * sizeof(out->at[0]));
    }
    must(out->n >= 1);
}

static int look_up(struct resolver *r, const char *host, uint16_t port, enum ip_version version,
                   int64_t deadline_ns, struct resolved *out, struct err *err)
{
    int rc = literal(host, port, version, out, err);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    char lower[256];
    size_t len = strlen(host);
    if (len == 0 || len >= 254) {
        return err_set(err, ERR_DNS, "cannot resolve %.60s…: it is not a valid host name", host);
    }
    for (size_t i = 0; i <= len; i++) {
        lower[i] = (char)tolower((unsigned char)host[i]);
    }
    int64_t start = clock_mono_ns();
    check_files(r, start);
    struct addr at[RESOLVE_MAX];
    int n_at = hosts_find(r->hosts, lower, version, at, RESOLVE_MAX);
    if (n_at > 0) {
        give(out, at, n_at, port);
        out->took_ns = clock_mono_ns() - start;
        out->cached = true;
        return 0;
    }
    struct name *n = name_of(r, lower, version);
    bool cached = !n->looking && n->until_ns > start;
    if (!cached) {
        if (!n->looking) {
            start_lookup(n);
        }
        if (wait_answer(n, deadline_ns, err) != 0) {
            return err_prefix(err, "cannot resolve %.200s", host);
        }
    }
    if (n->status != ARES_SUCCESS) {
        return dns_failed(host, n->status, err);
    }
    give(out, n->at, n->n, port);
    out->took_ns = clock_mono_ns() - start;
    out->cached = cached;
    return 0;
}

int resolve(struct resolver *r, const char *host, uint16_t port, enum ip_version version,
            int64_t deadline_ns, struct resolved *out, struct err *err)
{
    check_magic(r, RESOLVER_MAGIC);
    must(fiber_self() != NULL && fiber_loop() == r->loop);
    bool prefers = version == IP_PREFER_4 || version == IP_PREFER_6;
    int rc = look_up(r, host, port, prefers ? IP_ANY : version, deadline_ns, out, err);
    if (rc == 0 && prefers) {
        keep_preferred(out, version);
    }
    return rc;
}

void resolved_keep_one(struct resolved *r, enum ip_version version)
{
    must(r->n >= 1 && r->n <= RESOLVE_MAX);
    int family = version == IP_PREFER_6 ? AF_INET6 : version == IP_PREFER_4 ? AF_INET : 0;
    if (family != 0 && r->at[0].sa.sa_family != family) {
        r->at[0] = r->at[r->n - 1];
    }
    r->n = 1;
}

int resolver_set_servers(struct resolver *r, const char *csv, struct err *err)
{
    check_magic(r, RESOLVER_MAGIC);
    struct str rest = str_of(csv), part;
    while (str_next(&rest, ',', &part)) {
        char text[ADDR_TEXT], host[ADDR_TEXT];
        uint16_t port = 53;
        struct addr a;
        int n = snprintf(text, sizeof(text), "%.*s", (int)part.n, part.p);
        if (n >= ADDR_TEXT || hostport_parse(text, host, sizeof(host), &port, NULL) != 0 ||
            !addr_parse_ip(host, port, &a)) {
            return err_set(err, ERR_INVALID,
                           "cannot use the name server \"%.80s\": want IP or IP:port", text);
        }
    }
    free(r->servers);
    r->servers = strdup(csv);
    must(r->servers != NULL);
    r->stale_conf = true; /* a new channel, at once or after the look-ups under way */
    forget_all(r);
    check_files(r, clock_mono_ns());
    return 0;
}

int resolver_servers(struct resolver *r, char out[][ADDR_TEXT], int max)
{
    check_magic(r, RESOLVER_MAGIC);
    check_files(r, clock_mono_ns());
    struct ares_addr_port_node *list = NULL;
    if (ares_get_servers_ports(r->channel, &list) != ARES_SUCCESS) {
        return 0;
    }
    int n = 0;
    for (struct ares_addr_port_node *s = list; s != NULL && n < max; s = s->next) {
        struct addr a = {0};
        if (s->family == AF_INET) {
            a.in4.sin_family = AF_INET;
            a.in4.sin_addr = s->addr.addr4;
        } else {
            a.in6.sin6_family = AF_INET6;
            memcpy(&a.in6.sin6_addr, &s->addr.addr6, sizeof(a.in6.sin6_addr));
        }
        int port = s->udp_port != 0 ? s->udp_port : 53;
        addr_set_port(&a, (uint16_t)port);
        port == 53 ? addr_ip(&a, out[n]) : addr_text(&a, out[n]);
        n++;
    }
    ares_free_data(list);
    return n;
}
