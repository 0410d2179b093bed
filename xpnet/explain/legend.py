"""Explain on the page how to read it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from xpnet.explain.cards import fold
from xpnet.explain.explanation import Explanation
from xpnet.explain.mathml import mathml

__all__ = ["legend"]

_LINES = (
    "Every row of X is one example, and there are N. The forward equations go layer by layer "
    "from `A_0 = X` to `A_{L}`, the output. The forward pass ends with the loss. The backward "
    "equations go from `dZ_{L}` to the first layer. Where there are two columns, read the left "
    "one downwards and the right one upwards. The numbers on the right give the order.",
    "`dM` always stands for `∂loss/∂M` and has the shape of `M`. `∘` multiplies entry by entry, "
    "`1ᵀ` is a row of N ones, `f'` the derivative of the activation f. The loss is a mean over "
    "N examples, so everything is divided by N: once, in `dZ_{L}`.",
    "Layer l has `n_l` units, its width; `n_0` is the number of columns of X. Here {widths}. `W_l` "
    "is `n_l` × `n_k`, where k is the layer before l: row i holds the weights of unit i. `b_l` is "
    "a row of `n_l` numbers, which is added to every row.",
    "To write a backward pass, start with `dZ_{L}`. Go through the dense layers from the last "
    "to the first. If layer l reads the output `A_k` of layer k, then `dW_l = dZ_lᵀ A_k`, `db_l "
    "= 1ᵀ dZ_l`, `dA_k = dZ_l W_l`. The activation of layer k gives `dZ_k = dA_k ∘ f'(Z_k)`, "
    "except for softmax, which mixes the outputs of a row and has its own product. The first "
    "layer needs no `dA_0`.",
    "In a product, the two numbers of the same colour are the length of the axis that is summed "
    "over: they must be equal, and cancel. The other two are the shape of the result.",
    "A cell of a heatmap is the entry of largest magnitude in its block: blue below 0, orange "
    "above, violet where it is not finite; the scale is printed beside it. Open an equation for "
    "its costs: a FLOP is one addition or multiplication, and the bytes count each operand read "
    "once and the result written once.",
)


def legend(explanation: Explanation, key: str) -> str:
    """Return the legend as a fold that is open at first."""
    labels = [layer.label for layer in explanation.layers if "." not in layer.label]
    widths = ", ".join(_widths(explanation, labels))
    lines = (s.replace("{L}", labels[-1]).replace("{widths}", widths) for s in _LINES)
    text = "".join(f"<p>{_prose(line)}</p>" for line in lines)
    return fold(f"{key}how", "How to read this page", text, is_open=True)


def _widths(explanation: Explanation, labels: list[str]) -> Iterator[str]:
    """Yield N, n_0 and the width of every layer."""
    N, n = explanation["A_0"].shape
    yield f"`N = {N}`"
    yield f"`n_0 = {n}`"
    for l in labels:
        yield f"`n_{l} = {explanation[f'A_{l}'].shape[-1]}`"


def _prose(line: str) -> str:
    """Return the text as HTML; text between backticks becomes MathML."""
    parts = line.split("`")
    return "".join(mathml(s) if i % 2 else escape(s) for i, s in enumerate(parts))
