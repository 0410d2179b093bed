"""A stack whose networks have rows of their own: each is the fit on these rows alone."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import network, random_targets, relative, widths_for
from xpnet.backends import get_backend
from xpnet.engines.runner import PlainRunner
from xpnet.layers import BatchNorm, Dropout, Embedding, LayerNorm, Residual
from xpnet.losses import LOSSES
from xpnet.optimizers import Adam, Averaged, Clipped

N, SIZES = 40, [5, 8, 3]
CHAIN = [5, BatchNorm(), Residual([Dropout(0.3), 5, LayerNorm()]), 6, BatchNorm(), Dropout(0.2), 3]
EMBEDDED = [5, Embedding([4], dim=2, columns=[1]), Residual([7]), 3]


def data(loss="cross_entropy"):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(N, SIZES[0]))
    X[:, 1] = rng.integers(0, 4, N)  # for the embedding
    return X, random_targets(rng, loss, N, SIZES[-1])


def rows(lengths=(26, 27, 26)):
    """Rows of each network; some overlap, some are in none."""
    rng = np.random.default_rng(3)
    return [rng.permutation(N - 2)[:n] for n in lengths]


def networks(backend=None, sizes=SIZES, n=3, **settings):
    return [network(backend or get_backend("numpy"), sizes, rng=r, **settings) for r in range(n)]


def part(value, at):
    return value[at] if isinstance(value, np.ndarray) else value


def check(backend, nets, X, Y, own, rates=None, tolerance=1e-10, **settings):
    """Check that each network of a stack is the fit on its rows; return the stack's history."""
    stack = xpnet.Stack(nets)
    each = {} if rates is None else {"learning_rate": rates}
    history = stack.fit(X, Y, rows=own, **settings, **each)
    for r, net in enumerate(nets):
        alone, at = net.to(), own[r]
        if rates is not None:
            each = {"learning_rate": rates[r]}
        one = {name: part(value, at) for name, value in settings.items()} | each
        its = alone.fit(X[at], Y[at], compile=net.backend.name == "jax", **one)
        assert relative(stack.parameters[r, ...], alone.parameters) <= tolerance
        for found, right in zip(stack[r].statistics, alone.statistics, strict=True):
            assert relative(found, right) <= tolerance
        for name, values in its.values().items():
            found = np.asarray(history.values()[name])[:, r]
            np.testing.assert_allclose(found, values, rtol=1e-9)
        np.testing.assert_allclose(np.asarray(history.step_loss)[:, r], its.step_loss, rtol=1e-9)
    start = backend.xp.stack([net.parameters for net in nets])
    assert relative(stack.parameters, start) > 1e-4  # the fit changed the parameters
    return history


@pytest.mark.parametrize("batch_size", [8, 14, None])
def test_each_network_is_the_fit_on_its_rows(backend, batch_size):
    check(backend, networks(backend), *data(), rows(), epochs=4, batch_size=batch_size)


def test_normalisation_and_dropout_are_those_of_its_rows(backend):
    """The last batches have 2, 3 and 2 examples, so some rows only fill up."""
    X, Y = data()
    X[:, 0] += 100  # a filling row that counts in a mean would show
    check(backend, networks(backend, CHAIN), X, Y, rows(), epochs=3, batch_size=8)


@pytest.mark.parametrize("lengths", [(25, 26, 25), (24, 24, 24)])
def test_a_last_batch_may_have_one_example_or_be_whole(lengths):
    nets = networks(sizes=CHAIN)
    check(get_backend("numpy"), nets, *data(), rows(lengths), epochs=3, batch_size=8)


def test_embeddings_train_on_rows_of_their_own(backend):
    check(backend, networks(backend, EMBEDDED), *data(), rows(), epochs=2, batch_size=8)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_trains_on_rows_of_its_own(loss):
    nets = networks(sizes=widths_for(loss, SIZES), loss=loss)
    check(get_backend("numpy"), nets, *data(loss), rows(), epochs=2, batch_size=8)


