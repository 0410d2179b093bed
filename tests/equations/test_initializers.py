"""The distributions of initial weights, and the memory that drawing them takes."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.equations import parameters
from xpnet.equations.initializers import INITIALIZERS, VARIANCES, initial_weights

N_IN, N_OUT = 250, 400


@pytest.mark.parametrize("name", [name for name, scheme in INITIALIZERS.items() if scheme])
def test_variance_and_shape_of_each_distribution(name):
    """E w⁴ is 9/5 (E w²)² of a uniform distribution, and 3 (E w²)² of a normal one."""
    W = initial_weights(name, N_IN, N_OUT, seed=3, layer=1)
    variance = VARIANCES[INITIALIZERS[name]](N_IN, N_OUT)
    assert W.shape == (N_OUT, N_IN)
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    kurtosis = np.mean(W**4) / W.var() ** 2
    assert kurtosis == pytest.approx(3.0 if name.endswith("normal") else 1.8, rel=0.05)


def test_zeros_are_zeros():
    np.testing.assert_array_equal(initial_weights("zeros", 3, 2, 0, 1), np.zeros((2, 3)))


@pytest.mark.parametrize(("dtype", "size"), [("float32", 12), ("float64", 16)])
def test_memory_for_the_draw_and_the_parameters_is_enough(monkeypatch, dtype, size):
    """They are drawn in float64, and then exist in their dtype too."""
    monkeypatch.setattr(parameters, "machine_memory", lambda: 1000 * size)
    parameters.check_size(1000, dtype)
    monkeypatch.setattr(parameters, "machine_memory", lambda: 1000 * size - 1)
    with pytest.raises(MemoryError, match="make the widths smaller"):
        parameters.check_size(1000, dtype)
    monkeypatch.setattr(parameters, "machine_memory", lambda: None)
    parameters.check_size(10**18, dtype)
