"""What a reader should look at: said in the row that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xpnet.explain.rows import Layer, Row

__all__ = ["check_warning", "with_warnings"]

_ENOUGH = 16  # examples, for a share over them to mean something
_DEAD = 0.1  # of a layer's units
_SATURATED = 0.2  # of a layer's entries
_EDGES = {"tanh": (-0.99, 0.99), "sigmoid": (0.005, 0.995)}  # f' is below 2 % of its largest
_SMALLEST, _LARGEST = 1e-7, 10.0  # of ‖dW‖/‖W‖
_CHECK = 1e-4  # what gradient_check calls a mistake, or a kink


def with_warnings(rows: Sequence[Row], layers: Sequence[Layer]) -> tuple[Row, ...]:
    """The rows with what is to be said of each; the output's own activation may saturate."""
    by_label = {layer.label: layer for layer in layers}
    last = layers[-1].label
    return tuple(
        row._replace(warnings=tuple(_warnings(row, by_label.get(row.layer), row.layer == last)))
        for row in rows
    )


def check_warning(layer: Layer) -> str:
    """What is to be said of the layer's gradient check, or nothing."""
    if layer.check is None or layer.check <= _CHECK:
        return ""
    return (
        f"the gradient differs from differences of the loss by {layer.check:.1e}: a mistake, or a "
        "kink (relu) close to an example"
    )


def _warnings(row: Row, layer: Layer | None, is_last: bool) -> Iterator[str]:
    wrong = int(np.size(row.array) - np.isfinite(row.array).sum())
    if wrong:
        yield f"{wrong:,} of {row.array.size:,} entries are not finite"
        return
    if layer is None:
        return
    if row.symbol == f"A_{layer.label}" and not is_last:
        yield from _units(row, layer.activation)
    if row.symbol == f"dW_{layer.label}":
        yield from _ratio(row, layer)


def _units(row: Row, activation: str) -> Iterator[str]:
    if activation == "relu" and row.shape[-2] >= _ENOUGH:
        dead = float((row.array == 0).all(axis=-2).mean())
        if dead >= _DEAD:
            yield f"{dead:.0%} of the relu units are 0 for all {row.shape[-2]} examples"
    if activation in _EDGES:
        low, high = _EDGES[activation]
        share = float(((row.array < low) | (row.array > high)).mean())
        if share >= _SATURATED:
            yield f"{share:.0%} of the entries are saturated: {activation}' is almost 0 there"


def _ratio(row: Row, layer: Layer) -> Iterator[str]:
    W = float(np.linalg.norm(layer.parameters[0].array.astype(np.float64)))
    if not (W > 0 and np.isfinite(W)):
        return
    ratio = row.norm / W
    name = f"‖{row.symbol}‖/‖{layer.parameters[0].symbol}‖ = {ratio:.1e}"
    if ratio < _SMALLEST:
        yield f"{name} is small: unless the loss is near its least, nothing is learned here"
    if ratio > _LARGEST:
        yield f"{name} is large: a step of plain gradient descent would leap"
