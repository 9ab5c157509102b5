/* The page as a whole: head, overall state, its parts, foot. */
#include <math.h>

#include "base/str.h"
#include "status/escape.h"
#include "status/markdown.h"
#include "status/render.h"

static const char *const shapes[N_VIEW_STATES] = {
    [VIEW_UP] = "<circle cx=\"10\" cy=\"10\" r=\"9\"/><path d=\"m5.8 10.3 2.9 2.9 5.6-6\"/>",
    [VIEW_DEGRADED] = "<path d=\"M10 1.6 19 17.8H1z\"/><path d=\"M10 7.4v4.6M10 14.6v.6\"/>",
    [VIEW_DOWN] =
        "<path d=\"M6.2 1h7.6L19 6.2v7.6L13.8 19H6.2L1 13.8V6.2z\"/><path d=\"m6.8 6.8 6.4 6.4M13.2 6.8l-6.4 6.4\"/>",
    [VIEW_MAINTENANCE] =
        "<rect x=\"1.5\" y=\"1.5\" width=\"17\" height=\"17\" rx=\"4\"/><path d=\"M5.5 14.5 11 9M10.2 6.2a3 3 0 0 1 4-1.4l-2 2 1 1 2-2a3 3 0 0 1-4 3.8\"/>",
    [VIEW_PAUSED] = "<circle cx=\"10\" cy=\"10\" r=\"9\"/><path d=\"M8 6.6v6.8M12 6.6v6.8\"/>",
    [VIEW_UNKNOWN] =
        "<circle cx=\"10\" cy=\"10\" r=\"8.4\" class=\"ring\"/><path class=\"dot\" d=\"M6 10h.01M10 10h.01M14 10h.01\"/>",
};

void render_icon(struct buf *out, enum view_state s)
{
    buf_printf(out, "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"#s-%s\"/></svg>",
               view_state_name(s));
}

/* The first path is filled, what lies on it is drawn in the card's colour. */
static void put_shapes(struct buf *out)
{
    buf_puts(out, "<svg width=\"0\" height=\"0\" class=\"hide\" aria-hidden=\"true\">");
    for (enum view_state s = 0; s < N_VIEW_STATES; s++) {
        bool hollow = s == VIEW_UNKNOWN;
        buf_printf(out,
                   "<symbol id=\"s-%s\" viewBox=\"0 0 20 20\" fill=\"%s\" stroke=\"currentColor\" "
                   "stroke-width=\"%s\" stroke-linecap=\"round\" stroke-linejoin=\"round\">",
                   view_state_name(s), hollow ? "none" : "currentColor", hollow ? "1.8" : "1");
        const char *second = strstr(shapes[s], "/><") + 2;
        buf_add(out, shapes[s], (size_t)(second - shapes[s]));
        buf_printf(out, "<g fill=\"none\" stroke=\"%s\" stroke-width=\"2\">%s</g></symbol>",
                   hollow ? "currentColor" : "var(--card)", second);
    }
    buf_puts(out, "</svg>\n");
}

enum word render_word_of(enum view_state s)
{
    static const enum word words[] = {
        [VIEW_DOWN] = W_DOWN, [VIEW_DEGRADED] = W_DEGRADED, [VIEW_MAINTENANCE] = W_MAINTENANCE,
        [VIEW_UP] = W_UP,     [VIEW_PAUSED] = W_PAUSED,     [VIEW_UNKNOWN] = W_UNKNOWN,
    };
    must((size_t)s < array_len(words));
    return words[s];
}

static enum word overall_word(const struct view *v)
{
    static const enum word words[] = {
        [VIEW_DOWN] = W_ALL_DOWN,
        [VIEW_DEGRADED] = W_ALL_DEGRADED,
        [VIEW_MAINTENANCE] = W_ALL_MAINTENANCE,
        [VIEW_UP] = W_ALL_UP,
        [VIEW_PAUSED] = W_ALL_UNKNOWN,
        [VIEW_UNKNOWN] = W_ALL_UNKNOWN,
    };
    return v->outage ? W_ALL_OUTAGE : words[v->state];
}

/* A mark in the tab that shows the state by shape and colour. */
static void put_favicon(struct buf *out, enum view_state s)
{
    static const char *const colours[] = {
        [VIEW_DOWN] = "d9483b", [VIEW_DEGRADED] = "e0a526", [VIEW_MAINTENANCE] = "6d93e8",
        [VIEW_UP] = "35a768",   [VIEW_PAUSED] = "8a939d",   [VIEW_UNKNOWN] = "8a939d",
    };
    const char *mark = s == VIEW_UP     ? "m9 16.5 5 5 9-10"
                       : s == VIEW_DOWN ? "m10 10 12 12m0-12-12 12"
                                        : "M16 8v10m0 5v1";
    buf_printf(
        out,
        "<link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%%3E"
        "%%3Crect width='32' height='32' rx='%s' fill='%%23%s'/%%3E%%3Cpath d='%s' fill='none' stroke='%%23fff' "
        "stroke-width='3.5' stroke-linecap='round'/%%3E%%3C/svg%%3E\">\n",
        s == VIEW_DOWN ? "7" : "16", colours[s], mark);
}

void render_brand(struct buf *out, const struct status_page *p, const char *base)
{
    buf_puts(out, "<div class=\"brand\">");
    if (p->logo.type && base)
        buf_printf(out, "<img src=\"%s/logo?v=%lld\" alt=\"\">", base, (long long)p->updated_ms);
    buf_puts(out, "<h1>");
    put_escaped(out, p->f.title);
    buf_puts(out, "</h1></div>\n");
}

