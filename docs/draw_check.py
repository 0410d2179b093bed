"""Draw docs/backprop_check.svg: the numerical check's error against ε, in float64 and float32.

    python -m docs.draw_check

The errors are those of `check_error` in docs/backprop.md, for the network of that page. On
logarithmic axes the formula's error ∝ ε² and the rounding ∝ 1/ε are straight lines: a V.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from docs.blocks import run

FOLDER = Path(__file__).parent
LEFT, TOP, DECADE, HEIGHT = 64, 24, 44, 18
"""Margins; pixels for a factor of 10 along ε, and along the error."""
EPSILON, ERROR = (-12, 0), (-11, 1)
"""The axes' ends, as powers of 10."""

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .back { fill: #ffffff; } .grid { stroke: #d0d7de; } .curve { fill: none; stroke-width: 2.5; }
  .float64 { stroke: #0550ae; } .float32 { stroke: #a33c00; stroke-dasharray: 7 4; }
  text.float64 { fill: #0550ae; stroke: none; } text.float32 { fill: #a33c00; stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; } .grid { stroke: #30363d; }
    .float64 { stroke: #79c0ff; } .float32 { stroke: #ffa657; }
    text.float64 { fill: #79c0ff; } text.float32 { fill: #ffa657; }
  }"""


def x(epsilon: float) -> float:
    """Where an ε is."""
    return LEFT + DECADE * (math.log10(epsilon) - EPSILON[0])


def y(error: float) -> float:
    """Where an error is."""
    return TOP + HEIGHT * (ERROR[1] - math.log10(error))


def power(k: int) -> str:
    """10 to the k, as text."""
    return "10" + str(k).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def axes() -> Iterable[str]:
    """The grid, its numbers and the axes' names."""
    left, right = x(10.0 ** EPSILON[0]), x(10.0 ** EPSILON[1])
    top, bottom = y(10.0 ** ERROR[1]), y(10.0 ** ERROR[0])
    for k in range(EPSILON[0], EPSILON[1] + 1, 2):
        at = x(10.0**k)
        yield f'<path class="grid" d="M{at:.0f} {top:.0f}V{bottom:.0f}"/>'
        yield f'<text x="{at:.0f}" y="{bottom + 20:.0f}" text-anchor="middle">{power(k)}</text>'
    for k in range(ERROR[0] + 1, ERROR[1], 2):
        at = y(10.0**k)
        yield f'<path class="grid" d="M{left:.0f} {at:.0f}H{right:.0f}"/>'
        yield f'<text x="{left - 8:.0f}" y="{at + 4:.0f}" text-anchor="end">{power(k)}</text>'
    yield f'<text x="{(left + right) / 2:.0f}" y="{bottom + 42:.0f}" text-anchor="middle">ε</text>'
    yield f'<text x="{left:.0f}" y="{top - 8:.0f}" text-anchor="end">error</text>'


def curve(name: str, epsilons: Sequence[float], errors: Sequence[float]) -> Iterable[str]:
    """One dtype's line."""
    points = [f"{x(e):.1f} {y(r):.1f}" for e, r in zip(epsilons, errors, strict=True)]
    yield f'<path class="curve {name}" d="M{"L".join(points)}"/>'


def labels() -> Iterable[str]:
    """The lines' names and slopes, where there is room."""
    yield f'<text class="float64" x="{x(1e-8):.0f}" y="{y(1e-7):.0f}">float64: ∝ 1/ε …</text>'
    yield f'<text class="float64" x="{x(6e-5):.0f}" y="{y(1e-9):.0f}">… and ∝ ε²</text>'
    yield f'<text class="float32" x="{x(1e-6):.0f}" y="{y(2e-1):.0f}">float32</text>'


def picture() -> str:
    """The whole SVG."""
    page = run(FOLDER / "backprop.md")
    epsilons = [10.0**k for k in np.arange(EPSILON[0], EPSILON[1] + 0.01, 0.25)]
    lines = list(axes())
    for name in ("float64", "float32"):
        errors = [page["check_error"](page["net"].to(dtype=name), e) for e in epsilons]
        lines += curve(name, epsilons, errors)
    lines += labels()
    width, height = x(10.0 ** EPSILON[1]) + 24, y(10.0 ** ERROR[0]) + 56
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title">'
    )
    title = '<title id="title">Error of the numerical check against ε</title>'
    back = '<rect class="back" width="100%" height="100%" rx="6"/>'
    return "\n".join([head, title, f"<style>{STYLE}\n</style>", back, *lines, "</svg>", ""])


if __name__ == "__main__":
    (FOLDER / "backprop_check.svg").write_text(picture(), encoding="utf-8")
