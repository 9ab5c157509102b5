/* Parcels: what an agent (`belfry agent`) posts to its server: records of its watcher's ring as they are, and how it fares. The
 * body of POST /api/v1/agent/results, application/x-belfry-results. Format byte by byte: top of parcel.c.
 *
 * Pure; any thread. The server trusts no byte of it. */
#ifndef IPC_PARCEL_H
#define IPC_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define PARCEL_TYPE "application/x-belfry-results"
#define PARCEL_AGENT \
    "Belfry-Agent" /* header: the agent's number, decimal, one for its data directory; absent: it does not say */
#define PARCEL_VERSION 1u /* another one when results, assignments or this become different */
#define PARCEL_MAX     ((size_t)1 << 20)
#define PARCEL_RECORD  ((size_t)64 << 10) /* largest record */

struct parcel {
    uint64_t ring;       /* id of the ring, which its records' numbers belong to; never 0 */
    uint64_t dropped;    /* by the full ring, over its life */
    uint64_t waiting;    /* records that wait in the ring, these included */
    uint64_t generation; /* of the assignment that the agent has; 0: none */
    int64_t sent_ms;     /* by the agent's clock */
    struct str software; /* "1.2.3"; at most 64 bytes */
    uint32_t n;          /* records */
    struct cur records;  /* parcel_next */
};

/* Writing: begin, add as often as it says true, end. max: at most PARCEL_MAX. */
struct parcel_writer {
    struct buf out;
    size_t max;
    uint32_t n;
    uint64_t last; /* number of the last record */
};
void parcel_begin(struct parcel_writer *w, const struct parcel *head, size_t max);
/* False: there is no room for it; nothing was added. One record always fits an empty parcel. */
bool parcel_add(struct parcel_writer *w, uint64_t seq, const void *p, size_t n);
/* w->out is the parcel, the caller's to free. */
void parcel_end(struct parcel_writer *w);

/* Checks all of it: after this parcel_next finds p->n records with growing numbers above 0. Borrows from bytes. CONFLICT: it is of another
 * version, and the message says which side is older; MALFORMED, TOO_LARGE. */
int parcel_parse(struct str bytes, struct parcel *out, struct err *err);
/* False at the end. */
bool parcel_next(struct parcel *p, uint64_t *seq, struct str *record);

#endif
