"""A loss times a number, for the conventions of other libraries: factor · loss_n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xpnet.equations.built_in import built_in, is_built_in, one_of_each
from xpnet.errors import quoted
from xpnet.losses.loss import Loss, LossFunction, differentiated
from xpnet.ranges import check_positive
from xpnet.typing import Array, Namespace

__all__ = ["Scaled", "names_within"]


def Scaled(loss: Loss, factor: float) -> Loss:
    """Return the loss times ``factor``.

    With ½, `squared_error` is the loss of scikit-learn's regressor. With n_L, a mean over the
    outputs is their sum.

    Parameters
    ----------
    loss : Loss
    factor : float
        Finite and above 0.

    Raises
    ------
    TypeError
        ``loss`` is not a `Loss`.
    ValueError
        The loss is scaled already, or the factor is not a finite number above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.losses import LOSSES, Scaled
    >>> half = Scaled(LOSSES["squared_error"], 0.5)
    >>> losses, dA = half.of_output(np, np.asarray([[3.0]]), np.asarray([[1.0]]))
    >>> losses.tolist(), dA.tolist()
    ([2.0], [[2.0]])
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"Scaled takes a Loss, such as xpnet.losses.Huber(), got {quoted(loss)}")
    check_positive("factor", factor)
    if names_within(loss.config, "scaled"):
        raise ValueError(f"loss {loss.name!r} is already scaled: multiply the factors")
    return loss if factor == 1 else _scaled(loss, float(factor))


def names_within(config: Any, name: str) -> bool:
    """Whether a loss's config, or that of the loss within it, has this name.

    A loss is masked at most once and scaled at most once, so no config is deeper.
    """
    if not isinstance(config, Mapping):
        return False
    inner = config.get("loss")
    within = isinstance(inner, Mapping) and inner.get("name") == name
    return config.get("name") == name or within


@one_of_each
def _scaled(loss: Loss, factor: float) -> Loss:
    known = is_built_in(loss)
    config = {"name": "scaled", "loss": dict(loss.config or {}), "factor": factor}
    scaled = replace(
        loss,
        name=f"scaled_{loss.name}",
        of_output=None if loss.of_output is None else _times_all(loss, None, factor),
        of_preactivation={n: _times_all(loss, n, factor) for n in loss.of_preactivation},
        second_of_output=None,
        second_of_preactivation={},
        fisher_of_output=None,
        config=config if known else None,
    )
    return built_in(scaled) if known else scaled


def _times_all(loss: Loss, output: str | None, factor: float) -> Any:
    function, *seconds = loss.functions(output)
    return differentiated(_times(function, factor), *(_times_second(f, factor) for f in seconds))


def _times_second(function: Any, factor: float) -> Any:
    if function is None:
        return None

    def scaled(xp: Namespace, A: Array, Y: Array, tA: Array) -> Array:
        return function(xp, A, Y, tA) * factor

    return scaled


def _times(function: LossFunction, factor: float) -> LossFunction:
    def scaled(xp: Namespace, A: Array, Y: Array) -> tuple[Array, Array]:
        losses, dA = function(xp, A, Y)
        return losses * factor, dA * factor

    return scaled
