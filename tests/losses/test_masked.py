"""Masked losses: missing targets do not count; the others give the inner loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import xpnet
from tests.support.helpers import network, relative
from tests.support.loss_cases import activation_of, found
from xpnet import checks
from xpnet.backends import move, to_numpy
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
)

INNER = [
    *(row for row in LOSSES.values() if row.over_outputs),
    Quantile((0.1, 0.5, 0.9)),
    GaussianNLL(minimum_variance=0.1, full=True),
]
each_inner = pytest.mark.parametrize("inner", INNER, ids=repr)
K = 4  # targets


def problem(inner, seed=1):
    """Return Z, Y and which targets exist: all of the first example, none of the last."""
    rng = np.random.default_rng(seed)
    z, there = rng.normal(size=(7, inner.n_outputs(K))), rng.uniform(size=(7, K)) < 0.6
    there[0], there[-1] = True, False
    y = rng.normal(size=(7, K)) if inner.targets == "rows" else rng.integers(0, 2, (7, K)) * 1.0
    return z, np.where(there, y, np.nan), there


def of_those_there(backend, inner, name, z, y, there):
    """Return each example's loss and dZ, from the inner loss of the columns with targets."""
    losses, dZ = np.zeros(len(z)), np.zeros(z.shape)
    for n, row in enumerate(there):
        if row.any():
            columns = np.tile(row, inner.outputs_per_target)
            one = found(backend, inner, name, z[n : n + 1, columns], y[n : n + 1, row])
            losses[n], dZ[n, columns] = one[0][0], one[1][0]
    return losses, dZ


@each_inner
def test_it_is_the_loss_of_the_targets_that_are_there(backend, inner):
    z, y, there = problem(inner)
    names = [n for n in (inner.outputs or ("identity", "tanh", "softplus")) if n != "softmax"]
    for name in names:
        got = found(backend, Masked(inner), name, z, y)
        expected = of_those_there(backend, inner, name, z, y, there)
        for a, e in zip(got, expected, strict=True):
            assert relative(a, e) <= 1e-14
        assert got[0][-1] == 0
        assert not got[1][-1].any()


@each_inner
def test_nothing_missing_is_the_loss_itself(backend, inner):
    z, y, _ = problem(inner)
    y = np.nan_to_num(y)
    for name in inner.outputs or ("identity", "tanh", "softmax"):
        got = found(backend, Masked(inner), name, z, y)
        for a, e in zip(got, found(backend, inner, name, z, y), strict=True):
            assert relative(a, e) <= 1e-14


def test_overflow_at_a_missing_target_does_not_count(backend):
    y = np.asarray([[np.nan, 1.0]])
    for name, output, z in (("poisson", "exp", 800.0), ("squared_error", "identity", 1e200)):
        with np.errstate(over="ignore"):
            losses, dZ = found(backend, Masked(LOSSES[name]), output, np.asarray([[z, 1.0]]), y)
        assert np.isfinite(losses).all()
        assert dZ[0, 0] == 0
        assert np.isfinite(dZ).all()


def test_digits_of_a_sure_network(backend):
    z, y = np.asarray([[300.0, 5.0, -300.0]]), np.asarray([[1.0, np.nan, 0.0]])
    losses, dZ = found(backend, Masked(LOSSES["binary_cross_entropy"]), "sigmoid", z, y)
    np.testing.assert_allclose(losses, [np.exp(-300.0)], rtol=1e-13)
    np.testing.assert_allclose(dZ, [[-np.exp(-300) / 2, 0, np.exp(-300) / 2]], rtol=1e-13)


