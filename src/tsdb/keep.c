/* Retention, decided (merge.h). Pure. */
#include "tsdb/merge.h"

static int64_t tier_keep(const struct keep_policy *k, int64_t tier_ms)
{
    if (tier_ms == 0)
        return k->keep_ms;
    for (size_t i = 0; i < array_len(k->tiers); i++) {
        if (k->tiers[i].step_ms == tier_ms)
            return k->tiers[i].keep_ms;
    }
    return 1; /* a tier that is not wanted any more */
}

static int64_t before(int64_t now, int64_t keep)
{
    int64_t at;
    return keep <= 0 || __builtin_sub_overflow(now, keep, &at) ? INT64_MIN : at;
}

int64_t keep_cutoff(const struct keep_policy *k, const struct labels *l, int64_t tier_ms)
{
    for (size_t i = k->n_rules; i-- > 0;) {
        if (matcher_test_all(k->rules[i].matchers, k->rules[i].n_matchers, l))
            return before(k->now_ms, k->rules[i].keep_ms);
    }
    return before(k->now_ms, tier_keep(k, tier_ms));
}

int64_t keep_cutoff_all(const struct keep_policy *k, int64_t tier_ms)
{
    int64_t cutoff = before(k->now_ms, tier_keep(k, tier_ms));
    for (size_t i = 0; i < k->n_rules; i++) {
        int64_t rule = before(k->now_ms, k->rules[i].keep_ms);
        cutoff = rule < cutoff ? rule : cutoff;
    }
    return cutoff;
}
