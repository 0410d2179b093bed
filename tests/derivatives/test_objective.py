"""``net.objective``: the loss and its gradient as a function of θ, for other minimizers."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import network
from tests.support.three_classes import X, Y


def test_the_objective_looks_at_its_data_and_its_penalty():
    net = xpnet.Network([5, 8, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match="X has NaN"):
        net.objective(np.where(X > 2, np.nan, X), Y)
    with pytest.raises(TypeError, match=r"penalty must be one such as xpnet\.Penalty"):
        net.objective(X, Y, penalty=0.1)


def test_the_objective_is_the_weighted_mean(backend):
    net, w = network(backend, [5, 4, 3], loss="cross_entropy"), np.linspace(0.0, 3.0, 40)
    value, g = net.objective(X, Y, w)(xpnet.to_numpy(net.parameters))
    expected, gradient = net.value_and_gradient(X, Y, w)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(g, xpnet.to_numpy(gradient.flat), rtol=1e-10, atol=1e-15)
