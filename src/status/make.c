/* What the cache asks for: keys to bytes. On the cache's thread alone.
 *
 *     "p/ID/FORM/LANGUAGE"   a page's form; FORM is a number of enum status_form, LANGUAGE 0 or 1
 *     "b/ID/WINDOW"          the facts of a badge: struct badge_facts as it lies in memory */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/history.h"
#include "status/render.h"
#include "status/status_priv.h"

#define VIEW_NS      NS_PER_S /* a page's other forms may be made of the same view */
#define FEED_PAST_MS INT64_C(365 * 86400000)
#define BODY_MAX     ((size_t)16 << 20)

/* Open ones, and those of the last year. References are the caller's. */
static uint32_t incidents_of(struct status *s, uint64_t page, int64_t now_ms,
                             struct incident ***out)
{
    struct incident **all;
    size_t n = status_incidents(s, &all);
    uint32_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool old =
            all[i]->status == INCIDENT_RESOLVED && all[i]->resolved_ms < now_ms - FEED_PAST_MS;
        if (incident_on(all[i], page) && !old)
            all[kept++] = all[i];
        else
            incident_unref(all[i]);
    }
    *out = all;
    return kept;
}

static struct view *view_of(struct status *s, uint64_t id)
{
    int64_t now = clock_mono_ns(), wall = clock_wall_ms();
    uint64_t generation = atomic_load(&s->generation);
    if (s->view && s->view->page->id == id && s->view_generation == generation &&
        now - s->view_ns < VIEW_NS)
        return s->view;
    struct status_page *p = status_page_by_id(s, id);
    view_free(s->view);
    s->view = NULL;
    if (!p)
        return NULL;
    struct incident **incidents;
    uint32_t n = incidents_of(s, id, wall, &incidents);
    s->view = view_new(s->core, p, incidents, n, wall);
    pasts_fill(s->pasts, s->view, core_tsdb(s->core));
    s->view_ns = now;
    s->view_generation = generation;
    free(incidents);
    page_unref(p);
    return s->view;
}

static struct copy *make_form(struct status *s, uint64_t id, enum status_form form, bool zh)
{
    struct view *v = view_of(s, id);
    struct buf body = BUF_INIT(BODY_MAX), policy = BUF_INIT(400);
    struct copy *made = NULL;
    if (!v)
        return NULL;
    const char *slug = v->page->f.slug;
    buf_puts(&policy, "");
    switch (form) {
    case STATUS_HTML:
        render_page(v, zh, slug, &body, &policy);
        break;
    case STATUS_HTML_ROOT:
        render_page(v, zh, arena_printf(v->arena, "status/%s", slug), &body, &policy);
        break;
    case STATUS_JSON:
        render_json(v, zh, &body);
        break;
    case STATUS_RSS:
        render_rss(v, zh, &body);
        break;
    case STATUS_ATOM:
        render_atom(v, zh, &body);
        break;
    }
    if (!body.failed)
        made = copy_new(&body, policy.data, true);
    buf_done(&body);
    buf_done(&policy);
    return made;
}

/* --- badges --- */

struct badge_question {
    struct status *status;
    uint64_t id;
    struct badge_facts *facts;
    struct status_page *pages[STATUS_PAGES_MAX];
    size_t n_pages;
};

static void badge_on_loop(void *arg)
{
    struct badge_question *q = arg;
    struct core_target t;
    struct badge_facts *f = q->facts;
    f->known = core_target_get(q->status->core, q->id, &t);
    if (!f->known)
        return;
    f->state = view_state_of(&t);
    f->latency_ms = t.state.status == TARGET_HEALTHY ? (double)t.state.last_latency_us / 1000 : NAN;
    snprintf(f->name, sizeof(f->name), "%s", t.target->name);
    snprintf(f->own_name, sizeof(f->own_name), "%s", t.target->name);
    snprintf(f->group, sizeof(f->group), "%s", t.target->group);
    for (uint32_t i = 0; i < t.target->n_labels; i++)
        if (streq(t.target->labels[i].name, "location"))
            snprintf(f->location, sizeof(f->location), "%s", t.target->labels[i].value);
    for (size_t i = 0; i < q->n_pages; i++) {
        const struct status_page *p = q->pages[i];
        if (f->public || !p->f.enabled || page_private(p) || !page_lists(p, q->id, t.target->group))
            continue;
        f->public = true;
        snprintf(f->name, sizeof(f->name), "%s", page_name_of(p, q->id, t.target->name));
    }
}

