/* Lines of JSON (wire/jsonlines.h). A reader of its own rather than a tree: an import of millions of samples walks each byte
 * once. The scan_* functions expect p at the first byte of their thing and return the byte behind it, NULL when it is none. */
#include "wire/jsonlines.h"

#include <math.h>

#include "base/json.h"
#include "base/must.h"
#include "wire/number.h"

#define DEPTH_MAX 64

static int fail(const char *start, const char *at, const char *end, const char *want,
                struct err *err)
{
    must(start <= at && at <= end);
    size_t n = utf8_cut(at, (size_t)(end - at), 32);
    err_set(err, ERR_MALFORMED, "cannot read the line of JSON: got \"%.*s\"; want %s", (int)n, at,
            want);
    return err_where(err, "", 1, (int)(at - start) + 1);
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

static const char *scan_string(const char *p, const char *end)
{
    if (p == end || *p != '"')
        return NULL;
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    return p < end ? p + 1 : NULL;
}

/* Any value, by its brackets and strings; what else is in it is not looked at. */
static const char *scan_value(const char *p, const char *end)
{
    int depth = 0;
    do {
        p = skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == '"') {
            p = scan_string(p, end);
            if (!p)
                return NULL;
        } else if (*p == '{' || *p == '[') {
            p++;
            if (++depth > DEPTH_MAX)
                return NULL;
        } else if (*p == '}' || *p == ']') {
            p++;
            depth--;
        } else if (*p == ',' || *p == ':') {
            if (depth == 0)
                return NULL;
            p++;
        } else {
            while (p < end && !char_in(*p, ",:]}[{\" \t\r\n"))
                p++;
        }
    } while (depth > 0);
    return depth == 0 ? p : NULL;
}

/* --- the frame --- */

static const char *take_member(struct json_line *l, struct str key, const char *p, const char *end)
{
    const char *after = scan_value(p, end);
    if (!after)
        return NULL;
    struct str value = {p, (size_t)(after - p)};
    if (str_eqz(key, "\"metric\"")) {
        if (*p != '{')
            return NULL;
        l->metric = value;
    } else if (str_eqz(key, "\"values\"") || str_eqz(key, "\"timestamps\"")) {
        if (*p != '[')
            return NULL;
        value = (struct str){p + 1, value.n - 1}; /* the closing bracket ends it */
        if (key.p[1] == 'v')
            l->values = value;
        else
            l->timestamps = value;
    }
    return after;
}

int json_line_parse(struct str line, struct json_line *out, struct err *err)
{
    const char *end = line.p + line.n, *p = skip_space(line.p, end), *q;
    struct json_line l = {.start = line.p};
    if (p == end || *p != '{')
        return fail(line.p, p, end, "{\"metric\":…,\"values\":…,\"timestamps\":…}", err);
    do {
        p = skip_space(p + 1, end);
        q = scan_string(p, end);
        if (!q)
            return fail(line.p, p, end, "a key", err);
        struct str key = {p, (size_t)(q - p)};
        p = skip_space(q, end);
        if (p == end || *p != ':')
            return fail(line.p, p, end, "a colon", err);
        p = skip_space(p + 1, end);
        q = take_member(&l, key, p, end);
        if (!q)
            return fail(line.p, p, end, "an object as metric, arrays as values and timestamps",
                        err);
        p = skip_space(q, end);
    } while (p < end && *p == ',');
    if (p == end || *p != '}' || skip_space(p + 1, end) != end)
        return fail(line.p, p, end, "a comma, or } at the end of the line", err);
    if (!l.metric.p || !l.values.p || !l.timestamps.p)
        return fail(line.p, line.p, end, "the keys metric, values and timestamps", err);
    *out = l;
    return 0;
}

/* --- labels --- */

static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i], lower = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9'           ? c - '0'
                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                   : -1;
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* \uXXXX, or two of them for what lies beyond U+FFFF. *p stands behind the u. */
static bool take_unicode(const char **p, const char *end, char **out)
{
    int high = hex4(*p, end), low = -1;
    if (high < 0)
        return false;
    *p += 4;
    uint32_t c = (uint32_t)high;
    if (high >= 0xd800 && high < 0xe000) {
        if (high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
            low = hex4(*p + 2, end);
        if (low < 0xdc00 || low >= 0xe000)
            return false;
        *p += 6;
        c = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    }
    *out = put_utf8(*out, c);
    return true;
}

/* The text of a string with its quotes. false: a bad escape or invalid UTF-8. */
static bool string_text(struct str s, struct arena *a, struct str *out)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *p = s.p + 1, *end = s.p + s.n - 1;
    must(s.n >= 2 && *s.p == '"');
    *out = (struct str){p, s.n - 2};
    if (memchr(p, '\\', s.n - 2)) {
        char *text = arena_alloc(a, s.n), *at = text;
        while (p < end) {
            if (*p != '\\') {
                *at++ = *p++;
                continue;
            }
            p++;
            const char *which = p < end && *p ? strchr(escapes, *p) : NULL;
            if (which) {
                *at++ = meant[which - escapes];
                p++;
            } else if (p == end || *p++ != 'u' || !take_unicode(&p, end, &at)) {
                return false;
            }
        }
        must((size_t)(at - text) <= s.n);
        *out = (struct str){text, (size_t)(at - text)};
    }
    return utf8_valid(out->p, out->n);
}

