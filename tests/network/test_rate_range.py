"""``xpnet.learning_rate_range``: where it ends, and which rate it suggests."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.three_classes import X, Y, new
from xpnet.network.rate_range import _steepest


def test_a_range_test_needs_steps_enough():
    with pytest.raises(ValueError, match=r"steps must be 3 or more.*got 2"):
        xpnet.learning_rate_range(new(), X, Y, steps=2)


def test_a_range_test_ends_where_the_loss_is_four_times_the_lowest():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    found = xpnet.learning_rate_range(
        new(loss="huber"), X, rows, low=1e-4, high=1e3, steps=100, batch_size=40, optimizer="sgd"
    )
    lowest = np.minimum.accumulate(found.losses)
    assert len(found.losses) < 100
    assert np.all(found.losses[:-1] <= 4 * lowest[:-1])
    assert found.losses[-1] > 4 * lowest[-1]


def test_the_suggested_rate_is_in_the_middle_of_the_fall():
    rates = 1e-5 * 1e6 ** (np.arange(60) / 59)
    assert _steepest(rates, -np.tanh((np.arange(60) - 33) / 5)) == rates[33]


def test_a_range_test_shows_its_suggestion_on_one_line():
    found = xpnet.learning_rate_range(xpnet.Network([5, 8, 3]), X, Y, steps=20)
    n, last = len(found.rates), found.rates[-1]
    expected = f"suggestion={found.suggestion:.3g}, {n} rates from 1e-06 to {last:.3g}"
    assert repr(found) == f"RateRange({expected})"
