/* Headers of tar archives (POSIX.1-2017 pax, "ustar"), as far as Belfry's backups need them: regular files and directories with
 * names of up to 255 bytes; sizes of 8 GiB and more in base 256, as GNU tar writes and reads them. Pure.
 *
 *   block of 512: name 0..99, mode 100, uid 108, gid 116, size 124..135, mtime 136, checksum 148..155, type 156,
 *   magic 257 "ustar\0" "00", prefix 345..499.   Contents follow in whole blocks; two blocks of zeros end it. */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TAR_BLOCK    512
#define TAR_NAME_MAX 255

struct tar_entry {
    char name[TAR_NAME_MAX + 1]; /* relative, "/" between its parts, none of them "." or ".." */
    uint64_t size;               /* 0 for a directory */
    int64_t mtime_s;
    uint32_t mode; /* 0600 */
    bool directory;
};

/* Appends the header. -1: the name does not fit. */
int tar_put_header(struct buf *out, const struct tar_entry *e);
/* Bytes of zeros behind contents of that size. */
size_t tar_padding(uint64_t size);
void tar_put_end(struct buf *out);

/* Reads a header; *end: it was a block of zeros. Whatever could lead outside of a directory, and every other kind of entry
 * (links, devices), is refused. */
int tar_parse_header(const unsigned char block[static TAR_BLOCK], struct tar_entry *out, bool *end,
                     struct err *err);

#endif
