"""Random functions in Array API terms, for a user's own activations, losses and optimizers.

A function has a few lines. Each line computes a new value from earlier ones. A value's kind says
its shape. A template says which kinds an operation takes and which one it returns. Values stay
within a few units, so that no step overflows. Functions are drawn as text, so that a message can
show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["ELEMENTWISE", "ROWS", "VECTORS", "Formula"]

_OF_NUMBERS = (
    "xp.tanh({0})",
    "xp.sin({0}) + {c}",
    "xp.cos({0}) * {c}",
    "{0} / (1.0 + xp.abs({1}))",
    "xp.sqrt(xp.abs({0}) + 0.1)",
    "xp.log(xp.abs({0}) + 0.1)",
    "xp.log1p(xp.abs({0}))",
    "xp.exp(xp.minimum({0}, 0.7))",
    "xp.expm1(xp.clip({0}, -1.0, 0.7))",
    "xp.sinh(xp.clip({0}, -1.0, 1.0))",
    "xp.square(xp.tanh({0}))",
    "xp.tanh({0}) ** 2",
    "(1.0 + xp.abs({0})) ** -1",
    "xp.logaddexp({0}, {1})",
    "{0} * {c}",
    "{c} - {0}",
    "{0} + {1}",
    "{0} - {1}",
    "xp.tanh({0} * {1})",
    "xp.maximum({0}, {1})",
    "xp.minimum({0}, {c})",
    "-{0}",
    "xp.sign({0})",
    "xp.floor(2.7 * {0})",
    "xp.where({0} > {1}, {0}, {c})",
    "xp.where({0} <= {c}, {0} * 0.5, {1})",
    "xp.where(xp.isfinite({0}), {0}, 0.0)",
    "xp.astype({0} > {c}, {0}.dtype)",
    "xp.zeros_like({0}) + {1}",
    "xp.ones_like({0})",
    "xp.full_like({0}, {c})",
)

Template = tuple[str, str]
"""The kind of a new value and its text; {kind} stands for an earlier value, {c} for a number."""


def _of_kind(kind: str) -> list[Template]:
    """Return every elementwise operation for arrays of this kind."""
    return [(kind, re.sub(r"\{\d\}", f"{{{kind}}}", text)) for text in _OF_NUMBERS]


ELEMENTWISE = _of_kind("full")
"""Elementwise operations on (N, n) arrays."""

ROWS: list[Template] = [
    *ELEMENTWISE,
    *_of_kind("kept"),
    *_of_kind("row"),
    *_of_kind("units"),
    *_of_kind("number"),
    *(("full", f"{{full}} {op} {{{kind}}}") for op in "+-" for kind in ("kept", "units", "number")),
    *(("full", f"xp.tanh({{full}} * {{{kind}}})") for kind in ("kept", "units", "number")),
    *(("kept", f"xp.{f}({{full}}, axis=-1, keepdims=True)") for f in ("sum", "mean", "max", "min")),
    *(("row", f"xp.{f}({{full}}, axis=-1)") for f in ("sum", "mean", "max", "min")),
    *(("number", f"xp.{f}({{units}}, axis=-1)") for f in ("sum", "mean", "max", "min")),
    ("units", "xp.tanh(xp.sum({full}, axis=-2))"),
    ("units", "xp.mean({full}, axis=0)"),
    ("number", "xp.mean({row}, axis=-1)"),
    ("number", "xp.tanh(xp.sum({full}))"),
    ("full", "{full} - xp.sum({full}, axis=0, keepdims=True) * 0.1"),
    ("row", "xp.tanh(xp.vecdot({full}, {full}))"),
    ("row", "{kept}[..., 0]"),
    *(("row", f"xp.{f}({{kept}}, axis=-1)") for f in ("sum", "mean", "max", "min")),
    *(("kept", f"xp.{f}({{kept}}, axis=-1, keepdims=True)") for f in ("sum", "max")),
    ("kept", "{full}[..., {i}:{i}+1]"),
    ("kept", "xp.where(xp.argmax({kept}, axis=-1, keepdims=True) == 0, {kept}, {c})"),
    ("kept", "xp.matmul({kept}, xp.ones((1, 1), dtype={kept}.dtype))"),
    ("full", "xp.tanh(xp.matmul({kept}, xp.tanh(xp.matmul({kept}.mT, {full}))))"),
    ("row", "{full}[..., {i}]"),
    ("row", "xp.sum({full}[..., {a}:{b}], axis=-1)"),
    ("row", "xp.max({full}[..., {i}:], axis=-1)"),
    ("kept", "{row}[..., None]"),
    ("kept", "{full}[..., {i}][..., None]"),
    ("full", "xp.concat([{full}[..., :{i}], {full}[..., {i}:]], axis=-1)"),
    ("full", "xp.concat([{kept}, {full}[..., 1:]], axis=-1)"),
    ("full", "xp.broadcast_to({kept}, {full}.shape)"),
    ("full", "xp.where(xp.arange({n}) == xp.argmax({full}, axis=-1, keepdims=True), {full}, {c})"),
    ("full", "xp.where(xp.arange({n}) == xp.argmax({full}, axis=-1)[..., None], {c}, {full})"),
    ("full", "xp.where({kept} > {c}, {full}, {full})"),
    ("full", "xp.where(({full} > {c}) & ~({full} > {full}), {full}, {kept})"),
    ("full", "xp.where(xp.logical_or({full} > 0, {row}[..., None] > 0), {full}, {c})"),
    (
        "full",
        "xp.tanh(xp.matmul({full}, xp.tanh(xp.matmul(xp.matrix_transpose({full}), {full}))))",
    ),
]
"""Operations on arrays of examples: sums over either axis, slices, columns, products."""

VECTORS: list[Template] = [
    *_of_kind("vector"),
    *_of_kind("one"),
    *_of_kind("number"),
    *(("vector", f"{{vector}} {op} {{{kind}}}") for op in "+-" for kind in ("one", "number")),
    *(("vector", f"xp.tanh({{vector}} * {{{kind}}})") for kind in ("one", "number")),
    *(
        ("one", f"xp.{f}({{vector}}, axis=-1, keepdims=True)")
        for f in ("sum", "mean", "max", "min")
    ),
    *(("number", f"xp.{f}({{vector}})") for f in ("sum", "mean", "max", "min")),
    ("number", "xp.sum({one})"),
    ("number", "xp.max({one}, axis=-1)"),
    ("one", "xp.reshape({number}, (1,))"),
    ("one", "{vector}[..., {i}:{i}+1]"),
    ("vector", "xp.concat([{vector}[..., :{i}], {vector}[..., {i}:]], axis=-1)"),
    ("vector", "xp.concat([{vector}[..., {i}:], {vector}[..., :{i}]], axis=-1)"),
    ("vector", "{vector} * xp.astype(xp.arange({n}) > {i}, {vector}.dtype)"),
    (
        "vector",
        "xp.reshape(xp.matrix_transpose(xp.reshape({vector}, ({q}, {m}))), ({n},))",
    ),
    (
        "vector",
        "xp.tanh(xp.reshape(xp.matmul(xp.matmul(M := xp.reshape({vector}, ({m}, {q})), "
        "xp.matrix_transpose(M)) * 0.1, M), ({n},)))",
    ),
    (
        "vector",
        "xp.reshape(xp.reshape({vector}, ({m}, {q})) "
        "- xp.mean(xp.reshape({vector}, ({m}, {q})), axis=-1, keepdims=True), ({n},))",
    ),
    *(
        (
            "vector",
            f"xp.reshape({text.format(M='(M := xp.reshape({vector}, ({m}, {q})))')}, ({{n}},))",
        )
        for text in (
            "xp.tanh(xp.reshape({M}, ({{q}}, {{m}})))",
            "xp.reshape({M}, ({{n}}, 1)) * {{c}}",
            "xp.concat([{M}[..., 1:], M[..., :1]], axis=-1)",
            "xp.concat([xp.tanh({M}), M], axis=-1)[..., {{q}}:]",
            "xp.matrix_transpose(xp.matrix_transpose({M}) * 0.5)",
            "{M} - xp.max(M, axis=-1, keepdims=True)",
            "xp.where(xp.arange({{q}}) == xp.argmax({M}, axis=-1, keepdims=True), M, {{c}})",
            "xp.tanh(xp.matmul(xp.reshape({M}, ({{n}}, 1)), xp.ones((1, 1), dtype=M.dtype)))",
            "{M} + xp.reshape(M[..., 0], ({{m}}, 1))",
            "{M} - xp.sum(xp.reshape(M[..., :1], ({{m}},))[..., None], axis=0, keepdims=True)",
        )
    ),
    ("number", "xp.tanh(xp.sum(xp.reshape({vector}, ({m}, {q}))[..., -1]))"),
    ("one", "xp.sum(xp.reshape({vector}, ({m}, {q}))[..., 0], axis=-1, keepdims=True)"),
    (
        "one",
        "xp.tanh(xp.reshape(xp.matmul(xp.reshape({vector}, (1, {n})), "
        "xp.reshape({vector}, ({n}, 1))), (1,)))",
    ),
    (
        "vector",
        "xp.tanh(xp.reshape(xp.matmul(xp.reshape({vector}, ({n}, 1)), "
        "xp.reshape({one}, (1, 1))), ({n},)))",
    ),
    (
        "vector",
        "xp.reshape(xp.reshape({vector}, ({m}, {q})) "
        "* xp.tanh(xp.sum(xp.reshape({vector}, ({m}, {q})), axis=0)), ({n},))",
    ),
]
"""Operations on flat vectors of parameters: whole sums, slices, and the vector as a matrix."""


class Formula:
    """A function, drawn line by line.

    Parameters
    ----------
    rng : Generator
    templates : sequence of Template
    n : int
        The length of the last axis of "full" values and of vectors.
    """

    def __init__(self, rng: np.random.Generator, templates: Sequence[Template], n: int) -> None:
        self.rng, self.templates, self.n = rng, templates, n
        self.values: dict[str, list[str]] = {}  # names by kind, in order
        self.lines: list[str] = []

    def given(self, **values: str) -> Formula:
        """Add arguments by kind; blanks separate several names."""
        for kind, names in values.items():
            self.values.setdefault(kind, []).extend(names.split())
        return self

    def grow(self, lines: int) -> Formula:
        """Add so many lines."""
        for _ in range(lines):
            usable = [t for t in self.templates if self._kinds(t[1]) <= self.values.keys()]
            kind, text = usable[self.rng.integers(len(usable))]
            name = f"t{len(self.lines)}"
            self.lines.append(f"{name} = {self.fill(text)}")
            self.values.setdefault(kind, []).append(name)
        return self

    def fill(self, text: str) -> str:
        """Return the text with its places filled by values and numbers."""
        i, m = int(self.rng.integers(0, self.n)), self._divisor()
        numbers = {"i": i, "a": i // 2, "b": i + 1, "n": self.n, "m": m, "q": self.n // m}

        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name == "c":
                return str(self.rng.choice([0.5, -0.25, 1.0, 0.0, -1.5, 0.003]))
            return str(numbers[name]) if name in numbers else self.pick(name)

        return re.sub(r"\{(\w+)\}", put, text)

    def pick(self, kind: str) -> str:
        """Return the name of a value: late ones are likelier, so that lines build on each other."""
        names = self.values[kind]
        back = min(int(self.rng.exponential(1.5)), len(names) - 1)
        return names[-1 - back]

    def _divisor(self) -> int:
        divisors = [d for d in range(1, self.n + 1) if self.n % d == 0]
        return int(self.rng.choice(divisors))

    def _kinds(self, text: str) -> set[str]:
        return set(re.findall(r"\{(\w{2,})\}", text))

    def returning(self, head: str, result: str) -> str:
        """Return the source of a function with this first line and result."""
        lines = [*self.lines, f"return {self.fill(result)}"]
        return "\n".join([f"def {head}:", *(f"    {line}" for line in lines)])


def defined(source: str, known: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """Execute a function's source; return the function."""
    space: dict[str, Any] = dict(known or {})
    exec(source, space)
    name = source.removeprefix("def ").partition("(")[0]
    function: Callable[..., Any] = space[name]
    return function
