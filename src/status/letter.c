/* What subscribers are told: a mail as text and HTML, a webhook's JSON. Each message says how to receive no more. Pure. */
#include <stdio.h>

#include "base/clock.h"
#include "status/escape.h"
#include "status/markdown.h"
#include "status/render.h"
#include "status/status_priv.h"

static const char *text_of(struct arena *a, struct buf *b)
{
    const char *text = arena_strndup(a, b->data ? b->data : "", b->len);
    buf_done(b);
    return text;
}

static const char *link_of(const struct status_page *p, const struct subscriber *sub,
                           const char *url, const char *purpose, const char *what, struct arena *a)
{
    must(sub->id > 0 && *purpose && *what);
    char token[TOKEN_SIZE];
    token_make(p->key, purpose, sub->id, token);
    return arena_printf(a, "%s/%s?id=%llu&token=%s&lang=%s", url, what, (unsigned long long)sub->id,
                        token, sub->zh ? "zh" : "en");
}

/* A page with a host of its own lies at its root; what lies below it, below /status/SLUG. */
static const char *below(const struct status_page *p, const char *url, struct arena *a)
{
    return *p->domain ? arena_printf(a, "%s/status/%s", url, p->f.slug) : url;
}

static void put_html_link(struct buf *out, const char *url)
{
    buf_puts(out, "<a href=\"");
    put_escaped(out, url);
    buf_puts(out, "\">");
    put_escaped(out, url);
    buf_puts(out, "</a>");
}

static void html_open(struct buf *out, const char *title)
{
    buf_puts(
        out,
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n"
        "<body style=\"font-family:sans-serif;font-size:15px;line-height:1.6;max-width:640px\">\n"
        "<h2 style=\"font-size:18px\">");
    put_escaped(out, title);
    buf_puts(out, "</h2>\n");
}

static void put_foot(struct buf *text, struct buf *html, bool zh, const char *url,
                     const char *leave)
{
    buf_printf(text, "\n\n-- \n%s %s\n%s %s\n", word(zh, W_MAIL_PAGE), url,
               word(zh, W_MAIL_UNSUBSCRIBE), leave);
    buf_printf(html, "<p style=\"color:#667;font-size:13px\">%s ", word(zh, W_MAIL_PAGE));
    put_html_link(html, url);
    buf_printf(html, "<br>%s ", word(zh, W_MAIL_UNSUBSCRIBE));
    put_html_link(html, leave);
    buf_puts(html, "</p></body></html>\n");
}

static const char *filled(struct arena *a, const char *words, const char *text)
{
    const char *at = strstr(words, "%s");
    must(at != NULL);
    return arena_printf(a, "%.*s%s%s", (int)(at - words), words, text, at + 2);
}

static void put_page(struct json *j, const struct status_page *p, const char *url)
{
    json_kobj(j, "page");
    json_kstr(j, "slug", p->f.slug);
    json_kstr(j, "title", p->f.title);
    json_kstr(j, "url", *url ? url : NULL);
    json_end(j);
}

void status__confirm_letter(const struct status_page *p, const struct subscriber *sub,
                            const char *url, struct arena *a, struct letter_texts *out)
{
    char challenge[TOKEN_SIZE];
    struct buf text = BUF_INIT(1 << 16), html = BUF_INIT(1 << 16), json = BUF_INIT(1 << 16);
    const char *link = link_of(p, sub, below(p, url, a), "confirm", "confirm", a);
    token_make(p->key, "confirm", sub->id, challenge);
    out->subject = filled(a, word(sub->zh, W_MAIL_CONFIRM_SUBJECT), p->f.title);
    out->leave_url = NULL;
    out->challenge = arena_strdup(a, challenge);
    buf_printf(&text, "%s\n\n%s\n", word(sub->zh, W_MAIL_CONFIRM_TEXT), link);
    html_open(&html, out->subject);
    buf_printf(&html, "<p>%s</p><p>", word(sub->zh, W_MAIL_CONFIRM_TEXT));
    put_html_link(&html, link);
    buf_puts(&html, "</p></body></html>\n");
    struct json j = json_start(&json);
    json_obj(&j);
    json_kstr(&j, "type", "challenge");
    json_kstr(&j, "challenge", challenge);
    put_page(&j, p, url);
    json_kstr(&j, "confirm_url", *url ? link : NULL);
    json_end(&j);
    out->text = text_of(a, &text);
    out->html = text_of(a, &html);
    out->json = text_of(a, &json);
}

/* --- an update --- */