@pytest.mark.parametrize("optimizer", [Clipped(Adam(), norm=0.05), Averaged(Adam(), start=5)])
def test_a_learning_rate_of_its_own_goes_with_rows_of_its_own(optimizer):
    settings = {"epochs": 3, "batch_size": 8, "optimizer": optimizer}
    rates = [1e-3, 2e-2, 5e-3]
    check(get_backend("numpy"), networks(), *data(), rows(), rates, **settings)


def test_weights_and_held_out_examples_are_those_of_its_rows(backend):
    w = np.random.default_rng(2).uniform(0.1, 2, N) * (np.arange(N) % 7 > 0)
    X, Y = data()
    w[rows()[0]] *= 100  # each fit scales the weights by its own largest
    settings = {"epochs": 3, "batch_size": 20, "sample_weight": w, "class_weight": "balanced"}
    more = {"validation_fraction": 0.3, "metrics": ["accuracy", "f1", "auc"]}
    own = [np.arange(r, N - 2 + r) for r in range(3)]
    check(backend, networks(backend), X, Y, own, **settings)
    check(backend, networks(backend, [5, 8, 2]), X, Y % 2, own, **settings, **more)


def test_shared_validation_data_are_evaluated_by_every_network():
    validation = data()[0][:7], data()[1][:7]
    settings = {"epochs": 2, "batch_size": 8, "validation_data": validation}
    check(get_backend("numpy"), networks(), *data(), rows(), **settings)


def test_rows_of_no_network_are_never_read(backend):
    X, Y = data("mean_squared_error")
    own = rows()
    unused = np.setdiff1d(np.arange(N), np.concatenate(own))
    assert len(unused) >= 2
    X[unused], Y[unused] = np.nan, np.inf
    nets = networks(backend, CHAIN, loss="mean_squared_error")
    check(backend, nets, X, Y, own, epochs=2, batch_size=8)


def test_a_bootstrap_sample_repeats_rows():
    own = [np.random.default_rng(r).integers(0, N, N) for r in range(3)]
    check(get_backend("numpy"), networks(sizes=CHAIN), *data(), own, epochs=2, batch_size=8)


def test_rows_may_be_a_mask():
    X, Y = data()
    masks = [np.arange(N) % 3 != r for r in range(3)]
    check(get_backend("numpy"), networks(), X, Y, masks, epochs=2, batch_size=8)


def test_orders_without_shuffling_are_those_of_the_rows():
    settings = {"epochs": 2, "batch_size": 8, "shuffle": False}
    check(get_backend("numpy"), networks(sizes=CHAIN), *data(), rows(), **settings)


def test_callbacks_at_every_step_see_every_networks_loss():
    stack, seen = xpnet.Stack(networks()), []
    callbacks = {"step_end": lambda _, history: seen.append(history.step_loss[-1])}
    history = stack.fit(*data(), rows=rows(), epochs=2, batch_size=8, callbacks=callbacks)
    assert history.step_loss == seen
    expected = xpnet.Stack(networks()).fit(*data(), rows=rows(), epochs=2, batch_size=8)
    np.testing.assert_allclose(seen, expected.step_loss, rtol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        (rows()[:2], ValueError, "a list of 3 arrays of row numbers.*got 2 of them"),
        (5, ValueError, "a list of 3 arrays of row numbers.*got 5"),
        ([[0, 1], [2, 3], [N]], ValueError, rf"rows\[2\] must lie in 0 … {N - 1}.*got {N}"),
        ([[0, 1], [-1, 3], [4]], ValueError, r"rows\[1\] must lie in 0 … .*got -1"),
        ([[0, 1], [0.5, 3], [4]], TypeError, r"rows\[1\] must be a list of row numbers"),
        ([[0, 1], [[2, 3]], [4]], TypeError, r"rows\[1\] must be a list of row numbers"),
        ([[0, 1], [], [4]], (ValueError, TypeError), r"rows\[1\]"),
        ([[0, 1], [True] * 7, [4]], TypeError, r"rows\[1\] must be .* or a mask of 40 rows"),
        (rows((8, 9, 8)), ValueError, "make from 1 to 2 steps an epoch"),
    ],
)
def test_wrong_rows_are_refused_before_anything_changes(wrong, error, match):
    stack = xpnet.Stack(networks())
    before = stack.parameters.copy()
    with pytest.raises(error, match=match):
        stack.fit(*data(), rows=wrong, epochs=1, batch_size=8)
    assert stack.epoch == 0
    np.testing.assert_array_equal(stack.parameters, before)


