/* ${NAME}, ${NAME:-default} and $$ in values, after parsing, so that nothing in a variable can
 * change the shape of the document. Keys are left alone, and so are the sections that are taken
 * over from Prometheus verbatim
 * ($1 and ${1} mean something else there; the caller leaves them out). Runs while a file is loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

#define VALUE_MAX (1u << 20)

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0;
}

/* Appends what ${expr} stands for; false: a problem was added. */
static bool put_variable(const struct node *n, struct str expr, struct buf *out, struct problems *p)
{
    struct str name = expr, fallback = {NULL, 0};
    const char *sep = memmem(expr.p, expr.n, ":-", 2);
    if (sep != NULL) {
        name.n = (size_t)(sep - expr.p);
        fallback = (struct str){sep + 2, expr.n - name.n - 2};
    }
    char key[256];
    if (!is_name(name) || name.n >= sizeof(key)) {
        buf_printf(out, "${%.*s}", (int)expr.n, expr.p);
        return true;
    }
    memcpy(key, name.p, name.n);
    key[name.n] = '\0';
    const char *value = getenv(key);
    if (value != NULL && (value[0] != '\0' || sep == NULL))
        buf_puts(out, value);
    else if (sep != NULL)
        buf_add(out, fallback.p, fallback.n);
    else {
        problem_add(p, n, "",
                    "the environment variable %s is not set; set it or write ${%s:-DEFAULT}", key,
                    key);
        return false;
    }
    return true;
}

static bool expand(const struct node *n, struct buf *out, struct problems *p)
{
    must(n->kind == NODE_TEXT);
    const char *s = n->text.p, *end = s + n->text.n;
    while (s < end) {
        const char *dollar = memchr(s, '$', (size_t)(end - s));
        if (dollar == NULL)
            dollar = end;
        buf_add(out, s, (size_t)(dollar - s));
        s = dollar;
        if (s == end)
            break;
        const char *close = s + 1 < end && s[1] == '{' ? memchr(s, '}', (size_t)(end - s)) : NULL;
        if (close != NULL) {
            if (!put_variable(n, (struct str){s + 2, (size_t)(close - s - 2)}, out, p))
                return false;
            s = close + 1;
        } else {
            buf_putc(out, '$');
            s += s + 1 < end && s[1] == '$' ? 2 : 1;
        }
    }
    return true;
}

static void expand_text(struct node *n, struct arena *a, struct problems *p)
{
    if (memchr(n->text.p, '$', n->text.n) == NULL)
        return;
    struct buf out = BUF_INIT(VALUE_MAX);
    if (expand(n, &out, p)) {
        if (out.failed || !utf8_valid(out.data != NULL ? out.data : "", out.len))
            problem_add(
                p, n, "",
                "got a value that is too large or not UTF-8 after expanding the environment");
        else
            n->text =
                (struct str){arena_strndup(a, out.data != NULL ? out.data : "", out.len), out.len};
    }
    buf_done(&out);
}

void expand_environment(struct node *n, struct arena *a, struct problems *p)
{
    if (n->kind == NODE_TEXT)
        expand_text(n, a, p);
    if (n->kind != NODE_MAP && n->kind != NODE_LIST)
        return;
    for (struct node *c = n->first; c != NULL; c = c->next)
        expand_environment(c, a, p);
}
