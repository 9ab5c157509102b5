/* Judging what a Kafka cluster answered, and its metrics; pure. */
#ifndef PROBE_KAFKA_REPORT_H
#define PROBE_KAFKA_REPORT_H

#include "model/result.h"
#include "probe/kafka_ask.h"

enum kafka_empty { EMPTY_WARN, EMPTY_FAIL, EMPTY_IGNORE };

/* 0: no bound. */
struct kafka_bounds {
    int64_t brokers;
    int64_t lag, lag_down, partition_lag;
    int empty; /* enum kafka_empty */
};

/* Fills *r with metrics, warnings and message, or fails it. Texts are copied: q may be freed. */
void kafka_report(const struct kafka_query *q, const struct kafka_bounds *b, struct result *r);

#endif
