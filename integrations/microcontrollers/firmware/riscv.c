/* A RISC-V without anything around it, in QEMU: console by semihosting, instret as counter. */
#include "board.h"

static int call(int operation, const void *argument)
{
    register int a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n\t.option norvc\n\t.balign 16\n\t"
                     "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

void put(const char *text)
{
    call(0x04, text);
}

void leave(int code)
{
    const uint32_t block[2] = {0x20026u, (uint32_t)code};
    call(0x20, block);
    for (;;)
        ;
}

uint32_t instructions(void)
{
    uint32_t count;
    __asm__ volatile("rdinstret %0" : "=r"(count));
    return count;
}

__attribute__((used)) static void begin(void)
{
    leave(main());
}

__attribute__((section(".start"), naked, used)) void _start(void)
{
#if defined(__riscv_flen) && defined(MACHINE_MODE)
    __asm__ volatile("li t0, 0x2000\n\tcsrs mstatus, t0"); /* the floating-point unit */
#endif
    __asm__ volatile(".option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n\t"
                     "la sp, stack_high\n\tj begin");
}
