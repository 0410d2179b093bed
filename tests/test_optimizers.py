"""Optimizers against torch.optim, step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.helpers import relative
from xpnet.backends import move, to_numpy
from xpnet.optimizers import OPTIMIZERS, SGD, Adam, get_optimizer

CASES = [
    (SGD(learning_rate=0.05), "SGD", {"lr": 0.05}),
    (SGD(learning_rate=0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    (
        SGD(learning_rate=0.05, momentum=0.8, nesterov=True),
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True},
    ),
    (Adam(), "Adam", {}),
    (
        Adam(learning_rate=0.03, beta1=0.7, beta2=0.95, epsilon=1e-3),
        "Adam",
        {"lr": 0.03, "betas": (0.7, 0.95), "eps": 1e-3},
    ),
    (Adam(beta1=0.0, beta2=0.0), "Adam", {"betas": (0.0, 0.0)}),
]


def gradients(theta, t):
    """A gradient that depends on θ and on the step, some entries tiny and some zero."""
    scale = np.geomspace(1e-9, 1.0, theta.size)
    scale[::7] = 0.0
    return scale * (np.sin(3.0 * theta + t) + 0.1 * theta)


@pytest.mark.parametrize(("optimizer", "name", "settings"), CASES)
def test_a_hundred_steps_equal_torch(backend, optimizer, name, settings):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    start = np.random.default_rng(0).normal(size=50)
    theirs = torch.tensor(start, requires_grad=True)
    reference = getattr(torch.optim, name)([theirs], **settings)
    theta = move(backend, start.copy())
    state = optimizer.init(backend.xp, theta)
    for t in range(1, 101):
        theirs.grad = torch.tensor(gradients(theirs.detach().numpy(), t))
        reference.step()
        g = move(backend, gradients(to_numpy(theta), t))
        c = optimizer.coefficients(t, optimizer.learning_rate)
        theta, state = optimizer.update(backend.xp, c, g, state, theta)
    assert relative(theta, theirs.detach().numpy()) <= 1e-12


def test_first_step_of_adam_has_epsilon_outside_the_root_of_the_corrected_v():
    """At g = 1e-7: −η g/(|g| + ε), which is −9.1e-4; scikit-learn's convention gives −2.4e-4."""
    adam, theta = Adam(), np.zeros(1)
    state = adam.init(np, theta)
    theta, _ = adam.update(np, adam.coefficients(1, 0.001), np.asarray([1e-7]), state, theta)
    assert theta[0] == pytest.approx(-0.001 * 1e-7 / (1e-7 + 1e-8), rel=1e-12)


def test_correction_of_adam_loses_no_digits():
    """1 − 0.999^t for t = 1, where 1 − βᵗ in float32 is off by 2e-5."""
    rate, epsilon = Adam(beta1=0.0, beta2=0.999, epsilon=1.0).coefficients(1, rate=1.0)
    assert rate == pytest.approx(math.sqrt(0.001), rel=1e-15)
    assert epsilon == pytest.approx(math.sqrt(0.001), rel=1e-15)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_name_stands_for_the_defaults_and_a_learning_rate_replaces_its_own(name):
    optimizer = get_optimizer(name)
    assert optimizer == OPTIMIZERS[name]()
    changed = get_optimizer(optimizer, learning_rate=0.5)
    assert changed.learning_rate == 0.5
    assert changed == OPTIMIZERS[name](learning_rate=0.5)
    assert hash(changed) != hash(optimizer)
