// Devices, versions, errors, contexts, counts. FAKE_CUDA_DEVICES is the number of devices (1).
#include "fake.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace fake {

std::recursive_mutex mutex;
thread_local int device = 0;
long counts[N_COUNTS];
static thread_local cudaError_t last_error = cudaSuccess;

static const char* const COUNT_NAMES[N_COUNTS] = {
    "launches", "products", "graph launches", "graph nodes", "synchronisations",
    "event synchronisations", "events recorded", "events awaited", "copies to device",
    "copies to host", "copies on device", "bytes to device", "bytes to host", "bytes on device",
    "fills", "allocations", "memory queries", "compilations"
};

std::string setting(const char* name, const char* otherwise) {
    const char* found = getenv(name);
    return found && *found ? found : otherwise;
}

void complain(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("fake CUDA: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

cudaError_t failed(cudaError_t error) { return last_error = error; }

static int n_devices() {
    return std::min<int>(MAX_DEVICES, std::stoi(setting("FAKE_CUDA_DEVICES", "1")));
}

// FAKE_CUDA_DRIVER is the driver's version: 13000 is CUDA 13.0.
static int version() { return std::stoi(setting("FAKE_CUDA_DRIVER", "13000")); }

static const std::map<int, const char*> ERRORS = {
    {1, "cudaErrorInvalidValue"}, {2, "cudaErrorMemoryAllocation"}, {100, "cudaErrorNoDevice"},
    {101, "cudaErrorInvalidDevice"}, {400, "cudaErrorInvalidResourceHandle"},
    {401, "cudaErrorIllegalState"}, {600, "cudaErrorNotReady"},
    {801, "cudaErrorNotSupported"}, {900, "cudaErrorStreamCaptureUnsupported"},
    {901, "cudaErrorStreamCaptureInvalidated"}, {905, "cudaErrorStreamCaptureIsolation"},
    {906, "cudaErrorStreamCaptureImplicit"}, {907, "cudaErrorCapturedEvent"}
};

}  // namespace fake

using namespace fake;

// --- counts, for tests and the benchmark

API long fake_cuda_count(const char* name) {
    for (int k = 0; k < N_COUNTS; ++k)
        if (!strcmp(COUNT_NAMES[k], name)) return counts[k];
    return -1;
}

API const char* fake_cuda_count_name(int k) { return k < N_COUNTS ? COUNT_NAMES[k] : nullptr; }

// --- the runtime's functions

API cudaError_t cudaRuntimeGetVersion(int* found) {
    *found = 13000;
    return cudaSuccess;
}

API cudaError_t cudaDriverGetVersion(int* found) {
    *found = version();
    return cudaSuccess;
}

API const char* cudaGetErrorName(cudaError_t error) {
    auto found = ERRORS.find(error);
    return found == ERRORS.end() ? "cudaErrorUnknown" : found->second;
}

API const char* cudaGetErrorString(cudaError_t error) {
    static thread_local char words[64];
    snprintf(words, sizeof words, "error %d of the fake CUDA", (int)error);
    return words;
}

API cudaError_t cudaGetLastError() {
    const cudaError_t found = last_error;
    last_error = cudaSuccess;
    return found;
}

API cudaError_t cudaPeekAtLastError() { return last_error; }

API cudaError_t cudaGetDeviceCount(int* n) {
    *n = n_devices();
    return *n ? cudaSuccess : failed(cudaErrorNoDevice);
}

API cudaError_t cudaGetDevice(int* current) {
    *current = device;
    return cudaSuccess;
}

API cudaError_t cudaSetDevice(int number) {
    if (number < 0 || number >= n_devices()) return failed(cudaErrorInvalidDevice);
    device = number;
    return cudaSuccess;
}

API cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    static const std::map<int, int> like_an_h100 = {
        {cudaDevAttrComputeCapabilityMajor, 9}, {cudaDevAttrComputeCapabilityMinor, 0},
        {cudaDevAttrMultiProcessorCount, 132}, {cudaDevAttrMaxThreadsPerBlock, 1024},
        {cudaDevAttrWarpSize, 32}, {cudaDevAttrMemoryPoolsSupported, 1}
    };
    auto found = like_an_h100.find(attribute);
    *value = found == like_an_h100.end() ? 0 : found->second;
    return cudaSuccess;
}

API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* found, int) {
    memset(found, 0, sizeof *found);
    strcpy(found->name, "fake CUDA");
    found->major = 9;
    found->warpSize = 32;
    found->multiProcessorCount = 132;
    found->maxThreadsPerBlock = 1024;
    size_t unused;
    return cudaMemGetInfo(&unused, &found->totalGlobalMem);
}

API cudaError_t cudaDeviceGetPCIBusId(char* name, int length, int number) {
    snprintf(name, length, "0000:%02d:00.0", number);
    return cudaSuccess;
}

API cudaError_t cudaDeviceCanAccessPeer(int* yes, int, int) {
    *yes = 1;
    return cudaSuccess;
}

API cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }
API cudaError_t cudaProfilerStart() { return cudaSuccess; }
API cudaError_t cudaProfilerStop() { return cudaSuccess; }

// --- the driver's

static CUcontext context_of(int number) { return (CUcontext)(uintptr_t)(number + 16); }

API CUresult cuInit(unsigned) { return CUDA_SUCCESS; }

API CUresult cuDriverGetVersion(int* found) {
    *found = version();
    return CUDA_SUCCESS;
}

API CUresult cuGetErrorName(CUresult error, const char** name) {
    *name = cudaGetErrorName((cudaError_t)error);
    return CUDA_SUCCESS;
}

API CUresult cuGetErrorString(CUresult error, const char** words) {
    *words = cudaGetErrorString((cudaError_t)error);
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetCurrent(CUcontext* found) {
    *found = context_of(device);
    return CUDA_SUCCESS;
}

API CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }

API CUresult cuCtxGetDevice(CUdevice* found) {
    *found = device;
    return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }

API CUresult cuStreamGetCtx(CUstream, CUcontext* found) {
    *found = context_of(device);
    return CUDA_SUCCESS;
}
