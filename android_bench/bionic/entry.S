// Where the kernel starts a program: hand its argument block to C. Replaces the NDK's crtbegin.
    .text
    .globl _start
    .hidden _start
    .type _start, %function
_start:
#if defined(__aarch64__)
    hint #34                // bti c: the first instruction of an indirect call's target
    mov x29, #0
    mov x30, #0
    mov x0, sp
    b bionic_start
#elif defined(__x86_64__)
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $~15, %rsp
    callq bionic_start
    hlt
#endif
    .size _start, .-_start
    .section .note.GNU-stack, "", %progbits

// Says to the loader, like the note of an NDK program: built for API level 26.
    .section .note.android.ident, "a", %note
    .balign 4
    .long 8, 4, 1
    .ascii "Android\0"
    .long 26
