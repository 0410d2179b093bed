"""exp, expm1, log1p and tanh of one number, in arithmetic that a compiler vectorises.

A loop that calls the C library's functions is not vectorised. These contain no call and no branch:

    exp x = 2ᵏ eʳ          k = round(x / ln 2),  r = x − k ln 2,  |r| ≤ ½ ln 2
    eʳ − 1 = r + r²/2! + r³/3! + …        until the next term is below rounding
    expm1 x = 2ᵏ (eʳ − 1) + (2ᵏ − 1)
    tanh |x| = e/(e + 2)   e = expm1(2|x|)
    log1p x = k ln 2 + 2 (s + s³/3 + s⁵/5 + …) + c      1 + x = 2ᵏ m,  s = (m − 1)/(m + 1)

Here ln 2 is split into two parts, so that r is exact. c is the rounding error of 1 + x, divided by
1 + x. The errors are a few units in the last place (tests/engines/test_compiled.py); NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np

__all__ = ["functions"]

# only "contract": reassociation would undo the two-part reduction
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


class _Format(NamedTuple):
    """The constants that differ between float32 and float64."""

    real: Any
    integer: Any
    mantissa: int  # bits of the mantissa
    bias: int  # bias of the exponent
    high: float  # leading bits of ln 2
    low: float  # remainder of ln 2
    least: float  # exp of anything smaller is 0
    most: float  # exp of anything larger is ∞
    terms: int  # last power in the series of eʳ
    atanh_terms: int  # terms in the series of log1p, after the first
    flat: float  # tanh of anything larger is 1


_FORMATS = {
    "f32": _Format(
        np.float32, np.int32, 23, 127, 0.693359375, -2.12194440e-4, -104.0, 89.0, 7, 5, 10.0
    ),
    "f64": _Format(
        np.float64, np.int64, 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10,
        -746.0, 710.0, 13, 11, 20.0,
    ),
}  # fmt: skip


def functions(kind: str) -> dict[str, Callable[..., Any]]:
    """Return the functions for "f32" or "f64", by name."""
    form = _FORMATS[kind]
    exp, expm1 = _exponentials(form)
    return {
        "exp": exp,
        "expm1": expm1,
        "tanh": _tanh(form, expm1),
        "log1p": _log1p(form),
    }


def _compile(function: Callable[..., Any]) -> Any:
    return numba.njit(**_OPTIONS)(function)


def _exponentials(form: _Format) -> tuple[Any, Any]:
    real, integer, mantissa, bias = form[:4]
    high, low, log2_e = real(form.high), real(form.low), real(1.0 / math.log(2.0))
    least, most, half, one = real(form.least), real(form.most), real(0.5), real(1.0)
    series = tuple(real(1.0 / math.factorial(n)) for n in range(form.terms, 1, -1))

    @_compile
    def reduced(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Return k and eʳ − 1; see the equations above."""
        x = most if x > most else x
        x = least if x < least else x
        k = np.floor(x * log2_e + half)
        r = (x - k * high) - k * low
        p = series[0]
        for c in series[1:]:
            p = p * r + c
        return integer(k), p * r * r + r

    @_compile
    def power(k):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """Return 2ᵏ, if that is a normal number."""
        return integer((integer(k) + integer(bias)) << integer(mantissa)).view(real)

    @_compile
    def exp(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        k, p = reduced(x)
        first = integer(k >> integer(1))  # 2ᵏ as two factors, each a normal number
        return (p + one) * power(first) * power(k - first)

    @_compile
    def expm1(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        k, p = reduced(x)
        k = integer(-bias + 2) if k < integer(-bias + 2) else k
        scale = power(k - integer(1))
        return (scale * p + (scale - half)) * real(2.0)

    return exp, expm1


def _tanh(form: _Format, expm1: Any) -> Any:
    real = form.real
    flat, two = real(form.flat), real(2.0)

    @_compile
    def tanh(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        a = abs(x)
        a = flat if a > flat else a
        e = expm1(two * a)
        t = e / (e + two)
        return -t if x < 0 else t

    return tanh


def _log1p(form: _Format) -> Any:
    real, integer, mantissa = form.real, form.integer, form.mantissa
    high, low, one, two = real(form.high), real(form.low), real(1.0), real(2.0)
    series = tuple(real(2.0 / (2 * n + 1)) for n in range(form.atanh_terms, 0, -1))
    root_half = integer(np.array(math.sqrt(0.5), real).view(integer))
    inf, nan = real(np.inf), real(np.nan)

    @_compile
    def log1p(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        w = one + x
        bits = real(w).view(integer)
        k = integer(integer(bits - root_half) >> integer(mantissa))
        m = integer(bits - integer(k << integer(mantissa))).view(real)
        f = m - one
        s = f / (m + one)
        q, p = s * s, series[0]
        for c in series[1:]:
            p = p * (s * s) + c
        lost = (x - (w - one)) / w
        z = real(k) * high + (two * s + (s * q * p + (real(k) * low + lost)))
        z = -inf if x == -one else z
        z = nan if (x < -one) | (x != x) else z
        return inf if x == inf else z

    return log1p
