/* Files of a directory that are named by a number and a suffix: 00000012.wal. */
#ifndef TSDB_NUMBERED_H
#define TSDB_NUMBERED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct numbers { /* vec-like */
    uint64_t *at;
    size_t n, cap;
};
/* Appends the numbers of those with this suffix (".wal"), rising; other files are passed over. IO. Free with vec_done. */
int numbered_list(const char *dir, const char *suffix, struct numbers *out, struct err *err);
/* Writes all of it at that place, whatever interrupts. -1: errno says why. IO. */
int numbered_write(int fd, const void *p, size_t n, uint64_t at);

#endif
