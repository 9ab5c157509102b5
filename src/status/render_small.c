/* Small pages: notices, the password, subscribing, confirming. */
#include "status/escape.h"
#include "status/render.h"

static void put_input(struct buf *out, const char *kind, const char *name, const char *label,
                      const char *more)
{
    buf_printf(
        out,
        "<div><label for=\"%s-%s\">%s</label><input id=\"%s-%s\" type=\"%s\" name=\"%s\" required %s></div>\n",
        name, kind, label, name, kind, kind, name, more);
}

static void put_start(const struct small_page *s, struct buf *out)
{
    buf_puts(out, "<form method=\"post\" action=\"");
    put_escaped(out, s->action);
    buf_puts(out, "\">\n");
}

static void put_button(struct buf *out, const char *label)
{
    buf_printf(out, "<button type=\"submit\">%s</button></form>\n", label);
}

static void put_subscribe(const struct small_page *s, struct buf *out)
{
    const char *language = s->zh ? "zh" : "en";
    buf_puts(out, "<div class=\"sorts\">");
    if (s->mail) {
        put_start(s, out);
        buf_printf(
            out,
            "<input type=\"hidden\" name=\"type\" value=\"mail\"><input type=\"hidden\" name=\"language\" "
            "value=\"%s\">",
            language);
        put_input(out, "email", "to", word(s->zh, W_MAIL_ADDRESS),
                  "autocomplete=\"email\" maxlength=\"254\"");
        put_button(out, word(s->zh, W_SUBSCRIBE));
    }
    if (s->webhook) {
        put_start(s, out);
        buf_printf(
            out,
            "<input type=\"hidden\" name=\"type\" value=\"webhook\"><input type=\"hidden\" name=\"language\" "
            "value=\"%s\">",
            language);
        put_input(out, "url", "to", word(s->zh, W_WEBHOOK_ADDRESS),
                  "placeholder=\"https://\" maxlength=\"1000\" autocomplete=\"url\"");
        put_button(out, word(s->zh, W_SUBSCRIBE));
    }
    buf_puts(out, "</div>");
}

static void put_hidden(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    put_escaped(out, value);
    buf_puts(out, "\">");
}

static void put_form(const struct small_page *s, struct buf *out)
{
    switch (s->form) {
    case FORM_NONE:
        break;
    case FORM_PASSWORD:
        put_start(s, out);
        put_input(out, "password", "password", word(s->zh, W_PASSWORD),
                  "autocomplete=\"current-password\" maxlength=\"200\" autofocus");
        put_button(out, word(s->zh, W_ENTER));
        break;
    case FORM_SUBSCRIBE:
        put_subscribe(s, out);
        break;
    case FORM_BUTTON:
        put_start(s, out);
        put_hidden(out, "id", s->id);
        put_hidden(out, "token", s->token);
        put_button(out, s->button);
        break;
    }
}

static void put_text(const struct small_page *s, struct buf *out)
{
    buf_puts(out, "<p>");
    if (s->about)
        put_filled(out, s->text, s->about);
    else
        buf_puts(out, s->text);
    buf_puts(out, "</p>\n");
}

void render_small(const struct small_page *s, struct buf *out, struct buf *policy)
{
    render_open(out, s->page, s->zh, s->title, policy);
    buf_puts(
        out,
        "<meta name=\"robots\" content=\"noindex\">\n</head>\n<body>\n<div class=\"wrap small\">\n<header>\n");
    render_brand(out, s->page, NULL);
    buf_printf(out, "</header>\n<main class=\"card\">\n<h2>%s</h2>\n", s->title);
    if (s->text)
        put_text(s, out);
    if (s->error) {
        buf_puts(out, "<p class=\"error\" role=\"alert\">");
        put_escaped(out, s->error);
        buf_puts(out, "</p>\n");
    }
    put_form(s, out);
    buf_puts(out, "</main>\n");
    if (s->back) {
        buf_puts(out, "<p class=\"meta\"><a href=\"");
        put_escaped(out, s->back);
        buf_printf(out, "\">%s</a></p>\n", word(s->zh, W_BACK));
    }
    buf_puts(out, "</div>\n</body>\n</html>\n");
}
