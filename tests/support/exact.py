"""The equations in mpmath at 50 digits, written from the textbook and not from xpnet.

A network is given by lists of weights and biases (nested lists of mpf). Functions take one example
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp

mp.mp.dps = 50

Row = list[mp.mpf]
Slopes = tuple[Callable[..., mp.mpf], Callable[..., mp.mpf]]
Matrix = list[Row]


def normal_pdf(z: mp.mpf) -> mp.mpf:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


LAMBDA = mp.mpf("1.0507009873554804934193349852946")
ALPHA = mp.mpf("1.6732632423543772848170429916717")
ONE = mp.mpf(1)


def sigmoid(z: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-z))


def sigmoid_d(z: mp.mpf) -> mp.mpf:
    return sigmoid(z) * sigmoid(-z)


def sigmoid_d2(z: mp.mpf) -> mp.mpf:
    return sigmoid_d(z) * (sigmoid(-z) - sigmoid(z))


# name: (f, f', f'') of one number
FUNCTIONS = {
    "identity": (lambda z: z, lambda z: ONE, lambda z: 0 * z),
    "relu": (lambda z: max(z, 0 * z), lambda z: ONE * (z > 0), lambda z: 0 * z),
    "leaky_relu": (
        lambda z: z if z > 0 else z / 100,
        lambda z: ONE if z > 0 else ONE / 100,
        lambda z: 0 * z,
    ),
    "elu": (
        lambda z: z if z > 0 else mp.expm1(z),
        lambda z: ONE if z > 0 else mp.exp(z),
        lambda z: 0 * z if z > 0 else mp.exp(z),
    ),
    "selu": (
        lambda z: LAMBDA * (z if z > 0 else ALPHA * mp.expm1(z)),
        lambda z: LAMBDA * (ONE if z > 0 else ALPHA * mp.exp(z)),
        lambda z: 0 * z if z > 0 else LAMBDA * ALPHA * mp.exp(z),
    ),
    "gelu": (
        lambda z: z * mp.ncdf(z),
        lambda z: mp.ncdf(z) + z * normal_pdf(z),
        lambda z: (2 - z * z) * normal_pdf(z),
    ),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) + z * sigmoid_d(z),
        lambda z: 2 * sigmoid_d(z) + z * sigmoid_d2(z),
    ),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2, lambda z: -2 * mp.tanh(z) * mp.sech(z) ** 2),
    "sigmoid": (sigmoid, sigmoid_d, sigmoid_d2),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), sigmoid, sigmoid_d),
    "exp": (mp.exp, mp.exp, mp.exp),
}


def softmax(z: Row) -> Row:
    e = [mp.exp(v) for v in z]
    return [v / sum(e) for v in e]


def activate(name: str, z: Row) -> Row:
    return softmax(z) if name == "softmax" else [FUNCTIONS[name][0](v) for v in z]


def jacobian_product(name: str, z: Row, dA: Row) -> Row:
    """Return f'(z)ᵀ dA."""
    if name != "softmax":
        return [FUNCTIONS[name][1](v) * d for v, d in zip(z, dA, strict=True)]
    p = softmax(z)
    return [
        sum(((i == k) * p[k] - p[i] * p[k]) * dA[k] for k in range(len(z))) for i in range(len(z))
    ]


def loss_and_dz(
    loss: str, output: str, z: Row, y: Row | int, **settings: Any
) -> tuple[mp.mpf, Row]:
    """Return one example's loss and its derivative by z_L; y may be a label or a row."""
    n = len(z)
    if loss == "multi_cross_entropy":
        return heads_and_dz(z, y, **settings)
    if loss == "gaussian_nll":
        return gaussian_and_dz(output, z, y, **settings)
    if loss == "quantile":
        return quantiles_and_dz(output, z, y, **settings)
    if isinstance(y, int):
        y = [ONE * (k == y) for k in range(n)]
    if loss == "cross_entropy":
        epsilon, p = mp.mpf(settings.get("label_smoothing", 0)), softmax(z)
        y = [(1 - epsilon) * t + epsilon / n for t in y]
        value = -sum(t * mp.log(q) for t, q in zip(y, p, strict=True) if t)
        return value, [q * sum(y) - t for t, q in zip(y, p, strict=True)]
    if loss == "binary_cross_entropy":
        value = -sum(
            t * mp.log(sigmoid(v)) + (1 - t) * mp.log(sigmoid(-v))
            for t, v in zip(y, z, strict=True)
        )
        return value / n, [(sigmoid(v) - t) / n for t, v in zip(y, z, strict=True)]
    a = activate(output, z)
    value_of, slope_of = huber(**settings) if loss == "huber" else ELEMENTWISE[loss]
    scale = ONE if loss == "squared_error" else ONE / n
    value = scale * sum(value_of(p, t) for p, t in zip(a, y, strict=True))
    dA = [scale * slope_of(p, t) for p, t in zip(a, y, strict=True)]
    return value, jacobian_product(output, z, dA)


