/* A mail to one person by way of an email channel's server: what is no alert, such as news for subscribers of a status page.
 * On a fiber of the core. */
#ifndef NOTIFY_LETTER_H
#define NOTIFY_LETTER_H

#include "notify/channel.h"

struct letter {
    const char *to; /* one address */
    const char *subject, *text, *html;
    const char *leave_url; /* List-Unsubscribe, with one click (RFC 2369, RFC 8058); NULL: none */
    uint64_t number;       /* of Message-ID: the same for each attempt */
    int64_t wall_ms, deadline_ns;
};
/* ch: of type email, else INVALID. 4xx of the server and network errors are worth a retry. */
int letter_send(const struct notify_env *env, const struct channel *ch, const struct letter *l,
                struct arena *a, struct err *err);

#endif
