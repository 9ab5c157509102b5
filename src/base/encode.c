/* Hex, base64 (RFC 4648) and percent encoding (RFC 3986) (str.h). No state.
 *
 * Decoders take foreign bytes: they either append the whole result or leave `out` as it was. */
#include "base/str.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(struct buf *out, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;
    if (n > SIZE_MAX / 4 || !buf_reserve(out, n * 2)) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, digits[bytes[i] >> 4]);
        buf_putc(out, digits[bytes[i] & 15]);
    }
}

void base64_encode(struct buf *out, const void *p, size_t n)
{
    const uint8_t *in = p;
    if (n > SIZE_MAX / 4 || !buf_reserve(out, (n + 2) / 3 * 4)) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16;
        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)in[i + 2] : 0;
        char quad[4] = {base64_digits[v >> 18], base64_digits[v >> 12 & 63],
                        left > 1 ? base64_digits[v >> 6 & 63] : '=',
                        left > 2 ? base64_digits[v & 63] : '='};
        buf_add(out, quad, sizeof(quad));
    }
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four digits, the last `pad` of them '='. Returns how far it read before a wrong
 * character, 4 when it is right. */
static size_t decode_quad(const char *quad, size_t pad, uint8_t bytes[3])
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < 4 - pad ? base64_value(quad[i]) : 0;
        if (digit < 0)
            return i;
        v = v << 6 | (uint32_t)digit;
    }
    for (size_t i = 0; i < 3; i++)
        bytes[i] = (uint8_t)(v >> (16 - 8 * i));
    bool leftover = (pad >= 1 && bytes[2] != 0) || (pad == 2 && bytes[1] != 0);
    return leftover ? 3 - pad : 4; /* bits that no byte takes must be 0, or two texts mean one */
}

static int bad_at(struct err *err, size_t offset, const char *what)
{
    err_set(err, ERR_MALFORMED, "%s (at byte %zu)", what, offset);
    if (err)
        err->at_offset = offset;
    return -1;
}

static int decode_fits(const struct buf *out, struct err *err)
{
    return out->failed
               ? err_set(err, ERR_TOO_LARGE, "decoded data is longer than %zu bytes", out->max)
               : 0;
}

/* Forgets what was appended after len; the failure has been reported. */
static int undo(struct buf *out, size_t len, bool had_failed)
{
    out->len = len;
    out->failed = had_failed;
    if (out->data)
        out->data[len] = '\0';
    return -1;
}

int base64_decode(struct buf *out, struct str s, struct err *err)
{
    size_t before = out->len;
    bool had_failed = out->failed;
    if (s.n % 4 != 0)
        return bad_at(err, s.n, "cannot decode base64: the length is not a multiple of 4");
    size_t pad = s.n > 0 && s.p[s.n - 1] == '=' ? 1 + (s.p[s.n - 2] == '=') : 0;
    for (size_t i = 0; i < s.n; i += 4) {
        size_t quad_pad = i + 4 == s.n ? pad : 0;
        uint8_t bytes[3];
        size_t good = decode_quad(s.p + i, quad_pad, bytes);
        if (good < 4) {
            bad_at(err, i + good, "cannot decode base64: unexpected character");
            return undo(out, before, had_failed);
        }
        buf_add(out, bytes, 3 - quad_pad);
    }
    return decode_fits(out, err) == 0 ? 0 : undo(out, before, had_failed);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void url_encode(struct buf *out, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(c))
            buf_putc(out, (char)c);
        else
            buf_add(out, (char[3]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int url_decode(struct buf *out, struct str s, struct err *err)
{
    size_t before = out->len;
    bool had_failed = out->failed;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            buf_putc(out, s.p[i]);
            continue;
        }
        int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;
        if (high < 0 || low < 0) {
            bad_at(err, i, "cannot decode the URL: '%' needs two hexadecimal digits after it");
            return undo(out, before, had_failed);
        }
        buf_putc(out, (char)(high << 4 | low));
        i += 2;
    }
    return decode_fits(out, err) == 0 ? 0 : undo(out, before, had_failed);
}
