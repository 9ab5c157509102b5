/* Deleting and saving, as Prometheus' admin API: on, because who may change Belfry may do this. */
#include "api/prom_priv.h"

static void answer_nothing(struct call *k)
{
    k->resp->status = 204;
    buf_clear(&k->resp->body);
}

void prom_delete_series(struct call *k)
{
    struct prom_params p;
    struct prom_selectors s;
    struct api_metrics m;
    struct err err = {0};
    int64_t start, end;
    int rc = 0;
    prom_params(k, &p);
    if (prom_selectors(&p, "match[]", &s) < 0 || prom_period(&p, &start, &end) < 0)
        return;
    if (s.n == 0) {
        prom_fail(k, PROM_BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (!prom_store(k, &m))
        return;
    for (size_t i = 0; i < s.n && rc == 0; i++)
        rc = tsdb_delete(m.db, s.at[i].matchers, s.at[i].n, start, end, &err);
    if (rc < 0)
        prom_fail_err(k, &err);
    else
        answer_nothing(k);
}

void prom_clean_tombstones(struct call *k)
{
    struct api_metrics m;
    struct err err = {0};
    if (!prom_store(k, &m))
        return;
    if (tsdb_clean_tombstones(m.db, &err) < 0)
        prom_fail_err(k, &err);
    else
        answer_nothing(k);
}

static bool is_true(const struct prom_params *p, const char *name)
{
    const char *text = prom_param(p, name);
    return streq(text, "true") || streq(text, "1");
}

/* skip_head: what is in blocks only. merge (Belfry's own): first everything goes to blocks, merged as far as it goes. */
void prom_snapshot(struct call *k)
{
    struct prom_params p;
    struct api_metrics m;
    struct err err = {0};
    const char *name = "";
    prom_params(k, &p);
    if (!prom_store(k, &m))
        return;
    int rc = is_true(&p, "merge") ? tsdb_tick(m.db, true, &err) : 0;
    if (rc >= 0)
        rc = tsdb_snapshot(m.db, !is_true(&p, "skip_head"), k->arena, &name, &err);
    if (rc < 0) {
        prom_fail_err(k, &err);
        return;
    }
    struct buf *out = prom_begin(k);
    buf_putc(out, '{');
    prom_put_text(out, "name", name);
    buf_putc(out, '}');
    prom_end(k, NULL);
}
