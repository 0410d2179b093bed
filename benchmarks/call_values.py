"""Values that are wrong for almost every argument: the zoo of `benchmarks.calls`.

Each value is made for its call, from the seed of that call. Long values consist of "z" or 7, so
that a message that repeats one in full is found.
"""

from __future__ import annotations

import decimal
import fractions
import importlib
import importlib.util
import pathlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import xpnet

__all__ = ["LONG", "values"]

LONG = 200  # characters of a value that a message may repeat

Make = Callable[[np.random.Generator], Any]


def _recursive() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def _same(value: Any) -> Make:
    return lambda rng: value


_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 7, 2.5, 0.0, -0.5, float("nan"), float("inf"),
    -float("inf"), 2**31, 2**63, 10**12, 10**400, -(10**400), 1e308, -1e308, 1e-320, 3 + 4j,
    "", "x", "no",
    "softmax", "z" * 5000, "\x1b[31m", b"bytes", (), ("a", "b"), (1, 2, 3), int, object, np,
    print, Ellipsis, range(3), range(10**9), frozenset(), fractions.Fraction(1, 3),
    decimal.Decimal("NaN"), pathlib.Path("z" * 300), slice(3),
)  # fmt: skip

_PLAIN: dict[str, Make] = {f"{value!r:.40}": _same(value) for value in _VALUES}

_MADE: dict[str, Make] = {
    "[]": lambda rng: [],
    "{}": lambda rng: {},
    "a dict": lambda rng: {"a": 1},
    "a set": lambda rng: {1, 2},
    "a generator": lambda rng: (x for x in (1, 2)),
    "an object": lambda rng: object(),
    "a lambda": lambda rng: lambda *a, **k: "nonsense",
    "a lambda of None": lambda rng: lambda *a, **k: None,
    "a recursive list": lambda rng: _recursive(),
    "a nested list": lambda rng: _nested(100),
    "a deep list": lambda rng: _nested(20_000),
    "a ragged list": lambda rng: [[1.0, 2.0], [1.0]],
    "a long list": lambda rng: [7] * 10_000,
    "a long tuple of text": lambda rng: ("z" * 400,) * 3,
    "a list of None": lambda rng: [None] * 12,
    "mixed": lambda rng: ["a", 1] * 6,
    "text": lambda rng: ["a", "b", "c"] * 4,
    "text, None": lambda rng: ["a", "b", None] * 4,
    "text, NaN": lambda rng: ["a", "b", float("nan")] * 4,
    "a network": lambda rng: xpnet.Network([2, 1]),
    "a loss": lambda rng: xpnet.losses.Huber(2.0),
    "a wrong loss": lambda rng: xpnet.Loss("mine", of_output=lambda xp, A, Y: (xp.sum(A), A)),
    "a wrong activation": lambda rng: xpnet.elementwise(
        "mine", lambda xp, Z: xp.sum(Z), lambda xp, Z, A: 1.0
    ),
    "a layer": lambda rng: xpnet.layers.Dense(3),
    "an optimizer": lambda rng: xpnet.optimizers.Adam(),
    "a schedule": lambda rng: xpnet.schedules.Cosine(0.01),
    "a metric": lambda rng: xpnet.metrics.METRICS["r2"],
    "a penalty": lambda rng: xpnet.Penalty(l2=1.0),
    "RandomState": lambda rng: np.random.RandomState(0),
    "Generator": lambda rng: np.random.default_rng(0),
}

_ARRAYS: dict[str, Make] = {
    "0-d": lambda rng: np.asarray(1.5),
    "0-d object": lambda rng: np.asarray(None),
    "float32": lambda rng: np.float32(0.5),
    "(0,)": lambda rng: np.zeros(0),
    "(0, 4)": lambda rng: np.zeros((0, 4)),
    "(12, 0)": lambda rng: np.zeros((12, 0)),
    "(12,)": lambda rng: rng.normal(size=12),
    "(12, 1)": lambda rng: rng.normal(size=(12, 1)),
    "(4, 1)": lambda rng: rng.normal(size=(4, 1)),
    "(12, 4)": lambda rng: rng.normal(size=(12, 4)),
    "(12, 3)": lambda rng: rng.normal(size=(12, 3)),
    "(4, 12)": lambda rng: rng.normal(size=(4, 12)),
    "(2, 12, 4)": lambda rng: rng.normal(size=(2, 12, 4)),
    "(1,) * 40": lambda rng: np.zeros((1,) * 40),
    "int": lambda rng: rng.integers(-3, 9, 12),
    "uint64": lambda rng: np.full(12, 2**64 - 1, np.uint64),
    "bool": lambda rng: rng.integers(0, 2, (12, 4)).astype(bool),
    "complex": lambda rng: rng.normal(size=(12, 4)) + 1j,
    "object": lambda rng: np.asarray([[1, None, 2.0, "a"]] * 12, dtype=object),
    "str": lambda rng: np.asarray(["a", "b", "c"] * 4),
    "bytes": lambda rng: np.asarray([b"\xff", b"b", b"c"] * 4),
    "StringDType": lambda rng: np.asarray(["a", "b", "q"] * 4, np.dtypes.StringDType()),
    "datetime": lambda rng: np.asarray(["2020-01-01", "NaT"] * 6, "datetime64[D]"),
    "timedelta": lambda rng: np.zeros((12, 4), "timedelta64[s]"),
    "structured": lambda rng: np.zeros(12, [("a", "f4"), ("b", "i4")]),
    "float16": lambda rng: rng.normal(size=(12, 4)).astype(np.float16),
    "longdouble": lambda rng: rng.normal(size=(12, 4)).astype(np.longdouble),
    "big-endian": lambda rng: rng.normal(size=(12, 4)).astype(">f4"),
    "masked": lambda rng: np.ma.masked_less(rng.normal(size=(12, 4)), 0.0),
    "NaN": lambda rng: np.full((12, 4), np.nan),
    "inf": lambda rng: np.full((12, 4), np.inf),
    "huge": lambda rng: np.full((12, 4), 1e300),
    "zeros": lambda rng: np.zeros(12),
    "read-only": lambda rng: np.broadcast_to(np.float32(1.0), (12, 4)),
    "strided": lambda rng: rng.normal(size=(24, 8))[::-2, ::2],
    "wide": lambda rng: np.broadcast_to(np.float32(7.0), (12, 10**7)),
}


