"""Optimizers and schedules in a fit.

The training loop

1. binds the optimizer to the layout;       2. asks the schedule for each step's rate;
3. binds the schedule to the fit's length;  4. gives the schedule each epoch's loss;
5. gives the network the average;           6. compiles once per optimizer, not per rate;
7. gives L-BFGS all the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needs_jax, network, relative
from tests.support.own import Plain, PlainData
from xpnet import schedules
from xpnet.backends import get_backend, to_numpy
from xpnet.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Accumulated,
    Adam,
    AdamW,
    Averaged,
    Clipped,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = np.sin(2 * X[:, :1]) + X[:, 1:2] * X[:, 2:]
SIZES = [3, 6, 1]
FIT = {"epochs": 3, "batch_size": 20}


def fitted(backend, optimizer, **settings):
    net = network(backend, SIZES, activation="tanh")
    history = net.fit(X, Y, optimizer=optimizer, **{**FIT, **settings})
    return net, history


def theta(backend, optimizer, **settings):
    return xpnet.to_numpy(fitted(backend, optimizer, **settings)[0].parameters)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_trains_by_its_name_alike_on_every_backend(backend, name):
    found, history = fitted(backend, name)
    assert history.loss[-1] < history.loss[0]
    assert relative(found.parameters, theta("numpy", name)) <= 1e-11


def test_weights_decay_and_biases_do_not(backend):
    """A huge ε makes Adam's step vanish; then only the weights shrink, by 1 − η λ per step."""
    net = network(backend, SIZES)
    before = xpnet.to_numpy(net.parameters).copy()
    net.fit(X, Y, optimizer=AdamW(0.1, epsilon=1e30, weight_decay=0.5), **FIT)
    after = xpnet.to_numpy(net.parameters)
    assert relative(after[:24], before[:24] * 0.95**9) <= 1e-13
    assert relative(after[24:], before[24:]) <= 1e-13


def test_a_schedule_gives_each_step_its_rate(backend):
    """If only the fourth of nine rates is not 0, θ equals a fit with only this step."""
    seen = []

    def schedule(t):
        seen.append(t)
        return 0.5 if t == 4 else 0.0

    net, _ = fitted(backend, SGD(), learning_rate=schedule)
    assert seen == list(range(1, 10))
    other = network(backend, SIZES, activation="tanh")
    other.fit(X, Y, optimizer=SGD(0.0), epochs=1, batch_size=20)  # the same order from here on
    other.fit(X, Y, optimizer=SGD(lambda t: 0.5 * (t == 1)), epochs=1, batch_size=20)
    assert relative(net.parameters, other.parameters) <= 1e-14


def test_the_fit_s_length_is_the_schedule_s(backend):
    whole = theta(backend, SGD(schedules.OneCycle(0.1)))
    named = theta(backend, SGD(schedules.OneCycle(0.1, steps=9)))
    assert relative(whole, named) == 0.0
    by_epoch = theta(backend, SGD(schedules.Step(0.1, epochs=1)))
    by_step = theta(backend, SGD(schedules.Step(0.1, steps=3)))
    assert relative(by_epoch, by_step) == 0.0


