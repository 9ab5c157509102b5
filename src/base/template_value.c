/* Values of the template language (template.h): made, judged, and written as text. */
#include <string.h>

#include "base/must.h"
#include "base/template.h"
#include "base/template_priv.h"

#define NEST_MAX 8 /* of lists and maps that are written as text */

struct tvalue tv_text(const char *s)
{
    if (s == NULL)
        return (struct tvalue){.kind = TV_NULL};
    return (struct tvalue){.kind = TV_TEXT, .text = str_of(s)};
}

struct tvalue tv_str(struct str s)
{
    return (struct tvalue){.kind = TV_TEXT, .text = s};
}

struct tvalue tv_int(int64_t v)
{
    return (struct tvalue){.kind = TV_INT, .num = v};
}

struct tvalue tv_float(double v)
{
    return (struct tvalue){.kind = TV_FLOAT, .f64 = v};
}

struct tvalue tv_bool(bool v)
{
    return (struct tvalue){.kind = TV_BOOL, .flag = v};
}

void template__rune(char out[8], int64_t rune)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (rune < 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
        rune = 0xfffd;
    size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    out[n] = '\0';
    for (size_t i = n; --i > 0; rune >>= 6)
        out[i] = (char)(0x80 | (rune & 63));
    out[0] = (char)((n > 1 ? first[n] : 0) | (unsigned)rune);
}

const char *template_kind(const struct tvalue *v)
{
    static const char *const kinds[] = {
        [TV_NULL] = "nothing",        [TV_TEXT] = "text",   [TV_INT] = "a whole number",
        [TV_FLOAT] = "a float",       [TV_BOOL] = "a bool", [TV_TIME] = "a time",
        [TV_DURATION] = "a duration", [TV_LIST] = "a list", [TV_MAP] = "a map",
        [TV_OBJECT] = "an object",
    };
    must(v->kind < array_len(kinds));
    return kinds[v->kind];
}

bool template_truth(const struct tvalue *v)
{
    switch (v->kind) {
    case TV_NULL:
        return false;
    case TV_TEXT:
        return v->text.n > 0;
    case TV_INT:
    case TV_TIME:
    case TV_DURATION:
        return v->num != 0;
    case TV_FLOAT:
        return v->f64 != 0;
    case TV_BOOL:
        return v->flag;
    case TV_LIST:
        return v->list.n > 0;
    case TV_MAP:
        return v->map.n > 0;
    case TV_OBJECT:
        return true;
    }
    return false;
}

struct tvalue template_map_get(const struct tvalue *map, struct str key)
{
    must(map->kind == TV_MAP);
    for (size_t i = 0; i < map->map.n; i++)
        if (str_eq(map->map.at[i].key, key))
            return map->map.at[i].value;
    return map->texts ? tv_str(STR("")) : (struct tvalue){.kind = TV_NULL};
}

static int put_value(const struct template_env *env, const struct tvalue *v, int depth,
                     struct buf *out, struct err *err);

static int put_list(const struct template_env *env, const struct tvalue *v, int depth,
                    struct buf *out, struct err *err)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < v->list.n && !out->failed; i++) {
        if (i > 0)
            buf_putc(out, ' ');
        if (put_value(env, &v->list.at[i], depth + 1, out, err) != 0)
            return -1;
    }
    buf_putc(out, ']');
    return 0;
}

static int put_map(const struct template_env *env, const struct tvalue *v, int depth,
                   struct buf *out, struct err *err)
{
    buf_puts(out, "map[");
    for (size_t i = 0; i < v->map.n && !out->failed; i++) {
        if (i > 0)
            buf_putc(out, ' ');
        buf_add(out, v->map.at[i].key.p, v->map.at[i].key.n);
        buf_putc(out, ':');
        if (put_value(env, &v->map.at[i].value, depth + 1, out, err) != 0)
            return -1;
    }
    buf_putc(out, ']');
    return 0;
}

static int put_value(const struct template_env *env, const struct tvalue *v, int depth,
                     struct buf *out, struct err *err)
{
    struct str text;
    if (depth < NEST_MAX && v->kind == TV_LIST)
        return put_list(env, v, depth, out, err);
    if (depth < NEST_MAX && v->kind == TV_MAP)
        return put_map(env, v, depth, out, err);
    if (v->kind == TV_LIST || v->kind == TV_MAP || v->kind == TV_OBJECT)
        return err_set(err, ERR_MALFORMED, "%s cannot be written as text; name one of its fields",
                       template_kind(v));
    if (template_text(env, v, &text, err) != 0)
        return -1;
    buf_add(out, text.p, text.n);
    return 0;
}

/* What consists of other values. */
static int text_of_many(const struct template_env *env, const struct tvalue *v, struct str *out,
                        struct err *err)
{
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    struct tvalue text;
    if (put_value(env, v, 0, &b, err) != 0) {
        buf_done(&b);
        return -1;
    }
    if (template_give(env, &b, false, &text, err) != 0)
        return -1;
    *out = text.text;
    return 0;
}

int template_text(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err)
{
    char number[40];
    struct buf b = BUF_FIXED(number);
    switch (v->kind) {
    case TV_NULL:
        *out = str_of(env->style->nothing);
        return 0;
    case TV_TEXT:
        *out = v->text;
        return 0;
    case TV_INT:
        buf_add_i64(&b, v->num);
        *out = str_of(arena_strdup(env->arena, number));
        return 0;
    case TV_FLOAT:
        template_float(&b, v->f64, 'g', -1);
        *out = str_of(arena_strdup(env->arena, number));
        return 0;
    case TV_BOOL:
        *out = v->flag ? STR("true") : STR("false");
        return 0;
    case TV_TIME:
    case TV_DURATION:
        return env->style->moment(env, v, out, err);
    case TV_LIST:
    case TV_MAP:
    case TV_OBJECT:
        break;
    }
    return text_of_many(env, v, out, err);
}

int template_write(const struct template_env *env, const struct tvalue *v, struct buf *out,
                   struct err *err)
{
    struct str text;
    if (template_text(env, v, &text, err) != 0)
        return -1;
    if (v->kind == TV_TEXT && v->safe)
        buf_add(out, text.p, text.n);
    else
        env->style->escape(env, out, text);
    return 0;
}

int template_give(const struct template_env *env, struct buf *b, bool safe, struct tvalue *out,
                  struct err *err)
{
    if (b->failed) {
        buf_done(b);
        return err_set(err, ERR_TOO_LARGE, "the text is too long");
    }
    char *copy = arena_strndup(env->arena, b->data != NULL ? b->data : "", b->len);
    *out = (struct tvalue){.kind = TV_TEXT, .safe = safe, .text = {copy, b->len}};
    buf_done(b);
    return 0;
}
