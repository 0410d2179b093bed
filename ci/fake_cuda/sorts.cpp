// The functions by which CuPy calls Thrust and CUB, in place of its own, which are compiled for a
// GPU: sorts, reductions and cumulative sums. Only those that xpnet needs.
#include "fake.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#define EXPORT __attribute__((visibility("default")))

namespace fake {

// Calls f with a null pointer of CuPy's numbered type.
template <typename F> static void with_type(int type, F f) {
    switch (type) {
        case 0: return f((signed char*)0);
        case 1: case 13: return f((unsigned char*)0);
        case 4: return f((int*)0);
        case 5: return f((unsigned*)0);
        case 6: return f((long*)0);
        case 7: return f((unsigned long*)0);
        case 9: return f((float*)0);
        case 10: return f((double*)0);
    }
    complain("CuPy's type %d is not known", type);
    abort();
}

template <typename T> static bool comes_first(T a, T b) { return a < b || (b != b && a == a); }

// Sorts the last axis, with NaN last; places may be null.
template <typename T>
static void sort_rows(size_t* places, T* data, const std::vector<ptrdiff_t>& shape) {
    const size_t n = shape.back();
    size_t size = 1;
    for (ptrdiff_t length : shape) size *= length;
    std::vector<size_t> order(n);
    std::vector<T> row(n);
    for (size_t begin = 0; begin < size; begin += n) {
        T* x = data + begin;
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [x](size_t i, size_t j) { return comes_first(x[i], x[j]); });
        for (size_t i = 0; i < n; ++i) row[i] = x[order[i]];
        std::copy(row.begin(), row.end(), x);
        if (places) std::copy(order.begin(), order.end(), places + begin);
    }
}

enum { SUM, MIN, MAX, ARGMIN, ARGMAX, CUMSUM, CUMPROD, PROD };  // cupy_cub.h

template <typename T> static T joined(int operation, T a, T b) {
    switch (operation) {
        case SUM: case CUMSUM: return a + b;
        case PROD: case CUMPROD: return a * b;
        case MIN: return a != a || a < b ? a : b;
        default: return a != a || a > b ? a : b;
    }
}

template <typename T> static void find_place(const T* x, void* out, long n, bool largest) {
    struct { int place; T value; } best{0, x[0]};
    for (long i = 1; i < n; ++i)
        if (largest ? x[i] > best.value : x[i] < best.value) best = {(int)i, x[i]};
    memcpy(out, &best, sizeof best);
}

// Joins halves, so that a long sum loses as few bits as CUB's.
template <typename T> static T joined_all(int operation, const T* x, long n) {
    enum { FEW = 64 };
    if (n > FEW)
        return joined(operation, joined_all(operation, x, n / 2),
                      joined_all(operation, x + n / 2, n - n / 2));
    T result = x[0];
    for (long i = 1; i < n; ++i) result = joined(operation, result, x[i]);
    return result;
}

template <typename T> static void reduce(const T* x, void* out, long n, int operation) {
    if (operation == ARGMIN || operation == ARGMAX)
        return find_place(x, out, n, operation == ARGMAX);
    const T result = n ? joined_all(operation, x, n) : T(operation == PROD);
    memcpy(out, &result, sizeof result);
}

template <typename T> static void scan(const T* x, T* out, long n, int operation) {
    for (long i = 0; i < n; ++i) out[i] = i ? joined(operation, out[i - 1], x[i]) : x[i];
}

static void start(void* handle, std::function<void()> act) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (stream && !refused_by_default(stream)) give(stream, std::move(act));
}

}  // namespace fake

using namespace fake;

EXPORT void thrust_sort(
    int type, void* data, size_t*, const std::vector<ptrdiff_t>& shape, intptr_t stream, void*
) {
    start((void*)stream, [=] {
        with_type(type, [=](auto* t) { sort_rows(nullptr, (decltype(t))data, shape); });
    });
}

EXPORT void thrust_argsort(
    int type, size_t* places, void* data, void*, const std::vector<ptrdiff_t>& shape,
    intptr_t stream, void*
) {
    start((void*)stream, [=] {
        with_type(type, [=](auto* t) { sort_rows(places, (decltype(t))data, shape); });
    });
}

EXPORT size_t cub_device_reduce_get_workspace_size(void*, void*, int, cudaStream_t, int, int) {
    return 1;
}
EXPORT size_t cub_device_segmented_reduce_get_workspace_size(
    void*, void*, int, int, cudaStream_t, int, int
) {
    return 1;
}
EXPORT size_t cub_device_scan_get_workspace_size(void*, void*, int, cudaStream_t, int, int) {
    return 1;
}

EXPORT void cub_device_segmented_reduce(
    void*, size_t&, void* x, void* out, int n, int size, cudaStream_t stream, int operation, int type
) {
    start(stream, [=] {
        with_type(type, [=](auto* t) {
            for (int i = 0; i < n; ++i)
                reduce((decltype(t))x + (size_t)i * size, (decltype(t))out + i, size, operation);
        });
    });
}

EXPORT void cub_device_reduce(
    void* work, size_t& size, void* x, void* out, int n, cudaStream_t stream, int operation, int type
) {
    cub_device_segmented_reduce(work, size, x, out, 1, n, stream, operation, type);
}

EXPORT void cub_device_scan(
    void*, size_t&, void* x, void* out, int n, cudaStream_t stream, int operation, int type
) {
    start(stream, [=] {
        with_type(type, [=](auto* t) { scan((decltype(t))x, (decltype(t))out, n, operation); });
    });
}
