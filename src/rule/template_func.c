/* The functions of rules' templates (rule.h): queries and what they answer; the table of all. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "rule/template_priv.h"

/* ---- samples ---- */

struct sample {
    struct tvalue labels;
    double value;
};

static bool sample_field(const void *self, struct str name, struct tvalue *out)
{
    const struct sample *s = self;
    if (str_eqz(name, "Labels"))
        *out = s->labels;
    else if (str_eqz(name, "Value"))
        *out = tv_float(s->value);
    else
        return false;
    return true;
}

static const struct sample *sample_of(const struct tvalue *v, struct err *err)
{
    if (v->kind == TV_OBJECT && v->object.field == sample_field)
        return v->object.self;
    err_set(err, ERR_MALFORMED, "wants a sample, such as `first` gives; got %s", template_kind(v));
    return NULL;
}

static int want_text(const struct tvalue *v, struct str *out, struct err *err)
{
    if (v->kind != TV_TEXT)
        return err_set(err, ERR_MALFORMED, "wants text; got %s", template_kind(v));
    *out = v->text;
    return 0;
}

static int call_query(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    const struct rule_template_data *d = rule__data(env);
    struct promql_series *series = NULL;
    struct str expr;
    size_t count = 0;
    if (want_text(&args[0], &expr, err) != 0)
        return -1;
    if (d->query == NULL)
        return err_set(err, ERR_UNSUPPORTED, "there is nothing to ask here");
    if (d->query(d->arg, env->arena, expr, d->at_ms, &series, &count, err) != 0)
        return -1;
    struct sample *samples = arena_array_of(env->arena, struct sample, count + 1);
    struct tvalue *list = arena_array_of(env->arena, struct tvalue, count + 1);
    for (size_t i = 0; i < count; i++) {
        samples[i] =
            (struct sample){rule__label_map(env->arena, &series[i].labels), series[i].v[0]};
        list[i] = (struct tvalue){.kind = TV_OBJECT, .object = {sample_field, &samples[i]}};
    }
    *out = (struct tvalue){.kind = TV_LIST, .list = {list, count}};
    return 0;
}

static int call_first(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    if (args[0].kind != TV_LIST)
        return err_set(err, ERR_MALFORMED, "wants what query answered; got %s",
                       template_kind(&args[0]));
    if (args[0].list.n == 0)
        return err_set(err, ERR_INVALID, "first() called on vector with no elements");
    *out = args[0].list.at[0];
    return 0;
}

static int call_label(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    struct str name;
    const struct sample *s = sample_of(&args[1], err);
    if (s == NULL || want_text(&args[0], &name, err) != 0)
        return -1;
    *out = template_map_get(&s->labels, name);
    return 0;
}

static int call_value(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    const struct sample *s = sample_of(&args[0], err);
    if (s == NULL)
        return -1;
    *out = tv_float(s->value);
    return 0;
}

static int call_strvalue(const struct template_env *env, const struct tvalue *args, int n,
                         struct tvalue *out, struct err *err)
{
    const struct sample *s = sample_of(&args[0], err);
    if (s == NULL)
        return -1;
    *out = template_map_get(&s->labels, STR("__value__"));
    return 0;
}

struct sorted {
    struct str key;
    size_t at; /* where it stood: equal ones keep their order */
    struct tvalue v;
};

