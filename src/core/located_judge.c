/* Places: what each says at a moment, what follows for the target, in an operator's words (located.h). Reads only. */
#include "base/clock.h"
#include "core/located.h"
#include "core/places.h"

#define NAMED_MAX 5 /* in a message */

uint64_t core__place_key(uint64_t target_id, uint32_t i)
{
    must(target_id < UINT64_C(1) << 56 && i < TARGET_LOCATIONS_MAX);
    return target_id | (uint64_t)(i + 1) << 56;
}

/* When its last result was probed, by our clock; not later than it was heard. */
static int64_t last_word(const struct place *p)
{
    int64_t checked = p->st.last_checked_ms - p->skew_ms;
    return checked < p->heard_ms ? checked : p->heard_ms;
}

enum place_say core__place_says(const struct located *l, const struct place *p, int64_t now_ms)
{
    bool lately = p->heard && now_ms - last_word(p) <= l->patience_ms;
    if (lately && p->st.status == TARGET_UNHEALTHY)
        return PLACE_DOWN;
    if (lately)
        return p->st.status == TARGET_HEALTHY ? PLACE_UP : PLACE_UNDECIDED;
    if (now_ms - p->waits_since_ms <= l->patience_ms && now_ms >= p->waits_since_ms)
        return PLACE_AWAITED;
    return p->heard && p->st.status == TARGET_UNHEALTHY ? PLACE_SILENT_DOWN : PLACE_SILENT;
}

const char *core__place_silence(const struct located *l, const struct place *p, int64_t now_ms,
                                struct arena *a)
{
    char text[DURATION_SIZE];
    if (!p->heard)
        return "has not been heard yet";
    if (now_ms - p->heard_ms <= l->patience_ms) /* it hands in what it kept */
        return arena_printf(a, "tells of what was %s ago",
                            duration_format((now_ms - last_word(p)) / 1000 * 1000, text));
    return arena_printf(a, "has said nothing for %s",
                        duration_format((now_ms - p->heard_ms) / 1000 * 1000, text));
}

static const char *message_of(const struct place *p)
{
    return p->message && *p->message ? p->message : "no message";
}

static bool is_silent(const struct place *p)
{
    return p->says == PLACE_SILENT || p->says == PLACE_SILENT_DOWN;
}

/* "beijing: connection refused; paris: timeout and 2 more" */
static const char *tell_down(const struct located *l, struct arena *a)
{
    struct buf out = BUF_INIT(RESULT_MESSAGE_MAX * (NAMED_MAX + 1));
    uint32_t named = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct place *p = &l->places[i];
        if (p->says != PLACE_DOWN || named++ >= NAMED_MAX)
            continue;
        buf_printf(&out, "%s%s: %.*s", out.len ? "; " : "", p->name,
                   (int)utf8_cut(message_of(p), strlen(message_of(p)), RESULT_MESSAGE_MAX / 4),
                   message_of(p));
    }
    if (named > NAMED_MAX)
        buf_printf(&out, "; and %u more", named - NAMED_MAX);
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static void warn_each(const struct located *l, int64_t now_ms, struct result *r)
{
    for (uint32_t i = 0; i < l->n; i++) {
        const struct place *p = &l->places[i];
        if (is_silent(p))
            result_warn(r, "%s %s", p->name, core__place_silence(l, p, now_ms, r->arena));
        else if (p->says == PLACE_UP && p->st.degraded)
            result_warn(r, "%s: %s", p->name, message_of(p));
    }
}

/* Of those that are up; when there are none, of those that are down. */
static int64_t mean_latency_us(const struct located *l)
{
    int64_t sum[2] = {0}, n[2] = {0};
    for (uint32_t i = 0; i < l->n; i++) {
        const struct place *p = &l->places[i];
        bool up = p->says == PLACE_UP;
        if (!up && p->says != PLACE_DOWN)
            continue;
        sum[up] += p->st.last_latency_us;
        n[up]++;
    }
    return n[1] ? sum[1] / n[1] : n[0] ? sum[0] / n[0] : 0;
}

