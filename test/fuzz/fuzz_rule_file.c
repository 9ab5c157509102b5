/* Rule files (and series notation) of any text: read or refused with places, never more; what was read is evaluated once, its places are within the file, and
 * its templates end. */
#include <string.h>

#include "base/must.h"
#include "rule/notation.h"
#include "rule/rule.h"
#include "rule/step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct promql_result *answer(void)
{
    struct arena *a = arena_new();
    struct promql_result *r = arena_new_of(a, struct promql_result);
    struct label_pair *pairs = arena_array_of(a, struct label_pair, 2);
    double *v = arena_alloc(a, sizeof(*v));
    *v = 1.5;
    pairs[0] = (struct label_pair){STR("instance"), STR("a:80")};
    *r = (struct promql_result){.arena = a, .type = PROMQL_VECTOR, .n_series = 1};
    r->series = arena_array_of(a, struct promql_series, 1);
    r->series[0] = (struct promql_series){.labels = {pairs, 1}, .v = v, .n = 1};
    return r;
}

static void evaluate(const struct rule_group *g, const struct rule *r)
{
    static const struct labels none;
    struct rule_state *state = NULL, *after;
    struct rule_output out;
    struct err err;
    for (int64_t at_ms = 60000; at_ms <= 180000; at_ms += 60000) {
        struct rule_input in = {.group = g,
                                .rule = r,
                                .at_ms = at_ms,
                                .write_alerts = true,
                                .resend_ms = 60000,
                                .data = {.external = &none, .external_url = ""}};
        if (rule_step(state, &after, &in, answer(), &out, &err) != 0)
            must(err.code != ERR_OK);
        if (after != NULL) {
            rule_state_free(&state);
            state = after;
        }
    }
    rule_state_free(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 8192)
        return 0;
    struct samples values = {0};
    struct err err = {0};
    if (notation_values((struct str){(const char *)data, size < 64 ? size : 64}, 0, 1000, &values,
                        &err) != 0)
        must(err.code != ERR_OK);
    samples_done(&values);
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct rule_source source = {"fuzz.yml", {(const char *)data, size}};
    struct rule_defaults d = {.interval_ms = 60000, .experimental = true};
    struct rule_set *s = rule_set_parse(&source, 1, &d, &p);
    must((s == NULL) == (p.list.n > 0));
    for (uint32_t g = 0; s != NULL && g < s->n_groups; g++)
        for (uint32_t i = 0; i < s->groups[g].n_rules; i++) {
            const struct rule *r = &s->groups[g].rules[i];
            struct rule_place at = rule_expr_place(r, r->expr.n > 0 ? r->expr.n - 1 : 0);
            must(at.line >= 1 && at.column >= 1 && at.line <= size + 2);
            evaluate(&s->groups[g], r);
        }
    rule_set_unref(&s);
    problems_done(&p);
    arena_free(a);
    return 0;
}
