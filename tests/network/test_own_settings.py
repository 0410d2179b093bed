"""Penalties, rates of dropout and validation rows of a stack's networks, one by one."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.folds import N, data
from tests.support.helpers import network, relative
from xpnet import Penalty
from xpnet.backends import get_backend
from xpnet.checks.inputs import Examples, OwnRows
from xpnet.layers import Dropout
from xpnet.training.holdout import held_out
from xpnet.training.own_rows import hold_out_each

ROWS = [np.arange(r, N - 3 + r) for r in range(3)]
WEIGHTS = np.random.default_rng(1).uniform(0.1, 1, N) * np.where(np.arange(N) < 2, 90, 1)
OF_SUM = [Penalty(l2=2.0, of_sum=True), None, Penalty(l1=0.3, l2=0.1, of_sum=True)]
OF_ALL = [None, Penalty(l2=0.1, biases=True), Penalty(l1=0.02, biases=True)]


def stack_of(backend, rates=(0.2, 0.2, 0.2)):
    return xpnet.Stack(
        network(backend, [5, 6, Dropout(rate), 3], rng=r, loss="cross_entropy")
        for r, rate in enumerate(rates)
    )


@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["no weights", "weights"])
@pytest.mark.parametrize("penalties", [OF_SUM, OF_SUM[:1] * 3, OF_ALL], ids=["sum", "one", "all"])
def test_each_penalty_is_that_of_a_fit_alone(backend, penalties, w):
    """The networks' largest weights differ, and so do the units in which a fit takes weights."""
    (X, Y), stack = data(), stack_of(backend)
    each = penalties if len(set(penalties)) > 1 else penalties[0]
    fit = {"epochs": 2, "batch_size": 8}
    history = stack.fit(X, Y, rows=ROWS, sample_weight=w, penalty=each, **fit)
    for r, rows in enumerate(ROWS):
        alone = stack_of(backend)[r]
        fit |= {"compile": backend.name == "jax", "penalty": penalties[r]}
        its = alone.fit(X[rows], Y[rows], sample_weight=None if w is None else w[rows], **fit)
        assert relative(stack.parameters[r, ...], alone.parameters) <= 1e-12
        np.testing.assert_allclose(history.of(r).loss, its.loss, rtol=1e-10)


def test_a_penalty_of_sum_of_each_network_needs_no_rows(backend):
    (X, Y), stack = data(), stack_of(backend, (0.0, 0.0, 0.0))
    fit = {"epochs": 2, "batch_size": 8, "sample_weight": WEIGHTS, "shuffle": False}
    stack.fit(X, Y, penalty=OF_SUM, **fit)
    for r, penalty in enumerate(OF_SUM):
        alone = stack_of(backend, (0.0, 0.0, 0.0))[r]
        alone.fit(X, Y, penalty=penalty, compile=backend.name == "jax", **fit)
        assert relative(stack.parameters[r, ...], alone.parameters) <= 1e-12


class Halved(Penalty):
    """A user's penalty."""

    __slots__ = ()

    def value(self, xp, theta, layout):
        return Penalty.value(self, xp, theta, layout) / 2


@pytest.mark.parametrize(
    "penalties",
    [
        [None, Penalty(l2=0.1), Penalty(l2=0.1, biases=True)],
        [None, Penalty(l2=0.1), Penalty(l1=0.1, of_sum=True)],
        [None, None, Halved(l2=0.1)],
        [Halved(l2=0.1), Halved(l2=0.1), Halved(l2=0.2)],
    ],
    ids=["biases", "sum", "a user's", "two of a user's"],
)
def test_two_kinds_of_penalties_are_named(penalties):
    stack = stack_of(get_backend("numpy"))
    with pytest.raises(ValueError, match=r"only in l1 and l2, got .* a stack for each") as caught:
        stack.fit(*data(), penalty=penalties)
    assert all(repr(each) in str(caught.value) for each in penalties[-2:] if each)
    assert stack.epoch == 0


@pytest.mark.parametrize("name", ["array-api-strict", "torch"])
def test_numbers_of_the_networks_are_put_on_the_device_once(name, monkeypatch):
    """On a GPU, a copy from the host at each step would cost as much as the step."""
    backend = or_skip(open_backend(name))
    penalties = [Penalty(l1=0.01, l2=0.1 + r) for r in range(3)]
    made, asarray = [], backend.xp.asarray

    def counting(x, *args, **keywords):
        made.extend([x] * isinstance(x, (list, tuple)))
        return asarray(x, *args, **keywords)

    monkeypatch.setattr(backend.xp, "asarray", counting)
    counts = []
    for epochs in (1, 4):
        stack = stack_of(backend, (0.1 * epochs, 0.25, 0.31))  # rates of no other test
        made.clear()
        stack.fit(*data(), rows=ROWS, penalty=penalties, epochs=epochs, batch_size=8)
        counts.append(len(made))
    assert counts[0] <= 4  # λ₁, λ₂, and of the rates the scale and the smallest bits
    assert counts[1] <= counts[0]


def test_learning_rates_of_an_epoch_are_one_copy(monkeypatch):
    backend = or_skip(open_backend("torch"))
    copies, from_numpy = [], type(backend).from_numpy

    def counting(self, x):
        copies.append(x.shape)
        return from_numpy(self, x)

    monkeypatch.setattr(type(backend), "from_numpy", counting)
    stack = stack_of(backend)
    copies.clear()
    rates = {"learning_rate": [0.1, 0.2, 0.3], "optimizer": "sgd"}
    stack.fit(*data(), rows=ROWS, epochs=1, batch_size=8, **rates)
    assert copies.count((5, 3, 1)) == 1  # of five steps
    assert copies.count((3, 1)) == 1  # the key of the masks


# --- examples held out


def examples(Y, rows, w=None):
    return Examples(np.zeros((N, 5)), Y, None, Y.ndim == 1, own=OwnRows(tuple(rows), w))


@pytest.mark.parametrize("classes", [True, False])
def test_no_copy_of_a_row_is_on_the_other_side(classes):
    Y = data()[1] if classes else data()[0]
    rows = [np.random.default_rng(r).integers(0, N, N) for r in range(3)]
    w = tuple(np.where(each == each[0], 0.0, 1.0) for each in rows)
    train, held = hold_out_each(examples(Y, rows, w), 0.3, [0, 1, 2], None)
    for r, given in enumerate(rows):
        a, b = train.own.rows[r], held.own.rows[r]
        assert not set(a) & set(b)
        used = given[given != given[0]]  # others have the weight 0
        np.testing.assert_array_equal(np.sort(np.concatenate([a, b])), np.sort(used))
        n = len(set(used))
        assert abs(len(set(b)) - 0.3 * n) <= (3 if classes else 1)


def test_rows_without_copies_are_held_out_as_in_a_fit_alone():
    Y, rows = data()[1], [np.random.default_rng(0).permutation(N)]
    train, held = hold_out_each(examples(Y, rows), 0.3, [5], None)
    for part, numbers in zip((train, held), held_out(Y[rows[0]], True, 0.3, 5), strict=True):
        np.testing.assert_array_equal(part.own.rows[0], rows[0][numbers])
