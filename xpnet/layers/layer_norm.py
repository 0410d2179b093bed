"""Layer normalisation: every example is scaled to mean 0 and variance 1 over its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends.base import Backend
from xpnet.equations.parameters import Allocator, Slot
from xpnet.equations.protocol import Context, Defaults, Stats
from xpnet.layers.normalization import affine_gradients, input_gradient, normalize
from xpnet.pickles import Pickled
from xpnet.ranges import check_not_negative
from xpnet.typing import Array, Host

__all__ = ["LayerNorm", "LayerNormLayer"]


class LayerNorm(Pickled):
    """B = γ ∘ (A − μ)/√(variance + ε) + β, with μ and variance over the features of an example.

    Ba, Kiros and Hinton, "Layer normalization" (2016). The variance is the biased one, as in
    PyTorch. γ starts at 1, β at 0.

    Parameters
    ----------
    epsilon : float
        ε ≥ 0, inside the root.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        check_not_negative("epsilon", epsilon)
        self.epsilon = float(epsilon)

    def __repr__(self) -> str:
        return f"LayerNorm(epsilon={self.epsilon})"

    def bind(self, fan_in: int, allocator: Allocator, defaults: Defaults) -> LayerNormLayer:
        """Return the bound layer for inputs of width ``fan_in``."""
        allocator.number()
        return LayerNormLayer(
            fan_in, self.epsilon, allocator.row("gain", fan_in), allocator.row("shift", fan_in)
        )

    def config(self) -> dict[str, Any]:
        """Plain data for a saved model."""
        return {"layer": "layer_norm", "epsilon": self.epsilon}


class LayerNormLayer(NamedTuple):
    """Bound layer normalisation."""

    fan_in: int
    epsilon: float
    gain: Slot
    shift: Slot

    kind: str = "layer norm"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    @property
    def fan_out(self) -> int:
        """Width of the output, that of the input."""
        return self.fan_in

    @property
    def slots(self) -> tuple[Slot, ...]:
        """γ and β."""
        return self.gain, self.shift

    def forward(
        self, backend: Backend, p: Sequence[Array], stats: Stats, A: Array, ctx: Context
    ) -> tuple[Array, Array, Stats]:
        """γ ∘ X̂ + β."""
        gain, shift = p
        X_hat, inverse, _, _ = normalize(backend.xp, A, -1, self.epsilon)
        return gain * X_hat + shift, (X_hat, inverse), ()

    def gradients(
        self,
        backend: Backend,
        p: Sequence[Array],
        saved: Any,
        dB: Array,
        g: Sequence[Array],
        needed: bool,
    ) -> tuple[list[Array], Array]:
        """(dγ, dβ) and dA."""
        X_hat, inverse = saved
        dp = affine_gradients(backend, dB, X_hat, g)
        return dp, input_gradient(backend.xp, dB * p[0], X_hat, inverse, -1)

    def initial(self, seed: int, initializer: str | None) -> list[Host]:
        """γ = 1, β = 0."""
        return [np.ones((1, self.fan_in)), np.zeros((1, self.fan_in))]

    def initial_stats(self) -> tuple[Host, ...]:
        """No statistics."""
        return ()
