/* The functions of message templates (template.h), and how they write values. */
#include "notify/template.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/must.h"

#define TEXT_MAX (1 << 20)

static const struct template_words *words(const struct template_env *env)
{
    must(env->self != NULL);
    return env->self;
}

static int want_number(const struct tvalue *v, int64_t *n, struct err *err)
{
    if (v->kind != TV_INT)
        return err_set(err, ERR_MALFORMED, "wants a number");
    *n = v->num;
    return 0;
}

/* "另有 %d 条": %d becomes n. */
static void add_phrase(const struct template_env *env, struct buf *b, struct str phrase,
                       const struct tvalue *n)
{
    const char *hole = n != NULL ? memmem(phrase.p, phrase.n, "%d", 2) : NULL;
    if (hole == NULL) {
        buf_add(b, phrase.p, phrase.n);
        return;
    }
    struct str num = STR("");
    struct err ignored;
    template_text(env, n, &num, &ignored);
    buf_add(b, phrase.p, (size_t)(hole - phrase.p));
    buf_add(b, num.p, num.n);
    buf_add(b, hole + 2, phrase.n - (size_t)(hole + 2 - phrase.p));
}

static int call_t(const struct template_env *env, const struct tvalue *args, int n,
                  struct tvalue *out, struct err *err)
{
    struct str zh, en;
    must(n == 2 || n == 3);
    if (template_text(env, &args[0], &zh, err) != 0 || template_text(env, &args[1], &en, err) != 0)
        return -1;
    const struct tvalue *num = n == 3 ? &args[2] : NULL;
    struct buf b = BUF_INIT(TEXT_MAX);
    if (words(env)->lang != LANG_EN)
        add_phrase(env, &b, zh, num);
    if (words(env)->lang == LANG_BOTH)
        buf_puts(&b, " / ");
    if (words(env)->lang != LANG_ZH)
        add_phrase(env, &b, en, num);
    return template_give(env, &b, false, out, err);
}

static int call_default(const struct template_env *env, const struct tvalue *args, int n,
                        struct tvalue *out, struct err *err)
{
    must(n == 2);
    *out = template_truth(&args[1]) ? args[1] : args[0];
    return 0;
}

static int call_truncate(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    int64_t max = 0;
    struct str text;
    must(n == 2);
    if (want_number(&args[0], &max, err) != 0 || template_text(env, &args[1], &text, err) != 0)
        return -1;
    size_t keep = 0;
    for (int64_t chars = 0; keep < text.n && chars < max; chars++) {
        size_t len = utf8_char(text.p + keep, text.n - keep);
        keep += len > 0 ? len : 1;
    }
    must(keep <= text.n); /* whole characters, none beyond the end */
    struct buf b = BUF_INIT(TEXT_MAX);
    buf_add(&b, text.p, keep);
    if (keep < text.n)
        buf_puts(&b, "…");
    return template_give(env, &b, args[1].kind == TV_TEXT && args[1].safe && keep == text.n, out,
                         err);
}

static int call_duration(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    if (args[0].kind != TV_DURATION && args[0].kind != TV_INT)
        return err_set(err, ERR_MALFORMED, "wants a duration, such as .Duration, or milliseconds");
    *out = (struct tvalue){.kind = TV_DURATION, .num = args[0].num};
    return 0;
}

static int call_time(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    must(n == 1 || n == 2);
    const struct tvalue *v = &args[n - 1];
    if (v->kind == TV_NULL || (v->kind == TV_TIME && v->num == 0)) {
        *out = (struct tvalue){.kind = TV_NULL};
        return 0;
    }
    if (v->kind != TV_TIME)
        return err_set(err, ERR_MALFORMED, "wants a time, such as .FiredAt");
    struct str zone = str_of(words(env)->zone);
    if (n == 2 && template_text(env, &args[0], &zone, err) != 0)
        return -1;
    char stamp[ZONE_TIME_SIZE];
    const char *name = zone.n > 0 ? arena_strndup(env->arena, zone.p, zone.n) : NULL;
    if (zone_time(name, v->num, stamp, err) != 0)
        return -1;
    *out = tv_text(arena_strdup(env->arena, stamp));
    return 0;
}

static int change_case(const struct template_env *env, const struct tvalue *arg, bool up,
                       struct tvalue *out, struct err *err)
{
    struct str text;
    if (template_text(env, arg, &text, err) != 0)
        return -1;
    char *copy = arena_strndup(env->arena, text.p, text.n);
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)copy[i] < 0x80)
            copy[i] = (char)(up ? toupper(copy[i]) : tolower(copy[i]));
    *out = (struct tvalue){.kind = TV_TEXT, .text = {copy, text.n}};
    return 0;
}

static int call_upper(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    return change_case(env, &args[0], true, out, err);
}

static int call_lower(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    return change_case(env, &args[0], false, out, err);
}

static int call_trim(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct str text;
    if (template_text(env, &args[0], &text, err) != 0)
        return -1;
    *out = (struct tvalue){
        .kind = TV_TEXT, .safe = args[0].kind == TV_TEXT && args[0].safe, .text = str_trim(text)};
    return 0;
}

static int call_first(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    int64_t max = 0;
    if (want_number(&args[0], &max, err) != 0)
        return -1;
    if (args[1].kind != TV_LIST)
        return err_set(err, ERR_MALFORMED, "wants a list, such as .Alerts");
    *out = args[1];
    if (max >= 0 && (uint64_t)max < out->list.n)
        out->list.n = (size_t)max;
    return 0;
}

