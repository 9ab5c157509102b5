/* The linter of rules: what is right by the language, and yet is hardly meant. Each finding has a name, a place in the rule file
 * and says what to do. It asks a running Belfry what there is, when there is one. */
#ifndef CLI_RULE_LINT_H
#define CLI_RULE_LINT_H

#include "cli/client.h"
#include "rule/rule.h"

/* --- rule_lint_ask.c: what is known of metrics --- */
struct lint_facts;
/* c may be NULL: then only names and the rules themselves tell. The metrics that the set records are known. */
struct lint_facts *lint_facts_new(struct client *c, const struct rule_set *set);
void lint_facts_free(struct lint_facts *f);
bool lint_facts_asked(const struct lint_facts *f);          /* is there a server that answered? */
const char *lint_facts_problem(const struct lint_facts *f); /* why not; NULL */
/* METRIC_UNKNOWN when neither metadata nor the name (_total, _bucket …) tell. */
enum metric_type lint_type_of(struct lint_facts *f, struct str metric);
/* Whether the server has series of the metric now; true when nobody can be asked. */
bool lint_has_metric(struct lint_facts *f, struct str metric);
const char *lint_nearest_metric(struct lint_facts *f, struct str metric); /* NULL */
bool lint_is_recorded(struct lint_facts *f, struct str metric);
/* Whether a selector has series in the last hour; true when nobody can be asked. */
bool lint_has_series(struct lint_facts *f, struct str selector);
/* Milliseconds between samples of the metric; 0: not known. */
int64_t lint_interval(struct lint_facts *f, struct str metric);

/* --- rule_lint.c --- */
struct lint_finding {
    const char *file;
    struct rule_place at;
    const char *name; /* "rate-of-gauge" */
    const char *text;
};
struct lint_findings {
    struct arena *arena;
    vec_of(struct lint_finding) list;
};
void lint_rules(const struct rule_set *set, struct lint_facts *f, struct lint_findings *out);

#endif
