/* Text in rules' templates (rule.h): case, regular expressions, addresses. */
#include <ctype.h>
#include <string.h>

#include "base/must.h"
#include "base/regex.h"
#include "rule/template_priv.h"

static int want(const struct template_env *env, const struct tvalue *v, struct str *out,
                struct err *err)
{
    if (v->kind != TV_TEXT)
        return err_set(err, ERR_MALFORMED, "wants text; got %s", template_kind(v));
    *out = v->text;
    return 0;
}

/* ---- case ---- */

/* The upper or lower case of a character of two bytes: Latin-1, Latin Extended-A, Greek, Cyrillic. */
static unsigned other_case(unsigned c, bool up)
{
    static const struct {
        unsigned from, to, shift;
    } lower[] = {
        {0xe0, 0xfe, 0x20}, {0x3b1, 0x3c9, 0x20}, {0x430, 0x44f, 0x20}, {0x450, 0x45f, 0x50}};
    if (c == 0xf7 || c == 0xd7 || c == 0x3c2)
        return c;
    for (size_t i = 0; i < array_len(lower); i++) {
        unsigned shift = lower[i].shift;
        if (up && c >= lower[i].from && c <= lower[i].to)
            return c - shift;
        if (!up && c + shift >= lower[i].from && c + shift <= lower[i].to)
            return c + shift;
    }
    if (c >= 0x100 && c <= 0x137) /* pairs: even is upper case */
        return up ? c & ~1u : c | 1u;
    return c;
}

static void put_case(struct buf *out, const char *p, size_t n, bool up)
{
    if (n == 1) {
        buf_putc(out, (char)(up ? toupper((unsigned char)*p) : tolower((unsigned char)*p)));
    } else if (n == 2) {
        unsigned c =
            other_case(((unsigned char)p[0] & 0x1fu) << 6 | ((unsigned char)p[1] & 0x3fu), up);
        buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add(out, p, n);
    }
}

enum casing { CASE_UPPER, CASE_LOWER, CASE_TITLE };

static int change(const struct template_env *env, const struct tvalue *v, enum casing how,
                  struct tvalue *out, struct err *err)
{
    struct str s;
    if (want(env, v, &s, err) != 0)
        return -1;
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    bool begins = true; /* a word */
    for (size_t i = 0, len; i < s.n; i += len) {
        len = utf8_char(s.p + i, s.n - i);
        len = len > 0 ? len : 1;
        if (how != CASE_TITLE || begins)
            put_case(&b, s.p + i, len, how != CASE_LOWER);
        else
            buf_add(&b, s.p + i, len);
        char c = s.p[i];
        begins = len == 1 && !isalnum((unsigned char)c) && c != '_' && c != '\'';
    }
    return template_give(env, &b, false, out, err);
}

int rule__to_upper(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    return change(env, &args[0], CASE_UPPER, out, err);
}

int rule__to_lower(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    return change(env, &args[0], CASE_LOWER, out, err);
}

int rule__title(const struct template_env *env, const struct tvalue *args, int n,
                struct tvalue *out, struct err *err)
{
    return change(env, &args[0], CASE_TITLE, out, err);
}

/* ---- regular expressions ---- */

static void replace_all(const struct regex *re, struct str with, struct str text, struct buf *out)
{
    struct str group[REGEX_GROUPS_MAX];
    size_t n = regex_groups(re) + 1;
    n = n < REGEX_GROUPS_MAX ? n : REGEX_GROUPS_MAX;
    size_t from = 0, copied = 0;
    bool after_match = false; /* an empty match right behind another is none, as in Go */
    while (from <= text.n && !out->failed && regex_find(re, text, from, group, n)) {
        size_t at = (size_t)(group[0].p - text.p), end = at + group[0].n;
        if (group[0].n > 0 || !(after_match && at == copied)) {
            buf_add(out, text.p + copied, at - copied);
            regex_expand(re, with, group, n, out);
            copied = end;
            after_match = group[0].n > 0;
        }
        size_t step = end < text.n ? utf8_char(text.p + end, text.n - end) : 1;
        from = group[0].n > 0 ? end : end + (step > 0 ? step : 1);
    }
    buf_add(out, text.p + copied, text.n - copied);
}

