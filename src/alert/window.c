/* See window.h. A weekly window's beginning is a cron expression too, so that there is one way to find the next. */
#include "alert/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/must.h"
#include "base/zone.h"

#define WINDOW_MAGIC 0x77696e64u
#define DAY_S        INT64_C(86400)
#define WEEKLY_MAX   (30 * INT64_C(3600000)) /* 24 h and whatever a clock may be set back */
#define TOUCHING_MAX 1000                    /* so many are made one at most */

struct window {
    uint32_t magic;
    struct maintenance *maintenance;
    struct subject_test test;
    struct cron *cron; /* NULL: once, or never */
    struct zone *zone; /* weekly */
    bool idle;
    /* What window_active found: until next.ends_ms, at times since asked_ms. */
    int64_t asked_ms;
    struct window_span next;
    bool known, none;
};

/* --- life --- */

static void weekly_cron(const struct schedule *s, char *out, size_t size)
{
    int n = snprintf(out, size, "%d %d * * ", s->from_min % 60, s->from_min / 60);
    for (int day = 0; day < 7; day++)
        if (s->days == 0 || s->days >> day & 1)
            n += snprintf(out + n, size - (size_t)n, "%d,", day);
    out[n - 1] = '\0'; /* the last comma */
    must((size_t)n < size);
}

static int plan_weekly(struct window *w, const struct schedule *s, struct err *err)
{
    char expr[60];
    if (s->from_min < 0 || s->from_min >= 1440 || s->to_min < 0 || s->to_min > 1440 ||
        s->days > 0x7f)
        return err_set(err, ERR_INVALID, "a weekly window needs times of day and days of the week");
    weekly_cron(s, expr, sizeof(expr));
    if ((w->zone = zone_open(s->zone, err)) == NULL)
        return -1;
    return (w->cron = cron_parse(expr, s->zone, err)) != NULL ? 0 : -1;
}

static int plan(struct window *w, struct err *err)
{
    const struct schedule *s = &w->maintenance->schedule;
    if (s->kind == SCHEDULE_ONCE)
        return 0;
    if (s->kind == SCHEDULE_WEEKLY)
        return plan_weekly(w, s, err);
    if (s->duration_ms <= 0 || s->duration_ms > WINDOW_DURATION_MAX)
        return err_set(err, ERR_INVALID,
                       "got a duration of %lld s; want more than 0 and at most 366d",
                       (long long)(s->duration_ms / 1000));
    w->cron = cron_parse(s->cron, s->zone, err);
    return w->cron != NULL ? 0 : -1;
}

static struct window *window_of(const struct maintenance *m)
{
    struct window *w = calloc(1, sizeof(*w));
    must(w != NULL && m != NULL);
    w->magic = WINDOW_MAGIC;
    w->maintenance = maintenance_clone(m);
    return w;
}

struct window *window_new(const struct maintenance *m, struct err *err)
{
    struct window *w = window_of(m);
    if (plan(w, err) == 0 && subject_test_init(&w->test, m->matchers, m->n_matchers, err) == 0)
        return w;
    window_free(w);
    return NULL;
}

struct window *window_idle(const struct maintenance *m)
{
    struct window *w = window_of(m);
    w->idle = true;
    return w;
}

void window_free(struct window *w)
{
    if (w == NULL)
        return;
    check_magic(w, WINDOW_MAGIC);
    w->magic = 0;
    subject_test_done(&w->test);
    cron_free(&w->cron);
    zone_free(&w->zone);
    maintenance_free(w->maintenance);
    free(w);
}

const struct maintenance *window_maintenance(const struct window *w)
{
    check_magic(w, WINDOW_MAGIC);
    return w->maintenance;
}

/* --- when --- */

/* The end of a weekly window that begins at start_ms. Its day is the one before a gap that it may begin behind. */
static int64_t weekly_end(const struct window *w, int64_t start_ms)
{
    const struct schedule *s = &w->maintenance->schedule;
    int64_t start = start_ms / 1000, local = start + zone_seconds(w->zone, start - 1);
    int64_t day = local / DAY_S - (local % DAY_S < 0);
    day += s->to_min <= s->from_min;
    return zone_moment(w->zone, day * DAY_S + s->to_min * INT64_C(60), true) * 1000;
}

/* The first that begins after after_ms, whatever its bounds; false: none. */
static bool next_start(const struct window *w, int64_t after_ms, struct window_span *out)
{
    const struct schedule *s = &w->maintenance->schedule;
    out->starts_ms = cron_next(w->cron, after_ms);
    if (out->starts_ms == 0)
        return false;
    out->ends_ms =
        s->kind == SCHEDULE_CRON ? out->starts_ms + s->duration_ms : weekly_end(w, out->starts_ms);
    return true;
}

/* The first that ends after at_ms, with those that touch it. */
static bool next_whole(const struct window *w, int64_t at_ms, struct window_span *out)
{
    const struct schedule *s = &w->maintenance->schedule;
    int64_t after = at_ms - (s->kind == SCHEDULE_CRON ? s->duration_ms : WEEKLY_MAX) - 1;
    struct window_span more;
    do {
        if (!next_start(w, after, out))
            return false;
        after = out->starts_ms;
    } while (out->ends_ms <= at_ms || out->ends_ms <= out->starts_ms);
    for (int i = 0; i < TOUCHING_MAX; i++) {
        if (!next_start(w, after, &more) || more.starts_ms > out->ends_ms)
            break;
        after = more.starts_ms;
        out->ends_ms = more.ends_ms > out->ends_ms ? more.ends_ms : out->ends_ms;
    }
    return true;
}

bool window_next(const struct window *w, int64_t at_ms, struct window_span *out)
{
    check_magic(w, WINDOW_MAGIC);
    const struct maintenance *m = w->maintenance;
    int64_t last = m->ends_ms != 0 ? m->ends_ms : WINDOW_OPEN;
    at_ms = at_ms > m->starts_ms ? at_ms : m->starts_ms;
    if (w->idle || at_ms >= last)
        return false;
    *out = (struct window_span){m->starts_ms, last};
    if (w->cron == NULL)
        return true;
    if (!next_whole(w, at_ms, out) || out->starts_ms >= last)
        return false;
    out->starts_ms = out->starts_ms > m->starts_ms ? out->starts_ms : m->starts_ms;
    out->ends_ms = out->ends_ms < last ? out->ends_ms : last;
    must(out->starts_ms < out->ends_ms && out->ends_ms > at_ms);
    return true;
}

bool window_active(struct window *w, int64_t now_ms, struct window_span *out)
{
    check_magic(w, WINDOW_MAGIC);
    if (!w->known || now_ms < w->asked_ms || (!w->none && now_ms >= w->next.ends_ms)) {
        w->known = true;
        w->asked_ms = now_ms;
        w->none = !window_next(w, now_ms, &w->next);
    }
    bool open = !w->none && now_ms >= w->next.starts_ms;
    if (open && out != NULL)
        *out = w->next;
    return open;
}

/* --- whom --- */

bool window_holds(const struct window *w, const struct subject *s)
{
    check_magic(w, WINDOW_MAGIC);
    const struct maintenance *m = w->maintenance;
    for (uint32_t i = 0; s->target->id != 0 && i < m->targets.n; i++)
        if (m->targets.at[i] == s->target->id)
            return true;
    for (uint32_t i = 0; i < m->n_groups; i++)
        if (strcmp(m->groups[i], s->target->group) == 0)
            return true;
    return subject_test_holds(&w->test, s);
}
