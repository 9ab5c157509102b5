/* Dialects (dialect.h). The rules of each come from the vendor's documentation; where it has no escape
 * character (WeCom, DingTalk), what would be notation is broken up with a space. */
#include "notify/dialect.h"

#include <ctype.h>
#include <string.h>

#include "base/must.h"

/* One character of a stranger's text, control characters as spaces and invalid bytes as U+FFFD. */
static size_t next_char(const char *s, size_t n, struct str *out)
{
    must(n > 0);
    size_t len = utf8_char(s, n);
    must(len <= n);
    if (len == 0) {
        *out = STR("\xef\xbf\xbd");
        return 1;
    }
    unsigned char c = (unsigned char)*s;
    /* U+0080-U+009F and the bidirectional controls U+202A-E, U+2066-9 reorder what people read */
    bool c1 = len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0;
    bool bidi = len == 3 && c == 0xe2 &&
                (((unsigned char)s[1] == 0x80 && (unsigned char)s[2] >= 0xa8 &&
                  (unsigned char)s[2] <= 0xae) ||
                 ((unsigned char)s[1] == 0x81 && (unsigned char)s[2] >= 0xa6 &&
                  (unsigned char)s[2] <= 0xa9));
    *out = c < 0x20 || c == 0x7f || c1 || bidi ? STR(" ") : (struct str){s, len};
    return len;
}

static void escape_text(struct buf *out, const char *s, size_t n)
{
    struct str c;
    for (size_t i = 0; i < n;) {
        i += next_char(s + i, n - i, &c);
        must(i <= n && c.n > 0);
        buf_add(out, c.p, c.n);
    }
}

static void literal_plain(struct buf *out, const char *s, size_t n)
{
    buf_add(out, s, n);
}

static void link_text(struct buf *out, struct str url, struct str text)
{
    buf_add(out, text.p, text.n);
    buf_puts(out, ": ");
    buf_add(out, url.p, url.n);
}

static void color_none(struct buf *out, struct str name, struct str text)
{
    buf_add(out, text.p, text.n);
}

const struct dialect dialect_text = {
    .name = "text",
    .escape = escape_text,
    .literal = literal_plain,
    .bold_open = "",
    .bold_close = "",
    .link = link_text,
    .color = color_none,
};

/* Breaks up links `](`, tags and mentions `<x`. */
static void escape_markdown(struct buf *out, const char *s, size_t n)
{
    struct str c;
    char before = '\0';
    for (size_t i = 0; i < n;) {
        i += next_char(s + i, n - i, &c);
        must(i <= n && c.n > 0);
        bool breaks = (before == ']' && *c.p == '(') ||
                      (before == '<' && (isalpha((unsigned char)*c.p) || strchr("@/!", *c.p)));
        if (breaks)
            buf_putc(out, ' ');
        buf_add(out, c.p, c.n);
        before = *c.p;
    }
    if (before == '<') /* nor may it be the beginning of what follows */
        buf_putc(out, ' ');
}

/* A URL in parentheses ends at the first ')' and at white space. */
static void link_markdown(struct buf *out, struct str url, struct str text)
{
    buf_putc(out, '[');
    buf_add(out, text.p, text.n);
    buf_puts(out, "](");
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c == '(' || c == ')' || c == 0x7f)
            buf_printf(out, "%%%02X", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, ')');
}

static void color_wecom(struct buf *out, struct str name, struct str text)
{
    const char *tone = str_eqz(name, "green")  ? "info"
                       : str_eqz(name, "grey") ? "comment"
                                               : "warning";
    buf_printf(out, "<font color=\"%s\">", tone);
    buf_add(out, text.p, text.n);
    buf_puts(out, "</font>");
}

const struct dialect dialect_wecom = {
    .name = "wecom",
    .escape = escape_markdown,
    .literal = literal_plain,
    .bold_open = "**",
    .bold_close = "**",
    .link = link_markdown,
    .color = color_wecom,
};

/* DingTalk joins lines unless two spaces stand before the line end. */
static void literal_dingtalk(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n' && (i == 0 || s[i - 1] != '\n') && (i + 1 == n || s[i + 1] != '\n'))
            buf_puts(out, "  ");
        buf_putc(out, s[i]);
    }
}

