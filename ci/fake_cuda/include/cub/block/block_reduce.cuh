// The part of CUB's block reduction that CuPy's reduction kernels use; from left to right.
#pragma once

namespace cub {

template <typename T, int N> struct BlockReduce {
    struct TempStorage {
        T values[N];
    };
    TempStorage& shared;

    explicit BlockReduce(TempStorage& storage) : shared(storage) {}

    template <typename Operation> T Reduce(T x, Operation join, int n = N) {
        shared.values[threadIdx.x] = x;
        __syncthreads();
        T result = shared.values[0];
        if (threadIdx.x == 0)
            for (int i = 1; i < n; ++i) result = join(result, shared.values[i]);
        __syncthreads();
        return result;
    }

    template <int K, typename Operation> T Reduce(T (&x)[K], Operation join) {
        T result = x[0];
        for (int i = 1; i < K; ++i) result = join(result, x[i]);
        return Reduce(result, join);
    }
};

}  // namespace cub
