/* The restart policy (policy.h). Called by the supervisor at each start and end of a unit. Pure. */
#include "proc/policy.h"

#include <string.h>

#include "base/must.h"

#define MINUTE_MS 60000

/* Forgets the buckets that left the window. */
static void slide(struct restart_state *s, int64_t now_ms)
{
    int64_t minute = now_ms / MINUTE_MS;
    must(minute >= s->minute);
    if (minute - s->minute >= RESTART_BUCKETS) {
        memset(s->buckets, 0, sizeof(s->buckets));
        s->minute = minute;
    }
    while (s->minute < minute)
        s->buckets[++s->minute % RESTART_BUCKETS] = 0;
}

uint32_t restart_used(const struct restart_state *s, int64_t now_ms)
{
    int64_t minute = now_ms / MINUTE_MS;
    uint32_t used = 0;
    for (int64_t m = s->minute;
         m > minute - RESTART_BUCKETS && m > s->minute - RESTART_BUCKETS && m >= 0; m--)
        used += s->buckets[m % RESTART_BUCKETS];
    return used;
}

/* The first moment at which the oldest restarts have left the window far enough. */
static int64_t budget_opens(const struct restart_policy *p, const struct restart_state *s,
                            int64_t now_ms)
{
    int64_t at = now_ms;
    for (int i = 0; i <= RESTART_BUCKETS && restart_used(s, at) >= p->max_restarts; i++)
        at = (at / MINUTE_MS + 1) * MINUTE_MS;
    must(restart_used(s, at) < p->max_restarts);
    return at;
}

static int64_t row_delay(const struct restart_policy *p, uint32_t row)
{
    if (row <= 1)
        return 0;
    double delay = (double)p->cooldown_ms;
    for (uint32_t k = 2; k < row && delay < (double)p->cap_ms; k++)
        delay *= p->factor;
    return delay < (double)p->cap_ms ? (int64_t)delay : p->cap_ms;
}

static struct restart_decision on_death(const struct restart_policy *p, struct restart_state *s,
                                        int64_t now_ms)
{
    if (s->running && now_ms - s->started_ms >= p->stable_ms)
        s->row = 0;
    if (s->row < UINT32_MAX)
        s->row++;
    s->running = false;
    s->pending = false;
    struct restart_decision d = {.verdict = RESTART_AT, .at_ms = now_ms + row_delay(p, s->row)};
    if (p->max_restarts > 0 && restart_used(s, d.at_ms) >= p->max_restarts) {
        if (p->give_up)
            return (struct restart_decision){.verdict = RESTART_GIVE_UP};
        d.at_ms = budget_opens(p, s, d.at_ms);
        d.over_budget = true;
    }
    s->pending = true;
    return d;
}

static void on_start(struct restart_state *s, int64_t now_ms)
{
    if (s->pending) {
        uint16_t *bucket = &s->buckets[s->minute % RESTART_BUCKETS];
        if (*bucket < UINT16_MAX)
            (*bucket)++;
    } else {
        s->row = 0; /* on purpose */
    }
    s->pending = false;
    s->running = true;
    s->started_ms = now_ms;
}

struct restart_decision restart_step(const struct restart_policy *p, struct restart_state *s,
                                     enum restart_event event, int64_t now_ms)
{
    must(now_ms >= 0 && p->factor >= 1 && p->cooldown_ms >= 0 && p->cap_ms >= 0 &&
         p->stable_ms >= 0);
    slide(s, now_ms);
    switch (event) {
    case RESTART_STARTED:
        on_start(s, now_ms);
        break;
    case RESTART_DIED:
        return on_death(p, s, now_ms);
    case RESTART_STOPPED:
        s->running = s->pending = false;
        s->row = 0;
        break;
    case RESTART_RESET:
        memset(s->buckets, 0, sizeof(s->buckets));
        s->row = 0;
        break;
    }
    return (struct restart_decision){.verdict = RESTART_NOTHING};
}
