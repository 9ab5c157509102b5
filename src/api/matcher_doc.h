/* Matchers of labels in requests: {"name":"env","op":"=~","value":"a|b"}, or text as PromQL and Alertmanager write it: env="prod",
 * env=~a|b, env!=test. */
#ifndef API_MATCHER_DOC_H
#define API_MATCHER_DOC_H

#include "api/api_priv.h"
#include "model/maintenance.h"

#define MATCHERS_MAX 100

/* Problems are added under `field`; *n is 0 then. list NULL: none. Strings lie in k's arena. */
void matchers_from_doc(struct call *k, const struct node *list, const char *field,
                       struct label_match **out, uint32_t *n);
/* A moment of RFC 3339; NULL leaves *out as it is. */
void time_from_doc(struct call *k, const char *field, const char *text, int64_t *out);

#endif
