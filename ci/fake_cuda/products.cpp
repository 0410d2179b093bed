// cuBLAS: products C ← alpha op(A) op(B) + beta C of matrices stored by columns.
//
// Factors are rounded as the compute type says: to 11 bits (TF32, float16) or 8 (bfloat16). The
// order of a sum is that of four partial sums, the same for every size; cuBLAS has many orders.
#include "fake.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fake {

enum { INVALID_VALUE = 7, NOT_SUPPORTED = 15 };            // cublasStatus_t
enum { REAL_FLOAT = 0, REAL_DOUBLE = 1 };                  // cudaDataType
enum { F32 = 68, F64 = 70, F16 = 74, BF16 = 75, TF32 = 77 };  // cublasComputeType_t

struct Handle {
    void* stream = nullptr;
    void* workspace = nullptr;
    int math_mode = 0, pointer_mode = 0;
};

template <typename T> struct Matrix {
    T* at;
    int ld;
    long long stride;
    bool transposed;

    T operator()(int i, int j) const {
        return transposed ? at[j + (size_t)i * ld] : at[i + (size_t)j * ld];
    }
    Matrix of(int r) const { return {at + r * stride, ld, stride, transposed}; }
};

static float rounded(float x, int compute) {
    if (compute == F32 || !std::isfinite(x)) return x;
    const int bits = compute == BF16 ? 8 : 11;
    int exponent;
    const float fraction = std::frexp(x, &exponent) * (1 << bits);
    x = std::ldexp(std::nearbyint(fraction) / (1 << bits), exponent);
    if (compute != F16) return x;
    if (std::fabs(x) > 65504) return std::copysign(INFINITY, x);
    return std::fabs(x) < 6.1e-5f ? std::nearbyint(x * 16777216.f) / 16777216.f : x;
}
static double rounded(double x, int) { return x; }

// The rows of op(X), one after the other, rounded.
template <typename T>
static std::vector<T> packed(const Matrix<T>& x, int rows, int columns, int compute) {
    std::vector<T> found((size_t)rows * columns);
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
            found[(size_t)i * columns + j] = rounded(x(i, j), compute);
    return found;
}

template <typename T> static T dot(const T* x, const T* y, int k) {
    T sums[4] = {};
    int l = 0;
    for (; l + 3 < k; l += 4)  // four at a time, which the compiler vectorises
        for (int p = 0; p < 4; ++p) sums[p] += x[l + p] * y[l + p];
    for (; l < k; ++l) sums[0] += x[l] * y[l];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <typename T> struct Product {
    int m, n, k, compute;
    T alpha, beta;
    Matrix<T> a, b, c;

    void compute_for(int r) const {
        const Matrix<T> out = c.of(r), columns_of_b{b.at, b.ld, b.stride, !b.transposed};
        const auto left = packed(a.of(r), m, k, compute);
        const auto right = packed(columns_of_b.of(r), n, k, compute);
        for (int j = 0; j < n; ++j)
            for (int i = 0; i < m; ++i) {
                T& entry = out.at[i + (size_t)j * out.ld];
                const T sum = dot(&left[(size_t)i * k], &right[(size_t)j * k], k);
                entry = beta == 0 ? alpha * sum : alpha * sum + beta * entry;
            }
    }

    bool is_valid() const {
        return m >= 0 && n >= 0 && k >= 0 && a.ld >= std::max(1, a.transposed ? k : m) &&
               b.ld >= std::max(1, b.transposed ? n : k) && c.ld >= std::max(1, m);
    }
};

template <typename T> static int start(Handle* handle, const Product<T>& product, int batch) {
    LOCK;
    if (!product.is_valid()) return INVALID_VALUE;
    for (const T* x : {product.a.at, product.b.at, product.c.at})
        if (!on_device(x)) {
            complain("a product of memory that is not on a device");
            return INVALID_VALUE;
        }
    StreamPtr stream = stream_of(handle->stream);
    if (!stream || refused_by_default(stream)) return INVALID_VALUE;
    if (!stream->captured_by) ++counts[PRODUCTS];
    give(stream, [=] {
        for (int r = 0; r < batch; ++r) product.compute_for(r);
    });
    return 0;
}

// Each network's factors lie where a table in device memory says, when the work is done.
template <typename T>
static int start_of_tables(
    Handle* handle, const Product<T>& like, T* const* a, T* const* b, T* const* c, int batch
) {
    LOCK;
    StreamPtr stream = stream_of(handle->stream);
    if (!stream || refused_by_default(stream)) return INVALID_VALUE;
    if (!stream->captured_by) ++counts[PRODUCTS];
    give(stream, [=] {
        for (int r = 0; r < batch; ++r) {
            Product<T> product = like;
            product.a.at = a[r], product.b.at = b[r], product.c.at = c[r];
            product.compute_for(0);
        }
    });
    return 0;
}

}  // namespace fake

