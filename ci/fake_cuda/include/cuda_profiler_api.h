// NVIDIA has this header in a package of its own; CuPy's runtime module needs two names of it.
#pragma once
#include <cuda_runtime_api.h>
extern "C" cudaError_t cudaProfilerStart(void);
extern "C" cudaError_t cudaProfilerStop(void);
