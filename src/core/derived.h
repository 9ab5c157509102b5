/* Results that the core makes itself: of push and group targets, and of targets with locations. They take the road of all others
 * (core__take_result), and outlive a core that dies before the series have them. On the main loop. */
#ifndef CORE_DERIVED_H
#define CORE_DERIVED_H

#include "core/core_priv.h"

/* record: r, encoded. In the batch when it returns. */
void core__derived_result(struct core *c, struct entry *e, const struct result *r,
                          const void *record, size_t n);
void core__derived_open(struct core *c); /* after targets and cursors are there, before c->ready */
void core__derived_close(struct core *c);

#endif
