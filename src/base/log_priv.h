/* A log file that is rotated at local midnight; shared by log.c's main log and its sinks. */
#ifndef BASE_LOG_PRIV_H
#define BASE_LOG_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct log_file;

/* Opens (and makes the directories of) path for appending. What an earlier day left there is
 * rotated first. keep_days 0 keeps all. */
struct log_file *log_file_open(const char *path, int keep_days, struct err *err);
void log_file_close(struct log_file *f); /* NULL is fine */

/* Appends one whole line, rotating first when its day is over at now (Unix ms). Not thread-safe:
 * log.c holds its lock. Returns 0, or -1 with errno when the line could not be written. */
int log_file_write(struct log_file *f, const char *line, size_t n, int64_t now_ms);

#endif
