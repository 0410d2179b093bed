"""Metrics as two functions: statistics of each batch on the device, then a number from them.

    statistics(xp, A, Y, w, loss) -> (..., S)        on the device, of one batch of outputs
    value(parts (B, ..., S)) -> (...)                on the host in float64, of all batches

A batch of replicas (R, N, n_L) gives statistics (R, S), and R numbers. If no statistics of fixed
size suffice (AUC), ``whole`` is True, and ``statistics`` must be given all outputs at once.

A metric is NaN if any output that counts is NaN. Otherwise argmax or a sort would give the NaN some
class or rank. An output counts if its example's weight is above 0 and its target is present. An
infinite output is treated as a number: it ranks first or last, and makes an error infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial, wraps
from typing import Any, ParamSpec

import numpy as np

from xpnet.backends import to_numpy
from xpnet.equations.activation import Activation
from xpnet.equations.returned import ReturnedError
from xpnet.equations.sums import total
from xpnet.errors import quoted
from xpnet.losses import Loss
from xpnet.metrics.counted import OfBatch
from xpnet.pickles import made_by
from xpnet.typing import Array, Host, Namespace

__all__ = [
    "Metric",
    "added",
    "batch_weights",
    "made_again",
    "predictions",
    "ratio",
    "weighted_sums",
]

P = ParamSpec("P")


@dataclass(frozen=True, eq=False, repr=False)
class Metric:
    """A metric: a function for each batch, and one that combines the batches.

    Parameters
    ----------
    name : str
        The metric's name in results and in a history.
    statistics : (xp, A, Y, w, loss) -> (..., S)
        The statistics of one batch. A (..., N, n_L) are predictions (see `predictions`), and Y the
        targets as the loss takes them. w is (..., N) or None. loss is a Loss or None; it says what
        the columns mean if their shapes do not.

        The arrays are given in float64. They are host arrays if the device has no float64 or the
        library is JAX. Outputs that do not count are 0. The result is replaced by NaN if an output
        that counts is NaN.
    value : (parts) -> (...)
        The metric from the statistics of all batches, stacked along a first axis, in float64 on the
        host.
    targets : tuple of str
        The kinds of targets (`Loss.targets`) that the metric accepts.
    whole : bool
        Whether ``statistics`` needs all examples at once.
    larger_is_better : bool
        Whether an early stop looks for the largest value, not the smallest.
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

    def __reduce__(self) -> Any:
        made = self.__dict__.get("_made")  # not a field, so that `dataclasses.replace` drops it
        if made is not None:
            return made_by(made.func, *made.args, **made.keywords)
        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        given["statistics"] = given["statistics"].statistics  # without the `OfBatch` around it
        return made_by(type(self), **given)

    def __call__(
        self, xp: Namespace, A: Array, Y: Array, w: Array | None = None, loss: Loss | None = None
    ) -> Array:
        """The metric of one set of outputs: a float, or an array (R,) for a stack."""
        return self.of_parts([to_numpy(self.statistics(xp, A, Y, w, loss))])

    def of_parts(self, parts: Sequence[Host]) -> Array:
        """The metric from the statistics of all batches: a float, or an array (R,) for a stack."""
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
    """Wrap a maker: its metrics are pickled as the call to it, as their functions cannot be."""

    @wraps(maker)
    def make(*args: P.args, **kwargs: P.kwargs) -> Metric:
        metric = maker(*args, **kwargs)
        metric.__dict__["_made"] = partial(make, *args, **kwargs)
        return metric

    return make


def predictions(xp: Namespace, loss: Loss, activation: Activation, Z: Array) -> Array:
    """The A of a metric: the network's output A_L, or probabilities if Z_L are logits.

    A loss without a function of A is a cross entropy. Its output activation turns Z_L into
    probabilities even if the network's output activation is the identity.
    """
    of = loss.output_activation if loss.of_output is None else activation
    return of.f(xp, Z)


def batch_weights(xp: Namespace, A: Array, w: Array) -> Array:
    """w, or ones (..., N) if w is None."""
    return xp.ones_like(A[..., 0]) if w is None else w


def weighted_sums(xp: Namespace, w: Array, *values: Any) -> Array:
    """Σ_n w_n v_n for each v (..., N), then Σ_n w_n, as (..., len(values) + 1)."""
    return xp.stack([*(total(xp, w * v) for v in values), total(xp, w)], axis=-1)


def added(parts: Host) -> Host:
    """The sum of parts (B, ...) over the B batches, by pairwise summation."""
    return np.asarray(total(np, np.ascontiguousarray(np.moveaxis(parts, 0, -1))))


def ratio(numerator: Any, denominator: Any, where_zero: float = np.nan) -> Host:
    """numerator / denominator, or ``where_zero`` where the denominator is 0."""
    zero = np.equal(denominator, 0)
    return np.where(zero, where_zero, numerator / np.where(zero, 1.0, denominator))
