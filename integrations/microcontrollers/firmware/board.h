/* What the program needs of a board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

extern uint32_t stack_low[], stack_high[]; /* of the linker script */

void put(const char *text); /* on the console of the machine that emulates the board */
void leave(int code);
uint32_t instructions(void); /* executed so far, of a counter that wraps at 32 bits */

int main(void);

#endif
