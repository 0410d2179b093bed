"""Networks with their exact gradients: by mpmath, torch.autograd and jax.grad."""

from __future__ import annotations

from functools import cache

import mpmath as mp
import numpy as np

from tests.support import exact
from tests.support.autodiff import jax_loss, torch_loss
from tests.support.helpers import network, random_targets
from xpnet.backends import get_backend, to_numpy

SIZES = [3, 4, 5, 3]
CONFIDENT_PAIRS = [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")]


def parts(net):
    """Return weights and biases as NumPy arrays."""
    return [to_numpy(W) for W in net.weights], [to_numpy(b) for b in net.biases]


def problem(loss, N=4, sizes=SIZES):
    """Return inputs and targets."""
    rng = np.random.default_rng(11)
    return rng.normal(size=(N, sizes[0])), random_targets(rng, loss, N, sizes[-1])


def flat_from(dW, db):
    """Return one vector, weights first."""
    return np.concatenate([np.asarray(g, dtype=np.float64).ravel() for g in (*dW, *db)])


@cache
def exact_case(activation, loss, hidden, confident):
    """Return parameters, data, the exact loss and gradient; computed once for all backends."""
    net = network(get_backend("numpy"), SIZES, activation=[hidden, hidden, activation], loss=loss)
    X, Y = problem(loss)
    if confident:
        X, Y = make_confident(net, loss)
    weights, biases = parts(net)
    with mp.workdps(120 if confident else 50):
        value, dW, db = exact.gradient(
            [[[mp.mpf(v) for v in row] for row in W.tolist()] for W in weights],
            [[mp.mpf(v) for v in b.tolist()] for b in biases],
            [hidden, hidden, activation],
            loss,
            [[mp.mpf(v) for v in x] for x in X.tolist()],
            Y.tolist() if Y.ndim == 1 else [[mp.mpf(v) for v in y] for y in Y.tolist()],
        )
    return net.parameters, X, Y, float(value), [np.asarray(g, float) for g in (*dW, *db)]


def make_confident(net, loss):
    """Magnify the last layer; return the inputs whose outputs are then the most confident."""
    weights, biases = parts(net)
    net.set_weights([*weights[:-1], 40 * weights[-1]], [*biases[:-1], 40 * biases[-1]])
    X, Y = problem(loss, N=60)
    A = net(X)
    doubt = np.sort(1 - A, axis=1)[:, 0] if Y.ndim == 1 else np.max(np.minimum(A, 1 - A), axis=1)
    surest = np.argsort(doubt)[:4]
    return X[surest], A.argmax(axis=1)[surest] if Y.ndim == 1 else np.round(A)[surest]


def torch_gradient(net, names, loss, X, Y):
    """Return the loss and its flat gradient by torch.autograd."""
    import torch

    layers = [
        tuple(torch.tensor(p, requires_grad=True) for p in pair)
        for pair in zip(*parts(net), strict=True)
    ]
    value = torch_loss(layers, names, loss, torch.tensor(X), torch.tensor(Y))
    value.backward()
    slopes = [W.grad.numpy() for W, _ in layers], [b.grad.numpy() for _, b in layers]
    return float(value.detach()), flat_from(*slopes)


def jax_gradient(net, names, loss, X, Y):
    """Return the loss and its flat gradient by jax.grad."""
    import jax

    layers = list(zip(*parts(net), strict=True))
    value, slopes = jax.value_and_grad(jax_loss)(layers, names, loss, X, Y)
    return float(value), flat_from([W for W, _ in slopes], [b for _, b in slopes])
