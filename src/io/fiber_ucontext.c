/* The slow half of fiber.c (a system call a switch): POSIX ucontext, for processors without a
 * fiber_switch_*.S. Chosen by meson.build. */
#include "io/loop_priv.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct start {
    void (*entry)(void *);
    void *arg;
};

/* makecontext hands over ints only. */
static void trampoline(unsigned high, unsigned low)
{
    struct start *s = (struct start *)((uintptr_t)high << 16 << 16 | low);
    s->entry(s->arg);
    abort(); /* an entry never returns */
}

void fiber__ctx_init(struct fiber_ctx *c, void *stack, size_t size, void (*entry)(void *),
                     void *arg)
{
    memset(c, 0, sizeof(*c));
    /* The start record lies at the top of the stack it starts. */
    struct start *s = (struct start *)(((uintptr_t)stack + size - sizeof(*s)) & ~(uintptr_t)15);
    *s = (struct start){entry, arg};
    ucontext_t *u = calloc(1, sizeof(*u));
    must(u != NULL && getcontext(u) == 0);
    u->uc_stack.ss_sp = stack;
    u->uc_stack.ss_size = (size_t)((char *)s - (char *)stack);
    makecontext(u, (void (*)(void))trampoline, 2, (unsigned)((uintptr_t)s >> 16 >> 16),
                (unsigned)(uintptr_t)s);
    c->sp = u;
}

void fiber__ctx_done(struct fiber_ctx *c)
{
    free(c->sp);
    c->sp = NULL;
}

void fiber__ctx_switch(struct fiber_ctx *from, struct fiber_ctx *to)
{
    if (from->sp == NULL) { /* the thread's own stack, the first time */
        from->sp = calloc(1, sizeof(ucontext_t));
        must(from->sp != NULL);
    }
    must(swapcontext(from->sp, to->sp) == 0);
}
