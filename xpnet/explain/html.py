"""An explanation as HTML: a band a layer, forward on the left and backward on the right.

No script, nothing from a network. Where a style sheet is refused, the table of text is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from uuid import uuid4

from xpnet.explain.cards import card, figure, grid
from xpnet.explain.document import document
from xpnet.explain.explanation import Explanation
from xpnet.explain.findings import check_warning
from xpnet.explain.legend import legend
from xpnet.explain.mathml import mathml
from xpnet.explain.rows import Layer, Row
from xpnet.explain.style import STYLE
from xpnet.explain.text import shortened, table
from xpnet.explain.units import number

__all__ = ["fragment", "page"]

_NAMES = 10  # of columns in a table


def page(explanation: Explanation) -> str:
    """A whole document."""
    return document(f"xpnet: {explanation.title}", fragment(explanation))


def fragment(explanation: Explanation) -> str:
    """For a notebook: the style, the text where it is refused, and the bands."""
    key = f"x{uuid4().hex[:8]}-"  # two of them may stand in one document
    bands = "".join(_bands(explanation, key))
    return (
        f"<div><style>{STYLE}</style>"
        f'<pre class="xpnet-fallback">{escape(table(explanation))}</pre>'
        f'<div class="xpnet-page" style="display:none" hidden><h1>One pass, every equation</h1>'
        f"<p>{escape(explanation.title)}</p>{legend(_depth(explanation), key)}"
        f"{_entry(explanation)}{_inputs(explanation, key)}"
        '<div class="pair heads"><div>Forward ↓</div><div>Backward ↑</div></div>'
        f"{bands}</div></div>"
    )


def _depth(explanation: Explanation) -> int:
    return sum("." not in layer.label for layer in explanation.layers)


def _bands(explanation: Explanation, key: str) -> Iterator[str]:
    """Each layer, then the loss."""
    yield from _layers(explanation, "", key)
    loss = _of(explanation.rows, "loss")
    yield _band("Loss", loss, "", key, _outputs(explanation))


def _inputs(explanation: Explanation, key: str) -> str:
    """X and Y beside each other."""
    cards = "".join(card(row, f"{key}{row.number}") for row in _of(explanation.rows, "0"))
    return (
        f'<section class="band"><h2>Input and targets</h2><div class="pair">{cards}</div>'
        f"{_columns(explanation)}</section>"
    )


def _layers(explanation: Explanation, inside: str, key: str) -> Iterator[str]:
    """A band for each layer whose number starts so; a residual connection has one before and one
    after the layers within it.
    """
    depth, inner = inside.count("."), bool(inside)
    for layer in explanation.layers:
        l = layer.label
        if not l.startswith(inside) or l.count(".") != depth:
            continue
        rows, title, above = (
            _of(explanation.rows, l),
            f"Layer {l}: {layer.title}",
            _parameters(layer),
        )
        if layer.kind != "residual":
            yield _band(title, rows, above, key, "", inner)
            continue
        entering = f"A_{l}.0", rows[-1].symbol  # where the forward pass enters, the backward leaves
        first = [row for row in rows if row.symbol in entering]
        rest = [row for row in rows if row.symbol not in entering]
        yield _band(title, first, above, key, "", inner)
        yield from _layers(explanation, f"{l}.", key)
        yield _band(f"Layer {l}, behind the layers within it", rest, "", key, "", inner)


def _of(rows: Sequence[Row], label: str) -> list[Row]:
    return [row for row in rows if row.layer == label]


def _band(
    title: str, rows: Sequence[Row], above: str, key: str, below: str = "", inner: bool = False
) -> str:
    """Forward rows downwards, backward rows upwards beside them."""
    sides = ("forward", "down"), ("backward", "up")
    columns = "".join(
        f'<div class="{order}">{_cards(rows, direction, key)}</div>' for direction, order in sides
    )
    kind = "band inner" if inner else "band"
    return (
        f'<section class="{kind}"><h2>{escape(title)}</h2>{above}'
        f'<div class="pair">{columns}</div>{below}</section>'
    )


def _cards(rows: Sequence[Row], direction: str, key: str) -> str:
    return "".join(card(row, f"{key}{row.number}") for row in rows if row.direction == direction)


def _parameters(layer: Layer) -> str:
    pictures = "".join(figure(p.symbol, p.array) for p in layer.parameters)
    if layer.check is None:
        return pictures
    text = f"gradient against differences of the loss: {layer.check:.1e}"
    warning = check_warning(layer)
    if warning:
        return f'{pictures}<p class="warning">⚠ {escape(warning)}</p>'
    return f'{pictures}<p class="dim">{escape(text)}</p>'


def _columns(explanation: Explanation) -> str:
    """The columns of X by name: their means, and how much of dW_1 is theirs."""
    X = explanation["A_0"].array
    if len(explanation.inputs) != X.shape[-1]:
        return ""
    rows = [
        (str(j), name, number(float(X[:, j].mean()))) for j, name in enumerate(explanation.inputs)
    ]
    return grid(_shortened(rows), ("column", "input", "mean"))


def _outputs(explanation: Explanation) -> str:
    """The outputs by name: A_L and dZ_L, of the one example or on average."""
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
    """The dot product behind one entry of dW."""
    entry = explanation.entry
    if entry is None:
        return ""
    total = ("sum", "", "", number(entry.value, 6))
    rows = [*shortened(entry), total]
    return (
        f'<section class="band"><h2>{mathml(entry.equation)}</h2>'
        f"{grid(list(rows), ('n', *entry.factors, 'product'))}</section>"
    )
