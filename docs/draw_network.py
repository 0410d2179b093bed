"""Draw docs/backprop_picture.html: the equations of two layers, every matrix a rectangle.

    python -m docs.draw_network

Style and script are written in the page; this fills what stands between its markers. Sizes are CSS
variables (--N, --n0 …), so that the page is complete without its script, which only changes them.
"""

from __future__ import annotations

import re
from html import escape
from math import prod
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGE", "SIZES", "drawn"]

PAGE = Path(__file__).parent / "backprop_picture.html"
SIZES = {"N": 6, "n0": 3, "n1": 5, "n2": 2}
SYMBOLS = {"N": "N", "n0": "n₀", "n1": "n₁", "n2": "n₂", "1": "1"}
LARGEST = 10

ABOUT = {
    "N": "examples. Contracted in dW₂, db₂, dW₁ and db₁, the gradients of what all examples share.",
    "n0": "inputs. Contracted in Z₁.",
    "n1": "neurons of layer 1. Contracted in Z₂.",
    "n2": "outputs. Contracted in dA₁, on the way back.",
}


class Matrix(NamedTuple):
    """A name and two axes; "1" is an axis of length 1."""

    name: str
    rows: str
    cols: str


class Equation(NamedTuple):
    """result = parts (matrices and signs), the axis summed over, and FLOPs as sizes multiplied."""

    text: str
    result: Matrix
    parts: tuple[Matrix | str, ...]
    summed: str
    flops: str
    says: str


def matrices(l: int) -> dict[str, Matrix]:
    """Layer l's matrices, by letter."""
    i, below, above = "₀₁₂"[l], f"n{l - 1}", f"n{l}"
    return {
        "A": Matrix("X" if l == 1 else "A₁", "N", below),
        "W": Matrix(f"W{i}", above, below),
        "Wᵀ": Matrix(f"W{i}ᵀ", below, above),
        "b": Matrix(f"b{i}", "1", above),
        "Z": Matrix(f"Z{i}", "N", above),
        "Y": Matrix(f"A{i}", "N", above),
        "dZ": Matrix(f"dZ{i}", "N", above),
        "dZᵀ": Matrix(f"dZ{i}ᵀ", above, "N"),
        "dW": Matrix(f"dW{i}", above, below),
        "db": Matrix(f"db{i}", "1", above),
        "dA": Matrix(f"dA{i}", "N", above),
    }


def forward(l: int) -> list[Equation]:
    """Z and A of layer l."""
    m, i, p, q = matrices(l), "₀₁₂"[l], f"n{l - 1}", f"n{l}"
    Z = (m["A"], "Σ", m["Wᵀ"], "+", m["b"])
    flops = f"2 N {p} {q} + N {q}"
    says = f"{m['b'].name} is added to every row"
    return [
        Equation(f"Z{i} = {m['A'].name} W{i}ᵀ + b{i}", m["Z"], Z, p, flops, says),
        Equation(f"A{i} = f{i}(Z{i})", m["Y"], (f"f{i}", m["Z"]), "", "", "element by element"),
    ]


def parameters(l: int) -> list[Equation]:
    """The gradients dW and db of layer l."""
    m, i, p, q = matrices(l), "₀₁₂"[l], f"n{l - 1}", f"n{l}"
    dW = (m["dZᵀ"], "Σ", m["A"])
    db = (Matrix("1ᵀ", "1", "N"), "Σ", m["dZ"])
    text = f"dW{i} = dZ{i}ᵀ {m['A'].name}"
    return [
        Equation(text, m["dW"], dW, "N", f"2 N {p} {q}", "the shape of " + m["W"].name),
        Equation(f"db{i} = 1ᵀ dZ{i}", m["db"], db, "N", f"2 N {q}", "the sum of each column"),
    ]


def backward() -> list[list[Equation]]:
    """From dZ₂ to db₁, in groups: the first belongs to A₂, the last to Z₁."""
    one, two = matrices(1), matrices(2)
    says = "the loss gives it; 1/N is here and nowhere else"
    start = Equation("dZ₂ = ∂loss/∂Z₂", two["dZ"], ("∂loss/∂", two["Z"]), "", "", says)
    product = (two["dZ"], "Σ", two["W"])
    dA = Equation("dA₁ = dZ₂ W₂", one["dA"], product, "n2", "2 N n1 n2", "no transpose")
    slope = (one["dA"], "∘ f₁′", one["Z"])
    dZ = Equation(
        "dZ₁ = dA₁ ∘ f₁′(Z₁)", one["dZ"], slope, "", "N n1", "element by element; and f₁′"
    )
    return [[start], [*parameters(2), dA], [dZ], parameters(1)]


def number(product: str) -> str:
    """A size, or FLOPs as a sum of products ("2 N n0 + N"), which the script computes anew."""
    terms = (term.split() for term in product.split("+"))
    value = sum(prod(SIZES.get(f) or int(f) for f in term) for term in terms)
    lights = f' data-axis="{product}"' if product in SIZES else ""
    return f'<span{lights} data-product="{product}">{value:,}</span>'


