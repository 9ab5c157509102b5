/* The view of a notification that templates have (message_view.c), for message.c. */
#ifndef NOTIFY_MESSAGE_PRIV_H
#define NOTIFY_MESSAGE_PRIV_H

#include "notify/message.h"

/* The root object, with the first `listed` alerts in .Alerts. In s->arena. */
struct tvalue message__root(const struct send *s, const struct message_options *o,
                            enum language lang, uint32_t listed);

#endif