static const char *color_code(struct str name)
{
    return str_eqz(name, "green")    ? "#2EB67D"
           : str_eqz(name, "grey")   ? "#808080"
           : str_eqz(name, "orange") ? "#E8912D"
                                     : "#E01E5A";
}

static void color_dingtalk(struct buf *out, struct str name, struct str text)
{
    buf_printf(out, "<font color=\"%s\">", color_code(name));
    buf_add(out, text.p, text.n);
    buf_puts(out, "</font>");
}

const struct dialect dialect_dingtalk = {
    .name = "dingtalk",
    .escape = escape_markdown,
    .literal = literal_dingtalk,
    .bold_open = "**",
    .bold_close = "**",
    .link = link_markdown,
    .color = color_dingtalk,
};

/* Feishu shows HTML entities in lark_md, which is its way of escaping. */
static void escape_lark(struct buf *out, const char *s, size_t n)
{
    struct str c;
    for (size_t i = 0; i < n;) {
        i += next_char(s + i, n - i, &c);
        if (c.n == 1 && strchr("<>*~[]`", *c.p) != NULL)
            buf_printf(out, "&#%d;", *c.p);
        else
            buf_add(out, c.p, c.n);
    }
}

static void color_lark(struct buf *out, struct str name, struct str text)
{
    const char *tone = str_eqz(name, "green") ? "green" : str_eqz(name, "grey") ? "grey" : "red";
    buf_printf(out, "<font color='%s'>", tone);
    buf_add(out, text.p, text.n);
    buf_puts(out, "</font>");
}

const struct dialect dialect_lark = {
    .name = "lark",
    .escape = escape_lark,
    .literal = literal_plain,
    .bold_open = "**",
    .bold_close = "**",
    .link = link_markdown,
    .color = color_lark,
};

static void escape_entities(struct buf *out, const char *s, size_t n, const char *which)
{
    struct str c;
    for (size_t i = 0; i < n;) {
        i += next_char(s + i, n - i, &c);
        if (c.n != 1 || strchr(which, *c.p) == NULL) {
            buf_add(out, c.p, c.n);
            continue;
        }
        must(*c.p != '\0');
        buf_puts(out, *c.p == '&'   ? "&amp;"
                      : *c.p == '<' ? "&lt;"
                      : *c.p == '>' ? "&gt;"
                                    : "&quot;");
    }
}

static void escape_slack(struct buf *out, const char *s, size_t n)
{
    escape_entities(out, s, n, "&<>");
}

static void link_slack(struct buf *out, struct str url, struct str text)
{
    buf_putc(out, '<');
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c == '<' || c == '>' || c == '|' || c == 0x7f)
            buf_printf(out, "%%%02X", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '|');
    buf_add(out, text.p, text.n);
    buf_putc(out, '>');
}

const struct dialect dialect_slack = {
    .name = "slack",
    .escape = escape_slack,
    .literal = literal_plain,
    .bold_open = "*",
    .bold_close = "*",
    .link = link_slack,
    .color = color_none,
};

static void escape_html(struct buf *out, const char *s, size_t n)
{
    escape_entities(out, s, n, "&<>\"");
}

/* One template serves plain text and HTML: its text is text, its line ends are line ends. */
static void literal_html(struct buf *out, const char *s, size_t n)
{
    while (n > 0) {
        const char *end = memchr(s, '\n', n);
        size_t line = end != NULL ? (size_t)(end - s) : n;
        escape_html(out, s, line);
        if (end != NULL)
            buf_puts(out, "<br>\n");
        line += end != NULL;
        s += line;
        n -= line;
    }
}

static void link_html(struct buf *out, struct str url, struct str text)
{
    buf_puts(out, "<a href=\"");
    escape_html(out, url.p, url.n);
    buf_puts(out, "\">");
    buf_add(out, text.p, text.n);
    buf_puts(out, "</a>");
}

static void color_html(struct buf *out, struct str name, struct str text)
{
    buf_printf(out, "<span style=\"color:%s\">", color_code(name));
    buf_add(out, text.p, text.n);
    buf_puts(out, "</span>");
}

const struct dialect dialect_html = {
    .name = "html",
    .escape = escape_html,
    .literal = literal_html,
    .bold_open = "<b>",
    .bold_close = "</b>",
    .link = link_html,
    .color = color_html,
};
