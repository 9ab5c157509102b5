/* Context switch of fiber_asm.c, AAPCS64.
 *   void fiber__switch_asm(void **save_sp, void *to_sp)
 * stores x19-x30 and d8-d15 on the stack, exchanges the stack pointers, loads them again. */
    .text
    .globl fiber__switch_asm
    .type fiber__switch_asm, %function
    .p2align 4
fiber__switch_asm:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    br x30
    .size fiber__switch_asm, . - fiber__switch_asm

/* First instruction of a new fiber: x20 = entry, x19 = its argument. */
    .globl fiber__entry_asm
    .type fiber__entry_asm, %function
    .p2align 4
fiber__entry_asm:
    .cfi_startproc
    .cfi_undefined x30 /* a backtrace ends here */
    mov x0, x19
    blr x20
    brk #1
    .cfi_endproc
    .size fiber__entry_asm, . - fiber__entry_asm

    .section .note.GNU-stack, "", %progbits
