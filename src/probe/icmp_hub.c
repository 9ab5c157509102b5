/* See icmp_hub.h. Runs on a watcher's loop; the packets that it reads are foreign.
 *
 *   byte  0     1     2-3       4-5  6-7   8-15   16…
 *         type  code  checksum  id   seq   token  filler
 *
 * A reply is an echo's when it comes from the address asked and bears its sequence number and its token, which is never
 * used twice: a late answer to an echo long given up is nobody's. */
#include "probe/icmp_hub.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/rng.h"
#include "probe/icmp_socket.h"

#define HUB_MAGIC 0x49434d50u /* "ICMP" */
#define TOKEN     8
#define IN_FLIGHT 60000 /* of 65536 sequence numbers */
#define AT_ONCE   512   /* packets read before the loop turns to others */

/* A socket and the echoes under way on it. */
struct icmp_path {
    struct icmp_hub *hub;
    struct icmp_socket s;
    struct watch *watch;
    struct map_u64 *open; /* sequence number → struct icmp_echo */
    uint16_t next;
};

struct icmp_hub {
    uint32_t magic;
    struct loop *loop;
    uint64_t token;               /* of the next echo */
    struct icmp_path *path[2][2]; /* [IPv6][may not fragment] */
    uint8_t *room;                /* ICMP_ROOM bytes */
};

struct icmp_hub *icmp_hub_new(struct loop *l)
{
    struct icmp_hub *h = calloc(1, sizeof(*h));
    must(h != NULL && l != NULL);
    h->magic = HUB_MAGIC;
    h->loop = l;
    h->token = rng_secure_u64();
    return h;
}

static void close_path(struct icmp_path **pp)
{
    struct icmp_path *p = *pp;
    if (!p)
        return;
    uint64_t seq;
    void *e;
    for (size_t it = 0; map_u64_next(p->open, &it, &seq, &e);) /* of fibers to be cancelled */
        ((struct icmp_echo *)e)->state = ECHO_REFUSED;
    watch_close(&p->watch);
    icmp_close(&p->s);
    map_u64_free(p->open);
    free(p);
    *pp = NULL;
}

void icmp_hub_free(struct icmp_hub **hp)
{
    struct icmp_hub *h = *hp;
    if (!h)
        return;
    check_magic(h, HUB_MAGIC);
    for (int i = 0; i < 4; i++)
        close_path(&h->path[i / 2][i % 2]);
    h->magic = 0;
    free(h->room);
    free(h);
    *hp = NULL;
}

/* RFC 1071 */
static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (n & 1)
        sum += (uint32_t)p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* --- what comes back --- */

static void settle(struct icmp_echo *e, enum echo_state state)
{
    must(e->state == ECHO_OPEN && map_u64_get(e->path->open, e->seq) == e);
    map_u64_del(e->path->open, e->seq);
    e->state = state;
    fiber_wake(e->waiter);
}

