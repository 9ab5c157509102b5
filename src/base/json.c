/* Streaming JSON writer (json.h). Used by the API, the log and messages; no state of its own.
 *
 * Depth 0 is the place of the one outermost value; bit d of has_item and is_obj belongs to depth d. */
#include "base/json.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/clock.h"
#include "base/must.h"
#include "base/str.h"

#define DEPTH_MAX 63

struct json json_start(struct buf *out)
{
    must(out != NULL);
    return (struct json){.out = out};
}

/* Before each value: checks that one may stand here and writes the comma of an array. */
static void begin_value(struct json *j)
{
    uint64_t bit = UINT64_C(1) << j->depth;
    if (j->is_obj & bit) {
        must(j->have_key);
        j->have_key = false;
        return;
    }
    must(!j->have_key);
    if (j->has_item & bit) {
        must(j->depth > 0); /* one outermost value */
        buf_putc(j->out, ',');
    }
    j->has_item |= bit;
}

static void open_nested(struct json *j, bool obj)
{
    begin_value(j);
    must(j->depth + 1 < DEPTH_MAX);
    j->depth++;
    uint64_t bit = UINT64_C(1) << j->depth;
    j->has_item &= ~bit;
    j->is_obj = obj ? j->is_obj | bit : j->is_obj & ~bit;
    buf_putc(j->out, obj ? '{' : '[');
}

void json_obj(struct json *j)
{
    open_nested(j, true);
}

void json_arr(struct json *j)
{
    open_nested(j, false);
}

void json_end(struct json *j)
{
    must(j->depth > 0 && !j->have_key);
    bool obj = j->is_obj >> j->depth & 1;
    buf_putc(j->out, obj ? '}' : ']');
    j->depth--;
}

void json_key(struct json *j, const char *key)
{
    uint64_t bit = UINT64_C(1) << j->depth;
    must((j->is_obj & bit) && !j->have_key);
    if (j->has_item & bit)
        buf_putc(j->out, ',');
    j->has_item |= bit;
    j->have_key = true;
    json_escape(j->out, key, strlen(key));
    buf_putc(j->out, ':');
}

void json_str(struct json *j, const char *s)
{
    if (s)
        json_strn(j, s, strlen(s));
    else
        json_nil(j);
}

void json_strn(struct json *j, const char *s, size_t n)
{
    begin_value(j);
    json_escape(j->out, s, n);
}

void json_int(struct json *j, int64_t v)
{
    begin_value(j);
    buf_add_i64(j->out, v);
}

void json_uint(struct json *j, uint64_t v)
{
    begin_value(j);
    buf_add_u64(j->out, v);
}

void json_f64(struct json *j, double v)
{
    begin_value(j);
    if (isfinite(v))
        buf_add_f64(j->out, v);
    else
        buf_puts(j->out, "null");
}

void json_bool(struct json *j, bool v)
{
    begin_value(j);
    buf_puts(j->out, v ? "true" : "false");
}

void json_nil(struct json *j)
{
    begin_value(j);
    buf_puts(j->out, "null");
}

void json_raw(struct json *j, const char *text, size_t n)
{
    must(n > 0);
    begin_value(j);
    buf_add(j->out, text, n);
}

void json_time(struct json *j, int64_t wall_ms)
{
    if (wall_ms == 0) {
        json_nil(j);
        return;
    }
    char text[RFC3339_SIZE];
    begin_value(j);
    buf_putc(j->out, '"');
    buf_puts(j->out, time_format(wall_ms, text));
    buf_putc(j->out, '"');
}

void json_kstr(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_kint(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

void json_kuint(struct json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    json_uint(j, v);
}

void json_kf64(struct json *j, const char *key, double v)
{
    json_key(j, key);
    json_f64(j, v);
}

void json_kbool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

void json_ktime(struct json *j, const char *key, int64_t wall_ms)
{
    json_key(j, key);
    json_time(j, wall_ms);
}

void json_kobj(struct json *j, const char *key)
{
    json_key(j, key);
    json_obj(j);
}

void json_karr(struct json *j, const char *key)
{
    json_key(j, key);
    json_arr(j);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Bytes of plain ASCII at the front, sixteen at a time where SSE2 is (every x86-64). */
static size_t ascii_run(const char *s, size_t n)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(s + i));
        __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: from 0x80 up too */
        __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
        int found = _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
        if (found != 0)
            return i + (size_t)__builtin_ctz((unsigned)found);
    }
#endif
    while (i < n && is_plain((unsigned char)s[i]))
        i++;
    return i;
}

/* Bytes at the front that need no escape: plain ASCII and whole UTF-8 characters. */
static size_t plain_run(const char *s, size_t n)
{
    size_t i = ascii_run(s, n);
    while (i < n) {
        unsigned char c = (unsigned char)s[i];
        size_t len = c >= 0x80 ? utf8_char(s + i, n - i) : ascii_run(s + i, n - i);
        if (len == 0)
            break;
        i += len;
    }
    return i;
}

static void escape_one(struct buf *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    if (c >= 0x80) {
        buf_puts(out, "\xef\xbf\xbd");
        return;
    }
    for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
        if ((unsigned char)names[i] == c) {
            buf_add(out, (char[2]){'\\', names[i + 1]}, 2);
            return;
        }
    }
    buf_add(out, (char[6]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
}

void json_escape(struct buf *out, const char *s, size_t n)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < n && !out->failed; i++) {
        size_t run = plain_run(s + i, n - i);
        buf_add(out, s + i, run);
        i += run;
        if (i < n)
            escape_one(out, (unsigned char)s[i]);
    }
    buf_putc(out, '"');
}
