// For kernels whose threads wait for each other.
#define FAKE_WAITING
#include "kernel.h"
#include "cupy_headers.h"
