"""Dense layer: A_l = f_l(A_{l-1} W_lᵀ + b_l); its equations are in `xpnet.equations.passes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends.base import Backend
from xpnet.checks import find_activation
from xpnet.equations.activation import Activation
from xpnet.equations.factors import Outer
from xpnet.equations.initializers import default_for, initial_weights
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.passes import (
    dense_activation,
    dense_gradients,
    dense_input_gradient,
    dense_preactivation,
    dense_preactivation_gradient,
)
from xpnet.equations.protocol import Context, Defaults, Stats
from xpnet.equations.tangents import (
    dense_activation_tangent,
    dense_gradients_tangent,
    dense_input_gradient_tangent,
    dense_preactivation_gradient_tangent,
    dense_preactivation_tangent,
)
from xpnet.pickles import Pickled
from xpnet.ranges import items, positive_integer
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.equations.laplacians import Second

__all__ = ["Dense", "DenseLayer", "as_layers"]


class Dense(Pickled):
    """A dense layer of ``units`` units.

    Parameters
    ----------
    units : int
        n_l, the width of its output.
    activation : str or Activation, optional
        f_l; None takes the network's hidden activation, or for the last layer its output one.
    """

    def __init__(self, units: int, activation: str | Activation | None = None) -> None:
        self.units = positive_integer("units", units)
        self.activation = None if activation is None else find_activation(activation)

    def __repr__(self) -> str:
        name = "" if self.activation is None else f", {self.activation.name!r}"
        return f"Dense({self.units}{name})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> DenseLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        return DenseLayer(
            fan_in,
            self.units,
            self.activation or defaults.activation,
            allocator.number(),
            allocator.weight("weight", self.units, fan_in),
            allocator.row("bias", self.units),
        )

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        name = None if self.activation is None else self.activation.name
        return {"layer": "dense", "units": self.units, "activation": name}


class DenseLayer(NamedTuple):
    """A bound dense layer."""

    fan_in: int
    fan_out: int
    activation: Activation
    number: int
    weight: Slot
    bias: Slot

    kind: str = "dense"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """W and b."""
        return self.weight, self.bias

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """A_l, and (A_{l-1}, Z_l, A_l) for the backward pass."""
        Z = dense_preactivation(backend, A, *p)
        A_l = dense_activation(backend, self.activation, Z)
        return A_l, (A, Z, A_l), ()

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """(dW_l, db_l) and dA_{l-1}, from dB = dA_l."""
        A, Z, A_l = saved
        dZ = dense_preactivation_gradient(backend, self.activation, Z, A_l, dB)
        dp = dense_gradients(backend, A, dZ, g)
        return dp, dense_input_gradient(backend, dZ, p[0]) if needed else None

    def tangent(
        self,
        backend: Backend,
        p: Sequence[Array],
        tp: Sequence[Array | None],
        saved: Any,
        tA: Array | None,
    ) -> tuple[Any, Any]:
        """The tangent tA_l, and (tA_{l-1}, tZ_l)."""
        A, Z, A_l = saved
        tZ = dense_preactivation_tangent(backend, A, p[0], tA, *tp)
        return dense_activation_tangent(backend, self.activation, Z, A_l, tZ), (tA, tZ)

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
        """(tdW_l, tdb_l), dA_{l-1} and tdA_{l-1}, from dB = dA_l and tdB = tdA_l."""
        (A, Z, A_l), (tA, tZ), f = saved, kept, self.activation
        tdZ = dense_preactivation_gradient_tangent(backend, f, Z, A_l, tZ, dB, tdB)
        dZ = dense_preactivation_gradient(backend, f, Z, A_l, dB)
        tdp = dense_gradients_tangent(backend, A, tA, dZ, tdZ)
        if not needed:
            return tdp, None, None
        dA = dense_input_gradient(backend, dZ, p[0])
        return tdp, dA, dense_input_gradient_tangent(backend, dZ, tdZ, p[0], tp[0])

    def factors(
        self, backend: Backend, p: Sequence[Array], saved: Any, dB: Array, needed: bool
    ) -> tuple[list[Outer], Any]:
        """Each dW_n = dz_n a_nᵀ and db_n = dz_n, and dA_{l-1}."""
        A, Z, A_l = saved
        dZ = dense_preactivation_gradient(backend, self.activation, Z, A_l, dB)
        dA = dense_input_gradient(backend, dZ, p[0]) if needed else None
        return [Outer(dZ, A), Outer(None, dZ)], dA

    def laplacian(
        self, backend: Backend, p: Sequence[Array], saved: Any, of: Second
    ) -> tuple[Second, Any]:
        """The (tA_l, lA_l), and what the next method needs: those of A_{l-1} and of Z_l."""
        from xpnet.equations.laplacians import dense_laplacian

        _, Z, A_l = saved
        found, of_z = dense_laplacian(backend, self.activation, p[0], Z, A_l, of)
        return found, (of, of_z)

    def laplacian_gradients(
        self, backend: Backend, p: Sequence[Array], saved: Any, kept: Any, d: Second
    ) -> tuple[list[Any], Second]:
        """(dW_l, db_l), and the cotangents of A_{l-1}, tA_{l-1} and lA_{l-1}."""
        from xpnet.equations.laplacians import dense_laplacian_gradients

        return dense_laplacian_gradients(backend, self.activation, p[0], saved, kept, d)

    def bounds(
        self, backend: Backend, p: Sequence[Array], stats: Stats, lower: Array, upper: Array
    ) -> tuple[Any, Any]:
        """Bounds of A_l, for A_{l-1} within a box."""
        from xpnet.equations.bounds import activation_bounds, affine_bounds

        Z_bounds = affine_bounds(backend, p[0], p[1], lower, upper)
        return activation_bounds(backend.xp, self.activation, *Z_bounds)

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """W from the initializer, b = 0."""
        name = initializer or default_for(self.activation.name)
        W = initial_weights(name, self.fan_in, self.fan_out, seed, self.number)
        return [W, np.zeros((1, self.fan_out))]

    def initial_stats(self) -> tuple[Host, ...]:
        """No statistics."""
        return ()


def as_layers(name: str, layers: Any) -> tuple[Any, ...]:
    """Return each entry as a layer; a positive integer becomes a dense layer."""
    given = items(f"{name} must be a sequence of positive integers or layers", layers)
    return tuple(
        entry if hasattr(entry, "bind") else Dense(positive_integer(f"{name}[{i}]", entry))
        for i, entry in enumerate(given)
    )
