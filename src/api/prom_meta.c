/* What the Prometheus API tells besides samples: metadata of metrics, and the lists that a Prometheus has of its targets. */
#include "api/prom_priv.h"

/* --- metadata --- */

struct metadata {
    struct buf *out;
    uint32_t limit, per_metric;
    uint32_t metrics, of_this;
    struct str name; /* the metric that is open; p NULL: none */
    struct arena *arena;
};

static void put_entry(struct buf *out, const struct metric_metadata *m)
{
    buf_puts(out, "{");
    prom_put_text(out, "type", metric_type_name(m->type));
    buf_puts(out, ",\"unit\":");
    json_escape(out, m->unit.p, m->unit.n);
    buf_puts(out, ",\"help\":");
    json_escape(out, m->help.p, m->help.n);
    buf_putc(out, '}');
}

static bool put_metadata(void *arg, const struct metric_metadata *m)
{
    struct metadata *d = arg;
    if (d->name.p && str_eq(d->name, m->metric)) {
        if (d->per_metric && d->of_this >= d->per_metric)
            return true;
        buf_putc(d->out, ',');
    } else {
        if (d->limit && d->metrics == d->limit)
            return false;
        if (d->name.p)
            buf_puts(d->out, "],");
        d->metrics++;
        d->of_this = 0;
        d->name = (struct str){arena_strndup(d->arena, m->metric.p, m->metric.n), m->metric.n};
        json_escape(d->out, m->metric.p, m->metric.n);
        buf_puts(d->out, ":[");
    }
    d->of_this++;
    put_entry(d->out, m);
    return !d->out->failed;
}

void prom_metadata(struct call *k)
{
    struct prom_params p;
    struct api_metrics m;
    struct metadata d = {.arena = k->arena};
    prom_params(k, &p);
    if (prom_limit(&p, "limit", &d.limit) < 0 ||
        prom_limit(&p, "limit_per_metric", &d.per_metric) < 0 || !prom_store(k, &m))
        return;
    d.out = prom_begin(k);
    buf_putc(d.out, '{');
    tsdb_each_metadata(m.db, str_of(prom_param(&p, "metric")), put_metadata, &d);
    buf_puts(d.out, d.name.p ? "]}" : "}");
    prom_end(k, NULL);
}

/* --- targets: Belfry's own probes are not scrapes; the lists are empty until there are some --- */

static void answer_text(struct call *k, const char *data)
{
    buf_puts(prom_begin(k), data);
    prom_end(k, NULL);
}

void prom_targets(struct call *k)
{
    answer_text(k, "{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}");
}

void prom_targets_metadata(struct call *k)
{
    answer_text(k, "[]");
}

void prom_scrape_pools(struct call *k)
{
    answer_text(k, "{\"scrapePools\":[]}");
}

void prom_alertmanagers(struct call *k)
{
    answer_text(k, "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
}

void prom_notifications(struct call *k)
{
    answer_text(k, "[]");
}
