/* The template language on any text, in every dialect: it ends, stays within its limits, and what it writes of
 * strangers' values can be told apart from notation (the dialects' own tests say how). */
#include <string.h>

#include "base/must.h"
#include "notify/message.h"
#include "notify/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool field(const void *self, struct str name, struct tvalue *out)
{
    static const struct tvalue none = {.kind = TV_NULL};
    if (name.n == 0)
        return false;
    switch (name.p[0] % 8) {
    case 0:
        *out = tv_text("a <@all> ](x");
        break;
    case 1:
        *out = tv_int(42);
        break;
    case 2:
        *out = (struct tvalue){.kind = TV_TIME, .num = 1700000000000};
        break;
    case 3:
        *out = (struct tvalue){.kind = TV_DURATION, .num = 3605000};
        break;
    case 4:
        *out = (struct tvalue){.kind = TV_LIST, .list = {self, 3}};
        break;
    case 5:
        *out = (struct tvalue){.kind = TV_OBJECT, .object = {field, self}};
        break;
    case 6:
        *out = none;
        break;
    default:
        return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dialect *const dialects[] = {&dialect_text,     &dialect_wecom,
                                                     &dialect_dingtalk, &dialect_lark,
                                                     &dialect_slack,    &dialect_html};
    if (size < 1 || size > 4096)
        return 0;
    struct arena *a = arena_new();
    struct tvalue list[3];
    for (int i = 0; i < 3; i++)
        list[i] = (struct tvalue){.kind = TV_OBJECT, .object = {field, list}};
    char *source = arena_strndup(a, (const char *)data + 1, size - 1);
    struct err err = {0};
    struct template_words words = {
        .dialect = dialects[data[0] % 6], .lang = (enum language)(data[0] % 3), .zone = "UTC"};
    struct template_env env = {.style = &message_style,
                               .self = &words,
                               .arena = a,
                               .root = {.kind = TV_OBJECT, .object = {field, list}}};
    struct buf out = BUF_INIT(65536);
    struct template *t = template_parse(a, source, &message_style, &err);
    if (t == NULL)
        must(err.code != ERR_OK && (err.at_line >= 1 || err.code == ERR_TOO_LARGE));
    else if (template_run(t, &env, &out, &err) != 0)
        must(err.code != ERR_OK && err.at_line >= 1);
    must(out.len <= 65536);
    buf_done(&out);
    arena_free(a);
    return 0;
}
