#!/usr/bin/env bash
# One call for a machine with CUDA: bash ci/gpu.sh [FOLDER]
#
# Runs the tests marked for a GPU, then the benchmarks on the GPU, with the Python and the packages
# that are installed (NumPy, array-api-compat and CuPy are needed; pytest with pytest-xdist, torch and JAX
# are used where they are). Every result goes into FOLDER (default: benchmarks/results). A part that fails
# does not stop the others; the exit status tells whether one did. At most nine minutes.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-${OUT:-benchmarks/results}}
mkdir -p "$out"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
failed=0

part() { # name, seconds, command …
  local name=$1 limit=$2
  shift 2
  echo "== $name"
  timeout "$limit" "$@" 2>&1 | tee "$out/$name.log"
  local status=${PIPESTATUS[0]}
  echo "== $name: exit status $status"
  [ "$status" -eq 0 ] || failed=1
}

part gpu_machine 60 python3 -m xpnet backends
# tests that are skipped for want of a backend pass: say here that it is wanting
part gpu_backend 60 python3 -c 'import xpnet; print(xpnet.get_backend("cupy"))'
part gpu_tests 240 python3 -m pytest -q -n 0 -m gpu -p no:cacheprovider
part gpu_step 120 python3 -m benchmarks.step --backend cupy --out "$out/step_cupy.json"
part gpu_digits 60 python3 -m xpnet train digits --backend cupy --out "$out/digits_cupy.safetensors"
rm -f "$out/digits_cupy.safetensors"
exit "$failed"
