// CUDA's names for a host compiler, so that tests can run xpnet's kernels on the CPU.
//
// Blocks run one after another. The threads of a block are coroutines in one thread: each runs
// until it waits for its warp or its block. Waits that can never end abort with a message. Not
// imitated: concurrent blocks, hence neither races nor a missing __threadfence; diverging lanes of
// a warp; limits of registers, shared memory and grids; the rounding of CUDA's functions (the
// host's are used).
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct Index { unsigned x, y; };
static Index threadIdx, blockIdx;

enum { LANES = 32, WARPS = 8, THREADS = LANES * WARPS, STACK = 1 << 16 };
enum State { READY, AT_WARP, AT_BLOCK, DONE };
static State states[THREADS];
static ucontext_t scheduler, contexts[THREADS];
static char* stacks[THREADS];
static double lanes[THREADS];  // values that the lanes of a warp exchange
static int current;
static bool backwards;  // blocks in the reverse order
static void (*body)(void*);
static void* arguments;

static void wait_for(State what) {
    states[current] = what;
    swapcontext(&contexts[current], &scheduler);
}
static void __syncthreads() { wait_for(AT_BLOCK); }
static void __threadfence() {}
static int atomicAdd(int* place, int value) { return (*place += value) - value; }
static double __longlong_as_double(long long bits) {
    double x;
    std::memcpy(&x, &bits, 8);
    return x;
}
template <typename T> T __shfl_xor_sync(unsigned, T x, int d) {
    const int me = current;
    std::memcpy(&lanes[me], &x, sizeof x);
    wait_for(AT_WARP);
    std::memcpy(&x, &lanes[me ^ d], sizeof x);
    wait_for(AT_WARP);
    return x;
}

// Shared memory is unwritten when a block begins: every float is NaN (cuda_cases.py registers it).
struct Memory { void* at; std::size_t bytes; };
static std::vector<Memory> shared_memory;
static void forget(const Memory& m) { std::memset(m.at, 0xff, m.bytes); }
static bool forget_in_each_block(void* at, std::size_t bytes) {
    shared_memory.push_back({at, bytes});
    forget(shared_memory.back());
    return true;
}

static void thread() {
    body(arguments);
    states[current] = DONE;
}

static bool release(int first, int n, State what) {
    bool some = false;
    for (int t = first; t < first + n; ++t) {
        if (states[t] != what && states[t] != DONE) return false;
        some |= states[t] == what;
    }
    for (int t = first; t < first + n; ++t)
        if (states[t] == what) states[t] = READY;
    return some;
}

static void run_block() {
    for (const Memory& m : shared_memory) forget(m);
    for (int t = 0; t < THREADS; ++t) {
        if (!stacks[t]) stacks[t] = (char*)std::malloc(STACK);
        getcontext(&contexts[t]);
        contexts[t].uc_stack.ss_sp = stacks[t];
        contexts[t].uc_stack.ss_size = STACK;
        contexts[t].uc_link = &scheduler;
        makecontext(&contexts[t], thread, 0);
        states[t] = READY;
    }
    for (bool going = true; going;) {
        for (current = 0; current < THREADS; ++current) {
            threadIdx = {unsigned(current % LANES), unsigned(current / LANES)};
            if (states[current] == READY) swapcontext(&scheduler, &contexts[current]);
        }
        going = release(0, THREADS, AT_BLOCK);
        for (int t = 0; t < THREADS; t += LANES) going |= release(t, LANES, AT_WARP);
    }
    for (int t = 0; t < THREADS; ++t)
        if (states[t] != DONE) {
            std::fputs("threads wait for each other at different places\n", stderr);
            std::abort();
        }
}

template <typename... A, std::size_t... I>
void call(void (*kernel)(A...), void** p, std::index_sequence<I...>) { kernel((A)p[I]...); }

template <typename... A> void launch(void (*kernel)(A...), unsigned x, unsigned y, void** p) {
    static void (*the_kernel)(A...);
    the_kernel = kernel;
    arguments = p;
    body = [](void* q) { call(the_kernel, (void**)q, std::index_sequence_for<A...>()); };
    for (unsigned k = 0; k < x * y; ++k) {
        const unsigned block = backwards ? x * y - 1 - k : k;
        blockIdx = {block % x, block / x};
        run_block();
    }
}

extern "C" void run_backwards(int yes) { backwards = yes; }

// The kernel as a function of its grid and of pointers to its arrays.
#define LAUNCHER(name) \
    extern "C" void launch_##name(unsigned x, unsigned y, void** p) { launch(name, x, y, p); }