static const char *read_string(const char *p, const char *end, struct arena *a, struct str *out)
{
    p = skip_space(p, end);
    const char *after = scan_string(p, end);
    if (!after || !string_text((struct str){p, (size_t)(after - p)}, a, out))
        return NULL;
    return skip_space(after, end);
}

int json_line_labels(const struct json_line *l, struct arena *a, struct labels_builder *b,
                     struct labels *out, struct err *err)
{
    const char *p = l->metric.p, *end = p + l->metric.n, *q;
    struct str name, value;
    labels_builder_clear(b);
    q = skip_space(p + 1, end);
    bool empty = q < end && *q == '}';
    while (!empty && p < end && (*p == '{' || *p == ',')) {
        q = read_string(p + 1, end, a, &name);
        if (!q || q == end || *q != ':' || name.n == 0)
            return fail(l->start, p, end, "a label's name and a colon", err);
        p = read_string(q + 1, end, a, &value);
        if (!p)
            return fail(l->start, q, end, "a label's value, a text", err);
        labels_builder_add(b, name, value);
    }
    if (!empty && (p + 1 != end || *p != '}'))
        return fail(l->start, p, end, "a comma or } after a label", err);
    if (labels_builder_finish(b, out, err) < 0)
        return -1;
    if (labels_metric(out).n == 0)
        return fail(l->start, l->metric.p, end, "a label __name__", err);
    return 0;
}

/* --- samples --- */

static const struct {
    const char *text;
    uint64_t bits;
} words[] = {
    {"null", NORMAL_NAN_BITS},
    {"\"NaN\"", NORMAL_NAN_BITS},
    {"\"StaleNaN\"", STALE_NAN_BITS},
    {"\"Infinity\"", UINT64_C(0x7ff0000000000000)},
    {"\"Inf\"", UINT64_C(0x7ff0000000000000)},
    {"\"+Inf\"", UINT64_C(0x7ff0000000000000)},
    {"\"-Infinity\"", UINT64_C(0xfff0000000000000)},
    {"\"-Inf\"", UINT64_C(0xfff0000000000000)},
};

static size_t read_value(struct str s, double *v)
{
    if (s.n > 0 && ((*s.p >= '0' && *s.p <= '9') || *s.p == '-'))
        return number_f64(s, v);
    for (size_t i = 0; i < array_len(words); i++) {
        struct str word = str_of(words[i].text);
        if (str_starts(s, word)) {
            *v = f64_from_bits(words[i].bits);
            return word.n;
        }
    }
    return 0;
}

static void advance(struct str *s, const char *to)
{
    s->n -= (size_t)(to - s->p);
    s->p = to;
}

static void skip_in(struct str *s)
{
    advance(s, skip_space(s->p, s->p + s->n));
}

/* Behind an item: a comma, or the bracket that ends the array, which stays. */
static bool item_ended(struct str *s)
{
    skip_in(s);
    if (s->n > 0 && *s->p == ',') {
        advance(s, s->p + 1);
        skip_in(s);
        return s->n > 0 && *s->p != ']';
    }
    return s->n > 0 && *s->p == ']';
}

int json_line_sample(struct json_line *l, int64_t *t_ms, double *v, struct err *err)
{
    skip_in(&l->values);
    skip_in(&l->timestamps);
    struct str *s = &l->values;
    bool values_end = s->n > 0 && *s->p == ']';
    bool times_end = l->timestamps.n > 0 && *l->timestamps.p == ']';
    if (values_end && times_end)
        return 0;
    size_t n = read_value(*s, v);
    if (values_end || n == 0)
        return fail(l->start, s->p, s->p + s->n, "a value for each timestamp", err);
    advance(s, s->p + n);
    if (!item_ended(s))
        return fail(l->start, s->p, s->p + s->n, "a comma or ] after a value", err);
    s = &l->timestamps;
    n = number_i64(*s, t_ms);
    if (times_end || n == 0)
        return fail(l->start, s->p, s->p + s->n, "a timestamp in whole ms for each value", err);
    advance(s, s->p + n);
    if (!item_ended(s))
        return fail(l->start, s->p, s->p + s->n, "a comma or ] after a timestamp", err);
    return 1;
}

/* --- writing --- */

static void put_value(struct buf *out, double v)
{
    if (is_stale(v))
        buf_puts(out, "\"StaleNaN\"");
    else if (isnan(v))
        buf_puts(out, "null");
    else if (isinf(v))
        buf_puts(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        buf_add_f64(out, v);
}

void json_line_write(struct buf *out, const struct labels *labels, const struct samples *s)
{
    if (s->n == 0)
        return;
    buf_puts(out, "{\"metric\":{");
    for (uint32_t i = 0; i < labels->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, labels->at[i].name.p, labels->at[i].name.n);
        buf_putc(out, ':');
        json_escape(out, labels->at[i].value.p, labels->at[i].value.n);
    }
    buf_puts(out, "},\"values\":[");
    for (uint32_t i = 0; i < s->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_value(out, s->v[i]);
    }
    buf_puts(out, "],\"timestamps\":[");
    for (uint32_t i = 0; i < s->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        buf_add_i64(out, s->t[i]);
    }
    buf_puts(out, "]}\n");
}
