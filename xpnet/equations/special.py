"""Functions that the Array API standard lacks, written in its terms.

Notation: φ(x) = exp(−x²/2)/√(2π) is the standard normal density and Φ(x) its integral, so that
erf(x/√2) = 2Φ(x) − 1.
"""

from __future__ import annotations

import math

from xpnet.typing import Array, Namespace

__all__ = ["normal_cdf", "normal_pdf", "sigmoid"]

# (1 + x) Φ(−x) exp(x²/2) = Σ c_k t^k with t = (x − 4.5)/(x + 4.5), for every x ≥ 0: the Chebyshev
# series of M. M. Shepherd and J. G. Laframboise, Math. Comp. 36 (1981), carried over from erfc to
# Φ, computed with 60 digits and truncated where the next term is below 1e-17.
_TAIL = (
    0.46641865659290194, -0.09445675888818685, 0.02384296476911725, 0.018922656662711215,
    -0.030376890965734007, 0.02261631044732909, -0.010591085337338033, 0.0027112460987931703,
    0.00011925569366613664, -0.00035300176915476503, 7.09521227795195e-05, 3.38350169003744e-05,
    -1.4896126888381873e-05, -3.585852161729812e-06, 2.550910334913474e-06, 5.261852816391683e-07,
    -4.278383977807862e-07, -1.0798184104591955e-07, 6.895720202650146e-08, 2.4286502928616707e-08,
    -9.328009726440682e-09, -4.453290584629566e-09, 7.510825128008859e-10, 4.478328966769655e-10,
)  # fmt: skip


def _exp_half_square(xp: Namespace, x: Array) -> Array:
    """exp(−x²/2) for x ≥ 0, without the rounding of x² that exp would magnify.

    With h = x cut to sixteenths, x² = h² + (x − h)(x + h), and h² is exact.
    """
    h = xp.floor(x * 16.0) / 16.0
    return xp.exp(h * h * -0.5) * xp.exp((h - x) * (h + x) * 0.5)


def normal_cdf(xp: Namespace, x: Array) -> Array:
    """Φ(x) for real floating x of any shape, to 5 units in the last place in both tails.

    NumPy has no error function; this one is the same on every backend.
    """
    u = xp.minimum(xp.abs(x), 40.0)  # Φ(−40) is zero in float64, and infinity stays out of t
    t = (u - 4.5) / (u + 4.5)
    series = _TAIL[-1] * t
    for c in _TAIL[-2:0:-1]:
        series += c
        series *= t
    tail = _exp_half_square(xp, u) * ((series + _TAIL[0]) / (u + 1.0))
    return xp.where(x > 0, 1.0 - tail, tail)


def normal_pdf(xp: Namespace, x: Array) -> Array:
    """φ(x) = exp(−x²/2)/√(2π)."""
    return _exp_half_square(xp, xp.minimum(xp.abs(x), 40.0)) * (1.0 / math.sqrt(2.0 * math.pi))


def sigmoid(xp: Namespace, x: Array) -> Array:
    """1/(1 + e^(−x)), from e^(−|x|), which never overflows; accurate in both tails."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x < 0, e, 1.0) / (e + 1.0)
