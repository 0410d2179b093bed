"""Find what a reader should look at, and attach it as a warning to the row concerned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xpnet.explain.rows import Layer, Operand, Row

__all__ = ["CHECKED_BY", "check_said", "check_warning", "with_warnings"]

CHECKED_BY = "gradient against finite differences of the loss, relative error, in float64"

_ENOUGH = 16  # least number of examples from which to judge a relu unit dead
_DEAD = 0.1  # least share of a layer's units
_SATURATED = 0.2  # least share of a layer's entries
_EDGES = {"tanh": (-0.99, 0.99), "sigmoid": (0.005, 0.995)}  # f' is below 2 % of its largest
_SMALLEST, _LARGEST = 1e-7, 10.0  # limits of ‖dW‖/‖W‖
_CHECK = 1e-4  # the relative error above which gradient_check suspects a mistake or a kink


def with_warnings(rows: Sequence[Row], layers: Sequence[Layer]) -> tuple[Row, ...]:
    """Return the rows with their warnings.

    The output layer's activation is not checked: it may saturate. If a row's operands already hold
    values that are not finite, the row is not warned about again.
    """
    by_label = {layer.label: layer for layer in layers}
    last, spoiled, found = layers[-1].label, set[str](), []
    for row in rows:
        if np.isfinite(row.array).all():
            said = tuple(_warnings(row, by_label.get(row.layer), row.layer == last))
        else:
            said = () if spoiled & set(map(_read, row.operands)) else (_not_finite(row),)
            spoiled.add(row.symbol)
        found.append(row._replace(warnings=said))
    return tuple(found)


def _read(operand: Operand) -> str:
    """Return the symbol of the row that the operand comes from: dZ_2 for dZ_2ᵀ or a part of it."""
    return operand.symbol.removesuffix("ᵀ").partition("[")[0]


def _not_finite(row: Row) -> str:
    """Return the warning for the first row that is not finite; later rows follow from it."""
    wrong = int(row.array.size - np.isfinite(row.array).sum())
    return (
        f"{wrong:,} of {row.array.size:,} entries are not finite, and the problem begins here: "
        "results computed from them get no warning"
    )


def check_said(layer: Layer) -> str:
    """Return the layer's gradient check in words."""
    return f"{CHECKED_BY}: {layer.check:.1e}"


def check_warning(layer: Layer) -> str:
    """Return the warning about the layer's gradient check, or "" if there is none."""
    if layer.check is None or layer.check <= _CHECK:
        return ""
    return (
        f"the gradient differs from finite differences of the loss by {layer.check:.1e} of its "
        "size, in float64: a mistake, or a kink (relu) close to an example"
    )


def _warnings(row: Row, layer: Layer | None, is_last: bool) -> Iterator[str]:
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
        yield f"{name} is small: unless the loss is near its minimum, this layer learns nothing"
    if ratio > _LARGEST:
        yield f"{name} is large: a step of plain gradient descent would overshoot"
