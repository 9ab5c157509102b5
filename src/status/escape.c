/* See escape.h. */
#include "status/escape.h"

#include "base/str.h"

#define REPLACEMENT "\xef\xbf\xbd"

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\r':
    case '\t':
        return NULL;
    default:
        return (unsigned char)c < 0x20 || c == 0x7f ? REPLACEMENT : NULL;
    }
}

/* U+FFFE and U+FFFF are no characters of XML; overrides of the direction of writing could disguise what follows. */
static bool is_unwanted(const char *p, size_t n)
{
    if (n != 3 || (unsigned char)p[0] < 0xe2)
        return false;
    bool none = memcmp(p, "\xef\xbf\xbe", 3) == 0 || memcmp(p, "\xef\xbf\xbf", 3) == 0;
    bool turns = memcmp(p, "\xe2\x80\xaa", 3) >= 0 && memcmp(p, "\xe2\x80\xae", 3) <= 0;
    bool isolates = memcmp(p, "\xe2\x81\xa6", 3) >= 0 && memcmp(p, "\xe2\x81\xa9", 3) <= 0;
    return none || turns || isolates;
}

void put_escaped(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    for (const char *p = text; left > 0;) {
        size_t n = utf8_char(p, left);
        const char *instead = n == 1                        ? entity_of(*p)
                              : n == 0 || is_unwanted(p, n) ? REPLACEMENT
                                                            : NULL;
        if (instead)
            buf_puts(out, instead);
        else
            buf_add(out, p, n);
        n = n ? n : 1;
        p += n;
        left -= n;
    }
}

void put_filled(struct buf *out, const char *words, const char *text)
{
    const char *at = strstr(words, "%s");
    must(at != NULL);
    buf_add(out, words, (size_t)(at - words));
    put_escaped(out, text);
    buf_puts(out, at + 2);
}
