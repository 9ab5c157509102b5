/* Locations of a target: what follows for it from how its places stand. Pure.
 *
 *   at least `least` places say down ──────────────────────────────▶ DOWN
 *   it was down, and places that are silent now said so at last:
 *     with them there are still `least` ───────────────────────────▶ DOWN (silence is no recovery)
 *   nobody says anything, or those not heard yet may still decide ─▶ UNKNOWN
 *   else ──────────────────────────────────────────────────────────▶ UP (DEGRADED when somebody is down or silent)
 *
 * A place that is silent counts neither as up nor as down: it fires nothing and resolves nothing. */
#ifndef ALERT_PLACES_H
#define ALERT_PLACES_H

#include <stdbool.h>
#include <stdint.h>

enum place_say {
    PLACE_AWAITED,     /* it may still be heard in time: new, or Belfry has just begun */
    PLACE_SILENT,      /* nothing for too long; it said "up" at last, or never anything */
    PLACE_SILENT_DOWN, /* the same; it said "down" at last */
    PLACE_UNDECIDED,   /* heard, and its failures are fewer than the threshold */
    PLACE_UP,
    PLACE_DOWN,
    PLACE_SAYS,
};

/* How many say what. */
struct places_seen {
    uint32_t n[PLACE_SAYS];
};
uint32_t places_count(const struct places_seen *seen);

/* How many of n must say "down": the quorum, or the majority when that is 0; at most n. */
uint32_t places_least(uint32_t n, int32_t quorum);

enum places_verdict { PLACES_UNKNOWN, PLACES_WELL, PLACES_DEGRADED, PLACES_DOWN };
/* was_down: the target's own state until now. */
enum places_verdict places_judge(const struct places_seen *seen, uint32_t least, bool was_down);

/* For how long a place may say nothing: a probe begins each round_ms. */
int64_t places_patience_ms(int64_t round_ms);

#endif
