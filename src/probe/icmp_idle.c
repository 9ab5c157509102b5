/* See icmp_idle.h; used by icmp.c in watchers.
 *
 * Only raw sockets of the default settings are kept: their identifier is ours, so that a new one tells late replies
 * and errors of the last owner apart. A datagram socket keeps its identifier and could not. A kept socket goes on
 * receiving (the host it was connected to may be probed through another one), so what has come is thrown away
 * before it serves again. */
#include "probe/icmp_idle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/must.h"
#include "base/rng.h"

#define KEEP_MAX  8
#define STALE_MAX 500 /* packets; with more than that a new socket is cheaper */

struct icmp_idle {
    struct icmp_socket at[KEEP_MAX];
    int n;
};

struct icmp_idle *icmp_idle_new(void)
{
    struct icmp_idle *p = calloc(1, sizeof(*p));
    must(p != NULL);
    return p;
}

void icmp_idle_free(struct icmp_idle *p)
{
    if (!p)
        return;
    while (p->n > 0)
        icmp_close(&p->at[--p->n]);
    free(p);
}

/* Packets and errors (which recv reports and forgets) of the last owner. */
static bool throw_away_stale(int fd)
{
    char byte;
    for (int i = 0; i < STALE_MAX; i++)
        if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno == EAGAIN)
            return true;
    return false;
}

static bool take_kept(struct icmp_idle *p, bool v6, struct icmp_socket *s)
{
    for (int i = p->n - 1; i >= 0; i--) {
        if (p->at[i].v6 != v6)
            continue;
        *s = p->at[i];
        p->at[i] = p->at[--p->n];
        return true;
    }
    return false;
}

static bool is_default(const struct icmp_settings *set)
{
    return set->ttl == 0 && !set->dont_fragment;
}

int icmp_idle_open(struct icmp_idle *p, struct icmp_socket *s, const struct addr *to,
                   const struct icmp_settings *set, struct err *err)
{
    struct addr port_less = *to;
    addr_set_port(&port_less, 0);
    bool v6 = to->sa.sa_family == AF_INET6;
    while (p && is_default(set) && take_kept(p, v6, s)) {
        must(s->raw && s->fd >= 0);
        if (connect(s->fd, &port_less.sa, addr_len(to)) == 0 && throw_away_stale(s->fd)) {
            rng_secure(&s->id, sizeof(s->id));
            return 0;
        }
        icmp_close(s);
    }
    return icmp_open(s, to, set, err);
}

void icmp_idle_close(struct icmp_idle *p, struct icmp_socket *s, const struct icmp_settings *set,
                     bool clean)
{
    if (!p || !clean || !s->raw || !is_default(set) || p->n == KEEP_MAX) {
        icmp_close(s);
        return;
    }
    must(s->fd >= 0);
    p->at[p->n++] = *s;
    s->fd = -1;
}