# name: (value, slope in a) of one output
ELEMENTWISE = {
    "squared_error": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "mean_squared_error": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "absolute_error": (lambda a, y: abs(a - y), lambda a, y: mp.sign(a - y)),
    "log_cosh": (lambda a, y: mp.log(mp.cosh(a - y)), lambda a, y: mp.tanh(a - y)),
    "poisson": (lambda a, y: a - y * mp.log(a), lambda a, y: 1 - y / a),
}


def huber(delta: float = 1.0) -> Slopes:
    """Return the value and the slope of one output's Huber loss."""
    d = mp.mpf(delta)

    def value(a: mp.mpf, y: mp.mpf) -> mp.mpf:
        return (a - y) ** 2 / 2 if abs(a - y) <= d else d * (abs(a - y) - d / 2)

    return value, lambda a, y: max(-d, min(d, a - y))


def quantiles_and_dz(
    output: str, z: Row, y: Row, quantiles: Sequence[float] = (0.5,)
) -> tuple[mp.mpf, Row]:
    """Return the pinball loss and dz; block i of the outputs is quantile i of every target."""
    a, n = activate(output, z), len(z)
    value, dA = mp.mpf(0), []
    for i, q in enumerate(map(mp.mpf, quantiles)):
        for p, t in zip(a[i * len(y) : (i + 1) * len(y)], y, strict=True):
            value += (q * (t - p) if t >= p else (1 - q) * (p - t)) / n
            dA.append((-q if t > p else 1 - q if t < p else mp.mpf(0)) / n)
    return value, jacobian_product(output, z, dA)


def gaussian_and_dz(
    output: str, z: Row, y: Row, minimum_variance: float = 0.0, full: bool = False
) -> tuple[mp.mpf, Row]:
    """Return −ln of the normal density of y, and dz; a has means and logarithms of variances."""
    a, k = activate(output, z), len(y)
    v = [mp.exp(s) + mp.mpf(minimum_variance) for s in a[k:]]
    terms = [mp.log(q) / 2 + (m - t) ** 2 / (2 * q) for m, q, t in zip(a, v, y, strict=False)]
    constant = mp.log(2 * mp.pi) / 2 if full else 0
    dm = [(m - t) / q for m, q, t in zip(a, v, y, strict=False)]
    dv = [1 / (2 * q) - (m - t) ** 2 / (2 * q * q) for m, q, t in zip(a, v, y, strict=False)]
    ds = [d * mp.exp(s) for d, s in zip(dv, a[k:], strict=True)]
    return sum(terms) / k + constant, jacobian_product(output, z, [d / k for d in dm + ds])


def heads_and_dz(
    z: Row, y: Sequence[int], heads: Sequence[int], label_smoothing: float = 0.0
) -> tuple[mp.mpf, Row]:
    """Return the sum of the heads' cross-entropies, and dz."""
    value, dz, at = mp.mpf(0), [], 0
    for n, label in zip(heads, y, strict=True):
        part = z[at : at + n]
        v, d = loss_and_dz(
            "cross_entropy", "softmax", part, int(label), label_smoothing=label_smoothing
        )
        value, dz, at = value + v, dz + d, at + n
    return value, dz


def gradient(
    weights: Sequence[Matrix],
    biases: Sequence[Row],
    activations: Sequence[str],
    loss: str,
    X: Sequence[Row],
    Y: Sequence[Row | int],
) -> tuple[mp.mpf, list[Matrix], list[Row]]:
    """Return the mean loss over the examples, and its derivative by every weight and bias."""
    dW = [[[mp.mpf(0)] * len(W[0]) for _ in W] for W in weights]
    db = [[mp.mpf(0)] * len(b) for b in biases]
    total = mp.mpf(0)
    for x, y in zip(X, Y, strict=True):
        a, z = [list(x)], []
        for W, b, f in zip(weights, biases, activations, strict=True):
            z.append([mp.fdot(w, a[-1]) + c for w, c in zip(W, b, strict=True)])
            a.append(activate(f, z[-1]))
        value, delta = loss_and_dz(loss, activations[-1], z[-1], y)
        total += value / len(X)
        for l in reversed(range(len(weights))):
            for j, d in enumerate(delta):
                db[l][j] += d / len(X)
                for k, v in enumerate(a[l]):
                    dW[l][j][k] += d * v / len(X)
            if l:
                dA = [mp.fdot(delta, column) for column in zip(*weights[l], strict=True)]
                delta = jacobian_product(activations[l - 1], z[l - 1], dA)
    return total, dW, db
