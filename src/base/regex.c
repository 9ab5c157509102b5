/* Replacement templates of regular expressions; matching itself is regex_re2.cc. */
#include "base/regex.h"

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The name after a '$' at p: its text, and the bytes it takes. n 0: no name, the '$' stands for itself. */
static size_t group_name(const char *p, const char *end, struct str *name)
{
    const char *at = p;
    bool braced = at < end && *at == '{';
    at += braced;
    name->p = at;
    while (at < end && is_word(*at))
        at++;
    name->n = (size_t)(at - name->p);
    if (name->n == 0 || (braced && (at == end || *at != '}')))
        return 0;
    return (size_t)(at - p) + braced;
}

static int group_number(const struct regex *re, struct str name)
{
    int64_t number;
    if (name.n <= 9 && str_to_i64(name, &number, NULL) == 0)
        return (int)number;
    return regex_group(re, name);
}

void regex_expand(const struct regex *re, struct str template_, const struct str *group, size_t n,
                  struct buf *out)
{
    const char *p = template_.p, *end = template_.p + template_.n;
    while (p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));
        buf_add(out, p, (size_t)((dollar ? dollar : end) - p));
        if (!dollar)
            return;
        p = dollar + 1;
        struct str name;
        size_t taken;
        if (p < end && *p == '$') {
            buf_putc(out, '$');
            p++;
        } else if ((taken = group_name(p, end, &name)) > 0) {
            int i = group_number(re, name);
            if (i >= 0 && (size_t)i < n && group[i].p)
                buf_add(out, group[i].p, group[i].n);
            p += taken;
        } else {
            buf_putc(out, '$');
        }
    }
}
