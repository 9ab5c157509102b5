/* JSON texts (RFC 8259, strictly) into the tree (config/node.h): API bodies, the importers' files.
 * A reader of our own rather than jansson: it knows line and column of every value, builds no
 * second tree, and jansson's json_null() would meet the one of base/json.h in the linker.
 *
 * read_value descends; every read_* expects r->p at the first byte of its thing and leaves it
 * behind the last. */
#include <string.h>

#include "config/node_priv.h"

struct json_reader {
    struct arena *arena;
    const char *p, *end;
    const char
        *counted; /* columns up to here are counted: places are asked for in ascending order */
    uint32_t line, column;
    size_t nodes;
    struct err *err;
};

static uint32_t column_of(struct json_reader *r)
{
    must(r->counted <= r->p);
    r->column += (uint32_t)utf8_count(r->counted, (size_t)(r->p - r->counted));
    r->counted = r->p;
    return r->column;
}

static void *fail(struct json_reader *r, enum err_code code, const char *why)
{
    err_set(r->err, code, "cannot read JSON: %s", why);
    err_where(r->err, "", (int)r->line, (int)column_of(r));
    return NULL;
}

static void *too_large(struct json_reader *r)
{
    return fail(r, ERR_TOO_LARGE, "got more than 64 levels, 2 million values or the memory limit");
}

static void skip_space(struct json_reader *r)
{
    for (; r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '\n');
         r->p++) {
        if (*r->p != '\n')
            continue;
        r->line++;
        r->counted = r->p + 1;
        r->column = 1;
    }
}