@pytest.mark.parametrize("validation_data", [None, (X, 3.0 * Y)])
def test_a_plateau_lowers_the_rate(validation_data):
    """If no epoch meets the threshold, two epochs have the rate η, and each later one a tenth."""
    never = schedules.ReduceOnPlateau(0.05, patience=0, threshold=0.999999)
    steps = [0.05, 0.05, 0.005, 0.0005]
    found = theta("numpy", SGD(never), epochs=4, validation_data=validation_data)
    expected = theta("numpy", SGD(lambda t: steps[(t - 1) // 3]), epochs=4)
    assert relative(found, expected) <= 1e-14
    again = theta("numpy", SGD(never), epochs=4)
    assert relative(again, expected) <= 1e-14


@pytest.mark.parametrize("validation", [{}, {"validation_data": (X[:9], Y[:9])}])
def test_a_schedule_observes_the_validation_loss_or_the_loss_where_there_is_none(validation):
    seen = []

    class Watching:
        def __call__(self, t):
            return 0.01

        def observe(self, value):
            seen.append(value)

    history = network(get_backend("numpy"), SIZES).fit(
        X, Y, epochs=3, learning_rate=Watching(), **validation
    )
    assert seen == (history.validation_loss if validation else history.loss)


def test_the_network_and_its_validation_have_the_average(backend):
    mean = Averaged(Clipped(Adam(0.05), norm=1.0), decay=None, start=4)
    net, history = fitted(backend, mean, validation_data=(X, Y))
    assert net.evaluate(X, Y)["loss"] == pytest.approx(history.validation_loss[-1], rel=1e-12)
    passed = []
    other = network(backend, SIZES, activation="tanh")
    for n in range(4, 10):
        other = network(backend, SIZES, activation="tanh")
        rate = lambda t, n=n: 0.05 if t <= n else 0.0  # noqa: E731
        other.fit(X, Y, optimizer=Clipped(Adam(rate), norm=1.0), **FIT)
        passed.append(xpnet.to_numpy(other.parameters))
    assert relative(net.parameters, np.mean(passed, axis=0)) <= 1e-12


def test_accumulated_batches_are_a_larger_batch(backend):
    found = theta(backend, Accumulated(Adam(0.01), steps=3), shuffle=False)
    expected = theta(backend, Adam(0.01), batch_size=None, shuffle=False)
    assert relative(found, expected) <= 1e-12


@needs_jax
def test_another_learning_rate_compiles_nothing_anew(monkeypatch):
    """JAX only calls the update to compile a step; a user's own is compiled in each fit."""
    compiled, update = [], SGD.update

    class Own(SGD):
        pass

    def counted(self, *args):
        compiled.append(type(self))
        return update(self, *args)

    monkeypatch.setattr(SGD, "update", counted)
    for kind in (SGD, Own):
        for rate in (0.1, 0.01, schedules.OneCycle(0.1)):
            theta("jax", kind(rate, momentum=0.25), compile=True)  # used only here
    assert compiled == [SGD, Own, Own, Own]


def test_fit_counts_the_steps_of_adam(backend):
    """The bias corrections count t over batches and epochs."""
    net = network(backend, [3, 5, 3], loss="huber")
    X, Y = np.random.default_rng(1).normal(size=(2, 6, 3))
    by_hand, adam = network(get_backend("numpy"), [3, 5, 3], loss="huber"), Adam(0.05)
    moments = adam.init(np, by_hand.parameters)
    for t, rows in enumerate([slice(0, 4), slice(4, 6)] * 3, start=1):
        g = by_hand.gradient(X[rows], Y[rows]).flat
        theta, c = by_hand.parameters.copy(), adam.coefficients(t, 0.05)
        theta, moments = adam.update(np, c, g, moments, theta)
        by_hand.set_parameters(theta)
    net.fit(X, Y, epochs=3, batch_size=4, optimizer=adam, shuffle=False)
    np.testing.assert_allclose(to_numpy(net.parameters), by_hand.parameters, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["lbfgs", LBFGS(history=5)])
def test_lbfgs_fits_all_examples_at_once(backend, optimizer):
    net, history = fitted(backend, optimizer, epochs=40, validation_data=(X, Y))
    assert len(history.loss) == len(history.validation_loss) == len(history.epoch) == 40
    assert history.loss == sorted(history.loss, reverse=True)
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert net.evaluate(X, Y)["loss"] == pytest.approx(history.loss[-1], rel=1e-12)


def test_lbfgs_takes_weights_and_stops_by_itself():
    weight = np.linspace(0.0, 2.0, 60)
    net, history = fitted("numpy", LBFGS(tolerance_change=1e-3), epochs=500, sample_weight=weight)
    assert history.stopped == "converged"
    assert len(history.loss) < 500
    _, g = net.value_and_gradient(X, Y, sample_weight=weight)
    assert np.max(np.abs(g.flat)) < 0.1


def test_lbfgs_has_no_learning_rate_to_replace():
    net = network("numpy", SIZES)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="LBFGS searches along each line"):
        net.fit(X, Y, optimizer="lbfgs", learning_rate=0.1)
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize("rate", [schedules.OneCycle, "0.1"])
def test_what_is_no_learning_rate(rate):
    net = network("numpy", SIZES)
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        net.fit(X, Y, learning_rate=rate)


def test_a_schedule_that_fails_leaves_the_network_as_it_was():
    net = network("numpy", SIZES)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="gives nan at step 5"):
        net.fit(X, Y, learning_rate=lambda t: 0.1 if t < 5 else float("nan"), **FIT)
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize("within", [lambda own: own, lambda own: Clipped(own, 1e9)])
@pytest.mark.parametrize("own", [Plain(), PlainData()], ids=repr)
def test_an_optimizer_of_ones_own_is_a_named_tuple_or_dataclass(backend, own, within):
    found, expected = (network(backend, SIZES) for _ in range(2))
    found.fit(X, Y, epochs=2, batch_size=16, optimizer=within(own), learning_rate=0.2)
    expected.fit(X, Y, epochs=2, batch_size=16, optimizer="sgd", learning_rate=0.2)
    found, expected = (to_numpy(net.parameters) for net in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-13)

    class Loose:
        learning_rate = 0.1
        init, coefficients, update = Plain.init, Plain.coefficients, Plain.update

    @dataclass
    class Changing:  # has no hash
        learning_rate: float = 0.1
        init, coefficients, update = Plain.init, Plain.coefficients, Plain.update

    for refused in (Loose(), Changing()):
        with pytest.raises(TypeError, match=r"must be a NamedTuple or a frozen datac"):
            network(get_backend("numpy"), SIZES).fit(X, Y, optimizer=refused)


def test_two_optimizers_of_ones_own_with_equal_fields_are_not_one(backend):
    """They are equal as tuples, so that a library could reuse the other's compiled step."""

    class Twice(NamedTuple):
        learning_rate: float = 0.1
        init, coefficients = Plain.init, Plain.coefficients

        def update(self, xp, c, g, state, theta):
            return theta - g * (2.0 * c[0]), state

    assert Twice() == Plain()
    found = []
    for optimizer in (Plain(), Twice(), Clipped(Plain(), 1e9), Clipped(Twice(), 1e9)):
        net = network(backend, SIZES)
        net.fit(X, Y, epochs=1, batch_size=None, optimizer=optimizer, learning_rate=0.1)
        found.append(to_numpy(net.parameters) - to_numpy(network(backend, SIZES).parameters))
    np.testing.assert_allclose(found[1], 2.0 * found[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[3], 2.0 * found[2], rtol=1e-9, atol=1e-12)


def test_a_dataclass_derived_from_an_optimizer_may_have_class_variables():
    @dataclass(frozen=True)
    class Mine(SGD):
        takes_many: ClassVar[bool] = False

    assert Mine(0.5)._replace(momentum=0.5) == Mine(0.5, 0.5)
    network(get_backend("numpy"), SIZES).fit(X, Y, epochs=1, optimizer=Mine(0.5))
