/* Reports of uptime: what reports.c gathers and report_doc.c writes. */
#ifndef API_REPORT_H
#define API_REPORT_H

#include "api/api_priv.h"
#include "core/sla.h"
#include "core/tally.h"

/* What is asked. */
struct report_query {
    int64_t since_ms, until_ms;
    const char *time_zone;
    bool by_group, without_maintenance, csv;
    const char *group, *type, *text; /* NULL: any */
    double slo;                      /* percent */
    uint64_t limit, after;
};

/* A target, a group, or all of them together. */
struct report_row {
    uint64_t id; /* of a target */
    const char *name, *group, *type;
    uint32_t targets; /* how many it stands for */
    struct tally tally;
    struct sla_sketch *sketch; /* latencies */
    struct sla_outages outages;
    int64_t maintenance_ms;
};
struct report {
    struct report_query query;
    struct report_row *rows, all;
    size_t n;
    uint64_t total, next;
};

void report_write(struct call *k, const struct report *r);

#endif