# --- each network ends by itself


def check_ends(nets, X, Y, own, **settings):
    """Check histories and parameters against fits on the rows alone; return the stack's history."""
    stack = xpnet.Stack(nets)
    history = stack.fit(X, Y, rows=own, **settings)
    for r, net in enumerate(nets):
        alone = net.to()
        its = alone.fit(X[own[r]], Y[own[r]], compile=net.backend.name == "jax", **settings)
        found = history.of(r)
        assert found.epoch == its.epoch
        assert (found.stopped, found.best_epoch) == (its.stopped, its.best_epoch)
        for name, values in {**its.values(), "step": its.step_loss}.items():
            other = {**found.values(), "step": found.step_loss}[name]
            np.testing.assert_allclose(other, values, rtol=1e-8)
        assert relative(stack.parameters[r, ...], alone.parameters) <= 1e-9
        for mine, right in zip(stack[r].statistics, alone.statistics, strict=True):
            assert relative(mine, right) <= 1e-9
    return history


@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping_is_each_networks_own(backend, restore):
    X, Y = data()
    stopping = xpnet.EarlyStopping(patience=2, restore_best=restore)
    settings = {"validation_fraction": 0.3, "early_stopping": stopping, "batch_size": 8}
    nets = networks(backend, [5, BatchNorm(), 16, 3])
    history = check_ends(nets, X, Y, rows(), epochs=40, learning_rate=0.05, **settings)
    ends = [len(history.of(r)) for r in range(3)]
    assert history.stopped == "early"
    assert min(ends) < max(ends) == len(history)
    assert np.isnan(history.loss[-1][int(np.argmin(ends))])


def test_a_network_whose_loss_stands_still_ends_by_itself():
    X, Y = data("mean_squared_error")
    nets = networks(sizes=[5, 1], loss="mean_squared_error")
    settings = {"batch_size": None, "optimizer": "sgd", "learning_rate": 0.1}
    X[rows()[0]] *= 0.3  # learns at a different speed
    history = check_ends(nets, X, Y[:, :1], rows(), **settings)
    assert history.stopped == "converged"
    assert len({len(history.of(r)) for r in range(3)}) > 1


def test_a_network_that_diverges_after_the_others_have_ended_costs_them_nothing(monkeypatch):
    read = PlainRunner.read

    def leaves_out(self, totals):
        losses = read(self, totals)
        return losses if self.ended is None else np.where(self.ended, np.nan, losses)

    monkeypatch.setattr(PlainRunner, "read", leaves_out)  # as compiled stacks do
    X, Y = data("mean_squared_error")
    nets = networks(sizes=[5, 3], loss="mean_squared_error", n=2)
    own = [np.arange(20), np.arange(20, 40)]
    fit = {"rows": own, "batch_size": None, "optimizer": "sgd", "epochs": 800}
    stack = xpnet.Stack(nets)
    X[own[1]] *= 1e3  # grows until it overflows
    history = stack.fit(X, Y, learning_rate=[0.01, 1e-4], early_stopping=None, **fit)
    assert np.isfinite(history.loss[0]).all()
    assert np.isnan(history.loss[-1][1])
    stack = xpnet.Stack(nets)

    def endless(stack, history):
        history.metrics.setdefault("watched", []).append([0.0, -float(len(history))])

    stopping = xpnet.EarlyStopping("watched", patience=2)
    history = stack.fit(
        X, Y, learning_rate=[0.01, 1e-4], early_stopping=stopping, callbacks=endless, **fit
    )
    assert list(history.ended) == [0]
    assert np.isfinite(stack.parameters[0]).all()
    assert len(history) == 800


