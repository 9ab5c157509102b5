/* A report of uptime as JSON and as CSV. */
#include <math.h>

#include "api/csv.h"
#include "api/report.h"

static const char columns[] =
    "id name group type targets since until uptime_percent incidents down_seconds "
    "maintenance_seconds latency_mean_ms latency_p95_ms slo_percent slo_met budget_seconds "
    "budget_used_seconds budget_left_seconds watched_seconds";

static double mean_ms(const struct report_row *r)
{
    return r->tally.latency_n > 0 ? r->tally.latency_sum / r->tally.latency_n * 1000 : NAN;
}

static double p95_ms(const struct report_row *r)
{
    return sla_sketch_quantile(r->sketch, 0.95) * 1000;
}

/* As many digits as mean something. */
static double rounded(double v)
{
    return isfinite(v) ? round(v * 1000) / 1000 : v;
}

static double watched_s(const struct report_row *r)
{
    must(r->tally.watched_ms >= 0);
    return (double)r->tally.watched_ms / 1000;
}

static struct sla_budget budget_of(const struct report *r, const struct report_row *row)
{
    /* A group's budget is that of its targets together; what nobody watched is no part of it. */
    return sla_budget(r->query.slo, watched_s(row), tally_uptime(&row->tally));
}

static void put_budget(const struct report *r, const struct report_row *row, struct json *j)
{
    struct sla_budget b = budget_of(r, row);
    json_kobj(j, "slo");
    json_key(j, "met");
    if (row->tally.all > 0)
        json_bool(j, b.met);
    else
        json_nil(j);
    json_kf64(j, "budget_seconds", rounded(b.total_s));
    json_kf64(j, "used_seconds", rounded(b.used_s));
    json_kf64(j, "left_seconds", rounded(b.left_s));
    json_kf64(j, "left", b.left);
    json_end(j);
}

static void put_row(const struct report *r, const struct report_row *row, struct json *j)
{
    json_obj(j);
    if (row->id)
        json_kuint(j, "id", row->id);
    json_kstr(j, "name", row->name);
    json_kstr(j, "group", row->group);
    json_kstr(j, "type", row->type);
    json_kuint(j, "targets", row->targets);
    json_kf64(j, "uptime", tally_uptime(&row->tally));
    json_kuint(j, "incidents", row->outages.incidents);
    json_kf64(j, "down_seconds", rounded((double)row->outages.down_ms / 1000));
    json_kf64(j, "maintenance_seconds", rounded((double)row->maintenance_ms / 1000));
    json_kf64(j, "watched_seconds", rounded(watched_s(row)));
    json_kf64(j, "latency_mean_ms", rounded(mean_ms(row)));
    json_kf64(j, "latency_p95_ms", rounded(p95_ms(row)));
    put_budget(r, row, j);
    json_end(j);
}

static void write_json(struct call *k, const struct report *r)
{
    const struct report_query *q = &r->query;
    struct json j = call_json(k);
    json_obj(&j);
    json_ktime(&j, "since", q->since_ms);
    json_ktime(&j, "until", q->until_ms);
    json_kstr(&j, "time_zone", q->time_zone ? q->time_zone : "");
    json_kstr(&j, "by", q->by_group ? "group" : "target");
    json_kf64(&j, "slo", q->slo);
    json_kstr(&j, "maintenance", q->without_maintenance ? "exclude" : "include");
    json_karr(&j, "items");
    for (size_t i = 0; i < r->n; i++)
        put_row(r, &r->rows[i], &j);
    list_end(&j, r->total, r->next);
    json_key(&j, "summary");
    put_row(r, &r->all, &j);
    json_end(&j);
}

static void csv_row(const struct report *r, const struct report_row *row, struct csv *c)
{
    struct sla_budget b = budget_of(r, row);
    if (row->id)
        csv_int(c, (int64_t)row->id);
    else
        csv_text(c, "");
    csv_text(c, row->name);
    csv_text(c, row->group);
    csv_text(c, row->type);
    csv_int(c, row->targets);
    csv_time(c, r->query.since_ms);
    csv_time(c, r->query.until_ms);
    csv_f64(c, tally_uptime(&row->tally) * 100);
    csv_int(c, row->outages.incidents);
    csv_f64(c, rounded((double)row->outages.down_ms / 1000));
    csv_f64(c, rounded((double)row->maintenance_ms / 1000));
    csv_f64(c, rounded(mean_ms(row)));
    csv_f64(c, rounded(p95_ms(row)));
    csv_f64(c, r->query.slo);
    csv_text(c, row->tally.all > 0 ? b.met ? "yes" : "no" : "");
    csv_f64(c, rounded(b.total_s));
    csv_f64(c, rounded(b.used_s));
    csv_f64(c, rounded(b.left_s));
    csv_f64(c, rounded(watched_s(row)));
    csv_end(c);
}

static void write_csv(struct call *k, const struct report *r)
{
    struct csv c = {.out = &k->resp->body};
    buf_puts(&k->resp->body, "\xef\xbb\xbf"); /* so that spreadsheets read UTF-8 */
    csv_header(&c, columns);
    for (size_t i = 0; i < r->n; i++)
        csv_row(r, &r->rows[i], &c);
    k->resp->content_type = "text/csv; charset=utf-8";
    http_resp_header(k->resp, "Content-Disposition", "attachment; filename=\"uptime.csv\"");
}

void report_write(struct call *k, const struct report *r)
{
    if (r->query.csv)
        write_csv(k, r);
    else
        write_json(k, r);
}
