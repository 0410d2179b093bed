"""A network as a table of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.parameters import count

if TYPE_CHECKING:
    from xpnet.network import Network

__all__ = ["summary"]


def summary(net: Network) -> str:
    """One line a layer, with the shapes of W and b, then totals."""
    bytes_each = {"float32": 4, "float64": 8}[net.dtype]
    rows: list[tuple[str, ...]] = [
        ("layer", "weights", "biases", "activation", "parameters", "bytes")
    ]
    for l, layer in enumerate(net.layers, start=1):
        rows.append(
            (
                f"dense {l}",
                f"{layer.fan_out} × {layer.fan_in}",
                f"{layer.fan_out}",
                layer.activation.name,
                f"{layer.size:,}",
                f"{layer.size * bytes_each:,}",
            )
        )
    P = count(net.layers)
    rows.append(("total", "", "", "", f"{P:,}", f"{P * bytes_each:,}"))
    loss = "open until the first fit" if net.loss is None else net.loss.name
    return f"{_table(rows)}\nloss {loss}; {net.dtype} on {net.backend.name} ({net.device})"


def _table(rows: list[tuple[str, ...]]) -> str:
    widest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        left = [cell.ljust(n) for cell, n in zip(row[:4], widest[:4], strict=True)]
        right = [cell.rjust(n) for cell, n in zip(row[4:], widest[4:], strict=True)]
        lines.append("  ".join((*left, *right)).rstrip())
    rule = "─" * max(map(len, lines))
    return "\n".join((lines[0], rule, *lines[1:-1], rule, lines[-1]))