struct told {
    const struct status_page *page;
    const struct subscriber *sub;
    const struct incident *incident;
    const struct incident_update *update;
    const char *title, *url, *leave;
    const char *says; /* of an automatic one; NULL: Markdown */
};

static const char *status_of(const struct told *t)
{
    must(t->update->status <= INCIDENT_RESOLVED);
    static const enum word words[] = {W_INVESTIGATING, W_IDENTIFIED, W_MONITORING, W_RESOLVED};
    return word(t->sub->zh, words[t->update->status]);
}

static void put_words(const struct told *t, struct buf *text, struct buf *html)
{
    must(t->says || t->update->markdown);
    if (t->says) {
        buf_puts(text, t->says);
        buf_puts(html, "<p>");
        put_escaped(html, t->says);
        buf_puts(html, "</p>");
    } else {
        markdown_text(text, t->update->markdown);
        markdown_html(html, t->update->markdown);
    }
}

static void put_mail(const struct told *t, struct arena *a, struct letter_texts *out)
{
    struct buf text = BUF_INIT(1 << 18), html = BUF_INIT(1 << 18);
    out->subject = arena_printf(a, "[%s] %s: %s", t->page->f.title, status_of(t), t->title);
    html_open(&html, t->title);
    buf_printf(&html, "<p><b>%s</b> · ", status_of(t));
    buf_printf(&text, "%s\n%s · ", t->title, status_of(t));
    put_moment(&html, t->sub->zh, t->page->zone, t->update->at_ms, t->update->at_ms);
    put_moment(&text, t->sub->zh, t->page->zone, t->update->at_ms, t->update->at_ms);
    buf_puts(&html, "</p>\n");
    buf_puts(&text, "\n\n");
    put_words(t, &text, &html);
    put_foot(&text, &html, t->sub->zh, t->url, t->leave);
    out->text = text_of(a, &text);
    out->html = text_of(a, &html);
}

static void put_incident(struct json *j, const struct told *t)
{
    const struct incident *i = t->incident;
    json_kobj(j, "incident");
    json_kuint(j, "id", i->id);
    json_kstr(j, "title", t->title);
    json_kstr(j, "impact", incident_impacts[i->impact]);
    json_kstr(j, "status", incident_statuses[i->status]);
    json_ktime(j, "started_at", i->started_ms);
    json_ktime(j, "resolved_at", i->resolved_ms);
    json_end(j);
}

static const char *make_json(const struct told *t, struct arena *a)
{
    struct buf json = BUF_INIT(1 << 19), text = BUF_INIT(1 << 18), html = BUF_INIT(1 << 18);
    struct json j = json_start(&json);
    put_words(t, &text, &html);
    json_obj(&j);
    json_kstr(&j, "type", "incident");
    put_page(&j, t->page, t->url);
    put_incident(&j, t);
    json_kobj(&j, "update");
    json_kuint(&j, "id", t->update->id);
    json_ktime(&j, "at", t->update->at_ms);
    json_kstr(&j, "status", incident_statuses[t->update->status]);
    json_kstr(&j, "text", text.data ? text.data : "");
    json_kstr(&j, "html", html.data ? html.data : "");
    json_end(&j);
    json_kstr(&j, "unsubscribe_url", *t->url ? t->leave : NULL);
    json_end(&j);
    buf_done(&text);
    buf_done(&html);
    return text_of(a, &json);
}

void status__update_letter(const struct status_page *p, const struct subscriber *sub,
                           const char *url, const struct incident *i,
                           const struct incident_update *u,
                           const char *(*name)(void *arg, uint64_t target), void *arg,
                           struct arena *a, struct letter_texts *out)
{
    must(i && u && name);
    uint64_t id = u->fell ? u->fell : u->rose;
    struct told t = {
        .page = p, .sub = sub, .incident = i, .update = u, .title = i->title, .url = url};
    t.leave = link_of(p, sub, below(p, url, a), "leave", "unsubscribe", a);
    if (id)
        t.says = filled(a, word(sub->zh, u->fell ? W_AUTO_FELL : W_AUTO_ROSE), name(arg, id));
    if (i->automatic)
        t.title = i->targets.n > 1 ? word(sub->zh, W_AUTO_SOME)
                                   : filled(a, word(sub->zh, W_AUTO_ONE),
                                            name(arg, i->targets.n ? i->targets.at[0] : 0));
    put_mail(&t, a, out);
    out->json = make_json(&t, a);
    out->leave_url = *url ? t.leave : NULL;
    out->challenge = NULL;
}
