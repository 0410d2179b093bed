// Device memory and pinned host memory, which begin as NaN, and copies between them.
#include "fake.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

namespace fake {

static std::map<size_t, Allocation> allocations;  // by address
static size_t used[MAX_DEVICES];

// Bytes of a device: FAKE_CUDA_MEMORY, by default 64 GiB.
static size_t total() { return std::stoull(setting("FAKE_CUDA_MEMORY", "68719476736")); }

static cudaError_t allocate(void** address, size_t size, int type) {
    const bool there = type == cudaMemoryTypeDevice;
    if (there && used[device] + size > total()) return failed(cudaErrorMemoryAllocation);
    if (posix_memalign(address, 512, std::max<size_t>(size, 1)))
        return failed(cudaErrorMemoryAllocation);
    const size_t most = 1 << 26;  // more would take long; large memory is unwritten, all the same
    memset(*address, 0xff, std::min(size, most));
    allocations[(size_t)*address] = {(size_t)*address, size, device, type};
    if (there) used[device] += size;
    return cudaSuccess;
}

static cudaError_t release(void* address) {
    if (!address) return cudaSuccess;
    finish_all();  // cudaFree waits for the device
    auto found = allocations.find((size_t)address);
    if (found == allocations.end()) return failed(cudaErrorInvalidValue);
    if (found->second.type == cudaMemoryTypeDevice) used[found->second.device] -= found->second.size;
    allocations.erase(found);
    free(address);
    return cudaSuccess;
}

const Allocation* allocation_of(const void* address) {
    auto after = allocations.upper_bound((size_t)address);
    if (after == allocations.begin()) return nullptr;
    const Allocation& found = std::prev(after)->second;
    return (size_t)address < found.begin + std::max<size_t>(found.size, 1) ? &found : nullptr;
}

static int type_of(const void* address) {
    const Allocation* found = allocation_of(address);
    return found ? found->type : cudaMemoryTypeUnregistered;
}

bool on_device(const void* address) { return type_of(address) == cudaMemoryTypeDevice; }

static bool is_within(const void* address, size_t n) {
    const Allocation* found = allocation_of(address);
    if (!found || (size_t)address + n <= found->begin + found->size) return true;
    complain("a copy of %zu bytes past the end of its memory", n);
    return false;
}

static void count_copy(const void* to, const void* from, size_t n) {
    const bool within = on_device(to) && on_device(from);
    const int kind = within ? 2 : on_device(to) ? 0 : 1;
    static const Count copies[] = {COPIES_TO_DEVICE, COPIES_TO_HOST, COPIES_ON_DEVICE};
    static const Count bytes[] = {BYTES_TO_DEVICE, BYTES_TO_HOST, BYTES_ON_DEVICE};
    ++counts[copies[kind]];
    counts[bytes[kind]] += n;
}

// Memory that is not pinned is read at once, and waited for when it is written.
static cudaError_t copy(void* handle, void* to, const void* from, size_t n, bool waits) {
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    if (!is_within(to, n) || !is_within(from, n)) return failed(cudaErrorInvalidValue);
    const bool from_pageable = type_of(from) == cudaMemoryTypeUnregistered;
    const bool to_pageable = type_of(to) == cudaMemoryTypeUnregistered;
    if (from_pageable || to_pageable || waits) TRY(refused_by(stream));
    TRY(refused_by_default(stream));
    if (!stream->captured_by) count_copy(to, from, n);
    if (from_pageable) {
        auto read = std::make_shared<std::vector<char>>((char*)from, (char*)from + n);
        give(stream, [=] { memcpy(to, read->data(), n); });
    } else {
        give(stream, [=] { memmove(to, from, n); });
    }
    if (waits || to_pageable) finish(stream);
    return cudaSuccess;
}

}  // namespace fake

using namespace fake;

API cudaError_t cudaMalloc(void** address, size_t size) {
    LOCK;
    ++counts[ALLOCATIONS];
    TRY(refused_by_any(false));
    return allocate(address, size, cudaMemoryTypeDevice);
}

API cudaError_t cudaHostAlloc(void** address, size_t size, unsigned) {
    LOCK;
    ++counts[ALLOCATIONS];
    TRY(refused_by_any(false));
    return allocate(address, size, cudaMemoryTypeHost);
}

API cudaError_t cudaFree(void* address) {
    LOCK;
    return release(address);
}

API cudaError_t cudaFreeHost(void* address) { return cudaFree(address); }

API cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* all) {
    LOCK;
    ++counts[MEMORY_QUERIES];
    *all = total();
    *free_bytes = *all - std::min(*all, used[device]);
    return cudaSuccess;
}

API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* address) {
    LOCK;
    memset(found, 0, sizeof *found);
    found->type = cudaMemoryTypeUnregistered;
    found->device = -2;
    if (const Allocation* there = allocation_of(address)) {
        found->type = (cudaMemoryType)there->type;
        found->device = there->device;
        found->devicePointer = (void*)address;
        if (there->type == cudaMemoryTypeHost) found->hostPointer = (void*)address;
    }
    return cudaSuccess;
}

// --- copies

API cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind) {
    LOCK;
    TRY(refused_by_any(false));
    return copy(nullptr, to, from, n, true);
}

API cudaError_t cudaMemcpyAsync(
    void* to, const void* from, size_t n, cudaMemcpyKind, cudaStream_t stream
) {
    LOCK;
    return copy(stream, to, from, n, false);
}

API cudaError_t cudaMemcpyPeer(void* to, int, const void* from, int, size_t n) {
    LOCK;
    return copy(nullptr, to, from, n, true);
}

API cudaError_t cudaMemcpyPeerAsync(
    void* to, int, const void* from, int, size_t n, cudaStream_t stream
) {
    LOCK;
    return copy(stream, to, from, n, false);
}

API cudaError_t cudaMemsetAsync(void* address, int byte, size_t n, cudaStream_t handle) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    if (!is_within(address, n)) return failed(cudaErrorInvalidValue);
    TRY(refused_by_default(stream));
    ++counts[FILLS];
    give(stream, [=] { memset(address, byte, n); });
    return cudaSuccess;
}

API cudaError_t cudaMemset(void* address, int byte, size_t n) {
    return cudaMemsetAsync(address, byte, n, nullptr);
}
