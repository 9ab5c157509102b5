/* The fast half of fiber.c on processors that have a fiber_switch_*.S: lays out the first frame of a
 * new fiber so that the switch "returns" into its entry. Elsewhere fiber_ucontext.c stands in. */
#include "io/loop_priv.h"

#include <stdint.h>
#include <string.h>

void fiber__switch_asm(void **save_sp, void *to_sp);
void fiber__entry_asm(void);

void fiber__ctx_init(struct fiber_ctx *c, void *stack, size_t size, void (*entry)(void *),
                     void *arg)
{
    uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
    memset(c, 0, sizeof(*c));
#if defined(__x86_64__)
    uintptr_t *sp = (uintptr_t *)top - 9; /* 7 popped words + 2: 16-aligned at entry's call */
    memset(sp, 0, 9 * sizeof(*sp));
    sp[2] = (uintptr_t)entry; /* r13 */
    sp[3] = (uintptr_t)arg;   /* r12 */
    sp[6] = (uintptr_t)fiber__entry_asm;
    must(((uintptr_t)(sp + 7) & 15) == 0);
#elif defined(__aarch64__)
    uintptr_t *sp = (uintptr_t *)(top - 160);
    memset(sp, 0, 160);
    sp[0] = (uintptr_t)arg;               /* x19 */
    sp[1] = (uintptr_t)entry;             /* x20 */
    sp[11] = (uintptr_t)fiber__entry_asm; /* x30 */
#else
#error "no switch for this processor: build fiber_ucontext.c"
#endif
    c->sp = sp;
}

void fiber__ctx_done(struct fiber_ctx *c)
{
    c->sp = NULL;
}

void fiber__ctx_switch(struct fiber_ctx *from, struct fiber_ctx *to)
{
    fiber__switch_asm(&from->sp, to->sp);
}
