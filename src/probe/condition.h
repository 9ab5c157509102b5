/* Conditions as Gatus writes them, so that its users bring theirs along: "[STATUS] == 200", "[BODY].user.name == pat(jo*)",
 * "[RESPONSE_TIME] < 300", "len([BODY].items) > 0", "[CERTIFICATE_EXPIRATION] > 48h".
 *
 *   condition   = operand (" == " | " != " | " <= " | " >= " | " < " | " > ") operand
 *   operand     = literal | placeholder | "len(" placeholder ")" | "has(" placeholder ")" | "pat(" glob ")" | "any(" literal {"," literal} ")"
 *   placeholder = "[STATUS]" | "[RESPONSE_TIME]" (ms) | "[IP]" | "[BODY]" {path} | "[CONNECTED]" |
 *                 "[CERTIFICATE_EXPIRATION]" | "[DOMAIN_EXPIRATION]" | "[DNS_RCODE]"
 *
 * == and != compare numbers when both sides are, else texts; pat() and any() stand on one side of them alone. The others
 * compare numbers, and durations in ms. Unlike Gatus, a number is a number however large it is. */
#ifndef PROBE_CONDITION_H
#define PROBE_CONDITION_H

#include "config/option.h"
#include "model/result.h"

#define CONDITIONS_MAX    32
#define CONDITION_ANY_MAX 32 /* alternatives of any() */

/* What a probe learned, for placeholders. */
struct condition_facts {
    bool connected;
    int status;
    int64_t response_ms;
    const char *ip;
    struct str body;
    int64_t certificate_left_ms, domain_left_ms; /* 0: none seen */
    const char *dns_rcode;                       /* NULL: none */
};

/* Row of an `expect` section; E is its struct with a `struct str_list conditions` in it. */
/* clang-format off: initializers in macros */
#define EXPECT_CONDITIONS(E)                                                             \
    {                                                                                    \
        "conditions", OPT_LIST, offsetof(E, conditions),                                 \
            .max = CONDITIONS_MAX, .advanced = true,                                     \
            .example = "[\"[BODY].status == UP\", \"[RESPONSE_TIME] < 300\"]", .help = { \
                "Conditions as Gatus writes them; all must hold.",                       \
                "Gatus 语法的条件，须全部成立。"                             \
            }                                                                            \
    }
/* clang-format on */

struct conditions;

/* path: of the target's configuration; faults become problems at its expect.conditions[i]. NULL when the list is empty. */
struct conditions *conditions_compile(const struct str_list *texts, struct arena *a,
                                      struct problems *p, const char *path);
/* Whether one of them asks for the placeholder, "[STATUS]"; c may be NULL. */
bool conditions_name(const struct conditions *c, const char *placeholder);
/* What a result shows by itself: whether it connected, how long it took, the address, the certificate. Body, status and
 * the like are the prober's to add. */
struct condition_facts condition_facts_of(const struct result *r);
/* What a prober without facts of its own does at its end: condition_facts_of, conditions_judge, when *r is good so far. */
void conditions_judge_result(const struct conditions *c, struct result *r);
/* conditions_judge for a result that is good so far. */
void conditions_judge_good(const struct conditions *c, const struct condition_facts *facts,
                           struct result *r);
/* Fails *r with the first that does not hold, and what was there: "[STATUS] (500) == 200". c may be NULL. */
void conditions_judge(const struct conditions *c, const struct condition_facts *facts,
                      struct result *r);

#endif
