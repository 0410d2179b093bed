"""Show one equation as HTML: MathML, shapes, a heatmap, warnings, and a fold with its figures."""

from __future__ import annotations

import base64
import re
from html import escape

import numpy as np

from xpnet.explain.heatmap import matrix, png, pooled, scale_of
from xpnet.explain.mathml import breakable, mathml
from xpnet.explain.rows import Row, product_flops
from xpnet.explain.units import amount, duration, number, shape
from xpnet.pages.document import grid
from xpnet.typing import Host

__all__ = ["card", "figure", "fold"]

_HUES = 4  # colours for widths; the axis of examples has its own colour


def card(row: Row, key: str, extra: str = "") -> str:
    """Return a row as HTML; ``key`` is unique in the document."""
    notes = f'<p class="dim">{_subscripts(escape(row.note))}</p>' if row.note else ""
    warnings = "".join(f'<p class="warning">⚠ {escape(text)}</p>' for text in row.warnings)
    arrow = f'<span class="arrow">{"↓" if row.direction == "forward" else "↑"} </span>'
    head = f'<span class="number">{arrow}{row.number}</span>{breakable(row.equation)}'
    said = f'<div class="said">{notes}{warnings}</div>' if notes or warnings else ""
    shown = f'{_shapes(row)}<div class="body">{_picture(row)}{said}</div>'
    return f'<div class="eq">{fold(key, head, _figures(row) + extra, between=shown)}</div>'


def _subscripts(text: str) -> str:
    """Turn the _2 of A_2 into a subscript.

    This holds only after a single letter, or d and a letter, so that longer names stay as they are.
    """
    return re.sub(r"\b(d?[A-Za-zΣ])_(\d+(?:\.\d+)*|[a-z])\b", r"\1<sub>\2</sub>", text)


def fold(key: str, head: str, more: str, is_open: bool = False, between: str = "") -> str:
    """Return a checkbox whose label shows and hides ``more``: works by keyboard, without script."""
    checked = " checked" if is_open else ""
    return (
        f'<input type="checkbox" id="{key}"{checked}><label for="{key}">{head}</label>{between}'
        f'<div class="more">{more}</div>'
    )


def _picture(row: Row) -> str:
    if row.array.ndim == 0:
        return f"<p><strong>{row.mean:.6g}</strong></p>"
    return figure(row.symbol, row.array, "")


def figure(symbol: str, array: Host, caption: str | None = None) -> str:
    """Return the heatmap of a matrix, with a printed scale and a text alternative.

    If ``caption`` is None, the caption is the symbol.
    """
    m, n = pooled(array).shape
    size = max(1, min(14, 192 // n)), max(2, min(14, 128 // m))
    finite = array[np.isfinite(array)].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    ramp = _ramp(low, high, number(scale_of(array)))
    about = f"{symbol}, {shape(matrix(array).shape)}: from {number(low)} to {number(high)}"
    if finite.size < array.size:
        about += f", {array.size - finite.size} entries not finite"
    data = base64.b64encode(png(array)).decode("ascii")
    return (
        f'<figure><img alt="heatmap of {escape(about)}" width="{n * size[0]}" '
        f'height="{m * size[1]}" src="data:image/png;base64,{data}">'
        f"<figcaption>{mathml(symbol) if caption is None else caption} {ramp}</figcaption></figure>"
    )


def _ramp(low: float, high: float, scale: str) -> str:
    """Return the printed colour scale: −scale to scale, or only the half that is used."""
    if low == high == 0:
        return "all zero"
    left = "0" if low >= 0 else f"−{scale}"
    right = "0" if high <= 0 else scale
    half = " above" if low >= 0 else " below" if high <= 0 else ""
    return f'{left}<span class="ramp{half}"></span>{right}'


def _shapes(row: Row) -> str:
    """Return the shapes as (128 × 784) (784 × 256) + 1 × 256 → 128 × 256, summed axes in colour."""
    if not row.operands:
        return f'<p class="shapes">{shape(row.shape)}</p>'
    sides = [shape(operand.shape) for operand in row.operands]
    if row.summed:
        a, b = row.operands[0].shape, row.operands[1].shape
        inner = f'<span class="axis {_hue(row.summed)}">{a[-1]}</span>'
        sides[0] = f"{' × '.join(map(str, a[:-1]))} × {inner}"
        sides[1] = f"{inner} × {b[-1]}"
        sides[:2] = [f"({sides[0]}) ({sides[1]})"]
    joined = (" + " if row.summed else ", ").join(sides)
    axis = "the N examples" if row.summed == "N" else mathml(row.summed)
    summed = f' <span class="dim">summed over {axis}</span>' if row.summed else ""
    return f'<p class="shapes">{joined} → <strong>{shape(row.shape)}</strong>{summed}</p>'


def _hue(name: str) -> str:
    """Return the CSS class of an axis: "N" for the examples, else by its layer's last number."""
    if name == "N":
        return "N"
    return f"n{int(name.removeprefix('n_').rpartition('.')[2]) % _HUES}"


def _figures(row: Row) -> str:
    facts = [
        ("FLOPs", amount(row.flops or None) + _added(row)),
        ("bytes read and written", amount(row.bytes or None, "B")),
        ("time", duration(row.seconds) or ("included in a neighbouring row" if row.bytes else "")),
        ("mean", number(row.mean)),
        ("standard deviation", number(row.std)),
        ("norm", number(row.norm)),
    ]
    facts += [(operand.symbol, shape(operand.shape)) for operand in row.operands]
    return grid([(name, value) for name, value in facts if value])


def _added(row: Row) -> str:
    """Return a remark on the FLOPs beside the product, which are those of adding the bias."""
    if not row.summed:
        return ""
    rest = (row.flops or 0) - product_flops(row.operands[0].shape, row.operands[1].shape)
    return f", of which {amount(rest)} to add {row.operands[-1].symbol}" if rest else ""
