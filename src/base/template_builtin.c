/* The functions of the template language itself (template.h), as Go has them. */
#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

/* ---- and, or, not ---- */

static int call_last(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    *out = args[n - 1]; /* the interpreter stops at the one that decides */
    return 0;
}

static int call_not(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    *out = tv_bool(!template_truth(&args[0]));
    return 0;
}

/* ---- comparison ---- */

/* -1, 0, 1; 2: unordered (NaN). */
static int compare(const struct tvalue *a, const struct tvalue *b, int *order, struct err *err)
{
    if (a->kind != b->kind)
        return err_set(err, ERR_MALFORMED, "incompatible types for comparison: %s and %s",
                       template_kind(a), template_kind(b));
    switch (a->kind) {
    case TV_INT:
    case TV_TIME:
    case TV_DURATION:
        *order = (a->num > b->num) - (a->num < b->num);
        return 0;
    case TV_FLOAT:
        *order = a->f64 == b->f64 ? 0 : a->f64 < b->f64 ? -1 : a->f64 > b->f64 ? 1 : 2;
        return 0;
    case TV_TEXT: {
        size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
        int c = n > 0 ? memcmp(a->text.p, b->text.p, n) : 0;
        *order = c != 0 ? (c > 0) - (c < 0) : (a->text.n > b->text.n) - (a->text.n < b->text.n);
        return 0;
    }
    case TV_NULL:
    case TV_BOOL:
        *order = a->kind == TV_BOOL && a->flag != b->flag ? 2 : 0;
        return 0;
    case TV_LIST:
    case TV_MAP:
    case TV_OBJECT:
        break;
    }
    return err_set(err, ERR_MALFORMED, "%s cannot be compared", template_kind(a));
}

static bool nothing(const struct tvalue *v)
{
    return v->kind == TV_NULL;
}

static int equal(const struct tvalue *a, const struct tvalue *b, bool *is, struct err *err)
{
    int order = 2;
    if (nothing(a) == nothing(b) && compare(a, b, &order, err) != 0)
        return -1;
    *is = order == 0;
    return 0;
}

/* eq A B C…: is A one of the others? */
static int call_eq(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    bool is = false;
    for (int i = 1; i < n && !is; i++)
        if (equal(&args[0], &args[i], &is, err) != 0)
            return -1;
    *out = tv_bool(is);
    return 0;
}

static int call_ne(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    bool is;
    if (equal(&args[0], &args[1], &is, err) != 0)
        return -1;
    *out = tv_bool(!is);
    return 0;
}

static int ordered(const struct tvalue *args, int *order, struct err *err)
{
    if (args[0].kind == TV_BOOL || args[0].kind == TV_NULL)
        return err_set(err, ERR_MALFORMED, "invalid type for comparison: %s",
                       template_kind(&args[0]));
    return compare(&args[0], &args[1], order, err);
}

#define COMPARISON(name, test)                                                               \
    static int call_##name(const struct template_env *env, const struct tvalue *args, int n, \
                           struct tvalue *out, struct err *err)                              \
    {                                                                                        \
        int order;                                                                           \
        if (ordered(args, &order, err) != 0)                                                 \
            return -1;                                                                       \
        *out = tv_bool(test);                                                                \
        return 0;                                                                            \
    }
COMPARISON(lt, order == -1)
COMPARISON(le, order == -1 || order == 0)
COMPARISON(gt, order == 1)
COMPARISON(ge, order == 1 || order == 0)

/* ---- parts ---- */

static int call_len(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    const struct tvalue *v = &args[0];
    if (v->kind != TV_TEXT && v->kind != TV_LIST && v->kind != TV_MAP)
        return err_set(err, ERR_MALFORMED, "%s has no length", template_kind(v));
    *out = tv_int((int64_t)(v->kind == TV_TEXT   ? v->text.n
                            : v->kind == TV_LIST ? v->list.n
                                                 : v->map.n));
    return 0;
}

static int index_one(const struct tvalue *v, const struct tvalue *at, struct tvalue *out,
                     struct err *err)
{
    if (v->kind == TV_MAP && at->kind == TV_TEXT) {
        *out = template_map_get(v, at->text);
        return 0;
    }
    if ((v->kind != TV_LIST && v->kind != TV_TEXT) || at->kind != TV_INT)
        return err_set(err, ERR_MALFORMED, "%s cannot be indexed by %s", template_kind(v),
                       template_kind(at));
    size_t n = v->kind == TV_LIST ? v->list.n : v->text.n;
    if (at->num < 0 || (uint64_t)at->num >= n)
        return err_set(err, ERR_MALFORMED, "index out of range: got %lld; there are %zu",
                       (long long)at->num, n);
    *out = v->kind == TV_LIST ? v->list.at[at->num]
                              : tv_int((int64_t)(unsigned char)v->text.p[at->num]);
    return 0;
}

static int call_index(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    struct tvalue v = args[0];
    for (int i = 1; i < n; i++) {
        struct tvalue next;
        if (index_one(&v, &args[i], &next, err) != 0)
            return -1;
        v = next;
    }
    *out = v;
    return 0;
}

