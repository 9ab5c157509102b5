/* What config/ must know of probers and channels to check a file, handed up from below (config/config.h). Used by the
 * core at start and reload, and by the commands that read a configuration. */
#ifndef CORE_HOOKS_H
#define CORE_HOOKS_H

#include "config/config.h"

const struct config_hooks *core_config_hooks(void);
/* Parts of docs/configuration.md; in arena. Ended by title NULL. */
const struct config_doc_part *core_prober_doc(struct arena *a);
const struct config_doc_part *core_channel_doc(struct arena *a);

#endif
