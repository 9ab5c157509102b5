/* A look into a database file, through a connection of its own that waits 5 s for a lock. What fails, fails the test. */
#ifndef HELPERS_SQL_H
#define HELPERS_SQL_H

#include <stdint.h>

/* First column of the first row; 0 when there is none. */
int64_t sql_int(const char *path, const char *sql);
void sql_run(const char *path, const char *sql);

#endif
