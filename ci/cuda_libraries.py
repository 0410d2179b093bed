"""Print which CUDA libraries CuPy finds, and how long that takes: python ci/cuda_libraries.py."""

from __future__ import annotations

import time


def main() -> None:
    """Print."""
    began = time.perf_counter()
    import cupy
    from cuda import pathfinder

    import xpnet

    print(f"imported in {time.perf_counter() - began:.2f} s")
    for name in ("nvrtc", "cublas", "cudart"):
        print(name, pathfinder.load_nvidia_dynamic_lib(name).abs_path)
    print("headers", pathfinder.find_nvidia_header_directory("cudart"))
    began = time.perf_counter()
    print(xpnet.get_backend("cupy"), f"in {time.perf_counter() - began:.2f} s")
    cupy.show_config()


if __name__ == "__main__":
    main()