static void put_metrics(const struct located *l, const struct places_seen *seen, struct result *r)
{
    uint32_t up = seen->n[PLACE_UP], down = seen->n[PLACE_DOWN];
    result_metric(r, "probe_success", r->success);
    result_metric(r, "probe_duration_seconds", (double)r->latency_us / 1e6);
    result_metric(r, "probe_locations_up", up);
    result_metric(r, "probe_locations_down", down);
    result_metric(r, "probe_locations_unknown", l->n - up - down);
    result_metric(r, "probe_locations_quorum", l->least);
}

static void put_down(const struct located *l, const struct places_seen *seen, struct result *r)
{
    uint32_t down = seen->n[PLACE_DOWN], silent = seen->n[PLACE_SILENT_DOWN];
    const char *told = tell_down(l, r->arena);
    if (down >= l->least)
        result_fail(r, "down at %u of %u locations: %s", down, l->n, told);
    else if (down > 0)
        result_fail(r, "down at %u of %u locations, and %u more said so before falling silent: %s",
                    down, l->n, silent, told);
    else
        result_fail(r, "%u of %u locations said that it is down before falling silent", silent,
                    l->n);
}

bool core__located_judge(const struct located *l, int64_t now_ms, struct result *r)
{
    struct places_seen seen = {0};
    for (uint32_t i = 0; i < l->n; i++)
        seen.n[l->places[i].says]++;
    bool was_down = l->entry->state.status == TARGET_UNHEALTHY;
    enum places_verdict v = places_judge(&seen, l->least, was_down);
    uint32_t down = seen.n[PLACE_DOWN];
    if (v == PLACES_UNKNOWN)
        return false;
    r->success = true;
    r->latency_us = mean_latency_us(l);
    if (v == PLACES_DOWN)
        put_down(l, &seen, r);
    else
        result_ok(r, "up at %u of %u locations", seen.n[PLACE_UP], l->n);
    if (v == PLACES_DEGRADED && down > 0)
        result_warn(r, "down at %u of %u locations, fewer than %u: %s", down, l->n, l->least,
                    tell_down(l, r->arena));
    warn_each(l, now_ms, r);
    put_metrics(l, &seen, r);
    return true;
}

/* --- for those who ask --- */

static struct core_place view_of(const struct located *l, const struct place *p, int64_t now_ms,
                                 struct arena *a)
{
    enum place_say says = core__place_says(l, p, now_ms);
    bool heard = says == PLACE_UP || says == PLACE_DOWN || says == PLACE_UNDECIDED;
    struct core_place v = {
        .location = p->name,
        .status = heard ? p->st.status : TARGET_UNKNOWN,
        .degraded = heard && p->st.degraded,
        .heard = heard,
        .since_ms = heard ? p->st.since_ms : p->heard_ms,
        .last_checked_ms = p->st.last_checked_ms,
        .latency_us = p->st.last_latency_us,
        .fail_count = p->st.fail_count,
        .message = p->message ? p->message : "",
        .last_result = p->last,
        .last_result_n = p->last_n,
    };
    if (!heard)
        v.message = p->message ? arena_printf(a, "%s; at last: %s",
                                              core__place_silence(l, p, now_ms, a), p->message)
                               : core__place_silence(l, p, now_ms, a);
    return v;
}

size_t core_target_places(struct core *c, uint64_t id, struct arena *a,
                          struct core_place out[TARGET_LOCATIONS_MAX])
{
    check_magic(c, CORE_MAGIC);
    const struct entry *e = core__entry(c, id);
    if (!e || !e->located)
        return 0;
    const struct located *l = e->located;
    must(l->n <= TARGET_LOCATIONS_MAX);
    int64_t now_ms = clock_wall_ms();
    for (uint32_t i = 0; i < l->n; i++)
        out[i] = view_of(l, &l->places[i], now_ms, a);
    return l->n;
}
