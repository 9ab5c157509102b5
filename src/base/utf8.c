/* UTF-8 (str.h): RFC 3629, so no overlong forms, no surrogates, nothing above U+10FFFF. No state. */
#include "base/str.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_char(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < 2 || !is_tail(s[1]))
        return 0;
    if (s[0] < 0xe0)
        return 2;
    if (n < 3 || !is_tail(s[2]))
        return 0;
    if (s[0] < 0xf0) {
        bool overlong = s[0] == 0xe0 && s[1] < 0xa0;
        bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (n < 4 || !is_tail(s[3]))
        return 0;
    bool overlong = s[0] == 0xf0 && s[1] < 0x90;
    bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || beyond ? 0 : 4;
}

/* Bytes of the ASCII run that s begins with, eight at a time. */
static size_t ascii_run(const char *s, size_t n)
{
    size_t i = 0;
    for (uint64_t word; n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && (unsigned char)s[i] < 0x80)
        i++;
    return i;
}

/* Bytes of the valid run that s begins with. */
static size_t valid_run(const char *s, size_t n)
{
    size_t i = ascii_run(s, n);
    for (size_t len; i < n && (len = utf8_char(s + i, n - i)) > 0;)
        i += len;
    return i;
}

size_t utf8_cut(const char *s, size_t n, size_t max)
{
    if (n <= max)
        return n;
    size_t start = max; /* of the character that holds s[max] */
    while (start > 0 && max - start < 3 && is_tail((unsigned char)s[start]))
        start--;
    bool cuts = start < max && utf8_char(s + start, n - start) > max - start;
    return cuts ? start : max;
}

size_t utf8_whole(const char *s, size_t n)
{
    size_t lead = n; /* one past the last byte that is not a tail */
    while (lead > 0 && n - lead < 3 && is_tail((unsigned char)s[lead - 1]))
        lead--;
    if (lead == 0 || (unsigned char)s[lead - 1] < 0xc0)
        return n;
    return utf8_char(s + lead - 1, n - lead + 1) > 0 ? n : lead - 1;
}

bool utf8_valid(const char *s, size_t n)
{
    return valid_run(s, n) == n;
}

size_t utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; count++) {
        size_t len = utf8_char(s + i, n - i);
        i += len > 0 ? len : 1;
    }
    return count;
}

void utf8_clean(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n && !out->failed; i++) {
        size_t run = valid_run(s + i, n - i);
        buf_add(out, s + i, run);
        i += run;
        if (i < n)
            buf_puts(out, REPLACEMENT);
    }
}
