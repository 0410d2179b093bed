"""Losses, class weights, penalties and metrics in `fit`, `evaluate` and `save`.

The tests cover these parts of the package:

    layers/build.py          a loss determines the output by ``loss.output_activation``
    checks/inputs.py         widths by ``loss.n_outputs``; classes for multilabel and head labels
    training/fit.py          targets by ``checks.check_targets``, also masked ones
    engines/step.py          penalty and max-norm around the optimizer's step
    training/evaluation.py   metrics of ``metrics.predictions``
    files/save.py            a loss by its ``config``, and its output activation
"""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network, relative
from xpnet.backends import to_numpy
from xpnet.equations.parameters import layout
from xpnet.equations.penalties import Penalty
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
)
from xpnet.training.class_weights import class_weights

RNG = np.random.default_rng(8)
N = 24
X = RNG.normal(size=(N, 3))
LABELS = np.concatenate([np.arange(4), RNG.integers(0, 4, N - 4)])
ROWS = np.tanh(X @ RNG.normal(size=(3, 2)))
HOLES = np.where(RNG.uniform(size=ROWS.shape) < 0.3, np.nan, ROWS)
HEADS = np.stack([RNG.integers(0, n, N) for n in (3, 2)], axis=1)
UNLABELLED = np.where(RNG.uniform(size=HEADS.shape) < 0.4, -1, HEADS)
MULTILABEL = RNG.integers(0, 2, (N, 3))

CASES = [
    (CrossEntropy(0.1), LABELS, 4),
    (Huber(0.5), ROWS, 2),
    (Quantile((0.1, 0.5, 0.9)), ROWS, 6),
    (GaussianNLL(), ROWS, 4),
    (MultiCrossEntropy((3, 2)), HEADS, 5),
    (Masked(Huber(0.5)), HOLES, 2),
    (Masked(Quantile((0.2, 0.8))), HOLES, 4),
    (Masked(MultiCrossEntropy((3, 2))), UNLABELLED, 5),
    ("log_cosh", ROWS, 2),
    ("binary_cross_entropy", MULTILABEL, 3),
]
each_case = pytest.mark.parametrize(("loss", "Y", "width"), CASES, ids=lambda x: repr(x)[:40])


def trained(loss, Y, backend="numpy", **settings):
    net = xpnet.Network(hidden=(5,), loss=loss, backend=backend, dtype="float64", rng=1)
    settings = {"epochs": 3, "batch_size": 8, "optimizer": "sgd", **settings}
    return net, net.fit(X, Y, **settings)


@each_case
def test_the_short_form_trains(backend, loss, Y, width):
    net, history = trained(loss, Y, backend, epochs=20, learning_rate=0.1)
    assert net.sizes == (3, 5, width)
    assert history.loss[-1] < history.loss[0]


@each_case
def test_a_fit_that_changes_nothing_reports_what_evaluate_does(backend, loss, Y, width):
    net, history = trained(loss, Y, backend, epochs=1, learning_rate=0.0)
    assert net.evaluate(X, Y)["loss"] == pytest.approx(history.loss[0], rel=1e-13)


def test_rows_that_sum_to_one_but_for_rounding_have_the_gradient_of_their_loss(backend):
    net = network(backend, [3, 5, 3], loss="cross_entropy", activation="tanh")
    assert max(xpnet.gradient_check(net, X, np.full((N, 3), 0.33331))) < 1e-8


@each_case
def test_a_saved_model_has_its_loss(tmp_path, loss, Y, width):
    net, _ = trained(loss, Y)
    net.save(tmp_path / "net.safetensors")
    loaded = xpnet.load(tmp_path / "net.safetensors")
    assert loaded.loss is net.loss
    assert loaded.evaluate(X, Y) == net.evaluate(X, Y)
    np.testing.assert_array_equal(loaded(X), net(X))


def test_the_output_of_heads_is_a_softmax_of_each(backend):
    net, _ = trained(MultiCrossEntropy((3, 2)), HEADS, backend)
    A = to_numpy(net(X))
    for part in (A[:, :3], A[:, 3:]):
        np.testing.assert_allclose(part.sum(axis=1), 1, rtol=1e-14)


def test_accuracy_of_heads_and_of_labels_comes_by_itself(backend):
    net, _ = trained(MultiCrossEntropy((3, 2)), HEADS, backend)
    A = to_numpy(net(X))
    right = [A[:, :3].argmax(axis=1) == HEADS[:, 0], A[:, 3:].argmax(axis=1) == HEADS[:, 1]]
    assert net.evaluate(X, HEADS)["accuracy"] == pytest.approx(np.mean(right), rel=1e-14)
    net, _ = trained("binary_cross_entropy", MULTILABEL, backend)
    expected = np.mean((to_numpy(net(X)) > 0.5) == MULTILABEL)
    assert net.evaluate(X, MULTILABEL)["accuracy"] == pytest.approx(expected, rel=1e-14)


