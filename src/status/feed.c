/* Feeds of incidents: an entry each, which changes with its updates. RSS 2.0 (rssboard.org), Atom 1.0 (RFC 4287). */
#include <stdio.h>

#include "base/civil.h"
#include "base/clock.h"
#include "status/escape.h"
#include "status/render.h"

#define ENTRIES_MAX 30

/* Its name must never change and need not lead anywhere: a tag of the page's id (RFC 4151). */
static void put_id(struct buf *out, const struct view *v, uint64_t incident)
{
    buf_printf(out, "tag:belfry,2026:%s/%llu", v->page->f.slug, (unsigned long long)v->page->id);
    if (incident)
        buf_printf(out, "/incident/%llu", (unsigned long long)incident);
}

static const char *url_of(struct render *r)
{
    const char *url = view_url(r->view, r->arena);
    return *url ? url : arena_printf(r->arena, "/status/%s", r->view->page->f.slug);
}

static int64_t changed_ms(const struct incident *i)
{
    return i->n_updates ? i->updates[i->n_updates - 1].at_ms : i->started_ms;
}

/* All updates, the newest first, as HTML that the feed carries escaped. */
static void put_content(struct render *r, const struct incident *i)
{
    static const enum word words[] = {W_INVESTIGATING, W_IDENTIFIED, W_MONITORING, W_RESOLVED};
    must((size_t)i->status < array_len(words));
    struct buf html = BUF_INIT(1 << 20);
    for (uint32_t n = i->n_updates; n-- > 0;) {
        const struct incident_update *u = &i->updates[n];
        buf_printf(&html, "<p><strong>%s</strong> – ", word(r->zh, words[u->status]));
        put_moment(&html, r->zh, r->view->page->zone, u->at_ms, r->view->now_ms);
        buf_puts(&html, "</p>\n");
        render_update(r, u, &html);
    }
    put_escaped(r->out, html.data ? html.data : word(r->zh, words[i->status]));
    buf_done(&html);
}

static void put_element(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "<%s>", name);
    put_escaped(out, text);
    buf_printf(out, "</%s>\n", name);
}

static void put_rfc822(struct buf *out, const char *name, int64_t at_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t s = at_ms / 1000, day = s / 86400, rest = s % 86400;
    struct civil c = civil_of(day);
    must(c.month >= 1 && c.month <= 12 && c.weekday >= 0 && c.weekday < 7);
    buf_printf(out, "<%s>%s, %02d %s %04lld %02d:%02d:%02d +0000</%s>\n", name, days[c.weekday],
               c.day, months[c.month - 1], (long long)c.year, (int)(rest / 3600),
               (int)(rest / 60 % 60), (int)(rest % 60), name);
}

static void put_item(struct render *r, const struct incident *i, const char *url)
{
    buf_puts(r->out, "<item>\n");
    put_element(r->out, "title", view_incident_title(r->view, i, r->zh, r->arena));
    put_element(r->out, "link",
                arena_printf(r->arena, "%s#incident-%llu", url, (unsigned long long)i->id));
    buf_puts(r->out, "<guid isPermaLink=\"false\">");
    put_id(r->out, r->view, i->id);
    buf_puts(r->out, "</guid>\n");
    put_rfc822(r->out, "pubDate", changed_ms(i));
    buf_puts(r->out, "<description>");
    put_content(r, i);
    buf_puts(r->out, "</description>\n</item>\n");
}

static int64_t newest_ms(const struct view *v)
{
    int64_t at = v->page->created_ms;
    for (uint32_t i = 0; i < v->n_incidents; i++)
        at = changed_ms(v->incidents[i]) > at ? changed_ms(v->incidents[i]) : at;
    return at;
}

void render_rss(const struct view *v, bool zh, struct buf *out)
{
    must(v->page && v->page->id > 0);
    struct render r = {.out = out, .view = v, .arena = arena_new(), .zh = zh, .base = ""};
    const char *url = url_of(&r);
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n");
    put_element(out, "title", v->page->f.title);
    put_element(out, "link", url);
    put_element(out, "description", word(zh, v->n_incidents ? W_PAST : W_PAST_NONE));
    put_element(out, "language", zh ? "zh-cn" : "en");
    put_rfc822(out, "lastBuildDate", newest_ms(v));
    put_element(out, "ttl", "5");
    buf_puts(out, "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"");
    put_escaped(out, url);
    buf_puts(out, "/rss\"/>\n");
    for (uint32_t i = 0; i < v->n_incidents && i < ENTRIES_MAX; i++)
        put_item(&r, v->incidents[i], url);
    buf_puts(out, "</channel>\n</rss>\n");
    arena_free(r.arena);
}

static void put_entry(struct render *r, const struct incident *i, const char *url)
{
    char at[RFC3339_SIZE];
    buf_puts(r->out, "<entry>\n<id>");
    put_id(r->out, r->view, i->id);
    buf_puts(r->out, "</id>\n");
    put_element(r->out, "title", view_incident_title(r->view, i, r->zh, r->arena));
    put_element(r->out, "updated", time_format(changed_ms(i), at));
    put_element(r->out, "published", time_format(i->started_ms, at));
    buf_puts(r->out, "<link rel=\"alternate\" type=\"text/html\" href=\"");
    put_escaped(r->out, url);
    buf_printf(r->out, "#incident-%llu\"/>\n<content type=\"html\">", (unsigned long long)i->id);
    put_content(r, i);
    buf_puts(r->out, "</content>\n</entry>\n");
}

void render_atom(const struct view *v, bool zh, struct buf *out)
{
    must(v->page && v->page->id > 0);
    struct render r = {.out = out, .view = v, .arena = arena_new(), .zh = zh, .base = ""};
    const char *url = url_of(&r);
    char at[RFC3339_SIZE];
    buf_printf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" "
        "xml:lang=\"%s\">\n<id>",
        zh ? "zh-CN" : "en");
    put_id(out, v, 0);
    buf_puts(out, "</id>\n");
    put_element(out, "title", v->page->f.title);
    put_element(out, "updated", time_format(newest_ms(v), at));
    buf_puts(out, "<author><name>");
    put_escaped(out, v->page->f.title);
    buf_puts(out, "</name></author>\n<link rel=\"self\" type=\"application/atom+xml\" href=\"");
    put_escaped(out, url);
    buf_puts(out, "/atom\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"");
    put_escaped(out, url);
    buf_puts(out, "\"/>\n");
    for (uint32_t i = 0; i < v->n_incidents && i < ENTRIES_MAX; i++)
        put_entry(&r, v->incidents[i], url);
    buf_puts(out, "</feed>\n");
    arena_free(r.arena);
}
