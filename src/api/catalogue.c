/* What there is to choose from: probers, channel types, groups; the page's forms are made from these. */
#include <string.h>

#include "api/api_priv.h"
#include "base/map.h"
#include "notify/channel.h"
#include "probe/prober.h"

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
        put_text2(&j, "title", (*p)->title);
        put_text2(&j, "help", (*p)->help);
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
