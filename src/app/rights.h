/* Whom the configuration file lets programs run as, collected once, when the warden reads the file. What the API adds later
 * may use no more than this (warden_around.c). */
#ifndef APP_RIGHTS_H
#define APP_RIGHTS_H

#include <stdbool.h>

#include "base/vec.h"
#include "config/config.h"

struct rights {                         /* texts are the configuration's */
    vec_of(const char *) users, groups; /* a NULL behind the last */
};
void rights_collect(struct rights *r, const struct config *cfg, struct arena *a);
void rights_done(struct rights *r);
/* Some program may run as another user or group than Belfry itself. */
bool rights_any(const struct rights *r);

#endif
