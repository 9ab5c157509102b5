/* Locations: who was heard, and their records on the way to the judge (location.h). What they must probe: location_assign.c;
 * silent ones and figures: location_watch.c. Main loop. */
#include "core/location_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/located.h"
#include "core/metrics_priv.h"

/* --- the table ------------------------------------------------------------------------------ */

struct locations *core__locations_new(void)
{
    struct locations *l = calloc(1, sizeof(*l));
    must(l);
    l->dirty = true;
    return l;
}

void core__locations_free(struct core *c)
{
    if (!c->locations)
        return;
    vec_each (&c->locations->all, it) {
        struct location *l = *it;
        free(l->name);
        free(l->address);
        free(l->software);
        vec_done(&l->checks);
        free(l);
    }
    vec_done(&c->locations->all);
    free(c->locations);
    c->locations = NULL;
}

struct location *core__location_known(struct core *c, const char *name)
{
    vec_each (&c->locations->all, it)
        if (streq((*it)->name, name))
            return *it;
    return NULL;
}

struct location *core__location(struct core *c, const char *name)
{
    struct location *l = core__location_known(c, name);
    if (l)
        return l;
    must(*name && !streq(name, LOCATION_LOCAL));
    l = calloc(1, sizeof(*l));
    must(l);
    l->name = strdup(name);
    l->address = strdup("");
    l->software = strdup("");
    must(l->name && l->address && l->software);
    l->heard_ns = clock_mono_ns();
    l->dirty = true;
    vec_push(&c->locations->all, l);
    return l;
}

int core__location_refuses(const char *name, struct err *err)
{
    const char *fault = location_agent_fault(name);
    return fault ? err_set(err, ERR_DENIED, "the token's name \"%.100s\" is no location's: %s",
                           name, fault)
                 : 0;
}

static bool heard_within(const struct location *l, int64_t ms)
{
    return l->ring != 0 && clock_mono_ns() - l->heard_ns < ms * NS_PER_MS;
}

bool core__location_connected(const struct location *l)
{
    return heard_within(l, LOCATION_OTHER_MS);
}

/* --- hearing -------------------------------------------------------------------------------- */

/* Another ring speaks for it from now on. What was taken from the last one may not be stored yet: should that come back, its
 * cursor is known here. */
static int meet(struct core *c, struct location *l, const struct core_location_post *post,
                struct err *err)
{
    uint64_t cursor = 0, ring = post->parcel.ring;
    if (store_load_cursor(c->store, ring, &cursor, err) != 0)
        return -1;
    if (ring == l->former.ring && l->former.seq > cursor)
        cursor = l->former.seq;
    l->former.ring = l->ring;
    l->former.seq = l->read_seq;
    l->ring = ring;
    l->agent = post->agent;
    l->read_seq = l->cursor = l->committed = cursor;
    l->stored = l->series_at = l->series_seq = 0;
    l->dropped = 0;
    l->since_ms = clock_wall_ms();
    return 0;
}

static void keep_text(char **text, const char *p, size_t n)
{
    if (strlen(*text) == n && memcmp(*text, p, n) == 0)
        return;
    free(*text);
    *text = strndup(p, n);
    must(*text);
}

static void note_hearing(struct location *l, const struct core_location_post *post)
{
    const struct parcel *p = &post->parcel;
    l->heard_ms = clock_wall_ms();
    if (!core__location_connected(l))
        l->since_ms = l->heard_ms;
    l->heard_ns = clock_mono_ns();
    l->skew_ms = p->sent_ms - l->heard_ms;
    l->dropped = p->dropped;
    l->waiting = p->waiting;
    l->has = p->generation;
    keep_text(&l->address, post->address, strlen(post->address));
    keep_text(&l->software, p->software.p, p->software.n);
}

static int admit(struct core *c, struct location *l, const struct core_location_post *post,
                 struct err *err)
{
    if (post->parcel.ring == l->ring)
        return 0;
    bool same = post->agent != 0 && post->agent == l->agent; /* its ring was replaced */
    if (same || !core__location_connected(l)) {
        if (meet(c, l, post, err) != 0)
            return -1;
        log_info(same ? "a location's agent begins a new ring" : "an agent speaks for a location",
                 F_STR("location", l->name), F_STR("address", post->address));
        return 0;
    }
    l->refused++;
    return err_set(
        err, ERR_CONFLICT,
        "the location \"%s\" is served by another agent, at %s, which was heard a moment "
        "ago; stop that one, or give this one a token of its own",
        l->name, l->address);
}

