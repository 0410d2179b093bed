// Modules and launches of kernels. A module is a library that compiler.cpp had g++ build.
#include "fake.h"

#include <dlfcn.h>

#include <cstring>

namespace fake {

// A kernel: its launcher, and the sizes of its arguments (include/kernel.h).
struct Kernel {
    void (*launch)(const unsigned* grid, const unsigned* block, void** arguments);
    int n_arguments;
    int sizes[256];
    std::string name;
};

static void* symbol(CUmodule module, const char* before, const char* name) {
    return dlsym((void*)module, (std::string(before) + name).c_str());
}

static bool is_allowed(const unsigned* grid, const unsigned* block) {
    if (!(grid[0] && grid[1] && grid[2] && block[0] && block[1] && block[2])) return false;
    return grid[0] <= 2147483647u && grid[1] <= 65535 && grid[2] <= 65535 &&
           block[0] * block[1] * block[2] <= 1024 && block[2] <= 64;
}

// Copies of a launch's arguments, for work that is done later.
class Arguments {
  public:
    Arguments(const Kernel& kernel, void** given) {
        for (int k = 0; k < kernel.n_arguments; ++k) {
            values_.emplace_back(kernel.sizes[k] / sizeof(double) + 2);  // aligned
            memcpy(values_.back().data(), given[k], kernel.sizes[k]);
        }
    }

    std::vector<void*> pointers() {
        std::vector<void*> found;
        for (auto& value : values_) found.push_back(value.data());
        return found;
    }

  private:
    std::vector<std::vector<double>> values_;
};

struct Launch {
    const Kernel* kernel;
    unsigned grid[3], block[3];
    std::shared_ptr<Arguments> arguments;

    void operator()() const { kernel->launch(grid, block, arguments->pointers().data()); }
};

}  // namespace fake

using namespace fake;

API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    std::string path = (const char*)image;  // what nvrtcGetCUBIN gave out
    if (path.rfind("FAKE:", 0)) return CUDA_ERROR_INVALID_IMAGE;
    path = path.substr(5, path.find('\n') - 5);
    *module = (CUmodule)dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (*module) return CUDA_SUCCESS;
    complain("%s", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
}

API CUresult cuModuleLoad(CUmodule*, const char*) { return CUDA_ERROR_NOT_SUPPORTED; }
API CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }  // work may still need it

API CUresult cuModuleGetFunction(CUfunction* found, CUmodule module, const char* name) {
    auto kernel = new Kernel;
    kernel->name = name;
    *(void**)&kernel->launch = symbol(module, "fake_launch_", name);
    if (!kernel->launch) return CUDA_ERROR_NOT_FOUND;
    int (*sizes)(int*);
    *(void**)&sizes = symbol(module, "fake_sizes_", name);
    kernel->n_arguments = sizes(kernel->sizes);
    *found = (CUfunction)kernel;
    return CUDA_SUCCESS;
}

API CUresult cuModuleGetGlobal_v2(CUdeviceptr* at, size_t* size, CUmodule module, const char* name) {
    *at = (CUdeviceptr)symbol(module, "", name);
    if (size) *size = 0;
    return *at ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

API CUresult cuLaunchKernel(
    CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
    unsigned bz, unsigned, CUstream handle, void** arguments, void**
) {
    LOCK;
    const Kernel* kernel = (Kernel*)function;
    StreamPtr stream = stream_of(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->device != device) return CUDA_ERROR_INVALID_CONTEXT;
    Launch launch{kernel, {gx, gy, gz}, {bx, by, bz}, nullptr};
    if (!is_allowed(launch.grid, launch.block)) {
        complain("%s: a grid of %u %u %u, blocks of %u %u %u", kernel->name.c_str(), gx, gy, gz,
                 bx, by, bz);
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (refused_by_default(stream)) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    if (!stream->captured_by) ++counts[LAUNCHES];
    if (works_at_once() && !stream->captured_by) {
        kernel->launch(launch.grid, launch.block, arguments);
        return CUDA_SUCCESS;
    }
    launch.arguments = std::make_shared<Arguments>(*kernel, arguments);
    give(stream, launch);
    return CUDA_SUCCESS;
}

// --- what CuPy asks about a kernel

API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute, CUfunction) {
    *value = 0;
    return CUDA_SUCCESS;
}

API CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }

API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, CUfunction, int, size_t) {
    *n = 2;
    return CUDA_SUCCESS;
}

API CUresult cuOccupancyMaxPotentialBlockSize(
    int* grid, int* block, CUfunction, CUoccupancyB2DSize, size_t, int
) {
    *grid = 132;
    *block = 512;
    return CUDA_SUCCESS;
}
