/* /api/v1/reports/uptime: uptime, incidents, latency and error budget of targets and groups over a month or any span. The
 * targets and their maintenances come from the core in one turn; series and alerts are read target by target. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/alert_routes.h"
#include "api/outages.h"
#include "api/report.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/zone.h"

#define DAY_MS      INT64_C(86400000)
#define SPAN_MAX    (1100 * DAY_MS)
#define ALL         100000 /* targets that a report by group looks at */
#define OCCURRENCES 20000

/* --- what is asked --- */

static int bad(struct call *k, const char *field, const char *what)
{
    problem_add(&k->problems, NULL, field, "%s", what);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

/* One of two words, the first by default. -1: answered already. */
static int either(struct call *k, const char *name, const char *first, const char *second,
                  bool *is_second)
{
    const char *text = http_req_query(k->req, name);
    *is_second = text && strcmp(text, second) == 0;
    if (!text || *is_second || strcmp(text, first) == 0)
        return 0;
    return bad(k, name, arena_printf(k->arena, "want %s or %s", first, second));
}

static int span_of(struct call *k, struct report_query *q)
{
    const char *month = http_req_query(k->req, "month");
    struct err err = {0};
    int64_t now = clock_wall_ms();
    struct zone *zone = zone_open(q->time_zone, &err);
    if (!zone)
        return bad(k, "time_zone", err.msg);
    zone_free(&zone);
    if (month && sla_month(month, q->time_zone, &q->since_ms, &q->until_ms, &err) != 0)
        return bad(k, "month", err.msg);
    if (!month && (call_time(k, "until", now, &q->until_ms) != 0 ||
                   call_time(k, "since", q->until_ms - 30 * DAY_MS, &q->since_ms) != 0))
        return -1;
    q->until_ms = q->until_ms < now ? q->until_ms : now; /* the month that is not over yet */
    if (q->since_ms >= q->until_ms || q->until_ms - q->since_ms > SPAN_MAX)
        return bad(k, month ? "month" : "since", "want a span that has begun, of at most 3 years");
    return 0;
}

static int slo_of(struct call *k, double *out)
{
    const char *text = http_req_query(k->req, "slo");
    *out = 99.9;
    if (!text)
        return 0;
    if (str_to_f64(str_of(text), out, NULL) != 0 || !(*out > 0 && *out <= 100))
        return bad(k, "slo", "want a percentage above 0 and up to 100, as 99.9");
    return 0;
}

static int query_of(struct call *k, struct report_query *q)
{
    *q = (struct report_query){
        .time_zone = http_req_query(k->req, "time_zone"),
        .group = http_req_query(k->req, "group"),
        .type = http_req_query(k->req, "type"),
        .text = http_req_query(k->req, "q"),
    };
    if (either(k, "by", "target", "group", &q->by_group) != 0 ||
        either(k, "maintenance", "include", "exclude", &q->without_maintenance) != 0 ||
        either(k, "format", "json", "csv", &q->csv) != 0 || span_of(k, q) != 0 ||
        slo_of(k, &q->slo) != 0 ||
        call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &q->limit) != 0 ||
        call_number(k, "cursor", 0, INT64_MAX, &q->after) != 0)
        return -1;
    return 0;
}

/* --- whom, and when it was maintained: on the loop --- */

struct one {
    uint64_t id;
    const char *name, *group, *type;
    struct history_target series;
    struct sla_spans maintained;
};
/* A window, and its occurrences in the list of all. */
struct held_window {
    const struct window *window;
    size_t first, n;
};
struct gathering {
    struct call *call;
    const struct report_query *query;
    struct one *at;
    size_t n, room;
    uint64_t total;
    struct sla_span *occurrences;
    size_t n_occurrences;
    vec_of(struct held_window) windows;
};

static bool note_occurrence(void *arg, const struct core_occurrence *o)
{
    struct gathering *g = arg;
    struct held_window *last = g->windows.n ? &g->windows.at[g->windows.n - 1] : NULL;
    must(g->windows.n == 0 || g->windows.at != NULL);
    if (!last || last->window != o->window) {
        vec_push(&g->windows, ((struct held_window){o->window, g->n_occurrences, 0}));
        last = &g->windows.at[g->windows.n - 1];
    }
    last->n++;
    g->occurrences[g->n_occurrences++] =
        (struct sla_span){o->starts_ms, o->ends_ms ? o->ends_ms : INT64_MAX};
    return g->n_occurrences < OCCURRENCES;
}

static void note_maintained(struct gathering *g, const struct core_target *t, struct one *out)
{
    const struct subject s = {t->target, t->instance};
    vec_each (&g->windows, w) {
        size_t n = window_holds(w->window, &s) ? w->n : 0;
        for (size_t i = w->first; i < w->first + n; i++)
            sla_spans_add(&out->maintained, g->occurrences[i].from_ms, g->occurrences[i].to_ms);
    }
    sla_spans_settle(&out->maintained, g->query->since_ms, g->query->until_ms);
}

static bool is_wanted(const struct gathering *g, const struct target *t)
{
    const struct report_query *q = g->query;
    return (!q->group || strcmp(q->group, t->group) == 0) &&
           (!q->type || strcmp(q->type, t->type) == 0) &&
           (!q->text || strcasestr(t->name, q->text)) &&
           principal_role(g->call->who, t->group) >= ROLE_VIEWER;
}

