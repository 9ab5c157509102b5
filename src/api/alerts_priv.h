/* What the files of /api/v1/alerts share. */
#ifndef API_ALERTS_PRIV_H
#define API_ALERTS_PRIV_H

#include "api/api_priv.h"

/* The filters of a request, at most so many; texts in k's arena. Leaves out what the caller may not see. -1: answered already. */
int alerts_query_of(struct call *k, uint64_t most, struct alerts_query *q);
/* The alert that k->id names, as a copy (alert_free), if the caller may see it (least: VIEWER) or change it (EDITOR). NULL:
 * answered already (404, 403). */
struct alert *alert_of_call(struct call *k, enum role least);
const char *event_kind_name(enum event_kind kind);

#endif