using namespace fake;

// --- handles

API int cublasCreate_v2(Handle** made) { return *made = new Handle, 0; }
API int cublasDestroy_v2(Handle* handle) { return delete handle, 0; }

API int cublasSetStream_v2(Handle* handle, void* stream) {
    handle->stream = stream;
    handle->workspace = nullptr;  // as cuBLAS does
    return 0;
}

API int cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t) {
    LOCK;
    if (!on_device(workspace) || (size_t)workspace % 256) return INVALID_VALUE;
    handle->workspace = workspace;
    return 0;
}

API int cublasGetStream_v2(Handle* handle, void** found) { return *found = handle->stream, 0; }
API int cublasGetVersion_v2(Handle*, int* found) { return *found = 130000, 0; }
API int cublasSetMathMode(Handle* handle, int mode) { return handle->math_mode = mode, 0; }
API int cublasGetMathMode(Handle* handle, int* mode) { return *mode = handle->math_mode, 0; }
API int cublasSetPointerMode_v2(Handle* handle, int mode) { return handle->pointer_mode = mode, 0; }
API int cublasGetPointerMode_v2(Handle* handle, int* mode) {
    return *mode = handle->pointer_mode, 0;
}

// --- products

API int cublasGemmStridedBatchedEx(
    Handle* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
    int type_a, int lda, long long sa, const void* b, int type_b, int ldb, long long sb,
    const void* beta, void* c, int type_c, int ldc, long long sc, int batch, int compute, int
) {
    const bool same = type_a == type_b && type_a == type_c;
    const bool is_float = compute == F32 || compute == TF32 || compute == BF16 || compute == F16;
    if (same && type_a == REAL_FLOAT && is_float) {
        const Product<float> product{
            m, n, k, compute, *(float*)alpha, *(float*)beta, {(float*)a, lda, sa, ta != 0},
            {(float*)b, ldb, sb, tb != 0}, {(float*)c, ldc, sc, false}};
        return start(handle, product, batch);
    }
    if (same && type_a == REAL_DOUBLE && compute == F64) {
        const Product<double> product{
            m, n, k, compute, *(double*)alpha, *(double*)beta, {(double*)a, lda, sa, ta != 0},
            {(double*)b, ldb, sb, tb != 0}, {(double*)c, ldc, sc, false}};
        return start(handle, product, batch);
    }
    complain("a product of types %d %d %d, compute type %d", type_a, type_b, type_c, compute);
    return NOT_SUPPORTED;
}

API int cublasGemmEx(
    Handle* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
    int type_a, int lda, const void* b, int type_b, int ldb, const void* beta, void* c, int type_c,
    int ldc, int compute, int algorithm
) {
    return cublasGemmStridedBatchedEx(
        handle, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc,
        0, 1, compute, algorithm);
}

API int cublasSgemmBatched(
    Handle* handle, int ta, int tb, int m, int n, int k, const float* alpha, float* const* a,
    int lda, float* const* b, int ldb, const float* beta, float* const* c, int ldc, int batch
) {
    const Product<float> like{m, n, k, F32, *alpha, *beta, {nullptr, lda, 0, ta != 0},
                              {nullptr, ldb, 0, tb != 0}, {nullptr, ldc, 0, false}};
    return start_of_tables(handle, like, a, b, c, batch);
}

API int cublasDgemmBatched(
    Handle* handle, int ta, int tb, int m, int n, int k, const double* alpha, double* const* a,
    int lda, double* const* b, int ldb, const double* beta, double* const* c, int ldc, int batch
) {
    const Product<double> like{m, n, k, F64, *alpha, *beta, {nullptr, lda, 0, ta != 0},
                               {nullptr, ldb, 0, tb != 0}, {nullptr, ldc, 0, false}};
    return start_of_tables(handle, like, a, b, c, batch);
}
