/* Shared inside io/: the loop's insides and the poller below it. No other folder includes this.
 *
 * The loop waits in a poller of its own (epoll on Linux) and not in libuv: a fiber's wait is then one
 * epoll_ctl with EPOLLONESHOT and no removal, where uv_poll needs an add and a delete. libuv's backend
 * descriptor is one more entry of that poller; libuv brings signals, wake-ups and the thread pool. */
#ifndef IO_LOOP_PRIV_H
#define IO_LOOP_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/heap.h"
#include "base/must.h"
#include "io/fiber.h"
#include "io/loop.h"

/* --- the poller: poller_linux.c (epoll) or poller_poll.c (poll(2), elsewhere) --- */

#define IO__ERROR 4 /* beside IO_READ and IO_WRITE: the descriptor has an error or hung up */

struct poller_event {
    int fd;
    uint32_t gen; /* as armed */
    int events;   /* IO_READ | IO_WRITE | IO__ERROR */
};

struct poller;
struct poller *poller_new(struct err *err);
void poller_free(struct poller **p);
/* Arms fd. `known`: the poller probably has it already (a hint: both answers are right, one is
 * cheaper). oneshot: one event, then silent until armed again. Errors leave errno. */
int poller_arm(struct poller *p, int fd, uint32_t gen, int events, bool oneshot, bool known);
void poller_del(struct poller *p, int fd);
/* Number of events written; 0 on timeout or EINTR. timeout_ms -1 is forever. */
int poller_wait(struct poller *p, struct poller_event *out, int max, int timeout_ms);

/* --- the loop --- */

#define LOOP_MAGIC  0x1007b31fu
#define WATCH_MAGIC 0x3a7c4201u
#define FIBER_MAGIC 0xf1be4011u
#define LOOP_EVENTS 256

/* What waits on a descriptor: a watch (stays armed) or a fiber (one event). At most one. */
struct fd_slot {
    uint32_t gen; /* changes with each arming, so an old event is recognised */
    bool known;   /* the poller has it, as far as we know */
    struct watch *watch;
    struct fiber *fiber;
};

struct watch {
    uint32_t magic;
    struct loop *loop;
    int fd;
    int events;
    void (*fn)(void *arg, int events);
    void *arg;
};

struct fiber_ctx {
    void *sp; /* assembler switch: the parked stack pointer; fallback: a ucontext_t */
    void *asan_fake_stack;
    const void *asan_bottom; /* of the thread's own stack, learned at the first switch */
    size_t asan_size;
    void *tsan;
};

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uint32_t magic;
    pthread_t owner;
    uv_loop_t uv;
    uv_async_t wakeup;
    bool uv_dirty; /* libuv has something to register or to close: run it before waiting */
    struct poller *poller;
    struct fd_slot *slots; /* by descriptor */
    size_t n_slots;
    size_t n_watches;
    struct heap timers;
    int64_t now_ns;
    int64_t lag_ns;
    uint64_t turns;
    bool stop;
    atomic_bool stop_soon;
    void (*turn_fn)(void *arg);
    void *turn_arg;
    size_t n_signals;
    pthread_mutex_t post_lock; /* guards posts and posts_tail */
    struct post *posts;
    struct post **posts_tail;

    /* fibers */
    struct fiber_ctx main_ctx;
    struct fiber *current; /* NULL: the loop's own stack runs */
    struct fiber *run_head, *run_tail;
    struct fiber *all;  /* doubly linked: every live fiber */
    struct fiber *pool; /* idle stacks */
    size_t n_pool;
    size_t n_fibers;
    size_t max_fibers;

    /* Owned by tls_ctx.c: contexts by options, chains seen. */
    void *tls_cache;
    void (*tls_cache_free)(void *cache);
};

void loop__assert_thread(const struct loop *l);
/* Arms fd for the running fiber; events reported by fiber__park. */
int loop__arm_fiber(struct loop *l, int fd, int events, struct fiber *f, struct err *err);
void loop__disarm_fiber(struct loop *l, int fd);
/* fd is about to be closed: saves the next user of the number a failed call. */
void loop__fd_gone(struct loop *l, int fd);
/* As io_wait, but the answer may contain IO__ERROR. */
int io__wait(int fd, int events, int64_t deadline_ns, struct err *err);

/* fiber.c, called by loop.c */
void fiber__run_queue(struct loop *l);
void fiber__event(struct fiber *f, int events);
void fiber__cancel_all(struct loop *l);
void fiber__pool_free(struct loop *l);

/* fiber_asm.c + fiber_switch_*.S, or fiber_ucontext.c */
void fiber__ctx_init(struct fiber_ctx *c, void *stack, size_t size, void (*entry)(void *),
                     void *arg);
void fiber__ctx_done(struct fiber_ctx *c);
void fiber__ctx_switch(struct fiber_ctx *from, struct fiber_ctx *to);

#endif
