/* A maintenance's document: its option table, and what it says as a struct. */
#ifndef API_MAINTENANCE_DOC_H
#define API_MAINTENANCE_DOC_H

#include "api/api_priv.h"
#include "model/maintenance.h"

extern const struct option maintenance_doc_options[];
extern const struct option maintenance_schedule_options[]; /* of "schedule" */

/* Problems are added to k->problems. old: what is not named stays; NULL for a new one. Strings borrow from k's arena and old. */
void maintenance_from_doc(struct call *k, const struct node *doc, const struct maintenance *old,
                          struct maintenance *out);

#endif
