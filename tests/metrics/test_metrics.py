"""Metrics on the device: whole sets, batches, weights, ties and edge cases.

scikit-learn is the reference if it is installed; tests of conventions do not need it.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import xpnet
from tests.support import helpers
from tests.support.helpers import needed, needs_jax, network
from xpnet.backends import to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import LOSSES, GaussianNLL, Masked, MultiCrossEntropy, Quantile
from xpnet.metrics import AUC, F1, METRICS, TopKAccuracy, find_metric, predictions

RNG = np.random.default_rng(3)
N = 80


@pytest.fixture
def sk():
    return needed("sklearn.metrics")


def on_device(backend, x):
    return None if x is None else helpers.on_device(backend, x)


def found(backend, metric, A, Y, w=None, loss=None, batch=None):
    """Return the metric of A and Y, in batches of so many examples."""
    metric = find_metric(metric, loss)
    parts = []
    for at in range(0, len(A), batch or len(A)):
        part = slice(at, at + (batch or len(A)))
        arrays = (on_device(backend, None if x is None else x[part]) for x in (A, Y, w))
        parts.append(to_numpy(metric.statistics(backend.xp, *arrays, loss)))
    return metric.of_parts(parts)


def probabilities(n, tied=False):
    P = RNG.dirichlet(np.ones(n), N)
    return np.round(P, 1) if tied else P


LABELS = RNG.integers(0, 4, N)
BINARY = RNG.integers(0, 2, N)
WEIGHTS = [None, RNG.uniform(0, 2, N), RNG.integers(0, 3, N).astype(np.float64)]
weighted = pytest.mark.parametrize("w", WEIGHTS, ids=["no weights", "weights", "some zero"])
batched = pytest.mark.parametrize("batch", [None, 20], ids=["whole", "batches"])


# --- classes


@weighted
@batched
def test_class_metrics_equal_scikit_learn(backend, sk, w, batch):
    A = probabilities(4)
    P, given = A.argmax(axis=1), {"sample_weight": w}
    for metric, expected in (
        ("accuracy", sk.accuracy_score(LABELS, P, **given)),
        ("f1", sk.f1_score(LABELS, P, average="macro", **given)),
        (TopKAccuracy(2), sk.top_k_accuracy_score(LABELS, A, k=2, **given)),
        (TopKAccuracy(3), sk.top_k_accuracy_score(LABELS, A, k=3, **given)),
    ):
        assert found(backend, metric, A, LABELS, w, LOSSES["cross_entropy"], batch) == (
            pytest.approx(expected, rel=1e-13)
        )
    one_hot = np.eye(4)[LABELS]
    for metric in ("accuracy", "f1", "top_k_accuracy"):
        rows = found(backend, metric, A, one_hot, w, LOSSES["cross_entropy"], batch)
        assert rows == found(backend, metric, A, LABELS, w, None, batch)


@weighted
def test_binary_metrics_of_one_output_and_of_two_equal_scikit_learn(backend, sk, w):
    p = RNG.uniform(size=N)
    P = (p > 0.5).astype(int)
    bce, ce = LOSSES["binary_cross_entropy"], LOSSES["cross_entropy"]
    forms = [(p[:, None], BINARY[:, None] * 1.0, bce), (np.stack([1 - p, p], axis=1), BINARY, ce)]
    for A, Y, loss in forms:
        for metric, expected in (
            ("accuracy", sk.accuracy_score(BINARY, P, sample_weight=w)),
            ("f1", sk.f1_score(BINARY, P, average="macro", sample_weight=w)),
            (F1("binary"), sk.f1_score(BINARY, P, sample_weight=w)),
            ("auc", sk.roc_auc_score(BINARY, p, sample_weight=w)),
        ):
            assert found(backend, metric, A, Y, w, loss) == pytest.approx(expected, rel=1e-12)


@weighted
@batched
def test_multilabel_metrics_equal_scikit_learn(backend, sk, w, batch):
    A, Y = RNG.uniform(size=(N, 3)), RNG.integers(0, 2, (N, 3))
    loss, P = LOSSES["binary_cross_entropy"], (A > 0.5).astype(int)
    per_label = np.mean([sk.accuracy_score(Y[:, k], P[:, k], sample_weight=w) for k in range(3)])
    got = found(backend, "accuracy", A, Y * 1.0, w, loss, batch)
    assert got == pytest.approx(per_label, rel=1e-13)
    expected = sk.f1_score(Y, P, average="macro", sample_weight=w)
    assert found(backend, "f1", A, Y * 1.0, w, loss, batch) == pytest.approx(expected, rel=1e-13)


@weighted
def test_accuracy_of_heads_is_the_mean_of_theirs(backend, w):
    heads = (3, 4, 2)
    A, Y = RNG.normal(size=(N, 9)), np.stack([RNG.integers(0, n, N) for n in heads], axis=1)
    P = np.stack([A[:, :3].argmax(1), A[:, 3:7].argmax(1), A[:, 7:].argmax(1)], axis=1)
    expected = np.average((P == Y).mean(axis=1), weights=w)
    got = found(backend, "accuracy", A, Y, w, MultiCrossEntropy(heads))
    assert got == pytest.approx(expected, rel=1e-13)


def test_accuracy_of_integer_rows_is_that_of_their_labels(backend):
    X, labels = np.random.default_rng(0).normal(size=(6, 4)), np.arange(6) % 3
    net = network(backend, [4, 5, 3], loss="cross_entropy")
    expected = net.evaluate(X, labels)["accuracy"]
    assert net.evaluate(X, np.eye(3, dtype=np.int64)[labels])["accuracy"] == expected
    assert 0 < expected < 1


def test_ties_go_to_the_smaller_index(backend):
    A = np.asarray([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [0.3, 0.3, 0.3]])
    for y, top1, top2 in (([0, 1, 0], 1, 1), ([1, 2, 1], 0, 1), ([2, 0, 2], 0, 0)):
        Y = np.asarray(y)
        assert found(backend, "accuracy", A, Y) == top1
        assert found(backend, TopKAccuracy(1), A, Y) == top1
        assert found(backend, TopKAccuracy(2), A, Y) == top2
    assert found(backend, "top_k_accuracy", A, np.asarray([2, 2, 2])) == 1  # 5 of 3


@weighted
@batched
def test_f1_of_heads_is_the_mean_of_theirs(backend, sk, w, batch):
    heads, places = (3, 4, 2), (slice(0, 3), slice(3, 7), slice(7, 9))
    A, Y = RNG.normal(size=(N, 9)), np.stack([RNG.integers(0, n, N) for n in heads], axis=1)
    P = [A[:, part].argmax(axis=1) for part in places]
    scores = [
        sk.f1_score(y, p, average="macro", sample_weight=w) for y, p in zip(Y.T, P, strict=True)
    ]
    got = found(backend, "f1", A, Y, w, MultiCrossEntropy(heads), batch)
    assert got == pytest.approx(np.mean(scores), rel=1e-13)


@batched
def test_f1_of_heads_leaves_out_labels_that_are_not_there(backend, sk, batch):
    A, Y = RNG.normal(size=(N, 5)), np.stack([RNG.integers(0, n, N) for n in (3, 2)], axis=1)
    Y[RNG.uniform(size=Y.shape) < 0.3] = -1
    P = (A[:, :3].argmax(axis=1), A[:, 3:].argmax(axis=1))
    there = [y >= 0 for y in Y.T]
    scores = [
        sk.f1_score(y[t], p[t], average="macro") for y, p, t in zip(Y.T, P, there, strict=True)
    ]
    loss = Masked(MultiCrossEntropy((3, 2)))
    assert found(backend, "f1", A, Y, None, loss, batch) == pytest.approx(
        np.mean(scores), rel=1e-13
    )
    Y[:, 0] = -1  # a head without labels
    assert found(backend, "f1", A, Y, None, loss, batch) == pytest.approx(scores[1], rel=1e-13)


def test_binary_f1_of_heads(backend, sk):
    A, Y = RNG.normal(size=(N, 4)), RNG.integers(0, 2, (N, 2))
    scores = [sk.f1_score(Y[:, h], A[:, 2 * h : 2 * h + 2].argmax(axis=1)) for h in range(2)]
    got = found(backend, F1("binary"), A, Y, None, MultiCrossEntropy((2, 2)))
    assert got == pytest.approx(np.mean(scores), rel=1e-13)


def test_f1_leaves_out_classes_that_never_occur(backend, sk):
    A, Y = np.eye(5)[[0, 1, 1, 0]], np.asarray([0, 1, 0, 2])
    expected = sk.f1_score(Y, A.argmax(1), average="macro")  # classes 3 and 4 never occur
    assert found(backend, "f1", A, Y) == pytest.approx(expected, rel=1e-15)
    assert found(backend, "f1", np.eye(2)[[0, 0]], np.asarray([0, 0])) == 1


def test_f1_of_a_class_without_any_prediction_or_target_is_0(backend):
    A, Y = np.asarray([[0.1], [0.2]]), np.asarray([[0.0], [0.0]])
    assert found(backend, F1("binary"), A, Y) == 0
    both = np.asarray([[0.1, 0.9], [0.2, 0.8]]), np.asarray([[0.0, 1.0], [0.0, 1.0]])
    assert found(backend, "f1", *both, loss=LOSSES["binary_cross_entropy"]) == 0.5


# --- AUC


@weighted
@pytest.mark.parametrize("decimals", [0, 1, 2, 17])
def test_auc_equals_scikit_learn_with_ties(backend, sk, w, decimals):
    p = np.round(RNG.uniform(size=N), decimals)
    expected = sk.roc_auc_score(BINARY, p, sample_weight=w)
    got = found(backend, "auc", p[:, None], BINARY[:, None] * 1.0, w)
    assert got == pytest.approx(expected, rel=1e-13)


def test_auc_is_the_share_of_pairs_in_order(backend):
    p, y = np.asarray([0.1, 0.4, 0.4, 0.8]), np.asarray([0, 1, 0, 1])
    # pairs (positive, negative): (.4, .1) right, (.4, .4) half, (.8, .1) and (.8, .4) right
    assert found(backend, "auc", p[:, None], y) == 3.5 / 4
    assert found(backend, "accuracy", p[:, None], y) == 0.75


@pytest.mark.parametrize("only", [0, 1])
def test_auc_of_one_class_is_nan(backend, only):
    assert np.isnan(found(backend, "auc", RNG.uniform(size=(5, 1)), np.full(5, only)))


# --- numbers


@weighted
@batched
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_metrics_equal_scikit_learn(backend, sk, w, batch, offset):
    Y = RNG.normal(size=(N, 3)) + offset
    A = Y + RNG.normal(size=(N, 3)) * [0.1, 1.0, 3.0]
    for metric, score in (
        ("mae", sk.mean_absolute_error),
        ("rmse", sk.root_mean_squared_error),
        ("r2", sk.r2_score),
    ):
        expected = score(Y, A, sample_weight=w)
        got = found(backend, metric, A, Y, w, LOSSES["huber"], batch)
        assert got == pytest.approx(expected, rel=1e-12 if offset == 0 else 1e-9)


def test_r2_of_a_large_mean_keeps_its_digits_in_float32(backend):
    Y = (RNG.integers(0, 100, (N, 1)) + 1e6).astype(np.float32)
    A = Y + RNG.integers(-3, 4, (N, 1)).astype(np.float32)
    exact = 1 - np.sum((A - Y) ** 2.0) / (np.float64(Y).var() * N)
    assert found(backend, "r2", A, Y, batch=20) == pytest.approx(exact, rel=1e-5)


@batched
@pytest.mark.parametrize("constant", [0.1, 1e8 / 3])
def test_r2_of_a_constant_target_is_1_or_0(backend, sk, batch, constant):
    Y = np.full((N, 1), constant)
    assert found(backend, "r2", Y, Y, batch=batch) == 1
    off = Y + 1.0
    assert found(backend, "r2", off, Y, batch=batch) == 0
    both = np.concatenate([Y, RNG.normal(size=(N, 1))], axis=1)
    mixed = found(backend, "r2", both * 1.01, both, batch=batch)
    assert mixed == pytest.approx(found(backend, "r2", both[:, 1:] * 1.01, both[:, 1:]) / 2)


def test_targets_that_are_not_there_are_left_out(backend, sk):
    Y = RNG.normal(size=(N, 3))
    A = Y + RNG.normal(size=(N, 3))
    Y[RNG.uniform(size=Y.shape) < 0.3] = np.nan
    columns = [(Y[~np.isnan(Y[:, k]), k], A[~np.isnan(Y[:, k]), k]) for k in range(3)]
    for metric, score in (
        ("mae", sk.mean_absolute_error),
        ("rmse", sk.root_mean_squared_error),
        ("r2", sk.r2_score),
    ):
        expected = np.mean([score(y, a) for y, a in columns])
        got = found(backend, metric, A, Y, loss=Masked(LOSSES["huber"]), batch=20)
        assert got == pytest.approx(expected, rel=1e-12)


def test_labels_that_are_not_there_are_left_out_of_metrics(backend, sk):
    loss = Masked(LOSSES["binary_cross_entropy"])
    net = network(backend, [5, 4, 3], loss=loss)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    P, rows = to_numpy(net(X)), (X[:, :3] > 0.3).astype(float)
    rows[rng.uniform(size=rows.shape) < 0.3] = np.nan
    rows[0] = np.nan
    there = ~np.isnan(rows)
    right = (P > 0.5) == (rows > 0.5)
    share = [right[n][there[n]].mean() for n in range(40) if there[n].any()]
    f1 = [sk.f1_score(rows[m, k], P[m, k] > 0.5) for k, m in enumerate(there.T)]
    found = net.evaluate(X, rows, metrics=["accuracy", "f1"], batch_size=13)
    assert found["accuracy"] == pytest.approx(np.mean(share), rel=1e-12)
    assert found["f1"] == pytest.approx(np.mean(f1), rel=1e-12)
    one = network(backend, [5, 4, 1], loss=loss)
    m = there[:, 0]
    expected = sk.roc_auc_score(rows[m, 0], to_numpy(one(X))[m, 0])
    assert one.evaluate(X, rows[:, 0], metrics="auc")["auc"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "block"),
    [(GaussianNLL(), 0), (Quantile((0.1, 0.45, 0.9)), 1), (Masked(Quantile((0.5, 0.9))), 0)],
)
def test_the_block_that_predicts_y_counts(backend, loss, block):
    Y, A = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2 * loss.outputs_per_target))
    for metric in ("mae", "r2"):
        expected = found(backend, metric, A[:, 2 * block : 2 * block + 2], Y)
        assert found(backend, metric, A, Y, loss=loss) == expected


# --- all of them


CASES = {
    "accuracy": (probabilities(4), LABELS, "cross_entropy"),
    "top_k_accuracy": (probabilities(4), LABELS, "cross_entropy"),
    "f1": (probabilities(4), LABELS, "cross_entropy"),
    "auc": (probabilities(2, tied=True)[:, :1], BINARY[:, None] * 1.0, "binary_cross_entropy"),
    "r2": (RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), "huber"),
    "mae": (RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), "huber"),
    "rmse": (RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2)), "huber"),
}


def test_every_metric_has_a_case():
    assert set(CASES) == set(METRICS)


@pytest.mark.parametrize("name", CASES)
def test_integer_weights_are_repeated_rows(backend, name):
    A, Y, loss = CASES[name]
    w = WEIGHTS[2]
    repeated = np.repeat(A, w.astype(int), axis=0), np.repeat(Y, w.astype(int), axis=0)
    expected = found(backend, name, *repeated, loss=LOSSES[loss])
    got = found(backend, name, A, Y, w, LOSSES[loss])
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_stack_is_its_members_one_by_one(backend, name):
    A, Y, loss = CASES[name]
    stack = np.stack([A, A[::-1]]), np.stack([Y, Y]), np.stack([WEIGHTS[1], WEIGHTS[2]])
    arrays = (on_device(backend, x) for x in stack)
    both = METRICS[name](backend.xp, *arrays, LOSSES[loss])
    for r in range(2):
        one = found(backend, name, *(x[r] for x in stack), LOSSES[loss])
        assert both[r] == pytest.approx(one, rel=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_float32_is_within_a_millionth_of_float64(backend, name):
    A, Y, loss = CASES[name]
    Y32 = Y if Y.dtype.kind == "i" else Y.astype(np.float32)
    A32, w = A.astype(np.float32), WEIGHTS[1].astype(np.float32)
    single = found(backend, name, A32, Y32, w, LOSSES[loss])
    double = found(backend, name, np.float64(A32), np.asarray(Y32, Y.dtype), np.float64(w))
    assert single == pytest.approx(double, rel=2e-6, abs=1e-6)


@needs_jax
@pytest.mark.parametrize("name", CASES)
def test_statistics_run_under_jit(name):
    import jax

    backend = xpnet.get_backend("jax")
    backend.dtype("float64")
    A, Y, loss = CASES[name]
    metric = METRICS[name]

    def statistics(A, Y, w):
        return metric.statistics(jax.numpy, A, Y, w, LOSSES[loss])

    arrays = [on_device(backend, x) for x in (A, Y, WEIGHTS[1])]
    np.testing.assert_allclose(jax.jit(statistics)(*arrays), statistics(*arrays), rtol=1e-14)


def test_predictions_are_probabilities_where_outputs_are_logits(backend):
    Z = backend.from_numpy(RNG.normal(size=(5, 3)))
    xp, identity = backend.xp, ACTIVATIONS["identity"]
    for loss, squashed in (("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")):
        A = predictions(xp, LOSSES[loss], identity, Z)
        np.testing.assert_array_equal(
            to_numpy(A), to_numpy(predictions(xp, LOSSES[loss], ACTIVATIONS[squashed], Z))
        )
        np.testing.assert_array_equal(to_numpy(A), to_numpy(ACTIVATIONS[squashed].f(xp, Z)))
    A = predictions(xp, LOSSES["huber"], ACTIVATIONS["tanh"], Z)
    np.testing.assert_allclose(to_numpy(A), np.tanh(to_numpy(Z)), rtol=1e-15)


@pytest.mark.parametrize(
    ("metric", "loss", "n", "match"),
    [
        ("acuracy", None, 1, "unknown metric 'acuracy': did you mean 'accuracy'"),
        ("accuracy", "huber", 1, "'accuracy' does not suit the rows of loss 'huber': use r2, mae"),
        ("r2", "cross_entropy", 3, "'r2' does not suit the labels of loss 'cross_entropy'"),
        ("auc", "cross_entropy", 3, "'auc' is for two classes, but there are 3 outputs"),
        ("auc", "binary_cross_entropy", 2, "'auc' is for two classes, but there are 2 outputs"),
    ],
)
def test_a_metric_that_does_not_suit(metric, loss, n, match):
    with pytest.raises(ValueError, match=match):
        find_metric(metric, LOSSES.get(loss), n)


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="k must be a positive integer, got 0"):
        TopKAccuracy(0)
    with pytest.raises(ValueError, match='average must be "macro" or "binary"'):
        F1("weighted")
    with pytest.raises(ValueError, match="for two classes, but there are 4"):
        found(xpnet.get_backend("numpy"), F1("binary"), probabilities(4), LABELS)
    with pytest.raises(ValueError, match="auc is for one output, or two"):
        AUC()(np, probabilities(4), LABELS)


def test_no_warning_and_no_reading_of_zero_weight_batches(backend):
    A, Y, w = RNG.normal(size=(6, 1)), RNG.normal(size=(6, 1)), np.asarray([0, 0, 0, 1, 2, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("r2", "mae", "rmse"):
            whole = found(backend, name, A[3:], Y[3:], w[3:])
            assert found(backend, name, A, Y, w, batch=3) == pytest.approx(whole, rel=1e-14)
