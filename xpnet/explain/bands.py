"""A page's bands, one below the other: a layer each, then the loss.

Forward equations stand in the left half of a band and backward ones in the right half. A residual
connection has two: around the layers within it come what enters them on the way forward, with what
leaves them on the way back, and after them the sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xpnet.explain.explanation import Explanation
from xpnet.explain.rows import Layer, Row

__all__ = ["Band", "bands"]


class Band(NamedTuple):
    """Some rows under one title.

    Attributes
    ----------
    title, short : str
        Of the whole band, and of its backward half where that stands alone.
    rows : tuple of Row
    layer : Layer or None
        Whose parameters are shown above the rows.
    is_inner : bool
        Whether it lies within a residual connection.
    """

    title: str
    short: str
    rows: tuple[Row, ...]
    layer: Layer | None = None
    is_inner: bool = False

    def half(self, direction: str) -> list[Row]:
        """Its rows of that direction, in the order of computation."""
        return [row for row in self.rows if row.direction == direction]


def bands(explanation: Explanation) -> list[Band]:
    """From the top of the page: read down forward, and up backward, they are the whole pass."""
    loss = tuple(row for row in explanation if row.layer == "loss")
    return [*_layers(explanation, ""), Band("Loss", "Loss", loss)]


def _layers(explanation: Explanation, inside: str) -> Iterator[Band]:
    """Those of the layers whose number starts so."""
    for layer in explanation.layers:
        l = layer.label
        if not l.startswith(inside) or l.count(".") != inside.count("."):
            continue
        rows = tuple(row for row in explanation if row.layer == l)
        title, short, is_inner = f"Layer {l}: {layer.title}", f"Layer {l}", bool(inside)
        within = [row for row in explanation if row.layer.startswith(f"{l}.")]
        if not within:
            yield Band(title, short, rows, layer, is_inner)
            continue
        first = tuple(row for row in rows if _is_above(row, within))
        rest = tuple(row for row in rows if not _is_above(row, within))
        yield Band(title, f"{short}, before the layers within it", first, layer, is_inner)
        yield from _layers(explanation, f"{l}.")
        behind = f"{short}, behind the layers within it"
        yield Band(behind, behind, rest, None, is_inner)


def _is_above(row: Row, within: list[Row]) -> bool:
    """Whether it comes before the layers within on the way down, or after them on the way up."""
    beside = [other.number for other in within if other.direction == row.direction]
    return row.number < min(beside) if row.direction == "forward" else row.number > max(beside)
