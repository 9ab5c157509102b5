/* The configuration of push targets. The core judges them by what their jobs say (core/push.c); nothing is probed. */
#ifndef PROBE_PUSH_H
#define PROBE_PUSH_H

#include "base/cron.h"
#include "base/zone.h"
#include "config/option.h"

#define PUSH_TOKEN_MIN 16
#define PUSH_TOKEN_MAX 64

struct push_config {
    const char *token; /* NULL: Belfry gives one */
    int64_t period_ms; /* 0: schedule */
    const char *schedule, *timezone;
    int64_t grace_ms, max_duration_ms;
    struct cron *cron; /* of schedule; NULL */
    struct zone *zone;
};

#endif
