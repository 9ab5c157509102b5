/* Fibers: stacks, starting, parking, waking. The switch itself is in fiber_asm.c or fiber_ucontext.c.
 * Everything runs on the loop's thread.
 *
 *   fiber_start ──► RUNNING ──fiber_park──► PARKED ──fiber_wake, event, timer, cancel──► QUEUED
 *                      ▲                                                                   │
 *                      └────────────────────── fiber__run_queue ◄──────────────────────────┘
 *   RUNNING ──fn returns──► the stack goes back to the loop's pool.
 *
 * struct fiber lies at the top of its own stack, so that a start costs no allocation. */
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define STACK_SIZE ((size_t)512 * 1024) /* instrumented frames are larger */
#else
#define STACK_SIZE ((size_t)128 * 1024) /* reserved, with the guard; a TLS handshake needs 12 KiB */
#endif
#define POOL_MAX 1024 /* idle stacks kept */

enum fiber_state { FIBER_RUNNING, FIBER_PARKED, FIBER_QUEUED, FIBER_ENDED };

struct fiber {
    uint32_t magic;
    enum fiber_state state;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct fiber_ctx ctx;
    struct fiber *resumed_by; /* who gets the processor back when this one parks */
    struct fiber *next;       /* run queue or pool */
    struct fiber *all_next, *all_prev;
    struct timer timer; /* stays armed between waits with the same deadline */
    void *stack;        /* the mapping, guard page first */
    void *low;          /* lowest usable byte */
    size_t size;        /* usable bytes below this struct */
    int events;         /* what a descriptor reported; 0 otherwise */
    bool timed_out;
    bool cancelled;
    bool sheltered; /* in io_blocking: neither deadline nor cancel wakes */
};

/* The one thread-local of io/: library callbacks ask which fiber they run on without having a loop.
 * A fiber never changes its thread, so the address may be cached over a switch. */
static _Thread_local struct fiber *current_fiber;

struct fiber *fiber_self(void)
{
    return current_fiber;
}

struct loop *fiber_loop(void)
{
    return current_fiber != NULL ? current_fiber->loop : NULL;
}

/* --- stacks --- */

static struct fiber *map_stack(struct err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        err_sys(err, ERR_FULL, "cannot map the stack of a fiber");
        return NULL;
    }
    if (mprotect(p, page, PROT_NONE) != 0) {
        err_sys(err, ERR_FULL, "cannot guard the stack of a fiber");
        munmap(p, STACK_SIZE);
        return NULL;
    }
    size_t room = (sizeof(struct fiber) + 63) & ~(size_t)63;
    struct fiber *f = (struct fiber *)(p + STACK_SIZE - room);
    memset(f, 0, sizeof(*f)); /* the pool's invariant: timer and list fields are clean */
    f->stack = p;
    f->low = p + page;
    f->size = STACK_SIZE - page - room;
    return f;
}

static void unmap_stack(struct fiber *f)
{
    must(f->magic == 0);
    munmap(f->stack, STACK_SIZE);
}

static struct fiber *take_stack(struct loop *l, struct err *err)
{
    struct fiber *f = l->pool;
    if (f == NULL) {
        return map_stack(err);
    }
    l->pool = f->next;
    l->n_pool--;
    return f;
}

static void give_stack(struct loop *l, struct fiber *f)
{
#ifdef FIBER_ASAN
    __asan_unpoison_memory_region(f->low, f->size);
#endif
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(f->ctx.tsan);
#endif
    fiber__ctx_done(&f->ctx);
    f->magic = 0;
    if (l->n_pool >= POOL_MAX) {
        unmap_stack(f);
        return;
    }
    f->next = l->pool;
    l->pool = f;
    l->n_pool++;
}

void fiber__pool_free(struct loop *l)
{
    while (l->pool != NULL) {
        struct fiber *f = l->pool;
        l->pool = f->next;
        unmap_stack(f);
    }
    l->n_pool = 0;
}

/* --- switching --- */

static void after_switch(struct fiber_ctx *self, struct fiber_ctx *learn)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(self->asan_fake_stack, learn ? &learn->asan_bottom : NULL,
                                    learn ? &learn->asan_size : NULL);
#else
    (void)self;
    (void)learn;
#endif
}

static void switch_ctx(struct fiber_ctx *from, struct fiber_ctx *to, bool last)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &from->asan_fake_stack, to->asan_bottom,
                                   to->asan_size);
#endif
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)last;
    fiber__ctx_switch(from, to);
    after_switch(from, NULL);
}

