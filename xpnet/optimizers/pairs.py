"""The curvature that L-BFGS remembers: the last pairs s = θ' − θ, y = g' − g."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from xpnet.optimizers.line_search import Point
from xpnet.typing import Array, Namespace

__all__ = ["Pair", "Pairs"]


class Pair(NamedTuple):
    """A pair s, y with two products of it."""

    s: Any
    y: Any
    curvature: float  # s·y
    scale: float  # s·y / y·y; H starts as this multiple of 1


class Pairs:
    """The approximation H of an inverse Hessian from the last pairs, the newest at the end."""

    def __init__(self, xp: Namespace, history: int, epsilon: float) -> None:
        self.xp, self.epsilon = xp, epsilon
        self.pairs: deque[Pair] = deque(maxlen=history)

    def __len__(self) -> int:
        return len(self.pairs)

    def clear(self) -> None:
        """Forget all pairs: H = 1 again, the identity."""
        self.pairs.clear()

    def remember(self, origin: Point, found: Point, d: Any) -> None:
        """Keep the pair only if f curves upwards along it, so that H stays positive definite."""
        s, y = d * found.step, found.gradient - origin.gradient
        curvature = float(self.xp.vecdot(s, y))
        if curvature > self.epsilon * -origin.slope * found.step:
            scale = curvature / float(self.xp.vecdot(y, y))
            self.pairs.append(Pair(s, y, curvature, scale))

    def direction(self, g: Array) -> Array:
        """−H g, by two loops over the pairs; the host reads no numbers."""
        q, shares = -g, []
        for s, y, curvature, _ in reversed(self.pairs):
            shares.append(self.xp.vecdot(s, q) / curvature)
            q -= y * shares[-1]
        if self.pairs:
            q *= self.pairs[-1].scale
        for (s, y, curvature, _), share in zip(self.pairs, reversed(shares), strict=True):
            q += s * (share - self.xp.vecdot(y, q) / curvature)
        return q
