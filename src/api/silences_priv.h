/* What the files of /api/v1/silences and /api/v1/alerts share. */
#ifndef API_SILENCES_PRIV_H
#define API_SILENCES_PRIV_H

#include "api/api_priv.h"
#include "core/silences.h"

/* Saves s as a new silence, answers it. An empty created_by becomes who asks. Not on the loop. */
void silence_save(struct call *k, const struct core_silence *s);

#endif
