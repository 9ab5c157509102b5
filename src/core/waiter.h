/* A waiter: a thread of the HTTP server waits for something that the main loop finishes later. Made and freed by the
 * thread that waits; finished at most once by the loop. When the wait times out the loop may still finish it, so it
 * is shared by two references. */
#ifndef CORE_WAITER_H
#define CORE_WAITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct waiter;

struct waiter *waiter_new(void); /* reference of the caller */
/* waiter_wait asks it several times a second, without a lock: true ends the wait with CANCELLED. */
void waiter_unless(struct waiter *w, bool (*ended)(const void *arg), const void *arg);
struct waiter *waiter_ref(struct waiter *w);
void waiter_unref(struct waiter *w); /* NULL is fine */

/* Loop: done. err NULL: well. p: the answer's bytes (copied), may be NULL. */
void waiter_finish(struct waiter *w, const struct err *err, const void *p, size_t n);
/* Thread: waits at most timeout_ms. Appends the answer to out (may be NULL). TIMEOUT, CANCELLED, or the error given. */
int waiter_wait(struct waiter *w, int64_t timeout_ms, struct buf *out, struct err *err);

#endif
