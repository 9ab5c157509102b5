/* Quoted texts: "…" and '…' with Go's escapes, `…` as it stands; and how messages quote them. Any thread. */
#include "promql/parse_priv.h"

#include <stdio.h>

uint32_t lex_rune(struct str text, uint32_t at, uint32_t *bytes)
{
    *bytes = 0;
    if (at >= text.n)
        return 0xFFFD; /* as Go prints the end */
    const uint8_t *p = (const uint8_t *)text.p + at;
    size_t n = utf8_char(text.p + at, text.n - at);
    *bytes = n ? (uint32_t)n : 1;
    if (n == 0)
        return 0xFFFD;
    uint32_t rune = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        rune = rune << 6 | (p[i] & 0x3F);
    return rune;
}

static size_t put_utf8(char *out, uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    size_t n = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, rune >>= 6)
        out[i] = (char)(0x80 | (rune & 0x3F));
    out[0] = (char)((0xF00 >> n) | rune);
    return n;
}

static const char plain_escapes[] = "abfnrtv\\";
static const char plain_values[] = "\a\b\f\n\r\t\v\\";

/* The escape of a character other than the quote, without the backslash; '\0' when it has none. */
static char escape_of(uint32_t rune)
{
    const char *found = rune < 0x80 && rune ? strchr(plain_values, (int)rune) : NULL;
    return found ? plain_escapes[found - plain_values] : '\0';
}

static bool is_printable(uint32_t rune)
{
    return rune >= 0x20 && rune != 0x7F && !(rune >= 0x80 && rune < 0xA0) && rune != 0xAD &&
           !(rune >= 0x2000 && rune <= 0x200F) && !(rune >= 0x2028 && rune <= 0x202F) &&
           !(rune >= 0xE000 && rune <= 0xF8FF) && rune != 0xFEFF && rune != 0xA0 && rune != 0x3000;
}

static void quote_rune(struct buf *out, uint32_t rune, char quote)
{
    char text[4];
    if (rune == (unsigned char)quote || escape_of(rune)) {
        buf_putc(out, '\\');
        buf_putc(out, rune == (unsigned char)quote ? quote : escape_of(rune));
    } else if (is_printable(rune)) {
        buf_add(out, text, put_utf8(text, rune));
    } else {
        buf_printf(out, rune < 0x80 ? "\\x%02x" : rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
    }
}

void lex_quote(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (uint32_t at = 0, bytes; at < text.n; at += bytes) {
        uint32_t rune = lex_rune(text, at, &bytes);
        if (rune == 0xFFFD && bytes == 1)
            buf_printf(out, "\\x%02x", (unsigned char)text.p[at]);
        else
            quote_rune(out, rune, '"');
    }
    buf_putc(out, '"');
}

void lex_quote_rune(char out[16], uint32_t rune)
{
    char text[16];
    struct buf b = BUF_FIXED(text);
    buf_putc(&b, '\'');
    quote_rune(&b, rune, '\'');
    buf_putc(&b, '\'');
    must(!b.failed && b.len < sizeof(text));
    memcpy(out, text, b.len + 1);
}

/* --- reading --- */

static int digit_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : 16;
}

/* What follows a backslash, as a number: \x41, é, \101. */
struct escape {
    uint32_t digits, base, max;
    bool is_byte; /* else a character */
};

static bool numbered(char c, struct escape *out)
{
    if (c >= '0' && c <= '7')
        *out = (struct escape){3, 8, 255, true};
    else if (c == 'x')
        *out = (struct escape){2, 16, 255, true};
    else if (c == 'u')
        *out = (struct escape){4, 16, 0x10FFFF, false};
    else if (c == 'U')
        *out = (struct escape){8, 16, 0x10FFFF, false};
    else
        return false;
    return true;
}

static struct token fail_escape(struct lexer *l, uint32_t start, uint32_t at, const char *before,
                                const char *after)
{
    uint32_t bytes, rune = lex_rune(l->text, at, &bytes);
    char shown[5] = "";
    shown[put_utf8(shown, rune)] = '\0';
    return lex_fail(l, start, "%s U+%04X '%s'%s", before, rune, shown, after);
}