def test_class_metrics_leave_missing_targets_out(backend):
    """A label's metrics count only examples that have it; accuracy is a mean over examples."""
    sk = needed("sklearn.metrics")
    Y = np.where(RNG.uniform(size=MULTILABEL.shape) < 0.4, np.nan, MULTILABEL)
    Y[5] = np.nan
    net, _ = trained(Masked(LOSSES["binary_cross_entropy"]), Y, backend)
    A, there = to_numpy(net(X)), ~np.isnan(Y)
    right = [np.mean(((a > 0.5) == y)[t]) for a, y, t in zip(A, Y, there, strict=True) if t.any()]
    f1 = [sk.f1_score(Y[t, k], A[t, k] > 0.5, zero_division=0.0) for k, t in enumerate(there.T)]
    found = net.evaluate(X, Y, metrics=["accuracy", "f1"], batch_size=7)
    assert found["accuracy"] == pytest.approx(np.mean(right), rel=1e-13)
    assert found["f1"] == pytest.approx(np.mean(f1), rel=1e-13)
    one, _ = trained(Masked(LOSSES["binary_cross_entropy"]), Y[:, :1], backend)
    a, t = to_numpy(one(X))[:, 0], there[:, 0]
    found = one.evaluate(X, Y[:, :1], metrics=["accuracy", "f1", "auc"])
    assert found["accuracy"] == pytest.approx(np.mean((a > 0.5)[t] == Y[t, 0]), rel=1e-13)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(Y[t, 0], a[t]), rel=1e-13)
    f1 = sk.f1_score(Y[t, 0], a[t] > 0.5, average="macro", zero_division=0.0)
    assert found["f1"] == pytest.approx(f1, rel=1e-13)
    heads, _ = trained(Masked(MultiCrossEntropy((3, 2))), UNLABELLED, backend)
    A = to_numpy(heads(X))
    guess, there = np.stack([A[:, :3].argmax(1), A[:, 3:].argmax(1)], axis=1), UNLABELLED >= 0
    some = there.any(axis=1)
    right = ((guess == UNLABELLED) & there).sum(1)[some] / there.sum(1)[some]
    found = heads.evaluate(X, UNLABELLED, sample_weight=1.0 + (LABELS > 1))["accuracy"]
    assert found == pytest.approx(np.average(right, weights=1.0 + (LABELS > 1)[some]), rel=1e-13)


def test_labels_of_masked_heads_lie_in_range_and_some_are_there(backend):
    for Y, match in (
        (
            np.where(UNLABELLED < 0, -2, UNLABELLED),
            "head 0 must lie in 0 … 2 .*, or be −1 .*got -2",
        ),
        (np.where(UNLABELLED < 0, 2, UNLABELLED), "head 1 must lie in 0 … 1 .*, or be −1 .*got 2"),
        (np.full_like(HEADS, -1), "every entry of Y is −1: no target is left to train on"),
    ):
        with pytest.raises(ValueError, match=match):
            trained(Masked(MultiCrossEntropy((3, 2))), Y, backend)
    with pytest.raises(ValueError, match=r"head 0 must lie in 0 … 2 \(the output.*\), got -1"):
        trained(MultiCrossEntropy((3, 2)), UNLABELLED, backend)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_masked_loss_takes_no_infinity_and_not_nan_alone(backend, bad):
    Y = HOLES.copy()
    Y[:, :] = np.nan if np.isnan(bad) else Y
    Y[3, 1] = bad
    with pytest.raises(ValueError, match=r"Y has NaN or infinite|every entry of Y is NaN"):
        trained(Masked(Huber()), Y, backend)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 3: 0.5}])
def test_class_weights_are_example_weights(backend, class_weight):
    w = RNG.uniform(0.5, 2, N)
    net, history = trained("cross_entropy", LABELS, backend, class_weight=class_weight)
    by_hand = class_weights(LABELS, class_weight, 4)
    same, expected = trained("cross_entropy", LABELS, backend, sample_weight=by_hand)
    assert relative(net.parameters, same.parameters) <= 1e-13
    assert history.loss == pytest.approx(expected.loss, rel=1e-13)
    net, _ = trained("cross_entropy", LABELS, backend, class_weight=class_weight, sample_weight=w)
    same, _ = trained("cross_entropy", LABELS, backend, sample_weight=w * by_hand)
    assert relative(net.parameters, same.parameters) <= 1e-13


@pytest.mark.parametrize(
    ("loss", "Y", "class_weight", "match"),
    [
        ("cross_entropy", LABELS, {7: 1.0}, "class_weight has the class 7"),
        ("cross_entropy", LABELS, {0: -1.0}, r"class_weight\[0\] must be a finite number ≥ 0"),
        ("huber", ROWS, "balanced", "class_weight needs"),
        ("binary_cross_entropy", MULTILABEL, "balanced", "class_weight needs"),
    ],
)
def test_class_weights_that_cannot_be(loss, Y, class_weight, match):
    net = xpnet.Network(hidden=(5,), loss=loss)
    with pytest.raises(ValueError, match=match):
        net.fit(X, Y, class_weight=class_weight)
    assert "sizes open" in repr(net)