/* Skips white space and takes the byte c if it is next. */
static bool take(struct json_reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool is_digit(const struct json_reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

/* --- strings -------------------------------------------------------------------------------------
 */

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static char *put_utf8(char *out, uint32_t c)
{
    must(c < 0x110000);
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

/* \uXXXX, with its second half when it is a surrogate; r->p is at the 'u'. */
static char *read_unicode(struct json_reader *r, char *out)
{
    int c = r->end - r->p > 4 ? hex4(r->p + 1) : -1;
    if (c < 0)
        return fail(r, ERR_MALFORMED, "got \\u without four hexadecimal digits");
    r->p += 5;
    if (c < 0xd800 || c > 0xdfff)
        return put_utf8(out, (uint32_t)c);
    bool pair = c < 0xdc00 && r->end - r->p > 5 && r->p[0] == '\\' && r->p[1] == 'u';
    int low = pair ? hex4(r->p + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(r, ERR_MALFORMED, "got half of a surrogate pair");
    r->p += 6;
    return put_utf8(out, 0x10000 + (((uint32_t)c - 0xd800) << 10) + ((uint32_t)low - 0xdc00));
}

static char *read_escape(struct json_reader *r, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    r->p++;
    if (r->p < r->end && *r->p == 'u')
        return read_unicode(r, out);
    const char *at = r->p < r->end && *r->p != '\0' ? strchr(from, *r->p) : NULL;
    if (at == NULL)
        return fail(r, ERR_MALFORMED, "got an unknown escape in a string");
    *out++ = to[at - from];
    r->p++;
    return out;
}

/* The end of the string that r->p is inside of, escapes skipped; NULL: it has none. */
static const char *string_end(const struct json_reader *r)
{
    for (const char *p = r->p; p < r->end; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

/* r->p is at the opening quote. */
static struct str read_string(struct json_reader *r)
{
    const struct str none = {NULL, 0};
    r->p++;
    const char *end = string_end(r);
    if (end == NULL)
        return fail(r, ERR_MALFORMED, "got a string without its closing quote"), none;
    char *text = arena_try(r->arena, (size_t)(end - r->p) + 1),
         *out = text; /* escapes only shrink */
    if (text == NULL)
        return too_large(r), none;
    while (r->p < end) {
        size_t n = utf8_char(r->p, (size_t)(end - r->p));
        if (*r->p == '\\') {
            out = read_escape(r, out);
            if (out == NULL)
                return none;
            continue;
        }
        if ((unsigned char)*r->p < 0x20)
            return fail(r, ERR_MALFORMED, "got a control character in a string"), none;
        if (n == 0)
            return fail(r, ERR_MALFORMED, "got bytes that are not UTF-8"), none;
        memcpy(out, r->p, n);
        out += n;
        r->p += n;
    }
    must(r->p == end);
    r->p++;
    *out = '\0';
    return (struct str){text, (size_t)(out - text)};
}

/* --- values --------------------------------------------------------------------------------------
 */

static bool skip_digits(struct json_reader *r)
{
    if (!is_digit(r))
        return false;
    while (is_digit(r))
        r->p++;
    return true;
}

/* Walks over a number as RFC 8259 spells it; *whole: without fraction and exponent. */
static bool skip_number(struct json_reader *r, bool *whole)
{
    *whole = true;
    if (*r->p == '-')
        r->p++;
    if (is_digit(r) && *r->p == '0')
        r->p++;
    else if (!skip_digits(r))
        return false;
    if (is_digit(r))
        return false; /* 012 */
    if (r->p < r->end && *r->p == '.') {
        *whole = false;
        r->p++;
        if (!skip_digits(r))
            return false;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        *whole = false;
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        return skip_digits(r);
    }
    return true;
}

static struct node *read_number(struct json_reader *r, struct node *n)
{
    struct str s = {r->p, 0};
    bool whole;
    if (!skip_number(r, &whole))
        return fail(r, ERR_MALFORMED, "got something that is no value");
    s.n = (size_t)(r->p - s.p);
    whole = whole && !str_eqz(s, "-0"); /* no integer has that sign */
    n->kind = whole ? NODE_INT : NODE_F64;
    if (whole ? str_to_i64(s, &n->num, NULL) != 0 : str_to_f64(s, &n->f64, NULL) != 0)
        return fail(r, ERR_MALFORMED, "got a number that is too large");
    return n;
}

static struct node *read_word(struct json_reader *r, struct node *n)
{
    struct str rest = {r->p, (size_t)(r->end - r->p)};
    if (str_starts(rest, STR("true"))) {
        n->kind = NODE_BOOL;
        n->flag = true;
        r->p += 4;
    } else if (str_starts(rest, STR("false"))) {
        n->kind = NODE_BOOL;
        r->p += 5;
    } else if (str_starts(rest, STR("null"))) {
        r->p += 4;
    } else {
        return read_number(r, n);
    }
    return n;
}

static struct node *read_value(struct json_reader *r, int depth);

static struct node *read_list(struct json_reader *r, struct node *list, int depth)
{
    r->p++;
    if (take(r, ']'))
        return list;
    do {
        struct node *child = read_value(r, depth + 1);
        if (child == NULL)
            return NULL;
        node_append(list, child);
    } while (take(r, ','));
    return take(r, ']') ? list : fail(r, ERR_MALFORMED, "want ',' or ']' here");
}

static bool read_pair(struct json_reader *r, struct node *map, struct key_index *keys, int depth)
{
    skip_space(r);
    if (r->p == r->end || *r->p != '"')
        return fail(r, ERR_MALFORMED, "want a key in quotes here");
    uint32_t line = r->line, column = column_of(r);
    struct str key = read_string(r);
    if (key.p == NULL)
        return false;
    if (memchr(key.p, '\0', key.n) != NULL)
        return fail(r, ERR_MALFORMED, "got a NUL character in a key");
    if (key_index_find(keys, map, key) != NULL)
        return fail(r, ERR_MALFORMED, "got a key twice in one object");
    if (!take(r, ':'))
        return fail(r, ERR_MALFORMED, "want ':' here");
    struct node *child = read_value(r, depth + 1);
    if (child == NULL)
        return false;
    node_insert(map, key, child);
    child->key_line = line;
    child->key_column = column;
    key_index_added(keys, child);
    return true;
}

static struct node *read_map(struct json_reader *r, struct node *map, int depth)
{
    r->p++;
    if (take(r, '}'))
        return map;
    struct key_index keys = {0};
    bool good;
    do {
        good = read_pair(r, map, &keys, depth);
    } while (good && take(r, ','));
    key_index_done(&keys);
    if (!good)
        return NULL;
    return take(r, '}') ? map : fail(r, ERR_MALFORMED, "want ',' or '}' here");
}

static struct node *read_value(struct json_reader *r, int depth)
{
    skip_space(r);
    if (r->p == r->end)
        return fail(r, ERR_MALFORMED, "got the end; want a value");
    struct node *n = NULL;
    if (depth <= NODE_DEPTH_MAX && ++r->nodes <= NODE_COUNT_MAX)
        n = node__new(r->arena, NODE_NULL);
    if (n == NULL)
        return too_large(r);
    n->line = r->line;
    n->column = column_of(r);
    switch (*r->p) {
    case '{':
        n->kind = NODE_MAP;
        return read_map(r, n, depth);
    case '[':
        n->kind = NODE_LIST;
        return read_list(r, n, depth);
    case '"':
        n->kind = NODE_TEXT;
        n->quoted = true;
        n->text = read_string(r);
        return n->text.p != NULL ? n : NULL;
    default:
        return read_word(r, n);
    }
}

struct node *node_from_json(struct arena *a, const char *text, size_t n, struct err *err)
{
    must(text != NULL || n == 0);
    struct json_reader r = {.arena = a, .line = 1, .column = 1, .err = err};
    r.p = r.counted = n > 0 ? text : "";
    r.end = r.p + n;
    if (n > NODE_TEXT_MAX)
        return too_large(&r);
    struct node *root = read_value(&r, 1);
    skip_space(&r);
    if (root != NULL && r.p != r.end)
        return fail(&r, ERR_MALFORMED, "got more after the end of the document");
    return root;
}
