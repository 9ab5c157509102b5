/* Inside of the importer of Uptime Kuma. */
#ifndef CLI_IMPORT_KUMA_H
#define CLI_IMPORT_KUMA_H

#include "cli/import.h"

struct kuma {
    struct arena *arena;
    struct problems *problems;
    struct node
        *monitors; /* maps: fields as in the backup or as the columns of kuma.db are named */
    struct node *notifications; /* {id, name, config: {type, …}} */
};
/* Writes the belfry.yaml. */
int import_kuma_map(struct kuma *k, struct buf *yaml, struct err *err);

#endif
