/* See places.h. The core runs it for each target that names locations (core/located.c). */
#include "alert/places.h"

#include "base/must.h"

#define ROUNDS_MISSED 3
#define SILENT_MS     30000

uint32_t places_count(const struct places_seen *seen)
{
    uint32_t n = 0;
    for (int i = 0; i < PLACE_SAYS; i++)
        n += seen->n[i];
    return n;
}

uint32_t places_least(uint32_t n, int32_t quorum)
{
    must(n > 0 && quorum >= 0);
    uint32_t least = quorum > 0 ? (uint32_t)quorum : n / 2 + 1;
    return least < n ? least : n;
}

enum places_verdict places_judge(const struct places_seen *seen, uint32_t least, bool was_down)
{
    const uint32_t *n = seen->n;
    must(least >= 1 && least <= places_count(seen));
    if (n[PLACE_DOWN] >= least)
        return PLACES_DOWN;
    uint32_t open = n[PLACE_AWAITED] + n[PLACE_UNDECIDED]; /* will say something soon */
    if (n[PLACE_UP] + n[PLACE_DOWN] == 0)
        return PLACES_UNKNOWN;
    if (was_down && n[PLACE_DOWN] + n[PLACE_SILENT_DOWN] >= least)
        return PLACES_DOWN;
    if (n[PLACE_DOWN] + n[PLACE_SILENT_DOWN] + open >= least && open > 0)
        return PLACES_UNKNOWN;
    bool all_well = n[PLACE_DOWN] + n[PLACE_SILENT] + n[PLACE_SILENT_DOWN] == 0;
    return all_well ? PLACES_WELL : PLACES_DEGRADED;
}

int64_t places_patience_ms(int64_t round_ms)
{
    must(round_ms > 0);
    return ROUNDS_MISSED * round_ms > SILENT_MS ? ROUNDS_MISSED * round_ms : SILENT_MS;
}