static int by_key(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int c = n > 0 ? memcmp(x->key.p, y->key.p, n) : 0;
    if (c == 0)
        c = (x->key.n > y->key.n) - (x->key.n < y->key.n);
    return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static int call_sort_by_label(const struct template_env *env, const struct tvalue *args, int n,
                              struct tvalue *out, struct err *err)
{
    struct str name;
    if (want_text(&args[0], &name, err) != 0)
        return -1;
    if (args[1].kind != TV_LIST)
        return err_set(err, ERR_MALFORMED, "wants what query answered");
    size_t count = args[1].list.n;
    struct sorted *sorted = arena_array_of(env->arena, struct sorted, count + 1);
    struct tvalue *list = arena_array_of(env->arena, struct tvalue, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct sample *s = sample_of(&args[1].list.at[i], err);
        if (s == NULL)
            return -1;
        struct tvalue key = template_map_get(&s->labels, name);
        sorted[i] = (struct sorted){key.text, i, args[1].list.at[i]};
    }
    qsort(sorted, count, sizeof(*sorted), by_key);
    for (size_t i = 0; i < count; i++)
        list[i] = sorted[i].v;
    *out = (struct tvalue){.kind = TV_LIST, .list = {list, count}};
    return 0;
}

/* ---- the rest ---- */

/* arg0, arg1 …: what a template of several arguments is called with. */
static int call_args(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    struct tpair *at = arena_array_of(env->arena, struct tpair, (size_t)n + 1);
    for (int i = 0; i < n; i++)
        at[i] = (struct tpair){str_of(arena_printf(env->arena, "arg%d", i)), args[i]};
    *out = (struct tvalue){.kind = TV_MAP, .map = {at, (size_t)n}};
    return 0;
}

static int call_same(const struct template_env *env, const struct tvalue *args, int n,
                     struct tvalue *out, struct err *err)
{
    *out = args[0];
    return 0;
}

static int call_external_url(const struct template_env *env, const struct tvalue *args, int n,
                             struct tvalue *out, struct err *err)
{
    const char *url = rule__data(env)->external_url;
    *out = tv_text(url != NULL ? url : "");
    return 0;
}

static int call_parse_duration(const struct template_env *env, const struct tvalue *args, int n,
                               struct tvalue *out, struct err *err)
{
    struct str text;
    int64_t ms;
    if (want_text(&args[0], &text, err) != 0 || duration_parse(text, &ms, err) != 0)
        return -1;
    *out = tv_float((double)ms / 1000);
    return 0;
}

static int call_to_duration(const struct template_env *env, const struct tvalue *args, int n,
                            struct tvalue *out, struct err *err)
{
    double v;
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    if (!(v > -9e15 && v < 9e15))
        return err_set(err, ERR_INVALID, "no such duration");
    *out = (struct tvalue){.kind = TV_DURATION, .num = (int64_t)(v * 1000)};
    return 0;
}

int rule__number(const struct tvalue *v, double *out, struct err *err)
{
    switch (v->kind) {
    case TV_FLOAT:
        *out = v->f64;
        return 0;
    case TV_INT:
        *out = (double)v->num;
        return 0;
    case TV_DURATION:
        *out = (double)v->num / 1000;
        return 0;
    case TV_TEXT: {
        char text[64], *end;
        if (v->text.n == 0 || v->text.n >= sizeof(text))
            break;
        memcpy(text, v->text.p, v->text.n);
        text[v->text.n] = '\0';
        *out = strtod(text, &end);
        if (*end == '\0' && text[0] != ' ')
            return 0;
        break;
    }
    default:
        break;
    }
    return err_set(err, ERR_MALFORMED, "can't convert %s to float", template_kind(v));
}

const struct template_function rule__template_functions[] = {
    {"query", 1, 1, call_query},
    {"first", 1, 1, call_first},
    {"label", 2, 2, call_label},
    {"value", 1, 1, call_value},
    {"strvalue", 1, 1, call_strvalue},
    {"sortByLabel", 2, 2, call_sort_by_label},
    {"args", 0, TEMPLATE_ARGS_MAX, call_args},
    {"safeHtml", 1, 1, call_same},
    {"externalURL", 0, 0, call_external_url},
    {"pathPrefix", 0, 0, rule__path_prefix},
    {"graphLink", 1, 1, rule__graph_link},
    {"tableLink", 1, 1, rule__table_link},
    {"reReplaceAll", 3, 3, rule__re_replace_all},
    {"match", 2, 2, rule__match},
    {"title", 1, 1, rule__title},
    {"toUpper", 1, 1, rule__to_upper},
    {"toLower", 1, 1, rule__to_lower},
    {"stripPort", 1, 1, rule__strip_port},
    {"stripDomain", 1, 1, rule__strip_domain},
    {"urlQueryEscape", 1, 1, rule__url_escape},
    {"humanize", 1, 1, rule__humanize},
    {"humanize1024", 1, 1, rule__humanize_1024},
    {"humanizeDuration", 1, 1, rule__humanize_duration},
    {"humanizePercentage", 1, 1, rule__humanize_percentage},
    {"humanizeTimestamp", 1, 1, rule__humanize_timestamp},
    {"toTime", 1, 1, rule__to_time},
    {"toDuration", 1, 1, call_to_duration},
    {"now", 0, 0, rule__now},
    {"parseDuration", 1, 1, call_parse_duration},
    {0},
};
