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

/* Rule 2. */
static int64_t row_delay(const struct restart_policy *p, uint32_t row, double chance)
{
    if (row <= 1)
        return 0;
    double delay = (double)p->delay_ms, cap = (double)p->cap_ms;
    for (uint32_t k = 2; k < row && delay < cap && p->factor > 1; k++)
        delay *= p->factor;
    delay = delay < cap ? delay : cap;
    return (int64_t)(delay * (1 + p->jitter * chance));
}

/* Rule 3: the earliest moment that the cooldown allows. */
static int64_t cooled_at(const struct restart_policy *p, const struct restart_state *s,
                         int64_t now_ms)
{
    if (s->restarted_ms == 0 || s->restarted_ms + p->cooldown_ms < now_ms)
        return now_ms;
    return s->restarted_ms + p->cooldown_ms;
}

static struct restart_decision on_death(const struct restart_policy *p, struct restart_state *s,
                                        int64_t now_ms, double chance)
{
    if (s->running && now_ms - s->started_ms >= p->stable_ms)
        s->row = 0;
    if (s->row < UINT32_MAX)
        s->row++;
    s->running = false;
    s->pending = false;
    int64_t cooled = cooled_at(p, s, now_ms), delayed = now_ms + row_delay(p, s->row, chance);
    struct restart_decision d = {.verdict = RESTART_AT,
                                 .at_ms = cooled > delayed ? cooled : delayed,
                                 .in_row = delayed > cooled,
                                 .row = s->row};
    if (p->max_restarts > 0 && restart_used(s, d.at_ms) >= p->max_restarts) {
        if (p->give_up)
            return (struct restart_decision){.verdict = RESTART_GIVE_UP, .row = s->row};
        d.at_ms = budget_opens(p, s, d.at_ms);
        d.over_budget = true;
        d.in_row = false;
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
        s->restarted_ms = now_ms > 0 ? now_ms : 1;
    } else {
        s->row = 0; /* on purpose */
    }
    s->pending = false;
    s->running = true;
    s->started_ms = now_ms;
}

struct restart_decision restart_step(const struct restart_policy *p, struct restart_state *s,
                                     enum restart_event event, int64_t now_ms, double chance)
{
    must(now_ms >= 0 && p->factor >= 1 && p->delay_ms >= 0 && p->cap_ms >= 0);
    must(p->cooldown_ms >= 0 && p->stable_ms >= 0 && chance >= 0 && chance < 1);
    slide(s, now_ms);
    switch (event) {
    case RESTART_STARTED:
        on_start(s, now_ms);
        break;
    case RESTART_DIED:
        return on_death(p, s, now_ms, chance);
    case RESTART_STOPPED:
        s->running = s->pending = false;
        s->row = 0;
        break;
    case RESTART_RESET:
        memset(s->buckets, 0, sizeof(s->buckets));
        s->row = 0;
        s->restarted_ms = 0;
        break;
    }
    return (struct restart_decision){.verdict = RESTART_NOTHING};
}
