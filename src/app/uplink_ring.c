/* The uplink's side of the watcher's ring (ipc/ring.h): it is the consumer, as the core is elsewhere. A ring that is damaged
 * is set aside; the watcher begins a new one within a second.
 *
 * Another --buffer: at the start, while there is no watcher, the ring becomes the former one and a new one stands in its place. The
 * former is sent first and then removed, so that nothing is lost and the order stays. */
#include "app/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

#define RECORD_MIN 24 /* bytes of the ring */

static const char *path_of(const struct uplink *u)
{
    return u->on_former ? u->former_path : u->ring_path;
}

static void set_aside(struct uplink *u)
{
    char *aside;
    must(asprintf(&aside, "%s.damaged", path_of(u)) > 0);
    rename(path_of(u), aside);
    free(aside);
}

/* --- another size --- */

/* Killed in between there is no ring, and the next start makes it. */
static int renew(struct uplink *u, const char *fresh, struct err *err)
{
    struct ring *r = ring_open(fresh, (size_t)u->settings.buffer, err);
    if (!r)
        return -1;
    ring_close(&r);
    if (rename(u->ring_path, u->former_path) == 0 && rename(fresh, u->ring_path) == 0)
        return 0;
    return err_sys(err, ERR_IO, "cannot rename %s", u->ring_path);
}

/* The lock shows that no watcher is left that would go on in the old file. */
static void fit(struct uplink *u, struct ring *old)
{
    struct err err = {0};
    char *fresh;
    must(asprintf(&fresh, "%s.new", u->ring_path) > 0);
    unlink(fresh);
    if (access(u->former_path, F_OK) == 0)
        log_warn("the ring keeps its size for now: what the ring before it holds is not sent yet; "
                 "start the agent once more after that");
    else if (ring_claim(old, &err) != 0 || renew(u, fresh, &err) != 0)
        log_warn("the ring keeps its size until the next start", F_ERR(&err));
    else
        log_info("the ring has another size; what the old one holds is sent first",
                 F_INT("old", (int64_t)ring_stats(old).size),
                 F_INT("new", (int64_t)ring_good_size((size_t)u->settings.buffer)));
    free(fresh);
}

void uplink_ring_fit(struct uplink *u)
{
    must(!u->ring && u->settings.buffer > 0);
    struct ring *r = ring_open(u->ring_path, (size_t)u->settings.buffer, NULL);
    if (r && ring_stats(r).size != ring_good_size((size_t)u->settings.buffer))
        fit(u, r);
    ring_close(&r); /* NULL: uplink_ring_open says why */
}

/* --- opening --- */

static struct ring *open_one(struct uplink *u, struct err *err)
{
    u->on_former = access(u->former_path, F_OK) == 0;
    return ring_open(path_of(u), (size_t)u->settings.buffer, err);
}

int uplink_ring_open(struct uplink *u, struct err *err)
{
    ring_close(&u->ring);
    u->held.seq = u->read_seq = u->freed = 0;
    u->ring = open_one(u, err);
    if (!u->ring && err->code == ERR_DAMAGED) {
        log_error("the ring is damaged; it is set aside", F_STR("file", path_of(u)), F_ERR(err));
        set_aside(u);
        u->ring = open_one(u, err);
    }
    if (!u->ring)
        return -1;
    ring_rewind(u->ring);
    return 0;
}

bool uplink_ring_pass(struct uplink *u)
{
    struct err err = {0};
    if (!u->ring || !u->on_former || ring_stats(u->ring).used > 0)
        return false;
    unlink(u->former_path);
    if (uplink_ring_open(u, &err) != 0)
        log_error("cannot open the ring; trying again each second", F_ERR(&err));
    else
        log_info("what the ring of the old size held is sent");
    return true;
}

static void damaged(struct uplink *u, const struct err *why)
{
    struct err err = {0};
    log_error("the ring is damaged; it is set aside, what it held unsent is lost",
              F_STR("file", path_of(u)), F_ERR(why));
    set_aside(u);
    if (uplink_ring_open(u, &err) != 0)
        log_error("cannot open a new ring; trying again each second", F_ERR(&err));
}

/* 1 with the next record in u->held, 0 none. */
static int hold_next(struct uplink *u)
{
    struct err err = {0};
    if (u->held.seq != 0)
        return 1;
    int rc = ring_next(u->ring, &u->held.p, &u->held.n, &u->held.seq, &err);
    if (rc == 1 && u->read_seq == 0) /* the oldest one */
        u->freed = u->held.seq - 1;
    if (rc == 1 && u->held.n <= PARCEL_RECORD)
        return 1;
    u->held.seq = 0;
    if (rc < 0)
        damaged(u, &err);
    must(rc <= 0); /* watchers publish none that is larger */
    return 0;
}

/* Numbers jump after a crash of the machine, so that their difference may be far too large. */
uint64_t uplink_ring_waiting(struct uplink *u)
{
    if (!u->ring)
        return 0;
    hold_next(u); /* then it is known where the ring begins */
    if (!u->ring)
        return 0;
    struct ring_stats st = ring_stats(u->ring);
    uint64_t n = st.published > u->freed ? st.published - u->freed : 0, most = st.used / RECORD_MIN;
    return n < most ? n : most;
}

bool uplink_ring_fill(struct uplink *u, struct parcel_writer *w)
{
    while (u->ring && hold_next(u)) {
        if (!parcel_add(w, u->held.seq, u->held.p, u->held.n))
            return true;
        u->read_seq = u->held.seq;
        u->held.seq = 0;
    }
    return false;
}

void uplink_ring_again(struct uplink *u)
{
    if (u->ring)
        ring_rewind(u->ring);
    u->held.seq = u->read_seq = 0;
}

void uplink_ring_free(struct uplink *u, uint64_t stored)
{
    must(u->held.seq == 0 || u->held.seq > u->read_seq);
    if (stored > u->read_seq) /* the server may know of more than was read since the last failure */
        stored = u->read_seq;
    if (!u->ring || stored <= u->freed)
        return;
    ring_free_upto(u->ring, stored);
    u->freed = stored;
}

bool uplink_ring_is_empty(const struct uplink *u)
{
    return !u->ring || (!u->on_former && ring_stats(u->ring).used == 0);
}
