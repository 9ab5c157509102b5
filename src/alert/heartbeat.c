/* See heartbeat.h. The core runs it for every push target. */
#include "alert/heartbeat.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/must.h"
#include "base/str.h"

#define DAY_MS INT64_C(86400000)

static int64_t due_after(const struct heartbeat_rule *rule, int64_t at_ms)
{
    must(rule->cron || rule->period_ms > 0);
    return rule->cron ? cron_next(rule->cron, at_ms) : at_ms + rule->period_ms;
}

void heartbeat_wait(const struct heartbeat_rule *rule, struct heartbeat *st, int64_t now_ms)
{
    must(now_ms > 0);
    if (st->last_ms == 0)
        st->last_duration_ms = st->last_exit = -1;
    st->waits_since_ms = now_ms;
    st->due_ms = due_after(rule, now_ms);
    st->n_runs = 0;
    st->bad = false;
}

void heartbeat_rule_changed(const struct heartbeat_rule *rule, struct heartbeat *st)
{
    must(st->waits_since_ms > 0);
    int64_t from = st->last_ms > st->waits_since_ms ? st->last_ms : st->waits_since_ms;
    st->due_ms = due_after(rule, from);
}

void heartbeat_resume(const struct heartbeat_rule *rule, struct heartbeat *st, int64_t now_ms)
{
    must(rule->grace_ms >= 0);
    st->patient_ms = now_ms + rule->grace_ms;
}

static int find_run(const struct heartbeat *st, const char *id)
{
    for (int i = 0; i < st->n_runs; i++)
        if (streq(st->runs[i].id, id))
            return i;
    return -1;
}

static void drop_run(struct heartbeat *st, int i)
{
    must(i >= 0 && i < st->n_runs);
    memmove(&st->runs[i], &st->runs[i + 1], (size_t)(--st->n_runs - i) * sizeof(st->runs[0]));
}

static void begin_run(struct heartbeat *st, const char *id, int64_t now_ms)
{
    int i = find_run(st, id);
    if (i >= 0)
        drop_run(st, i); /* it begins again */
    else if (st->n_runs == HEARTBEAT_RUNS)
        drop_run(st, 0);
    struct heartbeat_run *r = &st->runs[st->n_runs++];
    must(st->n_runs <= HEARTBEAT_RUNS);
    snprintf(r->id, sizeof(r->id), "%s", id);
    r->started_ms = now_ms;
}

static void end_run(const struct heartbeat_rule *rule, struct heartbeat *st,
                    const struct heartbeat_event *ev, int64_t now_ms)
{
    st->bad = ev->kind == HEARTBEAT_BAD;
    st->last_ms = now_ms;
    if (!st->bad)
        st->last_good_ms = now_ms;
    st->last_exit = ev->exit_code;
    st->due_ms = due_after(rule, now_ms);
    size_t n = utf8_cut(ev->said, strlen(ev->said), HEARTBEAT_SAID);
    memcpy(st->said, ev->said, n);
    st->said[n] = '\0';
}

void heartbeat_hear(const struct heartbeat_rule *rule, struct heartbeat *st,
                    const struct heartbeat_event *ev, int64_t now_ms, int64_t *started_ms,
                    int64_t *duration_ms)
{
    must(ev->id && ev->said && strlen(ev->id) <= HEARTBEAT_ID_MAX);
    *started_ms = 0;
    *duration_ms = ev->duration_ms;
    if (ev->kind == HEARTBEAT_START) {
        begin_run(st, ev->id, now_ms);
        return;
    }
    st->ends++;
    if (ev->kind == HEARTBEAT_NOTE)
        return;
    int i = find_run(st, ev->id);
    if (i >= 0) {
        *started_ms = st->runs[i].started_ms;
        if (ev->duration_ms < 0 && now_ms >= *started_ms)
            *duration_ms = now_ms - *started_ms;
        drop_run(st, i);
    }
    st->last_duration_ms = *duration_ms;
    end_run(rule, st, ev, now_ms);
}

int64_t heartbeat_late_ms(const struct heartbeat_rule *rule, const struct heartbeat *st)
{
    if (st->due_ms == 0)
        return 0;
    int64_t late = st->due_ms + rule->grace_ms;
    return late > st->patient_ms ? late : st->patient_ms;
}

/* The first run that takes too long; NULL. */
static const struct heartbeat_run *overdue_run(const struct heartbeat_rule *rule,
                                               const struct heartbeat *st, int64_t now_ms)
{
    for (int i = 0; i < st->n_runs && rule->max_duration_ms > 0 && now_ms >= st->patient_ms; i++)
        if (now_ms > st->runs[i].started_ms + rule->max_duration_ms)
            return &st->runs[i];
    return NULL;
}

/* --- words --- */

static int64_t local_ms(const struct heartbeat_rule *rule, int64_t ms)
{
    return ms + (rule->zone ? (int64_t)zone_seconds(rule->zone, ms / 1000) * 1000 : 0);
}

