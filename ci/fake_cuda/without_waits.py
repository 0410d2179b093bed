"""Take each wait out of CuPy's backend in turn: some test must fail.

    python ci/fake_cuda python ci/fake_cuda/without_waits.py

The tests of streams run on a copy of the checkout, with streams late and then out of order, until
one fails. The exit status says whether every wait was missed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("xpnet/backends/cupy_backend.py", "xpnet/backends/cupy_lanes.py")
TESTS = ("tests/backends/test_cupy_streams.py", "tests/engines/test_streaming.py")
ORDERS = ("late", "1", "2", "3", "4")
WORDS = (".wait_event(", "._copied.synchronize()", "weakref.finalize(self, self._stream.wait_event")
BOTH = "for done in (before, self._recorded(inside)):"
EACH = ("for done in (before,):", "for done in (self._recorded(inside),):")


def main() -> None:
    """Try every wait, and print who missed it."""
    unnoticed = 0
    for file in FILES:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            for other in without(line):
                text = "\n".join([*lines[:number], other, *lines[number + 1 :], ""])
                order = first_that_fails(file, text)
                unnoticed += order is None
                where = f"{file}:{number + 1} {line.strip()} -> {other.strip()}"
                print(f"{where}: {order or 'NOT MISSED'}", flush=True)
    sys.exit(bool(unnoticed))


def without(line: str) -> list[str]:
    """Return the line with one wait less, in each possible way."""
    if BOTH in line:
        return [line.replace(BOTH, each) for each in EACH]
    indent = line[: len(line) - len(line.lstrip())]
    return [f"{indent}pass"] if any(word in line for word in WORDS) else []


def first_that_fails(file: str, text: str) -> str | None:
    """Return the first order of streams and the first test that fails in it."""
    with tempfile.TemporaryDirectory() as work:
        for folder in ("xpnet", "tests"):
            shutil.copytree(ROOT / folder, Path(work) / folder)
        shutil.copy(ROOT / "pyproject.toml", work)
        (Path(work) / file).write_text(text, encoding="utf-8")
        for order in ORDERS:
            for test in TESTS:
                if failed := failure(work, test, order):
                    return f"{order}, {failed}"
    return None


def failure(folder: str, test: str, order: str) -> str:
    """Return the name of the test that fails with that order of streams, or nothing."""
    options = ("-q", "-x", "-m", "gpu", "-o", "addopts=", "-p", "no:cacheprovider")
    variables = {"FAKE_CUDA_STREAMS": order, "PYTHONPATH": f"{folder}:{os.environ['PYTHONPATH']}"}
    command = [sys.executable, "-m", "pytest", *options, "-W", "ignore", test]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True
    )
    if done.returncode == 0:
        return ""
    found = re.search(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)
    return found[1] if found else f"exit status {done.returncode}"


if __name__ == "__main__":
    main()
