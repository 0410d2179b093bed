#!/usr/bin/env bash
# Every check, the same by hand and in CI: bash ci/test.sh
#
# The tasks are those of noxfile.py. nox has its own environment. The tasks run in two others, in a
# temporary folder that is removed at the end: a bare one, for the README's two commands on a
# machine with nothing but Python, and one with every optional backend that runs on a CPU, and with
# what reads Parquet and data frames.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/nox"
"$work/nox/bin/pip" install --quiet nox
task() { "$work/nox/bin/nox" --envdir "$work/tasks" --session "$@"; }
task_here() { task "$1" --no-venv --no-install "${@:2}"; } # in the active environment

echo "== the README's two commands, without optional backends"
task readme -- -q -m "not slow" # the slow tests run below

echo "== the same with torch, JAX, numba, pyarrow, pandas, matplotlib, Sphinx and a browser"
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver fonts-dejavu-core >/dev/null || echo "no browser: its tests skip"
fi
python3 -m venv "$work/full"
. "$work/full/bin/activate"
pip install --quiet --upgrade pip # groups need pip 25.1
pip install --quiet torch==2.13.0
pip install --quiet jax
pip install --quiet -e . --group full # no &&: set -e passes over what fails before one
task_here tests -- -q --durations=5

echo "== the site, with its examples executed"
task_here docs -- "$work/site" -q

echo "== CuPy itself, on a fake CUDA"
task cupy -- -q tests/engines tests/backends tests/layers tests/training # the whole: nox -s cupy

echo "== style, types, spelling, workflows and settings"
task_here lint
