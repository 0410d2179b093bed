"""How a page is read, on the page."""

from __future__ import annotations

from html import escape

from xpnet.explain.cards import fold
from xpnet.explain.mathml import mathml

__all__ = ["legend"]

_LINES = (
    "Every row of X is one example, and there are N. Read the left column downwards: layer by "
    "layer, `A_0 = X` becomes `A_{L}`, the output. The loss turns the pass around; read the "
    "right column upwards, from `dZ_{L}` on. The numbers at the right give the order.",
    "`dM` always stands for `∂loss/∂M` and has the shape of `M`. `∘` multiplies entry by entry, "
    "`1ᵀ` is a row of N ones, `f'` the derivative of the activation f. The loss is a mean over "
    "N examples, so everything is divided by N: once, in `dZ_{L}`.",
    "To write a backward pass, start with `dZ_{L}`. For each dense layer l, on the output `A_k` "
    "of the layer k before it, from the last to the first: `dW_l = dZ_lᵀ A_k`, `db_l = 1ᵀ "
    "dZ_l`, `dA_k = dZ_l W_l`, and through the activation of k: `dZ_k = dA_k ∘ f'(Z_k)`. The "
    "first layer needs no `dA_0`.",
    "In a product, the two numbers in one colour are the axis that is summed over: they must be "
    "equal, and cancel. The other two are the shape of the result.",
    "A cell of a heatmap is the entry of largest magnitude in its block: blue below 0, orange "
    "above, violet where it is not finite; the scale is printed beside it. Open an equation for "
    "its costs.",
)


def legend(L: int, key: str) -> str:
    """For L layers: a fold that is open."""
    text = "".join(f"<p>{_prose(line.replace('{L}', str(L)))}</p>" for line in _LINES)
    return fold(f"{key}how", "How to read this page", text, is_open=True)


def _prose(line: str) -> str:
    """Text, with what stands between backticks as MathML."""
    parts = line.split("`")
    return "".join(mathml(s) if i % 2 else escape(s) for i, s in enumerate(parts))
