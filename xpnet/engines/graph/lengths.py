"""Write sizes and constants in the source of a program."""

from __future__ import annotations

import math
from typing import Any

from xpnet.engines.graph.nodes import Size

__all__ = ["TYPES", "Numbers"]

TYPES = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64"}
"""Names of the dtypes in the source; "weak" is a plain float."""


class Numbers:
    """Names sizes and constants, so that one source serves networks of any width and settings.

    If ``literal``, the source contains the numbers themselves, so that small loops are unrolled.
    """

    def __init__(self, literal: bool) -> None:
        self.literal = literal
        self.lengths: dict[int, str] = {}
        self.constants: dict[float, str] = {}

    def length(self, n: Any) -> str:
        """Return the source of a length, or of an index into an array."""
        if isinstance(n, Size):
            return n.name
        if self.literal or n in (0, 1):
            return str(n)
        return self.lengths.setdefault(n, f"n{len(self.lengths)}")

    def constant(self, value: Any, dtype: str) -> str:
        """Return the source of a number of that dtype."""
        if dtype == "bool":
            return str(bool(value))
        if dtype in ("int32", "int64"):
            return f"{TYPES[dtype]}({int(value)})"
        kind = TYPES.get(dtype, "f64")
        if math.isnan(value):
            return f"{kind}(nan)"
        if math.isinf(value):
            return f"{kind}({'-' if value < 0 else ''}inf)"
        if self.literal or value in (0.0, 1.0, -1.0):
            return f"{kind}({value!r})"
        return f"{kind}({self.constants.setdefault(value, f'c{len(self.constants)}')})"
