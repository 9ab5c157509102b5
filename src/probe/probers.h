/* Every prober's ops table; included by prober.c and by the probers themselves.
 *
 * A prober that needs a heavy library is there when the Meson option of its name is. That is prober.c's to know, alone:
 * an option that changes compiles nothing else anew. */
#ifndef PROBE_PROBERS_H
#define PROBE_PROBERS_H

#include "probe/prober.h"

#define PROBER_SSH(X)        X(ssh) X(sftp)
#define PROBER_KAFKA(X)      X(kafka)
#define PROBER_POSTGRESQL(X) X(postgresql)
#define PROBER_MYSQL(X)      X(mysql)

/* X(name) for each; order is the order of the page's list within a kind. */
#define PROBERS(X)       \
    X(http)              \
    X(transaction)       \
    X(websocket)         \
    X(grpc)              \
    X(domain)            \
    X(tcp)               \
    X(udp)               \
    X(icmp)              \
    X(dns)               \
    X(tls)               \
    X(ntp)               \
    X(snmp)              \
    X(ldap)              \
    X(radius)            \
    X(sip)               \
    PROBER_SSH(X)        \
    PROBER_POSTGRESQL(X) \
    PROBER_MYSQL(X)      \
    X(mongodb)           \
    X(cassandra)         \
    X(clickhouse)        \
    X(influxdb)          \
    X(elasticsearch)     \
    PROBER_KAFKA(X)      \
    X(rabbitmq)          \
    X(mqtt)              \
    X(nats)              \
    X(redis)             \
    X(memcached)         \
    X(etcd)              \
    X(zookeeper)         \
    X(smtp)              \
    X(imap)              \
    X(pop3)              \
    X(ftp)               \
    X(file)              \
    X(disk)              \
    X(load)              \
    X(memory)            \
    X(exec)              \
    X(systemd)           \
    X(docker)            \
    X(podman)            \
    X(push)              \
    X(group)

#define X(name) extern const struct prober_ops name##_prober;
PROBERS(X)
#undef X

#endif
