/* See markdown.h. The parser is libcmark's; the tree is walked here, so that nothing reaches a page that is not named here. */
#include "status/markdown.h"

#include <cmark.h>
#include <stdlib.h>
#include <strings.h>

#include "base/str.h"
#include "status/escape.h"

#define DEPTH_MAX 40 /* deeper ones are shown without their marks */

static cmark_node *parse(const char *text)
{
    size_t n = strlen(text);
    struct buf clean = BUF_INIT(4 * MARKDOWN_MAX);
    utf8_clean(&clean, text, n > MARKDOWN_MAX ? utf8_cut(text, n, MARKDOWN_MAX) : n);
    cmark_node *doc =
        cmark_parse_document(clean.data ? clean.data : "", clean.len, CMARK_OPT_SMART);
    buf_done(&clean);
    must(doc);
    return doc;
}

/* The scheme must be one of ours; what has none would lead into our own pages. */
static bool link_is_safe(const char *url)
{
    static const char *const schemes[] = {"https://", "http://", "mailto:"};
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    for (size_t i = 0; i < array_len(schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static void put_link(struct buf *out, cmark_node *n, bool enter)
{
    const char *url = cmark_node_get_url(n);
    if (!url || !link_is_safe(url))
        return;
    if (!enter) {
        buf_puts(out, "</a>");
        return;
    }
    buf_puts(out, "<a href=\"");
    put_escaped(out, url);
    buf_puts(out, "\" rel=\"nofollow noopener noreferrer\">");
}

/* A page has its own h1 and h2. */
static void put_heading(struct buf *out, cmark_node *n, bool enter)
{
    int level = cmark_node_get_heading_level(n) + 3;
    buf_printf(out, enter ? "<h%d>" : "</h%d>\n", level > 6 ? 6 : level);
}

static void put_list(struct buf *out, cmark_node *n, bool enter)
{
    bool numbered = cmark_node_get_list_type(n) == CMARK_ORDERED_LIST;
    int start = cmark_node_get_list_start(n);
    if (enter && numbered && start > 1)
        buf_printf(out, "<ol start=\"%d\">\n", start);
    else
        buf_printf(out, "<%s%s>\n", enter ? "" : "/", numbered ? "ol" : "ul");
}

static bool in_tight_list(cmark_node *n)
{
    cmark_node *item = cmark_node_parent(n), *list = item ? cmark_node_parent(item) : NULL;
    return list && cmark_node_get_type(list) == CMARK_NODE_LIST && cmark_node_get_list_tight(list);
}

static void put_literal(struct buf *out, cmark_node *n, const char *before, const char *after)
{
    const char *text = cmark_node_get_literal(n);
    buf_puts(out, before);
    put_escaped(out, text ? text : "");
    buf_puts(out, after);
}

static void put_mark(struct buf *out, const char *name, bool enter, const char *end)
{
    buf_printf(out, enter ? "<%s>" : "</%s>", name);
    if (!enter)
        buf_puts(out, end);
}

static void put_node(struct buf *out, cmark_node *n, bool enter)
{
    switch (cmark_node_get_type(n)) {
    case CMARK_NODE_PARAGRAPH:
        if (!in_tight_list(n))
            put_mark(out, "p", enter, "\n");
        break;
    case CMARK_NODE_HEADING:
        put_heading(out, n, enter);
        break;
    case CMARK_NODE_LIST:
        put_list(out, n, enter);
        break;
    case CMARK_NODE_ITEM:
        put_mark(out, "li", enter, "\n");
        break;
    case CMARK_NODE_BLOCK_QUOTE:
        put_mark(out, "blockquote", enter, "\n");
        break;
    case CMARK_NODE_CODE_BLOCK:
        put_literal(out, n, "<pre><code>", "</code></pre>\n");
        break;
    case CMARK_NODE_CODE:
        put_literal(out, n, "<code>", "</code>");
        break;
    case CMARK_NODE_THEMATIC_BREAK:
        buf_puts(out, "<hr>\n");
        break;
    case CMARK_NODE_TEXT:
        put_literal(out, n, "", "");
        break;
    case CMARK_NODE_SOFTBREAK:
        buf_putc(out, '\n');
        break;
    case CMARK_NODE_LINEBREAK:
        buf_puts(out, "<br>\n");
        break;
    case CMARK_NODE_EMPH:
        put_mark(out, "em", enter, "");
        break;
    case CMARK_NODE_STRONG:
        put_mark(out, "strong", enter, "");
        break;
    case CMARK_NODE_LINK:
        put_link(out, n, enter);
        break;
    default: /* raw HTML; pictures, whose description is a text in them */
        break;
    }
}

static int depth_of(cmark_node *n)
{
    int depth = 0;
    while ((n = cmark_node_parent(n)) != NULL && depth <= DEPTH_MAX)
        depth++;
    return depth;
}

static void walk(cmark_node *doc, struct buf *out,
                 void (*put)(struct buf *out, cmark_node *n, bool enter))
{
    cmark_iter *it = cmark_iter_new(doc);
    cmark_event_type event;
    while ((event = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
        cmark_node *n = cmark_iter_get_node(it);
        bool leaf = cmark_node_first_child(n) == NULL;
        if (leaf || depth_of(n) <= DEPTH_MAX)
            put(out, n, event == CMARK_EVENT_ENTER);
    }
    cmark_iter_free(it);
}

void markdown_html(struct buf *out, const char *text)
{
    cmark_node *doc = parse(text);
    walk(doc, out, put_node);
    cmark_node_free(doc);
}

static void put_plain(struct buf *out, cmark_node *n, bool enter)
{
    cmark_node_type type = cmark_node_get_type(n);
    const char *literal = cmark_node_get_literal(n), *url = cmark_node_get_url(n);
    if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE || type == CMARK_NODE_CODE_BLOCK)
        buf_puts(out, literal ? literal : "");
    else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
        buf_putc(out, '\n');
    else if (type == CMARK_NODE_ITEM && enter)
        buf_puts(out, "- ");
    else if (type == CMARK_NODE_LINK && !enter && url && link_is_safe(url))
        buf_printf(out, " <%s>", url);
    else if ((type == CMARK_NODE_PARAGRAPH || type == CMARK_NODE_HEADING) && !enter)
        buf_puts(out, in_tight_list(n) ? "\n" : "\n\n");
}

void markdown_text(struct buf *out, const char *text)
{
    cmark_node *doc = parse(text);
    walk(doc, out, put_plain);
    while (out->len && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
    cmark_node_free(doc);
}
