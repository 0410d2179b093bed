"""The equations in mpmath at 50 digits, written from the textbook and not from xpnet.

A network is lists of weights and biases (nested lists of mpf), one example at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import mpmath as mp

mp.mp.dps = 50

Row = list[mp.mpf]
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
    """f'(z)ᵀ dA."""
    if name != "softmax":
        return [FUNCTIONS[name][1](v) * d for v, d in zip(z, dA, strict=True)]
    p = softmax(z)
    return [
        sum(((i == k) * p[k] - p[i] * p[k]) * dA[k] for k in range(len(z))) for i in range(len(z))
    ]


def loss_and_dz(loss: str, output: str, z: Row, y: Row | int) -> tuple[mp.mpf, Row]:
    """One example's loss and its derivative by z_L; a label y stands for its one-hot row."""
    n = len(z)
    if isinstance(y, int):
        y = [ONE * (k == y) for k in range(n)]
    if loss == "cross_entropy":
        p = softmax(z)
        value = -sum(t * mp.log(q) for t, q in zip(y, p, strict=True) if t)
        return value, [q * sum(y) - t for t, q in zip(y, p, strict=True)]
    if loss == "binary_cross_entropy":
        value = -sum(
            t * mp.log(sigmoid(v)) + (1 - t) * mp.log(sigmoid(-v))
            for t, v in zip(y, z, strict=True)
        )
        return value / n, [(sigmoid(v) - t) / n for t, v in zip(y, z, strict=True)]
    a = activate(output, z)
    value_of, slope_of = ELEMENTWISE[loss]
    scale = ONE if loss == "squared_error" else ONE / n
    value = scale * sum(value_of(p, t) for p, t in zip(a, y, strict=True))
    dA = [scale * slope_of(p, t) for p, t in zip(a, y, strict=True)]
    return value, jacobian_product(output, z, dA)


# name: (value, slope in a) of one output
ELEMENTWISE = {
    "squared_error": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "mean_squared_error": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "absolute_error": (lambda a, y: abs(a - y), lambda a, y: mp.sign(a - y)),
    "huber": (
        lambda a, y: (a - y) ** 2 / 2 if abs(a - y) <= 1 else abs(a - y) - ONE / 2,
        lambda a, y: max(-ONE, min(ONE, a - y)),
    ),
    "poisson": (lambda a, y: a - y * mp.log(a), lambda a, y: 1 - y / a),
}


def gradient(
    weights: Sequence[Matrix],
    biases: Sequence[Row],
    activations: Sequence[str],
    loss: str,
    X: Sequence[Row],
    Y: Sequence[Row | int],
) -> tuple[mp.mpf, list[Matrix], list[Row]]:
    """Mean loss over the examples, and its derivative by every weight and bias."""
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
