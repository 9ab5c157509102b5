/* Context switch of fiber_asm.c, System V ABI.
 *   void fiber__switch_asm(void **save_sp, void *to_sp)
 * pushes what the callee must preserve, stores the stack pointer, takes the other one, pops. The FP
 * control words are left alone: nothing in Belfry changes them. */
    .text
    .globl fiber__switch_asm
    .type fiber__switch_asm, @function
    .p2align 4
fiber__switch_asm:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx       /* not ret: the return predictor would be wrong each time */
    jmpq *%rcx
    .size fiber__switch_asm, . - fiber__switch_asm

/* First instruction of a new fiber: r13 = entry, r12 = its argument. */
    .globl fiber__entry_asm
    .type fiber__entry_asm, @function
    .p2align 4
fiber__entry_asm:
    .cfi_startproc
    .cfi_undefined rip /* a backtrace ends here */
    movq %r12, %rdi
    callq *%r13
    ud2
    .cfi_endproc
    .size fiber__entry_asm, . - fiber__entry_asm

    .section .note.GNU-stack, "", @progbits
