/* The uplink's fiber: posts, and waits for a reason to post again.
 *
 *     POST ──200, more in the ring──▶ POST at once
 *          ──200──▶ GAP (200 ms: what comes meanwhile goes together; a failure does not wait)
 *                    ──ring not empty──▶ POST   ──▶ ASLEEP: the watcher wakes us, or a second passed: a sign of life
 *          ──anything else──▶ AWAY: as long as uplink_judge says; nothing is urgent
 *
 * Told to stop: posts on until the server has everything, or does not answer once. */
#include "app/uplink.h"

#include "base/clock.h"
#include "base/log.h"
#include "io/fiber.h"

#define GAP_NS  (200 * NS_PER_MS)
#define LIFE_NS NS_PER_S

void uplink_wake(struct uplink *u, bool urgent)
{
    check_magic(u, UPLINK_MAGIC);
    u->urgent |= urgent;
    if (u->parked && !u->patient)
        fiber_wake(u->fiber);
}

/* False: the process ends. */
static bool park(struct uplink *u, int64_t until_ns)
{
    struct err err = {0};
    if (u->stopping && until_ns > clock_mono_ns() + GAP_NS)
        until_ns = clock_mono_ns() + GAP_NS;
    u->parked = true;
    int rc = fiber_park(until_ns, &err);
    u->parked = false;
    return rc == 0 || err.code == ERR_TIMEOUT;
}

static bool wait_for_more(struct uplink *u)
{
    u->urgent = false;
    if (!park(u, u->posted_ns + GAP_NS))
        return false;
    if (u->urgent || u->stopping || !u->ring || ring_sleep(u->ring))
        return true;
    return park(u, u->posted_ns + LIFE_NS);
}

static bool wait_until(struct uplink *u, int64_t until_ns)
{
    u->hurry = false;
    while (!u->stopping && !u->hurry && clock_mono_ns() < until_ns)
        if (!park(u, until_ns))
            return false;
    return true;
}

/* Looks into the ring, too, before the post's head names it: a damaged one is replaced here. */
static bool is_open(struct uplink *u)
{
    struct err err = {0};
    if (!u->ring && uplink_ring_open(u, &err) != 0)
        return false;
    uplink_ring_pass(u);
    u->waiting = uplink_ring_waiting(u);
    return u->ring != NULL;
}

/* One post, and the wait after it. False: nothing is left to do. */
static bool turn(struct uplink *u)
{
    struct uplink_verdict v;
    bool more = false;
    if (!is_open(u))
        return wait_until(u, clock_mono_ns() + LIFE_NS);
    if (uplink_post(u, &more, &v) != 0)
        return !u->stopping && wait_until(u, clock_mono_ns() + v.pause_ms * NS_PER_MS);
    if (more || uplink_ring_pass(u))
        return true;
    if (u->stopping && uplink_ring_is_empty(u))
        return false;
    return wait_for_more(u);
}

void uplink_serve(void *arg)
{
    struct uplink *u = arg;
    check_magic(u, UPLINK_MAGIC);
    u->fiber = fiber_self();
    while (turn(u))
        ;
    u->fiber = NULL;
    loop_stop(u->loop);
}