static int call_slice(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    const struct tvalue *v = &args[0];
    if (v->kind != TV_TEXT && v->kind != TV_LIST)
        return err_set(err, ERR_MALFORMED, "%s cannot be sliced", template_kind(v));
    size_t size = v->kind == TV_TEXT ? v->text.n : v->list.n;
    int64_t at[2] = {0, (int64_t)size};
    for (int i = 1; i < n; i++) {
        if (args[i].kind != TV_INT || args[i].num < 0 || (uint64_t)args[i].num > size)
            return err_set(err, ERR_MALFORMED, "slice out of range; there are %zu", size);
        at[i - 1] = args[i].num;
    }
    if (at[0] > at[1])
        return err_set(err, ERR_MALFORMED, "slice ends before it begins");
    *out = *v;
    if (v->kind == TV_TEXT)
        out->text = (struct str){v->text.p + at[0], (size_t)(at[1] - at[0])};
    else
        out->list.at += at[0], out->list.n = (size_t)(at[1] - at[0]);
    return 0;
}

/* ---- text ---- */

int template__sprint(const struct template_env *env, const struct tvalue *args, int n, bool line,
                     struct buf *out, struct err *err)
{
    for (int i = 0; i < n; i++) {
        struct str text;
        bool texts = i > 0 && (args[i].kind == TV_TEXT || args[i - 1].kind == TV_TEXT);
        if (template_text(env, &args[i], &text, err) != 0)
            return -1;
        if (i > 0 && (line || !texts))
            buf_putc(out, ' ');
        buf_add(out, text.p, text.n);
    }
    if (line)
        buf_putc(out, '\n');
    return 0;
}

static int give_or_drop(const struct template_env *env, int rc, struct buf *b, struct tvalue *out,
                        struct err *err)
{
    if (rc == 0)
        return template_give(env, b, false, out, err);
    buf_done(b);
    return -1;
}

static int call_print(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    return give_or_drop(env, template__sprint(env, args, n, false, &b, err), &b, out, err);
}

static int call_println(const struct template_env *env, const struct tvalue *args, int n,
                        struct tvalue *out, struct err *err)
{
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    return give_or_drop(env, template__sprint(env, args, n, true, &b, err), &b, out, err);
}

static int call_printf(const struct template_env *env, const struct tvalue *args, int n,
                       struct tvalue *out, struct err *err)
{
    if (args[0].kind != TV_TEXT)
        return err_set(err, ERR_MALFORMED, "wants its format first, as text");
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    int rc = template_printf(env, args[0].text, args + 1, n - 1, &b, err);
    return give_or_drop(env, rc, &b, out, err);
}

static void html_char(struct buf *b, unsigned char c)
{
    switch (c) {
    case '\0':
        buf_puts(b, "\xef\xbf\xbd");
        break;
    case '"':
        buf_puts(b, "&#34;");
        break;
    case '\'':
        buf_puts(b, "&#39;");
        break;
    case '&':
        buf_puts(b, "&amp;");
        break;
    case '<':
        buf_puts(b, "&lt;");
        break;
    case '>':
        buf_puts(b, "&gt;");
        break;
    default:
        buf_putc(b, (char)c);
    }
}

static void js_char(struct buf *b, unsigned char c)
{
    if (c == '\\' || c == '\'' || c == '"')
        buf_printf(b, "\\%c", c);
    else if (c < 0x20 || strchr("<>&=", c) != NULL)
        buf_printf(b, "\\u%04X", c);
    else
        buf_putc(b, (char)c);
}

static int escaped(const struct template_env *env, const struct tvalue *args, int n,
                   void (*put)(struct buf *b, unsigned char c), struct tvalue *out, struct err *err)
{
    struct buf text = BUF_INIT(TEMPLATE_TEXT_MAX), b = BUF_INIT(TEMPLATE_TEXT_MAX);
    int rc = template__sprint(env, args, n, false, &text, err);
    for (size_t i = 0; i < text.len && rc == 0; i++)
        put(&b, (unsigned char)text.data[i]);
    buf_done(&text);
    return give_or_drop(env, rc, &b, out, err);
}

static int call_html(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    return escaped(env, args, n, html_char, out, err);
}

static int call_js(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    return escaped(env, args, n, js_char, out, err);
}

static void query_char(struct buf *b, unsigned char c)
{
    if (c == ' ')
        buf_putc(b, '+');
    else
        url_encode(b, (struct str){(const char *)&c, 1});
}

static int call_urlquery(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    return escaped(env, args, n, query_char, out, err);
}

const struct template_function template__builtins[] = {
    {"and", 1, TEMPLATE_ARGS_MAX, call_last},
    {"or", 1, TEMPLATE_ARGS_MAX, call_last},
    {"not", 1, 1, call_not},
    {"eq", 2, TEMPLATE_ARGS_MAX, call_eq},
    {"ne", 2, 2, call_ne},
    {"lt", 2, 2, call_lt},
    {"le", 2, 2, call_le},
    {"gt", 2, 2, call_gt},
    {"ge", 2, 2, call_ge},
    {"len", 1, 1, call_len},
    {"index", 1, TEMPLATE_ARGS_MAX, call_index},
    {"slice", 1, 3, call_slice},
    {"print", 0, TEMPLATE_ARGS_MAX, call_print},
    {"printf", 1, TEMPLATE_ARGS_MAX, call_printf},
    {"println", 0, TEMPLATE_ARGS_MAX, call_println},
    {"html", 0, TEMPLATE_ARGS_MAX, call_html},
    {"js", 0, TEMPLATE_ARGS_MAX, call_js},
    {"urlquery", 0, TEMPLATE_ARGS_MAX, call_urlquery},
    {0},
};

bool template__is_and(const struct template_function *f)
{
    return f == &template__builtins[0];
}

bool template__is_or(const struct template_function *f)
{
    return f == &template__builtins[1];
}
