"""Ten steps of every optimizer, compared with its equations in plain NumPy.

A rule follows the paper, except for differences that the optimizer's docstring names (often those
of PyTorch). Each rule is a generator: it receives a gradient and θ, and yields the next θ.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.backends import move, to_numpy
from xpnet.equations.parameters import Layout
from xpnet.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    Averaged,
    Nadam,
    RAdam,
    RMSProp,
    bind,
    coefficients,
)
from xpnet.schedules import Step, rates

LAYOUT = Layout(size=6, n_weights=4, matrices=((0, 2, 2),))
START = np.asarray([0.7, -1.3, 2.0, 0.4, -0.6, 1.1])
STEPS = 10


def gradient(theta, t):
    """Return small and large entries of changing sign; one is 0 at every third step."""
    g = np.asarray([1e-6, 1.0, -30.0, 0.3, 2.0, -1.0]) * np.cos(theta + 0.9 * t)
    g[5] *= t % 3 > 0
    return g


def sgd(rate, o):
    u, given = 0.0, (yield)
    while True:
        t, g, theta = given
        eta, after = (rate(t), 1.0) if o.velocity else (1.0, rate(t))  # before or after the sum
        u = o.momentum * u + eta * g
        step = (eta * g + o.momentum * u) if o.nesterov else u
        given = yield theta - after * step


def adagrad(rate, o):
    s, given = 0.0, (yield)
    while True:
        t, g, theta = given
        s = s + g**2
        given = yield theta - rate(t) * g / (np.sqrt(s) + o.epsilon)


def rmsprop(rate, o):
    v, u, given = 0.0, 0.0, (yield)
    while True:
        t, g, theta = given
        v = o.rho * v + (1 - o.rho) * g**2
        u = o.momentum * u + g / (np.sqrt(v) + o.epsilon)
        given = yield theta - rate(t) * u


def adadelta(rate, o):
    v, a, given = 0.0, 0.0, (yield)
    while True:
        t, g, theta = given
        v = o.rho * v + (1 - o.rho) * g**2
        d = np.sqrt(a + o.epsilon) / np.sqrt(v + o.epsilon) * g
        a = o.rho * a + (1 - o.rho) * d**2
        given = yield theta - rate(t) * d


def _moments(o, t, g, m, v):
    """Return m and v, and both with bias correction."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    return m, v, m / (1 - o.beta1**t), v / (1 - o.beta2**t)


def adam(rate, o):
    m, v, given = 0.0, 0.0, (yield)
    while True:
        t, g, theta = given
        m, v, m_hat, v_hat = _moments(o, t, g, m, v)
        if o.epsilon_last:  # scikit-learn's AdamOptimizer
            eta = rate(t) * np.sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
            given = yield theta - eta * m / (np.sqrt(v) + o.epsilon)
        else:
            given = yield theta - rate(t) * m_hat / (np.sqrt(v_hat) + o.epsilon)


def amsgrad(rate, o):
    m, v, s, given = 0.0, 0.0, 0.0, (yield)
    while True:
        t, g, theta = given
        m, v, m_hat, _ = _moments(o, t, g, m, v)
        s = np.maximum(s, v)
        s_hat = s / (1 - o.beta2**t)
        given = yield theta - rate(t) * m_hat / (np.sqrt(s_hat) + o.epsilon)


def adamw(rate, o):
    m, v, given = 0.0, 0.0, (yield)
    decays = np.arange(LAYOUT.size) < (LAYOUT.size if o.decay_biases else LAYOUT.n_weights)
    while True:
        t, g, theta = given
        m, v, m_hat, v_hat = _moments(o, t, g, m, v)
        theta = theta - rate(t) * o.weight_decay * np.where(decays, theta, 0.0)
        given = yield theta - rate(t) * m_hat / (np.sqrt(v_hat) + o.epsilon)


def nadam(rate, o):
    m, v, product, given = 0.0, 0.0, 1.0, (yield)
    while True:
        t, g, theta = given
        m, v, _, v_hat = _moments(o, t, g, m, v)
        mu, following = (o.beta1 * (1 - 0.5 * 0.96 ** (s * o.momentum_decay)) for s in (t, t + 1))
        product *= mu
        ahead = (1 - mu) / (1 - product) * g + following / (1 - product * following) * m
        given = yield theta - rate(t) * ahead / (np.sqrt(v_hat) + o.epsilon)


def radam(rate, o):
    m, v, given = 0.0, 0.0, (yield)
    limit = 2 / (1 - o.beta2) - 1
    while True:
        t, g, theta = given
        m, v, m_hat, _ = _moments(o, t, g, m, v)
        length = limit - 2 * t * o.beta2**t / (1 - o.beta2**t)
        if length > 5:
            r = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            step = math.sqrt(r) * m_hat * math.sqrt(1 - o.beta2**t) / (np.sqrt(v) + o.epsilon)
        else:
            step = m_hat
        given = yield theta - rate(t) * step