def _others(package: str, make: dict[str, Callable[[Any], Any]]) -> dict[str, Make]:
    """Return the values of a package; none if it is not installed."""
    if importlib.util.find_spec(package) is None:
        return {}

    def one(f: Callable[[Any], Any]) -> Make:
        return lambda rng: f(importlib.import_module(package))

    return {f"{package} {name}": one(f) for name, f in make.items()}


_COLUMNS = {name: [float(k) for k in range(12)] for name in "abcd"}

_PANDAS: dict[str, Callable[[Any], Any]] = {
    "frame": lambda pd: pd.DataFrame(_COLUMNS),
    "frame in another order": lambda pd: pd.DataFrame(_COLUMNS)[list("dcba")],
    "frame of three": lambda pd: pd.DataFrame(_COLUMNS)[list("abc")],
    "frame of text": lambda pd: pd.DataFrame({name: ["z" * 300] * 12 for name in "abcd"}),
    "frame of long names": lambda pd: pd.DataFrame({"z" * 300 + n: [1.0] * 12 for n in "abcd"}),
    "frame with NA": lambda pd: pd.DataFrame({n: pd.array([1, None] * 6) for n in "abcd"}),
    "doubled": lambda pd: pd.DataFrame(np.zeros((12, 4)), columns=list("aabb")),
    "Int64": lambda pd: pd.Series([0, 1, None] * 4, dtype="Int64"),
    "category": lambda pd: pd.Series(["a", "b", None] * 4, dtype="category"),
    "interval": lambda pd: pd.Series(pd.interval_range(0, 12)),
    "dates": lambda pd: pd.Series(pd.date_range("2020", periods=12)),
    "row": lambda pd: pd.DataFrame(_COLUMNS).iloc[0],
    "NA": lambda pd: pd.NA,
}

_POLARS: dict[str, Callable[[Any], Any]] = {
    "frame": lambda pl: pl.DataFrame(_COLUMNS).select("d", "c", "b", "a"),
    "lazy": lambda pl: pl.DataFrame(_COLUMNS).lazy(),
    "null": lambda pl: pl.Series([0, 1, None] * 4),
    "enum": lambda pl: pl.Series(["a", "b", "c"] * 4, dtype=pl.Enum(["c", "b", "a"])),
    "long enum": lambda pl: pl.Series(["z" * 900] * 12, dtype=pl.Enum(["z" * 900])),
    "lists": lambda pl: pl.Series([[1], [2, 3]] * 6),
}

_TORCH: dict[str, Callable[[Any], Any]] = {
    "requires grad": lambda torch: torch.ones(12, 4, requires_grad=True),
    "meta": lambda torch: torch.ones(12, 4, device="meta"),
    "bfloat16": lambda torch: torch.ones(12, 4, dtype=torch.bfloat16),
    "sparse": lambda torch: torch.eye(12)[:, :4].to_sparse(),
    "complex": lambda torch: torch.ones(12, 4, dtype=torch.complex64),
    "float64": lambda torch: torch.ones(12, 4, dtype=torch.float64),
    "dtype": lambda torch: torch.float32,
}


@cache
def values() -> dict[str, Make]:
    """Return every value by its name."""
    return {
        **_PLAIN,
        **_MADE,
        **_ARRAYS,
        **_others("pandas", _PANDAS),
        **_others("polars", _POLARS),
        **_others("torch", _TORCH),
        **_others("scipy", {"sparse": lambda _: importlib.import_module("scipy.sparse").eye(12)}),
        **_others("pyarrow", {"table": lambda pa: pa.table(_COLUMNS)}),
    }
