"""CUDA kernels on the CPU: g++ compiles them with tests/support/cuda_shim.h.

NumPy computes the matrix products.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.support.fused_cases import Case, step_of
from xpnet.engines.cuda.program import CudaProgram, cuda_program

GXX = shutil.which("g++")
needs_gxx = pytest.mark.skipif(GXX is None, reason="needs g++: apt-get install g++")


@cache
def _folder() -> Path:
    return Path(mkdtemp(prefix="xpnet-kernels-"))


_SHARED = re.compile(r"__shared__ \w+ (\w+)[^;]*;")


@cache
def _poison() -> tuple[str, ...]:
    """Return the option that fills unwritten variables with a pattern far from any number here."""
    option = "-ftrivial-auto-var-init=pattern"
    command = [str(GXX), option, "-fsyntax-only", "-x", "c++", os.devnull]
    return (option,) if subprocess.run(command, capture_output=True).returncode == 0 else ()


@cache
def compiled(source: str) -> ctypes.CDLL:
    """Compile a source; each kernel is launch_NAME(columns of blocks, rows of blocks, arrays)."""
    names = re.findall(r"__global__ void (\w+)\(", source)
    stem = _folder() / f"kernels{compiled.cache_info().misses}"
    source = _SHARED.sub(
        r"\g<0> static const bool \1_seen = forget_in_each_block(&\1, sizeof \1);", source
    )
    launchers = "\n".join(f"LAUNCHER({name})" for name in names)
    stem.with_suffix(".cpp").write_text(f'#include "cuda_shim.h"\n{source}\n{launchers}\n')
    options = ["-std=c++17", "-O1", "-ftrapv", "-shared", "-fPIC"]  # traps signed overflow
    options += ["-I", str(Path(__file__).parent), *_poison()]
    command = [GXX, *options, "-o", f"{stem}.so", f"{stem}.cpp"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(f"{stem}.so")
    for suffix in (".cpp", ".so"):
        stem.with_suffix(suffix).unlink()
    return library


def launch(library: ctypes.CDLL, name: str, grid: tuple[int, int], arrays: list[Any]) -> None:
    """Run one kernel over its whole grid."""
    pointers = (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
    getattr(library, f"launch_{name}")(*grid, pointers)


def program_of(case: Case, gathers: bool = True) -> CudaProgram:
    return cuda_program(*step_of(case, gathers))


def nvrtc() -> ctypes.CDLL | None:
    """Return NVRTC, the compiler that CuPy calls; None if NVIDIA's package is not installed."""
    try:
        package = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    found = package and [
        path
        for folder in package.submodule_search_locations or ()
        for path in Path(folder, "lib").glob("libnvrtc.so.*")
    ]
    return ctypes.CDLL(str(found[0])) if found else None


def compile_nvrtc(library: ctypes.CDLL, source: str, options: list[str]) -> str:
    """Compile the source with NVRTC; return its log, which is empty if all is well."""
    program = ctypes.c_void_p()
    nothing = (0, None, None)
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", *nothing)
    given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = library.nvrtcCompileProgram(program, len(options), given)
    log = ctypes.create_string_buffer(1 << 20)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode() or ("" if status == 0 else f"NVRTC's status is {status}")
