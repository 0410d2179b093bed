"""What a metric is: sufficient statistics of a batch on the device, and a number from them.

    statistics(xp, A, Y, w, loss) -> (..., S)        on the device, of one batch of outputs
    value(parts (B, ..., S)) -> (...)                on the host in float64, of all batches

A batch of replicas (R, N, n_L) gives (R, S), and R numbers. Where no sums of fixed size suffice
(AUC), ``whole`` says so, and statistics must be given all the outputs at once.

Every metric is NaN if one of the outputs that count is NaN: a class or a rank of NaN would be some
class or rank all the same. An output counts if its example has a weight above 0 and its target is
there. An infinite output is a number: it ranks first or last, and makes an error infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec

import numpy as np

from xpnet.backends import to_numpy
from xpnet.equations.activations import Activation
from xpnet.equations.returned import ReturnedError
from xpnet.equations.sums import total
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.metrics.counted import OfBatch

__all__ = [
    "Metric",
    "added",
    "batch_weights",
    "made_again",
    "predictions",
    "ratio",
    "weighted_sums",
]

Host = np.ndarray[Any, Any]
P = ParamSpec("P")


@dataclass(frozen=True, eq=False, repr=False)
class Metric:
    """A metric: what it needs of each batch, and what it makes of that.

    Parameters
    ----------
    name : str
        What results and a history call it.
    statistics : (xp, A, Y, w, loss) -> (..., S)
        A (..., N, n_L) are predictions (see `predictions`), Y targets as the loss takes them, w
        (..., N) or None, loss a Loss or None: it says what the columns mean where shapes do not.
        The function is given numbers in float64 where the device has it, else host arrays, and 0
        for outputs that do not count; what it returns becomes NaN if one that counts is NaN.
    value : (parts) -> (...)
        From the statistics of all batches, stacked along a first axis, in float64 on the host.
    targets : tuple of str
        The kinds of targets (`Loss.targets`) that it is for.
    whole : bool
        Whether statistics needs every example at once.
    larger_is_better : bool
        What an early stop asks.
    """

    name: str
    statistics: Callable[[Any, Any, Any, Any, Loss | None], Any]
    value: Callable[[Host], Any]
    targets: tuple[str, ...]
    whole: bool = False
    larger_is_better: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.statistics, OfBatch):
            object.__setattr__(self, "statistics", OfBatch(self.statistics, self.name))

    def __repr__(self) -> str:
        return f"Metric({self.name!r})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        made = self.__dict__.get("_made")  # no field: `dataclasses.replace` leaves it behind
        return super().__reduce_ex__(protocol) if made is None else (made, ())

    def __call__(self, xp: Any, A: Any, Y: Any, w: Any = None, loss: Loss | None = None) -> Any:
        """The metric of one set of outputs: a float, or (R,) for a stack."""
        return self.of_parts([to_numpy(self.statistics(xp, A, Y, w, loss))])

    def of_parts(self, parts: Sequence[Host]) -> Any:
        """The metric of a set from the statistics of its batches: a float, or (R,) for a stack."""
        stacked = np.stack([np.asarray(part, dtype=np.float64) for part in parts])
        found = self.value(stacked)
        if np.shape(found) != stacked.shape[1:-1] or np.asarray(found).dtype.kind not in "biuf":
            raise ReturnedError(
                f"value of {self!r} must return a number for one network, an array of the "
                f"shape {stacked.shape[1:-1]}, got {quoted(found, 100)}"
            )
        lost = np.isnan(stacked).all(axis=-1).any(axis=0)
        found = np.where(lost, np.nan, found)
        return float(found) if found.ndim == 0 else found


def made_again(maker: Callable[P, Metric]) -> Callable[P, Metric]:
    """A maker whose metrics are pickled as the call that makes them, since functions cannot be."""

    @wraps(maker)
    def make(*args: P.args, **kwargs: P.kwargs) -> Metric:
        metric = maker(*args, **kwargs)
        metric.__dict__["_made"] = partial(make, *args, **kwargs)
        return metric

    return make


def predictions(xp: Any, loss: Loss, activation: Activation, Z: Any) -> Any:
    """What a metric takes for A: A_L, but probabilities where Z_L are logits.

    A loss without a function of A is a cross entropy, whose own output makes probabilities of Z_L
    even where the network's output is the identity.
    """
    of = loss.output_activation if loss.of_output is None else activation
    return of.f(xp, Z)


def batch_weights(xp: Any, A: Any, w: Any) -> Any:
    """w, or ones (..., N)."""
    return xp.ones_like(A[..., 0]) if w is None else w


def weighted_sums(xp: Any, w: Any, *values: Any) -> Any:
    """Σ_n w_n v_n of each v (..., N), and Σ_n w_n, as (..., len(values) + 1)."""
    return xp.stack([*(total(xp, w * v) for v in values), total(xp, w)], axis=-1)


def added(parts: Host) -> Host:
    """Σ over the batches (B, ...), in pairs."""
    return np.asarray(total(np, np.ascontiguousarray(np.moveaxis(parts, 0, -1))))


def ratio(numerator: Any, denominator: Any, where_zero: float = np.nan) -> Host:
    """numerator / denominator, and ``where_zero`` where that is 0."""
    zero = np.equal(denominator, 0)
    return np.where(zero, where_zero, numerator / np.where(zero, 1.0, denominator))
