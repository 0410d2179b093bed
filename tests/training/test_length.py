"""A fit without ``epochs``: its length, its stop, and the warning at its end."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, needs_numba, network
from xpnet.optimizers import Adam
from xpnet.schedules import OneCycle, ReduceOnPlateau
from xpnet.training import length
from xpnet.training.length import default_epochs, stands_still

rng = np.random.default_rng(7)
X = rng.normal(size=(24, 4))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
SIZES = [4, 6, 3]
FALLS = "the loss still falls fast after .* epochs="


@pytest.fixture
def short(monkeypatch):
    """At most 60 epochs, so that the stop and the warning come soon."""
    monkeypatch.setattr(length, "MOST", 60)


def fit(backend, sizes=None, **settings):
    """Return a network and its history after a fit in batches of 12, two steps per epoch."""
    net = network(backend, sizes or SIZES, loss="cross_entropy")
    return net, net.fit(X, LABELS, **{"batch_size": 12, **settings})


# --- the length


@pytest.mark.parametrize(
    ("N", "batch_size", "expected"),
    [
        (1, 128, 500), (128, 128, 500), (200, 128, 500), (1_280, 128, 500),  # 5,000 steps and fewer
        (1_281, 128, 455), (5_000, 128, 125), (25_600, 128, 25), (200, 1, 25),  # 5,000 steps
        (60_000, 128, 11), (64_000, 128, 10), (10**9, 128, 10), (60_000, 32, 10),
        (60_000, 60_000, 500),
    ],
)  # fmt: skip
def test_five_thousand_steps_within_10_and_500_epochs(N, batch_size, expected):
    assert default_epochs(-(-N // batch_size)) == expected


def test_a_fit_takes_the_epochs_of_its_examples_and_batches(backend, monkeypatch):
    monkeypatch.setattr(length, "STEPS", 30)
    w = np.ones(24)
    w[6:] = 0.0
    assert len(fit(backend, learning_rate=0.0)[1]) == 15
    assert len(fit(backend, batch_size=2, learning_rate=0.0)[1]) == 10  # 12 steps per epoch
    assert (
        len(fit(backend, learning_rate=0.0, batch_size=3, sample_weight=w)[1]) == 15
    )  # of the 6 with a weight
    assert len(fit(backend, batch_size=4, stream=True, learning_rate=0.0)[1]) == 10
    assert (
        len(fit(backend, learning_rate=0.0, batch_size=6, validation_fraction=0.5)[1]) == 15
    )  # of the 12 others


def test_a_second_fit_goes_on(backend, monkeypatch):
    monkeypatch.setattr(length, "STEPS", 30)
    net, _ = fit(backend, learning_rate=0.0)
    again = net.fit(X, LABELS, batch_size=12, learning_rate=0.0)
    assert again.epoch == list(range(16, 31))


def test_every_network_of_a_stack_has_the_same_length(backend, monkeypatch):
    monkeypatch.setattr(length, "STEPS", 30)
    nets = [network(backend, SIZES, loss="cross_entropy", rng=r) for r in range(2)]
    history = xpnet.Stack(nets).fit(X, LABELS, batch_size=12, learning_rate=0.0)
    assert np.shape(history.loss) == (15, 2)


def test_lbfgs_takes_a_hundred_iterations_or_its_tolerance():
    optimizer = xpnet.optimizers.LBFGS(tolerance_gradient=0, tolerance_change=0)
    Y = rng.normal(size=(24, 3))
    net = network("numpy", [4, 30, 3], activation="tanh", loss="mean_squared_error")
    assert len(net.fit(X, Y, optimizer=optimizer)) == 100
    assert 3 < len(fit("numpy", optimizer="lbfgs")[1]) < 100


class Recorded:
    """A schedule that records the lengths to which it is bound."""

    def __init__(self):
        self.bound = []

    def bind(self, total_steps, steps_per_epoch):
        self.bound.append((total_steps, steps_per_epoch))
        return self

    def __call__(self, t):
        return 0.0

    def __hash__(self):
        return 1


def test_a_schedule_sees_the_steps_that_are_done(backend, short):
    schedule = Recorded()
    _, history = fit(backend, learning_rate=schedule)
    assert schedule.bound[-1] == (120, 2)
    assert len(history) == 60  # a schedule's fit is not shortened
    assert history.stopped is None


def test_a_schedule_is_as_long_beside_early_stopping(short):
    schedule = Recorded()
    _, history = fit("numpy", learning_rate=schedule, early_stopping=5)
    assert schedule.bound[-1] == (120, 2)
    assert history.stopped == "early"


def test_early_stopping_may_take_ten_times_as_many(short):
    improving = iter(range(10_000, 0, -1))

    def write(net, history):
        history.validation_loss.append(float(next(improving)))

    _, history = fit("numpy", early_stopping=3, callbacks=[write])
    assert len(history) == 600
    _, history = fit("numpy", early_stopping=3, learning_rate=0.0)
    assert (len(history), history.stopped) == (4, "early")


@pytest.mark.parametrize("wrapper", [xpnet.optimizers.Averaged, xpnet.optimizers.Clipped])
def test_a_schedule_within_a_wrapper_is_one(short, wrapper):
    settings = {"norm": 1.0} if wrapper is xpnet.optimizers.Clipped else {}
    _, history = fit("numpy", optimizer=wrapper(Adam(ReduceOnPlateau(0.0)), **settings))
    assert (len(history), history.stopped) == (60, None)


# --- the stop


def test_a_fit_stops_where_nothing_improves(backend, short):
    _, history = fit(backend, learning_rate=0.0)
    assert (len(history), history.stopped) == (18, "converged")  # two tenths after the first


def test_engines_stop_at_the_same_epoch(backend, short):
    for settings in ({"stream": True}, {"batch_size": None}):
        assert len(fit(backend, learning_rate=0.0, **settings)[1]) == 18


@needs_numba
def test_compiled_loops_stop_there_too(short):
    _, history = fit("numpy", learning_rate=0.0, compile=True)
    assert (len(history), history.engine) == (18, "fused")


def test_a_given_number_of_epochs_is_done(backend):
    _, history = fit(backend, learning_rate=0.0, epochs=60)
    assert (len(history), history.stopped) == (60, None)


def test_a_stack_stops_where_none_of_its_networks_improves(backend, short):
    def lengths(*rates):
        nets = [network(backend, SIZES, loss="cross_entropy", rng=r) for r in range(2)]
        history = xpnet.Stack(nets).fit(X, LABELS, batch_size=12, learning_rate=rates)
        return len(history), history.stopped

    assert lengths(0.0, 0.0) == (18, "converged")
    assert lengths(0.0, 0.02) == (60, None)


@pytest.mark.parametrize(
    ("loss", "stops"),
    [
        (lambda e: 1.0, 150),  # as the first tenth
        (lambda e: 2.0 - 1e-4 * e, None),  # slowly, and as fast as ever
        (lambda e: np.exp(-e / 100), None),
        (lambda e: 1.0 + np.exp(-e / 20), 250),  # near its bound
        (lambda e: 1.0 + 0.001 * e, 150),  # it rises
        (lambda e: -2.0 + np.exp(-e / 20), 250),  # below 0
        (lambda e: 1e-9 * (1.0 + np.exp(-e / 20)), 250),  # whatever its unit
        (lambda e: 3.0 if 100 < e <= 150 else np.exp(-e / 100), None),  # one bad tenth is none
    ],
)
def test_the_stop_is_two_tenths_without_a_gain(loss, stops):
    losses = [float(loss(e)) for e in range(1, 501)]
    found = [e for e in range(1, 500) if stands_still(losses[:e], 500)]
    assert (found[0] if found else None) == stops


def test_a_fit_of_few_epochs_does_not_stop():
    assert not any(stands_still([1.0] * e, 49) for e in range(1, 50))


# --- the warning


def test_a_loss_that_still_falls_fast_is_a_warning(backend, short):
    with pytest.warns(UserWarning, match=FALLS):
        net, history = fit(backend, optimizer="sgd", learning_rate=1e-4)
    assert len(history) == net.epoch == 60
    net.fit(X, LABELS, batch_size=12, optimizer="sgd", learning_rate=1e-4, epochs=60)  # given: none


def test_iterations_are_warned_about_alike(monkeypatch):
    monkeypatch.setattr(length, "ITERATIONS", 10)
    net = network("numpy", [1, 20, 1], activation="tanh", loss="mean_squared_error")
    x = np.linspace(-3, 3, 50)[:, None]
    history = net.fit(x, np.sin(x), optimizer="lbfgs", epochs=10)
    falling = history.loss[-2] - history.loss[-1] >= 0.5 * (history.loss[0] - history.loss[-1]) / 9
    net = network("numpy", [1, 20, 1], activation="tanh", loss="mean_squared_error")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, np.sin(x), optimizer="lbfgs")
    assert [str(each.message)[:28] for each in caught] == ["the loss still falls fast af"] * falling


def test_a_stack_is_warned_about_once(short):
    nets = [network("numpy", SIZES, loss="cross_entropy", rng=r) for r in range(2)]
    with pytest.warns(UserWarning, match=FALLS) as caught:
        xpnet.Stack(nets).fit(X, LABELS, batch_size=12, learning_rate=[1e-5, 2e-5])
    assert len(caught) == 1


def test_a_slow_network_beside_others_is_no_warning(short):
    nets = [network("numpy", SIZES, loss="cross_entropy", rng=r) for r in range(2)]
    xpnet.Stack(nets).fit(X, LABELS, batch_size=12, learning_rate=[1e-5, 0.02])


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": OneCycle(1e-4)},  # falls fast at the end by design
        {"optimizer": Adam(1e-5), "callbacks": [lambda net, history: len(history) == 59]},
        {"optimizer": Adam(1e-5), "epochs": 60},
        {"learning_rate": 0.02},
    ],
    ids=["schedule", "callback", "given", "done"],
)
def test_nobody_else_is_warned(short, settings):
    fit("numpy", **settings)


def test_the_warning_as_an_error_takes_nothing_back(short):
    net = network("numpy", SIZES, loss="cross_entropy")
    before = net.parameters.copy()
    with pytest.raises(UserWarning, match=FALLS):
        net.fit(X, LABELS, batch_size=12, learning_rate=1e-5)
    assert net.epoch == 60
    assert np.any(net.parameters != before)


# --- default fits of real data


def test_two_hundred_rows_train():
    images, labels = xpnet.datasets.load_digits()
    images = images / 16
    net = xpnet.Network()
    net.fit(images[:200], labels[:200])
    assert net.evaluate(images[:200], labels[:200])["accuracy"] == 1.0
    assert net.evaluate(images[200:], labels[200:])["accuracy"] > 0.8


def test_wine_standardised_is_learned_by_default():
    datasets = needed("sklearn.datasets")
    wine, labels = datasets.load_wine(return_X_y=True)
    found = []
    for seed in range(3):
        train, test = xpnet.datasets.stratified_split(labels, 0.25, seed)
        X = (wine - wine[train].mean(axis=0)) / wine[train].std(axis=0)
        net = xpnet.Network(rng=seed)
        net.fit(X[train], labels[train])
        found.append(net.evaluate(X[test], labels[test])["accuracy"])
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize(("second", "gains"), [(2.4, False), (2.6, True)])
def test_a_tenth_gains_if_it_falls_half_as_much_as_the_average_one(second, gains):
    """The loss falls by 10 in the two tenths after the first, so by 5 in each on average."""
    losses = [10.0, second, 0.0]
    assert length._falls_fast(losses, 10, 3) == gains
    stack = np.asarray([losses, [10.0, 5.0, 0.0]]).T
    assert length._falls_fast(stack, 10, 3).tolist() == [gains, True]
