/* See form.h. */
#include "status/form.h"

#include <strings.h>

#define VALUE_MAX 20000

static const char *decoded(struct str v, struct arena *a)
{
    struct buf plain = BUF_INIT(VALUE_MAX), out = BUF_INIT(VALUE_MAX);
    const char *text = NULL;
    for (size_t i = 0; i < v.n; i++)
        buf_putc(&plain, v.p[i] == '+' ? ' ' : v.p[i]);
    if (!plain.failed && url_decode(&out, (struct str){plain.data, plain.len}, NULL) == 0 &&
        !out.failed && utf8_valid(out.data ? out.data : "", out.len) &&
        !memchr(out.data ? out.data : "", '\0', out.len))
        text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&plain);
    buf_done(&out);
    return text;
}

const char *form_value(struct str body, const char *name, struct arena *a)
{
    struct str part, key, value;
    while (body.n > 0 && str_next(&body, '&', &part))
        if (str_cut(part, '=', &key, &value) && str_eqz(key, name))
            return decoded(value, a);
    return NULL;
}

const char *cookie_value(const char *header, const char *name, struct arena *a)
{
    struct str rest = str_of(header), part, key, value;
    while (rest.n > 0 && str_next(&rest, ';', &part))
        if (str_cut(str_trim(part), '=', &key, &value) && str_eqz(key, name))
            return arena_strndup(a, value.p, value.n);
    return NULL;
}

/* "zh-CN;q=0.8" → 0.8; 1 where nothing is said. */
static double weight(struct str params)
{
    double q = 1;
    params = str_trim(params);
    if (params.n > 2 && (params.p[0] == 'q' || params.p[0] == 'Q') && params.p[1] == '=')
        str_to_f64((struct str){params.p + 2, params.n - 2}, &q, NULL);
    return q;
}

bool prefers_chinese(const char *header)
{
    struct str rest = str_of(header), part, tag, params;
    double zh = 0, en = 0;
    while (rest.n > 0 && str_next(&rest, ',', &part)) {
        if (!str_cut(part, ';', &tag, &params)) {
            tag = part;
            params = (struct str){"", 0};
        }
        tag = str_trim(tag);
        double *of = tag.n >= 2 && strncasecmp(tag.p, "zh", 2) == 0   ? &zh
                     : tag.n >= 2 && strncasecmp(tag.p, "en", 2) == 0 ? &en
                                                                      : NULL;
        double q = of ? weight(params) : 0;
        if (of && q > *of)
            *of = q;
    }
    return zh > en || (zh > 0 && zh == en && strcasestr(header, "zh") < strcasestr(header, "en"));
}
