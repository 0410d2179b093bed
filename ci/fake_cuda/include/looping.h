// For kernels whose threads do not wait for each other.
#include "kernel.h"
#include "cupy_headers.h"
