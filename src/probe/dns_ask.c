/* See dns_ask.h. Runs in watchers; dns_wire.c reads the foreign bytes. */
#include "probe/dns_ask.h"

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "io/stream.h"

#define UDP_ROOM 4096
#define STRANGERS \
    100 /* datagrams that are not our answer, before the probe gives up: a flood must not hold the loop */

const char *const dns_transport_choices[] = {"udp", "tcp", "tls", NULL};

int dns_question_ready(struct dns_question *q, struct err *err)
{
    rng_secure(&q->q.id, sizeof(q->q.id));
    q->n = dns_write_query(&q->q, q->bytes + 2, err);
    if (q->n < 0)
        return -1;
    must(q->n >= 17 && q->n <= DNS_QUERY_MAX);
    q->bytes[0] = (uint8_t)(q->n >> 8);
    q->bytes[1] = (uint8_t)q->n;
    return 0;
}

/* A datagram: 1 it is our answer, 0 it is not (somebody's guess, or a late answer), -1 ours and damaged. */
static int read_datagram(struct dns_question *q, const uint8_t *p, size_t n, struct dns_asked *a,
                         struct err *err)
{
    if (n < 2 || (p[0] << 8 | p[1]) != q->q.id)
        return 0;
    if (dns_parse(p, n, q->way->all_sections, q->p->arena, &a->m, err) != 0)
        return -1;
    return dns_answers(&a->m, &q->q);
}

static int await_datagram(struct dns_question *q, int fd, struct dns_asked *a, struct err *err)
{
    uint8_t *room = arena_alloc(q->p->arena, UDP_ROOM);
    for (int strangers = 0;;) {
        ssize_t n = udp_recv(fd, room, UDP_ROOM, q->deadline_ns, err);
        if (n < 0 && err->code == ERR_TIMEOUT && strangers > 0)
            return err_set(err, ERR_TIMEOUT,
                           "no answer in time, but %d with another id or question", strangers);
        if (n < 0)
            return -1;
        int rc = read_datagram(q, room, (size_t)n, a, err);
        if (rc != 0)
            return rc > 0 ? 0 : -1;
        if (++strangers > STRANGERS)
            return err_set(err, ERR_TOO_LARGE, "%d answers with another id or question", strangers);
    }
}

static int ask_udp(struct dns_question *q, struct dns_asked *a, struct err *err)
{
    struct addr room;
    int fd = udp_connect_from(&a->used, source_addr(q->way->source, &room), err);
    if (fd < 0)
        return -1;
    int rc = send(fd, q->bytes + 2, (size_t)q->n, MSG_NOSIGNAL) < 0
                 ? err_sys(err, ERR_REFUSED, "cannot send the query")
                 : await_datagram(q, fd, a, err);
    udp_close(fd);
    return rc;
}

static int secure(struct dns_question *q, struct stream *s, const char *host, struct err *err)
{
    struct tls_options tls = tls_section_apply(&q->way->tls, host);
    struct tls_info info = {0};
    tls.alpn = "dot";
    int rc = stream_start_tls(s, &tls, q->deadline_ns, err);
    stream_tls_info(s, q->p->arena, &info);
    result_add_tls(q->r, &info, q->way->tls.expiry_warning_ms);
    return rc;
}

static int converse(struct dns_question *q, struct stream *s, struct dns_asked *a, struct err *err)
{
    uint8_t head[2];
    if (stream_write(s, q->bytes, 2 + (size_t)q->n, q->deadline_ns, err) != 0 ||
        stream_read_full(s, head, 2, q->deadline_ns, err) != 0)
        return -1;
    size_t n = (size_t)head[0] << 8 | head[1];
    uint8_t *room = arena_alloc(q->p->arena, n + 1);
    if (stream_read_full(s, room, n, q->deadline_ns, err) != 0 ||
        dns_parse(room, n, q->way->all_sections, q->p->arena, &a->m, err) != 0)
        return -1;
    if (!dns_answers(&a->m, &q->q))
        return err_set(err, ERR_PROTOCOL, "it answered another question or with another id");
    return 0;
}

static int ask_stream(struct dns_question *q, const char *host, bool with_tls, struct dns_asked *a,
                      struct err *err)
{
    int64_t start = clock_mono_ns();
    int64_t by =
        q->p->connect_deadline_ns < q->deadline_ns ? q->p->connect_deadline_ns : q->deadline_ns;
    struct addr room;
    struct resolved to = {.at = {a->used}, .n = 1};
    struct stream *s = stream_connect_from(&to, source_addr(q->way->source, &room), by, NULL, err);
    if (!s)
        return -1;
    int rc = with_tls ? secure(q, s, host, err) : 0;
    int64_t ready = clock_mono_ns();
    a->connect_ns += ready - start;
    if (rc == 0)
        rc = converse(q, s, a, err);
    a->request_ns = clock_mono_ns() - ready;
    stream_close(&s);
    return rc;
}

static int ask(struct dns_question *q, const char *host, struct dns_asked *a, struct err *err)
{
    enum dns_transport by = (enum dns_transport)q->way->transport;
    must(by == DNS_BY_UDP || by == DNS_BY_TCP || by == DNS_BY_TLS);
    if (by != DNS_BY_UDP)
        return ask_stream(q, host, by == DNS_BY_TLS, a, err);
    int64_t start = clock_mono_ns();
    int rc = ask_udp(q, a, err);
    a->request_ns = clock_mono_ns() - start;
    if (rc == 0 && a->m.truncated && q->way->tcp_fallback)
        return ask_stream(q, host, false, a, err);
    return rc;
}

int dns_ask(struct dns_question *q, const char *host, uint16_t port, struct dns_asked *a,
            struct err *err)
{
    struct resolved to;
    must(q->n > 0 && q->deadline_ns > 0);
    if (port == 0)
        port = q->way->transport == DNS_BY_TLS ? 853 : 53;
    if (resolve(q->p->env->resolver, host, port, (enum ip_version)q->way->ip_version,
                q->deadline_ns, &to, err) != 0)
        return -1;
    a->resolve_ns = to.took_ns;
    a->used = to.at[0];
    int rc = ask(q, host, a, err);
    a->answered = rc == 0;
    return rc;
}