static bool note_target(void *arg, const struct core_target *t)
{
    struct gathering *g = arg;
    if (!is_wanted(g, t->target))
        return true;
    g->total++;
    if (t->target->id <= g->query->after || g->n == g->room)
        return true;
    struct one *out = &g->at[g->n++];
    *out = (struct one){.id = t->target->id,
                        .name = arena_strdup(g->call->arena, t->target->name),
                        .group = arena_strdup(g->call->arena, t->target->group),
                        .type = arena_strdup(g->call->arena, t->target->type),
                        .series = history_target_of(t->target, g->call->arena)};
    note_maintained(g, t, out);
    return true;
}

static void gather_on_core(void *arg)
{
    struct gathering *g = arg;
    struct core *core = g->call->api->core;
    g->occurrences = arena_alloc(g->call->arena, OCCURRENCES * sizeof(*g->occurrences));
    size_t most = g->query->by_group ? ALL : g->query->limit;
    g->room = core_target_count(core);
    g->room = g->room < most ? g->room : most;
    g->at = arena_alloc(g->call->arena, (g->room + 1) * sizeof(*g->at));
    core_occurrences_each(core, g->query->since_ms, g->query->until_ms, note_occurrence, g);
    core_targets_each(core, 0, note_target, g);
    vec_done(&g->windows);
}

/* --- adding up --- */

static int read_target(struct call *k, const struct report_query *q, const struct one *t,
                       struct report_row *row, struct store_reader *r, struct err *err)
{
    struct tsdb *db = core_tsdb(k->api->core);
    const struct sla_spans *without = q->without_maintenance ? &t->maintained : NULL;
    struct outage_window w = {q->since_ms, q->until_ms, without, {0}};
    if (db && tally_read(tsdb_source(db), &t->series, q->since_ms, q->until_ms, without,
                         &row->tally, row->sketch, err) != 0)
        return -1;
    if (outages_read(r, t->id, &w, 1, err) != 0)
        return -1;
    int64_t maintained = sla_spans_within(&t->maintained, q->since_ms, q->until_ms);
    row->targets++;
    row->outages.incidents += w.outages.incidents;
    row->outages.down_ms += w.outages.down_ms;
    row->maintenance_ms += maintained;
    return 0;
}

static struct report_row new_row(struct call *k)
{
    struct report_row row = {.name = "", .group = "", .type = ""};
    row.sketch = arena_new_of(k->arena, struct sla_sketch);
    memset(row.sketch, 0, sizeof(*row.sketch));
    return row;
}

static struct report_row *row_of_group(struct report *r, struct call *k, struct map_str *by_name,
                                       const struct one *t)
{
    struct report_row *row = map_str_get(by_name, t->group, strlen(t->group));
    if (row)
        return row;
    row = &r->rows[r->n++];
    *row = new_row(k);
    row->name = row->group = t->group;
    map_str_put(by_name, t->group, strlen(t->group), row);
    return row;
}

static struct report_row *row_of_target(struct report *r, struct call *k, const struct one *t)
{
    struct report_row *row = &r->rows[r->n++];
    *row = new_row(k);
    row->id = t->id;
    row->name = t->name;
    row->group = t->group;
    row->type = t->type;
    return row;
}

static void add_to_all(struct report *r, const struct report_row *row)
{
    struct report_row *all = &r->all;
    all->targets += row->targets;
    all->tally.good += row->tally.good;
    all->tally.all += row->tally.all;
    all->tally.latency_sum += row->tally.latency_sum;
    all->tally.latency_n += row->tally.latency_n;
    sla_sketch_merge(all->sketch, row->sketch);
    all->outages.incidents += row->outages.incidents;
    all->outages.down_ms += row->outages.down_ms;
    all->tally.watched_ms += row->tally.watched_ms;
    all->maintenance_ms += row->maintenance_ms;
}

static int add_up(struct call *k, struct report *r, const struct gathering *g, struct err *err)
{
    struct map_str *groups = map_str_new();
    struct store_reader *reader = reader_take(k->api, err);
    int rc = reader ? 0 : -1;
    for (size_t i = 0; i < g->n && rc == 0; i++) {
        const struct one *t = &g->at[i];
        struct report_row *row =
            r->query.by_group ? row_of_group(r, k, groups, t) : row_of_target(r, k, t);
        rc = read_target(k, &r->query, t, row, reader, err);
        if (rc == 0 && i % 64 == 63 && http_req_ended(k->req))
            rc = err_set(err, ERR_CANCELLED, "nobody waits for the report any more");
    }
    reader_give(k->api, reader);
    map_str_free(groups);
    for (size_t i = 0; i < r->n && rc == 0; i++)
        add_to_all(r, &r->rows[i]);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct report_row *)a)->name, ((const struct report_row *)b)->name);
}

void reports_uptime(struct call *k)
{
    struct report r = {.all = new_row(k)};
    struct gathering g = {.call = k, .query = &r.query};
    struct err err = {0};
    if (query_of(k, &r.query) != 0)
        return;
    on_core(k, gather_on_core, &g);
    r.rows = arena_alloc(k->arena, (g.n + 1) * sizeof(*r.rows));
    int rc = add_up(k, &r, &g, &err);
    for (size_t i = 0; i < g.n; i++)
        sla_spans_done(&g.at[i].maintained);
    if (rc != 0) {
        call_fail(k, &err);
        return;
    }
    r.total = r.query.by_group ? r.n : g.total;
    if (r.query.by_group && r.n > 1)
        qsort(r.rows, r.n, sizeof(*r.rows), by_name);
    else if (g.n == r.query.limit && g.n > 0 && !r.query.by_group)
        r.next = g.at[g.n - 1].id;
    report_write(k, &r);
}
