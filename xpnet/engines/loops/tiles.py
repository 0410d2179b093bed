"""The innermost loop of a product: a tile of C that stays in registers for all k.

    C[i : i + 8, j : j + w] = Σ_k A[i : i + 8, k] B[k, j : j + w]

For every k it loads one or two vectors of B, of 64 bytes each. It also loads eight numbers of A,
copies each to all places of a vector, and multiplies and adds. The sums are up to sixteen vectors,
in the 32 registers of AVX-512 (Goto and van de Geijn, Anatomy of high-performance matrix
multiplication, 2008, section 6). numba has no vectors but LLVM does, so this module writes LLVM's
instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

__all__ = ["ROWS", "VECTOR", "stay_in_registers", "tile"]

ROWS, VECTOR = 8, 64  # rows of a tile, bytes of a vector

_INT = ir.IntType(64)


def stay_in_registers() -> bool:
    """Whether a tile's sums stay in registers on the CPU that numba compiles for.

    That CPU may be set in numba's configuration, and need not be this machine's.
    """
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx512f" in features.split(",")


def tile(bytes: int, vectors: int) -> Any:
    """Return the function tile(k, a, a_row, a_next, b, b_next, c, c_row).

    A number has ``bytes`` bytes, and a row of the tile ``vectors`` vectors. a, b and c are the
    addresses of the tile's first numbers. In bytes, a_row is the distance of two rows of A, a_next
    of two columns of A, b_next of two rows of B, and c_row of two rows of C. k is at least 1.
    """

    @intrinsic
    def tile(typing, k, a, a_row, a_next, b, b_next, c, c_row):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return types.void(*[types.int64] * 8), write

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        k, a, a_row, a_next, b, b_next, c, c_row = arguments
        to = _Instructions(builder, bytes)

        def step(left: Any, a: Any, b: Any, *sums: Any) -> list[Any]:
            """Return the variables after one more k."""
            right = [to.load(x, to.vector) for x in to.addresses(b, _INT(VECTOR), vectors)]
            numbers = [to.load(x, to.number) for x in to.addresses(a, a_row, ROWS)]
            factors = [(x, y) for x in map(to.everywhere, numbers) for y in right]
            following = builder.sub(left, _INT(1)), builder.add(a, a_next), builder.add(b, b_next)
            return [*following, *(to.fma(*xy, s) for xy, s in zip(factors, sums, strict=True))]

        zeros = [to.vector(None)] * (ROWS * vectors)
        _, _, _, *sums = _until_zero(builder, [k, a, b, *zeros], step)
        for row in to.addresses(c, c_row, ROWS):
            for place in to.addresses(row, _INT(VECTOR), vectors):
                to.store(sums.pop(0), place)
        return context.get_dummy_value()

    return tile


def _until_zero(builder: Any, first: list[Any], step: Callable[..., list[Any]]) -> list[Any]:
    """Write a loop that repeats ``step`` until the first variable is 0; return the variables."""
    before, loop = builder.block, builder.append_basic_block("loop")
    builder.branch(loop)
    builder.position_at_end(loop)
    variables = [builder.phi(x.type) for x in first]
    following = step(*variables)
    for variable, x, y in zip(variables, first, following, strict=True):
        variable.add_incoming(x, before)
        variable.add_incoming(y, loop)
    after = builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("==", following[0], _INT(0)), after, loop)
    builder.position_at_end(after)
    return following


class _Instructions:
    """Instructions for vectors of numbers of 4 or 8 bytes."""

    def __init__(self, builder: Any, bytes: int) -> None:
        self.builder, self.bytes = builder, bytes
        self.number = {4: ir.FloatType(), 8: ir.DoubleType()}[bytes]
        self.places = VECTOR // bytes
        self.vector = ir.VectorType(self.number, self.places)

    def addresses(self, first: Any, apart: Any, count: int) -> list[Any]:
        """Return ``count`` addresses from ``first`` on, ``apart`` bytes from each other."""
        made = [first]
        while len(made) < count:
            made.append(self.builder.add(made[-1], apart))
        return made

    def load(self, address: Any, kind: Any) -> Any:
        """Load a number or a vector; a vector may begin at any number."""
        return self.builder.load(self._pointer(address, kind), align=self.bytes)

    def store(self, vector: Any, address: Any) -> None:
        """Store a vector, which may begin at any number."""
        self.builder.store(vector, self._pointer(address, self.vector), align=self.bytes)

    def _pointer(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, kind.as_pointer())

    def everywhere(self, number: Any) -> Any:
        """Return a vector with the number in all places."""
        none = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(none, number, _INT(0))
        zeros = ir.VectorType(ir.IntType(32), self.places)(None)
        return self.builder.shuffle_vector(first, none, zeros)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """Return ``x · y + z``, rounded once."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.places}f{8 * self.bytes}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [x, y, z])
