/* What series_log.c and series_log_load.c share. */
#ifndef TSDB_SERIES_LOG_PRIV_H
#define TSDB_SERIES_LOG_PRIV_H

#include "tsdb/numbered.h"
#include "tsdb/series_log.h"

#define LOG_MAGIC     0x314c5342u /* "BSL1" */
#define LOG_HEAD      8u          /* of the file, and of a record */
#define LOG_PATH_SIZE 4096

enum log_entry { ENTRY_PAIR = 1, ENTRY_NAME = 2, ENTRY_SOURCE = 3, ENTRY_SERIES = 4 };

/* Numbers of the files, rising. */
int series_log__list(const char *dir, struct numbers *out, struct err *err);
void series_log__path(const char *dir, uint32_t number, char *path);
/* The entries of one file's bytes. For the fuzzer, too. */
void series_log__read(const void *bytes, size_t n, struct index *x, uint64_t *series,
                      uint64_t *damaged);

#endif