static int call_len(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    struct str text;
    if (args[0].kind == TV_LIST) {
        *out = tv_int((int64_t)args[0].list.n);
        return 0;
    }
    if (template_text(env, &args[0], &text, err) != 0)
        return -1;
    *out = tv_int((int64_t)utf8_count(text.p, text.n));
    return 0;
}

static int call_bold(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    buf_puts(&b, words(env)->dialect->bold_open);
    if (template_write(env, &args[0], &b, err) != 0) {
        buf_done(&b);
        return -1;
    }
    buf_puts(&b, words(env)->dialect->bold_close);
    return template_give(env, &b, true, out, err);
}

static int call_link(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct str url;
    struct buf text = BUF_INIT(TEXT_MAX), b = BUF_INIT(TEXT_MAX);
    if (template_text(env, &args[0], &url, err) != 0 ||
        template_write(env, &args[1], &text, err) != 0) {
        buf_done(&text);
        return -1;
    }
    if (url.n == 0)
        buf_add(&b, text.data != NULL ? text.data : "", text.len);
    else
        words(env)->dialect->link(&b, url,
                                  (struct str){text.data != NULL ? text.data : "", text.len});
    buf_done(&text);
    return template_give(env, &b, true, out, err);
}

static int call_color(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    struct str name;
    struct buf text = BUF_INIT(TEXT_MAX), b = BUF_INIT(TEXT_MAX);
    if (template_text(env, &args[0], &name, err) != 0 ||
        template_write(env, &args[1], &text, err) != 0) {
        buf_done(&text);
        return -1;
    }
    struct str inner = {text.data != NULL ? text.data : "", text.len};
    words(env)->dialect->color(&b, name, inner);
    buf_done(&text);
    return template_give(env, &b, true, out, err);
}

static int call_raw(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    struct str text;
    if (template_text(env, &args[0], &text, err) != 0)
        return -1;
    *out = (struct tvalue){.kind = TV_TEXT, .safe = true, .text = text};
    return 0;
}

static int call_json(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct str text;
    if (template_text(env, &args[0], &text, err) != 0)
        return -1;
    struct buf b = BUF_INIT(TEXT_MAX);
    json_escape(&b, text.p, text.n);
    return template_give(env, &b, true, out, err);
}

static int call_urlquery(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    struct str text;
    if (template_text(env, &args[0], &text, err) != 0)
        return -1;
    struct buf b = BUF_INIT(TEXT_MAX);
    url_encode(&b, text);
    return template_give(env, &b, true, out, err);
}

static bool is_number(const struct tvalue *v)
{
    return v->kind == TV_INT || v->kind == TV_TIME || v->kind == TV_DURATION;
}

/* -1, 0, 1 by number when both are numbers, by bytes otherwise. */
static int compare(const struct template_env *env, const struct tvalue *a, const struct tvalue *b,
                   int *order, struct err *err)
{
    if (is_number(a) && is_number(b)) {
        *order = (a->num > b->num) - (a->num < b->num);
        return 0;
    }
    struct str x, y;
    if (template_text(env, a, &x, err) != 0 || template_text(env, b, &y, err) != 0)
        return -1;
    size_t n = x.n < y.n ? x.n : y.n;
    int c = n > 0 ? memcmp(x.p, y.p, n) : 0;
    *order = c != 0 ? (c > 0) - (c < 0) : (x.n > y.n) - (x.n < y.n);
    return 0;
}

#define COMPARISON(name, test)                                                               \
    static int call_##name(const struct template_env *env, const struct tvalue *args, int n, \
                           struct tvalue *out, struct err *err)                              \
    {                                                                                        \
        int order;                                                                           \
        if (compare(env, &args[0], &args[1], &order, err) != 0)                              \
            return -1;                                                                       \
        *out = (struct tvalue){.kind = TV_BOOL, .flag = order test 0};                       \
        return 0;                                                                            \
    }
COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

static const struct template_function functions[] = {
    {"t", 2, 3, call_t},
    {"default", 2, 2, call_default},
    {"truncate", 2, 2, call_truncate},
    {"duration", 1, 1, call_duration},
    {"time", 1, 2, call_time},
    {"upper", 1, 1, call_upper},
    {"lower", 1, 1, call_lower},
    {"trim", 1, 1, call_trim},
    {"first", 2, 2, call_first},
    {"len", 1, 1, call_len},
    {"bold", 1, 1, call_bold},
    {"link", 2, 2, call_link},
    {"color", 2, 2, call_color},
    {"raw", 1, 1, call_raw},
    {"json", 1, 1, call_json},
    {"urlquery", 1, 1, call_urlquery},
    {"eq", 2, 2, call_eq},
    {"ne", 2, 2, call_ne},
    {"lt", 2, 2, call_lt},
    {"le", 2, 2, call_le},
    {"gt", 2, 2, call_gt},
    {"ge", 2, 2, call_ge},
    {0},
};

static void escape(const struct template_env *env, struct buf *out, struct str s)
{
    words(env)->dialect->escape(out, s.p, s.n);
}

static void literal(const struct template_env *env, struct buf *out, struct str s)
{
    words(env)->dialect->literal(out, s.p, s.n);
}

static int moment(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err)
{
    char text[ZONE_TIME_SIZE] = "";
    if (v->kind == TV_DURATION) {
        struct buf b = BUF_FIXED(text);
        duration_words(&b, v->num, words(env)->lang);
    } else if (v->num != 0 && zone_time(words(env)->zone, v->num, text, err) != 0) {
        return -1;
    }
    *out = str_of(arena_strdup(env->arena, text));
    return 0;
}

const struct template_style message_style = {
    .functions = functions, .escape = escape, .literal = literal, .moment = moment};