/* --- taking --------------------------------------------------------------------------------- */

static void answer_check(struct core *c, const struct location *l, const struct result *r,
                         const struct str *record)
{
    const struct pending_check *p = map_u64_get(c->checks, r->request_id);
    if (p && p->location == l)
        core__check_done(map_u64_del(c->checks, r->request_id), NULL, record->p, record->n);
}

static void take_record(struct core *c, struct location *l, const struct str *record, bool again,
                        struct arena *a)
{
    struct err err = {0};
    struct result *r = arena_new_of(a, struct result);
    if (result_decode(record->p, record->n, a, r, &err) != 0) {
        log_warn("an agent sent a result that cannot be read; it is dropped",
                 F_STR("location", l->name), F_ERR(&err));
        return;
    }
    struct entry *e = r->target_id ? core__entry(c, r->target_id) : NULL;
    bool ours = e && e->target->enabled && !e->inner && target_is_at(e->target, l->name);
    if (ours && again) {
        core__located_again(c, e, l->name, record->p, record->n);
        return;
    }
    if (again)
        return;
    l->results++;
    c->stats.results++;
    if (r->request_id)
        answer_check(c, l, r, record);
    if (ours)
        core__located_result(c, e, l->name, r, record->p, record->n);
}

static void take_records(struct core *c, struct location *l, struct parcel *p)
{
    struct arena *a = arena_new();
    struct str record;
    uint64_t seq;
    for (int n = 0; n < LOCATION_TURN && parcel_next(p, &seq, &record); n++) {
        if (seq > l->read_seq) {
            l->read_seq = seq;
            take_record(c, l, &record, false, a);
        } else {
            l->replayed++;
            if (seq <= l->cursor)
                take_record(c, l, &record, true, a);
        }
        arena_reset(a);
    }
    arena_free(a);
}

int core_location_take(struct core *c, struct core_location_post *post, struct waiter *w,
                       struct err *err)
{
    check_magic(c, CORE_MAGIC);
    must(post->parcel.ring != 0);
    if (core__location_refuses(post->name, err) != 0)
        return -1;
    struct location *l = core__location(c, post->name);
    if (c->stopping)
        return err_set(err, ERR_BUSY, "Belfry is stopping");
    if (admit(c, l, post, err) != 0)
        return -1;
    note_hearing(l, post);
    if (post->parcel.n > 0 && core__commits_crowded(c))
        return err_set(err, ERR_BUSY, "the store is behind; send again in a second");
    uint64_t before = l->read_seq;
    take_records(c, l, &post->parcel);
    must(l->read_seq >= before);
    if (l->read_seq > before) {
        batch_cursor(core__batch(c), l->ring, l->read_seq);
        core__commit_soon(c);
    }
    if (cur_left(&post->parcel.records) > 0)
        return 1;
    post->seq = l->read_seq;
    post->wait = l->read_seq > l->committed;
    if (post->wait)
        core__commit_wait(c, w);
    return 0;
}

/* --- answering ------------------------------------------------------------------------------ */

/* What is committed is stored when the series have it, too: their writer says so by a number. */
static void settle(struct core *c, struct location *l)
{
    if (l->series_at == 0 && l->committed > l->stored) {
        l->series_at = core__metrics_seal(c) + 1; /* 0 stands for none */
        l->series_seq = l->committed;
    }
    if (l->series_at == 0 || !core__metrics_settled(c, l->series_at - 1))
        return;
    l->stored = l->series_seq;
    l->series_at = 0;
}

static uint32_t take_checks(struct location *l, struct core_location_check *out)
{
    uint32_t n = 0;
    for (; n < l->checks.n && n < LOCATION_CHECKS; n++)
        out[n] = l->checks.at[n];
    if (n == 0)
        return 0; /* there may be no array yet */
    memmove(l->checks.at, l->checks.at + n, (l->checks.n - n) * sizeof(*out));
    l->checks.n -= n;
    return n;
}

void core_location_answer(struct core *c, const char *name, uint64_t ring, uint64_t seq,
                          struct core_location_answer *out)
{
    check_magic(c, CORE_MAGIC);
    struct location *l = core__location(c, name);
    *out = (struct core_location_answer){.generation = core__location_generation(c, l)};
    if (l->ring != ring)
        return; /* another agent took over meanwhile */
    if (seq > l->committed)
        l->committed = seq;
    settle(c, l);
    must(l->stored <= l->committed && l->committed <= l->read_seq);
    out->stored = l->stored;
    out->n_checks = take_checks(l, out->checks);
}
