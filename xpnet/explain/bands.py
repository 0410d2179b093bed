"""Split a page into bands, from top to bottom: one for each layer, then one for the loss.

The left half of a band holds its forward equations, the right half its backward ones. A residual
connection has two bands, one before and one after the bands of the layers within it. The first
holds the input of these layers and the gradient with respect to it, the second holds the sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xpnet.explain.explanation import Explanation
from xpnet.explain.rows import Layer, Row

__all__ = ["Band", "bands"]


class Band(NamedTuple):
    """A group of rows under one title.

    Attributes
    ----------
    title, short : str
        Title of the whole band, and of its backward half if that is shown alone.
    rows : tuple of Row
    layer : Layer or None
        The layer whose parameters are shown above the rows.
    is_inner : bool
        Whether the band lies within a residual connection.
    """

    title: str
    short: str
    rows: tuple[Row, ...]
    layer: Layer | None = None
    is_inner: bool = False

    def half(self, direction: str) -> list[Row]:
        """Return the band's rows of one direction, in the order of computation."""
        return [row for row in self.rows if row.direction == direction]


def bands(explanation: Explanation) -> list[Band]:
    """Return the bands from the top of the page to the bottom.

    Together they are the whole pass: read the forward halves downwards, the backward ones upwards.
    """
    loss = tuple(row for row in explanation if row.layer == "loss")
    return [*_layers(explanation, ""), Band("Loss", "Loss", loss)]


def _layers(explanation: Explanation, inside: str) -> Iterator[Band]:
    """Yield the bands of the layers directly under the prefix ``inside``, such as "3." or ""."""
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
        behind = f"{short}, after the layers within it"
        yield Band(behind, behind, rest, None, is_inner)


def _is_above(row: Row, within: list[Row]) -> bool:
    """Whether the row is shown above the layers within the residual connection.

    A forward row is if it is computed before them, a backward row if it is computed after them.
    """
    beside = [other.number for other in within if other.direction == row.direction]
    return row.number < min(beside) if row.direction == "forward" else row.number > max(beside)
