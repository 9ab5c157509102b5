/* The audit log: who changed what, from where, what it was and what it became. An entry goes into the batch of the change
 * itself: both are stored or neither.
 *
 * On the core's loop. Who acts is set for the time of one callback (the API does it around each), so that no function that
 * changes something needs to be told. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/core.h"

struct core_actor {
    const char *name;   /* "alice", "token:ci", "unix:0", "anonymous"; "belfry": nobody asked */
    const char *origin; /* the address it came from, "unix", "file" */
};
/* From now on; NULL: Belfry itself. Texts are borrowed until the next call: reset it before the callback returns. */
void core_acts_for(struct core *c, const struct core_actor *who);
const struct core_actor *core_actor(const struct core *c); /* never NULL */

/* The id and the time are given here; actor and origin, too, where they are NULL. Other texts NULL: "". Secrets in before and
 * after are masked by the caller. Neither may be larger than 64 KiB; of what is, only the length is kept. */
void core_audit(struct core *c, const struct audit_entry *e);

#endif
