/* The link between core and watchers: datagrams on an AF_UNIX SOCK_SEQPACKET socket (data/run/link.sock).
 * Each message is one packet: u8 type, u64 id, payload. ≤ 64 KiB. See COORD decision 2 / docs/architecture.md.
 *
 * Runs on the loop's thread of each side. The watcher's end reconnects by itself every 50 ms. */
#ifndef IPC_LINK_H
#define IPC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/loop.h"

/* X(NAME): direction in the comment */
#define LINK_MESSAGES(X)                                                                           \
    X(HELLO)  /* watcher→core: payload is its name; always first */                              \
    X(WAKE)   /* watcher→core: the ring has records and you asked to be woken */                 \
    X(RELOAD) /* core→watcher: your assignment file changed */                                   \
    X(CHECK)  /* core→watcher: id = request, payload u64 target id: probe it now */              \
    X(TRY)    /* core→watcher: id = request, payload: one encoded assignment entry (assign.h) */ \
    X(GONE)   /* local: the other side closed (never sent) */
enum link_type {
#define X(name) LINK_##name,
    LINK_MESSAGES(X)
#undef X
};
#define LINK_MAX 65536

struct link_message {
    enum link_type type;
    uint64_t id;
    const void *payload; /* borrowed during the callback */
    size_t n;
};

/* Core side. on_message gets messages of every peer that said HELLO; `peer` names it. */
struct link_server;
struct link_server *link_listen(struct loop *l, const char *path,
                                void (*on_message)(void *arg, const char *peer,
                                                   const struct link_message *m),
                                void *arg, struct err *err);
void link_server_close(struct link_server **s);
/* BUSY when the peer is not connected or its socket is full. */
int link_send(struct link_server *s, const char *peer, enum link_type type, uint64_t id,
              const void *p, size_t n, struct err *err);
bool link_connected(const struct link_server *s, const char *peer);

/* Watcher side. */
struct link_client;
struct link_client *link_connect(struct loop *l, const char *path, const char *name,
                                 void (*on_message)(void *arg, const struct link_message *m),
                                 void *arg, struct err *err);
void link_client_close(struct link_client **c);
void link_wake(
    struct link_client *c); /* best effort: the core also polls the ring when it starts */

#endif
