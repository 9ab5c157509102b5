/* Locations: places elsewhere where an agent (`belfry agent`) probes for us. A location is a name; who may speak for it is the
 * door's business (a token of scope `agent`, or a row of `locations`). Here is what was heard of each, what it must probe,
 * and the taking of its records, exactly once: a record is skipped when its number is not above the ring's cursor, the cursor
 * is in the batch of the results, and the agent frees its ring up to what is stored.
 *
 *   post ──core_location_take──▶ batch ──commit──▶ core_location_answer: what is stored, what is new for the agent
 *
 * All of it on the core's loop. Main users: api/agent.c; results go on to located.h. */
#ifndef CORE_LOCATION_H
#define CORE_LOCATION_H

#include "core/core.h"
#include "ipc/parcel.h"

#define LOCATION_OTHER_MS  15000 /* heard within it: another agent is refused */
#define LOCATION_SILENT_MS 30000 /* then Belfry's own alert fires, when targets name it */

struct core_location_post {
    const char *name;    /* of the location */
    const char *address; /* where the agent is */
    uint64_t
        agent; /* its number (PARCEL_AGENT): it may come with another ring at once; 0: it does not say */
    struct parcel parcel;
    uint64_t seq; /* out: the last number that is taken */
    bool wait;    /* out: … and not stored yet */
};
/* Judges the parcel's next records and puts them and the cursor into the batch: at most LOCATION_TURN, so that others have their
 * turn of the loop. 1: there are more, call it again; 0: all are taken, and when post->wait is set, w is done when they are stored
 * (else w is untouched). -1: DENIED, the name is none of a location; CONFLICT, another agent speaks for the location; BUSY, the
 * store cannot keep up: again in a second. What was taken before that is not lost: sent again, it is skipped. */
#define LOCATION_TURN 500
int core_location_take(struct core *c, struct core_location_post *post, struct waiter *w,
                       struct err *err);

#define LOCATION_CHECKS 32 /* told in one answer */
struct core_location_answer {
    uint64_t stored;     /* everything up to it may be freed: database and series have it */
    uint64_t generation; /* of the assignment */
    uint32_t n_checks;
    struct core_location_check {
        uint64_t request_id, target_id;
    } checks[LOCATION_CHECKS]; /* to be probed now; told once */
};
/* seq of this ring is committed (0: nothing new). */
void core_location_answer(struct core *c, const char *name, uint64_t ring, uint64_t seq,
                          struct core_location_answer *out);
/* The assignment as a file of assign.h, for the agent's watcher. -1: it is larger than out takes. */
int core_location_assignment(struct core *c, const char *name, struct buf *out, struct err *err);

struct core_location_info {
    const char *name;
    bool named;            /* by a target */
    bool connected;        /* heard within LOCATION_OTHER_MS */
    const char *address;   /* "" before it was heard */
    const char *software;  /* version */
    int64_t since_ms;      /* connected since; or silent since, 0 when it was never heard */
    int64_t last_heard_ms; /* wall clock; 0: not in this life of the core */
    int64_t clock_skew_ms; /* its clock less ours */
    uint32_t targets;      /* that name it and are not paused */
    bool assigned;         /* it has the newest assignment */
    uint64_t results;      /* taken */
    uint64_t replayed;     /* sent again, and stored already */
    uint64_t dropped;      /* by the agent's full ring */
    uint64_t waiting;      /* records in its ring, as it said last */
    uint64_t refused;      /* posts of another agent */
};
void core_locations_each(struct core *c, bool (*fn)(void *arg, const struct core_location_info *l),
                         void *arg);

#endif
