// What CuPy's generated kernels include; compiled once, as part of the two headers that use it.
#include <cupy/atomics.cuh>
#include <cupy/carray.cuh>
#include <cupy/complex.cuh>
#include <cupy/math_constants.h>