static struct fiber_ctx *ctx_of(struct loop *l, struct fiber *f)
{
    return f != NULL ? &f->ctx : &l->main_ctx;
}

static void unlink_fiber(struct fiber *f)
{
    struct loop *l = f->loop;
    if (f->all_prev != NULL) {
        f->all_prev->all_next = f->all_next;
    } else {
        l->all = f->all_next;
    }
    if (f->all_next != NULL) {
        f->all_next->all_prev = f->all_prev;
    }
    must(l->n_fibers > 0);
    l->n_fibers--;
}

/* Runs f until it parks or ends. From the loop or from another fiber. */
static void resume(struct fiber *f)
{
    struct loop *l = f->loop;
    check_magic(f, FIBER_MAGIC);
    must(f->state != FIBER_PARKED && f != l->current);
    f->state = FIBER_RUNNING;
    f->resumed_by = l->current;
    l->current = current_fiber = f;
#ifdef FIBER_TSAN
    if (f->resumed_by == NULL) {
        l->main_ctx.tsan = __tsan_get_current_fiber();
    }
#endif
    struct fiber *self = f->resumed_by;
    switch_ctx(ctx_of(l, self), &f->ctx, false);
    l->current = current_fiber = self;
    if (f->state == FIBER_ENDED) {
        unlink_fiber(f);
        give_stack(l, f);
    }
}

static void fiber_main(void *arg)
{
    struct fiber *f = arg;
    /* The main context's bounds are learned here; a nested start must not overwrite them. */
    after_switch(&f->ctx, f->resumed_by == NULL ? &f->loop->main_ctx : NULL);
    f->fn(f->arg);
    timer_stop(&f->timer);
    f->state = FIBER_ENDED;
    switch_ctx(&f->ctx, ctx_of(f->loop, f->resumed_by), true);
    must(!"an ended fiber was resumed");
}

int fiber_start(struct loop *l, void (*fn)(void *arg), void *arg, struct err *err)
{
    loop__assert_thread(l);
    must(fn != NULL);
    if (l->n_fibers >= l->max_fibers) {
        return err_set(err, ERR_FULL, "cannot start a fiber: the limit of %zu is reached",
                       l->max_fibers);
    }
    struct fiber *f = take_stack(l, err);
    if (f == NULL) {
        return -1;
    }
    must(f->timer.node.slot == 0);
    f->magic = FIBER_MAGIC;
    f->loop = l;
    f->fn = fn;
    f->arg = arg;
    f->state = FIBER_QUEUED;
    f->cancelled = f->timed_out = f->sheltered = false;
    f->events = 0;
    f->all_prev = NULL;
    f->all_next = l->all;
    if (l->all != NULL) {
        l->all->all_prev = f;
    }
    l->all = f;
    l->n_fibers++;
    fiber__ctx_init(&f->ctx, f->low, f->size, fiber_main, f);
#ifdef FIBER_ASAN
    f->ctx.asan_bottom = f->low;
    f->ctx.asan_size = f->size;
#endif
#ifdef FIBER_TSAN
    f->ctx.tsan = __tsan_create_fiber(0);
#endif
    resume(f);
    return 0;
}

void loop_set_max_fibers(struct loop *l, size_t max)
{
    loop__assert_thread(l);
    l->max_fibers = max;
}

size_t loop_fibers(const struct loop *l)
{
    loop__assert_thread(l);
    return l->n_fibers;
}

/* --- parking and waking --- */

static void enqueue(struct fiber *f)
{
    struct loop *l = f->loop;
    must(f->state == FIBER_PARKED);
    f->state = FIBER_QUEUED;
    f->next = NULL;
    if (l->run_tail != NULL) {
        l->run_tail->next = f;
    } else {
        l->run_head = f;
    }
    l->run_tail = f;
}

void fiber__run_queue(struct loop *l)
{
    must(l->current == NULL);
    /* Only those queued now: two fibers that wake each other must not starve the descriptors. */
    struct fiber *last = l->run_tail;
    while (l->run_head != NULL) {
        struct fiber *f = l->run_head;
        bool end = f == last;
        l->run_head = f->next;
        if (l->run_head == NULL) {
            l->run_tail = NULL;
        }
        resume(f);
        if (end) {
            break;
        }
    }
}

static void on_deadline(struct timer *t)
{
    struct fiber *f = container_of(t, struct fiber, timer);
    check_magic(f, FIBER_MAGIC);
    if (f->state == FIBER_PARKED && !f->sheltered) {
        f->timed_out = true;
        enqueue(f);
    }
}

