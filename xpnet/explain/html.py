"""Show an explanation as HTML: one band for each layer, forward on the left, backward on the right.

The page has no script and loads nothing from a network. If a notebook refuses the style sheet, it
shows the text table instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from uuid import uuid4

from xpnet.explain.bands import Band, bands
from xpnet.explain.cards import card, figure
from xpnet.explain.explanation import Explanation
from xpnet.explain.findings import check_said, check_warning
from xpnet.explain.legend import legend
from xpnet.explain.mathml import mathml
from xpnet.explain.rows import Layer, Row
from xpnet.explain.text import shortened, table
from xpnet.explain.units import number
from xpnet.pages.document import document, grid
from xpnet.pages.style import STYLE

__all__ = ["fragment", "page"]

_NAMES = 10  # most rows of names in a table


def page(explanation: Explanation) -> str:
    """Return a whole HTML document."""
    return document(f"xpnet: {explanation.title}", fragment(explanation))


def fragment(explanation: Explanation) -> str:
    """Return HTML for a notebook: the style, the text shown without it, and the bands."""
    key = f"x{uuid4().hex[:8]}-"  # unique, as a document may hold two fragments
    return (
        f"<div><style>{STYLE}</style>"
        f'<pre class="xpnet-fallback">{escape(table(explanation))}</pre>'
        f'<div class="xpnet-page" style="display:none" hidden><h1>One pass, every equation</h1>'
        f"<p>{escape(explanation.title)}</p>{_notes(explanation)}{legend(explanation, key)}"
        f"{_entry(explanation)}{_inputs(explanation, key)}{_pass(explanation, key)}</div></div>"
    )


def _notes(explanation: Explanation) -> str:
    return "".join(f"<p>{escape(note)}</p>" for note in explanation.notes)


def _inputs(explanation: Explanation, key: str) -> str:
    """Return X and Y beside each other."""
    given = [row for row in explanation if row.layer == "0"]
    return (
        f'<section class="band"><h2>Input and targets</h2><div class="pair">{_cards(given, key)}'
        f"</div>{_columns(explanation)}</section>"
    )


def _pass(explanation: Explanation, key: str) -> str:
    """Return a grid of two columns, written in the order of computation for screen readers.

    The forward halves of all bands come first, then the backward ones from the last band to the
    first. The line number places each backward half beside its forward half.
    """
    found = bands(explanation)
    lines = [(band, 2 + 2 * at) for at, band in enumerate(found)]
    down = "".join(_forward(band, line, key) for band, line in lines)
    up = "".join(_backward(band, line + 1, key) for band, line in reversed(lines))
    end = f'<div class="wide" {_line(2 + 2 * len(found))}>{_outputs(explanation)}</div>'
    return (
        f'<div class="pass"><h2 class="way down" {_line(1)}>Forward</h2>{down}{end}'
        f'<h2 class="way up" {_line(1)}>Backward</h2>{up}</div>'
    )


def _line(number: int) -> str:
    return f'style="--line-of:{number}"'


def _forward(band: Band, line: int, key: str) -> str:
    """Return the band's title and parameters across both columns, then its forward rows."""
    inner = " inner" if band.is_inner else ""
    above = "" if band.layer is None else _parameters(band.layer)
    return (
        f'<div class="wide head{inner}" {_line(line)}><h3>{escape(band.title)}</h3>{above}</div>'
        f'<div class="down{inner}" {_line(line + 1)}>{_cards(band.half("forward"), key)}</div>'
    )


def _backward(band: Band, line: int, key: str) -> str:
    """Return the band's backward rows; their title is shown only if there is a single column."""
    rows = band.half("backward")
    title = f"<h3>{escape(band.short)}, backward</h3>" if rows else ""
    return f'<div class="up" {_line(line)}>{title}{_cards(rows, key)}</div>'


def _cards(rows: Sequence[Row], key: str) -> str:
    return "".join(card(row, f"{key}{row.number}") for row in rows)


def _parameters(layer: Layer) -> str:
    pictures = "".join(figure(p.symbol, p.array) for p in layer.parameters)
    if layer.check is None:
        return pictures
    warning = check_warning(layer)
    if warning:
        return f'{pictures}<p class="warning">⚠ {escape(warning)}</p>'
    return f'{pictures}<p class="dim">{escape(check_said(layer))}</p>'


def _columns(explanation: Explanation) -> str:
    """Return a table of the columns of X: number, name and mean."""
    X = explanation["A_0"].array
    if len(explanation.inputs) != X.shape[-1]:
        return ""
    rows = [
        (str(j), name, number(float(X[:, j].mean()))) for j, name in enumerate(explanation.inputs)
    ]
    return grid(_shortened(rows), ("column", "input", "mean"))


def _outputs(explanation: Explanation) -> str:
    """Return a table of the outputs by name: means of A_L and Y, sum of dZ_L over the examples."""
    A, dZ = _last(explanation, "A_"), _last(explanation, "dZ_")
    n = A.array.shape[-1]
    names = explanation.outputs if len(explanation.outputs) == n else [str(k) for k in range(n)]
    Y = explanation["Y"].array
    targets = Y.mean(axis=0) if Y.shape == A.shape else None
    rows = [
        (
            str(k),
            name,
            number(float(A.array[:, k].mean())),
            "" if targets is None else number(float(targets[k])),
            number(float(dZ.array[:, k].sum())),
        )
        for k, name in enumerate(names)
    ]
    head = ("column", "output", f"mean of {A.symbol}", "mean of Y", f"sum of {dZ.symbol}")
    return grid(_shortened(rows), head)


def _last(explanation: Explanation, start: str) -> Row:
    label = explanation.layers[-1].label
    return explanation[f"{start}{label}"]


def _shortened(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(rows) <= _NAMES:
        return list(rows)
    half = _NAMES // 2
    blank = tuple("" for _ in rows[0][1:])
    return [*rows[:half], ("…", *blank), *rows[-half:]]


def _entry(explanation: Explanation) -> str:
    """Return the dot product behind one entry of dW."""
    entry = explanation.entry
    if entry is None:
        return ""
    total = ("sum", "", "", number(entry.value, 6))
    rows = [*shortened(entry), total]
    return (
        f'<section class="band"><h2>{mathml(entry.equation)}</h2>'
        f"{grid(list(rows), ('n', *entry.factors, 'product'))}</section>"
    )
