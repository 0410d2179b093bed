"""Embedding: each category of an integer column becomes a row of a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends.base import Backend
from xpnet.equations.factors import Outer
from xpnet.equations.initializers import initial_weights
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.protocol import PREDICTION, Context, Defaults, Stats
from xpnet.errors import quoted
from xpnet.pickles import Pickled
from xpnet.ranges import is_count, items, positive_integer
from xpnet.typing import Array, Host, Namespace

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["Embedding", "EmbeddingLayer"]


class Embedding(Pickled):
    """Replace integer columns of the input by vectors; numeric columns pass unchanged.

        B = [numeric columns | O_1 E_1 | O_2 E_2 | …]        dE_i = O_iᵀ dB_i

    E_i (categories, dim) is a parameter. O_i (N, categories) has a 1 in each row, at the example's
    category. So the sum over examples in dE_i is a product, which every array library has. Its cost
    grows with the number of categories. A prediction of one network reads rows of E_i instead.

    Parameters
    ----------
    categories : int or sequence of int
        Number of categories of each integer column, whose values are 0 … categories − 1.
    dim : int or sequence of int
        Width of the vectors, one for all columns or one for each.
    columns : int or sequence of int, optional
        The integer columns of the input; the first ones if left out.

    Notes
    -----
    It can only be the first layer, since a column of integers has no derivative.
    """

    def __init__(
        self,
        categories: int | Sequence[int],
        dim: int | Sequence[int],
        columns: int | Sequence[int] | None = None,
    ) -> None:
        counts = _listed("categories", categories)
        self.categories = tuple(positive_integer("categories", n) for n in counts)
        dims = _listed("dim", dim) * (len(counts) if isinstance(dim, (int, np.integer)) else 1)
        self.dims = tuple(positive_integer("dim", n) for n in dims)
        where = list(range(len(counts))) if columns is None else _listed("columns", columns)
        if not all(map(is_count, where)) or not len(set(where)) == len(where) == len(counts):
            raise ValueError(
                f"columns must name {len(counts)} different columns, one for each number of "
                f"categories, got {quoted(where)}"
            )
        if len(dims) != len(counts):
            raise ValueError(f"dim must be one width, or {len(counts)}, got {quoted(dims)}")
        self.columns = tuple(int(column) for column in where)

    def __repr__(self) -> str:
        return (
            f"Embedding({list(self.categories)}, {list(self.dims)}, columns={list(self.columns)})"
        )

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> EmbeddingLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        if max(self.columns) >= fan_in:
            raise ValueError(
                f"Embedding names column {quoted(max(self.columns))}, but the input has {fan_in} "
                "columns"
            )
        number = allocator.number()
        tables = tuple(
            allocator.weight(f"embedding_{column}", n, dim, is_table=True)
            for column, n, dim in zip(self.columns, self.categories, self.dims, strict=True)
        )
        return EmbeddingLayer(fan_in, self.columns, tables, number)

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {
            "layer": "embedding",
            "categories": list(self.categories),
            "dim": list(self.dims),
            "columns": list(self.columns),
        }


def _listed(name: str, given: Any) -> list[Any]:
    """Return the given integers as a list; a single integer may be given by itself."""
    if isinstance(given, (int, np.integer)):
        return [given]
    listed = items(f"{name} must be an integer or a list of integers", given)
    if not listed:
        raise ValueError(f"{name} must name at least one integer, got {quoted(given)}")
    return listed


class EmbeddingLayer(NamedTuple):
    """Bound embedding."""

    fan_in: int
    columns: tuple[int, ...]
    slots: tuple[Slot, ...]
    number: int

    kind: str = "embedding"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    @property
    def numeric(self) -> tuple[int, ...]:
        """The columns that pass unchanged."""
        return tuple(c for c in range(self.fan_in) if c not in self.columns)

    @property
    def fan_out(self) -> int:
        """Width of the output: the numeric columns and the vectors."""
        return self.fan_in - len(self.columns) + sum(slot.shape[1] for slot in self.slots)

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """[numeric columns | O_1 E_1 | …], and the O_i for the backward pass.

        If no backward pass follows and there is one network, the rows of E_i are read directly:
        they equal O_i E_i, and no array with a column for each category is formed.
        """
        xp = backend.xp
        if not ctx.returns and A.ndim == p[0].ndim == 2:
            one_hot, vectors = [], self._rows(backend, p, A)
        else:
            one_hot = [
                self._one_hot(xp, A[..., column], slot.shape[0])
                for column, slot in zip(self.columns, self.slots, strict=True)
            ]
            vectors = [backend.matmul(O, E) for O, E in zip(one_hot, p, strict=True)]
        if not self.numeric:
            return xp.concat(vectors, axis=-1), one_hot, ()
        numeric = xp.stack([A[..., column] for column in self.numeric], axis=-1)
        if numeric.ndim < vectors[0].ndim:  # one X for a stack of networks
            numeric = xp.broadcast_to(numeric, (*vectors[0].shape[:-1], numeric.shape[-1]))
        return xp.concat([numeric, *vectors], axis=-1), one_hot, ()

    def _rows(self, backend: Backend, p: Sequence[Array], A: Array) -> list[Array]:
        """E_i[codes] of each integer column."""
        xp = backend.xp
        index = getattr(xp, backend.index_dtype)
        codes = (xp.astype(A[:, column], index) for column in self.columns)
        return [backend.take(E, code) for E, code in zip(p, codes, strict=True)]

    def _one_hot(self, xp: Namespace, codes: Any, n: int) -> Array:
        categories = xp.arange(n, dtype=codes.dtype, device=getattr(codes, "device", None))
        return xp.astype(codes[..., None] == categories, codes.dtype)

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """dE_i = O_iᵀ dB_i, and dA, which is 0 for integer columns."""
        dp = [
            backend.matmul(O.mT, dB_i, out=out)
            for O, dB_i, out in zip(saved, self._vectors(dB), g, strict=True)
        ]
        return dp, self._input_gradient(backend.xp, dB) if needed else None

    def _vectors(self, dB: Array) -> list[Array]:
        """The columns of dB of each embedded column."""
        ends = [len(self.numeric), *(slot.shape[1] for slot in self.slots)]
        return [dB[..., a:b] for a, b in pairwise(accumulate(ends))]

    def _input_gradient(self, xp: Namespace, dB: Array) -> Array:
        """Return dA: dB of the numeric columns; 0 for integer columns, without a derivative."""
        places = {column: k for k, column in enumerate(self.numeric)}
        zero = xp.zeros_like(dB[..., 0])
        columns = (
            dB[..., places[column]] if column in places else zero for column in range(self.fan_in)
        )
        return xp.stack(list(columns), axis=-1)

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent [tA of the numeric columns | O_1 tE_1 | …]."""
        xp = backend.xp
        parts = [
            backend.matmul(O, xp.zeros_like(E) if tE_i is None else tE_i)
            for O, E, tE_i in zip(saved, p, tp, strict=True)
        ]
        if tA is not None and tA.ndim > parts[0].ndim:  # several tangents of X
            parts = [xp.broadcast_to(x, (*tA.shape[:-1], x.shape[-1])) for x in parts]
        if self.numeric:
            zero = xp.zeros_like(parts[0][..., 0])
            columns = (zero if tA is None else tA[..., column] for column in self.numeric)
            parts = [xp.stack(list(columns), axis=-1), *parts]
        return xp.concat(parts, axis=-1), None

    def tangent_gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        kept: Any,
        dB: Array,
        tdB: Array,
        needed: bool,
    ) -> tuple[list[Any], Any, Any]:
        """The tangents tdE_i = O_iᵀ tdB_i; dA and tdA are 0 for integer columns."""
        tdp = [
            backend.matmul(O.mT, tdB_i) for O, tdB_i in zip(saved, self._vectors(tdB), strict=True)
        ]
        if not needed:
            return tdp, None, None
        return tdp, *(self._input_gradient(backend.xp, d) for d in (dB, tdB))

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """Each dE_n = o_n dB_nᵀ, with o_n a row of O_i, and dA."""
        found = [Outer(O, dB_i) for O, dB_i in zip(saved, self._vectors(dB), strict=True)]
        return found, self._input_gradient(backend.xp, dB) if needed else None

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """Those of the numeric columns, and 0 for vectors of categories."""
        t, _ = self.tangent(backend, p, [None] * len(p), saved, of.t)
        return of._replace(t=t, l=None), None

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """Each dE_i = O_iᵀ dB_i; it is the first layer, so no cotangents are needed."""
        columns = zip(saved, self._vectors(d.a), strict=True)
        return [backend.matmul(O.mT, dB_i) for O, dB_i in columns], d

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """The box of the numeric columns; a category must be the same at both ends."""
        xp = backend.xp
        for column in self.columns:
            if bool(xp.any(lower[..., column] != upper[..., column])):
                raise ValueError(
                    f"column {column} is embedded: lower and upper must have the same category "
                    "there, as there is nothing between two"
                )
        low, high = (self.forward(backend, p, stats, x, PREDICTION)[0] for x in (lower, upper))
        return low, high

    def check(self, backend: Backend, X: Array) -> None:
        """Check that every integer column of X (N, n_0) holds only 0 … categories − 1."""
        xp = backend.xp
        for column, slot in zip(self.columns, self.slots, strict=True):
            codes, n = X[:, column], slot.shape[0]
            if not bool(xp.all((codes >= 0) & (codes < n) & (codes == xp.floor(codes)))):
                raise ValueError(
                    f"column {column} of X is embedded with {n} categories: it must hold the "
                    f"integers 0 … {n - 1}, got values from {float(xp.min(codes)):g} to "
                    f"{float(xp.max(codes)):g}"
                )

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """Normal numbers with variance 1/dim, so vectors of length about 1."""
        ends = np.cumsum([slot.size for slot in self.slots])
        normal = initial_weights("lecun_normal", 1, int(ends[-1]), seed, self.number).reshape(-1)
        return [
            part.reshape(slot.shape) / math.sqrt(slot.shape[1])
            for part, slot in zip(np.split(normal, ends[:-1]), self.slots, strict=True)
        ]

    def initial_stats(self) -> tuple[Host, ...]:
        """No statistics."""
        return ()
