/* group: several targets judged as one. Only the options are here: the core knows how the members stand (core/group.c). */
#include "probe/group.h"

#include <string.h>

#include "base/str.h"
#include "probe/probers.h"
#include "promql/ast.h"

#define MEMBERS_MAX 1000

static const char *const need_choices[] = {"all", "any", "quorum", NULL};

static const struct option group_options[] = {
    {"members", OPT_LIST, offsetof(struct group_config, members), .max = MEMBERS_MAX,
     .example = "[shop, payments/cart, 7]",
     .help =
         {"Targets by name, by GROUP/NAME, or by id; a name alone is looked up in this target's "
          "own group first.",
          "成员目标：名称、GROUP/NAME 或 id；仅写名称时先在本目标所在的分组中查找。"}},
    {"match", OPT_STRING, offsetof(struct group_config, match), .max = 2000,
     .example = "{env=\"prod\",type=\"http\"}",
     .help =
         {"Also all targets with such labels, as PromQL selects them: their own labels, target, "
          "group and type. Targets of type group never match.",
          "另加标签匹配的所有目标，写法同 PromQL 选择器：可用目标自己的标签以及 "
          "target、group、type。group 类型的目标不会被匹配。"}},
    {"require", OPT_ENUM, offsetof(struct group_config, need), .def = "all",
     .choices = need_choices, .help = {"How many members must be healthy.", "需要多少成员正常。"}},
    {"quorum", OPT_STRING, offsetof(struct group_config, quorum), .max = 10, .example = "2",
     .help = {"With require: quorum, so many, or a percentage such as 66%.",
              "require 为 quorum 时所需的成员数，或百分比，如 66%。"}},
    OPTION_END,
};

static const char *field(struct arena *a, const char *path, const char *name)
{
    return arena_printf(a, "%s%s%s", path, *path ? "." : "", name);
}

static bool parse_quorum(struct group_config *c)
{
    struct str s = str_trim(str_of(c->quorum));
    bool percent = str_ends(s, STR("%"));
    uint64_t n = 0;
    s.n -= percent;
    if (str_to_u64(s, &n, NULL) != 0 || n == 0 || n > (percent ? 100 : MEMBERS_MAX))
        return false;
    *(percent ? &c->percent : &c->least) = (uint32_t)n;
    return true;
}

static void check_quorum(struct group_config *c, struct arena *a, struct problems *p,
                         const char *path)
{
    bool given = c->quorum && *c->quorum;
    if (given != (c->need == GROUP_QUORUM))
        problem_add(p, NULL, field(a, path, "quorum"), "%s",
                    given ? "got a quorum; want it with require: quorum only"
                          : "missing; want a number of members, or a percentage such as 66%");
    else if (given && !parse_quorum(c))
        problem_add(p, NULL, field(a, path, "quorum"),
                    "got \"%s\"; want 1 to %d members, or 1%% to 100%%", c->quorum, MEMBERS_MAX);
}

static void group_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct group_config *c = config;
    struct err err = {0};
    if (c->members.n == 0 && !(c->match && *c->match))
        problem_add(p, NULL, field(a, path, "members"), "got neither members nor match; want some");
    for (size_t i = 0; i < c->members.n; i++)
        if (!*c->members.at[i])
            problem_add(p, NULL, field(a, path, "members"), "got an empty name");
    if (c->match && *c->match &&
        promql_parse_selector(a, str_of(c->match), false, &c->matchers, &c->n_matchers, &err) != 0)
        problem_add(p, NULL, field(a, path, "match"), "%s", err.msg);
    check_quorum(c, a, p, path);
}

static void group_describe(const void *config, struct buf *out)
{
    const struct group_config *c = config;
    must(c->need >= GROUP_ALL && c->need <= GROUP_QUORUM);
    if (c->need == GROUP_QUORUM)
        buf_printf(out, "%s of ", c->quorum);
    else
        buf_printf(out, "%s of ", need_choices[c->need]);
    if (c->members.n == 1)
        buf_puts(out, c->members.at[0]);
    else if (c->members.n)
        buf_printf(out, "%zu targets", c->members.n);
    if (c->n_matchers)
        buf_printf(out, "%s%s", c->members.n ? " and " : "", c->match);
}

static void group_run(struct probe *p, struct result *r)
{
    must(p->config != NULL);
    result_fail(r, "a group of targets is not probed: a running Belfry judges it by its members");
}

static const char *const group_schemes[] = {NULL};

const struct prober_ops group_prober = {
    .type = "group",
    .kind = PROBER_JOB,
    .in_core = true,
    .title = {"Group of targets", "目标组合"},
    .help = {"Other targets judged as one: all of them, any, or so many must be healthy.",
             "把多个目标作为一个整体判断：全部、任一或达到一定数量正常。"},
    .schemes = group_schemes,
    .options = group_options,
    .config_size = sizeof(struct group_config),
    .validate = group_validate,
    .describe = group_describe,
    .run = group_run,
};
