/* See view.h. */
#include "status/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/window.h"
#include "base/vec.h"
#include "io/loop.h"
#include "status/escape.h"
#include "status/words.h"

const char *view_state_name(enum view_state s)
{
    static const char *const names[] = {
#define X(name, text) text,
        VIEW_STATES(X)
#undef X
    };
    must((size_t)s < array_len(names));
    return names[s];
}

enum view_state view_state_of(const struct core_target *t)
{
    if (!t->target->enabled)
        return VIEW_PAUSED;
    switch (core_target_status(t)) {
    case TARGET_HEALTHY:
        return t->state.degraded ? VIEW_DEGRADED : VIEW_UP;
    case TARGET_UNHEALTHY:
        return VIEW_DOWN;
    case TARGET_MAINTENANCE:
        return VIEW_MAINTENANCE;
    case TARGET_DISABLED:
        return VIEW_PAUSED;
    case TARGET_UNKNOWN:
        break;
    }
    return VIEW_UNKNOWN;
}

/* --- on the loop: what is true now --- */

struct gather {
    struct core *core;
    struct view *view;
    struct section_of {
        struct id_list ids;
        const char *const *groups;
        size_t n_groups;
        vec_of(struct view_target) targets;
    } * sections;
};

static bool is_full(struct gather *g)
{
    if (g->view->n_targets < STATUS_TARGETS_MAX)
        return false;
    g->view->not_shown++;
    return true;
}

static void add_target(struct gather *g, struct section_of *s, const struct core_target *t)
{
    struct arena *a = g->view->arena;
    if (is_full(g))
        return;
    const char *name = page_name_of(g->view->page, t->target->id, t->target->name);
    bool measured = t->state.last_checked_ms > 0 && t->state.status == TARGET_HEALTHY;
    struct view_target shown = {
        .id = t->target->id,
        .name = arena_strdup(a, name),
        .series = history_target_of(t->target, a),
        .state = view_state_of(t),
        .since_ms = t->state.since_ms,
        .latency_ms = measured ? (double)t->state.last_latency_us / 1000 : NAN,
    };
    vec_push(&s->targets, shown);
    g->view->n_targets++;
}

static bool has_group(const struct section_of *s, const char *group)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (strcmp(s->groups[i], group) == 0)
            return true;
    return false;
}

static bool is_listed(const struct section_of *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->ids.n; i++)
        if (s->ids.at[i] == id)
            return true;
    return false;
}

static bool add_of_groups(void *arg, const struct core_target *t)
{
    struct gather *g = arg;
    for (uint32_t i = 0; i < g->view->n_sections; i++) {
        struct section_of *s = &g->sections[i];
        if (s->n_groups && has_group(s, t->target->group) && !is_listed(s, t->target->id))
            add_target(g, s, t);
    }
    return true;
}

static void add_listed(struct gather *g)
{
    struct core_target t;
    bool groups = false;
    for (uint32_t i = 0; i < g->view->n_sections; i++) {
        struct section_of *s = &g->sections[i];
        for (uint32_t n = 0; n < s->ids.n; n++)
            if (core_target_get(g->core, s->ids.at[n], &t))
                add_target(g, s, &t);
        groups = groups || s->n_groups > 0;
    }
    if (groups)
        core_targets_each(g->core, 0, add_of_groups, g);
}

/* What is being worked on is not "down", nor "up". */
static void hold(struct view_target *t, bool active)
{
    if (active && t->state != VIEW_PAUSED)
        t->state = VIEW_MAINTENANCE;
}

static void name_of_window(struct gather *g, const struct core_occurrence *o, struct view_window *w)
{
    w->names = arena_array_of(g->view->arena, const char *, g->view->n_targets + 1);
    for (uint32_t i = 0; i < g->view->n_sections; i++)
        vec_each (&g->sections[i].targets, it)
            if (core_window_holds(g->core, o->window, it->id)) {
                w->names[w->n_names++] = it->name;
                hold(it, w->active);
            }
}

/* The next one of each: a nightly window must not fill the page. */
static bool is_known(const struct view *v, const char *title, int64_t starts_ms)
{
    for (uint32_t i = 0; i < v->n_windows; i++)
        if (strcmp(v->windows[i].title, title) == 0 && v->windows[i].starts_ms <= starts_ms)
            return true;
    return false;
}

static bool add_window(void *arg, const struct core_occurrence *o)
{
    struct gather *g = arg;
    struct view *v = g->view;
    struct view_window w = {
        .starts_ms = o->starts_ms,
        .ends_ms = o->ends_ms,
        .active = o->starts_ms <= v->now_ms && (o->ends_ms == 0 || o->ends_ms > v->now_ms),
    };
    const char *title = window_maintenance(o->window)->title;
    if ((o->ends_ms != 0 && o->ends_ms <= v->now_ms) || is_known(v, title, o->starts_ms))
        return true;
    name_of_window(g, o, &w);
    w.title = arena_strdup(v->arena, title);
    if (w.n_names)
        v->windows[v->n_windows++] = w;
    return v->n_windows < VIEW_WINDOWS_MAX;
}

static void gather_on_loop(void *arg)
{
    struct gather *g = arg;
    struct view *v = g->view;
    const char *url = core_config(g->core)->server.public_url;
    size_t n = url ? strlen(url) : 0;
    while (n > 0 && url[n - 1] == '/')
        n--;
    v->site = arena_strndup(v->arena, url ? url : "", n);
    add_listed(g);
    core_occurrences_each(g->core, v->now_ms, v->now_ms + VIEW_WINDOWS_AHEAD, add_window, g);
}

