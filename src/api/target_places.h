/* Inside of the API: the locations of a target. */
#ifndef API_TARGET_PLACES_H
#define API_TARGET_PLACES_H

#include "api/api_priv.h"

/* Checks the fields of a document; problems go to k. */
void places_take(struct call *k, const struct str_list *names, int64_t quorum, struct target *out);
/* On the core's loop: adds "places" for a target that names locations. */
void places_put(struct call *k, struct json *j);
/* A probe now from each of the names, which live as long as the call (target_check.c). Answers. */
void places_check(struct call *k, const struct name_list *names, int64_t patience_ms);
void targets_places(struct call *k); /* GET /api/v1/targets/{id}/places */

#endif