static bool same_address(const struct addr *a, const struct addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
    return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

/* The echo that the packet answers, or NULL. */
static struct icmp_echo *answered_by(const struct icmp_path *p, const struct icmp_seen *seen)
{
    const uint8_t *b = seen->data;
    if (seen->n < ICMP_HEADER || b[0] != (p->s.v6 ? 129 : 0) || b[1] != 0)
        return NULL;
    if (p->s.raw && memcmp(b + 4, p->s.id, 2) != 0)
        return NULL;
    struct icmp_echo *e = map_u64_get(p->open, (uint64_t)(b[6] << 8 | b[7]));
    if (!e || !same_address(&e->to, &seen->from))
        return NULL;
    if (seen->n >= ICMP_HEADER + TOKEN && memcmp(b + ICMP_HEADER, &e->token, TOKEN) != 0)
        return NULL;
    return e;
}

/* The kernel's clock knows when the packet came, not when we looked; unless the wall clock was set meanwhile. */
static void answer(struct icmp_echo *e, const struct icmp_seen *seen)
{
    int64_t most = clock_mono_ns() - e->sent_ns, rtt = seen->at_wall_ns - e->sent_wall_ns;
    must(most >= 0);
    e->rtt_ns = seen->at_wall_ns && rtt >= 0 && rtt <= most ? rtt : most;
    e->hop_limit = seen->hop_limit;
    settle(e, ECHO_ANSWERED);
}

static void take_errors(struct icmp_path *p)
{
    struct err err = {0};
    int seq;
    for (int i = 0; i < AT_ONCE && icmp_take_error(&p->s, &seq, &err); i++) {
        struct icmp_echo *e = seq >= 0 ? map_u64_get(p->open, (uint64_t)seq) : NULL;
        if (!e)
            continue;
        if (e->err)
            *e->err = err;
        settle(e, ECHO_REFUSED);
    }
}

static void on_readable(void *arg, int events)
{
    struct icmp_path *p = arg;
    struct icmp_hub *h = p->hub;
    struct icmp_seen seen;
    int n = 0;
    check_magic(h, HUB_MAGIC);
    must(events != 0);
    for (; n < AT_ONCE && icmp_take(&p->s, h->room, &seen); n++) {
        struct icmp_echo *e = answered_by(p, &seen);
        if (e)
            answer(e, &seen);
    }
    if (n == 0) /* reported ready for an error's sake */
        take_errors(p);
}

/* --- sending --- */

static struct icmp_path *open_path(struct icmp_hub *h, bool v6, bool dont_fragment, struct err *err)
{
    struct icmp_path *p = h->path[v6][dont_fragment];
    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    must(p != NULL);
    p->hub = h;
    if (icmp_open(&p->s, v6, dont_fragment, err) != 0) {
        free(p);
        return NULL;
    }
    p->watch = watch_open(h->loop, p->s.fd, IO_READ, on_readable, p, err);
    if (!p->watch) {
        icmp_close(&p->s);
        free(p);
        return NULL;
    }
    if (!h->room)
        h->room = malloc(ICMP_ROOM);
    must(h->room != NULL);
    p->open = map_u64_new();
    h->path[v6][dont_fragment] = p;
    return p;
}

static void write_header(const struct icmp_path *p, const struct icmp_echo *e, uint8_t *b, size_t n)
{
    memset(b, 0, ICMP_HEADER);
    b[0] = p->s.v6 ? 128 : 8;
    memcpy(b + 4, p->s.id, 2);
    b[6] = (uint8_t)(e->seq >> 8);
    b[7] = (uint8_t)e->seq;
    if (n >= ICMP_HEADER + TOKEN)
        memcpy(b + ICMP_HEADER, &e->token, TOKEN);
    if (p->s.v6) /* the kernel's: it knows the source address */
        return;
    uint16_t sum = checksum(b, n);
    b[2] = (uint8_t)(sum >> 8);
    b[3] = (uint8_t)sum;
}

int icmp_hub_send(struct icmp_hub *h, const struct icmp_send *what, struct icmp_echo *e,
                  struct err *err)
{
    check_magic(h, HUB_MAGIC);
    must(what->n >= ICMP_HEADER && e->state != ECHO_OPEN);
    struct icmp_path *p = open_path(h, what->to.sa.sa_family == AF_INET6, what->dont_fragment, err);
    if (!p)
        return -1;
    if (map_u64_count(p->open) >= IN_FLIGHT)
        return err_set(err, ERR_FULL, "%d echoes are under way already", IN_FLIGHT);
    while (map_u64_get(p->open, p->next))
        p->next++;
    *e = (struct icmp_echo){.state = ECHO_OPEN,
                            .err = e->err,
                            .waiter = fiber_self(),
                            .path = p,
                            .to = what->to,
                            .seq = p->next++,
                            .token = h->token++};
    write_header(p, e, what->packet, what->n);
    map_u64_put(p->open, e->seq, e);
    e->sent_ns = clock_mono_ns();
    e->sent_wall_ns = wall_ns();
    const struct icmp_packet packet = {what->packet, what->n, what->ttl,
                                       what->has_from ? &what->from : NULL};
    if (icmp_send(&p->s, &e->to, &packet, err) == 0)
        return 0;
    icmp_hub_forget(e);
    return -1;
}

void icmp_hub_forget(struct icmp_echo *e)
{
    if (e->state != ECHO_OPEN)
        return;
    map_u64_del(e->path->open, e->seq);
    e->state = ECHO_IDLE;
}