OTHER = {"learning_rate": 0.03, "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-3}
RULES = {
    SGD: (
        sgd,
        {"learning_rate": 0.05},
        {"learning_rate": 0.05, "momentum": 0.9},
        {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
        {"learning_rate": 0.05, "velocity": True},
        {"learning_rate": 0.05, "momentum": 1.0, "velocity": True},
        {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "velocity": True},
    ),
    Adagrad: (adagrad, {}, {"learning_rate": 0.1, "epsilon": 1e-3}),
    RMSProp: (
        rmsprop,
        {},
        {"learning_rate": 0.03, "rho": 0.8, "epsilon": 1e-3},
        {"learning_rate": 0.03, "rho": 0.9, "momentum": 0.7, "epsilon": 1e-3},
    ),
    Adadelta: (adadelta, {}, {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-3}),
    Adam: (adam, {}, OTHER, {"beta1": 0.0, "beta2": 0.0}, {**OTHER, "epsilon_last": True}),
    AMSGrad: (amsgrad, {}, OTHER),
    AdamW: (
        adamw,
        {},
        {**OTHER, "weight_decay": 0.3},
        {**OTHER, "weight_decay": 0.3, "decay_biases": True},
    ),
    Nadam: (nadam, {}, {**OTHER, "momentum_decay": 0.1}, {"beta1": 0.3, "momentum_decay": 0.0}),
    RAdam: (radam, {}, OTHER, {"beta2": 0.5}),
}
CASES = [kind(**settings) for kind, (_, *all_) in RULES.items() for settings in all_]
each_case = pytest.mark.parametrize("optimizer", CASES, ids=str)


def by_equations(optimizer, rate):
    """θ after each step."""
    rule, thetas = RULES[type(optimizer)][0](rate, optimizer), [START]
    next(rule)
    for t in range(1, STEPS + 1):
        thetas.append(rule.send((t, gradient(thetas[-1], t), thetas[-1])))
    return thetas[1:]


def by_xpnet(backend, optimizer, c):
    """Return xpnet's θ after each step, with these coefficients."""
    xp, theta, thetas = backend.xp, move(backend, START.copy()), []
    optimizer = bind(optimizer, LAYOUT)
    state = optimizer.init(xp, theta)
    for t in range(1, STEPS + 1):
        g = move(backend, gradient(to_numpy(theta), t))
        theta, state = optimizer.update(xp, c[t - 1], g, state, theta)
        thetas.append(to_numpy(theta).copy())
    return thetas


@each_case
def test_ten_steps_are_those_of_the_equations(backend, optimizer):
    c = [optimizer.coefficients(t, optimizer.learning_rate) for t in range(1, STEPS + 1)]
    expected = by_equations(optimizer, lambda t: optimizer.learning_rate)
    np.testing.assert_allclose(by_xpnet(backend, optimizer, c), expected, rtol=1e-12)


@each_case
def test_a_schedule_changes_the_rate_alone(backend, optimizer):
    """The coefficients of all steps come from one call with different rates."""
    schedule = Step(0.02, 0.5, steps=3)
    c = coefficients(optimizer, 1, rates(schedule, 1, STEPS))
    expected = by_equations(optimizer, schedule)
    np.testing.assert_allclose(by_xpnet(backend, optimizer, c), expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [kind() for kind in OPTIMIZERS.values()], ids=str)
def test_coefficients_of_many_steps_are_those_of_each(optimizer):
    many = coefficients(optimizer, 7, [0.1, 0.2, 0.3])
    assert all(type(number) is float for row in many for number in row)
    each = [optimizer.coefficients(t, rate) for t, rate in ((7, 0.1), (8, 0.2), (9, 0.3))]
    np.testing.assert_allclose(many, each, rtol=1e-14)


def test_every_optimizer_with_a_rule_of_its_own_is_here():
    """Muon's equations are in tests/optimizers/test_optimizers.py."""
    assert {kind.__name__ for kind in OPTIMIZERS.values()} - {"Muon"} == {
        kind.__name__ for kind in RULES
    }


@pytest.mark.parametrize(
    ("decay", "shares"),
    [(0.75, [1, 1, 1, 0, 0.25, 0, 0.25]), (None, [1, 1, 1, 0, 1 / 2, 0, 1 / 3])],
)
def test_the_share_of_a_step_in_an_average(decay, shares):
    """Up to step 3, the start, the average is θ; afterwards every second step counts."""
    optimizer = Averaged(SGD(), decay, start=3, every=2)
    assert [optimizer.coefficients(t, 0.1)[0] for t in range(1, 8)] == shares
