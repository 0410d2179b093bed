#!/usr/bin/env bash
# One call for a machine with CUDA, at most nine minutes: bash ci/gpu.sh [FOLDER]
#
# Runs every test marked for a GPU (each numerical test with CuPy among its backends is), then the
# benchmark, with the Python and the packages that are installed: NumPy, array-api-compat, CuPy (with CUDA's
# compiler and headers: cupy-cuda13x[ctk]), pytest, hypothesis, mpmath, html5lib, safetensors and rich are
# needed; pytest-xdist, torch and JAX are used where they are. Packages that are missing may lie as wheels in
# ci/wheels, Fashion-MNIST's four files in ci/fashion-mnist; git ignores both, so what carries a checkout to
# that machine must be told of them. Every part has a time
# limit and a log of its own; at the limit it is interrupted, as by Ctrl-C, so that pytest still writes
# what it has found. Every result goes into FOLDER (default: $OUT, else benchmarks/results). A part that
# fails does not stop the others; the exit status tells whether one did. PARTS="gpu_tests …" runs some.
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

export XLA_PYTHON_CLIENT_PREALLOCATE=false # else a process that imports JAX takes most of the card

if [ -d ci/fashion-mnist ]; then export FASHION_MNIST="$PWD/ci/fashion-mnist"; fi

part() { # name, seconds, seconds to end in after the interrupt, command …
  local name=$1 limit=$2 grace=$3
  shift 3
  case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
  echo "== $name: at most $limit s"
  timeout --signal=INT --kill-after="$grace" "$limit" "$@" 2>&1 | tee "$out/$name.log"
  local status=${PIPESTATUS[0]}
  echo "== $name: exit status $status after $SECONDS s in all"
  [ "$status" -eq 0 ] || failed+=("$name")
}

# the suite's own options ask for pytest-xdist, which may be missing here
test=(python3 -m pytest -q -rfE -o addopts= --strict-markers --import-mode=importlib -p no:cacheprovider)
# what this machine's versions of the libraries deprecate in each other is no fault of a test
test+=(-W default::DeprecationWarning -W default::FutureWarning --durations=10)
if python3 -c 'import xdist' 2>/dev/null; then test+=(-n auto --maxprocesses=16); fi

part gpu_machine 10 2 nvidia-smi
part gpu_versions 25 2 python3 -m xpnet backends
# tests that are skipped for want of a backend pass: say here that it is wanting
# a test file whose imports are missing is not collected: say that here too
part gpu_backend 15 2 python3 -c 'import xpnet; print(xpnet.get_backend("cupy"))
import html5lib, hypothesis, mpmath, rich, safetensors.numpy'
# pytest-xdist gives its processes ten seconds to end
part gpu_tests 155 15 "${test[@]}" -m gpu --continue-on-collection-errors --junitxml="$out/gpu_tests.xml"
part gpu_benchmark 275 10 python3 -m benchmarks gpu --add --minutes 3.7 --out "$out/gpu.json"
part gpu_digits 25 4 python3 -m xpnet train digits --backend cupy --out "$packages/digits.safetensors"

[ ${#failed[@]} -eq 0 ] && exit
echo "failed: ${failed[*]}"
exit 1
