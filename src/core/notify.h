/* What messages are sent with, for those above the core that send some of their own. On the core's loop, on a fiber. */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include "core/core.h"
#include "notify/channel.h"

const struct notify_env *core_notify(struct core *c);

#endif
