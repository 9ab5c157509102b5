/* Fibers: network code written straight down. A fiber is a function on a small stack of its own
 * that parks while it waits and is resumed by the loop (QEMU's block layer is the model).
 *
 * All of this runs on the loop's thread. Stacks are mmap'ed with a guard page (128 KiB reserved,
 * touched pages only cost memory) and pooled. Every wait takes an absolute CLOCK_MONOTONIC deadline in
 * ns (IO_FOREVER for none) and returns -1 with ERR_TIMEOUT when it passes, ERR_CANCELLED when
 * fiber_cancel was called. A cancelled fiber's later waits fail at once too, so it unwinds. */
#ifndef IO_FIBER_H
#define IO_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/loop.h"

#define IO_FOREVER INT64_MAX

struct fiber;

/* Starts fn(arg) on a new fiber, at once, until its first wait; then returns. The fiber frees itself
 * when fn returns. FULL when the loop's limit of fibers (loop_set_max_fibers) is reached. */
int fiber_start(struct loop *l, void (*fn)(void *arg), void *arg, struct err *err);
void loop_set_max_fibers(struct loop *l, size_t max); /* default 20,000 */
size_t loop_fibers(const struct loop *l);             /* alive now */

struct fiber *fiber_self(void); /* NULL outside a fiber */
struct loop *fiber_loop(void);  /* the loop of the running fiber */

/* Parks until fiber_wake or the deadline. 0, or -1 with TIMEOUT/CANCELLED. */
int fiber_park(int64_t deadline_ns, struct err *err);
/* Makes a parked fiber runnable in this turn of the loop; from the loop's thread. No-op when it is
 * not parked. */
void fiber_wake(struct fiber *f);
void fiber_cancel(struct fiber *f);
int fiber_sleep(int64_t until_ns, struct err *err);

/* Waits until fd is readable/writable; returns the ready events or -1. */
int io_wait(int fd, int events, int64_t deadline_ns, struct err *err);

/* Runs fn(arg) on the thread pool (blocking libraries) while the fiber is parked. The function always
 * runs to its end; there is no deadline because arg is on the fiber's stack. */
void io_blocking(void (*fn)(void *arg), void *arg);

#endif