int rule__re_replace_all(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    struct str pattern, with, text;
    if (want(env, &args[0], &pattern, err) != 0 || want(env, &args[1], &with, err) != 0 ||
        want(env, &args[2], &text, err) != 0)
        return -1;
    struct regex *re = regex_new(pattern, 0, err);
    if (re == NULL)
        return -1;
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    replace_all(re, with, text, &b);
    regex_free(re);
    return template_give(env, &b, false, out, err);
}

int rule__match(const struct template_env *env, const struct tvalue *args, int n,
                struct tvalue *out, struct err *err)
{
    struct str pattern, text, whole;
    if (want(env, &args[0], &pattern, err) != 0 || want(env, &args[1], &text, err) != 0)
        return -1;
    struct regex *re = regex_new(pattern, 0, err);
    if (re == NULL)
        return -1;
    *out = tv_bool(regex_find(re, text, 0, &whole, 1));
    regex_free(re);
    return 0;
}

/* ---- addresses ---- */

/* host:port or [v6]:port; false: it is none. */
static bool split_host_port(struct str s, struct str *host, struct str *port)
{
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
    if (colon == NULL)
        return false;
    *port = (struct str){colon + 1, (size_t)(s.p + s.n - colon - 1)};
    *host = (struct str){s.p, (size_t)(colon - s.p)};
    if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
        *host = (struct str){host->p + 1, host->n - 2};
        return memchr(host->p, ']', host->n) == NULL;
    }
    return memchr(host->p, ':', host->n) == NULL && memchr(s.p, '[', s.n) == NULL &&
           memchr(s.p, ']', s.n) == NULL;
}

int rule__strip_port(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct str s, host, port;
    if (want(env, &args[0], &s, err) != 0)
        return -1;
    *out = tv_str(split_host_port(s, &host, &port) ? host : s);
    return 0;
}

static bool is_ip(struct str host)
{
    bool digits = host.n > 0, colon = false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        colon |= c == ':';
        digits &= isdigit((unsigned char)c) || c == '.';
    }
    return digits || colon;
}

int rule__strip_domain(const struct template_env *env, const struct tvalue *args, int n,
                       struct tvalue *out, struct err *err)
{
    struct str s, host, port = STR("");
    if (want(env, &args[0], &s, err) != 0)
        return -1;
    *out = tv_str(s);
    if (!split_host_port(s, &host, &port)) {
        host = s;
        port = STR("");
    }
    if (is_ip(host))
        return 0;
    struct str first, rest;
    if (!str_cut(host, '.', &first, &rest))
        first = host;
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    buf_add(&b, first.p, first.n);
    if (port.n > 0) {
        buf_putc(&b, ':');
        buf_add(&b, port.p, port.n);
    }
    return template_give(env, &b, false, out, err);
}

void rule__query_escape(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ')
            buf_putc(out, '+');
        else
            url_encode(out, (struct str){s.p + i, 1});
    }
}

static int link_to(const struct template_env *env, const struct tvalue *v, int tab,
                   struct tvalue *out, struct err *err)
{
    struct str s;
    if (want(env, v, &s, err) != 0)
        return -1;
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    buf_puts(&b, "/graph?g0.expr=");
    rule__query_escape(&b, s);
    buf_printf(&b, "&g0.tab=%d", tab);
    return template_give(env, &b, false, out, err);
}

int rule__graph_link(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    return link_to(env, &args[0], 0, out, err);
}

int rule__table_link(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    return link_to(env, &args[0], 1, out, err);
}

int rule__url_escape(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct str s;
    if (want(env, &args[0], &s, err) != 0)
        return -1;
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    rule__query_escape(&b, s);
    return template_give(env, &b, false, out, err);
}

/* The path of the address under which this server is reached: "" or "/monitoring". */
int rule__path_prefix(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    const char *url = rule__data(env)->external_url;
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    size_t len = path != NULL ? strcspn(path, "?#") : 0;
    *out = tv_text(arena_strndup(env->arena, path != NULL ? path : "", len));
    return 0;
}
