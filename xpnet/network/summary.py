"""A network as a table of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpnet.equations.parameters import layout
from xpnet.network.labels import shown

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["summary"]

BYTES = {"float32": 4, "float64": 8}


def summary(net: NetworkState) -> str:
    """Return one line a layer, with the shapes of its parameters, then the totals."""
    rows: list[tuple[str, ...]] = [
        ("layer", "output", "parameters", "activation", "count", "bytes")
    ]
    for l, layer in enumerate(net.layers, start=1):
        rows += _rows(str(l), layer, BYTES[net.dtype])
    P = layout(net.layers).size
    rows.append(("total", "", "", "", f"{P:,}", f"{P * BYTES[net.dtype]:,}"))
    loss = "open until the first fit" if net.loss is None else net.loss.name
    classes = "" if net.classes is None else f"\nclasses {shown(net.classes)}"
    where = f"{net.dtype} on {net.backend.name} ({net.device})"
    return f"{_table(rows)}\nloss {loss}; {where}{classes}"


def _rows(number: str, layer: Any, bytes_each: int) -> list[tuple[str, ...]]:
    """A layer's row, and the rows of the layers within it."""
    within = sum(len(child.slots) for child in layer.children)
    own = layer.slots[within:]
    shapes = ", ".join(f"{slot.name} {slot.shape[0]} × {slot.shape[1]}" for slot in own)
    size = sum(slot.size for slot in own)
    activation = layer.activation.name if layer.kind == "dense" else ""
    row = (f"{number} {layer.kind}", f"{layer.fan_out}", shapes, activation)
    rows: list[tuple[str, ...]] = [(*row, f"{size:,}", f"{size * bytes_each:,}")]
    for l, child in enumerate(layer.children, start=1):
        rows += _rows(f"  {number}.{l}", child, bytes_each)
    return rows


def _table(rows: list[tuple[str, ...]]) -> str:
    widest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        left = [cell.ljust(n) for cell, n in zip(row[:4], widest[:4], strict=True)]
        right = [cell.rjust(n) for cell, n in zip(row[4:], widest[4:], strict=True)]
        lines.append("  ".join((*left, *right)).rstrip())
    rule = "─" * max(map(len, lines))
    return "\n".join((lines[0], rule, *lines[1:-1], rule, lines[-1]))
