/* Inside of the API: what GET /api/v1/targets/ID says of targets that the core itself judges (push.c). */
#ifndef API_INNER_H
#define API_INNER_H

#include "api/api_priv.h"
#include "core/push.h"

void push_take(struct call *k); /* /push/TOKEN */

struct inner_doc {
    struct core_push_view *push; /* NULL: it is no push target */
    bool may_edit;
};
/* On the loop: what is known of a push target, in the arena. */
void inner_take_push(struct call *k, const struct core_target *t, struct inner_doc *d);
/* On the caller's thread, for the last runs are read from the store: adds "push". */
void inner_put_push(struct call *k, uint64_t id, const struct inner_doc *d, struct json *j);
/* On the loop: adds "members" and "members_missing" for a group. */
void inner_put_members(struct call *k, uint64_t id, struct json *j);

#endif
