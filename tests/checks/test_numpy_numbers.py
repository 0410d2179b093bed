"""NumPy's numbers are accepted as settings, like Python's."""

from __future__ import annotations

from fractions import Fraction
from numbers import Integral

import numpy as np
import pytest

import xpnet
from tests.support.three_classes import X, Y, new
from xpnet.optimizers import SGD, Adam


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), np.float16(0.25)])
def test_a_number_of_numpys_is_a_setting(number):
    losses, layers, schedules = xpnet.losses, xpnet.layers, xpnet.schedules
    assert losses.Huber(number) is losses.Huber(0.25)
    assert losses.CrossEntropy(number) is losses.CrossEntropy(0.25)
    assert losses.GaussianNLL(number) is losses.GaussianNLL(0.25)
    assert losses.Quantile(number) is losses.Quantile(np.asarray([number])) is losses.Quantile(0.25)
    assert xpnet.Penalty(l1=number, l2=number) == xpnet.Penalty(0.25, 0.25)
    assert layers.Dropout(number).rate == xpnet.EarlyStopping(min_delta=number).min_delta == 0.25
    assert schedules.OneCycle(0.1, steps=8, warmup=number) == schedules.OneCycle(
        0.1, steps=8, warmup=0.25
    )
    found, expected = new(), new()
    found.fit(X, Y, epochs=1, max_norm=number, validation_fraction=number)
    expected.fit(X, Y, epochs=1, max_norm=0.25, validation_fraction=0.25)
    np.testing.assert_array_equal(found.parameters, expected.parameters)


class Count:
    """An integer type of another library, such as gmpy2's."""

    def __init__(self, n):
        self.n = n

    def __int__(self):
        return self.n

    __index__ = __int__

    def __float__(self):
        return float(self.n)

    def __eq__(self, other):
        return self.n == other

    def __lt__(self, other):
        return self.n < other

    def __le__(self, other):
        return self.n <= other

    __hash__ = None


Integral.register(Count)


def test_settings_become_plain_ints_and_floats():
    schedule = xpnet.schedules.Step(Fraction(1, 4), Fraction(1, 2), steps=Count(3))
    assert (schedule.learning_rate, schedule.factor, schedule.steps) == (0.25, 0.5, 3)
    assert type(schedule.learning_rate) is type(schedule.factor) is float
    assert type(schedule.steps) is int
    assert type(Adam(beta1=0).beta1) is type(xpnet.Penalty(l2=1).l2) is float


def test_an_integer_of_numpys_is_a_setting():
    n = np.int64(3)
    losses, schedules, optimizers = xpnet.losses, xpnet.schedules, xpnet.optimizers
    assert losses.MultiCrossEntropy(np.asarray([2, 3])) is losses.MultiCrossEntropy((2, 3))
    assert schedules.Step(0.1, steps=n) == schedules.Step(0.1, steps=3)
    assert schedules.Cosine(0.1, warmup=n) == schedules.Cosine(0.1, warmup=3)
    assert schedules.ReduceOnPlateau(0.1, patience=n) == schedules.ReduceOnPlateau(0.1, patience=3)
    history = new().fit(X, Y, optimizer=optimizers.LBFGS(history=n), epochs=5)
    assert len(history) == 5
    A = np.asarray([[0.1, 0.5, 0.4], [0.5, 0.4, 0.1]])
    assert xpnet.metrics.TopKAccuracy(np.int64(2))(np, A, np.asarray([2, 2])) == 0.5
    settings = {"epochs": 9, "learning_rate": 0.0, "batch_size": None}
    assert len(new().fit(X, Y, early_stopping=n, **settings)) == 4


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), np.int64(1)])
def test_a_number_of_numpys_is_a_learning_rate(number):
    assert Adam(number).learning_rate == SGD(number).learning_rate == number
