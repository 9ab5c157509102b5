/* A page as JSON, for other programs: the names shown, never addresses. */
#include <math.h>

#include "status/render.h"

static void put_share_of(struct json *j, const char *key, double share)
{
    json_key(j, key);
    if (isnan(share))
        json_nil(j);
    else
        json_f64(j, floor(share * 1e6) / 1e6);
}

static void put_target(const struct view *v, const struct view_target *t, struct json *j)
{
    json_obj(j);
    json_kuint(j, "id", t->id);
    json_kstr(j, "name", t->name);
    json_kstr(j, "state", view_state_name(t->state));
    json_ktime(j, "since", t->since_ms);
    if (v->page->f.show_latency)
        json_kf64(j, "latency_ms", t->latency_ms);
    if (v->page->f.show_uptime)
        put_share_of(j, "uptime", t->past ? t->past->uptime : NAN);
    json_karr(j, "days");
    for (uint32_t i = 0; t->past && i < t->past->n; i++)
        if (isnan(t->past->up[i]))
            json_nil(j);
        else
            json_f64(j, floor((double)t->past->up[i] * 1e4) / 1e4);
    json_end(j);
    json_end(j);
}

static void put_sections(const struct view *v, struct json *j)
{
    json_karr(j, "sections");
    for (uint32_t i = 0; i < v->n_sections; i++) {
        const struct view_section *s = &v->sections[i];
        if (s->n == 0)
            continue;
        json_obj(j);
        json_kstr(j, "title", s->title);
        json_kstr(j, "state", view_state_name(s->state));
        json_karr(j, "targets");
        for (uint32_t n = 0; n < s->n; n++)
            put_target(v, &s->at[n], j);
        json_end(j);
        json_end(j);
    }
    json_end(j);
}

static void put_incident(const struct render *r, const struct incident *i, struct json *j)
{
    must(i->impact <= IMPACT_MAINTENANCE && i->status <= INCIDENT_RESOLVED);
    struct buf html = BUF_INIT(1 << 20);
    json_obj(j);
    json_kuint(j, "id", i->id);
    json_kstr(j, "title", view_incident_title(r->view, i, r->zh, r->arena));
    json_kstr(j, "impact", incident_impacts[i->impact]);
    json_kstr(j, "status", incident_statuses[i->status]);
    json_ktime(j, "started_at", i->started_ms);
    json_ktime(j, "resolved_at", i->resolved_ms);
    json_karr(j, "targets");
    for (uint32_t t = 0; t < i->targets.n; t++)
        if (view_find(r->view, i->targets.at[t]))
            json_uint(j, i->targets.at[t]);
    json_end(j);
    json_karr(j, "updates");
    for (uint32_t n = 0; n < i->n_updates; n++) {
        buf_clear(&html);
        render_update(r, &i->updates[n], &html);
        json_obj(j);
        json_ktime(j, "at", i->updates[n].at_ms);
        json_kstr(j, "status", incident_statuses[i->updates[n].status]);
        json_kstr(j, "html", html.data ? html.data : "");
        json_end(j);
    }
    json_end(j);
    json_end(j);
    buf_done(&html);
}

static void put_windows(const struct view *v, struct json *j)
{
    json_karr(j, "maintenances");
    for (uint32_t i = 0; i < v->n_windows; i++) {
        const struct view_window *w = &v->windows[i];
        json_obj(j);
        json_kstr(j, "title", w->title);
        json_ktime(j, "starts_at", w->starts_ms);
        json_ktime(j, "ends_at", w->ends_ms);
        json_kbool(j, "active", w->active);
        json_karr(j, "affected");
        for (uint32_t n = 0; n < w->n_names; n++)
            json_str(j, w->names[n]);
        json_end(j);
        json_end(j);
    }
    json_end(j);
}

void render_json(const struct view *v, bool zh, struct buf *out)
{
    must(v->page && out->len == 0);
    struct render r = {.out = out, .view = v, .arena = arena_new(), .zh = zh, .base = ""};
    struct json j = json_start(out);
    const char *url = view_url(v, r.arena);
    json_obj(&j);
    json_kstr(&j, "slug", v->page->f.slug);
    json_kstr(&j, "title", v->page->f.title);
    json_kstr(&j, "url", *url ? url : NULL);
    json_kstr(&j, "state", v->outage ? "outage" : view_state_name(v->state));
    json_ktime(&j, "as_of", v->now_ms);
    put_sections(v, &j);
    json_karr(&j, "incidents");
    for (uint32_t i = 0; i < v->n_incidents; i++)
        if (v->incidents[i]->status != INCIDENT_RESOLVED ||
            v->incidents[i]->resolved_ms >= v->now_ms - VIEW_PAST_MS)
            put_incident(&r, v->incidents[i], &j);
    json_end(&j);
    put_windows(v, &j);
    json_end(&j);
    arena_free(r.arena);
}
