/* See udp_talk.h. */
#include "probe/udp_talk.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"

#define STRANGERS 200 /* datagrams that are not the answer, before the probe gives up */

int udp_talk_open(struct udp_talk *t, struct probe *p, const struct service *s, struct result *r)
{
    struct resolved to;
    struct err err = {0};
    must(s->host != NULL && s->port > 0 && s->port <= 65535);
    *t = (struct udp_talk){
        .p = p, .fd = -1, .again_ms = 1000, .again_max_ms = 4000, .answer_max = 8192};
    t->out = BUF_INIT(UDP_DATAGRAM_MAX);
    if (probe_resolve(p, s->host, (uint16_t)s->port, (enum ip_version)s->ip_version, r, &to) != 0)
        return -1;
    t->peer = to.at[0];
    result_set_address(r, &t->peer);
    t->fd = udp_connect(&t->peer, &err);
    if (t->fd >= 0)
        return 0;
    result_fail_err(r, &err);
    return -1;
}

void udp_talk_close(struct udp_talk *t)
{
    if (t->fd >= 0)
        udp_close(t->fd);
    t->fd = -1;
    buf_done(&t->out);
}

static int failed_send(struct udp_talk *t, struct err *err)
{
    char name[ADDR_TEXT];
    if (errno == ECONNREFUSED)
        return err_set(err, ERR_REFUSED, "nothing listens on %s", addr_text(&t->peer, name));
    return err_sys(err, ERR_IO, "cannot send to %s", addr_text(&t->peer, name));
}

static int send_question(struct udp_talk *t, const struct udp_question *q, int nth, struct err *err)
{
    buf_clear(&t->out);
    if (q->write(q->arg, nth, &t->out, err) != 0)
        return -1;
    must(!t->out.failed && t->out.len > 0);
    if (send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL) >= 0 || errno == EAGAIN)
        return 0;
    return failed_send(t, err);
}

/* 1 answered, 0 the pause has passed, -1. */
static int await(struct udp_talk *t, const struct udp_question *q, int64_t until_ns, int *strangers,
                 struct err *err)
{
    for (;;) {
        struct err e = {0};
        ssize_t n = udp_recv(t->fd, t->room, t->answer_max, until_ns, &e);
        if (n < 0 && e.code == ERR_TIMEOUT)
            return 0;
        if (n < 0)
            return err_set(err, e.code, "%s", e.msg);
        int rc = q->read(q->arg, t->room, (size_t)n, err);
        if (rc != 0)
            return rc;
        if (++*strangers > STRANGERS)
            return err_set(err, ERR_TOO_LARGE, "%d datagrams that are no answer", *strangers);
    }
}

static int nobody(const struct udp_talk *t, int tries, int strangers, struct err *err)
{
    char name[ADDR_TEXT];
    must(tries > 0);
    addr_text(&t->peer, name);
    if (strangers > 0)
        return err_set(err, ERR_TIMEOUT,
                       "no answer from %s in time, but %d datagrams that are none", name,
                       strangers);
    return err_set(err, ERR_TIMEOUT, "timeout: nobody answered at %s (%d %s)", name, tries,
                   tries == 1 ? "try" : "tries");
}

int udp_talk_ask(struct udp_talk *t, const struct udp_question *q, struct err *err)
{
    int strangers = 0, tries = 0, rc = 0;
    int64_t pause_ms = t->again_ms, deadline_ns = t->p->deadline_ns;
    must(t->fd >= 0 && pause_ms > 0);
    if (!t->room)
        t->room = arena_alloc(t->p->arena, t->answer_max);
    while (rc == 0) {
        int64_t now = clock_mono_ns(), until = now + pause_ms * NS_PER_MS;
        if (tries > 0 && now >= deadline_ns)
            return nobody(t, tries, strangers, err);
        if (send_question(t, q, tries++, err) != 0)
            return -1;
        rc = await(t, q, until < deadline_ns ? until : deadline_ns, &strangers, err);
        pause_ms = 2 * pause_ms < t->again_max_ms ? 2 * pause_ms : t->again_max_ms;
    }
    return rc > 0 ? 0 : -1;
}