static double uptime_of(struct status *s, const struct badge_facts *f, enum badge_window w)
{
    struct tsdb *db = core_tsdb(s->core);
    const struct history_target who = {
        .group = f->group, .name = f->own_name, .location = f->location};
    struct history_uptime u;
    if (!db || history_uptime(tsdb_source(db), &who, clock_wall_ms(), &u, NULL) != 0)
        return NAN;
    const double of[] = {u.day, u.week, u.month, u.year};
    must((size_t)w < array_len(of));
    return of[w];
}

static struct copy *make_badge(struct status *s, uint64_t id, enum badge_window w)
{
    struct badge_facts f = {.latency_ms = NAN, .uptime = NAN};
    struct badge_question q = {.status = s, .id = id, .facts = &f};
    struct buf body = BUF_INIT(sizeof(f) + 1);
    q.n_pages = status_pages(s, q.pages, array_len(q.pages));
    loop_call(core_loop(s->core), badge_on_loop, &q);
    for (size_t i = 0; i < q.n_pages; i++)
        page_unref(q.pages[i]);
    if (!f.known)
        return NULL;
    f.name[utf8_whole(f.name, strlen(f.name))] = '\0';
    f.uptime = uptime_of(s, &f, w);
    buf_add(&body, &f, sizeof(f));
    return copy_new(&body, "", false);
}

/* --- keys --- */

struct copy *status__make(void *status, const char *key)
{
    struct status *s = status;
    unsigned long long id;
    unsigned a = 0, b = 0;
    check_magic(s, STATUS_MAGIC);
    if (sscanf(key, "p/%llu/%u/%u", &id, &a, &b) == 3)
        return make_form(s, id, (enum status_form)a, b != 0);
    must(sscanf(key, "b/%llu/%u", &id, &a) == 2);
    return make_badge(s, id, (enum badge_window)a);
}

void status__idle(void *status)
{
    struct status *s = status;
    pasts_sweep(s->pasts, clock_wall_ms());
    view_free(s->view);
    s->view = NULL;
}

static void key_of_page(const struct status_page *p, enum status_form form, bool zh, char out[64])
{
    snprintf(out, 64, "p/%llu/%u/%u", (unsigned long long)p->id, (unsigned)form, (unsigned)zh);
}

struct copy *status_copy(struct status *s, const struct status_page *p, enum status_form form,
                         bool zh, int64_t wait_ns)
{
    char key[64];
    key_of_page(p, form, zh, key);
    return cache_get(s->cache, key, wait_ns);
}

bool status_copy_ready(struct status *s, const struct status_page *p, enum status_form form,
                       bool zh)
{
    char key[64];
    key_of_page(p, form, zh, key);
    return cache_ready(s->cache, key);
}

bool status_badge(struct status *s, uint64_t id, enum badge_window w, int64_t wait_ns,
                  struct badge_facts *out)
{
    char key[64];
    snprintf(key, sizeof(key), "b/%llu/%u", (unsigned long long)id, (unsigned)w);
    struct copy *c = cache_get(s->cache, key, wait_ns);
    if (!c)
        return false;
    must(c->n == sizeof(*out));
    memcpy(out, c->body, sizeof(*out));
    copy_unref(c);
    return true;
}

bool status_badge_ready(struct status *s, uint64_t id, enum badge_window w)
{
    char key[64];
    snprintf(key, sizeof(key), "b/%llu/%u", (unsigned long long)id, (unsigned)w);
    return cache_ready(s->cache, key);
}
