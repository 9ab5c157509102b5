/* Sections of targets: state, figures, and a bar for each day. */
#include <math.h>
#include <stdio.h>

#include "status/escape.h"
#include "status/render.h"

#define FEW_DAYS 45 /* so many bars fit a phone */

/* Nothing, a trace, some, much; by share of the day. */
static const char *class_of(const struct past *p, uint32_t day)
{
    if (isnan(p->up[day]))
        return "n";
    if (p->down[day] < 0.5f)
        return "";
    return p->up[day] >= 0.99f ? "b" : p->up[day] >= 0.95f ? "c" : "d";
}

static int64_t first_day(const struct render *r, uint32_t days)
{
    int64_t now = r->view->now_ms / 1000;
    int64_t local = now + zone_seconds(r->view->page->zone, now);
    return local / 86400 - days + 1;
}

static void put_bar(const struct render *r, const struct past *p, uint32_t day, int64_t date)
{
    must(day < p->n);
    const char *class = class_of(p, day);
    struct buf span = BUF_INIT(100);
    buf_puts(r->out, "<i");
    if (*class)
        buf_printf(r->out, " class=\"%s\"", class);
    buf_puts(r->out, " data-t=\"");
    put_day(r->out, r->zh, date);
    buf_puts(r->out, r->zh ? "：" : ": ");
    if (isnan(p->up[day])) {
        buf_puts(r->out, word(r->zh, W_NO_DATA));
    } else if (!*class) {
        buf_puts(r->out, word(r->zh, W_NO_DOWNTIME));
    } else {
        put_share(r->out, (double)p->up[day]);
        buf_puts(r->out, " · ");
        put_span(&span, r->zh, (int64_t)(p->down[day] * 60000));
        put_filled(r->out, word(r->zh, W_DOWN_FOR), span.data);
    }
    buf_puts(r->out, "\"></i>");
    buf_done(&span);
}

static void put_scale(const struct render *r, const struct past *p, int64_t first)
{
    buf_puts(r->out, "<div class=\"scale\"><span class=\"far\">");
    put_day(r->out, r->zh, first);
    buf_puts(r->out, "</span><span class=\"near\">");
    put_day(r->out, r->zh, first + (p->n > FEW_DAYS ? p->n - FEW_DAYS : 0));
    buf_printf(r->out, "</span><span>%s</span></div>", word(r->zh, W_TODAY));
}

static void put_bars(const struct render *r, const struct view_target *t)
{
    const struct past *p = t->past;
    int64_t first = first_day(r, p->n);
    buf_printf(r->out, "<div class=\"bars%s%s\" role=\"img\" aria-label=\"",
               p->n <= FEW_DAYS ? " few" : "", p->n > 100 ? " thin" : "");
    put_day(r->out, r->zh, first);
    buf_printf(r->out, " – %s: ", word(r->zh, W_TODAY));
    if (isnan(p->uptime)) {
        buf_puts(r->out, word(r->zh, W_NO_DATA));
    } else {
        buf_printf(r->out, "%s ", word(r->zh, W_UPTIME));
        put_share(r->out, p->uptime);
    }
    buf_puts(r->out, "\">");
    for (uint32_t day = 0; day < p->n; day++)
        put_bar(r, p, day, first + day);
    buf_puts(r->out, "</div>");
    put_scale(r, p, first);
}

static void put_figures(const struct render *r, const struct view_target *t)
{
    const struct status_page *p = r->view->page;
    if (p->f.show_latency && !isnan(t->latency_ms)) {
        buf_printf(r->out, "<span class=\"fig\" title=\"%s\">", word(r->zh, W_LATENCY));
        put_latency(r->out, t->latency_ms);
        buf_puts(r->out, "</span>");
    }
    if (p->f.show_uptime && t->past && !isnan(t->past->uptime)) {
        buf_puts(r->out, "<span class=\"fig\">");
        put_share(r->out, t->past->uptime);
        buf_printf(r->out, " %s</span>", word(r->zh, W_UPTIME));
    }
}

static void put_target(const struct render *r, const struct view_target *t)
{
    const char *state = view_state_name(t->state);
    buf_printf(r->out, "<li class=\"row\"><div class=\"line\"><span class=\"s-%s\">", state);
    render_icon(r->out, t->state);
    buf_puts(r->out, "</span><span class=\"name\">");
    put_escaped(r->out, t->name);
    buf_puts(r->out, "</span>");
    put_figures(r, t);
    buf_printf(r->out, "<span class=\"tag s-%s\">%s</span></div>", state,
               word(r->zh, render_word_of(t->state)));
    if (t->past)
        put_bars(r, t);
    buf_puts(r->out, "</li>\n");
}

static void put_targets(const struct render *r, const struct view_section *s, const char *class)
{
    buf_printf(r->out, "<ul class=\"%s\">\n", class);
    for (uint32_t i = 0; i < s->n; i++)
        put_target(r, &s->at[i]);
    buf_puts(r->out, "</ul>");
}

static void put_section(const struct render *r, const struct view_section *s)
{
    if (!*s->title) {
        buf_puts(r->out, "<div class=\"card\">");
        put_targets(r, s, "rows bare");
        buf_puts(r->out, "</div>\n");
        return;
    }
    buf_puts(r->out, "<details class=\"card\" open><summary><h2>");
    put_escaped(r->out, s->title);
    buf_printf(r->out, "</h2><span class=\"tag s-%s\">%s</span><span class=\"s-%s\">",
               view_state_name(s->state), word(r->zh, render_word_of(s->state)),
               view_state_name(s->state));
    render_icon(r->out, s->state);
    buf_puts(r->out, "</span></summary>");
    put_targets(r, s, "rows");
    buf_puts(r->out, "</details>\n");
}

/* Does anything stand between the overall state and the services? Then these need a heading that is seen. */
static bool has_news(const struct view *v)
{
    for (uint32_t i = 0; i < v->n_incidents; i++)
        if (v->incidents[i]->status != INCIDENT_RESOLVED)
            return true;
    for (uint32_t i = 0; i < v->n_windows; i++)
        if (v->windows[i].active)
            return true;
    return false;
}

void render_sections(const struct render *r)
{
    const struct view *v = r->view;
    char number[24];
    buf_printf(r->out, "<section id=\"services\"><h2 class=\"%s\">%s</h2>\n",
               has_news(v) ? "part" : "hide", word(r->zh, W_SERVICES));
    for (uint32_t i = 0; i < v->n_sections; i++)
        if (v->sections[i].n)
            put_section(r, &v->sections[i]);
    if (v->n_targets == 0)
        buf_printf(r->out, "<div class=\"card empty\">%s</div>\n", word(r->zh, W_EMPTY));
    if (v->not_shown) {
        snprintf(number, sizeof(number), "%u", v->not_shown);
        buf_puts(r->out, "<p class=\"meta\">");
        put_filled(r->out, word(r->zh, W_MORE_NOT_SHOWN), number);
        buf_puts(r->out, "</p>");
    }
    buf_puts(r->out, "</section>\n");
}
