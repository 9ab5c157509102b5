/* A backup (core/backup.h) back into a directory: decompressed, each name checked, each file whole. Blocks. */
#ifndef CLI_UNPACK_H
#define CLI_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct unpacked {
    uint64_t files, bytes;
    bool has_database, has_key, has_series;
    char written_by[40], created_at[40], key_id[16];
};

struct unpack;
/* Into `dir`, which exists and is empty. Files get the owner when uid is not -1. */
struct unpack *unpack_new(const char *dir, uid_t uid, gid_t gid);
/* The next bytes of the archive, as they come. */
int unpack_feed(struct unpack *u, const void *p, size_t n, struct err *err);
/* All was given: is it whole? */
int unpack_end(struct unpack *u, struct unpacked *out, struct err *err);
void unpack_free(struct unpack **u);

#endif
