/* For the tests of spawn: a shell line run with given settings. */
#ifndef TEST_PROC_RUN_SHELL_H
#define TEST_PROC_RUN_SHELL_H

#include <stddef.h>

#include "proc/spawn.h"

/* Runs line by /bin/sh with the settings; its output into out, NUL-terminated. The test fails
 * when it cannot start. Returns its wait status. */
int run_shell(struct spawn *s, const char *line, char *out, size_t size);

#endif
