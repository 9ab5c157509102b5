/* What there is to choose from: probers, channel types, functions of PromQL; the page's forms and its editor are made from these. */
#include <string.h>

#include "api/api_priv.h"
#include "base/map.h"
#include "notify/channel.h"
#include "probe/prober.h"
#include "promql/functions.h"

static void put_text2(struct json *j, const char *key, struct text2 t)
{
    json_kobj(j, key);
    json_kstr(j, "en", t.en);
    json_kstr(j, "zh", t.zh);
    json_end(j);
}

void probers_list(struct call *k)
{
    struct json j = call_json(k);
    uint64_t n = 0;
    json_obj(&j);
    json_karr(&j, "items");
    for (const struct prober_ops *const *p = prober_table(); *p; p++, n++) {
        json_obj(&j);
        json_kstr(&j, "type", (*p)->type);
        json_kstr(&j, "kind", prober_kinds[(*p)->kind]);
        put_text2(&j, "kind_title", prober_kind_titles[(*p)->kind]);
        put_text2(&j, "title", (*p)->title);
        put_text2(&j, "help", (*p)->help);
        json_kbool(&j, "in_core", (*p)->in_core); /* no watcher probes it */
        json_karr(&j, "schemes");
        for (const char *const *s = (*p)->schemes; *s; s++)
            json_str(&j, *s);
        json_end(&j);
        json_key(&j, "options");
        options_form((*p)->options, &j);
        json_end(&j);
    }
    list_end(&j, n, 0);
    json_end(&j);
}

void channels_types(struct call *k)
{
    struct json j = call_json(k);
    uint64_t n = 0;
    json_obj(&j);
    json_karr(&j, "items");
    for (const struct channel_ops *const *p = channel_table(); *p; p++, n++) {
        json_obj(&j);
        json_kstr(&j, "type", (*p)->type);
        put_text2(&j, "title", (*p)->title);
        put_text2(&j, "help", (*p)->help);
        json_kint(&j, "rate_per_minute", (*p)->rate_per_minute);
        json_key(&j, "options");
        options_form((*p)->options, &j);
        json_end(&j);
    }
    list_end(&j, n, 0);
    json_end(&j);
}

static void put_function(struct json *j, const struct promql_function *f)
{
    must(f->help_en && f->help_zh);
    json_obj(j);
    json_kstr(j, "name", f->name);
    put_text2(j, "help", (struct text2){f->help_en, f->help_zh});
    json_karr(j, "args");
    for (size_t i = 0; i < FUNCTION_ARGS_MAX && f->args[i] != PROMQL_NONE; i++)
        json_str(j, promql_type_words(f->args[i]));
    json_end(j);
    json_end(j);
}

void functions_list(struct call *k)
{
    struct json j = call_json(k);
    uint64_t n = 0;
    json_obj(&j);
    json_karr(&j, "items");
    for (const struct promql_function *f = promql_functions; f->name; f++, n++)
        put_function(&j, f);
    list_end(&j, n, 0);
    json_end(&j);
}
