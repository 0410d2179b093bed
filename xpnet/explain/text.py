"""Print an explanation as a text table, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from unicodedata import combining

from xpnet.explain.entry import Entry
from xpnet.explain.explanation import Explanation
from xpnet.explain.findings import CHECKED_BY, check_warning
from xpnet.explain.rows import Row, product_flops
from xpnet.explain.units import amount, duration, number, shape

__all__ = ["shortened", "table"]

WIDTH = 100
_EQUATION = 35
_HEAD = ("", "shape", "FLOPs", "bytes", "time", "mean", "std", "norm")
_WIDTHS = (13, 7, 7, 7, 9, 8, 8)  # least widths of all columns but the equation
_READ = (
    "dM is ∂loss/∂M, ∘ the entrywise product, 1ᵀ a row of N ones; examples are rows. Layer l "
    "has n_l units, n_0 is the number of columns of X, and W_l is n_l × the width before it: a "
    "row for each unit. FLOPs of Z_l include the additions of b_l. Bytes: operands read once, "
    "the result written once. A row without a time is computed together with a neighbouring row."
)


def table(explanation: Explanation) -> str:
    """Return the equations in the order of computation, with costs, values and warnings."""
    rows = explanation.rows
    cells = {row.number: _cells(row) for row in rows}
    widths = [max(w, *(len(c[i]) for c in cells.values())) for i, w in enumerate(_WIDTHS)]
    lines = [line for text in (explanation.title, *explanation.notes) for line in _wrapped(text)]
    for direction in ("forward", "backward"):
        lines += ["", *_line(direction, _HEAD[1:], widths)]
        for row in rows:
            if row.direction == direction:
                lines += _line(row.equation, cells[row.number], widths)
                lines += _indented(row.note, "    where ")
                lines += [line for text in row.warnings for line in _indented(text, "  ! ")]
    lines += ["", *_totals(rows), *_checks(explanation)]
    if explanation.entry is not None:
        lines += ["", *_entry(explanation)]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    values = map(number, (row.mean, row.std, row.norm))
    cost = amount(row.flops or None), amount(row.bytes or None, "B"), duration(row.seconds)
    return (shape(row.shape), *cost, *values)


def _line(equation: str, cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of an equation, wrapped if long, with its cells beside the first line."""
    room = min(_EQUATION, max(20, WIDTH - sum(widths) - len(widths)))
    first, *rest = textwrap.wrap(equation, room, subsequent_indent="    ")
    right = "".join(f" {cell:>{w}}" for cell, w in zip(cells, widths, strict=True))
    room += sum(map(bool, map(combining, first)))  # X̂ is two characters in one column
    yield f"{first:{room}}{right}".rstrip()
    yield from rest


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _indented(text: str, mark: str) -> list[str]:
    space = " " * len(mark)
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=space)


def _totals(rows: Sequence[Row]) -> list[str]:
    products = [row for row in rows if row.summed and row.operands[0].symbol != "1ᵀ"]
    flops = sum(product_flops(row.operands[0].shape, row.operands[1].shape) for row in products)
    seconds = sum(row.seconds or 0.0 for row in rows)
    return [
        f"{len(products)} matrix products: {amount(flops)} FLOPs, without the additions of the "
        f"biases; all equations took {duration(seconds)}",
        *textwrap.wrap(_READ, WIDTH),
    ]


def _checks(explanation: Explanation) -> list[str]:
    checked = [layer for layer in explanation.layers if layer.check is not None]
    if not checked:
        return []
    errors = ", ".join(f"layer {layer.label} {layer.check:.1e}" for layer in checked)
    lines = textwrap.wrap(f"{CHECKED_BY}: {errors}", WIDTH)
    for layer in filter(check_warning, checked):
        lines += _indented(f"layer {layer.label}: {check_warning(layer)}", "  ! ")
    return lines


def _entry(explanation: Explanation) -> list[str]:
    entry = explanation.entry
    assert entry is not None
    head = ("n", *entry.factors, "product")
    rows = [head, *shortened(entry), ("", "", "sum", number(entry.value, 6))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
    return [entry.equation, *lines]


def shortened(entry: Entry, most: int = 12) -> list[tuple[str, ...]]:
    """Return the terms as rows of text.

    If there are more than ``most``, only the first and last are shown, and the sum of the others.
    """
    N = len(entry.products)
    half = most // 2 if most < N else N
    shown = [*range(half), *range(max(half, N - half), N)]
    rows: list[tuple[str, ...]] = [
        (str(n), *(number(float(x[n]), 6) for x in (entry.dZ, entry.A, entry.products)))
        for n in shown
    ]
    if most < N:
        between = float(entry.products[half : N - half].sum())
        rows.insert(half, ("…", f"{N - 2 * half} more", "sum to", number(between, 6)))
    return rows
