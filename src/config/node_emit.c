/* The tree as YAML text for people: block style, short lists of scalars in one line, quotes only
 * where some YAML reader could take the text for something else (config/node.h). What is written
 * reads back the same. */
#include <string.h>
#include <strings.h>

#include "config/node.h"

#define FLOW_WIDTH     80
#define SIMPLE_KEY_MAX 150 /* bytes; YAML allows 1024 characters, and escapes are longer */

static bool is_parent(const struct node *n)
{
    return n != NULL && (n->kind == NODE_LIST || n->kind == NODE_MAP);
}

static bool is_word(struct str s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < array_len(words); i++)
        if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0)
            return true;
    return false;
}

static bool is_plain_char(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || (c & 0x80) || (c != '\0' && strchr("_./+-", c) != NULL);
}

/* A text that every YAML reader takes for this very text without quotes. */
static bool is_plain(struct str s)
{
    if (s.n == 0 || is_word(s) || strchr("+-.", s.p[0]) != NULL)
        return false;
    bool digits = true, any = false;
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_char(s.p + i, s.n - i);
        if (n == 0 || !is_plain_char(s.p[i]) || !yaml_is_printable(s.p + i, n))
            return false;
        digits &= strchr("0123456789._+-eE", s.p[i]) != NULL;
        any |= s.p[i] >= '0' && s.p[i] <= '9';
    }
    return !digits || !any; /* else it could be a number or a date */
}

bool yaml_is_printable(const char *p, size_t n)
{
    const unsigned char *c = (const unsigned char *)p;
    must(n > 0);
    if (n == 1)
        return c[0] >= 0x20 && c[0] < 0x7f;
    if (n == 2)
        return c[0] != 0xc2 || c[1] >= 0xa0; /* U+0080 … U+009F, U+0085 ends a line */
    if (n == 3 && c[0] == 0xe2 && c[1] == 0x80)
        return c[2] != 0xa8 && c[2] != 0xa9; /* U+2028 and U+2029 end a line */
    if (n == 3 && c[0] == 0xef)
        return !(c[1] == 0xbb && c[2] == 0xbf) &&
               !(c[1] == 0xbf && c[2] >= 0xbe); /* FEFF, FFFE, FFFF */
    return true;
}

/* In double quotes. The text may hold anything; bytes that are not UTF-8 become U+FFFD. */
static void put_quoted(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_char(s.p + i, s.n - i);
        const unsigned char *c = (const unsigned char *)s.p + i;
        if (n == 0) {
            n = 1;
            buf_puts(out, "\\uFFFD");
        } else if (*c == '"' || *c == '\\') {
            buf_printf(out, "\\%c", *c);
        } else if (*c == '\n') {
            buf_puts(out, "\\n");
        } else if (yaml_is_printable(s.p + i, n)) {
            buf_add(out, c, n);
        } else {
            unsigned code = n == 1   ? c[0]
                            : n == 2 ? (c[0] & 31u) << 6 | (c[1] & 63u)
                                     : (c[0] & 15u) << 12 | (c[1] & 63u) << 6 | (c[2] & 63u);
            buf_printf(out, "\\u%04X", code);
        }
    }
    buf_putc(out, '"');
}

void yaml_put_text(struct buf *out, struct str s)
{
    if (is_plain(s))
        buf_add(out, s.p, s.n);
    else
        put_quoted(out, s);
}

static void put_scalar(struct buf *out, const struct node *n)
{
    struct json j = json_start(out);
    if (n != NULL && n->kind == NODE_TEXT)
        yaml_put_text(out, n->text);
    else
        node_to_json(n, &j);
}

/* Writes a list of scalars as [a, b]; false, with nothing written, when it is none or too long. */
static bool put_flow(struct buf *out, const struct node *n)
{
    size_t before = out->len;
    if (n->kind == NODE_MAP && n->count > 0)
        return false;
    buf_putc(out, n->kind == NODE_MAP ? '{' : '[');
    for (const struct node *c = n->first; c != NULL; c = c->next) {
        if (c != n->first)
            buf_puts(out, ", ");
        if (is_parent(c) || out->len - before > FLOW_WIDTH) {
            out->len = before;
            out->data[before] = '\0';
            return false;
        }
        put_scalar(out, c);
    }
    buf_putc(out, n->kind == NODE_MAP ? '}' : ']');
    return true;
}

static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

static void put_block(struct buf *out, const struct node *n, int depth, bool indented);

static void put_child(struct buf *out, const struct node *parent, const struct node *c, int depth)
{
    if (parent->kind == NODE_MAP) {
        bool simple = c->key.n <= SIMPLE_KEY_MAX;
        buf_puts(out, simple ? "" : "? ");
        yaml_put_text(out, c->key);
        if (!simple) {
            buf_putc(out, '\n');
            indent(out, depth);
        }
        buf_putc(out, ':');
    } else {
        buf_putc(out, '-');
    }
    if (!is_parent(c)) {
        buf_putc(out, ' ');
        put_scalar(out, c);
        buf_putc(out, '\n');
        return;
    }
    buf_putc(out, ' ');
    if (put_flow(out, c)) {
        buf_putc(out, '\n');
    } else if (parent->kind == NODE_LIST) {
        put_block(out, c, depth + 1, true); /* the first line goes on behind the dash */
    } else {
        out->data[--out->len] = '\n';
        out->len++;
        put_block(out, c, depth + 1, false);
    }
}

static void put_block(struct buf *out, const struct node *n, int depth, bool indented)
{
    must(is_parent(n) && depth <= NODE_DEPTH_MAX + 8);
    for (const struct node *c = n->first; c != NULL && !out->failed; c = c->next) {
        if (!indented || c != n->first)
            indent(out, depth);
        put_child(out, n, c, depth);
    }
}

void node_to_yaml(const struct node *n, struct buf *out)
{
    must(n != NULL);
    if (!is_parent(n)) {
        put_scalar(out, n);
        buf_putc(out, '\n');
    } else if (n->count == 0) {
        buf_puts(out, n->kind == NODE_MAP ? "{}\n" : "[]\n");
    } else {
        put_block(out, n, 0, false);
    }
}
