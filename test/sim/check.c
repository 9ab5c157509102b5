/* What must hold. Decisions are judged as they fall, by an implementation of the rules that shares nothing with src/alert;
 * the whole is judged at the end from the committed log and the vendors' logs. */
#include <string.h>

#include "sim.h"

static bool failing_then(const struct target_state *st, int64_t checked_ms)
{
    if (st->status == TARGET_DISABLED)
        return false;
    return st->fail_count > 0 || (st->status == TARGET_HEALTHY && st->since_ms > checked_ms &&
                                  st->last_checked_ms >= st->since_ms);
}

static bool silent_by_rules(const struct sim *s, int t)
{
    const struct target *spec = &s->targets[t].spec;
    int64_t wall = sim_wall(s), checked = s->core.states[t].last_checked_ms;
    if (spec->channels.n == 0)
        return true;
    for (int i = 0; i < s->n_windows; i++) {
        const struct maintenance *m = &s->windows[i];
        bool mine =
            m->n_groups > 0 ? strcmp(m->groups[0], spec->group) == 0 : m->targets.at[0] == spec->id;
        if (mine && wall >= m->starts_ms && wall < m->ends_ms)
            return true;
    }
    bool gone = s->suppress.references.n > 0;
    for (uint32_t i = 0; i < s->suppress.references.n; i++)
        gone &= failing_then(&s->core.states[s->refs[i] - 1], checked);
    if (gone)
        return true;
    for (int p = 0; p < s->n_targets; p++)
        if (s->reach[t][p] && !s->reach[p][t] && failing_then(&s->core.states[p], checked))
            return true;
    return false;
}

void check_decision(struct sim *s, int target, const struct record *r,
                    const struct judge_actions *acts)
{
    const struct target_state *st = &s->core.states[target];
    for (size_t i = 0; i < acts->n_deliveries; i++)
        if (acts->deliveries[i].kind != EVENT_RESOLVED)
            sim_check(s, !silent_by_rules(s, target), "t%d rings though it is suppressed",
                      target + 1);
    bool failed_now = r == NULL || (!r->success && r->checked_ms == st->last_checked_ms);
    if (st->open_alert_id != 0 && st->last_rung_ms == 0 && st->fail_count > 0 && failed_now) {
        s->count.suppressed++;
        sim_check(s, silent_by_rules(s, target), "t%d fails, is not suppressed and does not ring",
                  target + 1);
    }
}

/* Reads one target's committed log as a person would, and compares the alert records with it. */
struct reader {
    int fails;
    bool down, disabled;
    int64_t last_ms;
    const struct alert *alert; /* of the episode */
};

static const struct alert *next_alert(const struct sim *s, int target, size_t *from)
{
    for (; *from < s->image.alerts.n; (*from)++) {
        const struct alert *a = s->image.alerts.at[*from];
        if (a != NULL && a->target_id == (uint64_t)target + 1)
            return s->image.alerts.at[(*from)++];
    }
    return NULL;
}

static void read_failure(struct sim *s, struct reader *r, const struct op *op, size_t *next)
{
    if (++r->fails < s->targets[op->target].spec.threshold || r->down)
        return;
    r->down = true;
    r->alert = next_alert(s, op->target, next);
    sim_check(s, r->alert != NULL, "t%d failed %d times and there is no alert", op->target + 1,
              r->fails);
    if (r->alert != NULL)
        sim_check(s, r->alert->fired_ms == op->record.checked_ms,
                  "t%d: alert %d fired at another result", op->target + 1, (int)r->alert->id);
}

static void read_end(struct sim *s, struct reader *r, const struct op *op)
{
    if (r->down && r->alert != NULL) {
        const struct alert *a = r->alert;
        int64_t at = op->record.checked_ms > a->fired_ms ? op->record.checked_ms : a->fired_ms;
        sim_check(s, a->status == ALERT_RESOLVED, "t%d: alert %d is not resolved", op->target + 1,
                  (int)a->id);
        sim_check(s, a->resolved_ms == at, "t%d: alert %d resolved at another result",
                  op->target + 1, (int)a->id);
    }
    r->down = false;
    r->fails = 0;
}

static void check_alerts(struct sim *s)
{
    for (int t = 0; t < s->n_targets; t++) {
        struct reader r = {0};
        size_t next = 0;
        vec_each (&s->image.log, op) {
            if (op->target != t)
                continue;
            if (op->type == OP_PAUSE) {
                read_end(s, &r, op);
                r.disabled = !op->record.success;
                continue;
            }
            int64_t back = r.last_ms - op->record.checked_ms;
            if (r.disabled || (back > 0 && back <= s->targets[t].spec.timeout_ms))
                continue; /* late */
            r.last_ms = op->record.checked_ms;
            if (op->record.success)
                read_end(s, &r, op);
            else
                read_failure(s, &r, op, &next);
        }
        sim_check(s, next_alert(s, t, &next) == NULL, "t%d has an alert without failures", t + 1);
        sim_check(s, !r.down, "t%d is still down at the end", t + 1);
    }
    for (size_t i = 0; i < s->image.alerts.n; i++) {
        const struct alert *a = s->image.alerts.at[i];
        if (a == NULL)
            continue;
        s->count.alerts++;
        sim_check(s, a->status == ALERT_RESOLVED, "alert %d is open at the end", (int)a->id);
    }
}

