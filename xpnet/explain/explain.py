"""Implement ``net.explain``: check the arguments, run the pass, then add warnings to its rows."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.checks.inputs import examples
from xpnet.equations.parameters import Layers, view
from xpnet.errors import quoted
from xpnet.explain.entry import find_entry
from xpnet.explain.explanation import Explanation
from xpnet.explain.findings import with_warnings
from xpnet.explain.record import Log
from xpnet.explain.recorded import symbol
from xpnet.explain.rows import Layer, Parameter
from xpnet.explain.walk import walk
from xpnet.ranges import check_flag
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from xpnet.losses import Loss
    from xpnet.network.predictions import NetworkPasses

__all__ = ["explain"]

_SMALL = 30_000  # most parameters for which the gradient is checked by default
_CHECKED = 4  # number of examples in the gradient check


def explain(
    net: NetworkPasses,
    X: ArrayLike,
    Y: ArrayLike,
    example: int | None = None,
    entry: tuple[int | str, int, int] | None = None,
    *,
    check: bool | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    which: str = "",
) -> Explanation:
    """Return the result of `Network.explain`.

    ``inputs`` and ``outputs`` name the columns of X and of A_L, and ``which`` the examples, if they
    are not to be called by their number in X.
    """
    check_flag("check", check, may_be_open=True)
    names = _names(net, X, inputs), tuple(map(str, outputs or net.classes or ()))
    X, Y = net.in_order(X), net.encode(Y)
    layers, loss = net.decided_by(Y)
    data = examples(net.backend, layers, loss, net.dtype, X, Y)
    X, Y = _pick(data.X, data.Y, example)
    with net.backend.context():
        walk(net, layers, loss, X, Y)  # warm-up, so that one-time work is not timed
        log = walk(net, layers, loss, X, Y)
        errors = _errors(net, layers, X, Y, check)
        found = tuple(_layers(net, log, layers, "", errors))
    rows = with_warnings(log.rows, found)
    picked = None if entry is None else find_entry(rows, entry)
    mean = next(row.mean for row in rows if row.symbol == "loss")
    title = _title(net, loss, mean, which or _which(X.shape[0], example))
    return Explanation(rows, found, mean, title, picked, *names)


def _names(net: NetworkPasses, X: ArrayLike, inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the names of X's columns: as given, those of the fit, or the data frame's."""
    own: Any = net.feature_names or getattr(X, "columns", ())
    return tuple(map(str, own if len(inputs) == 0 else inputs))


def _pick(X: ArrayLike, Y: ArrayLike, example: Any) -> tuple[Any, Any]:
    """Return all examples, or example number ``example`` as a batch of one."""
    if example is None:
        return X, Y
    n = row_number(example, X.shape[0], "X")
    return X[n : n + 1, ...], Y[n : n + 1, ...]


def row_number(example: Any, N: int, of: str) -> int:
    """``example`` as an int, checked to be the number of one of N rows, counted from 0."""
    wrong = TypeError(f"example must be the number of a row of {of}, got {quoted(example)}")
    if isinstance(example, (bool, np.bool_)):
        raise wrong
    try:
        n = index(example)
    except TypeError:
        raise wrong from None
    if not 0 <= n < N:
        raise ValueError(f"example must lie in 0 … {N - 1}, the rows of {of}; got {quoted(n)}")
    return n


def _which(N: int, example: int | None) -> str:
    which = f"{N} examples" if N > 1 else "one example"
    return which if example is None else f"example {example}"


def _title(net: NetworkPasses, loss: Loss, mean: float, which: str) -> str:
    widths = "-".join(map(str, net.sizes))
    where = f"{net.dtype} on {net.backend.name} ({net.device})"
    return f"{widths}, {which}, {loss.name} {mean:.4g}, {where}"


def _layers(
    net: NetworkPasses, log: Log, layers: Layers, inside: str, errors: dict[str, float]
) -> list[Layer]:
    """Return all layers, each followed by the layers within it."""
    found = []
    for number, layer in enumerate(layers, start=1):
        l = f"{inside}{number}"
        activation = layer.activation.name if layer.kind == "dense" else ""
        own = layer.slots[sum(len(child.slots) for child in layer.children) :]
        arrays = [log.host(view(net.backend.xp, net.parameters, slot)) for slot in own]
        parameters = (Parameter(symbol(s.name, l), x) for s, x in zip(own, arrays, strict=True))
        title = " ".join(f"{layer.kind}, {layer.fan_in} → {layer.fan_out}, {activation}".split())
        title = title.rstrip(",")
        found.append(Layer(l, title, layer.kind, activation, tuple(parameters), errors.get(l)))
        found += _layers(net, log, layer.children, f"{l}.", errors)
    return found


def _errors(
    net: NetworkPasses, layers: Layers, X: ArrayLike, Y: ArrayLike, check: bool | None
) -> dict[str, float]:
    """Return each layer's relative gradient error against finite differences, in float64.

    A few of the examples are used. JAX enables float64 only for a whole process, so NumPy computes
    the check of a JAX network in float32.
    """
    if check is False or (check is None and net.parameters.shape[0] > _SMALL):
        return {}
    from xpnet.backends import to_numpy
    from xpnet.network.gradient_check import gradient_check

    other = net.to("numpy") if net.backend.float64_is_global and net.dtype == "float32" else net
    N = X.shape[0]
    rows = np.linspace(0, N - 1, min(_CHECKED, N)).astype(int)  # spread, as tables may be sorted
    few = to_numpy(X)[rows], to_numpy(Y)[rows]
    labels = [str(l) for l, layer in enumerate(layers, start=1) if layer.slots]
    return dict(zip(labels, gradient_check(other, *few, directions=2), strict=True))
