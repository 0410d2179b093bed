"""Names of the engines that run the steps of a fit: the values of `History.engine`.

The names are public. `docs/guide.md` has the same table, and a test compares the two. How a backend
compiles its steps has names of its own, `xpnet.backends.base.CompiledAs`.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["ENGINES", "FUSED", "JIT", "PLAIN", "STREAMED", "Engine"]

Engine = Literal["plain", "fused", "jit", "streamed"]

PLAIN: Final = "plain"
FUSED: Final = "fused"
JIT: Final = "jit"
STREAMED: Final = "streamed"

ENGINES: dict[Engine, str] = {
    PLAIN: "one step after the other, as array operations",
    FUSED: "compiled loops (NumPy with numba), or CUDA kernels (CuPy)",
    JIT: "the library's own compiler (JAX)",
    STREAMED: "batches from host memory to a device",
}
"""Each engine, and what it does."""