def test_a_network_that_diverges_ends_when_its_loss_stands_still():
    X, Y = data("mean_squared_error")
    nets = networks(sizes=[5, 3], loss="mean_squared_error", n=2)
    stack = xpnet.Stack(nets)
    fit = {"rows": [np.arange(20), np.arange(20, 40)], "batch_size": None, "optimizer": "sgd"}
    history = stack.fit(X, Y, learning_rate=[0.1, 1e3], **fit)
    assert (history.of(0).stopped, history.of(1).stopped) == ("converged", "diverged")
    assert len(history.of(1)) < len(history.of(0)) == len(history)
    assert history.stopped == "converged"


def test_a_number_for_all_networks_stops_them_together():
    def watched(stack, history):
        history.metrics.setdefault("watched", []).append(float(len(history) > 2))

    stack = xpnet.Stack(networks())
    stopping = xpnet.EarlyStopping("watched", patience=3)
    fit = {"epochs": 20, "callbacks": watched, "early_stopping": stopping}
    history = stack.fit(*data(), **fit)
    assert (history.stopped, len(history), history.ended) == ("early", 4, {})
    assert history.best_epoch == history.of(1).best_epoch == 1
    assert history.of(1).metrics == {"watched": [0.0, 0.0, 1.0, 1.0]}


def test_early_stopping_needs_no_rows_of_its_own():
    """The networks share batches; those that go on are not affected by those that have ended."""
    X, Y = data()
    settings = {"validation_data": (X[:10], Y[:10]), "epochs": 30, "batch_size": 8}
    nets = networks(sizes=[5, 16, 3])
    rates = [0.3, 1e-3, 0.02]
    free = xpnet.Stack(nets).fit(X[10:], Y[10:], learning_rate=rates, **settings)
    stack = xpnet.Stack(nets)
    history = stack.fit(X[10:], Y[10:], learning_rate=rates, early_stopping=3, **settings)
    lengths = [len(history.of(r)) for r in range(3)]
    assert min(lengths) < max(lengths)
    for r, n in enumerate(lengths):
        assert history.of(r).loss == [row[r] for row in free.loss[:n]]
        best = int(np.argmin(history.of(r).validation_loss))
        assert history.best_epoch[r] == best + 1
        loss = stack[r].evaluate(X[:10], Y[:10])["loss"]
        np.testing.assert_allclose(loss, history.of(r).validation_loss[best], rtol=1e-12)


def test_a_callback_sees_the_final_state_of_a_network_that_has_ended():
    X, Y = data()
    seen = []
    settings = {"validation_data": (X[:10], Y[:10]), "epochs": 30, "batch_size": 8}
    stack = xpnet.Stack(networks(sizes=[5, 16, 3]))
    history = stack.fit(
        X[10:],
        Y[10:],
        learning_rate=[0.3, 1e-3, 0.02],
        early_stopping=3,
        callbacks=lambda stack, _: seen.append(np.asarray(stack.parameters).copy()),
        **settings,
    )
    r, (epochs, _, why) = next(iter(history.ended.items()))
    assert why == "early"
    for theta in seen[epochs:]:
        np.testing.assert_array_equal(theta[r], stack.parameters[r])


def test_only_a_stacks_history_has_histories_of_networks():
    (net, *_) = networks()
    with pytest.raises(ValueError, match="only the history of a stack"):
        net.fit(*data(), epochs=1).of(0)
    with pytest.raises(IndexError):
        xpnet.Stack([net]).fit(*data(), epochs=1).of(1)


# --- scores


def test_each_network_is_evaluated_on_rows_of_its_own(backend):
    X, Y = data()
    nets = networks(backend, [5, BatchNorm(), 8, 2])
    for net in nets:
        net.loss = LOSSES["cross_entropy"]
    stack, own = xpnet.Stack(nets), rows((7, 12, 1))
    w = np.random.default_rng(1).uniform(0, 1, N)
    settings = {"sample_weight": w, "metrics": ["accuracy", "auc"]}
    own[2] = np.asarray([0, 1, 2])
    found = stack.evaluate(X, Y % 2, rows=own, batch_size=5, **settings)
    for r, net in enumerate(nets):
        one = {name: part(value, own[r]) for name, value in settings.items()}
        for name, value in net.evaluate(X[own[r]], Y[own[r]] % 2, **one).items():
            np.testing.assert_allclose(found[name][r], value, rtol=1e-12)
