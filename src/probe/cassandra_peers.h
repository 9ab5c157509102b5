/* The nodes of a Cassandra cluster, as one of them tells, and which of them answer. */
#ifndef PROBE_CASSANDRA_PEERS_H
#define PROBE_CASSANDRA_PEERS_H

#include "io/addr.h"
#include "probe/common.h"
#include "probe/cql_wire.h"
#include "probe/prober.h"

#define CASSANDRA_PEERS_MAX   1000 /* of a cluster; further ones are not looked at */
#define CASSANDRA_PEERS_ASKED 256  /* at once */

enum peer_state { PEER_NOT_ASKED, PEER_UP, PEER_DOWN };

struct cassandra_peer {
    struct addr addr; /* of its native port */
    const char *name, *datacenter;
    struct str schema; /* 16 bytes, or empty */
    enum peer_state state;
    const char *why; /* it is down */
};

struct cassandra_cluster {
    const char *name, *version, *datacenter; /* of the node asked */
    struct str schema;
    struct cassandra_peer *peers; /* without the node asked */
    size_t n_peers;
};

/* Rows of: peer, native address, data centre, schema version[, native port]. */
int cassandra_take_peers(struct cassandra_cluster *cl, const struct cql_rows *rows, uint16_t port,
                         struct arena *a, struct err *err);
/* Asks the peers (of a data centre, when not NULL) all at once; returns a little before the deadline at the latest. tls NULL:
 * without. Certificates are not judged: they were at the first node. */
void cassandra_ask_peers(struct probe *p, struct cassandra_cluster *cl, const char *datacenter,
                         const struct tls_section *tls);
int cassandra_schemas(
    const struct cassandra_cluster *cl); /* different versions, of nodes not down */
int cassandra_datacenters(const struct cassandra_cluster *cl);
void cassandra_metrics(const struct cassandra_cluster *cl, long down, int schemas,
                       struct result *r);

#endif
