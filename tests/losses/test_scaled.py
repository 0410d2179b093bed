"""Scaled losses, and the Poisson loss as half the deviance."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import xpnet
from tests.support.loss_cases import found
from xpnet.backends import to_numpy
from xpnet.losses import LOSSES, Masked, Poisson, Scaled, loss_from_config

Z = np.asarray([[0.5, -1.0, 2.0], [0.0, 1.0, -3.0]])
Y = np.asarray([[0.0, 2.0, 1.0], [3.0, 0.0, 0.5]])


@pytest.mark.parametrize("name", ["squared_error", "binary_cross_entropy", "huber", "poisson"])
def test_loss_and_gradient_are_multiplied(backend, name):
    loss, output = LOSSES[name], LOSSES[name].output
    y = np.minimum(Y, 1.0) if loss.targets == "probabilities" else Y
    plain = found(backend, loss, output, Z, y)
    scaled = found(backend, Scaled(loss, 2.5), output, Z, y)
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(b, 2.5 * a, rtol=1e-15)


def test_a_factor_of_one_is_the_loss_itself():
    assert Scaled(LOSSES["huber"], 1.0) is LOSSES["huber"]
    assert Scaled(LOSSES["huber"], 2) is Scaled(LOSSES["huber"], 2.0)


def test_masking_and_scaling_commute(backend):
    inner = LOSSES["mean_squared_error"]
    y = np.where(Y == 0, np.nan, Y)
    ways = Masked(Scaled(inner, 3.0)), Scaled(Masked(inner), 3.0)
    (a, dA), (b, dB) = (found(backend, loss, "identity", Z, y) for loss in ways)
    np.testing.assert_allclose(a, b, rtol=1e-15)
    np.testing.assert_allclose(dA, dB, rtol=1e-15)
    for loss in ways:
        assert loss_from_config(loss.config) is loss is pickle.loads(pickle.dumps(loss))


def nested(depth):
    """Return a config of that many losses, scaled and masked in turn, one within the other."""
    config = {"name": "huber", "delta": 1.0}
    for k in range(depth):
        around = {"name": "masked"} if k % 2 else {"name": "scaled", "factor": 2.0}
        config = {**around, "loss": config}
    return config


@pytest.mark.parametrize(
    ("make", "kind", "match"),
    [
        (lambda: Scaled("huber", 2.0), TypeError, "Scaled takes a Loss"),
        (lambda: Scaled(LOSSES["huber"], 0.0), ValueError, "factor must be a finite number > 0"),
        (lambda: Scaled(Scaled(LOSSES["huber"], 2.0), 2.0), ValueError, "already scaled"),
        (lambda: Scaled(Masked(Scaled(LOSSES["huber"], 2.0)), 2.0), ValueError, "already scaled"),
        (lambda: loss_from_config(nested(3)), ValueError, "again"),
        (lambda: loss_from_config(nested(3000)), ValueError, "again"),
        (
            lambda: loss_from_config(
                {"name": "scaled", "factor": 2.0, "loss": {"name": "scaled", "loss": 1}}
            ),
            ValueError,
            "cannot be scaled again",
        ),
    ],
)
def test_what_cannot_be_scaled(make, kind, match):
    with pytest.raises(kind, match=match):
        make()


def test_the_deviance_is_zero_at_the_targets_and_has_the_same_gradient(backend):
    """Half the deviance is Σ y ln(y/a) − y + a, where 0 ln 0 is 0."""
    y = np.asarray([[0.0, 2.0, 0.5]])
    z = np.log(np.maximum(y, 1e-300))
    at_targets, _ = found(backend, Poisson(deviance=True), "exp", z, y)
    np.testing.assert_allclose(at_targets, 0.0, atol=1e-15)
    plain, dZ = found(backend, LOSSES["poisson"], "exp", Z, Y)
    deviance, same = found(backend, Poisson(deviance=True), "exp", Z, Y)
    constant = np.where(Y > 0, Y * np.log(np.maximum(Y, 1e-300)) - Y, 0.0).mean(axis=1)
    np.testing.assert_allclose(deviance, plain + constant, rtol=1e-14)
    np.testing.assert_array_equal(dZ, same)
    assert Poisson() is LOSSES["poisson"]


def test_a_network_with_a_scaled_loss_is_saved_and_explained(tmp_path):
    net = xpnet.Network([3, 2], loss=Scaled(LOSSES["squared_error"], 0.5))
    net.save(tmp_path / "net.safetensors")
    assert xpnet.load(tmp_path / "net.safetensors").loss is net.loss
    explained = net.explain(Z, Y[:, :2])
    assert "the scaled_squared_error of example n" in str(explained)
    assert to_numpy(net.losses(Z, Y[:, :2])).shape == (2,)
