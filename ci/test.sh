#!/usr/bin/env bash
# Every check, the same by hand and in CI: bash ci/test.sh
#
# Makes two virtual environments in a temporary folder and removes them at the end: a bare one, for
# the README's two commands on a machine with nothing but Python, and one with every optional
# backend that runs on a CPU, and with what reads Parquet and data frames.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== the README's first command, with the package's own dependencies alone"
python3 -m venv "$work/bare"
(
  . "$work/bare/bin/activate"
  pip install --quiet . && (cd "$work" && xpnet train digits && xpnet info digits.safetensors)
)

echo "== the README's second command, without optional backends"
(
  . "$work/bare/bin/activate"
  pip install --quiet -e ".[test]" && pytest -q
)

echo "== the same with torch, JAX, numba, pyarrow, pandas, matplotlib, Sphinx and a browser"
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver fonts-dejavu-core >/dev/null || echo "no browser: its tests skip"
fi
python3 -m venv "$work/full"
. "$work/full/bin/activate"
pip install --quiet torch==2.13.0
pip install --quiet jax
pip install --quiet -e ".[test,data,fast,plot,browser,docs]" pandas  # no &&: set -e passes over what fails before one
pytest -q --durations=5

echo "== the site, with its examples executed"
python -m docs "$work/site" -q

echo "== CuPy's backend on a stand-in for CuPy"
XPNET_CUPY_STAND_IN=1 pytest -q -m gpu

echo "== style and types"
pip install --quiet -e ".[lint]"
ruff check .
ruff format --check .
mypy
