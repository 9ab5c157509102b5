/* A backup of a running Belfry: one tar in zstd, made while it goes out.
 *
 *   backup.json   {"format":1,"belfry":VERSION,"created_at":…,"key_id":…,"with_key":…}, first
 *   belfry.db     a consistent copy of the database
 *   secret.key    only when asked for: without it nobody reads the secrets in belfry.db
 *   tsdb/…        a snapshot of the series (hard links meanwhile)
 *
 * What lies only for the time of the backup is DATA/backup.tmp and one of the store's snapshots. Any thread, one at a time. */
#ifndef CORE_BACKUP_H
#define CORE_BACKUP_H

#include "core/core.h"

#define BACKUP_FORMAT 1

struct backup;

struct backup_options {
    const char *data_dir;
    struct store *store;
    struct tsdb *tsdb; /* NULL: without series */
    const char *key_id;
    bool with_key;
    bool (*stop)(const void *arg); /* nobody waits for it any more */
    const void *arg;
};
/* Makes the copies: waits, as long as the database is large. BUSY while another one is made, FULL without room for the copy. */
struct backup *backup_begin(const struct backup_options *opt, struct err *err);
/* Appends some hundred KiB; *last: it is complete. -1: what was given out is useless. */
int backup_next(struct backup *b, struct buf *out, bool *last, struct err *err);
void backup_end(struct backup *b); /* removes the copies */
uint64_t backup_bytes(const struct backup *b);

#endif
