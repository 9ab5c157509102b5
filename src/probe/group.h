/* The configuration of targets that are made of other targets. The core judges them by their members (core/group.c). */
#ifndef PROBE_GROUP_H
#define PROBE_GROUP_H

#include "config/option.h"
#include "model/matcher.h"

enum group_need { GROUP_ALL, GROUP_ANY, GROUP_QUORUM };

struct group_config {
    struct str_list members; /* "7", "shop", "payments/shop" */
    const char *match;
    int need; /* enum group_need */
    const char *quorum;
    /* by validate */
    const struct matcher *const *matchers; /* of match */
    size_t n_matchers;
    uint32_t least, percent; /* of quorum */
};

#endif
