/* A view as bytes: the page (HTML), JSON, feeds (RSS 2.0, Atom 1.0: RFC 4287), badges (SVG). Complete and without script; every text of
 * people is escaped on its way out. Any thread; pure. */
#ifndef STATUS_RENDER_H
#define STATUS_RENDER_H

#include "status/view.h"
#include "status/words.h"

struct render {
    struct buf *out;
    const struct view *view;
    struct arena *arena;
    bool zh;
    const char *base; /* from the page's address to what lies below it: "main" or "status/main" */
};

/* The page. policy: its Content-Security-Policy, which names the style sheet within by its hash. */
void render_page(const struct view *v, bool zh, const char *base, struct buf *out,
                 struct buf *policy);
void render_json(const struct view *v, bool zh, struct buf *out);
void render_rss(const struct view *v, bool zh, struct buf *out);
void render_atom(const struct view *v, bool zh, struct buf *out);

/* A small page of the same make: a notice, or a form. */
struct small_page {
    const struct status_page *page;
    bool zh;
    const char *title, *text; /* texts of ours */
    const char *about;        /* fills a %s of the text; NULL */
    const char *back;         /* address of the status page, relative; NULL: no link */
    enum { FORM_NONE, FORM_PASSWORD, FORM_SUBSCRIBE, FORM_BUTTON } form;
    const char *action;     /* of the form */
    const char *button;     /* FORM_BUTTON */
    const char *id, *token; /* FORM_BUTTON: hidden fields */
    const char *error;      /* said above the form; NULL */
    bool mail, webhook;     /* FORM_SUBSCRIBE: what may be chosen */
};
void render_small(const struct small_page *s, struct buf *out, struct buf *policy);

/* --- badges --- */
struct badge {
    const char *label, *text;
    const char *colour; /* "#1a7f4b" */
};
void render_badge(const struct badge *b, struct buf *out);

/* --- shared by the files of the page --- */
void render_open(struct buf *out, const struct status_page *p, bool zh, const char *title,
                 struct buf *policy); /* <!DOCTYPE … <style>…: the head stays open */
void render_brand(struct buf *out, const struct status_page *p, const char *base);
void render_icon(struct buf *out, enum view_state s);
void render_incidents(const struct render *r);
void render_windows(const struct render *r, bool active);
void render_past_incidents(const struct render *r);
void render_sections(const struct render *r);
enum word render_word_of(enum view_state s);
/* An update's words as HTML: Markdown, or those of an automatic one. */
void render_update(const struct render *r, const struct incident_update *u, struct buf *out);

#endif
