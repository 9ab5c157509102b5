/* Incidents, open and past, and planned maintenance. */
#include "base/clock.h"
#include "status/escape.h"
#include "status/markdown.h"
#include "status/render.h"

static enum word impact_word(enum incident_impact i)
{
    static const enum word words[] = {W_MINOR, W_MAJOR, W_CRITICAL, W_IMPACT_MAINTENANCE};
    must((size_t)i < array_len(words));
    return words[i];
}

static enum word status_word(enum incident_status s)
{
    static const enum word words[] = {W_INVESTIGATING, W_IDENTIFIED, W_MONITORING, W_RESOLVED};
    must((size_t)s < array_len(words));
    return words[s];
}

static void put_moment_of(const struct render *r, int64_t at_ms)
{
    char text[RFC3339_SIZE];
    buf_printf(r->out, "<time datetime=\"%s\">", time_format(at_ms, text));
    put_moment(r->out, r->zh, r->view->page->zone, at_ms, r->view->now_ms);
    buf_puts(r->out, "</time>");
}

void render_update(const struct render *r, const struct incident_update *u, struct buf *out)
{
    uint64_t id = u->fell ? u->fell : u->rose;
    const struct view_target *t = id ? view_find(r->view, id) : NULL;
    if (!id) {
        markdown_html(out, u->markdown);
        return;
    }
    buf_puts(out, "<p>");
    put_filled(out, word(r->zh, u->fell ? W_AUTO_FELL : W_AUTO_ROSE),
               t ? t->name : word(r->zh, W_A_SERVICE));
    buf_puts(out, "</p>");
}

static void put_updates(const struct render *r, const struct incident *i)
{
    buf_puts(r->out, "<ol class=\"updates\">\n");
    for (uint32_t n = i->n_updates; n-- > 0;) {
        const struct incident_update *u = &i->updates[n];
        buf_printf(r->out, "<li><div class=\"said\"><b>%s</b> · ",
                   word(r->zh, status_word(u->status)));
        put_moment_of(r, u->at_ms);
        buf_puts(r->out, "</div><div class=\"words\">");
        render_update(r, u, r->out);
        buf_puts(r->out, "</div></li>\n");
    }
    buf_puts(r->out, "</ol>");
}

static void put_names(const struct render *r, const char *const *names, uint32_t n)
{
    if (n == 0)
        return;
    buf_printf(r->out, "<p class=\"meta\">%s%s", word(r->zh, W_AFFECTED), r->zh ? "：" : ": ");
    for (uint32_t i = 0; i < n; i++) {
        buf_puts(r->out, i == 0 ? "" : r->zh ? "、" : ", ");
        put_escaped(r->out, names[i]);
    }
    buf_puts(r->out, "</p>");
}

static void put_affected(const struct render *r, const struct incident *i)
{
    const char **names = arena_array_of(r->arena, const char *, i->targets.n + 1);
    uint32_t n = 0;
    for (uint32_t t = 0; t < i->targets.n; t++) {
        const struct view_target *found = view_find(r->view, i->targets.at[t]);
        if (found)
            names[n++] = found->name;
    }
    put_names(r, names, n);
}

static void put_head(const struct render *r, const struct incident *i)
{
    buf_puts(r->out, "<div class=\"head\"><h3>");
    put_escaped(r->out, view_incident_title(r->view, i, r->zh, r->arena));
    buf_printf(r->out, "</h3><span class=\"chip i-%s\">%s</span>", incident_impacts[i->impact],
               word(r->zh, impact_word(i->impact)));
    buf_printf(r->out, "<span class=\"chip\">%s</span></div>", word(r->zh, status_word(i->status)));
}

static void put_open(const struct render *r, const struct incident *i)
{
    buf_printf(r->out, "<article class=\"card incident i-%s\" id=\"incident-%llu\">",
               incident_impacts[i->impact], (unsigned long long)i->id);
    put_head(r, i);
    put_affected(r, i);
    if (i->n_updates) {
        put_updates(r, i);
    } else {
        buf_puts(r->out, "<p class=\"meta\">");
        put_moment_of(r, i->started_ms);
        buf_puts(r->out, "</p>");
    }
    buf_puts(r->out, "</article>\n");
}