def shape(matrix: Matrix) -> str:
    """Its two sizes."""
    return f"({number(matrix.rows)}, {number(matrix.cols)})"


def math(text: str) -> str:
    """Letters slanted, indices and signs upright."""
    return re.sub(r"\b(d[WbZA]|[WbZAXf])(?![a-z])", r"<i>\1</i>", escape(text))


def axis(name: str, side: str, contracted: bool) -> str:
    """An axis's name: a button, so that one can reach and press it; no button for length 1."""
    if name == "1":
        return f'<span class="axis {side}">1</span>'
    kind = f"axis {side} contracted" if contracted else f"axis {side}"
    return (
        f'<button type="button" class="{kind}" data-axis="{name}" aria-describedby="about-{name}">'
        f"{SYMBOLS[name]}</button>"
    )


def rectangle(matrix: Matrix, role: str, summed: str) -> str:
    """A matrix to scale with its axes; role: result, left, right or plain."""
    rows, cols = matrix.rows, matrix.cols
    label = f"{matrix.name}: {SYMBOLS[rows]} by {SYMBOLS[cols]}"
    size = {a: f"var(--{a})" if a in SIZES else "1" for a in (rows, cols)}
    colour = {a: f"var(--{a}-colour)" if a in SIZES else "var(--ink)" for a in (rows, cols)}
    style = f"--rows:{size[rows]};--cols:{size[cols]};--left:{colour[rows]};--top:{colour[cols]}"
    strip = (
        f'<rect class="strip {role}" data-axis="{summed}"/>' if summed and role != "plain" else ""
    )
    return (
        f'<span class="matrix" style="{style}">'
        f"{axis(cols, 'cols', role == 'left')}{axis(rows, 'rows', role == 'right')}"
        f'<svg role="img" aria-label="{label}">{strip}</svg>'
        f'<span class="name" aria-hidden="true">{math(matrix.name)}</span></span>'
    )


def sign(text: str, summed: str) -> str:
    """What stands between two matrices; Σ names the axis that it sums over."""
    if text == "Σ":
        return f'<span class="sum" data-axis="{summed}">Σ<sub>{SYMBOLS[summed]}</sub></span>'
    return f'<span class="sign">{math(text)}</span>'


def row(equation: Equation) -> str:
    """The rectangles; a sign stays with the matrix after it where the line breaks."""
    parts, summed = ["=", *equation.parts], equation.summed
    terms, signs = [rectangle(equation.result, "result", summed)], ""
    for k, it in enumerate(parts):
        if isinstance(it, str):
            signs += sign(it, summed)
            continue
        is_left, is_right = "Σ" in parts[k + 1 : k + 2], parts[k - 1] == "Σ"
        role = "left" if is_left else "right" if is_right else "plain"
        terms.append(f'<span class="term">{signs}{rectangle(it, role, summed)}</span>')
        signs = ""
    return "\n".join(terms)


def drawing(equation: Equation) -> str:
    """An equation: its text, its shapes and FLOPs, and its rectangles."""
    notes = [equation.says]
    if equation.flops:
        notes.insert(0, f"{number(equation.flops)} FLOPs")
    if equation.summed:
        left, right = (equation.parts[0], equation.parts[2])
        assert isinstance(left, Matrix)
        assert isinstance(right, Matrix)
        notes.insert(0, f"{shape(left)} {shape(right)} → {shape(equation.result)}")
    return (
        f'<figure class="equation">\n<figcaption><b>{math(equation.text)}</b> '
        f"<small>{' · '.join(notes)}</small></figcaption>\n"
        f'<div class="row">\n{row(equation)}\n</div>\n</figure>'
    )


def group(equations: list[Equation], place: int) -> str:
    """Equations that stand side by side, in that row of the page."""
    inner = "\n".join(map(drawing, equations))
    return f'<div class="group" style="--place:{place}">\n{inner}\n</div>'


def control(name: str) -> str:
    """An axis's row in the panel: name, slider, size and where it is contracted."""
    return (
        f'<div class="control"><button type="button" class="axis" data-axis="{name}" '
        f'aria-describedby="about-{name}">{SYMBOLS[name]}</button>'
        f'<input type="range" min="1" max="{LARGEST}" value="{SIZES[name]}" '
        f'data-axis="{name}" aria-label="{SYMBOLS[name]}" hidden>'
        f'{number(name)}<span id="about-{name}">{math(ABOUT[name])}</span></div>'
    )


def drawn(page: str) -> str:
    """The page with the equations between its markers."""
    sizes = " ".join(f"--{name}: {size};" for name, size in SIZES.items())
    parts = {
        "sizes": f"<style>:root {{ {sizes} }}</style>",
        "controls": "\n".join(map(control, SIZES)),
        "forward": "\n".join(map(group, ([e] for l in (1, 2) for e in forward(l)), (2, 3, 4, 5))),
        "backward": "\n".join(map(group, backward(), (5, 4, 3, 2))),
    }
    for name, text in parts.items():
        before, start, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        page = f"{before}{start}{text}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
