"""Muon: orthogonalised momentum for the weight matrices, AdamW for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.errors import quoted
from xpnet.optimizers.moments import adam_coefficients, adam_step, first_moment
from xpnet.optimizers.newton_schulz import orthogonalise
from xpnet.ranges import (
    PlainSettings,
    check_flag,
    check_fraction,
    check_learning_rate,
    check_not_negative,
    is_choice,
)
from xpnet.typing import Array, Namespace

if TYPE_CHECKING:
    from xpnet.equations.parameters import Layout

__all__ = ["Muon"]

SCALES = ("match_rms_adamw", "original")


@dataclass(frozen=True, slots=True)
class Muon(PlainSettings):
    """Orthogonalised momentum for weight matrices W (m, n), Adam's step for everything else.

        U ← μ U + (1 − μ) G                 H = μ U + (1 − μ) G with nesterov, else U
        O = NS⁵(H)                          approximately U₁V₁ᵀ of H's singular value decomposition
        W ← (1 − η λ) W − η s O             s = 0.2 √max(m, n)  or, "original",  √max(1, m/n)

    O approximates the orthogonal matrix nearest to H. NS, a Newton-Schulz iteration, starts at
    X ← H/max(‖H‖, 1e-7) and applies X ← a X + (b A + c A²) X five times, with A = X Xᵀ and
    (a, b, c) = (3.4445, −4.7750, 2.0315). Singular values end between 0.7 and 1.2, and no nearer
    to 1.

    All other parameters take Adam's step at the same η; those that are weights also decay. Jordan
    et al., "Muon: an optimizer for hidden layers" (2024); Liu et al., "Muon is scalable for LLM
    training" (2025), for s = 0.2 √max(m, n). With that s a step is as large as AdamW's, so one η
    serves both.

    PyTorch's Muon accepts only matrices, defaults to "original" and runs NS in bfloat16. Here NS
    has the network's precision.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether H adds the gradient to the momentum once more.
    weight_decay : float
        λ ≥ 0, for the weights only.
    beta1, beta2, epsilon : float
        Adam's, for the other parameters.
    scale : {"match_rms_adamw", "original"}
        The formula for s.
    layout : Layout, optional
        Where the matrices lie in θ; `fit` sets it by `bind`.
    """

    learning_rate: Any = 0.001
    momentum: float = 0.95
    nesterov: bool = True
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    scale: str = "match_rms_adamw"
    layout: Layout | None = None

    def _check(self) -> None:
        check_learning_rate(self.learning_rate)
        check_not_negative("weight_decay", self.weight_decay)
        check_not_negative("epsilon", self.epsilon)
        check_fraction("momentum", self.momentum)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_flag("nesterov", self.nesterov)
        if not is_choice(self.scale, SCALES):
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {quoted(self.scale)}")

    def bind(self, layout: Layout) -> Muon:
        """The same optimizer, told by ``layout`` where the matrices lie."""
        return self._replace(layout=layout)

    def init(self, xp: Namespace, theta: Array) -> tuple[Array, ...]:
        """Zeros for each part of θ: U for a matrix, m and v for a stretch between matrices."""
        counts = [(p, 1 if p.shape else 2) for p in _parts(self.layout)]
        return tuple(
            xp.zeros_like(theta[..., p.start : p.stop]) for p, count in counts for _ in range(count)
        )

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """η, η λ, then Adam's coefficients."""
        adam = adam_coefficients(t, rate, self.beta1, self.beta2, self.epsilon)
        return rate, rate * self.weight_decay, *adam

    def update(
        self, xp: Namespace, c: tuple[Any, ...], g: Array, state: tuple[Array, ...], theta: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """Take one step; g may be overwritten.

        Memory: two vectors of θ's size, and a few of the largest matrix's.
        """
        rate, decay, *adam = c
        old, new, steps = iter(state), list[Any](), list[Any]()
        for start, stop, shape, decays in _parts(self.layout):
            part = g[..., start:stop]
            if shape:
                step, moments = self._matrix(xp, shape, rate, part, next(old))
            else:
                pair = next(old), next(old)
                step, moments = adam_step(
                    xp, (adam[0], adam[1]), part, pair, self.beta1, self.beta2
                )
            steps.append(step + theta[..., start:stop] * decay if decays else step)
            new += moments
        theta -= xp.concat(steps, axis=-1)
        return theta, tuple(new)

    def _matrix(
        self, xp: Namespace, shape: tuple[int, int], rate: Any, g: Array, u: Array
    ) -> tuple[Array, tuple[Array, ...]]:
        """The step η s O and the new U, both flat."""
        (m, n), momentum = shape, self.momentum
        u = first_moment(u, g, momentum)
        h = u * momentum + g * (1.0 - momentum) if self.nesterov else u
        matrix = orthogonalise(xp, xp.reshape(h, (*h.shape[:-1], m, n)))
        scale = math.sqrt(max(1.0, m / n)) if self.scale == "original" else 0.2 * max(m, n) ** 0.5
        return xp.reshape(matrix, h.shape) * (rate * scale), (u,)


class _Part(NamedTuple):
    """A stretch of θ: one matrix, or the parameters between two matrices."""

    start: int
    stop: int
    shape: tuple[int, int] | None
    decays: bool


@cache
def _parts(layout: Layout | None) -> list[_Part]:
    """The parts of θ, in order; together they are all of it."""
    if layout is None:
        raise ValueError(
            "Muon does not know where the matrices are in θ: call bind(layout) as fit does"
        )
    cuts: list[tuple[int, int, tuple[int, int] | None]] = [
        (offset, offset + m * n, (m, n)) for offset, m, n in layout.matrices
    ]
    cuts += [(layout.n_weights, layout.n_weights, None), (layout.size, layout.size, None)]
    parts, at = [], 0
    for start, stop, shape in sorted(cuts, key=lambda cut: cut[:2]):
        if start > at:
            parts.append(_Part(at, start, None, at < layout.n_weights))
        if stop > start:
            parts.append(_Part(start, stop, shape, start < layout.n_weights))
        at = stop
    return parts
