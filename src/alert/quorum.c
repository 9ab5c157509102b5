/* See quorum.h. The core runs it for every target of type group. */
#include "alert/quorum.h"

#include "base/must.h"

uint32_t quorum_least(const struct quorum_rule *rule, const struct quorum_seen *seen)
{
    uint32_t n = seen->up + seen->down + seen->unknown;
    must(rule->percent <= 100);
    if (rule->need == QUORUM_ALL)
        return n;
    if (rule->need == QUORUM_ANY)
        return 1;
    return rule->percent ? (n * rule->percent + 99) / 100 : rule->least;
}

enum quorum_verdict quorum_judge(const struct quorum_rule *rule, const struct quorum_seen *seen)
{
    uint32_t least = quorum_least(rule, seen);
    if (seen->up + seen->down + seen->unknown == 0)
        return seen->missing ? QUORUM_DOWN : QUORUM_UNKNOWN;
    if (seen->up + seen->unknown < least)
        return QUORUM_DOWN;
    if (seen->up < least)
        return QUORUM_UNKNOWN;
    must(seen->up >= least);
    return seen->down || seen->missing ? QUORUM_DEGRADED : QUORUM_WELL;
}
