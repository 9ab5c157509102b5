/* See cassandra_peers.h. A fiber for each peer; what they share is counted, because the probe leaves at its deadline and
 * they may come after. */
#include "probe/cassandra_peers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "io/fiber.h"
#include "io/stream.h"

#define MARGIN_NS (30 * NS_PER_MS) /* of the deadline, to report */

/* --- reading --- */

static bool take_address(struct str cell, uint16_t port, struct addr *out)
{
    *out = (struct addr){0};
    if (cell.p && cell.n == 4) {
        out->in4.sin_family = AF_INET;
        memcpy(&out->in4.sin_addr, cell.p, 4);
        addr_set_port(out, port);
        return out->in4.sin_addr.s_addr != 0; /* 0.0.0.0: listens everywhere */
    }
    if (cell.p && cell.n == 16) {
        out->in6.sin6_family = AF_INET6;
        memcpy(&out->in6.sin6_addr, cell.p, 16);
        addr_set_port(out, port);
        return !IN6_IS_ADDR_UNSPECIFIED(&out->in6.sin6_addr);
    }
    return false;
}

static uint16_t take_port(const struct cql_rows *rows, uint32_t row, uint16_t usual)
{
    if (rows->n_columns < 5)
        return usual;
    struct str cell = cql_cell(rows, row, 4);
    if (!cell.p || cell.n != 4 || cell.p[0] || cell.p[1])
        return usual;
    int port = (unsigned char)cell.p[2] << 8 | (unsigned char)cell.p[3];
    return port ? (uint16_t)port : usual;
}

static void take_peer(struct cassandra_cluster *cl, const struct cql_rows *rows, uint32_t row,
                      uint16_t usual, struct arena *a)
{
    struct cassandra_peer peer = {.schema = cql_cell(rows, row, 3)};
    struct str dc = cql_cell(rows, row, 2);
    uint16_t port = take_port(rows, row, usual);
    char text[ADDR_TEXT];
    if (!take_address(cql_cell(rows, row, 1), port, &peer.addr) &&
        !take_address(cql_cell(rows, row, 0), port, &peer.addr))
        return; /* a row left over from a node that is gone */
    peer.name = arena_strdup(a, addr_text(&peer.addr, text));
    peer.datacenter = dc.p ? arena_strndup(a, dc.p, dc.n) : "";
    cl->peers[cl->n_peers++] = peer;
}

int cassandra_take_peers(struct cassandra_cluster *cl, const struct cql_rows *rows, uint16_t port,
                         struct arena *a, struct err *err)
{
    must(port != 0 && cl->n_peers == 0);
    if (rows->n_rows > 0 && rows->n_columns < 4)
        return err_set(err, ERR_PROTOCOL, "got %u columns of peers; want 4", rows->n_columns);
    uint32_t n = rows->n_rows < CASSANDRA_PEERS_MAX ? rows->n_rows : CASSANDRA_PEERS_MAX;
    cl->peers = arena_array_of(a, struct cassandra_peer, n);
    for (uint32_t i = 0; i < n; i++)
        take_peer(cl, rows, i, port, a);
    return 0;
}

/* --- asking --- */

struct round {
    struct fiber *waiter; /* NULL: it has left */
    int64_t deadline_ns, connect_deadline_ns;
    bool use_tls;
    size_t refs, open;
    struct arena *arena;
    struct ask *asks;
};

struct ask {
    struct round *round;
    struct addr addr;
    enum peer_state state;
    const char *why;
};

static void round_unref(struct round *r)
{
    must(r->refs > 0);
    if (--r->refs > 0)
        return;
    arena_free(r->arena);
}

static int say_options(struct stream *s, const struct round *r, struct err *err)
{
    char room[CQL_HEADER + 1], head[CQL_HEADER];
    struct buf out = BUF_FIXED(room);
    struct cql_header h;
    cql_put_options(&out);
    if (stream_write(s, out.data, out.len, r->deadline_ns, err) != 0 ||
        stream_read_full(s, head, sizeof(head), r->deadline_ns, err) != 0 ||
        cql_parse_header(head, &h, err) != 0)
        return -1;
    return h.opcode == CQL_SUPPORTED
               ? 0
               : err_set(err, ERR_PROTOCOL, "got answer %#x to OPTIONS", h.opcode);
}

static int ask_peer(struct ask *a, struct err *err)
{
    struct round *r = a->round;
    struct stream *s = stream_connect(&a->addr, r->connect_deadline_ns, err);
    if (!s)
        return -1;
    struct tls_options tls = {.verify = false};
    int rc = 0;
    if (r->use_tls)
        rc = stream_start_tls(s, &tls, r->deadline_ns, err);
    if (rc == 0)
        rc = say_options(s, r, err);
    stream_close(&s);
    return rc;
}

static void peer_fiber(void *arg)
{
    struct ask *a = arg;
    struct round *r = a->round;
    struct err err = {0};
    bool up = ask_peer(a, &err) == 0;
    a->why = up ? "" : arena_strdup(r->arena, err.msg);
    a->state = up ? PEER_UP : PEER_DOWN;
    must(r->open > 0);
    if (--r->open == 0 && r->waiter)
        fiber_wake(r->waiter);
    round_unref(r);
}