void render_incidents(const struct render *r)
{
    bool any = false;
    for (uint32_t i = 0; i < r->view->n_incidents; i++) {
        const struct incident *it = r->view->incidents[i];
        if (it->status == INCIDENT_RESOLVED)
            continue;
        if (!any)
            buf_printf(r->out, "<section><h2 class=\"part\">%s</h2>\n", word(r->zh, W_INCIDENTS));
        any = true;
        put_open(r, it);
    }
    if (any)
        buf_puts(r->out, "</section>\n");
}

static void put_window(const struct render *r, const struct view_window *w)
{
    buf_puts(r->out, "<article class=\"card incident window\"><div class=\"head\"><h3>");
    put_escaped(r->out, w->title);
    buf_puts(r->out, "</h3>");
    if (w->active)
        buf_printf(r->out, "<span class=\"chip i-maintenance\">%s</span>",
                   word(r->zh, W_UNDER_WAY));
    buf_puts(r->out, "</div><p class=\"meta\">");
    put_moment_of(r, w->starts_ms);
    buf_puts(r->out, " – ");
    if (w->ends_ms)
        put_moment_of(r, w->ends_ms);
    else
        buf_puts(r->out, word(r->zh, W_UNTIL_FURTHER));
    buf_puts(r->out, "</p>");
    put_names(r, w->names, w->n_names);
    buf_puts(r->out, "</article>\n");
}

/* What is under way stands above the services, what is planned below them. */
void render_windows(const struct render *r, bool active)
{
    bool any = false;
    for (uint32_t i = 0; i < r->view->n_windows; i++) {
        const struct view_window *w = &r->view->windows[i];
        if (w->active != active)
            continue;
        if (!any)
            buf_printf(r->out, "<section><h2 class=\"part\">%s</h2>\n",
                       word(r->zh, active ? W_ALL_MAINTENANCE : W_PLANNED));
        any = true;
        put_window(r, w);
    }
    if (any)
        buf_puts(r->out, "</section>\n");
}

/* --- those that are over --- */

static int64_t day_of(const struct render *r, int64_t at_ms)
{
    int64_t local = at_ms / 1000 + zone_seconds(r->view->page->zone, at_ms / 1000);
    return local / 86400 - (local % 86400 < 0);
}

static void put_over(const struct render *r, const struct incident *i)
{
    struct buf span = BUF_INIT(100);
    put_span(&span, r->zh, i->resolved_ms > i->started_ms ? i->resolved_ms - i->started_ms : 0);
    buf_printf(r->out, "<article class=\"card incident over\" id=\"incident-%llu\">",
               (unsigned long long)i->id);
    put_head(r, i);
    buf_puts(r->out, "<p class=\"meta\">");
    put_moment_of(r, i->started_ms);
    buf_puts(r->out, " · ");
    put_escaped(r->out, span.data);
    buf_puts(r->out, "</p>");
    put_affected(r, i);
    if (i->n_updates) {
        const struct incident_update *last = &i->updates[i->n_updates - 1];
        buf_puts(r->out, "<details class=\"more\"><summary>");
        buf_printf(r->out, "%s · ", word(r->zh, status_word(last->status)));
        put_moment_of(r, last->at_ms);
        buf_puts(r->out, "</summary>");
        put_updates(r, i);
        buf_puts(r->out, "</details>");
    }
    buf_puts(r->out, "</article>\n");
    buf_done(&span);
}

void render_past_incidents(const struct render *r)
{
    int64_t last = INT64_MIN;
    buf_printf(r->out, "<section class=\"past\"><h2 class=\"part\">%s</h2>\n", word(r->zh, W_PAST));
    for (uint32_t i = 0; i < r->view->n_incidents; i++) {
        const struct incident *it = r->view->incidents[i];
        if (it->status != INCIDENT_RESOLVED || it->resolved_ms < r->view->now_ms - VIEW_PAST_MS)
            continue;
        int64_t day = day_of(r, it->started_ms);
        if (day != last) {
            buf_puts(r->out, "<p class=\"day\">");
            put_day(r->out, r->zh, day);
            buf_puts(r->out, "</p>\n");
        }
        last = day;
        put_over(r, it);
    }
    if (last == INT64_MIN)
        buf_printf(r->out, "<p class=\"meta\">%s</p>\n", word(r->zh, W_PAST_NONE));
    buf_puts(r->out, "</section>\n");
}
