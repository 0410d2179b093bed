"""Class weights, compared with scikit-learn's, and the weighted loss."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, relative
from xpnet.training.class_weights import class_weights

LABELS = np.asarray([0, 3, 1, 1, 3, 3, 3, 0, 3, 1])  # class 2 does not occur


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5, 3: 0.0}, {1: 3}, {}, None])
def test_equals_scikit_learn(class_weight):
    weights = needed("sklearn.utils.class_weight")
    expected = weights.compute_sample_weight(class_weight, LABELS)
    found = class_weights(LABELS, class_weight, 4)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_balanced_gives_every_class_the_same_weight():
    w = class_weights(LABELS, "balanced", 4)
    sums = [w[c == LABELS].sum() for c in (0, 1, 3)]
    np.testing.assert_allclose(sums, len(LABELS) / 3, rtol=1e-15)


def test_labels_of_any_library_and_of_one_column(backend):
    labels = backend.from_numpy(LABELS)
    expected = class_weights(LABELS, "balanced", 4)
    np.testing.assert_array_equal(class_weights(labels, "balanced", 4), expected)
    np.testing.assert_array_equal(class_weights(LABELS[:, None], "balanced", 4), expected)


def test_they_weigh_the_loss_as_repeated_rows_do():
    net = xpnet.Network([3, 5, 4], loss="cross_entropy", dtype="float64", rng=1)
    X = np.random.default_rng(0).normal(size=(10, 3))
    w = class_weights(LABELS, {0: 2, 1: 3}, 4)
    value, g = net.value_and_gradient(X, LABELS, sample_weight=w)
    times = w.astype(int)
    expected, e = net.value_and_gradient(np.repeat(X, times, axis=0), np.repeat(LABELS, times))
    assert value == pytest.approx(expected, rel=1e-14)
    assert relative(g.flat, e.flat) <= 1e-14


@pytest.mark.parametrize(
    ("labels", "class_weight", "error", "match"),
    [
        (LABELS, {4: 1.0}, ValueError, "has the class 4, but the classes are 0 … 3"),
        (LABELS, {-1: 1.0}, ValueError, "has the class -1"),
        (LABELS, {"a": 1.0}, ValueError, "has the class 'a'"),
        (LABELS, {0: -1.0}, ValueError, r"class_weight\[0\] must be a finite number ≥ 0, got -1.0"),
        (LABELS, {0: np.nan}, ValueError, r"class_weight\[0\] must be a finite number"),
        (LABELS, {0: 10**400}, ValueError, r"class_weight\[0\] must be a finite number"),
        (LABELS, {0: True}, ValueError, r"class_weight\[0\] must be a finite number"),
        (LABELS, {0: "2"}, ValueError, r"class_weight\[0\] must be a finite number"),
        (LABELS, "equal", ValueError, "must be a dict or \"balanced\", got 'equal'"),
        (LABELS, [1, 2], TypeError, 'must be a dict or "balanced"'),
        (LABELS + 1, "balanced", ValueError, "class labels must lie in 0 … 3, got 4"),
        (LABELS - 1, "balanced", ValueError, "class labels must lie in 0 … 3, got -1"),
        (LABELS * 1.0, "balanced", ValueError, "one integer class label for each example"),
        (LABELS.reshape(5, 2), "balanced", ValueError, "one integer class label for each example"),
    ],
)
def test_errors(labels, class_weight, error, match):
    with pytest.raises(error, match=match):
        class_weights(labels, class_weight, 4)