static const char *feed_key(const struct render *r)
{
    char token[TOKEN_SIZE];
    if (!page_private(r->view->page))
        return "";
    token_make(r->view->page->key, "feed", r->view->page->id, token);
    return arena_printf(r->arena, "?key=%s", token);
}

static void put_head(const struct render *r, struct buf *policy)
{
    const struct status_page *p = r->view->page;
    const char *state = word(r->zh, overall_word(r->view)), *key = feed_key(r);
    render_open(r->out, p, r->zh, arena_printf(r->arena, "%s · %s", p->f.title, state), policy);
    put_favicon(r->out, r->view->outage ? VIEW_DOWN : r->view->state);
    buf_printf(
        r->out,
        "<link rel=\"alternate\" type=\"application/atom+xml\" title=\"Atom\" href=\"%s/atom%s\">\n"
        "<link rel=\"alternate\" type=\"application/rss+xml\" title=\"RSS\" href=\"%s/rss%s\">\n",
        r->base, key, r->base, key);
    buf_puts(r->out, "<meta name=\"description\" content=\"");
    put_escaped(r->out, state);
    buf_puts(r->out, page_private(p) ? "\">\n<meta name=\"robots\" content=\"noindex\">\n</head>\n"
                                     : "\">\n</head>\n");
}

static void put_overall(const struct render *r)
{
    const struct view *v = r->view;
    enum view_state shown = v->outage                 ? VIEW_DOWN
                            : v->state == VIEW_PAUSED ? VIEW_UNKNOWN
                                                      : v->state;
    struct buf at = BUF_INIT(200);
    put_moment(&at, r->zh, v->page->zone, v->now_ms, v->now_ms);
    buf_printf(r->out, "<section class=\"card overall s-%s\">", view_state_name(shown));
    render_icon(r->out, shown);
    buf_printf(r->out, "<div><h2>%s</h2><p>", word(r->zh, overall_word(v)));
    put_filled(r->out, word(r->zh, W_AS_OF), at.data);
    buf_puts(r->out, "</p></div></section>\n");
    buf_done(&at);
}

static void put_header(const struct render *r)
{
    const struct status_page *p = r->view->page;
    buf_printf(r->out, "<body>\n<a class=\"skip\" href=\"#services\">%s</a>\n",
               word(r->zh, W_SKIP));
    put_shapes(r->out);
    buf_puts(r->out, "<div class=\"wrap\">\n<header>\n");
    render_brand(r->out, p, r->base);
    if (p->f.description && *p->f.description) {
        buf_puts(r->out, "<div class=\"about words\">");
        markdown_html(r->out, p->f.description);
        buf_puts(r->out, "</div>\n");
    }
    buf_puts(r->out, "</header>\n<main>\n");
}

static void put_links(const struct render *r)
{
    const struct status_page *p = r->view->page;
    const char *key = feed_key(r);
    buf_puts(r->out, "<nav>");
    if (p->f.subscribe_webhook || p->f.mail_channel_id)
        buf_printf(r->out, "<a href=\"%s/subscribe?lang=%s\">%s</a>", r->base, r->zh ? "zh" : "en",
                   word(r->zh, W_SUBSCRIBE));
    buf_printf(r->out, "<a href=\"%s/rss%s\">RSS</a><a href=\"%s/atom%s\">Atom</a>", r->base, key,
               r->base, key);
    if (p->f.language == PAGE_AUTO)
        buf_printf(r->out, "<a href=\"?lang=%s\" lang=\"%s\" hreflang=\"%s\">%s</a>",
                   r->zh ? "en" : "zh", r->zh ? "en" : "zh-CN", r->zh ? "en" : "zh-CN",
                   word(r->zh, W_OTHER_LANGUAGE));
    buf_puts(r->out, "</nav>\n");
}

static void put_footer(const struct render *r)
{
    const struct status_page *p = r->view->page;
    const char *zone =
        p->f.time_zone && *p->f.time_zone ? p->f.time_zone : word(r->zh, W_LOCAL_TIME);
    int east = zone_seconds(p->zone, r->view->now_ms / 1000) / 60, off = east < 0 ? -east : east;
    buf_puts(r->out, "</main>\n<footer>\n");
    if (p->f.footer && *p->f.footer) {
        buf_puts(r->out, "<div class=\"words\">");
        markdown_html(r->out, p->f.footer);
        buf_puts(r->out, "</div>\n");
    }
    put_links(r);
    buf_puts(r->out, "<p>");
    put_filled(r->out, word(r->zh, W_ZONE), zone);
    buf_printf(r->out, " (UTC%c%02d:%02d) · %s</p>\n</footer>\n</div>\n</body>\n</html>\n",
               east < 0 ? '-' : '+', off / 60, off % 60, word(r->zh, W_MADE_BY));
}

void render_page(const struct view *v, bool zh, const char *base, struct buf *out,
                 struct buf *policy)
{
    struct render r = {.out = out, .view = v, .arena = arena_new(), .zh = zh, .base = base};
    put_head(&r, policy);
    put_header(&r);
    put_overall(&r);
    render_incidents(&r);
    render_windows(&r, true);
    render_sections(&r);
    render_windows(&r, false);
    render_past_incidents(&r);
    put_footer(&r);
    arena_free(r.arena);
}
