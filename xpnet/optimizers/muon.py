"""Muon: orthogonalised momentum for the weight matrices, AdamW for the rest."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.errors import quoted
from xpnet.optimizers.moments import adam_coefficients, adam_step, first_moment
from xpnet.optimizers.newton_schulz import orthogonalise
from xpnet.ranges import (
    Kind,
    check_flag,
    check_fraction,
    check_learning_rate,
    check_not_negative,
)

if TYPE_CHECKING:
    from xpnet.equations.parameters import Layout

__all__ = ["Muon"]

SCALES = ("match_rms_adamw", "original")


class _Settings(NamedTuple):
    learning_rate: Any
    momentum: float
    nesterov: bool
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    scale: str
    layout: Layout | None


class Muon(Kind, _Settings):
    """Every weight matrix W (m, n) moves by the orthogonal matrix nearest to its momentum.

        U ← μ U + (1 − μ) G                 H = μ U + (1 − μ) G with nesterov, else U
        O = NS⁵(H)                          U₁V₁ᵀ of H's singular value decomposition, roughly
        W ← (1 − η λ) W − η s O             s = 0.2 √max(m, n)  or, "original",  √max(1, m/n)

    NS: X ← H/max(‖H‖, 1e-7), then five times X ← a X + (b A + c A²) X with A = X Xᵀ and
    (a, b, c) = (3.4445, −4.7750, 2.0315): singular values end between 0.7 and 1.2, and no nearer
    to 1. What is no weight matrix takes Adam's step at the same η (with decay, where it is a
    weight). Jordan et al., "Muon: an optimizer for hidden layers" (2024); Liu et al., "Muon is
    scalable for LLM training" (2025), for s = 0.2 √max(m, n), with which a step is as large as
    AdamW's, so that one η serves both.

    PyTorch's Muon takes matrices alone, has "original" as its default, and runs NS in bfloat16;
    here NS has the network's own precision.

    Parameters
    ----------
    learning_rate : float or schedule
        η, finite and ≥ 0.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether the gradient is counted once more.
    weight_decay : float
        λ ≥ 0, of the weights alone.
    beta1, beta2, epsilon : float
        Adam's, for the rest.
    scale : {"match_rms_adamw", "original"}
        s.
    layout : Layout, optional
        Where the matrices lie in θ; `fit` fills it in, by `bind`.
    """

    __slots__ = ()

    def __new__(
        cls,
        learning_rate: Any = 0.001,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        scale: str = "match_rms_adamw",
        layout: Layout | None = None,
    ) -> Muon:
        """Check the settings."""
        check_learning_rate(learning_rate)
        check_not_negative("weight_decay", weight_decay)
        check_not_negative("epsilon", epsilon)
        for name, value in (("momentum", momentum), ("beta1", beta1), ("beta2", beta2)):
            check_fraction(name, value)
        nesterov = bool(check_flag("nesterov", nesterov))
        if not isinstance(scale, str) or scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {quoted(scale)}")
        return super().__new__(
            cls,
            learning_rate,
            momentum,
            bool(check_flag("nesterov", nesterov)),
            weight_decay,
            beta1,
            beta2,
            epsilon,
            scale,
            layout,
        )

    def bind(self, layout: Layout) -> Muon:
        """The same, knowing where the matrices lie."""
        return self._replace(layout=layout)

    def init(self, xp: Any, theta: Any) -> tuple[Any, ...]:
        """Zeros, part by part of θ: U of a matrix, m and v of what lies between matrices."""
        counts = [(p, 1 if p.shape else 2) for p in _parts(self.layout)]
        return tuple(
            xp.zeros_like(theta[..., p.start : p.stop]) for p, count in counts for _ in range(count)
        )

    def coefficients(self, t: int, rate: float) -> tuple[float, ...]:
        """η, η λ, and Adam's."""
        adam = adam_coefficients(t, rate, self.beta1, self.beta2, self.epsilon)
        return rate, rate * self.weight_decay, *adam

    def update(
        self, xp: Any, c: tuple[Any, ...], g: Any, state: tuple[Any, ...], theta: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """One step; a vector of the size of θ is in use, and a few of the largest matrix's."""
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
        self, xp: Any, shape: tuple[int, int], rate: Any, g: Any, u: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """η s O and U, both flat."""
        (m, n), momentum = shape, self.momentum
        u = first_moment(u, g, momentum)
        h = u * momentum + g * (1.0 - momentum) if self.nesterov else u
        matrix = orthogonalise(xp, xp.reshape(h, (*h.shape[:-1], m, n)))
        scale = math.sqrt(max(1.0, m / n)) if self.scale == "original" else 0.2 * max(m, n) ** 0.5
        return xp.reshape(matrix, h.shape) * (rate * scale), (u,)


class _Part(NamedTuple):
    """A stretch of θ: a matrix, or what lies between."""

    start: int
    stop: int
    shape: tuple[int, int] | None
    decays: bool


@cache
def _parts(layout: Layout | None) -> list[_Part]:
    """All of θ in order."""
    if layout is None:
        raise ValueError(
            "Muon does not know where the matrices lie in θ: bind(layout) tells it (fit does so)"
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
