/* Templates of labels and annotations (rule.h): the style, what they see, and how they are run. Their functions are
 * template_func.c's, template_number.c's and template_time.c's. */
#include <string.h>

#include "base/must.h"
#include "rule/rule.h"
#include "rule/template_priv.h"

static void escape(const struct template_env *env, struct buf *out, struct str s)
{
    buf_add(out, s.p, s.n); /* plain text: who shows it escapes it */
}

static const char *const vars[] = {"labels", "externalLabels", "externalURL", "value", NULL};

const struct template_style rule_style = {
    .functions = rule__template_functions,
    .escape = escape,
    .literal = escape,
    .vars = vars,
    .nothing = "<no value>",
    .method = rule__time_method,
    .moment = rule__moment,
};

const struct rule_template_data *rule__data(const struct template_env *env)
{
    must(env->self != NULL);
    return env->self;
}

struct tvalue rule__label_map(struct arena *a, const struct labels *l)
{
    uint32_t n = l != NULL ? l->n : 0;
    struct tpair *at = arena_array_of(a, struct tpair, n + 1);
    for (uint32_t i = 0; i < n; i++)
        at[i] = (struct tpair){l->at[i].name, tv_str(l->at[i].value)};
    return (struct tvalue){.kind = TV_MAP, .texts = true, .map = {at, n}};
}

struct root {
    struct tvalue values[4];
};

static bool root_field(const void *self, struct str name, struct tvalue *out)
{
    static const char *const names[] = {"Labels", "ExternalLabels", "ExternalURL", "Value"};
    const struct root *r = self;
    for (size_t i = 0; i < array_len(names); i++)
        if (str_eqz(name, names[i])) {
            *out = r->values[i];
            return true;
        }
    return false;
}

static int run(const struct rule_text *t, const struct rule_template_data *d, struct arena *a,
               struct buf *out, struct err *err)
{
    struct root root = {{rule__label_map(a, d->labels), rule__label_map(a, d->external),
                         tv_text(d->external_url != NULL ? d->external_url : ""),
                         tv_float(d->value)}};
    struct template_env env = {.style = &rule_style,
                               .self = d,
                               .root = {.kind = TV_OBJECT, .object = {root_field, &root}},
                               .vars = root.values,
                               .arena = a};
    return template_run(t->template, &env, out, err);
}

const char *rule_expand(const struct rule_text *t, const struct rule_template_data *d,
                        struct arena *a, struct err *err)
{
    if (t->template == NULL)
        return t->text;
    struct buf out = BUF_INIT(TEMPLATE_TEXT_MAX);
    struct err why = {0};
    const char *text;
    if (run(t, d, a, &out, &why) == 0) {
        text = arena_strndup(a, out.data != NULL ? out.data : "", out.len);
    } else {
        text = arena_printf(a, "<error expanding template: %d:%d: %s>", why.at_line, why.at_column,
                            why.msg);
        if (err != NULL)
            *err = why;
    }
    buf_done(&out);
    return text;
}