/* Results: each published one committed once, in order. */
static void check_results(struct sim *s)
{
    size_t at = 0;
    vec_each (&s->image.log, op) {
        if (op->type != OP_RESULT)
            continue;
        sim_check(s,
                  at < s->ring.n && memcmp(&s->ring.at[at], &op->record, sizeof(op->record)) == 0,
                  "result %zu was lost or stored twice", at);
        at++;
    }
    sim_check(s, at == s->ring.n, "%zu results published, %zu stored", s->ring.n, at);
}

struct tally {
    const struct delivery *fired, *resolved;
};

static void check_pair(struct sim *s, const struct tally *t, const struct alert *a, int channel)
{
    sim_check(s, (t->fired != NULL) == (t->resolved != NULL),
              "alert %d on channel %d: %s without %s", (int)a->id, channel,
              t->fired ? "fired" : "resolved", t->fired ? "resolved" : "fired");
    if (t->fired == NULL || t->resolved == NULL)
        return;
    sim_check(s, a->suppressed == SUPPRESSED_NONE, "alert %d rang and is called suppressed",
              (int)a->id);
    const struct seen *f = vendor_seen(s, t->fired->id), *r = vendor_seen(s, t->resolved->id);
    if (f->accepted > 0 && r->accepted > 0)
        sim_check(s, f->first_ms <= r->first_ms, "alert %d: the recovery overtook the alert",
                  (int)a->id);
}

static void tally(struct sim *s, const struct alert *a)
{
    struct tally of[CHANNELS] = {0};
    bool any = false;
    vec_each (&s->image.deliveries, d) {
        if (d->alert_id != a->id)
            continue;
        struct tally *t = &of[d->channel_id - 1];
        any = true;
        if (d->kind == EVENT_FIRED) {
            sim_check(s, t->fired == NULL, "alert %d is told twice", (int)a->id);
            t->fired = d;
        } else if (d->kind == EVENT_RESOLVED) {
            sim_check(s, t->resolved == NULL, "the end of alert %d is told twice", (int)a->id);
            t->resolved = d;
        }
    }
    for (int c = 0; c < s->n_channels; c++)
        check_pair(s, &of[c], a, c + 1);
    sim_check(s, any == (a->suppressed == SUPPRESSED_NONE), "alert %d: %s", (int)a->id,
              any ? "rang though suppressed" : "neither rang nor says why");
}

static void check_deliveries(struct sim *s)
{
    vec_each (&s->image.deliveries, d) {
        const struct seen *seen = vendor_seen(s, d->id);
        s->count.deliveries++;
        s->count.doubled += seen->accepted > 1;
        sim_check(s, d->state != DELIVERY_PENDING, "delivery %d is pending at the end", (int)d->id);
        sim_check(s, d->state != DELIVERY_SENT || seen->accepted >= 1,
                  "delivery %d was never received", (int)d->id);
        sim_check(s, seen->accepted <= 1 + seen->allowed,
                  "delivery %d was received %d times; %d allowed", (int)d->id, seen->accepted,
                  1 + seen->allowed);
    }
    for (size_t i = 0; i < s->image.alerts.n; i++)
        if (s->image.alerts.at[i] != NULL)
            tally(s, s->image.alerts.at[i]);
    for (int c = 0; c < s->n_channels; c++)
        sim_check(s, dispatch_waiting(s->core.dispatch, (uint64_t)c + 1) == 0,
                  "channel %d has deliveries waiting at the end", c + 1);
}

/* Spacing of a group's messages and the vendor's rate, within one life of the core: a restart forgets both. */
static void check_pace(struct sim *s)
{
    static const int64_t spacings[] = {1000, 2000, 4000, 8000, 10000};
    for (size_t i = 0; i < s->posts.n; i++) {
        const struct post *p = &s->posts.at[i];
        int in_minute = 0;
        int64_t last = INT64_MIN, streak = 0;
        for (size_t k = 0; k <= i; k++) {
            const struct post *q = &s->posts.at[k];
            if (q->channel != p->channel || q->life != p->life)
                continue;
            in_minute += q->at_ms > p->at_ms - 60000;
            if (!p->accepted || !q->accepted || strcmp(q->group, p->group) != 0)
                continue;
            if (last != INT64_MIN) {
                streak = q->at_ms - last >= 59000 ? 0 : streak + 1; /* after a quiet minute */
                int64_t least = streak == 0 ? 1000 : spacings[streak - 1 < 4 ? streak - 1 : 4];
                /* both travel up to 200 ms to the vendor and the answer as long back */
                sim_check(s, q->at_ms - last >= least - 400 || streak == 0,
                          "channel %d group %s: %d ms after the last message, want %d",
                          (int)p->channel, p->group, (int)(q->at_ms - last), (int)least);
            }
            last = q->at_ms;
        }
        const struct sim_channel *c = &s->channels[p->channel - 1];
        if (c->rate > 0)
            sim_check(s, in_minute <= c->rate + c->burst + 1, "channel %d: %d messages in a minute",
                      (int)p->channel, in_minute);
    }
}

void check_end(struct sim *s)
{
    check_results(s);
    check_alerts(s);
    check_deliveries(s);
    check_pace(s);
}
