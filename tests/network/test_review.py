"""What a review found: each test failed before its mend."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network
from xpnet.backends import get_backend, move, to_numpy
from xpnet.backends.numpy_backend import NumpyBackend
from xpnet.derivatives.gradient import gradient
from xpnet.optimizers import SGD, Adam

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
LABELS = np.arange(6) % 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("small", [1e-30, 1e-38, 1e-40, 1e-50, 1e-310])
def test_a_weight_that_underflows_leaves_the_parameters_finite(backend, dtype, small):
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", backend=backend, dtype=dtype)
    w = np.where(np.arange(6) < 3, 1.0, small)
    net.fit(X, LABELS, sample_weight=w, batch_size=1, epochs=1, shuffle=False)
    assert np.isfinite(to_numpy(net.parameters)).all()


def test_a_last_step_that_diverges_is_noticed(backend):
    net = xpnet.Network([4, 3], loss="squared_error", backend=backend)
    before = to_numpy(net.parameters).copy()
    Y = np.eye(3, dtype=np.float32)[LABELS]
    with np.errstate(all="ignore"), pytest.raises(xpnet.DivergenceError):
        net.fit(X, Y, epochs=1, batch_size=None, optimizer=SGD(1e39))
    np.testing.assert_array_equal(to_numpy(net.parameters), before)


def test_xpnets_own_names_are_taken():
    square = xpnet.elementwise("relu", lambda xp, Z: Z * Z, lambda xp, Z, A: 2.0 * Z)
    with pytest.raises(ValueError, match="'relu' is the name of xpnet's own activation"):
        xpnet.Network([4, 5, 3], activation=square)
    mine = xpnet.Loss("huber", lambda xp, A, Y: (xp.sum(A - Y, axis=-1), 0 * A + 1))
    with pytest.raises(ValueError, match="'huber' is the name of xpnet's own loss"):
        xpnet.Network([4, 5, 3], loss=mine)


def test_a_network_on_a_users_own_backend_goes_to_float64():
    class Mine(NumpyBackend):
        name = "mine"

    net = xpnet.Network([4, 5, 3], loss="cross_entropy", backend=Mine(np, "cpu"), activation="tanh")
    assert net.to(dtype="float64").backend is net.backend
    assert max(xpnet.gradient_check(net, X, LABELS)) < 1e-7


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), np.int64(1)])
def test_a_numpy_number_is_a_setting(number):
    assert Adam(number).learning_rate == SGD(number).learning_rate == number


def test_rows_that_sum_to_one_but_for_rounding_have_the_gradient_of_their_loss(backend):
    net = network(backend, [4, 5, 3], loss="cross_entropy", activation="tanh")
    assert max(xpnet.gradient_check(net, X, np.full((6, 3), 0.33331))) < 1e-8


@pytest.mark.parametrize("activation", list(xpnet.equations.activations.ACTIVATIONS))
@pytest.mark.parametrize("loss", ["cross_entropy", "huber", "binary_cross_entropy"])
def test_a_step_on_torch_copies_no_number_to_the_device(monkeypatch, activation, loss):
    """Such a copy waits for a GPU."""
    aliases = needed("array_api_compat.torch._aliases")
    net = network(get_backend("torch"), [4, 5, 3], activation=activation, loss=loss)
    Y = LABELS if loss == "cross_entropy" else np.eye(3)[LABELS]
    X_there, Y_there = move(net.backend, X, "float64"), move(net.backend, Y)

    def refuse(x, other):
        assert not isinstance(x, (int, float)), "a number is made a tensor"
        return x

    monkeypatch.setattr(aliases, "_scalar_to_tensor", refuse)
    gradient(net.backend, net.layers, net.loss, net.parameters, X_there, Y_there, None, 1.0 / 6)


# --- what no test noticed when it was changed


def test_fit_counts_the_steps_of_adam(backend):
    """The corrections of step t, over the batches and the epochs."""
    net = network(backend, [4, 5, 3], loss="huber")
    Y = np.random.default_rng(1).normal(size=(6, 3))
    by_hand, adam = network(get_backend("numpy"), [4, 5, 3], loss="huber"), Adam(0.05)
    moments = adam.init(np, by_hand.parameters)
    for t, rows in enumerate([slice(0, 4), slice(4, 6)] * 3, start=1):
        g = by_hand.gradient(X[rows], Y[rows]).flat
        theta, c = by_hand.parameters.copy(), adam.coefficients(t, 0.05)
        theta, moments = adam.update(np, c, g, moments, theta)
        by_hand.set_parameters(theta)
    net.fit(X, Y, epochs=3, batch_size=4, optimizer=adam, shuffle=False)
    np.testing.assert_allclose(to_numpy(net.parameters), by_hand.parameters, rtol=1e-11, atol=1e-14)


def test_accuracy_of_integer_rows_is_that_of_their_labels(backend):
    net = network(backend, [4, 5, 3], loss="cross_entropy")
    expected = net.evaluate(X, LABELS)["accuracy"]
    assert net.evaluate(X, np.eye(3, dtype=np.int64)[LABELS])["accuracy"] == expected
    assert 0 < expected < 1


def test_the_correction_of_adam_keeps_digits_that_a_difference_loses():
    """1 − β⁷ with β = 1 − 1e-12 in double precision is off by 2e-5."""
    beta = 1.0 - 1e-12
    rate, _ = Adam(beta1=0.0, beta2=beta).coefficients(7, 1.0)
    with mp.workdps(50):
        expected = float(mp.sqrt(1 - mp.mpf(beta) ** 7))
    assert rate == pytest.approx(expected, rel=1e-14)
