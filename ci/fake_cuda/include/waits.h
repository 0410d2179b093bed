// What makes a thread wait: barriers, and values that the lanes of a warp exchange.
#pragma once

static inline void __syncthreads() { fake::wait_for(fake::AT_BLOCK); }
static inline void __syncwarp(unsigned = ~0u) { fake::wait_for(fake::AT_WARP); }

// The value of the thread with that number.
template <typename T> T fake_shuffle(T x, int from) {
    memcpy(&fake::lanes[fake::current], &x, sizeof x);
    fake::wait_for(fake::AT_WARP);
    memcpy(&x, &fake::lanes[from], sizeof x);
    fake::wait_for(fake::AT_WARP);
    return x;
}
template <typename T> T __shfl_xor_sync(unsigned, T x, int lanes, int = 32) {
    return fake_shuffle(x, fake::current ^ lanes);
}
template <typename T> T __shfl_down_sync(unsigned, T x, unsigned lanes, int = 32) {
    const int lane = fake::current % 32;
    return fake_shuffle(x, lane + lanes < 32 ? fake::current + lanes : fake::current);
}
template <typename T> T __shfl_up_sync(unsigned, T x, unsigned lanes, int = 32) {
    const int lane = fake::current % 32;
    return fake_shuffle(x, lane >= (int)lanes ? fake::current - lanes : fake::current);
}
template <typename T> T __shfl_sync(unsigned, T x, int lane, int = 32) {
    return fake_shuffle(x, fake::current - fake::current % 32 + lane % 32);
}