def test_a_stack_is_its_members(backend):
    inner = Quantile((0.3, 0.6))
    z, y = (np.stack(both) for both in zip(*(problem(inner, s)[:2] for s in (1, 2)), strict=True))
    losses, dZ = found(backend, Masked(inner), "tanh", z, y)
    for r in range(2):
        one, slope = found(backend, Masked(inner), "tanh", z[r], y[r])
        assert relative(losses[r], one) <= 1e-15
        assert relative(dZ[r], slope) <= 1e-15


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
def test_heads_are_summed_over_the_labels_that_are_there(backend, epsilon):
    """The sum of the heads' cross-entropies; −1 in every head gives loss 0 and gradient 0."""
    heads, slices = (3, 2, 4), (slice(0, 3), slice(3, 5), slice(5, 9))
    rng = np.random.default_rng(6)
    z = 3 * rng.normal(size=(6, 9))
    y = np.stack([rng.integers(0, n, 6) for n in heads], axis=1)
    y[rng.uniform(size=y.shape) < 0.4] = -1
    y[0], y[-1] = np.abs(y[0]), -1
    loss = Masked(MultiCrossEntropy(heads, epsilon))
    losses, dZ = np.zeros(6), np.zeros((6, 9))
    for h, part in enumerate(slices):
        there = y[:, h] >= 0
        one = found(backend, CrossEntropy(epsilon), "softmax", z[there, part], y[there, h])
        losses[there] += one[0]
        dZ[there, part] = one[1]
    for name in (loss.output, "identity"):
        got = found(backend, loss, name, z, y)
        assert relative(got[0], losses) <= 1e-15
        assert relative(got[1], dZ) <= 1e-15
        assert got[0][-1] == 0
        assert not got[1][-1].any()


def test_the_gradient_of_a_network_leaves_them_out(backend):
    """It agrees with differences; an example without targets still counts in Σw."""
    net = network(backend, [3, 5, K], activation="tanh", loss=Masked(LOSSES["log_cosh"]))
    X = np.random.default_rng(0).normal(size=(7, 3))
    _, y, _ = problem(LOSSES["log_cosh"])
    assert max(xpnet.gradient_check(net, X, y, directions=2)) < 1e-7
    value, g = net.value_and_gradient(X, y)
    shorter, h = net.value_and_gradient(X[:-1], y[:-1])
    assert value * 7 == pytest.approx(shorter * 6, rel=1e-14)
    assert relative(to_numpy(g.flat) * 7, to_numpy(h.flat) * 6) <= 1e-14


def test_a_users_own_loss_can_be_masked(backend):
    def fourth(xp, A, Y):
        R = A - Y
        return xp.mean(R**4, axis=-1), R**3 * (4.0 / A.shape[-1])

    own = xpnet.Loss("fourth", fourth, over_outputs="mean")
    z, y, there = problem(own)
    got = found(backend, Masked(own), "tanh", z, y)
    for a, e in zip(got, of_those_there(backend, own, "tanh", z, y, there), strict=True):
        assert relative(a, e) <= 1e-14
    assert Masked(own).config is None
    assert Masked(own).name == "masked_fourth"


@pytest.mark.parametrize(
    "loss",
    [
        LOSSES["cross_entropy"],
        xpnet.Loss("own", lambda *_: _),
        replace(MultiCrossEntropy((2, 3)), config=None),
    ],
)
def test_a_loss_that_is_no_mean_over_targets_is_refused(loss):
    with pytest.raises(ValueError, match="is not a mean or sum over targets"):
        Masked(loss)


def test_what_cannot_be_masked():
    with pytest.raises(ValueError, match="'masked_huber' is already masked"):
        Masked(Masked(Huber()))
    with pytest.raises(TypeError, match="Masked takes a Loss"):
        Masked("huber")
    assert Masked(replace(Huber(), config=None)).config is None


def test_infinity_and_nothing_at_all_are_found(backend):
    masked, plain = Masked(Huber()), Huber()
    y = np.asarray([[1.0, np.nan], [np.nan, 2.0]])
    checks.check_targets(backend, "Y", move(backend, y), masked)
    for loss, bad, match in (
        (plain, y, "Y has NaN or infinite entries"),
        (masked, np.where(np.isnan(y), np.inf, y), "Y has NaN or infinite entries"),
        (masked, y * np.nan, "every entry of Y is NaN: no target is left"),
    ):
        with pytest.raises(ValueError, match=match):
            checks.check_targets(backend, "Y", move(backend, bad), loss)


def test_values_that_are_there_are_checked(backend):
    y = np.asarray([[np.nan, 2.0], [0.0, 1.0]])
    loss = Masked(LOSSES["binary_cross_entropy"])
    with pytest.raises(ValueError, match=r"takes targets in \[0, 1\]"):
        checks.targets(backend, y, loss, 2, False, 2, "float64")
    rows = checks.targets(backend, y / 2, loss, 2, False, 2, "float64")
    np.testing.assert_array_equal(to_numpy(rows), y / 2)


def test_the_output_that_is_taken_is_the_inner_loss_s():
    for inner in INNER:
        masked = Masked(inner)
        assert activation_of(masked, masked.output) is inner.output_activation
        assert masked.n_targets(inner.n_outputs(3)) == 3