# --- penalties


def torch_trajectory(net, penalty, steps):
    """Return θ after this many full-batch steps of SGD on the mean loss plus penalty."""
    import torch

    params = [torch.tensor(to_numpy(p), requires_grad=True) for p in (*net.weights, *net.biases)]
    n = len(net.weights)
    sgd = torch.optim.SGD(params, lr=0.1, momentum=0.9)
    x, y = torch.tensor(X), torch.tensor(ROWS)
    for _ in range(steps):
        sgd.zero_grad()
        a = torch.tanh(x @ params[0].T + params[n])
        value = torch.nn.functional.mse_loss(a @ params[1].T + params[n + 1], y)
        for p in params if penalty.biases else params[:n]:
            value = value + penalty.l1 * p.abs().sum() + penalty.l2 / 2 * (p * p).sum()
        value.backward()
        sgd.step()
    return np.concatenate([p.detach().numpy().reshape(-1) for p in params])


@pytest.mark.parametrize("penalty", [Penalty(l2=0.05), Penalty(l1=0.01, l2=0.02, biases=True)])
def test_a_hundred_steps_with_a_penalty_equal_torch(backend, penalty):
    needed("torch")
    net = xpnet.Network(
        [3, 5, 2], activation="tanh", loss="mean_squared_error", backend=backend, dtype="float64"
    )
    expected = torch_trajectory(net, penalty, 100)
    sgd = xpnet.optimizers.SGD(learning_rate=0.1, momentum=0.9)
    net.fit(X, ROWS, epochs=100, batch_size=None, optimizer=sgd, penalty=penalty)
    assert relative(net.parameters, expected) <= 1e-11


def test_the_strength_of_a_penalty_does_not_depend_on_the_batch():
    """If the loss has gradient 0, each step shrinks the weights by η λ₂, for every N."""
    for batch in (1, 6, N):
        net = xpnet.Network([3, 5, 2], activation="tanh", loss="huber", dtype="float64", rng=1)
        before = to_numpy(net.parameters).copy()
        Y = net(X)
        penalty = Penalty(l2=1e-3)
        net.fit(X, Y, epochs=1, batch_size=batch, optimizer="sgd", learning_rate=1e-6,
                penalty=penalty)  # fmt: skip
        n, steps = layout(net.layers).n_weights, N // batch
        shrunk = to_numpy(net.parameters)[:n] / before[:n]
        np.testing.assert_allclose(1 - shrunk, steps * 1e-9, rtol=1e-4)


def test_max_norm_holds_after_a_fit(backend):
    net, _ = trained("huber", ROWS, backend, learning_rate=1.0, max_norm=0.4)
    for W in net.weights:
        norms = np.linalg.norm(to_numpy(W), axis=1)
        assert norms.max() <= 0.4 * (1 + 1e-14)
    assert norms.max() > 0.39


# --- metrics


def test_metrics_of_evaluate_and_of_each_epoch_equal_scikit_learn(backend):
    sk = needed("sklearn.metrics")
    net, history = trained(
        "cross_entropy", LABELS, backend, validation_data=(X, LABELS), metrics=["f1", "accuracy"]
    )
    P = to_numpy(net(X)).argmax(axis=1)
    expected = {
        "f1": sk.f1_score(LABELS, P, average="macro"),
        "accuracy": sk.accuracy_score(LABELS, P),
    }
    for name, value in expected.items():
        assert history.metrics[f"validation_{name}"][-1] == pytest.approx(value, rel=1e-13)
        found = net.evaluate(X, LABELS, metrics=[name], batch_size=5)
        assert found[name] == pytest.approx(value, rel=1e-13)


def test_auc_of_logits_in_batches(backend):
    sk = needed("sklearn.metrics")
    y = (X[:, 0] > 0).astype(int)
    net = xpnet.Network([3, 4, 1], output="identity", loss="binary_cross_entropy", backend=backend)
    found = net.evaluate(X, y, metrics=["auc", "accuracy"], batch_size=5)
    z = to_numpy(net(X))[:, 0]
    assert found["auc"] == pytest.approx(sk.roc_auc_score(y, z), rel=1e-6)
    assert found["accuracy"] == pytest.approx(np.mean((z > 0) == y), rel=1e-6)


def test_metrics_of_a_masked_loss_and_of_blocks(backend):
    sk = needed("sklearn.metrics")
    net, _ = trained(Masked(Quantile((0.2, 0.5, 0.9))), HOLES, backend)
    middle = to_numpy(net(X))[:, 2:4]
    there = ~np.isnan(HOLES)
    expected = [sk.r2_score(HOLES[there[:, k], k], middle[there[:, k], k]) for k in range(2)]
    found = net.evaluate(X, HOLES, metrics="r2", batch_size=7)
    assert found["r2"] == pytest.approx(np.mean(expected), rel=1e-12)
