/* The rows of `locations`: which agents may speak for which location (belfry agent). What a target says of locations is
 * config_target.c's. */
#include <stdio.h>
#include <string.h>

#include "config/config_priv.h"

#define TOKEN_MIN 16

const struct option config_location_options[] = {
    {"name", OPT_STRING, offsetof(struct config_location, name), .required = true, .min = 1,
     .max = LOCATION_NAME_MAX,
     .help = {"What targets name under `locations`; not `local`, which is this server.",
              "目标在 `locations` 中引用的名称；`local` 表示本服务器，不可使用。"},
     .example = "beijing"},
    {"token", OPT_STRING, offsetof(struct config_location, token), .required = true,
     .min = TOKEN_MIN, .max = 200, .secret = true,
     .help = {"What `belfry agent --token` is given there; at least 16 characters, another one for "
              "each location.",
              "在该地点运行 `belfry agent --token` 时使用的令牌；至少 16 个字符，各地点不得相同。"},
     .example = "${BEIJING_TOKEN}"},
    OPTION_END,
};

static void check_one(struct loader *l, size_t i, const struct node *at)
{
    const struct config_location *all = l->cfg->locations.at, *one = &all[i];
    char field[64];
    snprintf(field, sizeof(field), "locations[%zu].name", i);
    const char *fault = *one->name ? location_agent_fault(one->name) : NULL;
    if (fault)
        problem_add(l->problems, at, field, "%s", fault);
    for (size_t k = 0; k < i; k++) {
        if (streq(all[k].name, one->name))
            problem_add(l->problems, at, field, "\"%s\" is there twice", one->name);
        if (streq(all[k].token, one->token)) {
            snprintf(field, sizeof(field), "locations[%zu].token", i);
            problem_add(l->problems, at, field, "is the token of \"%s\", too", all[k].name);
        }
    }
}

void loader_locations(struct loader *l, const struct node *list)
{
    l->cfg->locations = l->raw.locations;
    const struct node *at = list ? list->first : NULL;
    for (size_t i = 0; i < l->cfg->locations.n; i++) {
        check_one(l, i, at ? at : list);
        at = at ? at->next : NULL;
    }
}