/* "14:03:05", with the date when that is not today's. */
static void put_time(const struct heartbeat_rule *rule, int64_t ms, int64_t now_ms, struct buf *out)
{
    int64_t there = local_ms(rule, ms), day = there / DAY_MS, s = there % DAY_MS / 1000;
    must(there >= 0);
    if (day != local_ms(rule, now_ms) / DAY_MS) {
        struct civil c = civil_of(day);
        buf_printf(out, "%04d-%02d-%02d ", (int)c.year, c.month, c.day);
    }
    buf_printf(out, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

static void put_span(int64_t ms, struct buf *out)
{
    int64_t s = ms / 1000;
    if (ms < 10000)
        buf_printf(out, "%.1f s", (double)ms / 1000);
    else if (s < 120)
        buf_printf(out, "%d s", (int)s);
    else if (s < 7200)
        buf_printf(out, "%d min", (int)(s / 60));
    else
        buf_printf(out, "%.1f h", (double)s / 3600);
}

static void put_run(const struct heartbeat_rule *rule, const struct heartbeat_run *r,
                    int64_t now_ms, struct buf *out)
{
    buf_puts(out, "the run ");
    if (*r->id)
        buf_printf(out, "%s ", r->id);
    buf_puts(out, "that began at ");
    put_time(rule, r->started_ms, now_ms, out);
    buf_puts(out, " has not ended");
}

static void tell_late(const struct heartbeat_rule *rule, const struct heartbeat *st, int64_t now_ms,
                      struct buf *out)
{
    if (st->last_ms > 0) {
        buf_puts(out, "nothing heard since ");
        put_time(rule, st->last_ms, now_ms, out);
    } else {
        buf_puts(out, "nothing heard yet");
    }
    buf_puts(out, ", expected by ");
    put_time(rule, st->due_ms + rule->grace_ms, now_ms, out);
    if (st->n_runs > 0) {
        buf_puts(out, "; ");
        put_run(rule, &st->runs[0], now_ms, out);
    }
}

static void tell_bad(const struct heartbeat_rule *rule, const struct heartbeat *st, int64_t now_ms,
                     struct buf *out)
{
    must(st->bad && st->last_ms > 0);
    if (st->last_exit > 0)
        buf_printf(out, "ended with exit code %d at ", st->last_exit);
    else
        buf_puts(out, "reported failure at ");
    put_time(rule, st->last_ms, now_ms, out);
    if (*st->said)
        buf_printf(out, ": %s", st->said);
}

static void tell_well(const struct heartbeat_rule *rule, const struct heartbeat *st, int64_t now_ms,
                      struct buf *out)
{
    if (*st->said)
        buf_printf(out, "%s; ", st->said);
    buf_puts(out, "last heard at ");
    put_time(rule, st->last_ms, now_ms, out);
    if (st->last_duration_ms >= 0) {
        buf_puts(out, ", took ");
        put_span(st->last_duration_ms, out);
    }
    if (st->n_runs > 0)
        buf_printf(out, ", %d under way", st->n_runs);
}

enum heartbeat_verdict heartbeat_judge(const struct heartbeat_rule *rule,
                                       const struct heartbeat *st, int64_t now_ms,
                                       struct buf *message)
{
    int64_t late = heartbeat_late_ms(rule, st);
    const struct heartbeat_run *run = overdue_run(rule, st, now_ms);
    if (late > 0 && now_ms > late) {
        tell_late(rule, st, now_ms, message);
        return HEARTBEAT_DOWN;
    }
    if (run) {
        put_run(rule, run, now_ms, message);
        buf_puts(message, " and may take ");
        put_span(rule->max_duration_ms, message);
        return HEARTBEAT_DOWN;
    }
    if (st->bad) {
        tell_bad(rule, st, now_ms, message);
        return HEARTBEAT_DOWN;
    }
    if (st->last_ms == 0 || st->last_ms < st->waits_since_ms) {
        buf_puts(message, "nothing heard yet");
        if (st->due_ms) {
            buf_puts(message, "; expected by ");
            put_time(rule, st->due_ms + rule->grace_ms, now_ms, message);
        }
        return HEARTBEAT_UNKNOWN;
    }
    tell_well(rule, st, now_ms, message);
    return HEARTBEAT_WELL;
}

int64_t heartbeat_next(const struct heartbeat_rule *rule, const struct heartbeat *st,
                       int64_t now_ms)
{
    int64_t late = heartbeat_late_ms(rule, st), next = INT64_MAX;
    if (late >= now_ms && late > 0)
        next = late + 1;
    for (int i = 0; i < st->n_runs && rule->max_duration_ms > 0; i++) {
        int64_t end = st->runs[i].started_ms + rule->max_duration_ms;
        end = end > st->patient_ms ? end : st->patient_ms;
        if (end >= now_ms && end + 1 < next)
            next = end + 1;
    }
    must(next > now_ms);
    return next;
}