/* Parks without looking at anything: the callers say what the wake-up meant. */
static void park_raw(struct fiber *f)
{
    struct loop *l = f->loop;
    must(f == l->current && f->state == FIBER_RUNNING);
    f->state = FIBER_PARKED;
    switch_ctx(&f->ctx, ctx_of(l, f->resumed_by), false);
    must(l->current == f && f->state == FIBER_RUNNING);
}

static void set_deadline(struct fiber *f, int64_t deadline_ns)
{
    if (deadline_ns == IO_FOREVER) {
        timer_stop(&f->timer);
    } else if (!timer_active(&f->timer) || f->timer.node.key != deadline_ns) {
        timer_start(f->loop, &f->timer, deadline_ns, on_deadline);
    }
}

int fiber_park(int64_t deadline_ns, struct err *err)
{
    struct fiber *f = current_fiber;
    check_magic(f, FIBER_MAGIC);
    if (f->cancelled) {
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    f->timed_out = false;
    f->events = 0;
    set_deadline(f, deadline_ns);
    park_raw(f);
    if (f->timed_out) {
        return err_set(err, ERR_TIMEOUT, "the deadline passed");
    }
    if (f->cancelled) {
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    return 0;
}

void fiber_wake(struct fiber *f)
{
    check_magic(f, FIBER_MAGIC);
    loop__assert_thread(f->loop);
    if (f->state == FIBER_PARKED && !f->sheltered) {
        enqueue(f);
    }
}

void fiber_cancel(struct fiber *f)
{
    check_magic(f, FIBER_MAGIC);
    loop__assert_thread(f->loop);
    f->cancelled = true;
    fiber_wake(f);
}

void fiber__cancel_all(struct loop *l)
{
    for (struct fiber *f = l->all; f != NULL; f = f->all_next) {
        fiber_cancel(f);
    }
}

void fiber__event(struct fiber *f, int events)
{
    check_magic(f, FIBER_MAGIC);
    if (f->state == FIBER_PARKED) { /* else its timer or a cancel was quicker in this turn */
        f->events = events;
        enqueue(f);
    }
}

int fiber_sleep(int64_t until_ns, struct err *err)
{
    struct err e = {0};
    for (;;) {
        if (fiber_park(until_ns, &e) != 0) {
            if (e.code == ERR_TIMEOUT) {
                return 0;
            }
            return err_set(err, e.code, "%s", e.msg);
        }
    }
}

int io__wait(int fd, int events, int64_t deadline_ns, struct err *err)
{
    struct fiber *f = current_fiber;
    check_magic(f, FIBER_MAGIC);
    must((events & ~(IO_READ | IO_WRITE)) == 0 && events != 0);
    if (f->cancelled) {
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    if (loop__arm_fiber(f->loop, fd, events, f, err) != 0) {
        return -1;
    }
    int rc = fiber_park(deadline_ns, err);
    while (rc == 0 && f->events == 0) { /* a stray fiber_wake */
        rc = fiber_park(deadline_ns, err);
    }
    if (rc != 0) {
        loop__disarm_fiber(f->loop, fd);
        return -1;
    }
    return f->events & (events | IO__ERROR);
}

int io_wait(int fd, int events, int64_t deadline_ns, struct err *err)
{
    int got = io__wait(fd, events, deadline_ns, err);
    return got < 0 ? -1 : got & (IO_READ | IO_WRITE);
}

/* --- blocking libraries --- */

struct blocking {
    uv_work_t uv;
    void (*fn)(void *arg);
    void *arg;
    struct fiber *fiber;
    bool done;
};

static void on_pool(uv_work_t *w)
{
    struct blocking *b = container_of(w, struct blocking, uv);
    b->fn(b->arg);
}

static void on_pool_done(uv_work_t *w, int status)
{
    struct blocking *b = container_of(w, struct blocking, uv);
    must(status == 0);
    b->done = true;
    if (b->fiber->state == FIBER_PARKED) {
        enqueue(b->fiber);
    }
}

void io_blocking(void (*fn)(void *arg), void *arg)
{
    struct fiber *f = current_fiber;
    check_magic(f, FIBER_MAGIC);
    struct blocking b = {.fn = fn, .arg = arg, .fiber = f};
    f->loop->uv_dirty = true;
    must(uv_queue_work(&f->loop->uv, &b.uv, on_pool, on_pool_done) == 0);
    f->sheltered = true;
    park_raw(f);
    f->sheltered = false;
    must(b.done);
}
