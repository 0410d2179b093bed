"""With NaN among the outputs, every metric is NaN and no class is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.helpers import on_device
from xpnet.backends import to_numpy
from xpnet.losses import LOSSES, GaussianNLL, Masked, MultiCrossEntropy
from xpnet.metrics import METRICS, Metric, TopKAccuracy
from xpnet.tables import Schema, Table

RNG = np.random.default_rng(5)
N = 12
LABELS = np.arange(N) % 3
BINARY = np.arange(N) % 2
COLUMN = BINARY[:, None] * 1.0
HEAD_LABELS = np.stack([LABELS, BINARY], axis=1)
HEADS = MultiCrossEntropy((3, 2))

CASES = {
    "accuracy of labels": ("accuracy", (N, 3), LABELS, "cross_entropy"),
    "accuracy of one output": ("accuracy", (N, 1), COLUMN, "binary_cross_entropy"),
    "accuracy of 2 labels": ("accuracy", (N, 2), COLUMN * [1.0, 1.0], "binary_cross_entropy"),
    "accuracy of one-hot rows": ("accuracy", (N, 3), np.eye(3)[LABELS], "cross_entropy"),
    "accuracy of heads": ("accuracy", (N, 5), HEAD_LABELS, HEADS),
    "top k": ("top_k_accuracy", (N, 3), LABELS, "cross_entropy"),
    "f1": ("f1", (N, 3), LABELS, "cross_entropy"),
    "f1 of several labels": ("f1", (N, 2), COLUMN * [1.0, 1.0], "binary_cross_entropy"),
    "f1 of heads": ("f1", (N, 5), HEAD_LABELS, HEADS),
    "auc": ("auc", (N, 1), COLUMN, "binary_cross_entropy"),
    "auc of two outputs": ("auc", (N, 2), BINARY, "cross_entropy"),
    "r2": ("r2", (N, 2), RNG.normal(size=(N, 2)), "mean_squared_error"),
    "mae": ("mae", (N, 2), RNG.normal(size=(N, 2)), "mean_squared_error"),
    "rmse": ("rmse", (N, 2), RNG.normal(size=(N, 2)), "mean_squared_error"),
    "mae of means and variances": ("mae", (N, 4), RNG.normal(size=(N, 2)), GaussianNLL()),
}  # fmt: skip


def parts_of(backend, metric, A, Y, w, loss, batches=1):
    """Return the statistics of a set in so many batches."""

    def given(x):
        return None if x is None else on_device(backend, x)

    split = [[x] * batches if x is None else np.array_split(x, batches) for x in (A, Y, w)]
    pieces = zip(*split, strict=True)
    return [to_numpy(metric.statistics(backend.xp, *map(given, p), loss)) for p in pieces]


def score(backend, metric, A, Y, w=None, loss=None, batches=1):
    metric = METRICS[metric] if isinstance(metric, str) else metric
    loss = LOSSES[loss] if isinstance(loss, str) else loss
    batches = 1 if metric.whole else batches
    return metric.of_parts(parts_of(backend, metric, A, Y, w, loss, batches))


@pytest.mark.parametrize("name", CASES)
def test_every_metric_is_nan_where_an_output_that_counts_is(backend, name):
    metric, shape, Y, loss = CASES[name]
    A = np.random.default_rng(1).random(shape)
    w = np.ones(N)
    assert np.isfinite(score(backend, metric, A, Y, w, loss))
    for dtype in ("float32", "float64"):
        bad = A.astype(dtype)
        bad[N - 1, shape[1] - 1] = np.nan
        for weights in (None, w.astype(dtype)):
            assert np.isnan(score(backend, metric, bad, Y, weights, loss, 1))
            assert np.isnan(score(backend, metric, bad, Y, weights, loss, 3))
    assert np.isnan(score(backend, metric, np.full(shape, np.nan), Y, None, loss))


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", CASES)
def test_an_output_of_weight_0_does_not_count(backend, name, lost):
    metric, shape, Y, loss = CASES[name]
    A, w = np.random.default_rng(1).random(shape), np.ones(N)
    w[0] = 0.0
    expected = score(backend, metric, A, Y, w, loss)
    A[0] = lost
    assert score(backend, metric, A, Y, w, loss) == expected


def test_an_output_without_a_target_does_not_count(backend):
    A, Y = np.random.default_rng(1).random((N, 2)), RNG.normal(size=(N, 2))
    heads, labels = Masked(HEADS), HEAD_LABELS.copy()
    Y[0, 1], labels[0, 1] = np.nan, -1
    for name in ("r2", "mae", "rmse"):
        expected = score(backend, name, A, Y)
        B = A.copy()
        B[0, 1] = np.nan
        assert score(backend, name, B, Y) == expected
        B[0, 0] = np.nan
        assert np.isnan(score(backend, name, B, Y))
    P = np.random.default_rng(2).random((N, 5))
    for name in ("accuracy", "f1"):
        expected = score(backend, name, P, labels, None, heads)
        B = P.copy()
        B[0, 3:] = np.nan
        assert score(backend, name, B, labels, None, heads) == expected
        B[0, 0] = np.nan
        assert np.isnan(score(backend, name, B, labels, None, heads))


def test_infinite_outputs_are_numbers(backend):
    A = np.asarray([[np.inf, 0.0, 0.0], [np.inf, np.inf, -np.inf], [0.0, -np.inf, 0.5]])
    Y = np.asarray([0, 1, 2])
    assert score(backend, "accuracy", A, Y) == pytest.approx(2 / 3)
    assert score(backend, TopKAccuracy(1), A, Y) == pytest.approx(2 / 3)
    assert score(backend, TopKAccuracy(2), A, Y) == 1.0
    y, a = np.asarray([[1.0], [2.0], [3.0]]), np.asarray([[1.0], [2.0], [np.inf]])
    assert score(backend, "mae", a, y) == score(backend, "rmse", a, y) == np.inf
    assert score(backend, "r2", a, y) == -np.inf
    labels = np.asarray([[0.0], [1.0], [1.0]])
    assert score(backend, "auc", a, labels) == 1.0


def test_a_members_own_outputs_alone_make_its_metric_nan(backend):
    A = np.random.default_rng(1).random((3, N, 3))
    A[1, 0, 0] = np.nan
    Y = np.broadcast_to(LABELS, (3, N)).copy()
    xp = backend.xp
    for name in ("accuracy", "f1", "top_k_accuracy"):
        arrays = backend.from_numpy(A), backend.from_numpy(Y.astype(backend.index_dtype))
        got = METRICS[name](xp, *arrays, None, LOSSES["cross_entropy"])
        assert np.isnan(got).tolist() == [False, True, False]


def test_a_metric_of_ones_own_is_nan_too(backend):
    def statistics(xp, A, Y, w, loss):
        right = xp.astype(xp.argmax(A, axis=-1) == Y, A.dtype)
        return xp.stack([xp.sum(right, axis=-1)], axis=-1)

    own = Metric("right", statistics, lambda parts: parts.sum(axis=0)[..., 0], ("labels",))
    A = np.random.default_rng(1).random((N, 3))
    assert np.isfinite(score(backend, own, A, LABELS))
    A[2, 1] = np.nan
    assert np.isnan(score(backend, own, A, LABELS))


def test_a_schema_predicts_no_class_of_nan():
    table = Table({"x": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "a", "b"]})
    outputs = np.full((4, 2), 0.5)
    outputs[2, 1] = np.nan
    schema = Schema.fit(table, "kind")
    with pytest.raises(ValueError, match="the outputs of 1 of 4 examples are NaN, the first in"):
        schema.predictions(outputs)
    assert schema.predictions(outputs[:2])["prediction"].tolist() == ["a", "a"]
