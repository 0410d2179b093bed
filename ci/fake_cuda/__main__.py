"""Run a command with CuPy on a fake CUDA: python ci/fake_cuda pytest -m gpu.

The environment needs the dependency group "fake-cuda". What is built is kept in the environment's
folder. README.md in this folder says what the fake CUDA imitates, and names its settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from build import COMPILER, HERE, build, include_options


def main() -> None:
    """Build the fake CUDA if necessary, and become the command."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = Path(sys.prefix) / "fake_cuda"
    build(folder)
    path = [str(HERE / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(path),
        "FAKE_CUDA": str(folder),
        # this folder first: the compiled headers are in it
        "FAKE_CUDA_CXX": " ".join((*COMPILER, f"-I{folder}", *include_options())),
        "CUPY_CACHE_IN_MEMORY": "1",  # a name in CuPy's own cache would outlive its library
    }
    os.environ.setdefault("FAKE_CUDA_DEVICES", "2")
    command = sys.argv[1:]
    if command[0] in ("python", "pytest"):  # of this environment
        module = ["-m", "pytest"] if command[0] == "pytest" else []
        command = [sys.executable, *module, *command[1:]]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
