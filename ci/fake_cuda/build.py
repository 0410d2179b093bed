"""Build the fake CUDA, and the one module of CuPy that must be compiled against it.

CuPy's wheel has the CUDA runtime within `cupy_backends.cuda.api.runtime`. That module is made again
from CuPy's source distribution, which pip fetches, to call the fake runtime instead. Every other
module of the wheel is used as it is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["COMPILER", "HERE", "build", "include_options"]

HERE = Path(__file__).parent
COMPILER = ("g++", "-std=c++17", "-O1", "-w", "-fpermissive", "-fPIC", "-ffp-contract=off")
"""Compiles kernels, and their headers; the headers must be compiled with the same options."""

LIBRARIES = (
    "libcuda.so.1",
    "libcudart.so.13",
    "libnvrtc.so.13",
    "libcublas.so.13",
    "libcublasLt.so.13",
)
"""The names under which CuPy looks for CUDA: empty libraries that need libfake_cuda.so."""

RUNTIME = "cupy_backends/cuda/api/runtime"


def build(folder: Path) -> None:
    """Build each part in the folder, unless it is there, made of the same sources."""
    (folder / "kernels").mkdir(parents=True, exist_ok=True)
    parts = {
        "runtime": (_runtime, ("build.py", "include/cuda_profiler_api.h")),
        "fake": (_fake, ("build.py", "*.cpp", "fake.h")),
        "looping.h": (_header, ("build.py", "include/*.h")),
        "waiting.h": (_header, ("build.py", "include/*.h")),
    }
    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(_once, folder, name, *part) for name, part in parts.items()]
        for task in tasks:
            task.result()


def _once(
    folder: Path, name: str, make: Callable[[Path, str, Path], None], patterns: tuple[str, ...]
) -> None:
    found = hashlib.sha256(_cupy().encode())
    for path in sorted(path for pattern in patterns for path in HERE.glob(pattern)):
        found.update(path.read_bytes())
    stamp, made_of = folder / f"{name}.made_of", found.hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
        return
    print(f"building {name} of the fake CUDA in {folder}", flush=True)
    with tempfile.TemporaryDirectory() as work:
        make(folder, name, Path(work))
    stamp.write_text(made_of, encoding="utf-8")


def _cupy() -> str:
    """Return the installed version of CuPy."""
    return importlib.metadata.version("cupy-cuda13x")


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is missing: pip install --group fake-cuda")
    return Path(next(iter(spec.submodule_search_locations)))


def include_options() -> list[str]:
    """Return the compiler's options for the headers of the fake CUDA, CUDA and CuPy."""
    cuda = _folder_of("nvidia") / "cu13" / "include"
    cupy = _folder_of("cupy") / "_core" / "include"
    of_cccl = [cupy / "cupy" / "_cccl" / name for name in ("cub", "thrust", "libcudacxx")]
    return [f"-I{folder}" for folder in (HERE / "include", cuda, cupy, *of_cccl)]


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")


def _fake(folder: Path, _: str, work: Path) -> None:
    """Compile the fake CUDA, and make the libraries that lead to it."""
    objects = []
    for source in sorted(HERE.glob("*.cpp")):
        objects.append(work / f"{source.stem}.o")
        _run(*COMPILER, "-O3", *include_options(), "-c", "-o", objects[-1], source)
    _run("g++", "-shared", "-o", folder / "libfake_cuda.so", *objects, "-ldl")
    empty = work / "empty.cpp"
    empty.write_text("", encoding="utf-8")
    for name in LIBRARIES:
        versions = work / f"{name}.map"  # CuPy's modules ask for symbols of this version
        versions.write_text(f"{name} {{ global: *; }};", encoding="utf-8")
        link = (f"-Wl,-soname,{name}", f"-Wl,--version-script={versions}", "-Wl,--no-as-needed")
        needs = (f"-L{folder}", "-lfake_cuda", f"-Wl,-rpath,{folder}")
        _run("g++", "-shared", "-o", folder / name, *link, empty, *needs)


def _header(folder: Path, name: str, _: Path) -> None:
    """Compile a header of kernels; g++ finds it beside a header that includes the original."""
    original = HERE / "include" / name
    (folder / name).write_text(f'#include "{original}"\n', encoding="utf-8")
    _run(*COMPILER, *include_options(), "-x", "c++-header", "-o", folder / f"{name}.gch", original)


def _runtime(folder: Path, _: str, work: Path) -> None:
    """Compile CuPy's module of the CUDA runtime from CuPy's sources."""
    sources = _sources(work)
    names = {
        "CUPY_USE_CUDA_PYTHON": False,
        "CUPY_CUFFT_STATIC": False,
        "CUPY_CYTHON_VERSION": importlib.metadata.version("cython"),
        "CUPY_CUDA_VERSION": 13020,
        "CUPY_HIP_VERSION": 0,
    }
    cython = (sys.executable, "-m", "cython", "--cplus", "-3")
    for directive in ("binding=False", "c_api_binop_methods=True", "warn.deprecated.IF=False"):
        cython += ("-X", directive)
    named = ",".join(f"{name}={value}" for name, value in names.items())
    with_names = (*cython, "-E", named, f"{RUNTIME}.pyx")
    subprocess.run(with_names, cwd=sources, check=True, capture_output=True)
    include = sysconfig.get_paths()["include"]
    place = folder / f"runtime{sysconfig.get_config_var('EXT_SUFFIX')}"
    options = ("-O0", "-shared", *include_options(), f"-I{include}", "-o", place)
    _run(*COMPILER, *options, sources / f"{RUNTIME}.cpp")


def _sources(work: Path) -> Path:
    """Fetch CuPy's source distribution and unpack it."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "cupy")
    # without this variable, fetching it needs a CUDA toolkit
    environment = os.environ | {"CUPY_INSTALL_USE_STUB": "1"}
    to_fetch = (*pip, "--dest", work, f"cupy=={_cupy()}")
    subprocess.run(to_fetch, check=True, env=environment)
    (archive,) = work.glob("cupy-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(work, filter="data")
    return work / archive.name.removesuffix(".tar.gz")
