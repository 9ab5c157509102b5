/* The locations of a target and how each stands, for those who ask. On the core's loop. */
#ifndef CORE_PLACES_H
#define CORE_PLACES_H

#include "core/core.h"

struct core_place {
    const char *location;
    enum target_status status; /* UNKNOWN, HEALTHY, UNHEALTHY */
    bool degraded;             /* healthy with warnings */
    bool heard; /* lately; false: the status is UNKNOWN, and message says for how long */
    int64_t since_ms, last_checked_ms; /* 0: never */
    int64_t latency_us;
    int32_t fail_count;
    const char *message;
    const void *last_result; /* result_decode form; NULL before the first */
    size_t last_result_n;
};
/* In the order in which the target names them; texts live in a or as long as the core's turn. 0: it names none. */
size_t core_target_places(struct core *c, uint64_t id, struct arena *a,
                          struct core_place out[TARGET_LOCATIONS_MAX]);
/* core_target_labels of the target's series there: with the label "location", which wins over one of the target's that has its
 * name. In a, but texts may be the target's and the location's. */
const struct label *core_place_labels(const struct core_target *t, const char *location,
                                      struct arena *a, uint32_t *n);

#endif
