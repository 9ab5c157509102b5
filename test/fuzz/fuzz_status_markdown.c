/* Markdown: whatever is written, only tags and addresses of ours come out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "status/markdown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ours(const char *tag)
{
    static const char *const tags[] = {"p",  "h4",     "h5",   "h6",  "ul", "ol", "li",        "a",
                                       "em", "strong", "code", "pre", "br", "hr", "blockquote"};
    size_t n = strcspn(tag, " >");
    for (size_t i = 0; i < array_len(tags); i++)
        if (strlen(tags[i]) == n && memcmp(tags[i], tag, n) == 0)
            return true;
    return false;
}

static void check(const char *html)
{
    for (const char *p = html; (p = strchr(p, '<')) != NULL; p++) {
        must(is_ours(p[1] == '/' ? p + 2 : p + 1));
        if (strncmp(p, "<a ", 3) == 0)
            must(strncasecmp(p, "<a href=\"http", 13) == 0 ||
                 strncasecmp(p, "<a href=\"mailto:", 16) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct buf html = BUF_INIT(4 << 20), plain = BUF_INIT(4 << 20);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    markdown_html(&html, text);
    markdown_text(&plain, text);
    if (html.data)
        check(html.data);
    buf_done(&html);
    buf_done(&plain);
    free(text);
    return 0;
}