/* --- shaping --- */

static void put_section(struct gather *g, const char *title, struct id_list ids,
                        const char *const *groups, size_t n_groups)
{
    uint32_t i = g->view->n_sections++;
    g->sections[i] = (struct section_of){.ids = ids, .groups = groups, .n_groups = n_groups};
    g->view->sections[i].title = arena_strdup(g->view->arena, title);
}

static void lay_out(struct gather *g)
{
    const struct status_page *p = g->view->page;
    const struct page_section *s = p->f.sections.at;
    size_t most = 1 + p->f.groups.n + p->f.sections.n;
    g->sections = arena_array_of(g->view->arena, struct section_of, most);
    g->view->sections = arena_array_of(g->view->arena, struct view_section, most);
    put_section(g, "", p->ids, NULL, 0);
    for (size_t i = 0; i < p->f.groups.n; i++)
        put_section(g, p->f.groups.at[i], (struct id_list){0}, &p->f.groups.at[i], 1);
    for (size_t i = 0; i < p->f.sections.n; i++)
        put_section(g, s[i].title, s[i].ids, s[i].groups.at, s[i].groups.n);
    must(g->view->n_sections == most);
}

static void close_section(struct view *v, struct view_section *to, struct section_of *from)
{
    to->n = (uint32_t)from->targets.n;
    to->at = arena_memdup(v->arena, from->targets.at, to->n * sizeof(*to->at));
    to->state = VIEW_UNKNOWN;
    for (uint32_t i = 0; i < to->n; i++)
        to->state = to->at[i].state < to->state ? to->at[i].state : to->state;
    vec_done(&from->targets);
}

static void judge(struct view *v)
{
    uint32_t down = 0;
    v->state = VIEW_UNKNOWN;
    for (uint32_t i = 0; i < v->n_sections; i++) {
        v->state = v->sections[i].state < v->state ? v->sections[i].state : v->state;
        for (uint32_t n = 0; n < v->sections[i].n; n++)
            down += v->sections[i].at[n].state == VIEW_DOWN;
    }
    v->outage = down > 1 && down * 2 > v->n_targets;
    for (uint32_t i = 0; i < v->n_incidents; i++) {
        const struct incident *it = v->incidents[i];
        if (it->status == INCIDENT_RESOLVED)
            continue;
        v->outage = v->outage || it->impact == IMPACT_CRITICAL;
        if (it->impact == IMPACT_MAINTENANCE)
            v->state = v->state < VIEW_MAINTENANCE ? v->state : VIEW_MAINTENANCE;
        else if (!it->automatic || v->state > VIEW_DEGRADED)
            v->state = v->state < VIEW_DEGRADED ? v->state : VIEW_DEGRADED;
    }
}

struct view *view_new(struct core *core, struct status_page *page, struct incident **incidents,
                      uint32_t n_incidents, int64_t now_ms)
{
    struct arena *a = arena_new();
    struct view *v = arena_new_of(a, struct view);
    struct gather g = {.core = core, .view = v};
    v->arena = a;
    v->page = page_ref(page);
    v->now_ms = now_ms;
    v->incidents = arena_array_of(a, struct incident *, n_incidents + 1);
    memcpy(v->incidents, incidents, n_incidents * sizeof(struct incident *));
    v->n_incidents = n_incidents;
    v->windows = arena_array_of(a, struct view_window, VIEW_WINDOWS_MAX);
    lay_out(&g);
    loop_call(core_loop(core), gather_on_loop, &g);
    for (uint32_t i = 0; i < v->n_sections; i++)
        close_section(v, &v->sections[i], &g.sections[i]);
    judge(v);
    return v;
}

void view_free(struct view *v)
{
    if (!v)
        return;
    page_unref(v->page);
    for (uint32_t i = 0; i < v->n_incidents; i++)
        incident_unref(v->incidents[i]);
    arena_free(v->arena);
}

const struct view_target *view_find(const struct view *v, uint64_t id)
{
    for (uint32_t i = 0; i < v->n_sections; i++)
        for (uint32_t n = 0; n < v->sections[i].n; n++)
            if (v->sections[i].at[n].id == id)
                return &v->sections[i].at[n];
    return NULL;
}

const char *page_url(const struct status_page *p, const char *site, struct arena *a)
{
    const char *own = p->f.public_url ? p->f.public_url : "";
    size_t n = strlen(own);
    while (n > 0 && own[n - 1] == '/')
        n--;
    if (n > 0)
        return arena_strndup(a, own, n);
    return *site ? arena_printf(a, "%s/status/%s", site, p->f.slug) : "";
}

const char *view_url(const struct view *v, struct arena *a)
{
    return page_url(v->page, v->site, a);
}

const char *view_incident_title(const struct view *v, const struct incident *i, bool zh,
                                struct arena *a)
{
    if (!i->automatic)
        return i->title;
    if (i->targets.n > 1)
        return word(zh, W_AUTO_SOME);
    const struct view_target *t = i->targets.n ? view_find(v, i->targets.at[0]) : NULL;
    const char *words = word(zh, W_AUTO_ONE), *at = strstr(words, "%s");
    must(at != NULL);
    return arena_printf(a, "%.*s%s%s", (int)(at - words), words,
                        t ? t->name : word(zh, W_A_SERVICE), at + 2);
}
