"""Losses and dZ_L, compared with mpmath, at ordinary outputs and for confident networks."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from tests.support import loss_cases
from tests.support.exact import loss_and_dz
from tests.support.helpers import PAIRS, random_targets, relative
from xpnet.backends import move, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import LOSSES, from_preactivation, per_example


def found(backend, activation, loss, z, y):
    """Return xpnet's losses (N,) and dZ (N, n), on the host."""
    return loss_cases.found(backend, LOSSES[loss], activation, z, y)


@mp.workdps(320)  # 1 − P_y of a confident network is as small as 1e-260
def exact(activation, loss, z, y):
    """Return the losses and dZ of mpmath."""
    rows = [
        loss_and_dz(
            loss,
            activation,
            [mp.mpf(v) for v in row],
            int(target) if np.ndim(target) == 0 else [mp.mpf(v) for v in target.tolist()],
        )
        for row, target in zip(z.tolist(), y, strict=True)
    ]
    values = np.asarray([float(value) for value, _ in rows])
    return values, np.asarray([[float(v) for v in dz] for _, dz in rows])


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_every_pair_is_exact(backend, activation, loss):
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(6, 4)), random_targets(rng, loss, 6, 4)
    for a, e in zip(
        found(backend, activation, loss, z, y), exact(activation, loss, z, y), strict=True
    ):
        assert relative(a, e) <= 1e-14


CONFIDENT = [3.0, 12.0, 30.0, 36.0, 300.0]


def tolerance(margin):
    """Allow a few roundings; exp turns the rounding of z − max z into a relative error."""
    return 4e-15 + margin * np.finfo(np.float64).eps


@pytest.mark.parametrize("margin", CONFIDENT)
@pytest.mark.parametrize("kind", ["labels", "rows"])
def test_cross_entropy_keeps_its_digits_when_the_network_is_sure(backend, kind, margin):
    """As P_y → 1, the loss and each entry of dZ keep their relative precision."""
    z = np.asarray([[margin, 0.3, -0.2], [0.1, margin, -0.4], [-1.0, 0.7, margin]])
    y = np.arange(3) if kind == "labels" else np.eye(3)
    values, dZ = found(backend, "softmax", "cross_entropy", z, y)
    expected, expected_dZ = exact("softmax", "cross_entropy", z, y)
    np.testing.assert_allclose(values, expected, rtol=tolerance(margin))
    np.testing.assert_allclose(dZ, expected_dZ, rtol=tolerance(margin))


@pytest.mark.parametrize("margin", CONFIDENT)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_binary_cross_entropy_keeps_its_digits_when_the_network_is_sure(backend, margin, sign):
    z = np.asarray([[sign * margin, -sign * margin]])
    y = np.asarray([[sign > 0, sign < 0]], dtype=np.float64)
    values, dZ = found(backend, "sigmoid", "binary_cross_entropy", z, y)
    expected, expected_dZ = exact("sigmoid", "binary_cross_entropy", z, y)
    np.testing.assert_allclose(values, expected, rtol=tolerance(margin))
    np.testing.assert_allclose(dZ, expected_dZ, rtol=tolerance(margin))


@pytest.mark.parametrize("size", [1e8, 1e30])
def test_cross_entropy_of_huge_logits_is_finite(backend, size):
    z, y = np.asarray([[size, 0.0, -size]]), np.asarray([1])
    values, dZ = found(backend, "identity", "cross_entropy", z, y)
    np.testing.assert_allclose(values, [size], rtol=1e-15)
    np.testing.assert_array_equal(dZ, [[1.0, -1.0, 0.0]])


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_identity_output_means_logits_and_gives_the_same_loss(backend, loss):
    rng = np.random.default_rng(6)
    z, y = rng.normal(size=(5, 3)), random_targets(rng, loss, 5, 3)
    squashed = LOSSES[loss].output
    for a, b in zip(
        found(backend, squashed, loss, z, y), found(backend, "identity", loss, z, y), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_labels_and_their_one_hot_rows_agree(backend):
    rng = np.random.default_rng(7)
    z, y = rng.normal(size=(20, 5)) * 4, rng.integers(0, 5, 20)
    for a, b in zip(
        found(backend, "softmax", "cross_entropy", z, y),
        found(backend, "softmax", "cross_entropy", z, np.eye(5)[y]),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_weights_and_scale_multiply_the_gradient_once(backend):
    xp = backend.xp
    rng = np.random.default_rng(8)
    z, y, w = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.uniform(0, 2, 6)
    arguments = LOSSES["huber"], ACTIVATIONS["tanh"], move(backend, z), move(backend, y)
    losses, dZ = (to_numpy(part) for part in per_example(xp, *arguments))
    total, weighted = from_preactivation(xp, *arguments, move(backend, w), 0.25)
    assert float(total) == pytest.approx(np.sum(w * losses), rel=1e-14)
    np.testing.assert_allclose(to_numpy(weighted), 0.25 * w[:, None] * dZ, rtol=1e-14)


def test_poisson_with_count_zero_takes_an_underflowed_mean(backend):
    values, dZ = found(backend, "softplus", "poisson", np.asarray([[-800.0]]), np.asarray([[0.0]]))
    assert values[0] == 0
    assert dZ[0, 0] == 0
