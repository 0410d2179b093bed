"""The targets that each loss accepts: columns, heads, several labels, several outputs."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import relative
from tests.support.loss_cases import WIDTH, found, problem
from xpnet import checks
from xpnet.backends import get_backend, to_numpy
from xpnet.losses import LOSSES, GaussianNLL, MultiCrossEntropy, Quantile


def checked(loss, Y, width, N=2, backend=None):
    return checks.targets(
        backend or get_backend("numpy"), np.asarray(Y), loss, N, False, width, "float64"
    )


def test_targets_have_a_column_for_each_block_or_head(backend):
    assert checked(Quantile((0.1, 0.9)), [[1.0], [2]], 2, backend=backend).shape == (2, 1)
    assert checked(Quantile((0.1, 0.9)), [1.0, 2], 2, backend=backend).shape == (2, 1)
    assert checked(GaussianNLL(), np.ones((2, 3)), 6, backend=backend).shape == (2, 3)
    labels = checked(MultiCrossEntropy((2, 3)), [[1, 2], [0, 0]], 5, backend=backend)
    np.testing.assert_array_equal(to_numpy(labels), [[1, 2], [0, 0]])
    assert str(labels.dtype).endswith(backend.index_dtype)


@pytest.mark.parametrize(
    ("loss", "Y", "width", "match"),
    [
        (Quantile((0.1, 0.9)), np.ones((2, 2)), 2, r"'quantile' takes \(2, 1\)"),
        (Quantile((0.1, 0.9)), np.ones((2, 1)), 3, "takes 2 outputs for each target, .* has 3"),
        (GaussianNLL(), np.ones((2, 1)), 5, "takes 2 outputs for each target, .* has 5"),
        (MultiCrossEntropy((2, 3)), [[0, 0], [0, 0]], 6, r"heads \(2, 3\) takes 5 .* has 6"),
        (MultiCrossEntropy((2, 3)), [0, 1], 5, r"takes \(2, 2\), an integer label for each head"),
        (MultiCrossEntropy((2, 3)), [[0, 3], [0, 0]], 5, "labels of head 1 must lie in 0 … 2"),
        (MultiCrossEntropy((2, 3)), [[2, 0], [0, 0]], 5, "labels of head 0 must lie in 0 … 1"),
        (MultiCrossEntropy((2, 3)), [[0.0, 0], [0, 0]], 5, "class labels must be integers"),
        (LOSSES["binary_cross_entropy"], [[0, 2, 1], [1, 0, 0]], 3, r"targets in \[0, 1\]"),
    ],
)
def test_targets_that_a_loss_does_not_take(backend, loss, Y, width, match):
    with pytest.raises(ValueError, match=match):
        checked(loss, Y, width, backend=backend)


def test_multilabel_targets_are_integer_rows(backend):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.integers(0, 2, (6, 4))
    net = xpnet.Network([3, 5, 4], loss="binary_cross_entropy", backend=backend, dtype="float64")
    value, g = net.value_and_gradient(X, Y)
    expected_value, expected_g = net.value_and_gradient(X, Y.astype(np.float64))
    assert value == expected_value
    np.testing.assert_array_equal(to_numpy(g.flat), to_numpy(expected_g.flat))
    A = to_numpy(net(X))
    terms = Y * np.log(A) + (1 - Y) * np.log(1 - A)
    assert value == pytest.approx(-terms.mean(), rel=1e-13)


@pytest.mark.parametrize("loss", ["mean_squared_error", "huber", "log_cosh", "absolute_error"])
def test_several_outputs_are_the_mean_of_each_alone(backend, loss):
    z, y = problem(LOSSES[loss])
    losses, dZ = found(backend, LOSSES[loss], "tanh", z, y)
    alone = [
        found(backend, LOSSES[loss], "tanh", z[:, k : k + 1], y[:, k : k + 1]) for k in range(WIDTH)
    ]
    assert relative(losses, np.mean([one for one, _ in alone], axis=0)) <= 1e-14
    assert relative(dZ, np.concatenate([d for _, d in alone], axis=1) / WIDTH) <= 1e-14
