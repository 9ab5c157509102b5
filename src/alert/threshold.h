/* Thresholds: what one more result of a target means. Pure: state and result in, state and actions out.
 *
 * States (enum target_status) and their transitions, all in threshold_step:
 *
 *   unknown/healthy --failure--> same, fail_count+1 --threshold reached--> unhealthy  [FIRE]
 *   unhealthy       --failure--> unhealthy, resend_interval over            [REMIND]
 *   unhealthy       --success--> unhealthy, good_count+1; success_threshold reached: healthy, both 0 [RESOLVE]
 *   any other       --success--> healthy (degraded when it carried warnings)
 */
#ifndef ALERT_THRESHOLD_H
#define ALERT_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "model/target.h"

enum {
    ACT_FIRE = 1,
    ACT_RESOLVE = 2,
    ACT_REMIND = 4,
    ACT_CHANGED = 8, /* status or degraded changed: tell the page */
};

struct threshold_rule {
    int32_t threshold;          /* ≥ 1 */
    int32_t success_threshold;  /* 0: 1 */
    int64_t resend_interval_ms; /* 0: never */
    int64_t late_ms; /* how much older than its predecessor a late result may be; 0: 60 s */
};

/* Returns a set of ACT_*. st->open_alert_id and last_rung_ms are the caller's to set when it acts on FIRE, RESOLVE and
 * REMIND; FIRE is given only while open_alert_id is 0, RESOLVE only while it is not, REMIND only when it has rung.
 * A result up to late_ms older than last_checked_ms (a slow probe that a CHECK overtook) is ignored: 0.
 * One that is older still means that the clock was set back, and counts: a clock step of an hour must not
 * silence an hour. A disabled target's results are ignored: 0. */
unsigned threshold_step(const struct threshold_rule *rule, struct target_state *st, bool success,
                        bool degraded, int64_t checked_ms, int64_t latency_us);

#endif
