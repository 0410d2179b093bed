"""Setting a network's θ and statistics by hand."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.layers import BatchNorm


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_parameters_are_finite(backend, value):
    net = xpnet.Network([5, 4, BatchNorm(), 3], backend=backend)  # float32: 1e300 is too much
    before = xpnet.to_numpy(net.parameters).copy()
    theta = np.where(np.arange(len(before)) == 2, value, before.astype(float))
    weights = [np.asarray(W, dtype=float) + value for W in map(xpnet.to_numpy, net.weights)]
    statistics = [np.full((1, 4), value), np.ones((1, 4))]
    for change in (
        lambda: net.set_parameters(theta),
        lambda: net.set_weights(weights, net.biases),
        lambda: net.set_statistics(statistics),
    ):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="NaN or infinite"):
            change()
    np.testing.assert_array_equal(xpnet.to_numpy(net.parameters), before)
    np.testing.assert_array_equal(xpnet.to_numpy(net.statistics[0]), 0)


def test_statistics_have_their_shapes():
    net = xpnet.Network([5, 4, BatchNorm(), 3])
    for wrong in ([np.zeros(3)], [np.zeros((1, 4))], [np.zeros((1, 4)), np.ones((1, 5))]):
        with pytest.raises(ValueError, match=r"statistics must have the shapes \[\(1, 4\), \(1, 4"):
            net.set_statistics(wrong)
