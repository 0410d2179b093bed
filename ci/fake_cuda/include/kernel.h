// CUDA C++ for a host compiler: the words of the language, and the run of a kernel over its grid.
//
// Blocks run one after another. If threads wait for each other (waiting.h), those of a block are
// coroutines, each of which runs until it waits for its warp or its block; else (looping.h) they are
// the passes of a loop. Threads that wait at different places end the process with a message.
#pragma once
#include <cuda_fp16.h>
#include <driver_types.h>
#include <vector_functions.h>
#include <vector_types.h>

#include <cassert>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <utility>

#undef __shared__
#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#define __shared__ static
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

#include "functions.h"

namespace fake {

typedef void Body(void** arguments);
static Body* body;
static void** arguments;

static void place(int thread) {
    threadIdx.x = thread % blockDim.x;
    threadIdx.y = thread / blockDim.x % blockDim.y;
    threadIdx.z = thread / (blockDim.x * blockDim.y);
}

static int threads_of_block() { return blockDim.x * blockDim.y * blockDim.z; }

#ifdef FAKE_WAITING
#include "coroutines.h"
#else
static void run_block() {
    for (int t = 0; t < threads_of_block(); ++t) {
        place(t);
        body(arguments);
    }
}
#endif

static void run_grid(const unsigned* grid, const unsigned* block) {
    blockDim = dim3(block[0], block[1], block[2]);
    gridDim = dim3(grid[0], grid[1], grid[2]);
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = make_uint3(x, y, z);
                run_block();
            }
}

template <typename T> using Plain = std::remove_cv_t<std::remove_reference_t<T>>;

template <typename... A, size_t... I>
void call(void (*kernel)(A...), void** p, std::index_sequence<I...>) {
    kernel(*(Plain<A>*)p[I]...);
}

template <typename... A>
void launch(void (*kernel)(A...), const unsigned* grid, const unsigned* block, void** given) {
    static void (*the_kernel)(A...);
    the_kernel = kernel;
    arguments = given;
    body = [](void** p) { call(the_kernel, p, std::index_sequence_for<A...>()); };
    run_grid(grid, block);
}

template <typename... A> int sizes(void (*)(A...), int* out) {
    const int all[] = {(int)sizeof(A)..., 0};
    memcpy(out, all, sizeof(int) * sizeof...(A));
    return sizeof...(A);
}

}  // namespace fake

#define FAKE_LAUNCHER(name, ...)                                                           \
    extern "C" void fake_launch_##name(const unsigned* grid, const unsigned* block, void** p) { \
        fake::launch(__VA_ARGS__, grid, block, p);                                         \
    }                                                                                      \
    extern "C" int fake_sizes_##name(int* out) { return fake::sizes(__VA_ARGS__, out); }

#ifdef FAKE_WAITING
#include "waits.h"
#else
static inline void __syncthreads() {}
#endif
