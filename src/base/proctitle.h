/* The name under which ps and top show this process: "belfry: watcher payments/0".
 *
 * Called by each role once at its start, from the main thread. Where the system gives no way to
 * do it, both calls do nothing. */
#ifndef BASE_PROCTITLE_H
#define BASE_PROCTITLE_H

#include "base/must.h"

/* Must come first in main, before other threads and before anything keeps pointers to arguments or
 * environment strings: it replaces argv[i] and environ by copies, whose lifetime is the process's,
 * and keeps their old place for the title. */
void proctitle_init(int argc, char **argv);

/* Sets the title; what does not fit the place is cut. The process name (comm, 15 bytes) becomes the
 * first word with its role, "belfry:watcher", so that pgrep belfry finds every role. */
void proctitle_set(const char *fmt, ...) printf_like(1, 2);

#endif
