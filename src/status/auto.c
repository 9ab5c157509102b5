/* Automatic incidents: on pages that want them, one incident while any of their targets has an alert that rings; targets that fall meanwhile
 * join it, and it is resolved when all have risen. What to do is decided from (the incident, who is down now); it looks every few seconds, so
 * that nothing need be remembered but the incident itself. On the loop. */
#include <stdlib.h>

#include "status/status_priv.h"

#define STEPS_MAX 20 /* updates at one look */

struct down_list {
    uint64_t at[STATUS_TARGETS_MAX];
    size_t n;
};

struct looking {
    const struct status_page *page;
    struct down_list *down;
};

static bool rings(const struct core_target *t)
{
    return t->open && t->open->status == ALERT_FIRING && t->open->suppressed == SUPPRESSED_NONE &&
           t->target->enabled;
}

static void add_down(struct looking *l, const struct core_target *t)
{
    if (l->down->n < array_len(l->down->at) && rings(t) &&
        page_lists(l->page, t->target->id, t->target->group))
        l->down->at[l->down->n++] = t->target->id;
}

static bool has(const struct down_list *d, uint64_t id)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->at[i] == id)
            return true;
    return false;
}

/* The open automatic incident of a page. */
static struct incident *open_of(struct status *s, uint64_t page)
{
    vec_each (&s->incidents, it)
        if ((*it)->automatic && (*it)->status != INCIDENT_RESOLVED && (*it)->pages.n == 1 &&
            (*it)->pages.at[0] == page)
            return *it;
    return NULL;
}

/* Who has fallen and not risen since, by its updates. */
static struct down_list known_down(const struct incident *i)
{
    struct down_list d = {0};
    for (uint32_t n = 0; i && n < i->n_updates; n++) {
        const struct incident_update *u = &i->updates[n];
        if (u->fell && !has(&d, u->fell) && d.n < array_len(d.at))
            d.at[d.n++] = u->fell;
        for (size_t k = 0; u->rose && k < d.n; k++)
            if (d.at[k] == u->rose)
                d.at[k] = d.at[--d.n];
    }
    must(d.n <= array_len(d.at));
    return d;
}

static void add_target(struct incident *i, uint64_t id, struct arena *a)
{
    for (uint32_t n = 0; n < i->targets.n; n++)
        if (i->targets.at[n] == id)
            return;
    uint64_t *all = arena_array_of(a, uint64_t, i->targets.n + 1);
    memcpy(all, i->targets.at, i->targets.n * sizeof(*all));
    all[i->targets.n] = id;
    i->targets = (struct id_list){all, i->targets.n + 1};
}

static bool add_step(struct incident *i, uint64_t fell, uint64_t rose, enum incident_status status,
                     int64_t now_ms, struct arena *a)
{
    struct incident_update u = {
        .at_ms = now_ms, .status = status, .markdown = "", .by = "", .fell = fell, .rose = rose};
    return incident_add(i, &u, a, NULL) == 0;
}

/* False: nothing changed. */
static bool bring_up(struct incident *i, const struct down_list *was, const struct down_list *now,
                     int64_t now_ms, struct arena *a)
{
    int steps = 0;
    for (size_t k = 0; k < now->n && steps < STEPS_MAX; k++)
        if (!has(was, now->at[k]) &&
            add_step(i, now->at[k], 0, INCIDENT_INVESTIGATING, now_ms, a)) {
            add_target(i, now->at[k], a);
            steps++;
        }
    size_t left = now->n;
    for (size_t k = was->n; k-- > 0 && steps < STEPS_MAX;)
        if (!has(now, was->at[k])) {
            enum incident_status then =
                left == 0 && k == 0 ? INCIDENT_RESOLVED : INCIDENT_INVESTIGATING;
            steps += add_step(i, 0, was->at[k], then, now_ms, a);
        }
    if (now->n == 0 && i->status != INCIDENT_RESOLVED && i->n_updates >= INCIDENT_UPDATES_MAX) {
        i->status = INCIDENT_RESOLVED; /* no room for a word more */
        incident_settle(i, now_ms);
        steps++;
    }
    if (i->targets.n > 1 && i->impact < IMPACT_MAJOR)
        i->impact = IMPACT_MAJOR;
    must(steps <= STEPS_MAX + 1);
    return steps > 0;
}

static void look_at(struct status *s, const struct status_page *p, const struct down_list *down,
                    int64_t now_ms)
{
    must(down->n <= STATUS_TARGETS_MAX);
    const struct incident *old = open_of(s, p->id);
    struct down_list was = known_down(old);
    struct arena *a = arena_new();
    struct err err = {0};
    uint64_t id = old ? old->id : 0,
             first = old && old->n_updates ? old->updates[old->n_updates - 1].id + 1 : 1;
    struct incident next = {
        .title = "automatic", .automatic = true, .started_ms = now_ms, .created_ms = now_ms};
    if (old)
        next = *old;
    else
        next.pages = (struct id_list){arena_memdup(a, &p->id, sizeof(p->id)), 1};
    if ((old || down->n) && bring_up(&next, &was, down, now_ms, a)) {
        if (status_incident_put(s, &next, NULL, &id, &err) != 0)
            log_warn("an automatic incident is not kept", F_ERR(&err));
        else if (!old || next.status == INCIDENT_RESOLVED) /* its beginning and its end are told */
            status_announce(s, id,
                            next.status == INCIDENT_RESOLVED ? next.updates[next.n_updates - 1].id
                                                             : first);
    }
    arena_free(a);
}

struct walk {
    struct looking *looks;
    size_t n;
};

static bool walk_one(void *arg, const struct core_target *t)
{
    struct walk *w = arg;
    if (t->open)
        for (size_t i = 0; i < w->n; i++)
            add_down(&w->looks[i], t);
    return true;
}

void status__auto_tick(struct status *s, int64_t now_ms)
{
    struct looking *looks = calloc(s->pages.n + 1, sizeof(*looks));
    struct walk w = {.looks = looks};
    must(looks);
    vec_each (&s->pages, it) {
        if (!(*it)->f.auto_incidents || !(*it)->f.enabled)
            continue;
        looks[w.n] = (struct looking){page_ref(*it), calloc(1, sizeof(struct down_list))};
        must(looks[w.n++].down);
    }
    if (w.n)
        core_targets_each(s->core, 0, walk_one, &w);
    for (size_t i = 0; i < w.n; i++) {
        look_at(s, looks[i].page, looks[i].down, now_ms);
        free(looks[i].down);
        page_unref((struct status_page *)looks[i].page);
    }
    free(looks);
}
