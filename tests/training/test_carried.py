"""What an estimator gives a fit: the order of examples, and the optimizer's state between fits."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_numba, relative
from xpnet.backends import to_numpy
from xpnet.checks.inputs import examples
from xpnet.optimizers import SGD, Adam
from xpnet.training.callbacks import Callbacks
from xpnet.training.loop import loop
from xpnet.training.one_fit import one_fit
from xpnet.training.settings import Carried, Settings

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(11, 3)), RNG.normal(size=(11, 1))
OPTIMIZERS = [Adam(0.05), SGD(0.05, momentum=0.9)]


def run(net, optimizer, epochs, w=None, **more):
    """Fit by the loop itself, as an estimator does; return the history."""
    chosen = Settings(
        **{
            **dict.fromkeys(("penalty", "max_norm", "validation_fraction", "early_stopping")),
            "epochs": epochs,
            "batch_size": 4,
            "optimizer": optimizer,
            "shuffle": True,
            "metrics": (),
            "callbacks": Callbacks(()),
            "progress": False,
            "compile": False,
            **more,
        }
    )
    data = examples(net.backend, net.layers, net.loss, net.dtype, X, Y)._replace(w=w)
    with one_fit(net) as kept, net.backend.context():
        return loop(net, net.backend, data, None, chosen, kept)


def network(backend="numpy"):
    return xpnet.Network([3, 4, 1], loss="squared_error", dtype="float64", backend=backend)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_two_fits_with_a_carried_state_are_one(backend, optimizer):
    whole, parts, carried = network(backend), network(backend), Carried()
    run(whole, optimizer, 2)
    for _ in range(2):
        run(parts, optimizer, 1, carried=carried)
    np.testing.assert_array_equal(to_numpy(parts.parameters), to_numpy(whole.parameters))
    assert carried.t == 6
    afresh = network(backend)
    for _ in range(2):
        run(afresh, optimizer, 1)
    assert relative(to_numpy(afresh.parameters), to_numpy(whole.parameters)) > 1e-4


@needs_numba
def test_compiled_steps_carry_the_same_state():
    states = []
    for compiled in (False, True):
        net, carried = network(), Carried()
        for _ in range(2):
            history = run(net, Adam(0.05), 1, carried=carried, compile=compiled)
        assert history.engine == ("fused" if compiled else "plain")
        states.append((to_numpy(net.parameters), *carried.moments))
    for a, b in zip(*states, strict=True):
        assert relative(b, a) <= 1e-13


def test_a_given_order_is_followed_with_examples_of_weight_zero_in_place(backend):
    rows = np.asarray([3, 0, 7, 9, 1, 2, 4, 10, 8, 6, 5])
    w = np.where(np.arange(11) % 3 == 0, 0.0, 1.0)
    net, theta = network(backend), to_numpy(network(backend).parameters).copy()
    for start in range(0, 11, 4):
        batch = rows[start : start + 4]
        net.set_parameters(theta)
        theta = theta - 0.05 * to_numpy(net.gradient(X[batch], Y[batch], w[batch]).flat)
    found, asked = network(backend), []
    run(found, SGD(0.05), 1, w, order=lambda epoch: asked.append(epoch) or rows)
    assert relative(to_numpy(found.parameters), theta) <= 1e-14
    assert asked == [0]


def test_an_order_is_asked_for_even_if_a_step_takes_all_rows():
    asked = []
    run(network(), SGD(0.05), 3, batch_size=11, order=lambda epoch: asked.append(epoch))
    assert asked == [0, 1, 2]
