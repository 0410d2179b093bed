"""Put the fake CUDA in CUDA's place, in every Python process that FAKE_CUDA is set for."""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

RUNTIME = "cupy_backends.cuda.api.runtime"


class RuntimeFinder:
    """Finds CuPy's runtime module that was compiled against the fake CUDA."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the module's place; None for any other module."""
        if name != RUNTIME:
            return None
        (library,) = self._folder.glob("runtime.*.so")
        return importlib.util.spec_from_file_location(name, library)


def install(folder: Path) -> None:
    """Load the libraries, so that whoever looks for CUDA finds them loaded."""
    sys.setdlopenflags(os.RTLD_LAZY)  # cuBLAS has hundreds of functions that no test calls
    for library in (folder / "libfake_cuda.so", *sorted(folder.glob("lib*.so.*"))):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    sys.meta_path.insert(0, RuntimeFinder(folder))  # type: ignore[arg-type]


if "FAKE_CUDA" in os.environ:
    install(Path(os.environ["FAKE_CUDA"]))
