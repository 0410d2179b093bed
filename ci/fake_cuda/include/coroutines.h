// The threads of a block as coroutines; included by kernel.h within its namespace. x86-64 only.
#pragma once

enum State { READY, AT_WARP, AT_BLOCK, DONE };
enum { THREADS = 1024, WARP = 32, STACK = 1 << 17 };

struct Thread {
    void* stack_pointer;
    State state;
};
static Thread threads[THREADS];
static char* stacks[THREADS];
static void* scheduler;
static int current;
static double lanes[THREADS];  // values that the lanes of a warp exchange

// Saves the registers that a function must keep, and goes on with the other stack.
extern "C" void fake_swap(void** from, void* to);
asm(R"(
.text
.local fake_swap
.type fake_swap, @function
fake_swap:
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
    ret
)");

static void wait_for(State what) {
    Thread& thread = threads[current];
    thread.state = what;
    fake_swap(&thread.stack_pointer, scheduler);
}

static void entry() {
    body(arguments);
    wait_for(DONE);
}

// Prepares a stack from which fake_swap returns into `entry`.
static void begin(int t) {
    enum { SAVED_REGISTERS = 6, ALIGNMENT = 16 };
    if (!stacks[t]) stacks[t] = (char*)malloc(STACK);
    void** top = (void**)((uintptr_t)(stacks[t] + STACK) & ~(uintptr_t)(ALIGNMENT - 1)) - 2;
    *top = (void*)entry;
    threads[t] = {top - SAVED_REGISTERS, READY};
}

// Lets threads go on that all wait for the same thing; whether there were any.
static bool release(int first, int last, State what) {
    bool any = false;
    for (int t = first; t < last; ++t) {
        if (threads[t].state != what && threads[t].state != DONE) return false;
        any |= threads[t].state == what;
    }
    for (int t = first; t < last; ++t)
        if (threads[t].state == what) threads[t].state = READY;
    return any;
}

static void run_block() {
    const int n = threads_of_block();
    for (int t = 0; t < n; ++t) begin(t);
    for (bool going = true; going;) {
        for (current = 0; current < n; ++current) {
            place(current);
            if (threads[current].state == READY)
                fake_swap(&scheduler, threads[current].stack_pointer);
        }
        going = release(0, n, AT_BLOCK);
        for (int t = 0; t < n; t += WARP) going |= release(t, t + WARP < n ? t + WARP : n, AT_WARP);
    }
    for (int t = 0; t < n; ++t)
        if (threads[t].state != DONE) {
            fputs("fake CUDA: threads wait for each other at different places\n", stderr);
            abort();
        }
}
