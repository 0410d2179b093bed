"""L-BFGS on the flat vector, in Array API operations: it runs on the device that holds θ.

    d = −H g      H ≈ (∇²f)⁻¹ from the last pairs s = θ' − θ, y = g' − g
    θ ← θ + a d   a from a strong-Wolfe line search

Nocedal, "Updating quasi-Newton matrices with limited storage" (1980). The host reads a value and a
slope per evaluation, and up to four numbers per iteration. The vectors stay on the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from xpnet.optimizers.line_search import Point, strong_wolfe
from xpnet.optimizers.pairs import Pairs
from xpnet.ranges import PlainSettings, check_not_negative, positive_integer
from xpnet.typing import Array, Namespace

__all__ = ["LBFGS", "Minimization", "Result", "minimize"]

Function = Callable[[Any], tuple[Any, Any]]
Callback = Callable[[int, Any, float], Any]


class Result(NamedTuple):
    """Where a minimisation ended, and why.

    Attributes
    ----------
    theta, gradient : array (P,)
        The lowest point found, and the gradient there.
    value : float
    iterations, evaluations : int
    converged : bool
        Whether a tolerance was met.
    reason : str
        "gradient" or "change": that tolerance was met. "iterations": the limit was reached.
        "callback": it returned something true. "line search": no lower value was found. "not
        finite": the value at the start was not.
    """

    theta: Any
    value: float
    gradient: Any
    iterations: int
    evaluations: int
    converged: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LBFGS(PlainSettings):
    """The settings of `minimize` for a `fit` on all examples at once; an epoch is one iteration.

    Parameters
    ----------
    history : int
        ≥ 1: the number of pairs of vectors that are kept.
    tolerance_gradient : float
        ≥ 0: stop if no entry of the gradient is larger in absolute value.
    tolerance_change : float
        ≥ 0: stop if an iteration lowers the value by at most this times ``max(|f|, |f'|, 1)``,
        where f and f' are the values before and after.
    """

    history: int = 10
    tolerance_gradient: float = 1e-5
    tolerance_change: float = 1e-9
    full_batch = True

    def _check(self) -> None:
        positive_integer("history", self.history)
        check_not_negative("tolerance_gradient", self.tolerance_gradient)
        check_not_negative("tolerance_change", self.tolerance_change)

    def minimize(
        self,
        xp: Namespace,
        value_and_gradient: Function,
        theta: Array,
        max_iterations: int,
        callback: Callback | None = None,
    ) -> Result:
        """Run `minimize` with these settings."""
        positive_integer("max_iterations", max_iterations)
        return self.begun(xp, value_and_gradient, theta).run(max_iterations, callback)

    def begun(self, xp: Namespace, value_and_gradient: Function, theta: Array) -> Minimization:
        """A minimisation at its start, whose state can be read after each iteration."""
        return Minimization(xp, self, value_and_gradient, theta)


def minimize(
    value_and_gradient: Function,
    theta: Array,
    *,
    max_iterations: int = 1000,
    history: int = 10,
    tolerance_gradient: float = 1e-5,
    tolerance_change: float = 1e-9,
    callback: Callback | None = None,
    xp: Namespace | None = None,
) -> Result:
    """Find a local minimum of a smooth function, starting from θ.

    Parameters
    ----------
    value_and_gradient : callable
        Maps θ (P,) to the value, a number or an array (), and the gradient (P,). The gradient must
        be a new array at every call.
    theta : array (P,)
        The starting point; it is not overwritten.
    max_iterations, history, tolerance_gradient, tolerance_change
        As in `LBFGS`.
    callback : callable, optional
        Called as callback(iteration, theta, value) after each iteration. A true result ends the
        minimisation.
    xp : module, optional
        θ's Array API namespace; needed if arrays have no ``__array_namespace__`` (PyTorch's).

    Examples
    --------
    >>> import numpy as np
    >>> found = minimize(lambda x: (float(x @ x), 2 * x), np.asarray([3.0, -4.0]))
    >>> found.reason, bool(abs(found.theta).max() < 1e-5)
    ('gradient', True)
    """
    settings = LBFGS(history, tolerance_gradient, tolerance_change)
    xp = theta.__array_namespace__() if xp is None else xp
    return settings.minimize(xp, value_and_gradient, theta, max_iterations, callback)


class Minimization:
    """The state of one minimisation, which changes from iteration to iteration.

    Attributes
    ----------
    point : Point
        The lowest point found, with its value and gradient.
    before : float
        The value before the last iteration; infinite before the first.
    pairs : Pairs
    iterations, evaluations : int
    """

    def __init__(self, xp: Namespace, settings: LBFGS, function: Function, theta: Array) -> None:
        self.xp, self.settings, self.function = xp, settings, function
        self.pairs = Pairs(xp, settings.history, float(xp.finfo(theta.dtype).eps))
        self.evaluations = self.iterations = 0
        self.before = math.inf
        self.point = self._evaluate(theta, None, 0.0)

    def run(
        self, max_iterations: int, callback: Callback | None = None, stop: bool = False
    ) -> Result:
        """Iterate until there is a reason to stop; with ``stop``, there is one already."""
        reason = self._reason(max_iterations, stop)
        while not reason:
            before = self.point.value
            if not self._iterate():
                reason = "line search"
                break
            self.before, self.iterations = before, self.iterations + 1
            ends = callback and callback(self.iterations, self.point.theta, self.point.value)
            reason = self._reason(max_iterations, bool(ends))
        theta, value, gradient = self.point.theta, self.point.value, self.point.gradient
        converged = reason in ("gradient", "change")
        return Result(theta, value, gradient, self.iterations, self.evaluations, converged, reason)

    def _reason(self, max_iterations: int, stop: bool) -> str:
        """The reason to stop at this point, or ""."""
        if reason := self._reached():
            return reason
        if stop:
            return "callback"
        return "iterations" if self.iterations >= max_iterations else ""

    def _reached(self) -> str:
        """The tolerance that is met at this point, or "not finite", or ""."""
        before, now = self.before, self.point.value
        if not math.isfinite(now):
            return "not finite"
        largest = float(self.xp.max(self.xp.abs(self.point.gradient)))
        if largest <= self.settings.tolerance_gradient:
            return "gradient"
        least = self.settings.tolerance_change * max(abs(before), abs(now), 1.0)
        return "change" if before < math.inf and before - now <= least else ""

    def _iterate(self) -> bool:
        """Search along d, then along −g if that fails; return whether there is a new point."""
        found = self._search()
        if found is None and self.pairs:
            self.pairs.clear()
            found = self._search()
        if found is None:
            return False
        self.point = found
        return True

    def _search(self) -> Point | None:
        theta, g = self.point.theta, self.point.gradient
        d = self.pairs.direction(g)
        slope = float(self.xp.vecdot(g, d))
        if not slope < 0:
            return None
        origin = Point(0.0, self.point.value, slope, theta, g)
        found = strong_wolfe(
            lambda a: self._evaluate(theta, d, a),
            origin,
            1.0 if self.pairs else min(1.0, 1.0 / math.sqrt(-slope)),
        )
        if found is origin:
            return None
        self.pairs.remember(origin, found, d)
        return found

    def _evaluate(self, theta: Array, d: Any, a: float) -> Point:
        at = theta if d is None else theta + d * a
        value, g = self.function(at)
        value, slope = float(value), 0.0
        self.evaluations += 1
        if d is not None:
            slope = float(self.xp.vecdot(g, d)) if math.isfinite(value) else math.nan
        return Point(a, value, slope, at, g)
