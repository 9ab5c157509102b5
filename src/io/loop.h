/* The event loop of a process: timers, descriptors, signals, files that change, work from other
 * threads. A thin skin over libuv, which no other folder knows.
 *
 * A loop belongs to the thread that runs it; every function here asserts that, except loop_post,
 * loop_call and loop_stop_soon, which any thread may use. Callbacks run on the loop's thread, never
 * before the registering call has returned. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

struct loop;

/* Also makes the process ignore SIGPIPE. */
struct loop *loop_new(struct err *err);
void loop_free(struct loop *l); /* all watches must be closed; fibers still parked are cancelled */
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l);
/* One turn that does not block (tests). Returns false when nothing is left to wait for. */
bool loop_turn(struct loop *l);

/* CLOCK_MONOTONIC at the start of this turn, and now. */
int64_t loop_now_ns(const struct loop *l);
/* How late the last timer callback was, ns: the loop's lag. */
int64_t loop_lag_ns(const struct loop *l);
uint64_t loop_turns(const struct loop *l);

/* Called at the start of each turn (heartbeats). One per loop. */
void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg);

/* One-shot timer; embed it in its owner, zero it first. Cheap: O(log n), no system call. */
struct timer {
    struct heap_node node;
    void (*fn)(struct timer *t);
    struct loop *loop;
};
void timer_start(struct loop *l, struct timer *t, int64_t at_ns, void (*fn)(struct timer *t));
void timer_stop(struct timer *t); /* fine when not started */
bool timer_active(const struct timer *t);

/* Descriptor readiness. The descriptor stays the caller's; close the watch first. */
enum { IO_READ = 1, IO_WRITE = 2 };
struct watch;
struct watch *watch_open(struct loop *l, int fd, int events, void (*fn)(void *arg, int events),
                         void *arg, struct err *err);
int watch_set(struct watch *w, int events, struct err *err);
void watch_close(struct watch **w);

struct signal_watch;
struct signal_watch *signal_open(struct loop *l, int signo, void (*fn)(void *arg, int signo),
                                 void *arg, struct err *err);
void signal_close(struct signal_watch **w);

/* fn(arg) on the loop's thread, soon. Any thread. Order is kept. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);
/* As loop_post, but returns after fn has run. From the loop's own thread it runs fn at once. */
void loop_call(struct loop *l, void (*fn)(void *arg), void *arg);
/* loop_stop from any thread or signal handler. */
void loop_stop_soon(struct loop *l);

#endif
