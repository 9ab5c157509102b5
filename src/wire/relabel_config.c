/* The table of relabel_configs, and which fields go with which action (wire/relabel.h). */
#include "wire/relabel_priv.h"

#include <stdio.h>

#include "base/must.h"

#define DEFAULT_SEPARATOR   ";"
#define DEFAULT_REGEX       "(.*)"
#define DEFAULT_REPLACEMENT "$1"

static const char *const actions[] = {
#define X(name, text) text,
    RELABEL_ACTIONS(X)
#undef X
        NULL};

const struct option relabel_options[] = {
    {"source_labels", OPT_LIST, offsetof(struct relabel_config, source_labels),
     .help = {"Labels whose values, joined, are looked at.", "取其值并拼接后用于匹配的标签。"}},
    {"separator", OPT_STRING, offsetof(struct relabel_config, separator), .def = DEFAULT_SEPARATOR,
     .help = {"What joins them.", "拼接所用的分隔符。"}},
    {"target_label", OPT_STRING, offsetof(struct relabel_config, target_label), .def = "",
     .help = {"Label that the result goes to; may hold $1.", "写入结果的标签；可以包含 $1。"}},
    {"regex", OPT_STRING, offsetof(struct relabel_config, regex), .def = DEFAULT_REGEX,
     .help = {"Regular expression (RE2) that the joined values must match as a whole.",
              "拼接后的值必须完整匹配的正则表达式（RE2）。"}},
    {"modulus", OPT_INT, offsetof(struct relabel_config, modulus), .def = "0", .min = 0,
     .max = 9007199254740992.0, .help = {"Of the hash, for hashmod.", "hashmod 所用的模数。"}},
    {"replacement", OPT_STRING, offsetof(struct relabel_config, replacement),
     .def = DEFAULT_REPLACEMENT,
     .help = {"The new value; $1 is what the first group matched.",
              "新的值；$1 为第一个分组匹配到的内容。"}},
    {"action", OPT_ENUM, offsetof(struct relabel_config, action), .def = "replace",
     .choices = actions, .help = {"What to do.", "要执行的动作。"}},
    OPTION_END,
};

#define BIT(a) (1u << RELABEL_##a)
#define TARGETS                                                                       \
    (BIT(REPLACE) | BIT(HASHMOD) | BIT(LOWERCASE) | BIT(UPPERCASE) | BIT(KEEPEQUAL) | \
     BIT(DROPEQUAL))
#define NO_REPLACEMENT                                                                    \
    (BIT(LOWERCASE) | BIT(UPPERCASE) | BIT(KEEPEQUAL) | BIT(DROPEQUAL) | BIT(LABELDROP) | \
     BIT(LABELKEEP))
#define NO_REGEX     (BIT(KEEPEQUAL) | BIT(DROPEQUAL))
#define NO_SOURCE    (BIT(LABELDROP) | BIT(LABELKEEP))
#define NO_SEPARATOR (NO_REGEX | NO_SOURCE)

static const char *refused_field(const struct relabel_config *c)
{
    unsigned bit = 1u << c->action;
    if ((bit & NO_REPLACEMENT) && !streq(c->replacement, DEFAULT_REPLACEMENT))
        return "replacement";
    if ((bit & NO_REGEX) && !streq(c->regex, DEFAULT_REGEX))
        return "regex";
    if ((bit & NO_SEPARATOR) && !streq(c->separator, DEFAULT_SEPARATOR))
        return "separator";
    if ((bit & NO_SEPARATOR) && c->modulus != 0)
        return "modulus";
    if ((bit & NO_SOURCE) && c->source_labels.n > 0)
        return "source_labels";
    return (bit & NO_SOURCE) && c->target_label[0] ? "target_label" : NULL;
}

bool relabel__check(const struct relabel_config *c, const struct node *at, struct problems *p,
                    const char *path)
{
    must(c->action >= 0 && c->action < (int)array_len(actions) - 1);
    const char *action = actions[c->action], *field = refused_field(c);
    const struct node *place = field ? node_get(at, field) : NULL;
    if (field) {
        problem_add(p, place ? place : at, path, "got %s; the action %s takes none", field, action);
        return false;
    }
    if ((1u << c->action & TARGETS) && !c->target_label[0]) {
        problem_add(p, at, path, "got no target_label; the action %s wants one", action);
        return false;
    }
    if (c->action == RELABEL_HASHMOD && c->modulus == 0) {
        problem_add(p, at, path, "got no modulus; the action hashmod wants one above 0");
        return false;
    }
    if (c->action == RELABEL_LABELMAP && !c->replacement[0]) {
        problem_add(p, at, path, "got an empty replacement; the action labelmap wants a name");
        return false;
    }
    return true;
}
