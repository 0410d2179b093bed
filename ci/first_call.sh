#!/usr/bin/env bash
# A first call on a card, at most four minutes: bash ci/first_call.sh [--dry-run] [FOLDER]
#
# In this order: does CuPy find CUDA's libraries; do kernels, streams, copies and precisions compute
# what NumPy does (the test files that tell most); how long is a step, as captured graphs and
# launch by launch; who wins at one shape; and does compute-sanitizer, where it is installed, see a race.
# What the machine needs, and the options, are those of ci/gpu.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
. ci/parts.sh
export CUPY_CACHE_DIR="$packages/cupy" # compiling is part of what is measured

part machine 8 1 bash -c 'nvidia-smi; nproc; which nvcc compute-sanitizer; python3 -V
python3 -m pip list 2>/dev/null | grep -i -E "cupy|numpy|torch|jax|nvidia|array-api"'
part libraries 20 2 python3 ci/cuda_libraries.py
needed libraries
part tests 70 10 "${pytest[@]}" -m gpu --durations=5 --junitxml="$out/first_tests.xml" \
  tests/engines/test_cuda_gpu.py tests/engines/test_cuda_graphs.py tests/network/test_stack.py tests/metrics/test_metrics.py tests/derivatives/test_gradients.py \
  tests/training/test_trajectories.py tests/engines/test_streaming.py tests/backends/test_backends.py
part graphs 22 3 python3 ci/card_figures.py "$out/graphs.json"
part launches 30 3 python3 ci/card_figures.py "$out/launches.json" --launched
part peers 45 3 python3 -m benchmarks gpu --minutes 0.3 --rounds 3 --precisions float32 \
  --shapes "784-128-10, 64" --peers xpnet "torch.compile, one graph" "JAX scan" products \
  --out "$out/first_gpu.json"
if [ -n "$dry_run" ] || command -v compute-sanitizer >/dev/null; then
  part races 20 3 compute-sanitizer --tool racecheck \
    python3 -m pytest -q -o addopts= -p no:cacheprovider tests/engines/test_cuda_gpu.py -k "same_bits and dropout"
fi
end
