/* Head chunk files, DIR/head/NNNNNNNN.chunks: sealed chunks of the head, written once, mapped for reading, removed when no chunk in
 * them is needed. What is in them is known from the head's snapshot alone.
 *
 *   file   "BHC1" u32 number, then chunks
 *   chunk  u32 CRC-32C of the bytes, bytes (chunk.h); a reference knows where the bytes begin and how many they are
 *
 * Any thread. */
#ifndef TSDB_HEAD_FILE_H
#define TSDB_HEAD_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

struct head_files;
struct epoch;
struct head_files *head_files_open(const char *dir, struct epoch *e, struct err *err);
void head_files_close(struct head_files *f); /* NULL is fine */
/* FULL, IO: nothing was written. *at: what head_files_get wants. */
int head_files_put(struct head_files *f, const void *bytes, uint32_t n, uint64_t *at,
                   struct err *err);
/* Borrowed as long as the caller is in an epoch. DAMAGED. */
const void *head_files_get(struct head_files *f, uint64_t at, uint32_t n, struct err *err);
/* Counts a chunk that a snapshot knows. False: there is no such place. */
bool head_files_claim(struct head_files *f, uint64_t at, uint32_t n);
void head_files_drop(struct head_files *f, uint64_t at);
int head_files_sync(struct head_files *f, struct err *err);
void head_files_sweep(
    struct head_files *f); /* removes files without chunks, lets go of mapped pages */
uint64_t head_files_bytes(struct head_files *f);

#endif
