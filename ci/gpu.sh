#!/usr/bin/env bash
# One call for a machine with CUDA, at most nine minutes: bash ci/gpu.sh [--dry-run] [FOLDER]
#
# Runs every test marked for a GPU (each numerical test with CuPy among its backends is), then the
# benchmark, with the Python and the packages that are installed: NumPy, array-api-compat, CuPy (with CUDA's
# compiler and headers: cupy-cuda13x[ctk]), pytest, hypothesis, mpmath, html5lib, safetensors and rich are
# needed; pytest-xdist, torch and JAX are used where they are. Packages that are missing may lie as wheels in
# ci/wheels, Fashion-MNIST's four files in ci/fashion-mnist; git ignores both, so what carries a checkout to
# that machine must be told of them. Every part has a time
# limit and a log of its own; at the limit it is interrupted, as by Ctrl-C, so that pytest still writes
# what it has found. Every result goes into FOLDER (default: $OUT, else benchmarks/results). If CuPy or
# a package is missing, the script ends at once. Another part that fails does not stop those after it; the
# exit status tells whether one did. PARTS="gpu_tests …" runs some.
set -uo pipefail
cd "$(dirname "$0")/.."
. ci/parts.sh

part gpu_machine 10 2 nvidia-smi
part gpu_versions 25 2 python3 -m xpnet backends
# tests that are skipped for want of a backend pass: say here that it is wanting
# a test file whose imports are missing is not collected: say that here too
part gpu_backend 15 2 python3 -c 'import xpnet; print(xpnet.get_backend("cupy"))
import html5lib, hypothesis, mpmath, rich, safetensors.numpy'
needed gpu_backend
# pytest-xdist gives its processes ten seconds to end
part gpu_tests 155 15 "${pytest[@]}" -m gpu --durations=10 --junitxml="$out/gpu_tests.xml"
part gpu_benchmark 275 10 python3 -m benchmarks gpu --add --minutes 3.7 --out "$out/gpu.json"
part gpu_digits 25 4 python3 -m xpnet train digits --backend cupy --out "$packages/digits.safetensors"
end
