/* A Cortex-M without anything around it, in QEMU: vectors, console by semihosting, SysTick as counter. */
#include "board.h"

#define CPACR (*(volatile uint32_t *)0xe000ed88u)
#define SYST_CSR (*(volatile uint32_t *)0xe000e010u)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014u)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018u)
/* With -icount shift=0 an instruction takes a nanosecond, and the clock of the MPS2 boards has 25 MHz. */
#define INSTRUCTIONS_PER_TICK 40u

static int call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
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
    if (SYST_CSR & (1u << 16))
        put("overflow\n"); /* 24 bits of ticks are 671 million instructions */
    return (0xffffffu - SYST_CVR) * INSTRUCTIONS_PER_TICK;
}

static void reset(void)
{
    CPACR |= 0xfu << 20; /* the floating-point unit */
    __asm__ volatile("dsb\n\tisb");
    SYST_RVR = 0xffffffu;
    SYST_CVR = 0;
    SYST_CSR = 5;
    leave(main());
}

static void fault(void)
{
    put("fault\n");
    leave(3);
}

__attribute__((section(".start"), used)) static const void *const vectors[16] = {
    stack_high, (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};
