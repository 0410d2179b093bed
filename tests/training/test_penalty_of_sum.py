"""A penalty of the sum of a batch's losses, as scikit-learn's alpha: divided by the batch's Σw."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_numba, relative
from xpnet.backends import to_numpy
from xpnet.optimizers import SGD

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
WEIGHTS = [None, RNG.uniform(1.0, 3.0, size=12), RNG.uniform(1e30, 3e30, size=12)]
each_weights = pytest.mark.parametrize("w", WEIGHTS, ids=["without", "with", "with huge"])
LAMBDA = 0.7


def network(backend="numpy"):
    return xpnet.Network(
        [4, 3, 2], activation="tanh", loss="squared_error", dtype="float64", backend=backend
    )


def fitted(backend, penalty, w, **more):
    net = network(backend)
    keywords = {"epochs": 3, "batch_size": 4, "shuffle": False, **more}
    history = net.fit(
        X, Y, sample_weight=w, optimizer=SGD(0.1), penalty=penalty, progress=False, **keywords
    )
    return to_numpy(net.parameters), history.loss


def squares(net):
    return sum(float((to_numpy(W) ** 2).sum()) for W in net.weights)


@each_weights
def test_it_is_the_penalty_divided_by_the_weights(backend, w):
    total = 12.0 if w is None else float(w.sum())
    lam = LAMBDA * total / 12
    one = {"batch_size": None, "epochs": 1}
    of_sum, reported = fitted(backend, xpnet.Penalty(l1=0.1, l2=lam, of_sum=True), w, **one)
    divided = xpnet.Penalty(l1=0.1 / total, l2=lam / total)
    of_mean, loss = fitted(backend, divided, w, **one)
    assert relative(of_sum, of_mean) <= 1e-14
    start = network()
    ones = sum(float(np.abs(to_numpy(W)).sum()) for W in start.weights)
    value = 0.5 * lam * squares(start) + 0.1 * ones
    assert reported[0] == pytest.approx(loss[0] + value / total, rel=1e-13)


def test_its_strength_follows_the_size_of_each_batch(backend):
    """Batches of 5, 5 and 2: the last one gets 2.5 times the penalty of the others."""
    net, theta = network(), to_numpy(network().parameters).copy()
    for rows in (slice(0, 5), slice(5, 10), slice(10, 12)):
        net.set_parameters(theta)
        g = to_numpy(net.gradient(X[rows], Y[rows]).flat).copy()
        n = net.layers[0].weight.size + net.layers[1].weight.size
        g[:n] += LAMBDA * theta[:n] / (rows.stop - rows.start)
        theta = theta - 0.1 * g
    penalty = xpnet.Penalty(l2=LAMBDA, of_sum=True)
    found, _ = fitted(backend, penalty, None, epochs=1, batch_size=5)
    assert relative(found, theta) <= 1e-14


@needs_numba
@each_weights
def test_compiled_steps_agree(w):
    total = 12.0 if w is None else float(w.sum())
    penalty = xpnet.Penalty(l1=0.1, l2=LAMBDA * total, of_sum=True)
    plain, losses = fitted("numpy", penalty, w, batch_size=5, compile=False)
    found, same = fitted("numpy", penalty, w, batch_size=5, compile=True)
    assert relative(found, plain) <= 1e-13
    np.testing.assert_allclose(same, losses, rtol=1e-13)


@each_weights
def test_the_objective_includes_it(w):
    net = network()
    total = 12.0 if w is None else float(w.sum())
    f = net.objective(X, Y, w, penalty=xpnet.Penalty(l2=LAMBDA * total, of_sum=True))
    same = net.objective(X, Y, w, penalty=xpnet.Penalty(l2=LAMBDA))
    (value, g), (expected, dG) = f(net.parameters), same(net.parameters)
    assert value == pytest.approx(expected, rel=1e-14)
    assert relative(g, dG) <= 1e-14


def test_networks_with_rows_of_their_own_divide_by_their_own_batch():
    stack = xpnet.Stack([network(), network()])
    penalty = xpnet.Penalty(l2=LAMBDA, of_sum=True)
    rows = [np.arange(6), np.arange(6, 12)]
    stack.fit(X, Y, penalty=penalty, rows=rows, epochs=1, batch_size=4, optimizer=SGD(0.1))
    alone = network()
    alone.fit(X[:6], Y[:6], penalty=penalty, epochs=1, batch_size=4, optimizer=SGD(0.1))
    assert relative(stack[0].parameters, alone.parameters) <= 1e-10


def test_each_network_of_a_stack_has_its_own():
    penalty = xpnet.Penalty(l1=0.1, l2=LAMBDA, of_sum=True)
    nets = [xpnet.Network([4, 3, 2], loss="squared_error", dtype="float64", rng=r) for r in (0, 1)]
    keywords = {"epochs": 3, "batch_size": 5, "optimizer": SGD(0.1), "penalty": penalty}
    stack = xpnet.Stack(nets)
    together = stack.fit(X, Y, **keywords, shuffle=False, progress=False)
    for r, net in enumerate(nets):
        alone = net.fit(X, Y, **keywords, shuffle=False, progress=False)
        assert relative(stack[r].parameters, net.parameters) <= 1e-13
        assert [each[r] for each in together.loss] == pytest.approx(alone.loss, rel=1e-13)