/* l->at is behind the backslash. TOKEN_STRING when the escape is good. */
static struct token check_escape(struct lexer *l, uint32_t start, char quote)
{
    struct escape e;
    if (l->at >= l->text.n)
        return lex_fail(l, start, "escape sequence not terminated");
    char c = l->text.p[l->at];
    if (c == quote || (c && strchr(plain_escapes, c))) {
        l->at++;
        return (struct token){.kind = TOKEN_STRING};
    }
    if (!numbered(c, &e))
        return fail_escape(l, start, l->at, "unknown escape sequence", "");
    l->at += e.base != 8;
    uint32_t value = 0;
    for (uint32_t i = 0; i < e.digits; i++, l->at++) {
        if (l->at >= l->text.n)
            return lex_fail(l, start, "escape sequence not terminated");
        uint32_t digit = (uint32_t)digit_value((uint8_t)l->text.p[l->at]);
        if (digit >= e.base)
            return fail_escape(l, start, l->at, "illegal character", " in escape sequence");
        value = value * e.base + digit;
    }
    if (value > e.max || (!e.is_byte && value >= 0xD800 && value < 0xE000))
        return lex_fail(l, start, "escape sequence is an invalid Unicode code point");
    return (struct token){.kind = TOKEN_STRING};
}

static struct token lex_raw(struct lexer *l, uint32_t start)
{
    const char *end = memchr(l->text.p + l->at, '`', l->text.n - l->at);
    if (!end)
        return lex_fail(l, start, "unterminated raw string");
    if (!utf8_valid(l->text.p + l->at, (size_t)(end - l->text.p) - l->at))
        return lex_fail(l, start, "invalid UTF-8 rune");
    l->at = (uint32_t)(end - l->text.p) + 1;
    return (struct token){.kind = TOKEN_STRING, .start = start, .end = l->at};
}

struct token lex_string(struct lexer *l)
{
    must(l->at < l->text.n);
    uint32_t start = l->at;
    char quote = l->text.p[l->at++];
    if (quote == '`')
        return lex_raw(l, start);
    for (;;) {
        if (l->at >= l->text.n || l->text.p[l->at] == '\n')
            return lex_fail(l, start, "unterminated quoted string");
        uint32_t bytes;
        if (lex_rune(l->text, l->at, &bytes) == 0xFFFD && bytes == 1)
            return lex_fail(l, start, "invalid UTF-8 rune");
        char c = l->text.p[l->at];
        l->at += bytes;
        if (c == quote)
            return (struct token){.kind = TOKEN_STRING, .start = start, .end = l->at};
        if (c == '\\') {
            struct token t = check_escape(l, start, quote);
            if (t.kind == TOKEN_BAD)
                return t;
        }
    }
}

/* One escape at p (behind the backslash), which the lexer has found good; returns behind it. */
static const char *unescape(const char *p, char *out, size_t *n)
{
    struct escape e;
    char c = *p;
    if (!numbered(c, &e)) {
        const char *found = strchr(plain_escapes, c);
        out[(*n)++] = found ? plain_values[found - plain_escapes] : c;
        return p + 1;
    }
    p += e.base != 8;
    uint32_t value = 0;
    for (uint32_t i = 0; i < e.digits; i++)
        value = value * e.base + (uint32_t)digit_value((uint8_t)*p++);
    if (e.is_byte)
        out[(*n)++] = (char)value;
    else
        *n += put_utf8(out + *n, value);
    return p;
}

struct str lex_unquote(struct arena *a, struct str quoted)
{
    must(quoted.n >= 2);
    const char *p = quoted.p + 1, *end = quoted.p + quoted.n - 1;
    char *out = arena_alloc(a, quoted.n);
    size_t n = 0;
    bool raw = quoted.p[0] == '`';
    while (p < end) {
        if (raw || *p != '\\')
            out[n++] = *p++;
        else
            p = unescape(p + 1, out, &n);
    }
    must(n <= quoted.n - 2); /* an escape is never shorter than what it means */
    return (struct str){out, n};
}
