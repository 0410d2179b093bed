// The part of CUB's block load that CuPy's reduction kernels use: K neighbouring items a thread.
#pragma once

namespace cub {

enum BlockLoadAlgorithm { BLOCK_LOAD_DIRECT };

template <typename T, int N, int K, BlockLoadAlgorithm A> struct BlockLoad {
    struct TempStorage {};

    explicit BlockLoad(TempStorage&) {}

    template <typename Items> void Load(Items items, T (&x)[K]) {
        for (int i = 0; i < K; ++i) x[i] = items[threadIdx.x * K + i];
    }
    template <typename Items> void Load(Items items, T (&x)[K], int n) {
        for (int i = 0; i < K; ++i)
            if ((int)threadIdx.x * K + i < n) x[i] = items[threadIdx.x * K + i];
    }
    template <typename Items, typename Otherwise>
    void Load(Items items, T (&x)[K], int n, Otherwise otherwise) {
        for (int i = 0; i < K; ++i) x[i] = T(otherwise);
        Load(items, x, n);
    }
};

}  // namespace cub
