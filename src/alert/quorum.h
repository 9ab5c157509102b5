/* Groups of targets: whether enough of them are well. Pure. */
#ifndef ALERT_QUORUM_H
#define ALERT_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum quorum_need { QUORUM_ALL, QUORUM_ANY, QUORUM_SOME };

struct quorum_rule {
    enum quorum_need need;
    uint32_t least;   /* SOME: so many, or */
    uint32_t percent; /* so many of a hundred, rounded up; 0: least */
};

/* How the members stand. Those that are paused or under maintenance are not counted at all. */
struct quorum_seen {
    uint32_t up, down, unknown; /* unknown: not judged yet */
    uint32_t missing;           /* named, but there is no such target */
};

enum quorum_verdict { QUORUM_UNKNOWN, QUORUM_WELL, QUORUM_DEGRADED, QUORUM_DOWN };

/* How many must be well. */
uint32_t quorum_least(const struct quorum_rule *rule, const struct quorum_seen *seen);
/* UNKNOWN: it depends on those not judged yet. DEGRADED: enough are well, and some are not. Without members: DOWN when it names
 * some that are missing, else UNKNOWN. */
enum quorum_verdict quorum_judge(const struct quorum_rule *rule, const struct quorum_seen *seen);

#endif