static void start_ask(struct round *r, struct ask *a, struct loop *loop)
{
    struct err err = {0};
    r->refs++;
    r->open++;
    if (fiber_start(loop, peer_fiber, a, &err) == 0)
        return;
    r->refs--;
    r->open--;
}

static struct round *round_new(const struct probe *p, size_t n, bool use_tls)
{
    struct arena *a = arena_new();
    struct round *r = arena_new_of(a, struct round);
    int64_t deadline = p->deadline_ns - MARGIN_NS;
    *r = (struct round){
        .waiter = fiber_self(),
        .deadline_ns = deadline,
        .connect_deadline_ns =
            p->connect_deadline_ns < deadline ? p->connect_deadline_ns : deadline,
        .use_tls = use_tls,
        .refs = 1,
        .arena = a,
        .asks = arena_array_of(a, struct ask, n),
    };
    return r;
}

static void take_answer(struct probe *p, struct cassandra_peer *peer, const struct ask *a)
{
    peer->state = a->state == PEER_UP ? PEER_UP : PEER_DOWN;
    peer->why = arena_strdup(p->arena, a->why ? a->why : "no answer within the deadline");
}

/* At most CASSANDRA_PEERS_ASKED from `from` on. Returns where the next begins. */
static size_t ask_some(struct probe *p, struct cassandra_cluster *cl, size_t from,
                       const char *datacenter, bool use_tls)
{
    size_t n =
        cl->n_peers - from < CASSANDRA_PEERS_ASKED ? cl->n_peers - from : CASSANDRA_PEERS_ASKED;
    struct round *r = round_new(p, n, use_tls);
    for (size_t i = 0; i < n; i++) {
        struct cassandra_peer *peer = &cl->peers[from + i];
        r->asks[i] = (struct ask){.round = r, .addr = peer->addr};
        if (!datacenter || streq(datacenter, peer->datacenter)) {
            peer->state = PEER_DOWN; /* until it answers */
            start_ask(r, &r->asks[i], p->env->loop);
        }
    }
    while (r->open > 0 && fiber_park(p->deadline_ns, NULL) == 0)
        ;
    r->waiter = NULL;
    for (size_t i = 0; i < n; i++)
        if (cl->peers[from + i].state == PEER_DOWN)
            take_answer(p, &cl->peers[from + i], &r->asks[i]);
    round_unref(r);
    return from + n;
}

void cassandra_ask_peers(struct probe *p, struct cassandra_cluster *cl, const char *datacenter,
                         const struct tls_section *tls)
{
    for (size_t at = 0; at < cl->n_peers && clock_mono_ns() < p->deadline_ns - MARGIN_NS;)
        at = ask_some(p, cl, at, datacenter, tls != NULL);
}

/* --- the whole --- */

/* Is the peer's field the same as that of the node asked, or of a peer before it? */
static bool seen_schema(const struct cassandra_cluster *cl, size_t i)
{
    struct str own = cl->peers[i].schema;
    bool seen = !own.p || str_eq(own, cl->schema) || cl->peers[i].state == PEER_DOWN;
    for (size_t k = 0; k < i && !seen; k++)
        seen = cl->peers[k].schema.p && str_eq(cl->peers[k].schema, own) &&
               cl->peers[k].state != PEER_DOWN;
    return seen;
}

int cassandra_schemas(const struct cassandra_cluster *cl)
{
    int n = 1;
    for (size_t i = 0; i < cl->n_peers; i++)
        n += !seen_schema(cl, i);
    return n;
}

int cassandra_datacenters(const struct cassandra_cluster *cl)
{
    int n = 1;
    for (size_t i = 0; i < cl->n_peers; i++) {
        bool seen = streq(cl->peers[i].datacenter, cl->datacenter);
        for (size_t k = 0; k < i && !seen; k++)
            seen = streq(cl->peers[k].datacenter, cl->peers[i].datacenter);
        n += !seen;
    }
    return n;
}

void cassandra_metrics(const struct cassandra_cluster *cl, long down, int schemas, struct result *r)
{
    must(down >= 0 && schemas >= 1);
    result_metric(r, "cassandra_up", 1);
    result_metric(r, "cassandra_nodes", (double)cl->n_peers + 1);
    result_metric(r, "cassandra_nodes_down", (double)down);
    result_metric(r, "cassandra_schema_versions", schemas);
    result_metric(r, "cassandra_datacenters", cassandra_datacenters(cl));
    result_fact(r, "cassandra_cluster_name", cl->name);
    result_fact(r, "cassandra_version", cl->version);
    result_fact(r, "cassandra_datacenter", cl->datacenter);
    for (size_t i = 0; i < cl->n_peers; i++) {
        const struct label labels[] = {{"node", cl->peers[i].name},
                                       {"datacenter", cl->peers[i].datacenter}};
        if (cl->peers[i].state != PEER_NOT_ASKED)
            result_metric_labels(r, "cassandra_node_up", labels, 2, cl->peers[i].state == PEER_UP);
    }
}
