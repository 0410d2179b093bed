"""Names of the engines that run the steps of a fit: the values of `History.engine`.

The names are public. `docs/guide.md` has the same table, and a test compares the two. How a backend
compiles its steps has names of its own, `xpnet.backends.base.CompiledAs`, one of which is
`KERNELS`.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    *("ENGINES", "FUSED", "GRAPH", "JIT", "KERNELS", "PLAIN", "STREAMED", "Engine"),
    "same_bits",
]

Engine = Literal["plain", "fused", "kernels", "graph", "jit", "streamed"]

PLAIN: Final = "plain"
FUSED: Final = "fused"
KERNELS: Final = "kernels"
GRAPH: Final = "graph"
JIT: Final = "jit"
STREAMED: Final = "streamed"

ENGINES: dict[Engine, str] = {
    PLAIN: "one step after the other, as array operations",
    FUSED: "compiled loops (NumPy with numba)",
    KERNELS: "CUDA kernels, launched step by step (CuPy)",
    GRAPH: "CUDA kernels, launched as graphs of many steps (CuPy)",
    JIT: "the library's own compiler (JAX)",
    STREAMED: "batches from host memory to a device",
}
"""Each engine, and what it does."""


def same_bits(one: str, other: str) -> bool:
    """Whether two engines of one backend compute the same bits.

    Graphs launch the same kernels. Before there were graphs, their engine was called "fused".
    """
    kernels = (FUSED, KERNELS, GRAPH)
    return one == other or (one in kernels and other in kernels)
