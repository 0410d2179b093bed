"""NaN and infinity in values that a fit keeps or compares: statistics, best losses, sweeps."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import xpnet
from tests.support.cuda_cases import needs_gxx
from tests.support.fake_cupy import install
from tests.support.helpers import needs_numba
from xpnet.errors import DivergenceError
from xpnet.layers import BatchNorm, Dense
from xpnet.report.worst import worst
from xpnet.training.early_stopping import EarlyStopping, Watch
from xpnet.training.history import History

N = 24
RNG = np.random.default_rng(0)
LABELS = np.arange(N) % 2
HUGE = np.stack([LABELS * 3.63e19, np.arange(N) / N], axis=1)
NORM = BatchNorm(momentum=0.99)  # 0.99 · 8/7 of a batch's variance overflows float32


def network(backend="numpy", rng=1):
    return xpnet.Network([2, NORM, Dense(4), 2], loss="cross_entropy", backend=backend, rng=rng)


def fails(net, X=HUGE, **settings):
    before = [xpnet.to_numpy(x).copy() for x in (net.parameters, *net.statistics)]
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="running") as caught:
        net.fit(X, LABELS, **{"epochs": 3, "batch_size": 8, "shuffle": False, **settings})
    after = [xpnet.to_numpy(x) for x in (net.parameters, *net.statistics)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))
    assert (caught.value.epoch, caught.value.step, caught.value.loss) == (1, 3, np.inf)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(copy.copy(caught.value)) != ""


def test_a_running_variance_that_overflows_is_a_divergence(backend):
    """The loss stays finite: each batch is normalised by its own variance."""
    fails(network(backend))


@needs_numba
def test_a_running_variance_that_overflows_in_compiled_loops():
    net = network()
    mean, variance = net.statistics
    net.take(net.parameters, (mean, np.full_like(variance, np.inf)))  # as after such batches
    fails(net, RNG.normal(size=(N, 2)), compile=True)


@needs_gxx
def test_a_running_variance_that_overflows_in_cuda_kernels(monkeypatch):
    install(monkeypatch, kernels=True)
    fails(network("cupy"))


def test_a_whole_batch_and_a_batch_norm_within_a_residual(backend):
    net = xpnet.Network(
        [2, xpnet.layers.Residual([NORM, Dense(2, "tanh")]), 2],
        loss="cross_entropy", backend=backend,
    )  # fmt: skip
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="running"):
        net.fit(HUGE[:8], LABELS[:8], epochs=2, batch_size=None)


def test_a_network_of_a_stack_that_loses_its_statistics_shows_it(backend):
    stack = xpnet.Stack([network(backend, rng=r) for r in range(3)])
    stats = [xpnet.to_numpy(s).copy() for s in stack._net.statistics]
    stats[1][1] = np.float32(3e38)  # as after such a batch
    stats[1][1, 0, 0] = np.inf
    stack._net.take(stack.parameters, tuple(map(stack.backend.from_numpy, stats)))
    X = np.random.default_rng(0).normal(size=(N, 2))
    with np.errstate(all="ignore"):
        history = stack.fit(X, LABELS, epochs=2, batch_size=8, validation_data=(X, LABELS))
    for values in (history.loss, history.validation_loss, history.metrics["validation_accuracy"]):
        assert np.isnan(values).tolist() == [[False, True, False]] * 2
    assert int(np.nanargmax(history.metrics["validation_accuracy"][-1])) != 1
    assert np.isfinite(xpnet.to_numpy(stack[0].statistics[1])).all()
    with pytest.raises(ValueError, match="NaN or infinite"):
        stack[1]


def test_all_networks_of_a_stack_that_lose_theirs_are_an_error(backend):
    stack = xpnet.Stack([network(backend, rng=r) for r in range(2)])
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="running"):
        stack.fit(HUGE, LABELS, epochs=2, batch_size=8, shuffle=False)


# --- a member that diverges


def test_a_diverged_network_does_not_win_a_sweep_by_accuracy(backend):
    rates = np.asarray([0.05, 1e30])
    X = RNG.normal(size=(60, 3))
    Y = np.zeros(60, dtype=int)
    Y[:3] = 1  # always predicting class 0 is right for 95 %
    members = [xpnet.Network([3, 8, 2], loss="cross_entropy", backend=backend) for _ in rates]
    sweep = xpnet.Stack(members)
    with np.errstate(all="ignore"):
        history = sweep.fit(
            X, Y, epochs=3, batch_size=20, optimizer="sgd", learning_rate=rates,
            validation_data=(X, Y), metrics=["accuracy", "f1", "top_k_accuracy"],
        )  # fmt: skip
        scores = sweep.evaluate(X, Y, metrics=["accuracy", "f1", "auc"])
    for name in ("accuracy", "f1", "top_k_accuracy"):
        assert np.isnan(history.metrics[f"validation_{name}"][-1]).tolist() == [False, True]
    assert all(np.isnan(scores[name]).tolist() == [False, True] for name in scores)


def test_evaluate_is_nan_and_no_class_is_predicted(backend):
    net = xpnet.Network([2, 4, 2], loss="cross_entropy", backend=backend, rng=1)
    X = RNG.normal(size=(10, 2)).astype(np.float32)
    X[3] = X[7] = np.nan
    Y = np.zeros(10, dtype=int)
    scores = net.evaluate(X, Y, metrics=["accuracy", "f1", "auc", "top_k_accuracy"])
    assert np.isnan(list(scores.values())).all()
    assert np.isnan(list(net.evaluate(X, Y, batch_size=3).values())).all()
    w = np.ones(10)
    w[[3, 7]] = 0.0  # these two do not count
    assert np.isfinite(list(net.evaluate(X, Y, w).values())).all()
    with pytest.raises(ValueError, match="2 of 10 examples are NaN"):
        net.predict_classes(X)


# --- best values


def watch(values, larger=True):
    """Return the best epoch of these values, and after how many epochs the fit ended."""
    net = xpnet.Network([1, 1], loss="mean_squared_error")
    history = History()
    name = "validation_accuracy" if larger else "validation_loss"
    found = Watch(EarlyStopping(name, patience=2))
    history.metrics["validation_accuracy"] = []
    for epoch, value in enumerate(values, start=1):
        history.epoch.append(epoch)
        history.loss.append(0.0)
        (history.metrics[name] if larger else history.validation_loss).append(value)
        if found.observe(net, history):
            break
    found.restore(net, history)
    return history.best_epoch, len(history)


@pytest.mark.parametrize("lost", [np.nan, -np.inf])
def test_early_stopping_never_keeps_nan(lost):
    assert watch([lost, lost, 0.5, 0.9]) == (None, 2)
    assert watch([lost, 0.5, lost, 0.9, lost, lost]) == (4, 6)
    assert watch([-lost, 0.5, -lost, 0.1, -lost, -lost], larger=False) == (4, 6)
    assert watch([-lost, -lost], larger=False) == (None, 2)


def test_a_plateau_counts_nan_as_nothing_better():
    plateau = xpnet.schedules.ReduceOnPlateau(1.0, factor=0.5, patience=1).bind(10, 1)
    for value in (np.nan, np.nan):
        plateau.observe(value)
    assert plateau(1) == 0.5
    plateau.observe(3.0)
    assert plateau.memory.best == 3.0


def test_examples_with_a_loss_of_nan_are_the_worst_of_a_report():
    assert worst(np.asarray([1.0, np.nan, 3.0, np.inf]), 3) == [1, 3, 2]


def test_plots_of_classes_refuse_nan():
    net = xpnet.Network([2, 4, 2], loss="cross_entropy", rng=1)
    X = RNG.normal(size=(10, 2)).astype(np.float32)
    X[3] = np.nan
    with pytest.raises(ValueError, match="1 of 10 examples are NaN"):
        xpnet.plots.ConfusionDisplay.from_network(net, X, np.zeros(10, dtype=int))


def test_the_others_of_a_stack_keep_their_statistics_to_the_bit(backend):
    """Only the network that lost one gets NaN; nothing is added to those of the others."""
    stacks = [xpnet.Stack([network(backend, rng=r) for r in range(3)]) for _ in range(2)]
    stats = [xpnet.to_numpy(s).copy() for s in stacks[0]._net.statistics]
    stats[1][1, 0, 0] = np.inf
    stack = stacks[0]
    stack._net.take(stack.parameters, tuple(map(stack.backend.from_numpy, stats)))
    X = np.random.default_rng(0).normal(size=(N, 2))
    for each in stacks:
        with np.errstate(all="ignore"):
            each.fit(X, LABELS, epochs=2, batch_size=8, compile=False)
    for lost, whole in zip(*(each._net.statistics for each in stacks), strict=True):
        lost, whole = xpnet.to_numpy(lost), xpnet.to_numpy(whole)
        np.testing.assert_array_equal(lost[[0, 2]], whole[[0, 2]])
        assert np.isnan(lost[1]).all()
