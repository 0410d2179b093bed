#!/usr/bin/env bash
# One call for a machine with CUDA, at most nine minutes: bash ci/gpu.sh [FOLDER]
#
# Runs every test marked for a GPU (each numerical test with CuPy among its backends is), then the
# benchmark, with the Python and the packages that are installed: NumPy, array-api-compat, CuPy and pytest
# are needed; pytest-xdist, torch and JAX are used where they are. Pure-Python packages that are missing
# may lie as wheels in ci/wheels, Fashion-MNIST's four files in ci/fashion-mnist. Every part has a time limit and a log of its own; every result goes into
# FOLDER (default: $OUT, else benchmarks/results). A part that fails does not stop the others; the exit
# status tells whether one did. PARTS="gpu_tests …" runs some of them.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-${OUT:-benchmarks/results}}
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=()

packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
for wheel in ci/wheels/*.whl; do
  [ -e "$wheel" ] && python3 -m zipfile -e "$wheel" "$packages"
done
export PYTHONPATH="$PWD:$packages${PYTHONPATH:+:$PYTHONPATH}"

if [ -d ci/fashion-mnist ]; then export FASHION_MNIST="$PWD/ci/fashion-mnist"; fi

part() { # name, seconds, command …
  local name=$1 limit=$2
  shift 2
  case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
  echo "== $name: at most $limit s"
  timeout --kill-after=5 "$limit" "$@" 2>&1 | tee "$out/$name.log"
  local status=${PIPESTATUS[0]}
  echo "== $name: exit status $status after $SECONDS s in all"
  [ "$status" -eq 0 ] || failed+=("$name")
}

# the suite's own options ask for pytest-xdist, which may be missing here
test=(python3 -m pytest -q -rfE -o addopts= --strict-markers --import-mode=importlib -p no:cacheprovider)
if python3 -c 'import xdist' 2>/dev/null; then test+=(-n 8); fi

part gpu_machine 15 nvidia-smi
part gpu_versions 30 python3 -m xpnet backends
# tests that are skipped for want of a backend pass: say here that it is wanting
part gpu_backend 15 python3 -c 'import xpnet; print(xpnet.get_backend("cupy"))'
part gpu_tests 150 "${test[@]}" -m gpu --continue-on-collection-errors --junitxml="$out/gpu_tests.xml"
part gpu_benchmark 290 python3 -m benchmarks gpu --add --minutes 4 --out "$out/gpu.json"
part gpu_digits 25 python3 -m xpnet train digits --backend cupy --out "$packages/digits.safetensors"

[ ${#failed[@]} -eq 0 ] && exit
echo "failed: ${failed[*]}"
exit 1
