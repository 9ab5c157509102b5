/* A table of fixed-size records in a mapped file (data/run/table): one process writes, others read. It outlives kill -9
 * of all of them. The writer works in its record in place; readers see the copy that table_show made last: never a torn
 * one, and without waiting for a writer, dead or alive. The record is the caller's plain data; the header names its size
 * and version. Format byte by byte: top of table.c.
 *
 * Each handle belongs to one thread. What stands in the file is not trusted: a reader finds nothing, or other records,
 * in a damaged one. */
#ifndef IPC_TABLE_H
#define IPC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TABLE_KEY_MAX 127

struct table;

/* --- writer: one a file --- */
struct table_spec {
    uint32_t version;
    size_t record_size;
    size_t stable; /* so many bytes at a record's start mean the same in every version */
    uint32_t max_slots;
};
/* Creates it, or goes on with what a predecessor left. What another version left goes on with its stable bytes, the rest
 * of each record zero; what another boot of the machine left is put aside for an empty one. It grows by itself; records
 * never move in memory (one sparse mapping for max_slots). */
struct table *table_create(const char *path, const struct table_spec *spec, struct err *err);
/* The record of the key, made (zeroed) when there is none; NULL when all slots are used or the disk is full. *is_new may
 * be NULL. What stands there survives the writer from the moment it is stored. */
void *table_record(struct table *t, const char *key, bool *is_new);
/* Readers see the record as it is now. */
void table_show(struct table *t, const void *record);
/* Whether it is a record of this table. */
bool table_owns(const struct table *t, const void *record);
/* Forgets the key; its record must not be used any more. */
void table_drop(struct table *t, const char *key);

/* --- reader --- NOT_FOUND while there is no file; CONFLICT when version or size differ. */
struct table *table_open(const char *path, uint32_t version, size_t record_size, struct err *err);
/* Copies the record as last shown; false when there is none. */
bool table_read(struct table *t, const char *key, void *out);

/* Both: for (uint32_t it = 0; table_next(t, &it, &key, out);). The writer gets its keys and records in place, a reader
 * what was shown. out may be NULL. key is borrowed until the next call. */
bool table_next(struct table *t, uint32_t *it, const char **key, void *out);
void table_close(struct table **t);

#endif
