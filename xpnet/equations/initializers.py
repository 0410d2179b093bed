"""Initial weights W (fan_out, fan_in), drawn on the host in float64: the same on every backend.

A scheme is a variance and a shape of distribution:

    he      2/fan_in                 He et al., "Delving deep into rectifiers" (2015)
    glorot  2/(fan_in + fan_out)     Glorot and Bengio, "Understanding the difficulty …" (2010)
    lecun   1/fan_in                 LeCun et al., "Efficient backprop" (1998)

uniform on ±√(3 · variance), or normal. Biases start at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from xpnet.equations.streams import WEIGHTS, uniform
from xpnet.typing import Host

__all__ = ["INITIALIZERS", "default_for", "initial_weights"]

_HE = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, fan_out: 2.0 / fan_in,
    "glorot": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
    "lecun": lambda fan_in, fan_out: 1.0 / fan_in,
}

INITIALIZERS = {
    "zeros": None,
    **{f"{scheme}_{shape}": scheme for scheme in VARIANCES for shape in ("uniform", "normal")},
}
"""Every named initializer and its key in `VARIANCES`; None stands for all zeros."""


def default_for(activation: str) -> str:
    """He for relu-like activations, LeCun for selu (its fixed point needs it), else Glorot."""
    if activation == "selu":
        return "lecun_normal"
    return "he_uniform" if activation in _HE else "glorot_uniform"


def initial_weights(name: str, fan_in: int, fan_out: int, seed: int, layer: int) -> Host:
    """W_l (fan_out, fan_in) in float64 for layer l, from the stream (seed, WEIGHTS, l)."""
    scheme = INITIALIZERS[name]
    shape = (fan_out, fan_in)
    if scheme is None:
        return np.zeros(shape)
    variance = VARIANCES[scheme](fan_in, fan_out)
    if name.endswith("_normal"):
        return math.sqrt(variance) * _normal(seed, layer, fan_in * fan_out).reshape(shape)
    u = uniform(seed, WEIGHTS, (layer,), fan_in * fan_out).reshape(shape)
    return (2.0 * u - 1.0) * math.sqrt(3.0 * variance)


def _normal(seed: int, layer: int, n: int) -> Host:
    """Return n standard normal numbers, the cosine half of each Box-Muller pair."""
    u = uniform(seed, WEIGHTS, (layer,), 2 * n)
    radius = np.sqrt(-2.0 * np.log1p(-u[:n]))  # ln(1 − u), since u may be 0 and is never 1
    return np.asarray(radius * np.cos(2.0 * np.pi * u[n:]))
