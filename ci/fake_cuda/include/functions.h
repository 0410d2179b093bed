// Functions that CUDA's headers give to device code only.
#pragma once

using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;

template <typename A, typename B> std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    return (T)b < (T)a ? (T)b : (T)a;
}
template <typename A, typename B> std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    return (T)a < (T)b ? (T)b : (T)a;
}

template <typename To, typename From> To fake_bits(From x) {
    static_assert(sizeof(To) == sizeof(From), "");
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}
static inline double __longlong_as_double(long long x) { return fake_bits<double>(x); }
static inline long long __double_as_longlong(double x) { return fake_bits<long long>(x); }
static inline float __int_as_float(int x) { return fake_bits<float>(x); }
static inline int __float_as_int(float x) { return fake_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return fake_bits<float>(x); }
static inline unsigned __float_as_uint(float x) { return fake_bits<unsigned>(x); }

static inline double rsqrt(double x) { return 1 / std::sqrt(x); }
static inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
template <typename T> T __ldg(const T* p) { return *p; }

// --- atomic operations: one thread works at a time

static inline void __threadfence() {}
template <typename T, typename U> T atomicExch(T* p, U x) {
    const T old = *p;
    *p = x;
    return old;
}
template <typename T, typename U> T atomicAdd(T* p, U x) { return atomicExch(p, (T)(*p + (T)x)); }
template <typename T, typename U> T atomicMax(T* p, U x) { return atomicExch(p, max(*p, (T)x)); }
template <typename T, typename U> T atomicMin(T* p, U x) { return atomicExch(p, min(*p, (T)x)); }
template <typename T> T atomicCAS(T* p, T expected, T x) {
    return atomicExch(p, *p == expected ? x : *p);
}
