"""What runs beside a model on the emulated Cortex-M55: start-up, measurement, faults, results.

The addresses are those of the MPS3 AN547 board, in its secure aliases. The image of a model is not
changed: it lies where it was linked, and this runtime in the instruction memory at 0.
"""

#: Where the runtime finds what to run, reads samples and leaves results, in external memory.
ORDER, RESULTS = 0x70000000, 0xB0000000
#: The stack of a model, in internal memory away from its data.
STACK_TOP, STACK_BYTES = 0x31010000, 64 * 1024

#: Ticks of the 32 MHz counter at 1,024 ns an instruction.
TICKS = 32.768
SHIFT = 10

#: Words before the samples: entry, input and its bytes, output and its bytes, samples, budget.
ORDER_WORDS = 8
#: Words before the outputs of a run: reason, ticks (2), stack, place, CFSR, address, stack pointer.
RESULT_WORDS = 8

LINK = """ENTRY(start)
SECTIONS {
  .vectors 0 : { KEEP(*(.vectors)) }
  .text : { *(.text*) *(.rodata*) }
  .bss : { *(.bss*) }
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) }
}
"""

SOURCE = f"""#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(address))
#define COUNTER 0x58101000
#define TIMER 0x58000000
#define STACK_LOW {STACK_TOP - STACK_BYTES:#x}
#define STACK_TOP {STACK_TOP:#x}
#define FILL 0xA5A5A5A5u

typedef struct {{
  uint32_t entry, input, input_bytes, output, output_bytes, samples, budget_low, budget_high;
}} order_t;
typedef struct {{
  uint32_t reason, low, high, stack, place, status, address, pointer;
}} result_t;

static const order_t *const order = (const order_t *){ORDER:#x};
static result_t *const results = (result_t *){RESULTS:#x};

static uint32_t semihosted(uint32_t operation, const void *block) {{
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = block;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}}

static void leave(uint32_t bytes) {{
  static const char name[] = "results.bin";
  const uint32_t opened[] = {{(uint32_t)name, 5, sizeof name - 1}};
  const uint32_t file = semihosted(1, opened);
  const uint32_t written[] = {{file, (uint32_t)results, bytes}};
  semihosted(5, written);
  semihosted(2, &file);
  semihosted(0x18, (const void *)0x20026);
  for (;;) {{
  }}
}}

static result_t *result_of(uint32_t sample) {{
  const uint32_t bytes = sizeof(result_t) + ((order->output_bytes + 3) & ~3u);
  return (result_t *)((uint32_t)results + sample * bytes);
}}

static uint32_t current;

/* A fault, or the timer that ends the budget: what is known goes behind the runs before. */
__attribute__((used)) static void failed(uint32_t *frame, uint32_t reason) {{
  result_t *r = result_of(current);
  const uint32_t known = (uint32_t)frame >= STACK_LOW && (uint32_t)frame < STACK_TOP - 32;
  r->reason = reason;
  r->status = WORD(0xE000ED28);
  r->address = r->status & 0x8000 ? WORD(0xE000ED38) : r->status & 0x80 ? WORD(0xE000ED34) : 0;
  r->place = known && !(r->status & 0x101010) ? frame[6] : 0;
  r->pointer = (uint32_t)frame;
  uint32_t *to = (uint32_t *)(r + 1);
  for (uint32_t *from = frame; known && from < (uint32_t *)STACK_TOP; from++) *to++ = *from;
  leave((uint32_t)to - (uint32_t)results);
}}

__attribute__((naked)) static void fault(void) {{
  __asm__ volatile("mrs r0, psp\\n movs r1, #1\\n b failed");
}}

__attribute__((naked)) static void ended(void) {{
  __asm__ volatile("mrs r0, psp\\n movs r1, #2\\n b failed");
}}

/* Calls `entry` on the model's own stack; the counter before and after goes to `ticks`. */
__attribute__((naked, noinline)) static void timed(uint32_t entry, uint32_t *ticks) {{
  __asm__ volatile(
      "push {{r4-r11, lr}}\\n"
      "movs r2, #2\\n msr control, r2\\n isb\\n"
      "mov r7, r1\\n"
      "ldr r4, =0x58101000\\n"
      "ldr r5, [r4, #4]\\n str r5, [r7, #4]\\n"
      "ldr r5, [r4]\\n"
      "blx r0\\n"
      "ldr r6, [r4]\\n"
      "str r5, [r7]\\n str r6, [r7, #8]\\n"
      "ldr r5, [r4, #4]\\n str r5, [r7, #12]\\n"
      "movs r2, #0\\n msr control, r2\\n isb\\n"
      "pop {{r4-r11, pc}}\\n"
      ".ltorg\\n");
}}

__attribute__((naked)) static void nothing(void) {{ __asm__ volatile("bx lr"); }}

static uint64_t measured(uint32_t entry) {{
  uint32_t ticks[4];
  timed(entry, ticks);
  return (((uint64_t)ticks[3] << 32) | ticks[2]) - (((uint64_t)ticks[1] << 32) | ticks[0]);
}}

static void timer(uint32_t enable, uint64_t from_now) {{
  WORD(TIMER + 0x2C) = 0;
  const uint64_t at = (((uint64_t)WORD(COUNTER + 4) << 32) | WORD(COUNTER)) + from_now;
  WORD(TIMER + 0x20) = (uint32_t)at;
  WORD(TIMER + 0x24) = (uint32_t)(at >> 32);
  WORD(TIMER + 0x2C) = enable;
}}

__attribute__((used)) static void start(void) {{
  WORD(0xE000ED88) |= 0xF << 20; /* coprocessors 10 and 11: MVE */
  WORD(0x58100000) = 1;
  WORD(0xE000E100) = 1 << 3;
  __asm__ volatile("dsb\\n isb\\n msr psplim, %0" : : "r"(STACK_LOW));
  const uint8_t *sample = (const uint8_t *)(order + 1);
  uint8_t *input = (uint8_t *)order->input;
  const uint64_t budget = ((uint64_t)order->budget_high << 32) | order->budget_low;
  __asm__ volatile("msr psp, %0" : : "r"(STACK_TOP));
  const uint64_t own = measured((uint32_t)nothing);
  for (uint32_t s = 0; s < order->samples; s++) {{
    current = s;
    for (uint32_t i = 0; i < order->input_bytes; i++) input[i] = *sample++;
    for (volatile uint32_t *p = (uint32_t *)STACK_LOW; p < (uint32_t *)STACK_TOP; p++) *p = FILL;
    __asm__ volatile("msr psp, %0" : : "r"(STACK_TOP));
    timer(1, budget);
    const uint64_t ticks = measured(order->entry | 1) - own;
    timer(0, 0);
    result_t *r = result_of(s);
    const volatile uint32_t *p = (uint32_t *)STACK_LOW;
    while (p < (uint32_t *)STACK_TOP && *p == FILL) p++;
    const uint32_t high = (uint32_t)(ticks >> 32), stack = STACK_TOP - (uint32_t)p;
    *r = (result_t){{0, (uint32_t)ticks, high, stack, 0, 0, 0, 0}};
    const uint8_t *output = (const uint8_t *)order->output;
    uint8_t *to = (uint8_t *)(r + 1);
    for (uint32_t i = 0; i < order->output_bytes; i++) to[i] = output[i];
  }}
  leave((uint32_t)result_of(order->samples) - (uint32_t)results);
}}

typedef void (*handler_t)(void);
__attribute__((section(".vectors"), used)) static const handler_t vectors[20] = {{
    (handler_t)0x31200000, start, fault, fault, fault, fault, fault, fault,
    [16] = fault, fault, fault, ended}};
"""
