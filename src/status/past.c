/* A target's past by days of the page's calendar: out of hourly shares of the series store, remembered for a minute, since a page is
 * drawn far more often than its past changes. */
#include <math.h>
#include <stdlib.h>

#include "base/map.h"
#include "core/history.h"
#include "status/view.h"

#define HOUR_MS    INT64_C(3600000)
#define DAY_MS     (24 * HOUR_MS)
#define FRESH_MS   60000
#define UNASKED_MS (10 * FRESH_MS)

struct kept {
    uint64_t page, target;
    int64_t made_ms, asked_ms,
        page_ms; /* page_ms: the page's last change: its zone may be another */
    struct past past;
};

struct pasts {
    struct map_u64 *by_key;
};

struct pasts *pasts_new(void)
{
    struct pasts *p = calloc(1, sizeof(*p));
    must(p);
    p->by_key = map_u64_new();
    return p;
}

static void sweep(struct pasts *p, int64_t before_ms)
{
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(p->by_key, &it, &key, &value);) {
        struct kept *k = value;
        if (k->asked_ms < before_ms) {
            map_u64_del(p->by_key, key);
            free(k);
        }
    }
}

void pasts_free(struct pasts *p)
{
    if (!p)
        return;
    sweep(p, INT64_MAX);
    map_u64_free(p->by_key);
    free(p);
}

void pasts_sweep(struct pasts *p, int64_t now_ms)
{
    sweep(p, now_ms - UNASKED_MS);
}

static int64_t local_day(const struct zone *z, int64_t at_ms)
{
    int64_t local = at_ms / 1000 + zone_seconds(z, at_ms / 1000);
    return local / 86400 - (local % 86400 < 0);
}

/* An hour belongs to the day that its middle lies in. */
static void fold(struct past *p, const struct zone *z, int64_t since_ms, const double *hours,
                 uint32_t n_hours, int64_t today)
{
    float seen[array_len(p->up)] = {0};
    double good = 0, all = 0;
    for (uint32_t d = 0; d < p->n; d++)
        p->up[d] = p->down[d] = 0;
    for (uint32_t h = 0; h < n_hours; h++) {
        int64_t day = local_day(z, since_ms + h * HOUR_MS + HOUR_MS / 2) - today + p->n - 1;
        if (isnan(hours[h]) || day < 0 || day >= p->n)
            continue;
        p->up[day] += (float)hours[h];
        p->down[day] += (float)((1 - hours[h]) * 60);
        seen[day]++;
        good += hours[h];
        all++;
    }
    for (uint32_t d = 0; d < p->n; d++)
        p->up[d] = seen[d] > 0 ? p->up[d] / seen[d] : NAN;
    p->uptime = all > 0 ? good / all : NAN;
}

static void read_past(struct past *p, const struct view *v, const struct view_target *t,
                      struct tsdb *db)
{
    uint32_t days = (uint32_t)v->page->f.history_days, n = (days + 1) * 24;
    int64_t until = (v->now_ms / HOUR_MS + 1) * HOUR_MS, since = until - n * HOUR_MS;
    double *hours = calloc(n, sizeof(*hours)), *latency = calloc(n, sizeof(*latency));
    must(hours && latency && days <= array_len(p->up));
    if (!db ||
        history_graph(tsdb_source(db), &t->series, since, until, n, latency, hours, NULL) != 0)
        for (uint32_t i = 0; i < n; i++)
            hours[i] = NAN;
    p->n = days;
    fold(p, v->page->zone, since, hours, n, local_day(v->page->zone, v->now_ms));
    free(hours);
    free(latency);
}

static struct kept *kept_of(struct pasts *p, uint64_t page, uint64_t target)
{
    uint64_t key = hash_u64(page * UINT64_C(0x9e3779b97f4a7c15) ^ target);
    struct kept *k = map_u64_get(p->by_key, key);
    if (!k) {
        k = calloc(1, sizeof(*k));
        must(k);
        map_u64_put(p->by_key, key, k);
    }
    if (k->page != page || k->target != target)
        *k = (struct kept){.page = page, .target = target};
    return k;
}

void pasts_fill(struct pasts *p, struct view *v, struct tsdb *db)
{
    for (uint32_t i = 0; i < v->n_sections; i++)
        for (uint32_t n = 0; n < v->sections[i].n; n++) {
            struct view_target *t = &v->sections[i].at[n];
            struct kept *k = kept_of(p, v->page->id, t->id);
            k->asked_ms = v->now_ms;
            if (k->made_ms == 0 || v->now_ms - k->made_ms > FRESH_MS || v->now_ms < k->made_ms ||
                k->page_ms != v->page->updated_ms) {
                read_past(&k->past, v, t, db);
                k->made_ms = v->now_ms;
                k->page_ms = v->page->updated_ms;
            }
            t->past = arena_memdup(v->arena, &k->past, sizeof(k->past));
        }
}
