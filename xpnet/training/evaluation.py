"""The losses of examples, their mean and metrics over a data set, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends import Backend, move
from xpnet.checks.inputs import Examples
from xpnet.engines.own_batches import gather
from xpnet.engines.pieces import pieces
from xpnet.engines.placement import rows_that_fit
from xpnet.equations import passes
from xpnet.equations.parameters import Layers, for_each, n_networks
from xpnet.losses import Loss, per_example
from xpnet.metrics import Metric, find_metric, predictions
from xpnet.training.history import History
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["evaluate", "losses", "metrics_for", "validate"]

_NUMBERS_AT_ONCE = 2**22  # numbers of the widest layer in a batch: 16 MB in float32


def metrics_for(asked: Sequence[str | Metric], loss: Loss, n_outputs: int, classes: bool) -> Any:
    """The requested metrics; accuracy if none is requested and the targets are classes."""
    names = asked or (("accuracy",) if classes else ())
    return [find_metric(name, loss, n_outputs) for name in names]


def evaluate(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    theta: Array,
    data: Examples,
    batch_size: int | None = None,
    stats: tuple[Array, ...] = (),
    metrics: Sequence[Metric] = (),
) -> dict[str, Any]:
    """Return {"loss": Σ w loss / Σ w} and each metric by name: floats, or (R,) for a stack's θ.

    Each example's loss, and each metric's statistics of a batch, are read to the host at the end
    and added up there in float64. The host waits for the device once, and once more a metric.
    """
    w, index = data.w, None
    if data.own is not None:
        rows, w = data.own.filled()
        index = backend.from_numpy(rows.astype(backend.index_dtype))
    size = batch_size or _rows_at_once(backend, layers, theta)
    each: list[Any] = []
    outputs: list[Any] = []
    parts: dict[str, list[Any]] = {metric.name: [] for metric in metrics}
    with backend.context():
        xp, f = backend.xp, layers[-1].activation
        weights = None if w is None else move(backend, w, str(np.dtype(_dtype(theta))))
        passed = _passes(backend, layers, theta, stats, size, data, weights, index)
        for Z, y, w_part in passed:
            A = predictions(xp, loss, f, Z) if metrics else None
            if any(metric.whole for metric in metrics):
                outputs.append(A)
            for metric in metrics:
                if not metric.whole:
                    found = metric.statistics(xp, A, y, w_part, loss)
                    parts[metric.name].append(found)
            each.append(per_example(xp, loss, f, Z, y)[0])
        for metric in metrics:
            if metric.whole:
                A = xp.concat(outputs, axis=-2)
                y, w_all = _targets(backend, theta, data.Y, weights, index)
                whole = metric.statistics(xp, A, y, w_all, loss)
                parts[metric.name].append(whole)
        every = backend.to_numpy(xp.concat(each, axis=-1)).astype(np.float64)
        read = {name: list(backend.to_numpy(xp.stack(found))) for name, found in parts.items()}
    if w is not None:
        every = np.where(w > 0, every, 0.0)  # NaN and infinity at weight 0 count for nothing
    mean = np.average(every, axis=-1, weights=w)
    results: dict[str, Any] = {"loss": float(mean) if mean.ndim == 0 else mean}
    return results | {metric.name: metric.of_parts(read[metric.name]) for metric in metrics}


def losses(
    backend: Backend,
    layers: Layers,
    loss: Loss,
    theta: Array,
    data: Examples,
    batch_size: int | None = None,
    stats: tuple[Array, ...] = (),
) -> Any:
    """Return loss_n of every example, without weights: (N,), or (R, N) for a stack's θ."""
    size = batch_size or _rows_at_once(backend, layers, theta)
    xp, f = backend.xp, layers[-1].activation
    with backend.context():
        passed = _passes(backend, layers, theta, stats, size, data)
        return xp.concat([per_example(xp, loss, f, Z, y)[0] for Z, y, _ in passed], axis=-1)


def _passes(
    backend: Backend,
    layers: Layers,
    theta: Array,
    stats: tuple[Array, ...],
    size: int,
    data: Examples,
    w: Array | None = None,
    index: Array | None = None,
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield Z_L, Y and w of the examples, ``size`` at a time, on the device.

    ``index`` (R, M) has the rows of each network of a stack, if they do not share all of them.
    """
    if index is None:
        for x, y, w_part in pieces(backend, size, data.X, data.Y, w):
            Z = passes.forward(backend, layers, theta, x, stats).Z
            yield Z, for_each(backend.xp, theta, y), for_each(backend.xp, theta, w_part)
        return
    for start in range(0, index.shape[1], size):
        part = slice(start, min(start + size, index.shape[1]))
        x, y = (gather(backend, each, index[:, part]) for each in (data.X, data.Y))
        Z = passes.forward(backend, layers, theta, x, stats).Z
        yield Z, y, None if w is None else w[:, part]


def _targets(
    backend: Backend, theta: Array, Y: Array, w: Array | None, index: Array | None
) -> tuple[Any, Any]:
    """Y and w of all examples, on the device; for a stack, with an axis R."""
    if index is not None:
        return gather(backend, Y, index), w
    return for_each(backend.xp, theta, move(backend, Y)), for_each(backend.xp, theta, w)


def _rows_at_once(backend: Backend, layers: Layers, theta: Array) -> int:
    """The examples of a pass: few enough for the cache, and for the device's free memory."""
    size = max(1, _NUMBERS_AT_ONCE // (n_networks(theta) * _width(layers)))
    fitting = rows_that_fit(backend, layers, _dtype(theta), n_networks(theta))
    return min(size, fitting or size)


def _width(layers: Layers) -> int:
    """The largest width of a pass's arrays; an embedding's has a column for each category."""
    shapes = (slot.shape for layer in layers for slot in layer.slots)
    widest: int = max(layers[0].fan_in, *(max(shape) for shape in shapes))
    return widest


def validate(
    net: NetworkState,
    data: Examples,
    metrics: Sequence[Metric],
    history: History,
    marked: Callable[[Any], Any],
) -> None:
    """Write the network's loss and metrics on validation data, ``marked``, into the history."""
    assert net.loss is not None
    fixed = net.backend, net.layers, net.loss, net.parameters
    results = evaluate(*fixed, data, None, net.statistics, metrics)
    results = {name: marked(np.asarray(value).tolist()) for name, value in results.items()}
    history.validation_loss.append(results.pop("loss"))
    for name, value in results.items():
        history.metrics.setdefault(f"validation_{name}", []).append(value)


def _dtype(theta: Array) -> str:
    return str(theta.dtype).rpartition(".")[2]
