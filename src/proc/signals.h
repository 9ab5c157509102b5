/* Signals as a descriptor to poll. For processes without an event loop (the warden); one set a process. */
#ifndef PROC_SIGNALS_H
#define PROC_SIGNALS_H

#include <stddef.h>

#include "base/err.h"

/* Blocks the signals and returns a non-blocking, close-on-exec descriptor that is readable when one
 * arrived. spawn_start gives children a clean mask. */
int signals_open(const int *signos, size_t n, struct err *err);
/* The next signal that arrived, 0 when there is none. Equal signals may come as one. */
int signals_next(int fd);

#endif
